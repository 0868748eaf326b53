# SPDX-License-Identifier: Apache-2.0
"""Retries that depend on the error. Airflow 3.3 and newer."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator
from airflow_provider_polaris.retry_policies import PolarisRetryPolicy

# [START retry_policy]
with DAG(
    "retry_policy",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={
        "retries": 5,
        "retry_delay": timedelta(minutes=5),
        "retry_policy": PolarisRetryPolicy(longest_delay=timedelta(hours=1)),
    },
):
    PolarisTableToTableOperator(
        task_id="copy", source_table="Koalas Source", target_table="Koalas Copy", dimensions=["city", "session_length"]
    )
# [END retry_policy]
