"""The only HTTP of the package. Importing it loads ``requests``; knows no Airflow."""

from __future__ import annotations

from airflow_provider_polaris.client.polaris.client import PolarisClient
from airflow_provider_polaris.client.polaris.settings import ClientSettings

__all__ = ["ClientSettings", "PolarisClient"]
