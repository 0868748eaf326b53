# SPDX-License-Identifier: Apache-2.0
"""Druid's rules for the transport: paths, credentials, form of an error, advice."""

from __future__ import annotations

from airflow_provider_polaris.client.druid import endpoints
from airflow_provider_polaris.client.druid.auth import DruidCredentials
from airflow_provider_polaris.client.druid.errors import advise, is_druid_error
from airflow_provider_polaris.client.druid.settings import DruidSettings
from airflow_provider_polaris.client.http.settings import ServiceRules


def druid_rules(settings: DruidSettings) -> ServiceRules:
    """Return Druid's rules for its requests and responses."""
    return ServiceRules(
        "Druid's API",
        endpoints.path_of,
        lambda _: DruidCredentials(settings),
        advise,
        is_druid_error,
        is_druid_error,
    )
