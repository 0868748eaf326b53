# SPDX-License-Identifier: Apache-2.0
"""The same number of tasks with and without this package: a rollup for each run, and a task that only waits."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.providers.common.compat.sdk import DAG, BaseOperator

from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator

try:
    from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
except ImportError:  # before Airflow 3
    from airflow.triggers.temporal import TimeDeltaTrigger

#: Seconds that a trivial task waits, and that the emulator's jobs take.
WAIT = timedelta(seconds=20)
OPTIONS: dict[str, Any] = {
    "schedule": None,
    "start_date": datetime(2024, 6, 1, tzinfo=timezone.utc),
    "max_active_runs": 1000,
    "max_active_tasks": 1000,
    # On a busy machine Airflow fails a task that is resumed before its scheduler has heard that the worker is free.
    "default_args": {"retries": 6, "retry_delay": timedelta(seconds=5)},
    "params": {"connection": "polaris_default", "table": "Koalas Rollup"},
}


class TrivialOperator(BaseOperator):
    """Wait in the triggerer, and do nothing."""

    def execute(self, context: Any) -> None:
        """Defer."""
        self.defer(trigger=TimeDeltaTrigger(WAIT), method_name="resume")

    def resume(self, context: Any, event: Any) -> None:
        """End."""


with DAG("trivial", **OPTIONS):
    TrivialOperator(task_id="rollup")

with DAG("scale", **OPTIONS):
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
