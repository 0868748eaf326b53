# SPDX-License-Identifier: Apache-2.0
"""Read a connection to a self-hosted Apache Druid."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_polaris.hooks.connections.console_urls import druid_console
from airflow_provider_polaris.hooks.connections.extra import Extra, host_text
from airflow_provider_polaris.hooks.connections.settings import ConnectionSettings
from airflow_provider_polaris.runtime.compat import mask_secret

if TYPE_CHECKING:
    from airflow_provider_polaris.client import DruidClient
    from airflow_provider_polaris.runtime.compat import Connection


def read_druid(connection: Connection, connection_id: str) -> ConnectionSettings:
    """Return the settings of a connection; parameters and errors as for ``read_connection``."""
    from airflow_provider_polaris.client import DruidSettings

    extra = Extra.of(connection, connection_id, example='{"coordinator_url": "https://..."}')
    settings = DruidSettings.from_host(
        host_text(connection, connection_id),
        login=connection.login,
        password=connection.password,
        auth=extra.text("auth"),
        coordinator_url=extra.text("coordinator_url"),
        verify=extra.verify(),
        client_cert=extra.file("client_cert", "a client certificate"),
        client_key=extra.file("client_key", "the key of a client certificate"),
        proxies=extra.proxies(),
        read_timeout=extra.request_timeout(),
        connection_name=connection_id,
    )
    if settings.password is not None:
        mask_secret(settings.password)
        # As it is sent with basic auth.
        mask_secret(base64.b64encode(f"{settings.login}:{settings.password}".encode()).decode())
    console = druid_console(settings.base_url, extra.console_url("job_id", "table"))
    return ConnectionSettings(settings, console, extra.submit_marker(), _check)


def _check(client: DruidClient, is_late: Callable[[], bool]) -> tuple[bool, str]:
    from airflow_provider_polaris.hooks.connections.druid_check import check_druid

    return check_druid(client, is_late)
