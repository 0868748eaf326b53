# SPDX-License-Identifier: Apache-2.0
"""An age-out whose deletion a person approves in Airflow's UI; Airflow 3.1 and newer."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_polaris.operators.polaris import PolarisApproval
from airflow_provider_polaris.task_groups.polaris import PolarisAgeOutTaskGroup

# [START age_out_approved]
with DAG(
    "age_out_approved",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2024, 7, 1, tzinfo=timezone.utc),
    catchup=False,
):
    PolarisAgeOutTaskGroup(
        group_id="age_out",
        source_table="Koalas Source",
        target_table="Koalas Archive",
        older_than="P30D",
        rollup_granularity="hour",
        partitioned_by="day",
        dimensions=["city"],
        measures={"sessions": "COUNT(*)"},
        create_table_if_not_exists=True,
        # After three days without an answer, nothing is deleted.
        approval=PolarisApproval(response_timeout=timedelta(days=3), default="reject"),
        default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    )
# [END age_out_approved]
