# SPDX-License-Identifier: Apache-2.0
"""Whole DAG runs with native rendering: Polaris receives what the user wrote."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from operator import itemgetter
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_polaris.operators.polaris import (
    PolarisDeleteDataOperator,
    PolarisDropTableOperator,
    PolarisJobOperator,
    PolarisTableToTableOperator,
)
from airflow_provider_polaris.runtime.compat import BaseOperator
from airflow_provider_polaris.task_groups.polaris import PolarisBackfillTaskGroup
from tests.dag_runs import INGEST, polaris, run

__all__ = ["polaris"]  # the fixture

pytestmark = pytest.mark.dag

DAY = datetime(2024, 6, 2, tzinfo=timezone.utc)
COMMON = {
    "schedule": None,
    "start_date": datetime(2024, 6, 1, tzinfo=timezone.utc),
    "render_template_as_native_obj": True,
    "default_args": {"poll_interval": 0.1},
}


def states(dag: Any) -> list[str]:
    return sorted(str(ti.state) for ti in run(dag, DAY).get_task_instances())


def create(polaris: Any, *names: str) -> None:
    for name in names:
        polaris.create_table({"name": name, "type": "detail"})


def tables(polaris: Any) -> set[str]:
    return {each["name"] for each in polaris.iter_tables()}


@pytest.mark.compat
def test_drop_takes_the_tables_that_were_named(airflow_db: Any, polaris: Any, tmp_path: Any) -> None:
    """Alone, from a param, mapped both ways, and from a file: 2024_01 to 2024_05 are used, not 202401 to 202405."""
    for month in range(1, 6):
        create(polaris, f"2024_0{month}", f"20240{month}")
    spec = {"type": "drop_table", "target": {"type": "table", "tableName": "{{ params.five }}"}, "softDelete": True}
    (tmp_path / "five.json").write_text(json.dumps(spec) + "\n")
    with DAG(
        "native_drop", template_searchpath=str(tmp_path), params={"two": "2024_02", "five": "2024_05"}, **COMMON
    ) as dag:
        PolarisDropTableOperator(task_id="one", table_name="2024_01", confirm_table_name="2024_01")
        PolarisDropTableOperator(
            task_id="two",
            table_name="{{ params.two }}",
            confirm_table_name="{{ params.two }}",
            permanent="{{ 1 == 1 }}",
        )
        PolarisDropTableOperator.partial(task_id="three", confirm_table_name="2024_03").expand(table_name=["2024_03"])
        PolarisDropTableOperator.partial(task_id="four").expand_kwargs(
            [{"table_name": "2024_04", "confirm_table_name": "{{ '2024_04' }}"}]
        )
        PolarisJobOperator.partial(task_id="five").expand(spec=["five.json"])
    assert states(dag) == ["success"] * 5
    assert tables(polaris) == {f"20240{month}" for month in range(1, 6)}


def test_number_in_the_place_of_a_name_drops_nothing(airflow_db: Any, polaris: Any) -> None:
    """Neither of the two tables, as a plain argument, mapped, or as the result of another task."""

    class Number(BaseOperator):
        def execute(self, context: Any) -> int:
            return 202406

    create(polaris, "2024_06", "202406")
    with DAG("native_numbers", **{**COMMON, "default_args": {}}) as dag:
        number = Number(task_id="number")
        PolarisDropTableOperator(task_id="plain", table_name=2024_06, confirm_table_name=2024_06)
        PolarisDropTableOperator.partial(task_id="mapped", confirm_table_name="2024_06").expand(table_name=[2024_06])
        PolarisDropTableOperator(task_id="result", table_name=number.output, confirm_table_name="2024_06")
    assert states(dag) == ["failed", "failed", "failed", "success"]
    assert list(polaris.iter_jobs()) == []


def test_texts_reach_polaris_as_they_are_written(airflow_db: Any, polaris: Any) -> None:
    """Quotes, numbers and final newlines in expressions; lists and objects of params, booleans and numbers."""
    with DAG(
        "native_texts",
        params={
            "constant": "'city'",
            "column": '"session_length"',
            "measures": {"2024": 'MAX("session_length")'},
            "context": {"maxNumTasks": 3},
            "wait": True,
        },
        **COMMON,
    ) as dag:
        ingest = PolarisJobOperator(task_id="ingest", spec=INGEST)
        rollup = PolarisTableToTableOperator(
            task_id="rollup",
            source_table="Koalas Source",
            target_table="2024_06",
            interval="2024-06-01/2024-06-02",
            filter_expression="\"city\" <> '{{ 1 }}'\n",
            dimensions={
                "level": "'city'",
                "templated": "{{ params.constant }}",
                "length": '"session_length"',
                "column": "{{ params.column }}\n",
                "1": "1",
            },
            measures="{{ params.measures }}",
            context="{{ params.context }}",
            max_parse_exceptions="{{ 2 + 3 }}",
            wait_for_completion="{{ params.wait }}",
            create_table_if_not_exists="{{ params.wait }}",
        )
        delete = PolarisDeleteDataOperator(
            task_id="delete", table_name="2024_06", intervals="{{ ['2024-05-01/P1D'] }}", permanent=True
        )
        ingest >> rollup >> delete
    assert states(dag) == ["success"] * 3
    deletion, job, _ = polaris.iter_jobs()
    job = polaris.get_job(job["id"])
    assert (deletion["target"]["tableName"], job["target"]["tableName"]) == ("2024_06", "2024_06")
    assert job["filterExpression"] == "\"city\" <> '1'\n"
    assert {each["columnName"]: each["expression"] for each in job["mappings"]} == {
        "level": "'city'",
        "templated": "'city'",
        "length": '"session_length"',
        "column": '"session_length"\n',
        "1": "1",
        "__count": "COUNT(*)",
        "2024": 'MAX("session_length")',
    }
    assert (job["maxParseExceptions"], job["context"]["maxNumTasks"]) == (5, 3)
    rows = polaris.query('SELECT "level", "templated", "length", "column", "1" FROM "2024_06"')
    assert sorted(rows, key=itemgetter("length")) == [
        {"level": "city", "templated": "city", "length": length, "column": length, "1": 1} for length in (5, 10, 30)
    ]


def test_task_group_hands_texts_on_as_they_are_written(airflow_db: Any, polaris: Any) -> None:
    """Its mapped tasks have the names and constants of the group."""
    with DAG("native_group", params={"measures": {"n": "COUNT(*)"}}, **COMMON) as dag:
        ingest = PolarisJobOperator(task_id="ingest", spec=INGEST)
        group = PolarisBackfillTaskGroup(
            group_id="backfill",
            source_table="Koalas Source",
            target_table="2024_06",
            interval="2024-06-01/P2D",
            split_by="day",
            dimensions={"level": "'city'"},
            measures="{{ params.measures }}",
            create_table_if_not_exists=True,
        )
        ingest >> group
    assert states(dag) == ["success"] * 4
    assert polaris.query('SELECT "level", SUM("n") AS "n" FROM "2024_06" GROUP BY 1') == [{"level": "city", "n": 4}]
