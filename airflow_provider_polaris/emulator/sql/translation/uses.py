# SPDX-License-Identifier: Apache-2.0
"""Check that an expression doesn't use a column both as an array and as a value, which Druid refuses."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.collections import LIST_ARGUMENTS
from airflow_provider_polaris.emulator.sql.translation.context import TranslationContext
from airflow_provider_polaris.emulator.sql.values.types import SqlNotSupported
from airflow_provider_polaris.emulator.sql.values.values import ARRAYS

_BOUNDS = (exp.Query, exp.Where, exp.Having, exp.Alias, exp.Filter)
_LOGIC = (exp.And, exp.Or, exp.Not, exp.Paren)


def check_use(context: TranslationContext, function: exp.Expression, position: int) -> None:
    """
    Check the other uses of a column that is an argument of an array function.

    OBSERVED(Druid 33): ``[s] used as both scalar and array variables``. Druid's optimizer can hide a use, so the
    emulator refuses it as not supported.

    :raises SqlNotSupported: The same expression uses the column as a value.
    """
    column = function.expressions[position] if position < len(function.expressions) else None
    if not isinstance(column, exp.Column) or context.translate(column).type in ARRAYS:
        return
    whole = _expression(function, is_condition=context.filters)
    if any(other.name == column.name and not _is_list(other) for other in whole.find_all(exp.Column)):
        raise SqlNotSupported(f"column '{column.name}' is not supported as an array and as a value in one expression")


def _expression(node: exp.Expression, *, is_condition: bool) -> exp.Expression:
    """Return the whole expression of a node; Druid evaluates the parts of a WHERE clause on their own."""
    path: list[Any] = [node]
    while path[-1].parent is not None and not isinstance(path[-1].parent, _BOUNDS):
        path.append(path[-1].parent)
    while is_condition and len(path) > 1 and isinstance(path[-1], _LOGIC):
        path.pop()
    whole: exp.Expression = path[-1]
    return whole


def _is_list(column: exp.Column) -> bool:
    function = column.parent
    if not isinstance(function, exp.Anonymous):
        return False
    places = LIST_ARGUMENTS.get(str(function.this).upper(), ())
    return any(function.expressions[place] is column for place in places if place < len(function.expressions))
