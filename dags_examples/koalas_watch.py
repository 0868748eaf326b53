# SPDX-License-Identifier: Apache-2.0
"""
Roll up "Koalas Source" again as soon as a job has written to it, no matter who submitted the job.

Use it on Airflow 3.3 and newer for tables that are loaded at irregular times; one run covers all jobs of a minute.
In the UI look at the asset's events, which list the completed jobs, and at the runs that they started.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, Asset, AssetWatcher

from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator
from airflow_provider_polaris.triggers.polaris import PolarisTableUpdatedTrigger

# [START koalas_watch]
LOADED = Asset(
    "koalas-source-loaded",
    watchers=[AssetWatcher(name="jobs", trigger=PolarisTableUpdatedTrigger("Koalas Source", poll_interval=60))],
)

with DAG(
    "koalas_watch",
    schedule=[LOADED],
    start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
    catchup=False,
    # A second run would find the first run's job on the same table and wait for it.
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
):
    PolarisTableToTableOperator(
        task_id="rollup",
        source_table="Koalas Source",
        target_table="Koalas Cities",
        # A job that appends doesn't report the days that it changed.
        replace_all=True,
        create_table_if_not_exists=True,
        rollup_granularity="day",
        dimensions=["city"],
        measures={"sessions": "COUNT(*)"},
        deferrable=True,
    )
# [END koalas_watch]
