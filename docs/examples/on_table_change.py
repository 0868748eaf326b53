# SPDX-License-Identifier: Apache-2.0
"""A DAG that runs when any job has written to a table. Airflow 3 and newer."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from airflow.sdk import DAG, AssetWatcher, task

from airflow_provider_polaris.assets import table_asset
from airflow_provider_polaris.triggers.polaris import PolarisTableUpdatedTrigger

# [START on_table_change]
SOURCE = table_asset(
    "Koalas Source",
    host="acme.us-east-1.aws.api.imply.io",
    project_id="00000000-0000-4000-8000-000000000001",
    watchers=[AssetWatcher(name="koalas_source", trigger=PolarisTableUpdatedTrigger("Koalas Source"))],
)

with DAG("on_table_change", schedule=[SOURCE], start_date=datetime(2024, 6, 1, tzinfo=timezone.utc)):

    @task
    def print_jobs(triggering_asset_events: Any = None) -> None:
        """Print the jobs that wrote to the table."""
        for event in triggering_asset_events[SOURCE]:
            for job in event.extra["payload"]["jobs"]:
                print(job["id"], job["intervals"], job["rows"])

    print_jobs()
# [END on_table_change]
