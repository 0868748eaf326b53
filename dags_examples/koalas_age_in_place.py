# SPDX-License-Identifier: Apache-2.0
"""
Roll "Koalas Rollup" up further in place: hours of a month that is over become days, one month a run.

Use it where old data may be coarser and should stay in its table, which must be rolled up already.
In the UI look at the XCom "polaris_job" of the task "coarsen" for the rows in and out.
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
    # The job replaces what it reads. Each measure must give the same if it is aggregated twice, as a MAX of MAX and a
    # SUM of counts do: then the task may run again. No row is deleted but by what takes its place.
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
