# SPDX-License-Identifier: Apache-2.0
"""
Roll up "Koalas Source" by hour, by day and by month in one DAG, one day of data per run.

Use it before Airflow 3.3, or if one run per day is enough. Runs are sequential.
In the UI look at "month", which is skipped except on the last day of a month, and at the Polaris link of each task.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator

# [START koalas_cascade_by_day]
#: How to aggregate the measures of finer rows again.
AGAIN = {"sessions": 'SUM("sessions")', "max_session_length": 'MAX("max_session_length")'}

with DAG(
    "koalas_cascade_by_day",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
    catchup=False,
    # The month is built from the results of earlier days.
    max_active_runs=1,
    default_args={
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "create_table_if_not_exists": True,
        "on_empty_source": "succeed",
        "dimensions": ["city"],
        "poll_interval": 10,
    },
):
    hours = PolarisTableToTableOperator(
        task_id="hours",
        source_table="Koalas Source",
        target_table="Koalas Hourly",
        rollup_granularity="hour",
        partitioned_by="hour",
        measures={"sessions": "COUNT(*)", "max_session_length": 'MAX("session_length")'},
    )
    day = PolarisTableToTableOperator(
        task_id="day",
        source_table="Koalas Hourly",
        target_table="Koalas Daily",
        rollup_granularity="day",
        partitioned_by="day",
        measures=AGAIN,
    )

    @task.short_circuit
    def is_end_of_month(data_interval_end: Any = None) -> bool:
        """Return whether the next day is the first of a month."""
        return bool(data_interval_end.day == 1)

    month = PolarisTableToTableOperator(
        task_id="month",
        interval="{{ macros.polaris.interval(macros.polaris.floor(data_interval_start, 'month'), data_interval_end) }}",
        source_table="Koalas Daily",
        target_table="Koalas Monthly",
        rollup_granularity="month",
        partitioned_by="month",
        measures=AGAIN,
    )
    hours >> day >> is_end_of_month() >> month
# [END koalas_cascade_by_day]
