# SPDX-License-Identifier: Apache-2.0
"""
Roll up "Koalas Source" by hour, the hours of each day into the day, and the days of each month into the month.

Use it on Airflow 3.3 and newer: a day is rolled up as soon as its 24 hours are complete, in any order.
In the UI look at the assets: each event has its partition, job and rows. See "koalas_recascade" for corrections.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import (
    DAG,
    CronPartitionTimetable,
    DayWindow,
    MonthWindow,
    PartitionedAssetTimetable,
    RollupMapper,
    StartOfDayMapper,
    StartOfMonthMapper,
)

from airflow_provider_polaris.assets import table_asset
from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator

# [START koalas_cascade]
# Airflow parses a DAG without its connections, so the DAG must repeat host and project. These are the emulator's. For
# the service, use "ORG.REGION.CLOUD.api.imply.io" and the id of your project.
PLACE = {"host": "127.0.0.1:8099", "project_id": "00000000-0000-4000-8000-000000000001"}
HOURLY = table_asset("Koalas Hourly", **PLACE)
DAILY = table_asset("Koalas Daily", **PLACE)
MONTHLY = table_asset("Koalas Monthly", **PLACE)

COMMON = {
    "start_date": datetime(2024, 6, 1, tzinfo=timezone.utc),
    "catchup": False,
    "default_args": {
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "deferrable": True,
        "create_table_if_not_exists": True,
        # An hour without data is not an error. The task succeeds, so the hour has an event and its day is rolled up.
        "on_empty_source": "succeed",
        "dimensions": ["city"],
    },
}
#: How to aggregate the measures of finer rows again.
AGAIN = {"sessions": 'SUM("sessions")', "max_session_length": 'MAX("max_session_length")'}

with DAG(
    "koalas_cascade_hour",
    # The run at 08:00 processes the hour from 07:00 to 08:00, which is its partition key.
    schedule=CronPartitionTimetable("0 * * * *", timezone="UTC", run_offset=-1),
    **COMMON,
):
    PolarisTableToTableOperator(
        task_id="rollup",
        source_table="Koalas Source",
        target_table="Koalas Hourly",
        rollup_granularity="hour",
        partitioned_by="hour",
        measures={"sessions": "COUNT(*)", "max_session_length": 'MAX("session_length")'},
        outlets=[HOURLY],
    )

# [START koalas_cascade_day]
with DAG(
    "koalas_cascade_day",
    schedule=PartitionedAssetTimetable(
        assets=HOURLY,
        default_partition_mapper=RollupMapper(upstream_mapper=StartOfDayMapper(), window=DayWindow()),
    ),
    **COMMON,
):
    PolarisTableToTableOperator(
        task_id="rollup",
        source_table="Koalas Hourly",
        target_table="Koalas Daily",
        rollup_granularity="day",
        partitioned_by="day",
        measures=AGAIN,
        outlets=[DAILY],
    )
# [END koalas_cascade_day]

with DAG(
    "koalas_cascade_month",
    schedule=PartitionedAssetTimetable(
        assets=DAILY,
        default_partition_mapper=RollupMapper(
            upstream_mapper=StartOfMonthMapper(input_format="%Y-%m-%d"), window=MonthWindow()
        ),
    ),
    **COMMON,
):
    PolarisTableToTableOperator(
        task_id="rollup",
        source_table="Koalas Daily",
        target_table="Koalas Monthly",
        rollup_granularity="month",
        partitioned_by="month",
        measures=AGAIN,
        outlets=[MONTHLY],
    )
# [END koalas_cascade]
