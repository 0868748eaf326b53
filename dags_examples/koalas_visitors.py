# SPDX-License-Identifier: Apache-2.0
"""
Count the distinct sessions of each day and city with an HLL sketch, and query the number for several days.

Use it if a measure can't be added up: a session of two hours is one session of the day. A sketch can be merged.
In the UI look at the return value of the task "read": the estimate of each city for all days so far.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator

# [START koalas_visitors]
with DAG(
    "koalas_visitors",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
    catchup=False,
):
    rollup = PolarisTableToTableOperator(
        task_id="rollup",
        source_table="Koalas Source",
        target_table="Koalas Visitors",
        create_table_if_not_exists=True,
        rollup_granularity="day",
        dimensions=["city"],
        # The column contains sketches, not numbers. COUNT(DISTINCT ...) would be a number that can't be merged.
        measures={"visitors": 'DS_HLL("session")'},
    )

    @task
    def read() -> list[dict[str, Any]]:
        """Return the estimated number of distinct sessions per city, of all days together."""
        sql = """
            SELECT "city", APPROX_COUNT_DISTINCT_DS_HLL("visitors") AS "sessions"
            FROM "Koalas Visitors"
            GROUP BY "city"
            ORDER BY "city"
        """
        return list(PolarisHook().query(sql))

    rollup >> read()
# [END koalas_visitors]
