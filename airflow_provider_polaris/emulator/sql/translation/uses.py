# SPDX-License-Identifier: Apache-2.0
"""Check that an expression doesn't use a column both as an array and as a value, which Druid refuses."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.collections import LIST_ARGUMENTS
from airflow_provider_polaris.emulator.sql.translation.context import TranslationContext
from airflow_provider_polaris.emulator.sql.values.types import SqlNotSupported

_BOUNDS = (exp.Query, exp.Where, exp.Having, exp.Alias, exp.Filter)
_BOOLEANS = frozenset({"ARRAY_CONTAINS", "ARRAY_OVERLAP", "SCALAR_IN_ARRAY"})
_OF_NULL = frozenset({"COALESCE", "NVL", "IFNULL", "NVL2", "COUNT"})
_LOGIC = (exp.And, exp.Or, exp.Not, exp.Paren)


def check_uses(context: TranslationContext, function: exp.Expression) -> None:
    """
    Check that an array function has a column, and the other uses of each column that it reads as an array.

    OBSERVED(Druid 33): ``[s] used as both scalar and array variables``. Druid's optimizer can hide a use, so the
    emulator refuses it as not supported.

    :raises SqlNotSupported: The same expression uses the column as a value, or there is no column.
    """
    name = str(function.this).upper()
    if name in LIST_ARGUMENTS and function.find(exp.Column) is None:
        # OBSERVED(Druid 33): the optimizer computes these with types of fixed length, 'a' and '' become 'a' and ' '.
        raise SqlNotSupported(f"function '{name}' is not supported with constants only", name)
    select = function.find_ancestor(exp.Select)
    if name == "MV_TO_ARRAY" and select is not None and _compares(select.args.get("where"), function.expressions[0]):
        # OBSERVED(Druid 33): the optimizer replaces the column by its value, which is no column.
        raise SqlNotSupported("function 'MV_TO_ARRAY' is not supported for a column that WHERE compares", name)
    for place in LIST_ARGUMENTS.get(name, ()):
        column = function.expressions[place] if place < len(function.expressions) else None
        if not isinstance(column, exp.Column):
            continue
        whole = _expression(function, is_condition=context.filters)
        if any(other.name == column.name and not _is_list(other) for other in whole.find_all(exp.Column)):
            raise SqlNotSupported(
                f"column '{column.name}' is not supported as an array and as a value in one expression"
            )


def _compares(where: exp.Expression | None, column: exp.Expression) -> bool:
    """Whether a WHERE clause has the column outside of array functions."""
    if where is None or not isinstance(column, exp.Column):
        return False
    return any(other.name == column.name and not _is_list(other) for other in where.find_all(exp.Column))


def check_nullable(node: exp.Expression) -> None:
    """
    Refuse to look for NULL in the result of an array function over ``ARRAY[...]``.

    OBSERVED(Druid 33): the optimizer takes this result for never NULL, because ``ARRAY[...]`` never is; but an element
    or a slice outside of the array is NULL.

    :raises SqlNotSupported: The node depends on NULL and has such a part.
    """
    name = str(node.this).upper() if isinstance(node, exp.Anonymous) else ""
    if not isinstance(node, (exp.Is, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Unnest)) and name not in _OF_NULL:
        return
    for array in node.find_all(exp.Array):
        made: Any = array
        while _passes_on(made.parent):
            made = made.parent
        function = made.parent
        if isinstance(function, exp.Anonymous) and _is_source(function, made):
            called = str(function.this).upper()
            raise SqlNotSupported(f"function '{called}' of an ARRAY is not supported where NULL has a meaning", called)


def _passes_on(node: Any) -> bool:
    """Whether a node has the value of one of its parts."""
    is_first_of = isinstance(node, exp.Anonymous) and str(node.this).upper() in ("COALESCE", "NVL", "IFNULL")
    return is_first_of or isinstance(node, (exp.Paren, exp.If, exp.Case))


def _is_source(function: exp.Anonymous, array: exp.Expression) -> bool:
    """Whether the function's result has the nullability of this argument."""
    name = str(function.this).upper()
    places = LIST_ARGUMENTS.get(name, ())
    return name not in _BOOLEANS and any(function.expressions[place] is array for place in places[:1])


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
