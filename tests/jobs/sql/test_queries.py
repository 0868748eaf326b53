# SPDX-License-Identifier: Apache-2.0
"""Statements of a text, parameters of a statement, tables of a query."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.jobs.sql.queries import count_placeholders, split_statements, tables_selected


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("", []),
        (" \n", []),
        (";;", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1;\nSELECT 2 ;\n", ["SELECT 1", "SELECT 2"]),
        ("-- a; b\nSELECT 1; /* c; d */ SELECT 2; -- e", ["-- a; b\nSELECT 1", "/* c; d */ SELECT 2"]),
        (r"SELECT 'C:\'; SELECT 'it''s; ok'", [r"SELECT 'C:\'", "SELECT 'it''s; ok'"]),
        ('SELECT "a;""b"; SELECT U&\'\\2014;\'', ['SELECT "a;""b"', "SELECT U&'\\2014;'"]),
        ("SELECT 'open; SELECT 2", ["SELECT 'open; SELECT 2"]),
    ],
)
@pytest.mark.compat
def test_split_only_at_semicolons_that_end_a_statement(text: str, statements: list[str]) -> None:
    """Quotes and comments keep theirs, and a backslash escapes nothing; what can't be tokenized is one statement."""
    assert split_statements(text) == statements


@pytest.mark.parametrize(
    ("statement", "count"),
    [
        ("SELECT 1", 0),
        ("SELECT ?, ? FROM t WHERE a IN (?) LIMIT ?", 4),
        ("SELECT '?', \"?\", 'it''s ?' /* ? */ FROM t -- ?", 0),
        (r"SELECT '\', ?", 1),
        ("SELECT 'open ?", None),
    ],
)
@pytest.mark.compat
def test_placeholders_are_counted_outside_of_quotes_and_comments(statement: str, count: int | None) -> None:
    """None if it is unknown."""
    assert count_placeholders(statement) == count


@pytest.mark.parametrize(
    ("query", "tables"),
    [
        ('SELECT * FROM "Koalas Source"', ("Koalas Source",)),
        ("SELECT a FROM t JOIN druid.u ON t.x = u.x WHERE a IN (SELECT a FROM v)", ("t", "u", "v")),
        ("WITH w AS (SELECT * FROM t) SELECT * FROM w UNION ALL SELECT * FROM u", ("t", "u")),
        ("SELECT * FROM (SELECT 'n' AS a, MIN(n) AS b FROM (SELECT n FROM t WHERE n = ?) AS sq) AS c", ("t",)),
        ("SELECT 1", ()),
        ("SELECT * FROM INFORMATION_SCHEMA.TABLES, lookup.l", ()),
        ("SELECT FROM WHERE", None),
        ("EXPLAIN PLAN FOR SELECT * FROM t", None),
    ],
)
def test_tables_of_a_query(query: str, tables: tuple[str, ...] | None) -> None:
    """Joins, subqueries and what Airflow's check operators write."""
    assert tables_selected(query) == tables
