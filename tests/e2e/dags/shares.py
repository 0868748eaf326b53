# SPDX-License-Identifier: Apache-2.0
"""
A statement with a join, a check of its result, and an age-out that a person approves; Airflow 3.1 and newer.

Written from the pages on SQL jobs, checks and approval. The age-out stands for the day after the run's, so that one run
also ages what it writes.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.common.sql.operators.sql import SQLColumnCheckOperator
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_polaris.operators.polaris import PolarisApproval, PolarisSqlJobOperator
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from airflow_provider_polaris.task_groups.polaris import PolarisAgeOutTaskGroup

CONNECTION: dict[str, Any] = {"polaris_conn_id": "{{ params.connection }}", "poll_interval": 1}

if AIRFLOW_VERSION >= (3, 1):
    with DAG(
        "shares_approved",
        schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
        start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
        end_date=datetime(2024, 6, 3, tzinfo=timezone.utc),  # only a test starts a run
        catchup=False,
        params={"connection": "polaris_default"},
        template_searchpath=[str(Path(__file__).resolve().parents[3] / "dags_examples")],
    ):
        shares = PolarisSqlJobOperator(
            task_id="shares",
            sql="koalas_sql_job.sql",
            parameters=[5],
            interval="{{ data_interval_start }}/{{ data_interval_end }}",
            create_table_if_not_exists=True,
            checks={"share_of_each_session": '"percent_of_longest" > 0 AND "percent_of_longest" <= 100'},
            **CONNECTION,
        )
        check = SQLColumnCheckOperator(
            task_id="check",
            conn_id="{{ params.connection }}",
            table='"Koalas Shares"',
            column_mapping={"city": {"null_check": {"equal_to": 0}, "distinct_check": {"equal_to": 2}}},
        )
        age_out = PolarisAgeOutTaskGroup(
            group_id="age_out",
            interval="{{ data_interval_end }}/P1D",
            source_table="Koalas Shares",
            target_table="Koalas Shares Archive",
            older_than="P1D",
            rollup_granularity="day",
            partitioned_by="day",
            dimensions=["city"],
            measures={"sessions": "COUNT(*)", "longest": 'MAX("session_length")'},
            create_table_if_not_exists=True,
            checks={"sessions": 'MIN("sessions") >= 1'},
            approval=PolarisApproval(assigned_users=["ada"]),
            **CONNECTION,
        )
        shares >> check >> age_out
