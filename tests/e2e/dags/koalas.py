# SPDX-License-Identifier: Apache-2.0
"""The same rollup of a day with different ways of waiting; the connection is a parameter of the run."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator

#: The rows show an append that was submitted twice.
RETRIED: dict[str, Any] = {"retries": 1, "retry_delay": timedelta(seconds=1), "ingestion_mode": "append"}
WAYS: dict[str, dict[str, Any]] = {
    "synchronous": {"deferrable": False},
    "deferred": {"deferrable": True},
    "deferred_timeout": {"deferrable": True, "execution_timeout": timedelta(seconds=60)},
    "synchronous_retried": {"deferrable": False, **RETRIED},
    "deferred_retried": {"deferrable": True, **RETRIED},
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
