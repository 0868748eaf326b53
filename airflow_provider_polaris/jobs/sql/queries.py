# SPDX-License-Identifier: Apache-2.0
"""
Split texts with several statements, and read what a SELECT reads. Performs no I/O and never raises.

sqlglot is imported inside functions, so that the import of an operator stays fast.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_polaris.jobs.sql.column_lineage import tables_of
from airflow_provider_polaris.jobs.sql.parsing import LONGEST_EXPRESSION, druid_dialect


def split_statements(text: str) -> list[str]:
    r"""
    Return the statements of a text, without the ``;`` between them.

    A ``;`` in quotes or in a comment ends no statement. In Druid a backslash is a character like any other.

    >>> split_statements("SELECT 'C:\\'; SELECT ';' -- second; and last")
    ["SELECT 'C:\\'", "SELECT ';' -- second; and last"]

    :return: Each with its comments; empty if there is none. A text that can't be tokenized is one statement.
    """
    if ";" not in text:
        return [text.strip()] if text.strip() else []
    tokens = _tokens(text)
    if tokens is None:
        return [text.strip()]
    statements = []
    start, is_empty = 0, True
    for token in tokens:
        if token.text == ";" and text[token.start] == ";":
            if not is_empty:
                statements.append(text[start : token.start].strip())
            start, is_empty = token.end + 1, True
        else:
            is_empty = False
    if not is_empty:
        statements.append(text[start:].strip())
    return statements


def count_placeholders(statement: str) -> int | None:
    r"""
    Return the number of ``?`` that stand for parameters: not in quotes and not in comments.

    >>> count_placeholders("SELECT '?' AS \"?\" FROM t WHERE a = ? /* ? */")
    1

    :return: None if the statement can't be tokenized.
    """
    tokens = _tokens(statement)
    return None if tokens is None else sum(token.text == "?" == statement[token.start] for token in tokens)


def tables_selected(query: str) -> tuple[str, ...] | None:
    """
    Return the tables that a SELECT reads, joins and subqueries included.

    >>> tables_selected('WITH w AS (SELECT * FROM "raw") SELECT a FROM w JOIN druid.u ON w.x = u.x')
    ('raw', 'u')

    :return: Each table once, sorted; without lookups and system tables. None if the query can't be parsed.
    """
    import sqlglot
    from sqlglot import exp

    if len(query) > LONGEST_EXPRESSION:
        return None
    dialect = druid_dialect()
    try:
        tree = sqlglot.parse_one(query, read=dialect)
    except Exception:
        # As in the lineage of jobs: any exception while a user's text is parsed means unknown.
        return None
    return tables_of(tree) if isinstance(tree, exp.Query) else None


def _tokens(text: str) -> list[Any] | None:
    from sqlglot.errors import SqlglotError

    dialect = druid_dialect()
    try:
        return list(dialect().tokenize(text))
    except SqlglotError:
        return None
