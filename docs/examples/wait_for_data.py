# SPDX-License-Identifier: Apache-2.0
"""A rollup that waits until a stream has delivered the whole hour."""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator
from airflow_provider_polaris.sensors.polaris import PolarisDataSensor

# [START wait_for_data]
with DAG(
    "wait_for_data",
    schedule=CronDataIntervalTimetable("0 * * * *", timezone="UTC"),
    start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
    catchup=False,
):
    landed = PolarisDataSensor(
        task_id="landed",
        table="Koalas Source",
        # A row in the last ten minutes of the hour shows that the hour is complete.
        slack="PT10M",
        deferrable=True,
        poke_interval=60,
        timeout=2 * 3600,
    )
    rollup = PolarisTableToTableOperator(
        task_id="rollup",
        source_table="Koalas Source",
        target_table="Koalas Hourly",
        rollup_granularity="hour",
        partitioned_by="hour",
        dimensions=["city"],
        measures={"sessions": "COUNT(*)"},
        create_table_if_not_exists=True,
        # Late rows: the job also rebuilds the previous hour.
        lookback="PT1H",
        deferrable=True,
    )
    landed >> rollup
# [END wait_for_data]
