# SPDX-License-Identifier: Apache-2.0
"""
Move data older than 30 days from "Koalas Source" to "Koalas Archive", one row per hour and city, one day per run.

Use it if detail data is needed only for some time. Rows are deleted after a proof that they are in the archive.
In the UI look at the return values of "plan" and "prove": the partitions, the number of rows, and the job of the copy.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.providers.common.compat.sdk import DAG, Param
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_polaris.task_groups.polaris import PolarisAgeOutTaskGroup

# [START koalas_age_out]
with DAG(
    "koalas_age_out",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2024, 7, 1, tzinfo=timezone.utc),
    catchup=False,
    # The person who triggers a run manually can allow a replacement for this run.
    params={"on_aged_target": Param("fail", enum=["fail", "replace"])},
):
    PolarisAgeOutTaskGroup(
        group_id="age_out",
        source_table="Koalas Source",
        target_table="Koalas Archive",
        older_than="P30D",
        on_aged_target="{{ params.on_aged_target }}",
        rollup_granularity="hour",
        partitioned_by="day",
        dimensions={"city": 'UPPER("city")'},
        # The proof of the copy uses the number of sessions.
        measures={"sessions": "COUNT(*)", "max_session_length": 'MAX("session_length")'},
        create_table_if_not_exists=True,
        poll_interval=10,
        default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    )
# [END koalas_age_out]
