# SPDX-License-Identifier: Apache-2.0
"""
HTTP clients; the only package that sends requests.

``service`` is the protocol that the package speaks. ``polaris`` is the adapter of Imply Polaris, ``druid`` that of a
self-hosted Apache Druid. ``http`` is independent of any service. :func:`adapter_of` is the only place that chooses an
adapter. Importing this package loads neither an adapter nor Airflow.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from airflow_provider_polaris.client.polaris.settings import ClientSettings

if TYPE_CHECKING:
    import requests

    from airflow_provider_polaris.client.druid.client import DruidClient
    from airflow_provider_polaris.client.druid.settings import DruidSettings
    from airflow_provider_polaris.client.polaris.client import PolarisClient
    from airflow_provider_polaris.client.service import IngestionService

__all__ = ["ClientSettings", "DruidClient", "DruidSettings", "PolarisClient", "ServiceSettings", "connect"]

#: The settings of a connection to any service.
ServiceSettings: TypeAlias = "ClientSettings | DruidSettings"


_HOME: Final = {"DruidClient": "druid.client", "DruidSettings": "druid.settings", "PolarisClient": "polaris.client"}


def __getattr__(name: str) -> Any:
    """Import a class when it is first used. A task needs one adapter, and imports are most of its CPU time."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def adapter_of(settings: ServiceSettings) -> Callable[..., IngestionService]:
    """Return the client class of the service to which the settings belong, and import it."""
    if isinstance(settings, ClientSettings):
        from airflow_provider_polaris.client.polaris.client import PolarisClient

        return PolarisClient
    from airflow_provider_polaris.client.druid.client import DruidClient

    return DruidClient


def connect(settings: ServiceSettings, *, session: requests.Session | None = None) -> IngestionService:
    """
    Return a client for the service to which the settings belong; makes no request.

    :param settings: Address, credentials and time limits.
    :param session: Session to use instead of a new one, closed with the client. Its adapters must not retry.
    """
    options: dict[str, Any] = {} if session is None else {"session": session}
    return adapter_of(settings)(settings, **options)
