# SPDX-License-Identifier: Apache-2.0
"""Rendered arguments: what is text, and the message for what is not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.operators.polaris import (
    PolarisDeleteDataOperator,
    PolarisDropTableOperator,
    PolarisJobOperator,
    PolarisRestoreDataOperator,
    PolarisTableToTableOperator,
)
from airflow_provider_polaris.runtime.arguments import as_list, as_optional_text, as_text
from airflow_provider_polaris.runtime.compat import AirflowFailException
from airflow_provider_polaris.sensors.polaris import PolarisDataSensor

QUOTES = "Write it in quotes; if another task returns it, return it as text there."
GRANULARITIES = f"{', '.join(each.value for each in Granularity)}, or the ISO 8601 period of one, such as 'PT1H'"
FORMS = "Write it as 'start/end' or 'start/period', for example '2024-06-01/2024-06-02' or '2024-06-01/P1D'."


@pytest.mark.parametrize(
    "value, problem",
    [
        (2024_06, "202406 is a number, not text"),
        (0, "0 is a number, not text"),
        (1.5, "1.5 is a number, not text"),
        (True, "True is a bool, not text"),
        (["a"], "['a'] is a list, not text"),
        ({"a": 1}, "{'a': 1} is a dict, not text"),
    ],
)
def test_as_text_refuses_what_is_no_text(value: Any, problem: str) -> None:
    """2024_06 without quotes is another table name than the text."""
    for read in (as_text, as_optional_text):
        with pytest.raises(PolarisSpecError) as caught:
            read(value, "table_name")
        assert str(caught.value) == f"table_name {problem}. {QUOTES}"


@pytest.mark.parametrize("text", ["2024_06", "'city'", " x\n", "0"])
def test_as_text_changes_nothing(text: str) -> None:
    """A text is parsed; as a list, it is the only element."""
    assert as_text(text, "f") == text
    assert as_optional_text(text, "f") == text
    assert as_list(text, "f") == [text]


#: What a task reads of its task instance before it renders its job.
TI = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=-1, start_date=None, try_number=1, max_tries=0)
DAY = "2024-06-01/P1D"
TABLES = {"source_table": "S", "target_table": "T", "interval": DAY, "dimensions": ["city"]}
DROP = {"table_name": "x", "confirm_table_name": "x"}
JOB = {"type": "drop_table", "target": {"type": "table", "tableName": "x"}}


@pytest.mark.parametrize(
    "cls, arguments, message",
    [
        (
            PolarisDropTableOperator,
            {**DROP, "table_name": 202406},
            f"table_name 202406 is a number, not text. {QUOTES}",
        ),
        (
            PolarisDropTableOperator,
            {**DROP, "confirm_table_name": 202406},
            f"confirm_table_name 202406 is a number, not text. {QUOTES}",
        ),
        (
            PolarisDropTableOperator,
            {**DROP, "polaris_conn_id": 5},
            f"polaris_conn_id 5 is a number, not text. {QUOTES}",
        ),
        (
            PolarisDeleteDataOperator,
            {"table_name": "x", "intervals": [2024]},
            f"intervals[0] 2024 is a int, not text. {FORMS}",
        ),
        (PolarisDeleteDataOperator, {"table_name": "x", "intervals": 2024}, "intervals 2024 is a int, not a list."),
        (
            PolarisDeleteDataOperator,
            {"table_name": "x", "delete_all": True, "versions": [2024]},
            "versions[0] 2024 of the delete_data job is not text. Write it in quotes.",
        ),
        (
            PolarisRestoreDataOperator,
            {"table_name": "x", "interval": 2024},
            f"interval 2024 is a number, not text. {QUOTES}",
        ),
        (PolarisTableToTableOperator, {**TABLES, "source_table": 1}, f"source_table 1 is a number, not text. {QUOTES}"),
        (PolarisTableToTableOperator, {**TABLES, "interval": 2024}, f"interval 2024 is a int, not text. {FORMS}"),
        (
            PolarisTableToTableOperator,
            {**TABLES, "filter_expression": 1},
            f"filter_expression 1 is a number, not text. {QUOTES}",
        ),
        (PolarisTableToTableOperator, {**TABLES, "on_shrink": True}, f"on_shrink True is a bool, not text. {QUOTES}"),
        (
            PolarisJobOperator,
            {"spec": {**JOB, "target": {"type": "table", "tableName": 202406}}},
            "target.tableName 202406 of the drop_table job is not text. Write it in quotes.",
        ),
        (PolarisDataSensor, {"table": 202406}, f"table 202406 is a number, not text. {QUOTES}"),
        (PolarisDataSensor, {"table": "x", "interval": 2024}, f"interval 2024 is a number, not text. {QUOTES}"),
    ],
)
def test_number_in_the_place_of_text_fails_the_task_at_once(
    cls: Any, arguments: dict[str, Any], message: str, server: Any, connect: Any
) -> None:
    """Nothing is sent, for any operator or sensor and any position of the number."""
    connect(host=server.url)
    with pytest.raises(AirflowFailException) as caught:
        cls(task_id="t", **arguments).execute({"ti": TI})
    assert str(caught.value) == message
    assert [each for each in server.requests if each.method != "GET"] == []


@pytest.mark.parametrize(
    "columns, message",
    [
        (
            {"dimensions": {"level": 1}},
            "dimensions['level'] 1 is not a SQL expression. Write one as text, such as '\"city\"'.",
        ),
        ({"dimensions": [1]}, "dimensions[0] 1 is not the name of a column. Write it as text."),
        (
            {"dimensions": None, "mappings": [{"columnName": "a", "expression": 1}]},
            "mappings[0].expression 1 of the batch job is not text. Write it in quotes.",
        ),
        (
            {"clustering_columns": [2024]},
            "clusteringColumns[0] 2024 of the batch job is not text. Write it in quotes.",
        ),
        (
            {"partitioned_by": 1},
            f"partitioned_by 1 is not a granularity of Polaris. Use one of {GRANULARITIES}.",
        ),
    ],
)
def test_number_among_the_columns_of_a_native_param_fails_the_task(
    columns: dict[str, Any], message: str, server: Any, connect: Any
) -> None:
    """Values inside a list or an object of a param are not converted to text."""
    connect(host=server.url)
    server.answer("GET", "/tables/T", 200, {"name": "T", "type": "detail", "partitioningGranularity": "day"})
    task = PolarisTableToTableOperator(task_id="t", **{**TABLES, **columns})
    with pytest.raises(AirflowFailException) as caught:
        task.execute({"ti": TI})
    assert str(caught.value) == message
    assert [each for each in server.requests if each.method != "GET"] == []
