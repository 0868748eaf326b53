# SPDX-License-Identifier: Apache-2.0
"""A copy whose guard asks a person, and an age-out with approval; Airflow 3.1 and newer."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_polaris.operators.polaris import PolarisApproval, PolarisTableToTableOperator
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from airflow_provider_polaris.task_groups.polaris import PolarisAgeOutTaskGroup

SOON = timedelta(seconds=10)
WAYS: dict[str, dict[str, Any]] = {
    "asks": {"retries": 2, "retry_delay": timedelta(seconds=1)},
    "asks_deferrable": {"deferrable": True},
    "asks_briefly": {"approval": PolarisApproval(response_timeout=SOON), "retries": 2},
    "asks_with_default": {"approval": PolarisApproval(response_timeout=SOON, default="approve")},
}
OPTIONS: dict[str, Any] = {
    "schedule": None,
    "start_date": datetime(2024, 6, 1, tzinfo=timezone.utc),
    "params": {"connection": "polaris_default"},
}

if AIRFLOW_VERSION >= (3, 1):
    for way, options in WAYS.items():
        with DAG(way, **OPTIONS):
            PolarisTableToTableOperator(
                task_id="rollup",
                polaris_conn_id="{{ params.connection }}",
                source_table="Koalas Source",
                target_table="Koalas Copy",
                interval="2024-06-01/P1D",
                mappings=[{"columnName": "city", "expression": '"city"'}],
                on_shrink="ask",
                poll_interval=1,
                **options,
            )

    with DAG("age_out_asks", **OPTIONS):
        PolarisAgeOutTaskGroup(
            group_id="age_out",
            polaris_conn_id="{{ params.connection }}",
            source_table="Koalas Source",
            target_table="Koalas Archive",
            older_than="P30D",
            interval="2024-07-01/P1D",
            dimensions=["city"],
            measures={"sessions": "COUNT(*)"},
            rollup_granularity="hour",
            partitioned_by="day",
            create_table_if_not_exists=True,
            approval=True,
            poll_interval=1,
        )
