# SPDX-License-Identifier: Apache-2.0
"""
HTTP clients; the only package that sends requests.

``service`` is the protocol that the package speaks; ``polaris`` is the adapter of one service, Imply Polaris. ``http``
is independent of any service. Importing this package loads ``requests``
and nothing of Airflow.
"""

from __future__ import annotations

from airflow_provider_polaris.client.polaris.client import PolarisClient
from airflow_provider_polaris.client.polaris.settings import ClientSettings

__all__ = ["ClientSettings", "PolarisClient"]
