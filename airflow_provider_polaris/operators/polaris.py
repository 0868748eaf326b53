# SPDX-License-Identifier: Apache-2.0
"""Operators for Imply Polaris; the module to import them from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.operators.delete_data import PolarisDeleteDataOperator
from airflow_provider_polaris.operators.drop_table import PolarisDropTableOperator
from airflow_provider_polaris.operators.job import PolarisJobOperator
from airflow_provider_polaris.operators.restore_data import PolarisRestoreDataOperator
from airflow_provider_polaris.operators.sql_job import PolarisSqlJobOperator
from airflow_provider_polaris.operators.table_to_table import PolarisTableToTableOperator

if TYPE_CHECKING:
    from airflow_provider_polaris.operators.approval.settings import PolarisApproval

__all__ = [
    "PolarisApproval",
    "PolarisDeleteDataOperator",
    "PolarisDropTableOperator",
    "PolarisJobOperator",
    "PolarisRestoreDataOperator",
    "PolarisSqlJobOperator",
    "PolarisTableToTableOperator",
]


def __getattr__(name: str) -> Any:
    """Import what few DAGs need when it is needed."""
    if name == "PolarisApproval":
        from airflow_provider_polaris.operators.approval.settings import PolarisApproval

        return PolarisApproval
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
