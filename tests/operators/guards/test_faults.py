# SPDX-License-Identifier: Apache-2.0
"""A query that is rejected for the user's SQL fails permanently and names it; a transient failure is retried."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_polaris.hooks.query_refusal import QueryRefusal
from airflow_provider_polaris.hooks.row_count import RowCounter
from airflow_provider_polaris.jobs.errors import (
    PolarisApiError,
    PolarisError,
    PolarisGuardUnansweredError,
    PolarisSpecError,
)
from airflow_provider_polaris.jobs.status.retryability import Retryability, retryability_of
from airflow_provider_polaris.jobs.tables.storage_policy import TableStorage
from airflow_provider_polaris.runtime.deadline import Deadline
from tests.operators.guards.conftest import LOG, FakeClock, World

TABLE = TableStorage("Raw", "available", columns=frozenset({"__time", "city"}))
WORDS = {"filter_expression": '"ctiy" = 1'}
NO_COLUMN = "Column 'ctiy' not found in any table"


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="test.guards")


@pytest.mark.parametrize("has_asynchronous_sql", [True, False])
def test_guard_names_a_filter_that_polaris_refuses(world: World, has_asynchronous_sql: bool) -> None:
    """The same message for both ways of counting."""
    world.load("2024-06-01T10:00:00Z")
    if not has_asynchronous_sql:
        world.has_no_asynchronous_sql()
    with pytest.raises(PolarisSpecError) as caught:
        world.attempt(world.rollup(filterExpression='"ctiy" IS NULL'))
    assert str(caught.value) == (
        f"filter_expression doesn't work on table {world.source!r}: the service reports \"Column 'ctiy' not found "
        "in any table; known are '__time', 'city'\". Its value is '\"ctiy\" IS NULL'. Nothing was submitted. Correct "
        "it: a retry would get the same answer."
    )
    assert retryability_of(caught.value) is Retryability.PERMANENT
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize(
    ("column", "expression"), [("__time", "TIME_SHIFT(\"tmie\", 'P1D', 1)"), ("__count", 'SUM("ctiy")')]
)
def test_guard_names_a_mapping_that_polaris_refuses(world: World, column: str, expression: str) -> None:
    """Expressions of the mappings that a count uses are the user's SQL, too."""
    world.load("2024-06-01T10:00:00Z")
    mappings = [
        {"columnName": column, "expression": expression, "isAggregation": column == "__count"},
        {"columnName": "city", "expression": '"city"'},
    ]
    with pytest.raises(PolarisSpecError) as caught:
        world.attempt(world.rollup(mappings=mappings))
    assert str(caught.value).startswith(
        f"the mapping of {column!r} doesn't work on table {world.source!r}: the service reports "
    )
    assert f" Its value is {expression!r}. Nothing was submitted." in str(caught.value)


class Answers:
    """A client whose queries get one rejection."""

    def __init__(
        self, *, start: PolarisApiError | None, details: Any = None, query: PolarisApiError | None = None
    ) -> None:
        self._start, self._details, self._query = start, details, query

    def start_query(self, sql: str, *, context: Any) -> dict[str, Any]:
        if self._start is not None:
            raise self._start
        return {"queryId": "q1"}

    def get_query(self, query_id: str) -> dict[str, Any]:
        return {"state": "FAILED", "errorDetails": self._details}

    def cancel_query(self, query_id: str) -> None: ...

    def query(self, sql: str, *, context: Any = None) -> list[dict[str, Any]]:
        assert self._query is not None
        raise self._query


def refused(status: int, code: str, text: str) -> PolarisApiError:
    kind = PolarisApiError.class_for(status)
    return kind(f"POST /sql answered {status}: {text}.", status=status, code=code, vendor_message=text)


def ask(client: Any, words: Any = WORDS, table: TableStorage = TABLE) -> PolarisError:
    counter = RowCounter(lambda: client, Deadline(FakeClock(), lambda: False, None), LOG)
    with pytest.raises(PolarisError) as caught:
        counter.rows("SELECT 1", table, as_job=False, words=words)
    return caught.value


FAILED = {
    "category": {"errorMessage": "no", "category": "INVALID_INPUT", "persona": "USER"},
    "unsupported": {"errorMessage": "no", "category": "UNSUPPORTED"},
    "text": {"errorMessage": NO_COLUMN},
    "function": {"errorMessage": "No match found for function signature NO_SUCH(<CHARACTER>)"},
}


@pytest.mark.parametrize("details", FAILED.values(), ids=FAILED)
def test_failed_query_that_is_wrong_is_the_users(details: dict[str, str]) -> None:
    """By the category that Druid gives, or by the planner's own text where there is none."""
    error = ask(Answers(start=None, details=details))
    assert type(error) is PolarisSpecError
    assert str(error) == (
        f"filter_expression doesn't work on table 'Raw': the service reports {details['errorMessage']!r}. Its value is "
        "'\"ctiy\" = 1'. Nothing was submitted. Correct it: a retry would get the same answer."
    )


@pytest.mark.parametrize(
    "client",
    [
        Answers(start=refused(400, "invalidInput", NO_COLUMN)),
        Answers(start=refused(404, "NotFound", "no"), query=refused(400, "invalidInput", NO_COLUMN)),
        Answers(start=refused(403, "Forbidden", "no"), query=refused(501, "general", "not supported")),
    ],
    ids=["asynchronous", "synchronous", "unsupported"],
)
def test_refused_query_is_the_users(client: Answers) -> None:
    """An immediate rejection means the same as a later failure."""
    assert type(ask(client)) is PolarisSpecError


MOMENTS = {
    "table": "Object 'Raw' not found",
    "table-within": "Object 'Raw' not found within 'druid'",
    "column": "Column 'city' not found in any table",
    "column-of-table": "Column 'Raw.city' not found in table 'Raw'",
}


@pytest.mark.parametrize("text", MOMENTS.values(), ids=MOMENTS)
@pytest.mark.parametrize("way", ["failed", "refused", "synchronous"])
def test_refusal_of_the_moment_is_asked_again(way: str, text: str) -> None:
    """A table that exists, or a column in its description, isn't available in the query engine yet."""
    refusal = refused(400, "invalidInput", text)
    clients = {
        "failed": Answers(start=None, details={"errorMessage": text, "category": "INVALID_INPUT"}),
        "refused": Answers(start=refusal),
        "synchronous": Answers(start=refused(404, "NotFound", "no"), query=refusal),
    }
    error = ask(clients[way])
    assert type(error) is PolarisGuardUnansweredError
    assert str(error) == (
        "The service couldn't count rows: queries can't read the table or a column yet; the service reports "
        f"{text!r}. Nothing was submitted. A retry counts again."
    )


@pytest.mark.parametrize("text", ["Object 'Other' not found", "Column 'ctiy' not found in table 'Raw'"])
def test_table_or_column_that_the_table_does_not_have_is_the_users(text: str) -> None:
    """A condition with a subquery may name another table."""
    assert type(ask(Answers(start=refused(400, "invalidInput", text)))) is PolarisSpecError


@pytest.mark.parametrize(
    "details", [None, {}, {"errorMessage": 7}, {"errorMessage": "out of memory", "category": "RUNTIME_FAILURE"}]
)
def test_failure_of_the_service_is_not_the_users(details: Any) -> None:
    """An error that doesn't blame the query may be transient."""
    assert type(ask(Answers(start=None, details=details))) is PolarisGuardUnansweredError


def test_refusal_without_words_of_the_user_stays_what_it_is() -> None:
    """A query without SQL of the user can't be corrected by the user."""
    answers = Answers(start=None, details={"errorMessage": NO_COLUMN, "category": "INVALID_INPUT"})
    assert type(ask(answers, {})) is PolarisGuardUnansweredError
    refusal = refused(400, "invalidInput", NO_COLUMN)
    assert ask(Answers(start=refused(404, "NotFound", "no"), query=refusal), {}) is refusal


def test_project_without_asynchronous_sql_is_not_the_users() -> None:
    """A 400 that doesn't blame the query is about asynchronous SQL, so synchronous SQL is tried."""
    refusal = refused(503, "Busy", "no")
    assert ask(Answers(start=refused(400, "BadRequest", "not enabled"), query=refusal)) is refusal


def test_column_tells_which_of_several_arguments_is_wrong() -> None:
    """Only the argument with the column is named; all of them if the text names no column."""
    words = {"filter_expression": '"ctiy" = 1', "the mapping of '__time'": '"tmie"'}
    named = QueryRefusal("Column 'tmie' not found in any table", True).argument_error(words, TABLE, "")
    assert str(named) == (
        "the mapping of '__time' doesn't work on table 'Raw': the service reports \"Column 'tmie' not found in any "
        'table". Its value is \'"tmie"\'. Correct it: a retry would get the same answer.'
    )
    unnamed = QueryRefusal("", True).argument_error(words, TABLE, "")
    assert str(unnamed) == (
        "filter_expression or the mapping of '__time' doesn't work on table 'Raw': the service reports that the "
        "query is wrong. filter_expression is '\"ctiy\" = 1'; the mapping of '__time' is '\"tmie\"'. Correct it: a "
        "retry would get the same answer."
    )
