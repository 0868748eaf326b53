# SPDX-License-Identifier: Apache-2.0
"""Delete a day of one table and restore it, then drop another table."""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_polaris.operators.polaris import (
    PolarisDeleteDataOperator,
    PolarisDropTableOperator,
    PolarisRestoreDataOperator,
)

# [START delete_and_drop]
with DAG(
    "delete_and_drop",
    schedule=None,
    start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
    params={"day": Param("2024-06-01/P1D", type="string")},
):
    delete = PolarisDeleteDataOperator(task_id="delete", table_name="Koalas Rollup", intervals="{{ params.day }}")
    restore = PolarisRestoreDataOperator(task_id="restore", table_name="Koalas Rollup", interval="{{ params.day }}")
    drop = PolarisDropTableOperator(
        task_id="drop", table_name="Koalas Old Rollup", confirm_table_name="Koalas Old Rollup"
    )
    delete >> restore >> drop
# [END delete_and_drop]
