# SPDX-License-Identifier: Apache-2.0
"""
Submit a job spec as the API defines it, with dates from Airflow.

Use it if the other operators don't have an argument that you need, or to move a spec that works with curl into a DAG.
In the UI look at "Rendered Template": it shows the spec as it was submitted.
"""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_polaris.operators.polaris import PolarisJobOperator

# [START koalas_job_spec]
DAY = "{{ data_interval_start }}/{{ data_interval_end }}"

with DAG(
    "koalas_job_spec",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
    catchup=False,
):
    PolarisJobOperator(
        task_id="long_sessions",
        spec={
            "type": "batch",
            "ingestionMode": "replace",
            "createTableIfNotExists": True,
            "source": {"type": "table", "tableName": "Koalas Source", "interval": DAY},
            "target": {"type": "table", "tableName": "Koalas Long Sessions", "intervals": [DAY]},
            "filterExpression": '"session_length" >= 60000',
            "mappings": [
                {"columnName": "city", "expression": '"city"'},
                {"columnName": "session_length", "expression": '"session_length"'},
            ],
        },
    )
# [END koalas_job_spec]
