# SPDX-License-Identifier: Apache-2.0
"""
Roll up a year of "Koalas Source" again in twelve jobs, two at a time; the year is a param of the run.

Use it after the mappings of a rollup have changed, or to fill a new table with the data from before its first run.
In the UI look at the mapped tasks of "load": each is named by its month and has its own "Polaris Job" link.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_polaris.task_groups.polaris import PolarisBackfillTaskGroup

# [START koalas_backfill]
with DAG(
    "koalas_backfill",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    params={"year": Param(2024, type="integer", minimum=2000, maximum=2100)},
):
    PolarisBackfillTaskGroup(
        group_id="backfill",
        source_table="Koalas Source",
        target_table="Koalas Rollup",
        interval="{{ params.year }}/P1Y",
        split_by="month",
        max_active_tis_per_dagrun=2,
        rollup_granularity="hour",
        dimensions={"city": 'UPPER("city")'},
        measures={"max_session_length": 'MAX("session_length")'},
        create_table_if_not_exists=True,
        # A month without data is not an error: there is nothing to load.
        on_empty_source="skip",
        deferrable=True,
        poll_interval=10,
        default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    )
# [END koalas_backfill]
