# SPDX-License-Identifier: Apache-2.0
"""
Roll up a day of "Koalas Source" after its data has arrived: a sensor waits until the table reaches the end of the day.

Use it if a stream or another team fills the table, so that a run doesn't start before its data is available.
In the UI look at the log of "landed", which has a line for each change of the table, and at its XCom "polaris_data".
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator
from airflow_provider_polaris.sensors.polaris import PolarisDataSensor

# [START koalas_after_stream]
with DAG(
    "koalas_after_stream",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
):
    landed = PolarisDataSensor(
        task_id="landed",
        table="Koalas Source",
        # A row in the last ten minutes of the day shows that the day is complete.
        slack="PT10M",
        deferrable=True,
        poke_interval=60,
        timeout=timedelta(hours=6).total_seconds(),
    )
    rollup = PolarisTableToTableOperator(
        task_id="rollup",
        source_table="Koalas Source",
        target_table="Koalas Rollup",
        create_table_if_not_exists=True,
        rollup_granularity="hour",
        dimensions={"city": 'UPPER("city")'},
        measures={"max_session_length": 'MAX("session_length")'},
        deferrable=True,
    )
    landed >> rollup
# [END koalas_after_stream]
