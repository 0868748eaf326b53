# SPDX-License-Identifier: Apache-2.0
"""
Restore an interval of a table as it was at a given time, from data that was replaced or deleted in the last 30 days.

Use it manually, with params, after a wrong replace or deletion. It first deletes the live data, restorably.
In the UI look at the log of "choose", which marks the version that was live at that time among all versions.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.jobs import Interval
from airflow_provider_polaris.operators.polaris import PolarisDeleteDataOperator, PolarisRestoreDataOperator

# [START restore_interval]
with DAG(
    "restore_interval",
    schedule=None,
    start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
    catchup=False,
    params={
        "table": Param("Koalas Source", type="string"),
        "interval": Param("2024-06-01/2024-06-02", type="string", description="whole time partitions, in UTC"),
        "as_of": Param("2024-07-01T00:00:00Z", type="string", description="a time before the mistake"),
    },
):

    @task
    def choose(params: dict[str, Any]) -> list[str]:
        """Return the versions that were live at that time: written before it, and removed after it."""
        interval = Interval.parse(params["interval"])
        as_of = datetime.fromisoformat(params["as_of"].replace("Z", "+00:00"))
        found = set()
        for segment in PolarisHook().iter_unused_segments(params["table"], interval=interval.to_wire()):
            written, removed = (
                datetime.fromisoformat(segment[name].replace("Z", "+00:00"))
                for name in ("createdOnTimestamp", "lastUpdatedOnTimestamp")
            )
            was_live = written <= as_of < removed
            print(f"{segment['interval']} {segment['version']} from {written} to {removed} {'<--' if was_live else ''}")
            if not interval.contains(Interval.parse(segment["interval"])):
                raise ValueError(f"segment {segment['id']!r} reaches further: use an interval that contains it.")
            if was_live:
                found.add(segment["version"])
        if not found:
            raise ValueError("nothing was replaced or deleted since then; the log lists what can be restored.")
        return sorted(found)

    versions = choose()
    # Polaris restores only where no live data is. The live data is deleted restorably, so this run can be undone.
    make_way = PolarisDeleteDataOperator(
        task_id="make_way", table_name="{{ params.table }}", intervals="{{ params.interval }}", poll_interval=10
    )
    restore = PolarisRestoreDataOperator(
        task_id="restore",
        table_name="{{ params.table }}",
        interval="{{ params.interval }}",
        versions=versions,
        poll_interval=10,
    )
    versions >> make_way >> restore
# [END restore_interval]
