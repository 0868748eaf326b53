# SPDX-License-Identifier: Apache-2.0
"""
Run a REPLACE statement of a .sql file as a job: a table joined with its own totals.

Use it if a rollup of one table is not enough: joins, subqueries, WITH, external files.
In the UI look at "Rendered Template": it shows the statement as it was submitted.
"""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_polaris.operators.polaris import PolarisSqlJobOperator

# [START koalas_sql_job]
with DAG(
    "koalas_sql_job",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
    catchup=False,
):
    PolarisSqlJobOperator(
        task_id="shares",
        sql="koalas_sql_job.sql",
        parameters=[0],
        # The task fails if the file replaces another interval.
        interval="{{ data_interval_start }}/{{ data_interval_end }}",
        create_table_if_not_exists=True,
    )
# [END koalas_sql_job]
