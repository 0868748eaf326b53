# SPDX-License-Identifier: Apache-2.0
"""
Roll "Koalas Source" up to one row an hour and city, one day of data a run.

Use it where a detail table gets too big for its queries; a run replaces its own day, so a second one changes nothing.
In the UI look at the "Polaris Job" link of the task "rollup", and at its XCom "polaris_job" for the rows in and out.
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
    # A plain cron string gives an empty data interval since Airflow 3; this timetable gives each run its day.
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
