# SPDX-License-Identifier: Apache-2.0
"""
HTTP clients; the only package that sends requests.

``service`` is the protocol that the package speaks. ``polaris`` is the adapter of Imply Polaris, ``druid`` that of a
self-hosted Apache Druid. ``http`` is independent of any service. :func:`connect` is the only place that chooses an
adapter. Importing this package loads ``requests`` and nothing of Airflow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from airflow_provider_polaris.client.druid.client import DruidClient
from airflow_provider_polaris.client.druid.settings import DruidSettings
from airflow_provider_polaris.client.polaris.client import PolarisClient
from airflow_provider_polaris.client.polaris.settings import ClientSettings

if TYPE_CHECKING:
    import requests

    from airflow_provider_polaris.client.service import IngestionService

__all__ = ["ClientSettings", "DruidClient", "DruidSettings", "PolarisClient", "ServiceSettings", "connect"]

#: The settings of a connection to any service.
ServiceSettings: TypeAlias = ClientSettings | DruidSettings

_CLIENTS: Final[dict[type, Callable[..., IngestionService]]] = {
    ClientSettings: PolarisClient,
    DruidSettings: DruidClient,
}


def connect(settings: ServiceSettings, *, session: requests.Session | None = None) -> IngestionService:
    """
    Return a client for the service to which the settings belong; makes no request.

    :param settings: Address, credentials and time limits.
    :param session: Session to use instead of a new one, closed with the client. Its adapters must not retry.
    """
    options: dict[str, Any] = {} if session is None else {"session": session}
    return _CLIENTS[type(settings)](settings, **options)
