# SPDX-License-Identifier: Apache-2.0
"""
Roll up a day of "Koalas Source" to one row per hour and city in "Koalas Hours": the shortest useful DAG.

Use it as a start: run it against the emulator, then change tables, dimensions and measures to yours.
In the UI look at the "Polaris Job" link of the task "rollup": the page of the job, with its SQL and its rows.
"""

from __future__ import annotations

# [START koalas_first]
from datetime import datetime, timezone

from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator

with DAG(
    "koalas_first",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
    catchup=False,
):
    PolarisTableToTableOperator(
        task_id="rollup",
        source_table="Koalas Source",
        target_table="Koalas Hours",
        create_table_if_not_exists=True,
        rollup_granularity="hour",
        dimensions=["city"],
        measures={"sessions": "COUNT(*)", "longest": 'MAX("session_length")'},
    )
# [END koalas_first]
