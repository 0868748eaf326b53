# SPDX-License-Identifier: Apache-2.0
"""A rollup that asks a person before it replaces rows that the source no longer has; Airflow 3.1 and newer."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_polaris.operators.polaris import PolarisApproval, PolarisTableToTableOperator

# [START asking_rollup]
with DAG(
    "asking_rollup",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
    catchup=False,
):
    PolarisTableToTableOperator(
        task_id="rollup",
        source_table="Koalas Source",
        target_table="Koalas Rollup",
        rollup_granularity="hour",
        dimensions=["city"],
        measures={"sessions": "COUNT(*)"},
        on_shrink="ask",
        approval=PolarisApproval(response_timeout=timedelta(days=1)),
    )
# [END asking_rollup]
