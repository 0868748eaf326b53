# SPDX-License-Identifier: Apache-2.0
"""
Roll up "Koalas Source" to one row per hour and city, one day of data per run.

Use it if a detail table is too large for its queries. A run replaces its own day, so a second run changes nothing.
In the UI look at the "Polaris Job" link of the task "rollup", and at its XCom "polaris_job" for the number of rows.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator
from airflow_provider_polaris.sensors.polaris import PolarisJobSensor

# [START koalas_rollup]
with DAG(
    "koalas_rollup",
    # Since Airflow 3, a plain cron string gives an empty data interval; this timetable gives each run its day.
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
):
    rollup = PolarisTableToTableOperator(
        task_id="rollup",
        source_table="Koalas Source",
        target_table="Koalas Rollup",
        create_table_if_not_exists=True,
        rollup_granularity="hour",
        dimensions={"city": 'UPPER("city")'},
        measures={"max_session_length": 'MAX("session_length")'},
        wait_for_completion=False,
    )
    PolarisJobSensor(task_id="wait", job_id=rollup.output, poke_interval=5, timeout=3600)
# [END koalas_rollup]
