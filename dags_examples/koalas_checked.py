# SPDX-License-Identifier: Apache-2.0
"""
Run a statement with a join, check its result in two ways, and move rows that are a day old to a smaller table.

Use it if readers must never see wrong numbers for long: a check that is not met fails its task, and nothing is deleted.
In the UI look at the log of "shares": it has one line for each check, with the value that was found.
"""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.common.sql.operators.sql import SQLColumnCheckOperator
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_polaris.operators.polaris import PolarisSqlJobOperator
from airflow_provider_polaris.task_groups.polaris import PolarisAgeOutTaskGroup

# [START koalas_checked]
with DAG(
    "koalas_checked",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
    catchup=False,
):
    shares = PolarisSqlJobOperator(
        task_id="shares",
        sql="koalas_sql_job.sql",
        parameters=[0],
        interval="{{ data_interval_start }}/{{ data_interval_end }}",
        create_table_if_not_exists=True,
        # Of the rows that this job has written, whatever else is in the table.
        checks={
            "enough_cities": 'COUNT(DISTINCT "city") >= 2',
            "share_of_each_session": '"percent_of_longest" > 0 AND "percent_of_longest" <= 100',
        },
    )
    # Of all rows, also those of other jobs.
    check = SQLColumnCheckOperator(
        task_id="check",
        conn_id="polaris_default",
        table='"Koalas Shares"',
        column_mapping={"city": {"null_check": {"equal_to": 0}}},
    )
    age_out = PolarisAgeOutTaskGroup(
        group_id="age_out",
        source_table="Koalas Shares",
        target_table="Koalas Shares Archive",
        older_than="P1D",
        rollup_granularity="day",
        partitioned_by="day",
        dimensions=["city"],
        measures={"sessions": "COUNT(*)", "longest": 'MAX("session_length")'},
        create_table_if_not_exists=True,
        # Of the archived rows. If one is not met, nothing is deleted.
        checks={"sessions": 'MIN("sessions") >= 1'},
        poll_interval=10,
    )
    shares >> check >> age_out
# [END koalas_checked]
