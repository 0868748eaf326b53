"""The same rollup of a day, waited for in different ways; the connection is a parameter of the run."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import DAG

from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator

WAYS: dict[str, dict[str, Any]] = {
    "synchronous": {"deferrable": False},
    "deferred": {"deferrable": True},
    "deferred_timeout": {"deferrable": True, "execution_timeout": timedelta(seconds=40)},
}

for way, options in WAYS.items():
    with DAG(
        way,
        schedule=None,
        start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
        params={"connection": "polaris_default"},
    ):
        PolarisTableToTableOperator(
            task_id="rollup",
            polaris_conn_id="{{ params.connection }}",
            source_table="Koalas Source",
            target_table="Koalas Rollup",
            interval="2024-06-01/P1D",
            create_table_if_not_exists=True,
            dimensions={"city": 'UPPER("city")'},
            measures={"max_session_length": 'MAX("session_length")'},
            rollup_granularity="hour",
            poll_interval=1,
            **options,
        )
