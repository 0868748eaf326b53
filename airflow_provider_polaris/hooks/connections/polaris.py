# SPDX-License-Identifier: Apache-2.0
"""Read a connection to Imply Polaris."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_polaris.hooks.connections.console_urls import polaris_console
from airflow_provider_polaris.hooks.connections.extra import Extra, host_text
from airflow_provider_polaris.hooks.connections.polaris_form import DEFAULT_AUTH
from airflow_provider_polaris.hooks.connections.settings import ConnectionSettings
from airflow_provider_polaris.runtime.compat import mask_secret

if TYPE_CHECKING:
    from airflow_provider_polaris.client import PolarisClient
    from airflow_provider_polaris.runtime.compat import Connection


def read_polaris(connection: Connection, connection_id: str) -> ConnectionSettings:
    """Return the settings of a connection; parameters and errors as for ``read_connection``."""
    from airflow_provider_polaris.client import ClientSettings

    extra = Extra.of(connection, connection_id, example='{"project_id": "..."}')
    settings = ClientSettings.from_host(
        host_text(connection, connection_id),
        project_id=extra.text("project_id"),
        api_key=connection.password,
        auth=extra.text("auth") or DEFAULT_AUTH,
        client_id=extra.text("client_id"),
        client_secret=extra.text("client_secret"),
        token_url=extra.text("token_url"),
        verify=extra.verify(),
        proxies=extra.proxies(),
        read_timeout=extra.request_timeout(),
        connection_name=connection_id,
    )
    for secret in (settings.api_key, settings.client_secret):
        _hide(secret)
    pattern = extra.console_url("project_id", "job_id", "table")
    console = polaris_console(settings.base_url, settings.project_id, pattern)
    return ConnectionSettings(settings, console, extra.submit_marker(), _check)


def _check(client: PolarisClient, is_late: Callable[[], bool]) -> tuple[bool, str]:
    from airflow_provider_polaris.hooks.connections.polaris_check import check_polaris

    return check_polaris(client, is_late)


def _hide(secret: str | None) -> None:
    """Mask a secret in the log, in each form in which it is sent."""
    if secret is None:
        return
    mask_secret(secret)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        mask_secret(encode(f"{secret}:".encode()).decode())
