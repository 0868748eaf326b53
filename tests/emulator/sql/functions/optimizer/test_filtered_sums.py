# SPDX-License-Identifier: Apache-2.0
"""
SUM of a CASE with ELSE 0, which is NULL or 0 if no row fulfills its condition; every line is OBSERVED(Druid 33).

The other forms of CASE in an aggregate are in test_native_filters.
"""

from __future__ import annotations

import duckdb
import pytest

from airflow_provider_polaris.emulator.sql import Column, translate_expression

NONE = "function 'SUM' is not supported of a CASE with ELSE 0 if no row fulfills its condition: use FILTER"
SUBQUERY = "function 'SUM' is not supported of a CASE in a subquery: use FILTER"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT SUM(CASE WHEN s = 'zz' THEN n ELSE 0 END) FROM t WHERE s = 'a'",
        "SELECT SUM(CASE s WHEN 'zz' THEN n ELSE 0 END) FROM t WHERE s IN ('a', 'b')",
        "SELECT SUM(CASE WHEN s = 'zz' THEN n ELSE 0 END) FILTER (WHERE s = 'a') FROM t",
        "SELECT id, SUM(CASE WHEN s = 'a' THEN n ELSE 0 END) FROM t WHERE s < 'c' GROUP BY id",
        "SELECT SUM(CASE WHEN s = 'zz' THEN id ELSE 0 END) FROM t WHERE id = 5",
        "SELECT SUM(CASE WHEN s = 'zz' THEN n + 1 ELSE 0 END) FROM t WHERE n IS NULL",
        "SELECT SUM(CASE WHEN id > 2 THEN n ELSE 0 END) FROM t WHERE n IS NULL",
        "SELECT SUM(CASE WHEN s = 'zz' THEN n ELSE 0 END) FROM (SELECT s, n FROM t WHERE s = 'a')",
        "SELECT SUM(CASE WHEN a.s = 'z' THEN a.n ELSE 0 END) FROM t a JOIN (SELECT id FROM t LIMIT 9) b ON a.id = b.id",
    ],
)
def test_sum_that_is_null_or_zero_is_refused(observed, sql: str) -> None:
    """It is 0 if the planner finds that the conditions contradict each other, otherwise NULL."""
    with pytest.raises(duckdb.InvalidInputException) as raised:
        observed.query(sql)
    assert str(raised.value) == f"Invalid Input Error: {NONE}"


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT SUM(CASE WHEN s = 'zz' THEN id ELSE 0 END) FROM t WHERE n > 0", [[None]]),
        ("SELECT SUM(CASE WHEN s = 'a' THEN id ELSE 0 END) FROM t WHERE s < 'c'", [[1]]),
        ("SELECT SUM(CASE WHEN s = 'a' THEN id ELSE 0 END) FROM t WHERE s = 'none'", [[None]]),
        ("SELECT SUM(CASE WHEN n > 1 THEN id ELSE 0 END) FILTER (WHERE n < 6) FROM t", [[6]]),
    ],
)
def test_sum_of_rows_that_fulfill_the_condition_is_computed(rows_of, sql: str, rows: list[list[object]]) -> None:
    """So is one whose condition no other condition can contradict."""
    assert rows_of(sql) == rows


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT SUM(v) FROM (SELECT CASE WHEN s = 'zz' THEN id ELSE 0 END AS v FROM t)",
        "SELECT SUM(CAST(v AS BIGINT)) FROM (SELECT CASE WHEN s = 'zz' THEN id ELSE 0 END AS v FROM t LIMIT 9)",
        "SELECT SUM(w) FROM (SELECT v AS w FROM (SELECT CASE WHEN s = 'a' THEN id ELSE 0 END AS v FROM t) q)",
    ],
)
def test_case_in_a_subquery_is_refused(refused, sql: str) -> None:
    """The optimizer moves it into the aggregate."""
    assert refused(sql) == f"not supported: {SUBQUERY}"


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("SUM(CASE WHEN n > 1 THEN 1 ELSE 0 END)", 0),
        ("SUM(CASE n WHEN 1 THEN 1 ELSE 0 END)", 0),
        ("SUM(CASE WHEN n > 1 THEN 1 WHEN id > 1 THEN 1 ELSE 0 END)", 0),
        ("SUM(CASE WHEN n > 1 THEN 1 ELSE 0 END) FILTER (WHERE id = 99)", 0),
        ("SUM(CASE WHEN n > 1 THEN 0 ELSE 1 END)", None),
        ("SUM(CASE WHEN n > 1 THEN 1 END)", None),
        ("SUM(CASE WHEN n > 1 THEN 1.0 ELSE 0.0 END)", None),
        ("SUM(CAST(CASE WHEN n > 1 THEN 1 ELSE 0 END AS BIGINT))", None),
        ("AVG(CASE WHEN n > 1 THEN 1 ELSE 0 END)", None),
    ],
)
def test_sum_of_ones_over_no_rows_is_a_count(rows_of, value: str, result: int | None) -> None:
    """The optimizer makes a COUNT of it, which is 0."""
    assert rows_of(f"SELECT {value} FROM t WHERE s = 'none'") == [[result]]


@pytest.mark.parametrize(
    "where",
    [
        "n >= 777 AND n < 778",
        "id BETWEEN 90 AND 99 AND s = 'none'",
        "__time >= TIMESTAMP '2030-01-01' AND __time < '2030-01-01T01:00:00Z' AND n > 3",
    ],
)
def test_sum_of_ones_over_an_empty_range_is_zero(rows_of, where: str) -> None:
    """The planner doesn't know that no row is in it."""
    assert rows_of(f"SELECT SUM(CASE WHEN n > 1 THEN 1 ELSE 0 END) FROM t WHERE {where}") == [[0]]


@pytest.mark.parametrize(
    "source",
    [
        "t WHERE 1 = 0",
        "t WHERE n > 5 AND n < 3",
        "t WHERE n = 5 AND n = 3",
        "t WHERE id BETWEEN 99 AND 90",
        "t WHERE n > 500 AND n < 600 AND n <> 550",
        "t WHERE __time IS NULL",
        "(SELECT n FROM t WHERE n < -777)",
    ],
)
def test_sum_of_ones_over_rows_that_the_planner_may_know_is_refused(observed, source: str) -> None:
    """It is NULL if the planner knows that there are no rows; a subquery may say so."""
    with pytest.raises(duckdb.InvalidInputException) as raised:
        observed.query(f"SELECT SUM(CASE WHEN n > 1 THEN 1 ELSE 0 END) FROM {source}")
    message = "function 'SUM' is not supported of a CASE with ELSE 0 over no rows: use COUNT with FILTER"
    assert str(raised.value) == f"Invalid Input Error: {message}"


@pytest.mark.parametrize(
    ("where", "is_refused"), [("s = 'b'", True), ("n > 1", False), (None, False), ("s = 'b' -- only b", True)]
)
def test_sum_of_a_job_sees_its_filter(connection, where: str | None, is_refused: bool) -> None:
    """The filter of a job is the WHERE clause of its SQL."""
    columns = [Column("s", "string"), Column("n", "long")]
    sql = translate_expression("SUM(CASE WHEN s = 'a' THEN n ELSE 0 END)", columns, storing=True, where=where).sql
    rows = "(SELECT 'b' AS s, CAST(2 AS BIGINT) AS n)"
    if is_refused:
        with pytest.raises(duckdb.InvalidInputException) as raised:
            connection.execute(f"SELECT {sql} FROM {rows}")
        assert str(raised.value) == f"Invalid Input Error: {NONE}"
    else:
        assert connection.execute(f"SELECT {sql} FROM {rows}").fetchall() == [(None,)]
