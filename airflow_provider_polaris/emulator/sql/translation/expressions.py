# SPDX-License-Identifier: Apache-2.0
"""Translate the expressions of a job: mappings and filter."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions import FUNCTIONS
from airflow_provider_polaris.emulator.sql.functions.conditions import as_condition
from airflow_provider_polaris.emulator.sql.translation.parsing.parser import parse_one
from airflow_provider_polaris.emulator.sql.translation.scope import bare_scope
from airflow_provider_polaris.emulator.sql.translation.translator import Translator
from airflow_provider_polaris.emulator.sql.values import java_numbers as java
from airflow_provider_polaris.emulator.sql.values.types import Column, Expression, SqlInvalid, SqlNotSupported
from airflow_provider_polaris.emulator.sql.values.values import MULTI_VALUE, Sql


def translate_expression(
    text: str, columns: Sequence[Column], *, storing: bool, where: str | None = None
) -> Expression:
    """
    Translate the expression of a mapping.

    :param text: Druid SQL: ``UPPER("city")``, ``MAX("session_length")``.
    :param columns: The columns of the source, by exact name.
    :param storing: True returns the stored form: a sketch instead of its number, 0 or 1 for a boolean. False returns
        the form of a query.
    :param where: The condition that the rows fulfill, which Druid's planner combines with conditions of aggregates.
    :raises SqlNotSupported: The emulator doesn't support it; the message names the function.
    :raises SqlInvalid: The text can't be parsed, or uses an unknown column.
    """
    translator = Translator(bare_scope(columns), storing=storing)
    translator.where = parse_one(where) if where is not None else None
    node, value = _translate(translator, text)
    if translator.has_aggregate:
        if storing and not _is_aggregate(node):
            # GUESS: not documented whether Polaris stores such a measure; a rollup of it would be impossible.
            raise SqlNotSupported(f"a measure that is more than one aggregate is not supported: {text!r}")
        if translator.ungrouped:
            raise SqlInvalid(f"Expression '{next(iter(translator.ungrouped))}' is not being grouped")
    value = _finished(value, storing)
    return Expression(value.text, value.type, translator.has_aggregate, frozenset(translator.uses))


def translate_filter(text: str, columns: Sequence[Column]) -> Expression:
    """
    Translate a filter: the body of a WHERE clause without the keyword.

    :raises SqlNotSupported: The emulator doesn't support it.
    :raises SqlInvalid: The text can't be parsed, uses an unknown column, has an aggregate, or is not a condition.
    """
    translator = Translator(bare_scope(columns), clause="WHERE")
    _, value = _translate(translator, text)
    constants = frozenset(translator.pinned.values())
    return Expression(as_condition(value, "WHERE"), "boolean", False, frozenset(translator.uses), constants)


def _translate(translator: Translator, text: str) -> tuple[exp.Expression, Sql]:
    node = parse_one(text)
    try:
        return node, translator.translate(node)
    except RecursionError:
        raise SqlInvalid("the SQL is nested too deeply") from None


def _is_aggregate(node: exp.Expression) -> bool:
    """Whether a node that contains an aggregate is an aggregate itself."""
    bare = node.unnest()
    return isinstance(bare, exp.Filter) or (isinstance(bare, exp.Anonymous) and str(bare.this).upper() not in FUNCTIONS)


def _finished(value: Sql, storing: bool) -> Sql:
    """Convert the value to a type that a column can have."""
    if value.type == "interval":
        raise SqlNotSupported("INTERVAL as a value is not supported")
    if value.type == "null":
        return Sql("CAST(NULL AS VARCHAR)", "string")
    if value.type == "date":
        return Sql(value.text, "timestamp")
    if value.type == MULTI_VALUE and storing:
        # OBSERVED(Druid 27): stored values are sorted; no value, and NULL alone, are NULL.
        kept = "CASE WHEN len(__all) > 1 OR __all[1] IS NOT NULL THEN list_sort(__all, 'ASC', 'NULLS FIRST') END"
        return Sql(f"list_transform([{value.text}], lambda __all: {kept})[1]", MULTI_VALUE)
    if value.type == "boolean" and storing:
        # DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-data-types: BOOLEAN is stored as a long.
        return Sql(f"CAST({value.text} AS BIGINT)", "long")
    if value.type == "float" and storing:
        return Sql(java.double_to_float(value.text), "float")
    return value
