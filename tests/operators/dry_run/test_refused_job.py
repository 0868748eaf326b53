# SPDX-License-Identifier: Apache-2.0
"""A job that the service rejects: the findings of a dry run are logged before the error."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.operators.polaris import PolarisJobOperator
from airflow_provider_polaris.runtime.compat import AirflowFailException
from tests.operators.dry_run.test_dry_run import rollup

HEAD = "ERROR The service rejected the job. Possible reasons in its tables:\n"


@pytest.fixture
def refused(tables: Any, context: Any, said: Any) -> Any:
    """Return a function that runs a task whose job is rejected, and returns its log without the submission."""
    context["ti"].__dict__.update(dag_id="d", run_id="r", task_id="t", map_index=-1, max_tries=0)

    def run(task: Any, status: int = 400) -> list[str]:
        tables.server.answer("POST", "/jobs", status, {"code": "Bad", "message": "no"})
        with pytest.raises(AirflowFailException):
            task.execute(context)
        return [line for line in said() if line.startswith("ERROR")]

    return run


def unguarded(**arguments: Any) -> Any:
    submit = {"on_empty_source": "submit", "on_shrink": "submit", "on_conflict": "fail", "on_retention": "submit"}
    return rollup(durable=False, **submit, **arguments)


def test_column_that_the_source_does_not_have_is_named(refused: Any, tables: Any) -> None:
    """Polaris' own message quotes an expression; this line names the mapping and a likely column."""
    tables.has("Raw", city="string", length="long")
    tables.server.answer("GET", "/jobs", 200, {"values": [], "totalCount": 0})

    problems, error = refused(unguarded(dimensions={"town": 'UPPER("cty")'}))

    assert problems == (
        HEAD + "'Raw' has no column 'cty', which mapping 'town' reads. Is 'city' meant? It lists '__time', 'city', "
        "'length'.\n"
    )
    assert error.endswith(
        "answered 400 'Bad': no. Polaris created no job, and a retry would fail, too. "
        "Correct the field that Polaris names."
    )


def test_tables_that_tell_nothing_are_no_line(refused: Any, tables: Any) -> None:
    """The error is sufficient."""
    tables.has("Raw", city="string", length="long")
    tables.server.answer("GET", "/jobs", 200, {"values": [], "totalCount": 0})

    (error,) = refused(unguarded())

    assert "answered 400 'Bad': no." in error


def test_tables_that_cannot_be_read_do_not_hide_the_refusal(refused: Any, tables: Any) -> None:
    """Whatever fails meanwhile, the task fails with Polaris' error."""
    tables.server.answer("GET", "/tables/Raw", 500, {"message": "broken"})
    spec = {
        "type": "batch",
        "source": {"type": "table", "tableName": "Raw"},
        "target": {"type": "table", "tableName": "Copy"},
        "mappings": [{"columnName": "city", "expression": '"city"'}],
    }

    (error,) = refused(PolarisJobOperator(task_id="job", spec=spec, durable=False))

    assert "answered 400 'Bad': no." in error
