# SPDX-License-Identifier: Apache-2.0
"""A rollup with a guard that an on-call engineer can open for one run, in the form of "Trigger DAG"."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.providers.common.compat.sdk import DAG, Param
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator

# [START guarded_rollup]
with DAG(
    "guarded_rollup",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
    catchup=False,
    params={"on_shrink": Param("fail", enum=["fail", "submit"])},
):
    PolarisTableToTableOperator(
        task_id="rollup",
        source_table="Koalas Source",
        target_table="Koalas Rollup",
        rollup_granularity="hour",
        dimensions=["city"],
        measures={"sessions": "COUNT(*)"},
        # A day without data is not an error; a day that has lost data is.
        on_empty_source="skip",
        on_shrink="{{ params.on_shrink }}",
        deferrable=True,
        retries=2,
        retry_delay=timedelta(minutes=5),
    )
# [END guarded_rollup]
