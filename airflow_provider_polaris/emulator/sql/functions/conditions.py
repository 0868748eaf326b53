# SPDX-License-Identifier: Apache-2.0
"""
Logic and conditional functions.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-operators and
https://druid.apache.org/docs/latest/querying/sql-scalar#other-scalar-functions.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.call import Call, Rewrite, Table
from airflow_provider_polaris.emulator.sql.functions.comparisons import check_order, not_both_nan
from airflow_provider_polaris.emulator.sql.functions.optimizer import native_filters
from airflow_provider_polaris.emulator.sql.functions.optimizer.constants import (
    has_repeated_operands,
    is_constant,
    is_division,
    is_never_null,
    is_pi,
    may_be_literal,
)
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, sql_name
from airflow_provider_polaris.emulator.sql.values.values import (
    ARRAYS,
    MULTI_VALUE,
    NUMERIC,
    TEMPORAL,
    Sql,
    boolean,
    can_fail,
)


def is_null(call: Call) -> Sql:
    """``a IS NULL``, for any type."""
    if call.value(0).type == "interval":
        raise call.refuse("of an INTERVAL")
    _check_multi_values(call)
    if can_fail(call.value(0).text) and (is_never_null(call.nodes[0]) or is_division(call.nodes[0])):
        # OBSERVED(Druid 33): the planner knows that it is not NULL, or looks for NULL in the operands only.
        raise call.refuse("of a value that can fail, such as a division of whole numbers")
    return boolean(f"({call.value(0).text} IS NULL)")


def not_(call: Call) -> Sql:
    """``NOT a``."""
    return boolean(f"(NOT {call.boolean(0)})")


def logic(operator: str) -> Rewrite:
    """Build the rewrite of a chain of AND or OR."""

    def rewrite(call: Call) -> Sql:
        texts = [call.boolean(index) for index in range(len(call))]
        check_order(call, texts)
        if call.native and has_repeated_operands(call.nodes):
            # OBSERVED(Druid 33): a > 0.1 OR a < 0.1 becomes a <> 0.1, which a native filter computes otherwise.
            raise call.refuse("of two comparisons with the same operands")
        return boolean(f"({f' {operator} '.join(texts)})")

    return rewrite


def case(call: Call, node: exp.Case) -> Sql:
    """``CASE WHEN a THEN b ... [ELSE c] END``; the arguments are condition, value, condition, value, ..., default."""
    pairs, has_default = len(call) // 2, len(call) % 2 == 1
    results = [2 * index + 1 for index in range(pairs)] + ([len(call) - 1] if has_default else [])
    _check_times(call, results)
    values, kind, subtype = call.results(*results)
    if subtype != "NULL" and may_be_literal(node):
        raise call.refuse("with literals and a condition that the planner decides: write the value that it selects")
    branches = " ".join(f"WHEN {call.boolean(2 * index)} THEN {values[index]}" for index in range(pairs))
    return Sql(f"CASE {branches} {f'ELSE {values[-1]} ' if has_default else ''}END", kind, subtype=subtype)


def coalesce(call: Call) -> Sql:
    """``COALESCE(a, ...)``: the first value that is not NULL."""
    _check_multi_values(call)
    _check_times(call, range(len(call)))
    values, kind, subtype = call.results(*range(len(call)))
    front = [node for index, node in enumerate(call.nodes[:-1]) if call.value(index).type in NUMERIC]
    is_computed = any(map(is_constant, front)) and not all(map(is_constant, call.nodes))
    if is_computed or any(call.value(index).constant is not None for index in range(len(call) - 1)):
        # OBSERVED(Druid 33): the planner computes with it, also with a CAST of a literal, and refuses NaN and others.
        raise call.refuse("with a literal in front of other values")
    return Sql(f"coalesce({', '.join(values)})", kind, subtype=subtype)


def nvl(call: Call) -> Sql:
    """``NVL(a, b)`` or IFNULL. OBSERVED(Druid 33): two numbers, or two values of one type; DATE is not TIMESTAMP."""
    types = {value.type for value in call.values()} - {"null"}
    if len(types) > 1 and not types <= NUMERIC:
        raise call.invalid()
    return coalesce(call)


def nullif(call: Call) -> Sql:
    """``NULLIF(a, b)``: NULL if they are equal, otherwise ``a``."""
    (left, right), kind = call.comparable(0, 1)
    if call.nodes[0] == call.nodes[1] and not is_constant(call.nodes[0]):
        raise call.refuse("of a value and itself")
    if kind in ARRAYS:
        # OBSERVED(Druid 33): the optimizer turns it into a CASE that uses the column in two ways, which is an error.
        raise call.refuse(f"for {sql_name(kind)}")
    first = call.value(0)
    if first.type == "null":
        return first
    left, right = native_filters.checked(call, (left, right), kind, is_equality=True)
    if first.type != kind:
        # The comparison converts the types, but the result keeps the type of a.
        text = f"CASE WHEN {not_both_nan(call, left, [right])} = {right.text} THEN NULL ELSE {first.text} END"
        return Sql(text, first.type, subtype=first.subtype)
    return Sql(f"nullif({not_both_nan(call, left, [right])}, {right.text})", kind, subtype=first.subtype)


def _check_times(call: Call, results: Sequence[int]) -> None:
    """Refuse DATE and TIMESTAMP with a literal among three results. OBSERVED(Druid 33): its planner takes two."""
    values = [call.value(index) for index in results]
    has_literal = any(isinstance(value.constant, int) for value in values)
    if len(values) > 2 and has_literal and {value.type for value in values} >= TEMPORAL:
        raise call.refuse("with a DATE and a TIMESTAMP among three or more values")


def _check_multi_values(call: Call) -> None:
    """
    Refuse to ask whether a condition on multi-value strings is NULL.

    OBSERVED(Druid 33): a filter never finds it NULL, though NOT excludes the rows for which an expression is.
    """
    if not call.selects or call.collection(0).type != "boolean":
        return
    names = [str(function.this).upper() for function in call.nodes[0].find_all(exp.Anonymous)]
    columns = (call.translate(column).type for column in call.nodes[0].find_all(exp.Column) if not is_pi(column))
    if not {"MV_CONTAINS", "MV_OVERLAP"}.isdisjoint(names) or MULTI_VALUE in columns:
        raise call.refuse("of a condition on a multi-value string")


def as_condition(value: Sql, clause: str) -> str:
    """
    Return the SQL of a condition.

    :raises SqlInvalid: The value isn't a boolean.
    """
    if value.type != "boolean" and (value.type != "null" or clause == "FILTER"):
        raise SqlInvalid(f"{clause} clause must be a condition")
    return value.text


FUNCTIONS: Table = {
    "COALESCE": (coalesce, 1, 1000),
    "NVL": (nvl, 2, 2),
    "IFNULL": (nvl, 2, 2),
    "NULLIF": (nullif, 2, 2),
}
