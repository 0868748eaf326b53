# SPDX-License-Identifier: Apache-2.0
"""
Comparisons of a column with a constant in WHERE, HAVING, FILTER and aggregates; every difference is OBSERVED(Druid 33).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import duckdb
import pytest

from airflow_provider_polaris.emulator.sql import (
    Column,
    SqlInvalid,
    SqlNotSupported,
    TableRelation,
    translate_filter,
    translate_query,
)

TEXT = "is not supported of a number and a text that is no decimal number"
FLOAT = "is not supported of a FLOAT and a number that is none, such as 0.1: use BETWEEN"
LARGE = "is not supported of a BIGINT and a decimal number of 2^53 or more"
NUMBER_AS_TEXT = "is not supported of a text and a CAST of a number to VARCHAR"
IN_SUBQUERY = "is not supported of a constant and a CAST in a subquery: write the CAST in the condition"
ZERO = "is not supported of -0.0 and 0"
ROUNDED = "is not supported of a computed FLOAT and a number between it and its rounded value"
COLUMNS = tuple(
    Column(name, kind)
    for name, kind in (("id", "long"), ("x", "string"), ("n", "long"), ("d", "double"), ("f", "float"))
)
ROWS = """(VALUES
    (1, '12', 2, 0.5::DOUBLE, 0.1::FLOAT), (2, '-1.5', 9007199254740993, 0.0, 1.5), (3, NULL, NULL, NULL, NULL),
    (4, 'abc', 7, -0.0::DOUBLE, 100)
) AS rows(id, x, n, d, f)"""


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t AS SELECT * FROM {ROWS}")
        yield connection


@pytest.fixture
def query(database: duckdb.DuckDBPyConnection) -> Callable[[str], list[tuple[object, ...]]]:
    """Translate and run a query on table ``t``."""

    def run(text: str) -> list[tuple[object, ...]]:
        translated = translate_query(text, table=lambda name: TableRelation("t", COLUMNS) if name == "t" else None)
        return database.execute(translated.sql).fetchall()

    return run


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("id < 4 AND x = 12", [1]),
        ("CAST(n AS VARCHAR) IN ('2', '7')", [1, 4]),
        ("CAST(n AS VARCHAR) <> '7'", [1, 2]),
        ("id < 4 AND CAST(x AS BIGINT) < 5", [2]),
        ("id < 4 AND x IN (12, 7)", [1]),
        ("id < 4 AND x + 0 > 5", [1]),
        ("TRIM(x) = 12", [1]),
        ("x = '12'", [1]),
        ("f = 1.5", [2]),
        ("f IN (100, 1.5)", [2, 4]),
        ("f BETWEEN 0.09 AND 0.11", [1]),
        ("f > 0.1", [1, 2, 4]),
        ("f + f > 0.2", [1, 2, 4]),
        ("f * f < 1e30", [1, 2, 4]),
        ("n = 2.0", [1]),
        ("n > 2.5", [2, 4]),
        ("n IN (2.5, 7)", [4]),
        ("id < 4 AND d = 0", [2]),
        ("d < 0.5", [2, 4]),
        ("id > 1 AND CAST(d AS BIGINT) < 1", [2, 4]),
        ("d = 0.5", [1]),
    ],
)
def test_comparison_without_a_difference_is_computed(query, condition: str, found: list[int]) -> None:
    """Only the values are refused for which Druid has another result."""
    assert sorted(query(f"SELECT id FROM t WHERE {condition}")) == [(number,) for number in found]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("x = 12", f"function '=' {TEXT}"),
        ("x <> 12", f"function '<>' {TEXT}"),
        ("5 < x", f"function '<' {TEXT}"),
        ("x BETWEEN 1 AND 10", f"function 'BETWEEN' {TEXT}"),
        ("x IN (12, 7)", f"function 'IN' {TEXT}"),
        ("CAST(x AS BIGINT) = 12", f"function '=' {TEXT}"),
        ("CAST(x AS DOUBLE) > 5", f"function '>' {TEXT}"),
        ("x + 0 > 5", f"function '>' {TEXT}"),
        ("NOT (x > 5)", f"function '>' {TEXT}"),
        ("CASE WHEN x > 5 THEN TRUE ELSE FALSE END", f"function '>' {TEXT}"),
        ("CAST(d AS BIGINT) = 0", "function '=' is not supported of a number and a CAST of a fraction to BIGINT"),
        ("d = 0", f"function '=' {ZERO}"),
        ("d = 0.0", f"function '=' {ZERO}"),
        ("-d = 0", f"function '=' {ZERO}"),
        ("f * 1e300 < 1e305", f"function '<' {ROUNDED}"),
        ("f * f > 0.0100000005", f"function '>' {ROUNDED}"),
        ("f * f BETWEEN 0 AND 0.0100000005", f"function 'BETWEEN' {ROUNDED}"),
        ("d NOT IN (0, 1)", f"function 'IN' {ZERO}"),
        ("d = TRUNCATE(1e-7, -2)", f"function '=' {ZERO}"),
    ],
)
def test_value_with_another_result_fails(query, condition: str, message: str) -> None:
    """The row has a value that Druid's filter converts otherwise than CAST does."""
    with pytest.raises(duckdb.InvalidInputException) as raised:
        query(f"SELECT id FROM t WHERE {condition}")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("f = 0.1", f"function '=' {FLOAT}"),
        ("f <> 0.1", f"function '<>' {FLOAT}"),
        ("f NOT IN (0.1, 1.5)", f"function 'IN' {FLOAT}"),
        ("f + 0 = 0.1", f"function '=' {FLOAT}"),
        ("CAST(f AS DOUBLE) = 0.1", f"function '=' {FLOAT}"),
        ("f = CAST(0.1 AS FLOAT)", f"function '=' {FLOAT}"),
        ("f = 16777217", f"function '=' {FLOAT}"),
        ("n = 9007199254740993.0", f"function '=' {LARGE}"),
        (
            "n < -9223372036854775807",
            "function '<' is not supported of a column and the first or last number of 64 bits",
        ),
        ("n > 9007199254740992.5", f"function '>' {LARGE}"),
        ("ABS(f) = 0.1", f"function '=' {FLOAT}"),
        ("GREATEST(1, n) < 1e300", f"function '<' {LARGE}"),
        ("NULLIF(f, 0.1) IS NULL", f"function 'NULLIF' {FLOAT}"),
        ("CAST(n AS VARCHAR) = '1.0'", f"function '=' {NUMBER_AS_TEXT}"),
        ("CAST(n AS VARCHAR) = '07'", f"function '=' {NUMBER_AS_TEXT}"),
        ("CAST(d AS VARCHAR) IN ('1', '2')", f"function 'IN' {NUMBER_AS_TEXT}"),
        ("CAST(x AS DOUBLE) = CAST(x AS DECIMAL)", "function '=' is not supported of numbers in two columns of text"),
        ("d < CAST(x AS DOUBLE)", "function '<' is not supported of a column and a number in a text"),
    ],
)
def test_constant_with_another_result_is_refused(query, condition: str, message: str) -> None:
    """Whatever the values are."""
    with pytest.raises(SqlNotSupported) as raised:
        query(f"SELECT id FROM t WHERE {condition}")
    assert raised.value.message == message


@pytest.mark.parametrize(
    "text",
    [
        "SELECT SUM(id) FILTER (WHERE f = 0.1) FROM t",
        "SELECT SUM(CASE WHEN f = 0.1 THEN id END) FROM t",
        "SELECT f, COUNT(*) FROM t GROUP BY f HAVING f = 0.1",
        "SELECT f, COUNT(*) FROM t GROUP BY f HAVING COUNT(*) FILTER (WHERE id > 1) > 0 AND f = 0.1",
        "SELECT a.id FROM t a WHERE a.f = 0.1",
        "SELECT g FROM (SELECT f AS g FROM t) WHERE g = 0.1",
    ],
)
def test_other_clauses_that_become_filters_refuse_it_too(query, text: str) -> None:
    """Druid's optimizer moves them to native filters."""
    with pytest.raises(SqlNotSupported) as raised:
        query(text)
    assert raised.value.message == f"function '=' {FLOAT}"


@pytest.mark.parametrize(
    ("inner", "condition", "function"),
    [
        ("CAST(x AS BIGINT)", "v < 5", "<"),
        ("x + 0", "v < 5", "<"),
        ("CAST(d AS BIGINT)", "v IN (0, 1)", "IN"),
        ("CAST(n AS VARCHAR)", "v = '1.0'", "="),
    ],
)
def test_cast_in_a_subquery_is_refused(query, inner: str, condition: str, function: str) -> None:
    """The optimizer puts it in place of the column, and then leaves it out."""
    for sql in (
        f"SELECT v FROM (SELECT {inner} AS v FROM t) WHERE {condition}",
        f"SELECT COUNT(*) FILTER (WHERE {condition}) FROM (SELECT {inner} AS v FROM t LIMIT 9)",
        f"WITH q AS (SELECT {inner} AS w FROM t) SELECT v FROM (SELECT w AS v FROM q) WHERE {condition}",
    ):
        with pytest.raises(SqlNotSupported) as raised:
            query(sql)
        assert raised.value.message == f"function '{function}' {IN_SUBQUERY}"


def test_other_columns_of_a_subquery_are_compared(query) -> None:
    """An aggregate, a column, and a computed value."""
    assert query("SELECT v FROM (SELECT CAST(SUM(id) AS DOUBLE) AS v FROM t) WHERE v > 5.0") == [(10.0,)]
    assert query("SELECT v FROM (SELECT n AS v FROM t) WHERE v = 7") == [(7,)]
    assert query("SELECT v FROM (SELECT id + 1 AS v FROM t) WHERE v = 5") == [(5,)]


def test_null_is_no_condition_of_filter(query) -> None:
    """It is one of WHERE."""
    with pytest.raises(SqlInvalid) as raised:
        query("SELECT SUM(id) FILTER (WHERE NULL) FROM t")
    assert raised.value.message == "FILTER clause must be a condition"
    assert query("SELECT id FROM t WHERE NULL") == []


@pytest.mark.parametrize(
    ("aggregate", "value"),
    [
        ("SUM(CASE WHEN x = 'none' THEN id ELSE 0 END)", None),
        ("SUM(CASE x WHEN 'none' THEN id ELSE 0 END)", None),
        ("SUM((CAST(CASE WHEN x = 'none' THEN n + 1 ELSE 0 END AS BIGINT)))", None),
        ("SUM(CASE WHEN x = 'none' THEN 2 ELSE 0 END)", None),
        ("SUM(CASE WHEN x = 'none' THEN id ELSE 0 END) FILTER (WHERE id > 1)", None),
        ("SUM(CASE WHEN x = '12' THEN id ELSE 0 END) FILTER (WHERE id = 1 OR id = 2)", 1),
        ("SUM(CASE WHEN x = 'none' THEN 1 ELSE 0 END)", 0),
        ("SUM(CASE WHEN x = 'none' THEN NULL ELSE 0 END)", 0),
        ("SUM(CASE WHEN x = 'none' THEN d ELSE 0 END)", 0.0),
        ("SUM(CASE WHEN x = 'none' THEN id ELSE 1 END)", 4),
        ("SUM(CASE WHEN x = 'none' THEN id WHEN x = '12' THEN n ELSE 0 END)", 2),
        ("MAX(CASE WHEN x = 'none' THEN id ELSE 0 END)", 0),
        ("SUM(COALESCE(CASE WHEN x = 'none' THEN id END, 0))", 0),
        ("ARRAY_AGG(CASE WHEN id > 3 THEN id ELSE 0 END)", [0, 0, 0, 4]),
    ],
)
def test_sum_of_case_is_a_sum_with_a_filter(query, aggregate: str, value: object) -> None:
    """Its optimizer turns whole numbers with ELSE 0 into a filter: NULL if no row fulfills the condition."""
    assert query(f"SELECT {aggregate} FROM t") == [(value,)]


@pytest.mark.parametrize(
    ("aggregate", "message"),
    [
        (
            "SUM(CASE WHEN x = 'a' THEN id WHEN x = 'b' THEN 0 ELSE 0 END)",
            "function 'SUM' is not supported of such a CASE with ELSE 0: use FILTER",
        ),
        (
            "SUM(CASE WHEN x = 'a' THEN 3 - 2 ELSE 0 END)",
            "function 'SUM' is not supported of such a CASE with ELSE 0: use FILTER",
        ),
        (
            "SUM(CASE WHEN x = 'a' THEN CASE WHEN n > 1 THEN id ELSE 0 END ELSE 0 END)",
            "function 'SUM' is not supported of such a CASE with ELSE 0: use FILTER",
        ),
        (
            "ARRAY_AGG(CASE WHEN id > 3 THEN id END)",
            "function 'ARRAY_AGG' is not supported of a CASE with NULL: use FILTER",
        ),
        (
            "ARRAY_AGG(CASE WHEN id > 3 THEN NULL ELSE id END)",
            "function 'ARRAY_AGG' is not supported of a CASE with NULL: use FILTER",
        ),
    ],
)
def test_other_cases_in_aggregates_are_refused(query, aggregate: str, message: str) -> None:
    """What the optimizer makes of them depends on more."""
    with pytest.raises(SqlNotSupported) as raised:
        query(f"SELECT {aggregate} FROM t")
    assert raised.value.message == message


def test_column_of_the_result_is_computed(query) -> None:
    """There Druid evaluates the expression, as the emulator does."""
    assert sorted(query("SELECT id, CAST(x AS BIGINT) < 5, f = 0.1, d = 0 FROM t")) == [
        (1, False, False, False),
        (2, True, False, True),
        (3, None, None, None),
        (4, None, False, True),
    ]


def test_filter_of_a_job_refuses_it() -> None:
    """As the WHERE clause that it becomes."""
    with pytest.raises(SqlNotSupported) as raised:
        translate_filter("f = 0.1", COLUMNS)
    assert raised.value.message == f"function '=' {FLOAT}"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("s LIKE '%b'", "function 'LIKE' is not supported for text that ends in a line break"),
        ("s NOT LIKE 'tab'", "function 'LIKE' is not supported for text that ends in a line break"),
        ("s LIKE 'a!%' ESCAPE '!'", "function 'LIKE' is not supported for text that ends in a line break"),
        ("REGEXP_LIKE(s, 'b$')", "function 'REGEXP_LIKE' is not supported with $ for text that ends in a line break"),
        (
            "REGEXP_EXTRACT(s, 'a.$')",
            "function 'REGEXP_EXTRACT' is not supported with $ for text that ends in a line break",
        ),
        (
            "REGEXP_REPLACE(s, 'b$', 'X')",
            "function 'REGEXP_REPLACE' is not supported with $ for text that ends in a line break",
        ),
    ],
)
@pytest.mark.parametrize("text", ["tab\n", "tab\r\n", "tab\x85", "tab\u2028"])
def test_pattern_up_to_a_line_break_at_the_end_fails(evaluate, expression: str, message: str, text: str) -> None:
    """Java's ``$`` matches in front of it, which LIKE uses, too."""
    with pytest.raises(duckdb.InvalidInputException) as raised:
        evaluate(expression, s=text)
    assert str(raised.value) == f"Invalid Input Error: {message}"


@pytest.mark.parametrize(
    ("expression", "text", "value"),
    [
        ("s LIKE 'ta%'", "tab\n", True),
        ("s LIKE '%b'", "a\nb", True),
        ("REGEXP_LIKE(s, '^ta')", "tab\n", True),
        ("REGEXP_LIKE(s, '[$]')", "tab\n", False),
        ("REGEXP_LIKE(s, 'a.b')", "a\nb", False),
        ("REGEXP_LIKE(s, 'b$')", "tab", True),
    ],
)
def test_other_patterns_match(evaluate, expression: str, text: str, value: bool) -> None:
    """They have one meaning."""
    assert evaluate(expression, s=text) is value


def test_dot_beside_other_line_breaks_fails(evaluate) -> None:
    """Java's ``.`` matches no line terminator, RE2's all but the newline."""
    with pytest.raises(duckdb.InvalidInputException) as raised:
        evaluate("REGEXP_LIKE(s, 'a.b')", s="a\rb")
    words = "function 'REGEXP_LIKE' is not supported with . for a line break other than a newline"
    assert str(raised.value) == f"Invalid Input Error: {words}"
