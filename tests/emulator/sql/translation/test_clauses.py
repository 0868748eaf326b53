# SPDX-License-Identifier: Apache-2.0
"""Reserved words, incomplete clauses, and aliases in HAVING; every result is OBSERVED(Druid 33)."""

from __future__ import annotations

import re
from collections.abc import Callable

import duckdb
import pytest

from airflow_provider_polaris.emulator.sql import (
    Column,
    SqlInvalid,
    SqlNotSupported,
    TableRelation,
    translate_expression,
    translate_query,
)

COLUMNS = (Column("__time", "timestamp"), Column("value", "long"), Column("g", "string"), Column("i", "long"))
ROWS = "(VALUES (TIMESTAMP '2024-01-31', 1, 'p', 4), (TIMESTAMP '2024-01-31', 2, 'p', NULL))"


@pytest.fixture
def query() -> Callable[[str], list[tuple[object, ...]]]:
    """Translate and run a query on table ``t``."""

    def run(text: str) -> list[tuple[object, ...]]:
        relation = TableRelation(f"(SELECT * FROM {ROWS} AS r(__time, value, g, i))", COLUMNS)
        sql = translate_query(text, table=lambda name: relation if name == "t" else None).sql
        with duckdb.connect() as connection:
            return connection.execute(sql).fetchall()

    return run


@pytest.mark.parametrize(
    "word", ["value", "Value", "date", "day", "hour", "count", "user", "result", "start", "language"]
)
def test_reserved_word_is_no_alias(query, word: str) -> None:
    """With double quotes it is."""
    for text in (f"SELECT g AS {word} FROM t", f"SELECT g {word} FROM t", f"WITH {word} AS (SELECT 1) SELECT 1"):
        with pytest.raises(SqlInvalid) as raised:
            query(text)
        assert raised.value.message == (
            f'{word} is a reserved word: a column or alias of this name is written "{word}"'
        )
    assert query(f'SELECT g AS "{word}" FROM t') == [("p",), ("p",)]


@pytest.mark.parametrize(
    "text", ["SELECT MAX(value) FROM t", "SELECT t.value FROM t", "SELECT g FROM t WHERE value > 1"]
)
def test_reserved_word_is_no_column(query, text: str) -> None:
    """A job that maps it fails in production."""
    with pytest.raises(SqlInvalid) as raised:
        query(text)
    assert raised.value.message == 'value is a reserved word: a column or alias of this name is written "value"'
    assert query(text.replace("value", '"value"'))


def test_expression_of_a_mapping_quotes_reserved_words() -> None:
    """The parser is one."""
    with pytest.raises(SqlInvalid) as raised:
        translate_expression("MAX(value)", COLUMNS, storing=True)
    assert raised.value.message == 'value is a reserved word: a column or alias of this name is written "value"'


def test_words_of_functions_and_units_are_no_names(query) -> None:
    """A unit of time, a niladic function that is a column, and names that are no reserved words."""
    assert query("SELECT TIMESTAMPADD(DAY, 1, __time) = TIMESTAMP '2024-02-01' FROM t LIMIT 1") == [(True,)]
    assert query('SELECT user FROM (SELECT g AS "user" FROM t) LIMIT 1') == [("p",)]
    assert query("SELECT g AS type, g AS name, g AS status, g AS session FROM t LIMIT 1") == [("p",) * 4]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("SELECT g, FROM t", SqlInvalid, "Nothing stands after a comma (line 1, column 9)"),
        ("SELECT g FROM t ORDER BY g,", SqlInvalid, "Nothing stands after a comma (line 1, column 27)"),
        ("SELECT g FROM t GROUP BY", SqlInvalid, "Nothing stands after GROUP BY (line 1, column 24)"),
        ("SELECT g FROM t GROUP BY LIMIT 1", SqlInvalid, "Nothing stands after GROUP BY (line 1, column 24)"),
        ("SELECT (SELECT g FROM t ORDER BY)", SqlInvalid, "Nothing stands after ORDER BY (line 1, column 32)"),
        ("SELECT g FROM t LIMIT 2, 3", SqlInvalid, "LIMIT takes one number: write LIMIT count OFFSET 2"),
        ("SELECT g FROM t LIMIT ALL", SqlNotSupported, "LIMIT ALL is not supported"),
        ("VALUES (1, 'a')", SqlNotSupported, "VALUES is not supported: only SELECT can be queried"),
        ("SELECT LOCALTIMESTAMP", SqlNotSupported, "LOCALTIMESTAMP is not supported"),
    ],
)
def test_clause_that_sqlglot_reads_otherwise_is_refused(
    query, text: str, error: type[SqlInvalid | SqlNotSupported], message: str
) -> None:
    """Sqlglot completes what Druid calls invalid; what Druid has is refused by name."""
    with pytest.raises(error) as raised:
        query(text)
    assert raised.value.message == message


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("SELECT g, COUNT(*) AS c FROM t GROUP BY g HAVING c > 1", [("p", 2)]),
        ("SELECT g, COUNT(*) AS c FROM t GROUP BY g HAVING c + 1 > 3", []),
        ("SELECT UPPER(g) AS g, COUNT(*) FROM t GROUP BY g HAVING g = 'P'", [("P", 2)]),
        ("SELECT UPPER(g) AS g, COUNT(*) FROM t GROUP BY 1 HAVING g = 'p'", []),
        ("SELECT g, SUM(i) AS i FROM t GROUP BY g HAVING i = 4 AND SUM(i) = 4", [("p", 4)]),
        ("SELECT COUNT(*) AS c FROM t HAVING c > 2", []),
    ],
)
def test_having_has_aliases(query, text: str, rows: list[tuple[object, ...]]) -> None:
    """An alias hides a column, but not in an aggregate."""
    assert query(text) == rows


def test_alias_of_two_columns_is_ambiguous_in_having(query) -> None:
    """As a column of two tables is."""
    with pytest.raises(SqlInvalid) as raised:
        query("SELECT g, SUM(i) AS c, MAX(i) AS c FROM t GROUP BY g HAVING c > 1")
    assert raised.value.message == "Column 'c' is ambiguous"


@pytest.mark.parametrize(
    ("expression", "kept"),
    [
        ("TIME_SHIFT(__time, 'P1D', i)", True),
        ("TIME_SHIFT(__time, 'P1D', i, 'Europe/Berlin')", True),
        ("TIMESTAMPADD(DAY, i, __time)", False),
        ("TIMESTAMPADD(MONTH, NULLIF(1, 1), __time)", False),
    ],
)
def test_shift_by_null(query, expression: str, kept: bool) -> None:
    """NULL in a row counts as 0, but not for units up to weeks of TIMESTAMPADD."""
    assert query(f"SELECT {expression} = __time FROM t WHERE i IS NULL") == [(True if kept else None,)]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("TIMESTAMPADD(MONTH, i, __time)", "function 'TIMESTAMPADD' is not supported with NULL and the unit MONTH"),
        ("SUBSTRING(g || 'xyz', i)", "function 'SUBSTRING' is not supported with a start of NULL"),
        ("SUBSTRING(g || 'xyz', 1, i)", "function 'SUBSTRING' is not supported with a length of NULL"),
    ],
)
def test_number_that_is_null_in_a_row_is_refused(query, expression: str, message: str) -> None:
    """OBSERVED(Druid 33): the result depends on whether WHERE makes the number NULL in all rows."""
    with pytest.raises(duckdb.Error, match=f"^Invalid Input Error: {re.escape(message)}$"):
        query(f"SELECT {expression} FROM t WHERE i IS NULL")


def test_equal_names_of_columns_stay(query) -> None:
    """Both are in the result; ORDER BY can't name them. OBSERVED(Druid 33)."""
    assert query('SELECT i AS a, "value" AS a FROM t WHERE i = 4') == [(4, 1)]
    with pytest.raises(SqlInvalid) as raised:
        query("SELECT g AS a, COUNT(*) AS a FROM t GROUP BY g ORDER BY a")
    assert raised.value.message == "Column 'a' is ambiguous"
    with pytest.raises(SqlNotSupported) as refused:
        query("SELECT i AS a, g AS a FROM t")
    assert refused.value.message == ("two columns with the name 'a' and the types BIGINT and VARCHAR are not supported")
