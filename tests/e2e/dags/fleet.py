# SPDX-License-Identifier: Apache-2.0
"""A rollup into a separate table for each run; many wait at once."""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator

with DAG(
    "fleet",
    schedule=None,
    start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
    max_active_runs=1000,
    params={"connection": "polaris_default", "table": "Koalas Rollup"},
):
    PolarisTableToTableOperator(
        task_id="rollup",
        polaris_conn_id="{{ params.connection }}",
        source_table="Koalas Source",
        target_table="{{ params.table }}",
        interval="2024-06-01/P1D",
        create_table_if_not_exists=True,
        dimensions={"city": 'UPPER("city")'},
        rollup_granularity="hour",
        on_empty_source="submit",
        on_shrink="submit",
        deferrable=True,
        poll_interval=5,
    )
