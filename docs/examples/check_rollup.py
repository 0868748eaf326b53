# SPDX-License-Identifier: Apache-2.0
"""A rollup whose result is checked by Airflow's own SQL operators."""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.common.sql.operators.sql import SQLColumnCheckOperator, SQLExecuteQueryOperator
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator

# [START check_rollup]
with DAG(
    "check_rollup",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
    catchup=False,
):
    rollup = PolarisTableToTableOperator(
        task_id="rollup",
        source_table="Koalas Source",
        target_table="Koalas Hours",
        create_table_if_not_exists=True,
        rollup_granularity="hour",
        dimensions=["city"],
        measures={"sessions": "COUNT(*)", "longest": 'MAX("session_length")'},
    )
    check = SQLColumnCheckOperator(
        task_id="check",
        conn_id="polaris_default",
        table='"Koalas Hours"',
        partition_clause="\"__time\" >= '{{ data_interval_start }}' AND \"__time\" < '{{ data_interval_end }}'",
        column_mapping={
            "city": {"null_check": {"equal_to": 0}},
            "sessions": {"min": {"geq_to": 1}, "max": {"less_than": 1_000_000}},
        },
    )
    cities = SQLExecuteQueryOperator(
        task_id="cities",
        conn_id="polaris_default",
        sql='SELECT "city", SUM("sessions") FROM "Koalas Hours" WHERE "__time" >= ? AND "longest" >= ? GROUP BY 1;',
        parameters=["{{ data_interval_start }}", 5],
    )
    rollup >> check >> cities
# [END check_rollup]
