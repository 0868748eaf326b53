# SPDX-License-Identifier: Apache-2.0
"""A task of each kind that waits while the package is upgraded; each DAG file is one for both releases."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.providers.common.compat.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_polaris.operators.polaris import PolarisJobOperator, PolarisTableToTableOperator
from airflow_provider_polaris.sensors.polaris import PolarisDataSensor, PolarisJobSensor
from airflow_provider_polaris.task_groups.polaris import PolarisAgeOutTaskGroup

START = datetime(2024, 6, 1, tzinfo=timezone.utc)
DAY: dict[str, Any] = {
    "source_table": "Koalas Source",
    "interval": "2024-06-01/P1D",
    "create_table_if_not_exists": True,
    "dimensions": {"city": 'UPPER("city")'},
    "measures": {"sessions": "COUNT(*)"},
    "rollup_granularity": "hour",
    "poll_interval": 1,
}

with DAG("upgrade_rollup", schedule=None, start_date=START):
    PolarisTableToTableOperator(task_id="rollup", target_table="Upgrade Rollup", deferrable=True, **DAY)

# Its worker is killed with the old release; an append shows a second job.
with DAG("upgrade_append", schedule=None, start_date=START):
    PolarisTableToTableOperator(
        task_id="rollup",
        target_table="Upgrade Append",
        ingestion_mode="append",
        retries=4,  # an API server that is just starting costs a try now and then
        retry_delay=timedelta(seconds=1),
        **DAY,
    )

with DAG("upgrade_spec", schedule=None, start_date=START):
    PolarisJobOperator(
        task_id="rollup",
        spec={
            "type": "batch",
            "ingestionMode": "append",
            "createTableIfNotExists": True,
            "source": {"type": "table", "tableName": "Koalas Source", "interval": "2024-06-01/P1D"},
            "target": {"type": "table", "tableName": "Upgrade Spec"},
            "mappings": [{"columnName": "__time", "expression": '"__time"'}],
        },
        deferrable=True,
        poll_interval=1,
    )

with DAG("upgrade_job_sensor", schedule=None, start_date=START, params={"job": ""}):
    PolarisJobSensor(task_id="rollup", job_id="{{ params.job }}", deferrable=True, poke_interval=1)

with DAG("upgrade_data_sensor", schedule=None, start_date=START):
    PolarisDataSensor(
        task_id="rollup", table="Koalas Source", interval="2024-06-05/P1D", min_rows=1, deferrable=True, poke_interval=1
    )

# Of a run on 2 July: the day of 1 June.
with DAG(
    "upgrade_age_out",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2024, 7, 1, tzinfo=timezone.utc),
    end_date=datetime(2024, 7, 3, tzinfo=timezone.utc),
    catchup=False,
):
    PolarisAgeOutTaskGroup(
        group_id="age_out",
        source_table="Upgrade Detail",
        target_table="Upgrade Archive",
        older_than="P30D",
        rollup_granularity="hour",
        partitioned_by="day",
        dimensions={"city": 'UPPER("city")'},
        measures={"sessions": "COUNT(*)"},
        create_table_if_not_exists=True,
        poll_interval=1,
        deferrable=True,
    )
