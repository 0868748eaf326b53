# SPDX-License-Identifier: Apache-2.0
"""
GROUP BY with GROUPING SETS, ROLLUP and CUBE, and the function GROUPING.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql#group-by. OBSERVED(Druid 33): over no rows there is no
total, unless GROUP BY () is the whole clause.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.translation.context import TranslationContext
from airflow_provider_polaris.emulator.sql.translation.parsing.parser import describe, only
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, SqlNotSupported
from airflow_provider_polaris.emulator.sql.values.values import Sql, long

_WORDS: dict[type[exp.Expression], str] = {
    exp.GroupingSets: "GROUPING SETS",
    exp.Rollup: "ROLLUP",
    exp.Cube: "CUBE",
}


def keys(elements: Sequence[exp.Expression]) -> list[exp.Expression]:
    """Return the expressions in the elements of a GROUP BY clause, in the order of the text."""
    return [key for element in elements for key in _keys(element)]


def clause(elements: Sequence[exp.Expression], texts: Sequence[str]) -> str:
    """
    Build what follows ``GROUP BY``.

    :param texts: The translation of each of the :func:`keys`.
    """
    rest = iter(texts)
    return ", ".join(_written(element, rest) for element in elements)


def has_total(elements: Sequence[exp.Expression]) -> bool:
    """Whether DuckDB adds a total over no rows, which Druid doesn't."""
    return any(type(element) in _WORDS for element in elements)


def number(context: TranslationContext, node: exp.Expression) -> Sql:
    """
    Translate ``GROUPING(key, ...)``: a bit for each key, 1 in rows that are not grouped by it, the first key's highest.

    :raises SqlInvalid: An argument is not a key of the GROUP BY clause.
    """
    if not node.expressions:
        raise SqlInvalid("Invalid number of arguments to function 'GROUPING'. Was expecting 1 arguments")
    if context.clause is not None:
        raise SqlInvalid("GROUPING operator may only occur in SELECT, HAVING or ORDER BY clause")
    if not context.grouped:
        raise SqlInvalid("GROUPING operator may only occur in an aggregate query")
    texts = [context.translate(key).text for key in node.expressions]
    if not set(texts) <= context.grouped:
        raise SqlInvalid("Argument to GROUPING operator must be a grouped expression")
    if len(set(texts)) < len(texts):
        raise SqlInvalid("Encountered same dimension more than once in groupings")
    return long(f"CAST(GROUPING({', '.join(texts)}) AS BIGINT)")


def _keys(element: exp.Expression) -> Iterator[exp.Expression]:
    if type(element) not in _WORDS and not isinstance(element, exp.Tuple):
        yield element
        return
    only(element, "expressions")
    for part in element.expressions:
        if type(part) in _WORDS:
            raise SqlNotSupported(f"{describe(part)} in {_WORDS.get(type(element), 'a list')} is not supported")
        yield from _keys(part.this if isinstance(part, exp.Paren) else part)


def _written(element: exp.Expression, texts: Iterator[str]) -> str:
    if isinstance(element, exp.Tuple):
        return f"({', '.join(_written(part, texts) for part in element.expressions)})"
    if type(element) not in _WORDS:
        return next(texts)
    parts = (_written(part.this if isinstance(part, exp.Paren) else part, texts) for part in element.expressions)
    return f"{_WORDS[type(element)]} ({', '.join(parts)})"
