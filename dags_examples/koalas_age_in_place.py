# SPDX-License-Identifier: Apache-2.0
"""
Roll up "Koalas Rollup" further in place: each run turns the hours of the past month into days.

Use it if old data can be coarser but should stay in its table, which must already be rolled up.
In the UI look at the XCom "polaris_job" of the task "coarsen" for the number of rows read and written.
"""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator

# [START koalas_age_in_place]
with DAG(
    "koalas_age_in_place",
    schedule=CronDataIntervalTimetable("0 0 1 * *", timezone="UTC"),
    start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
    catchup=False,
):
    # The job replaces the rows that it reads. Each measure must give the same result when it is aggregated twice, as
    # MAX of MAX and SUM of counts do, so that the task can run again. Rows are deleted only by their replacement.
    PolarisTableToTableOperator(
        task_id="coarsen",
        source_table="Koalas Rollup",
        target_table="Koalas Rollup",
        rollup_granularity="day",
        dimensions=["city"],
        measures={"max_session_length": 'MAX("max_session_length")', "__count": 'SUM("__count")'},
        poll_interval=10,
    )
# [END koalas_age_in_place]
