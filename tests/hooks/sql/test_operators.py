# SPDX-License-Identifier: Apache-2.0
"""Airflow's own SQL operators with a connection to the emulator."""

from __future__ import annotations

import json
import runpy
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.sql.operators.generic_transfer import GenericTransfer
from airflow.providers.common.sql.operators.sql import (
    SQLCheckOperator,
    SQLColumnCheckOperator,
    SQLExecuteQueryOperator,
    SQLIntervalCheckOperator,
    SQLTableCheckOperator,
    SQLThresholdCheckOperator,
    SQLValueCheckOperator,
)
from airflow.providers.common.sql.sensors.sql import SqlSensor

from airflow_provider_polaris.runtime.compat import AirflowException

pytestmark = pytest.mark.compat
CONN = "polaris_default"
TABLE = '"Koalas"'
EXACT = {"query_context": {"useApproximateCountDistinct": False}}


def execute(operator: Any, **context: Any) -> Any:
    """Run an operator without a task runner."""
    return (
        operator.execute.__wrapped__(operator, context)
        if hasattr(operator.execute, "__wrapped__")
        else (operator.execute(context))
    )


def test_execute_query_returns_rows_of_a_file_that_ends_with_a_semicolon(emulator, providers_manager):
    """As written in a ``.sql`` file."""
    task = SQLExecuteQueryOperator(
        task_id="t", conn_id=CONN, sql=f"-- koalas\nSELECT city FROM {TABLE} WHERE n < ?;\n", parameters=[2]
    )

    assert execute(task) == [("Perth",)]


def test_column_check_runs_all_checks_in_one_query(emulator, providers_manager):
    """Its UNION ALL is one that Druid's native engine runs; a check that fails names itself."""
    mapping = {
        "n": {"min": {"equal_to": 1}, "max": {"geq_to": 3}},
        "city": {"null_check": {"equal_to": 1}, "unique_check": {"equal_to": 0}, "distinct_check": {"equal_to": 2}},
    }
    task = SQLColumnCheckOperator(task_id="t", conn_id=CONN, table=TABLE, column_mapping=mapping, hook_params=EXACT)
    execute(task)
    results = {
        (column, check): values["result"]
        for column, checks in task.column_mapping.items()
        for check, values in checks.items()
    }
    assert results == {
        ("n", "min"): 1,
        ("n", "max"): 9007199254740993,
        ("city", "null_check"): 1,
        ("city", "unique_check"): 0,
        ("city", "distinct_check"): 2,
    }

    wrong = {"n": {"min": {"equal_to": 7}}}
    with pytest.raises(
        AirflowException, match=r"Column: n\n\tCheck: min,\n\tCheck Values: {'equal_to': 7, 'result': 1"
    ):
        execute(SQLColumnCheckOperator(task_id="u", conn_id=CONN, table=TABLE, column_mapping=wrong))


def test_table_check_runs_all_checks_in_one_query(emulator, providers_manager):
    """One about the whole table, one about each row."""
    checks = {"rows_check": {"check_statement": "COUNT(*) = 3"}, "positive": {"check_statement": "n > 0"}}
    execute(SQLTableCheckOperator(task_id="t", conn_id=CONN, table=TABLE, checks=checks))

    wrong = {"rows_check": {"check_statement": "COUNT(*) = 4"}}
    with pytest.raises(AirflowException, match="rows_check"):
        execute(SQLTableCheckOperator(task_id="u", conn_id=CONN, table=TABLE, checks=wrong))


def test_other_checks_and_the_sensor_see_the_rows(emulator, providers_manager):
    """Each with its own way to call the hook."""
    count = f"SELECT COUNT(*) FROM {TABLE}"
    execute(SQLThresholdCheckOperator(task_id="a", conn_id=CONN, sql=count, min_threshold=1, max_threshold=3))
    execute(SQLValueCheckOperator(task_id="b", conn_id=CONN, sql=count, pass_value=3))
    execute(SQLCheckOperator(task_id="c", conn_id=CONN, sql=f"{count} WHERE city = ?", parameters=["Perth"]))
    interval = SQLIntervalCheckOperator(
        task_id="d",
        conn_id=CONN,
        table=TABLE,
        date_filter_column="TIME_FORMAT(__time, 'yyyy-MM-dd')",
        days_back=-1,
        metrics_thresholds={"COUNT(*)": 2.5},
    )
    for name in ("sql1", "sql2"):
        text = getattr(interval, name).replace("{{ macros.ds_add(ds, -1) }}", "2024-06-01")
        setattr(interval, name, text.replace("{{ ds }}", "2024-06-02"))
    execute(interval)

    sensor = SqlSensor(task_id="e", conn_id=CONN, sql=f"{count} WHERE city = ?", parameters=["Perth"])
    assert sensor.poke({})
    nobody = SqlSensor(task_id="f", conn_id=CONN, sql=f"{count} WHERE city = ?", parameters=["nobody"])
    assert not nobody.poke({})


def test_generic_transfer_reads_from_the_connection(emulator, providers_manager):
    """Only its destination needs another database."""
    written = []

    class Destination:
        def insert_rows(self, table: str, rows: Any) -> None:
            written.append((table, rows))

    task = GenericTransfer(
        task_id="t",
        source_conn_id=CONN,
        destination_conn_id="unused",
        sql=f'SELECT "__time", "n" FROM {TABLE} WHERE "n" < 2',
        destination_table="koalas",
    )
    vars(task)["destination_hook"] = Destination()
    execute(task)

    assert written == [("koalas", [(datetime(2024, 6, 1, tzinfo=timezone.utc), 1)])]


def test_example_of_the_page_passes_on_its_rollup(emulator, providers_manager):
    """The check and the query of the page, rendered for a day, on the table that its rollup would write."""
    file = Path(__file__).resolve().parents[3] / "docs" / "examples" / "check_rollup.py"
    names = runpy.run_path(str(file))
    emulator.load(
        "Koalas Hours",
        [
            {"__time": "2024-06-01T00:00:00Z", "city": "Berlin", "sessions": 2, "longest": 30},
            {"__time": "2024-06-01T01:00:00Z", "city": "Oslo", "sessions": 1, "longest": 5},
            {"__time": "2024-06-02T00:00:00Z", "city": None, "sessions": 0, "longest": 1},
        ],
    )
    start, end = datetime(2024, 6, 1, tzinfo=timezone.utc), datetime(2024, 6, 2, tzinfo=timezone.utc)
    context = {"data_interval_start": start, "data_interval_end": end}
    for name in ("check", "cities"):
        names[name].render_template_fields(context)
    execute(names["check"])

    assert json.loads(json.dumps(execute(names["cities"]))) == [["Berlin", 2], ["Oslo", 1]]
