# SPDX-License-Identifier: Apache-2.0
"""
Comparisons, GREATEST and LEAST, with Java's order of text and doubles.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-operators. OBSERVED(Druid 33): text is ordered by UTF-16
units, in which a character beyond U+FFFF comes before U+E000; -0.0 is less than 0.0, though both are equal.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.call import Call, Rewrite, Table
from airflow_provider_polaris.emulator.sql.functions.casts import cast
from airflow_provider_polaris.emulator.sql.functions.collections import lists
from airflow_provider_polaris.emulator.sql.functions.optimizer.constants import is_constant
from airflow_provider_polaris.emulator.sql.functions.optimizer.native_filters import checked
from airflow_provider_polaris.emulator.sql.values import java_numbers as java
from airflow_provider_polaris.emulator.sql.values import java_text
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, sql_name
from airflow_provider_polaris.emulator.sql.values.values import (
    ARRAYS,
    NUMERIC,
    SCALAR,
    TEMPORAL,
    Sql,
    boolean,
    can_fail,
    describe_types,
    long,
    string,
)

_ORDERS = ("<", "<=", ">", ">=")


def compare(operator: str) -> Rewrite:
    """Build the rewrite of ``=``, ``<>``, ``<``, ``IS DISTINCT FROM`` and so on."""

    def rewrite(call: Call) -> Sql:
        (left, right), kind = call.comparable(0, 1)
        if kind in ARRAYS and operator in _ORDERS:
            # OBSERVED(Druid 33): NULL elements are equal to each other, as in DuckDB, but the smallest, unlike there.
            raise call.refuse(f"for {sql_name(kind)}")
        if kind not in SCALAR | ARRAYS and "null" in (call.value(0).type, call.value(1).type):
            raise call.refuse(f"of {sql_name(kind)} and NULL: write IS NULL")
        if kind not in SCALAR | ARRAYS:
            raise call.invalid()
        if kind in ARRAYS and call.nodes[0] == call.nodes[1] and call.nodes[0].find_ancestor(exp.Case):
            # OBSERVED(Druid 33): the optimizer asks for NULL instead, and reads the column in two ways.
            raise call.refuse("of an array and itself in CASE")
        left, right = checked(call, (left, right), kind, is_equality=operator not in _ORDERS)
        if kind == "doubleArray":
            return boolean(f"({lists.signed(left.text)} {operator} {lists.signed(right.text)})")
        if operator in _ORDERS:
            return boolean(_ordered(left, operator, right, kind))
        return boolean(f"({not_both_nan(call, left, [right])} {operator} {right.text})")

    return rewrite


def not_both_nan(call: Call, value: Sql, others: Sequence[Sql]) -> str:
    """
    Build a number that is tested for equality, and refuse NaN in it and in another one.

    OBSERVED(Druid 33): NaN is not NaN, but the optimizer finds that equal expressions are.
    """
    computed = [other for other in others if other.constant is None and other.text != value.text]
    if value.type not in ("double", "float") or value.constant is not None or not computed:
        return value.text
    is_nan = " OR ".join(f"isnan({other.text})" for other in computed)
    return call.without(value.text, f"isnan({value.text}) AND ({is_nan})", "for NaN on both sides")


def check_order(call: Call, texts: Sequence[str]) -> None:
    """
    Refuse conditions of which one can fail, if those before it may leave it out.

    OBSERVED(Druid 33): the rows of a SELECT leave it out; groups, aggregates and filters compute it for all rows of a
    batch, and filters begin with the conditions that have an index.

    :raises SqlNotSupported: There is such a condition.
    """
    first, *others = map(can_fail, texts)
    if any(others) or (first and call.selects):
        raise call.refuse(
            "with a part that can fail, such as a division of whole numbers: write NULLIF(divisor, 0), or SAFE_DIVIDE"
        )


def between(call: Call) -> Sql:
    """``a BETWEEN low AND high``, bounds included."""
    try:
        (value, low, high), kind = call.comparable(0, 1, 2)
    except SqlInvalid:
        if "string" not in (call.value(1).type, call.value(2).type):
            raise
        # OBSERVED(Druid 33): it answers for a time between a text and a number.
        raise call.refuse("with values of different types") from None
    if kind in ARRAYS:
        raise call.refuse(f"for {sql_name(kind)}")
    check_order(call, [low.text, high.text])
    value, low, high = checked(call, (value, low, high), kind, is_equality=value.constant is not None)
    if kind in ("string", "double", "float"):
        return boolean(f"({_ordered(value, '>=', low, kind)} AND {_ordered(value, '<=', high, kind)})")
    return boolean(f"({value.text} BETWEEN {low.text} AND {high.text})")


def in_list(call: Call) -> Sql:
    """``a IN (b, ...)``."""
    try:
        (value, *others), kind = call.comparable(*range(len(call)))
    except SqlInvalid:
        if len(call) == 2:
            raise
        # OBSERVED(Druid 33): for some types, such as a TIMESTAMP after a BIGINT, it answers.
        raise call.refuse("with values of different types") from None
    if kind in ARRAYS:
        # OBSERVED(Druid 33): an error in a WHERE clause, a value elsewhere.
        raise call.refuse(f"for {sql_name(kind)}")
    if kind not in SCALAR:
        raise call.invalid()
    types = {call.value(index).type for index in range(1, len(call))}
    if kind == "double" and all(map(is_constant, call.nodes)):
        # OBSERVED(Druid 33): the planner fails for numbers of different sizes.
        raise call.refuse("of literal decimal numbers only")
    if "string" in types and types & NUMERIC:
        # OBSERVED(Druid 33): each is compared by its own type.
        raise call.refuse("with values of different types")
    if types >= TEMPORAL and len(call) > 3:
        # OBSERVED(Druid 33): its planner takes a DATE and a TIMESTAMP in a list of two, not in one of three.
        raise call.refuse("with a DATE and a TIMESTAMP among three or more values")
    check_order(call, [other.text for other in others])
    value, *others = checked(call, (value, *others), kind, is_equality=True)
    return boolean(f"({not_both_nan(call, value, others)} IN ({', '.join(other.text for other in others)}))")


def extreme(function: str) -> Rewrite:
    """Build the rewrite of GREATEST or LEAST, which ignore NULLs."""

    def rewrite(call: Call) -> Sql:
        values = call.values()
        types = {value.type for value in values}
        if "null" in types:
            raise call.refuse("of the literal NULL")
        if types <= TEMPORAL | {"long"} and types & TEMPORAL:
            # OBSERVED(Druid 33): the result is the number of milliseconds.
            return long(f"{function}({', '.join(cast(value, 'long').text for value in values)})")
        is_literal = all(isinstance(value.constant, str) for value in values)
        if "boolean" in types or types & TEMPORAL or not types <= SCALAR or is_literal:
            raise call.refuse(f"for {describe_types(call.name, values)}")
        # OBSERVED(Druid 33): the result of floats is a double.
        kind = "string" if "string" in types else "long" if types == {"long"} else "double"
        texts = [cast(value, kind).text for value in values]
        if kind == "double":
            # OBSERVED(Druid 33): a whole number that is chosen stays one until the result: '7', not '7.0'.
            return Sql(_extreme_double(function, texts), kind, subtype="MIXED" if "long" in types else None)
        if kind == "string":
            return Sql(_extreme_text(function, texts), kind)
        return Sql(f"{function}({', '.join(texts)})", kind)

    return rewrite


def _ordered(left: Sql, operator: str, right: Sql, kind: str) -> str:
    if kind == "string":
        left, right = (
            side if isinstance(side.constant, str) and side.constant.isascii() else string(java_text.order(side.text))
            for side in (left, right)
        )
    plain = f"({left.text} {operator} {right.text})"
    if kind not in ("double", "float") or any(side.constant for side in (left, right)):
        return plain
    smaller, greater = (left.text, right.text) if operator[0] == "<" else (right.text, left.text)
    if operator in ("<", ">"):
        return f"({plain} OR ({smaller} = {greater} AND signbit({smaller}) AND NOT signbit({greater})))"
    return f"({plain} AND NOT ({smaller} = {greater} AND NOT signbit({smaller}) AND signbit({greater})))"


def _extreme_text(function: str, texts: Sequence[str]) -> str:
    """Choose by Java's order of text."""
    chosen = f"{'list_max' if function == 'greatest' else 'list_min'}([{', '.join(map(java_text.order, texts))}])"
    return java_text.unordered(chosen)


def _extreme_double(function: str, texts: Sequence[str]) -> str:
    """Choose by Java's order of doubles, in which -0.0 is less than 0.0."""
    chosen = f"{function}({', '.join(texts)})"
    sign = "signbit" if function == "least" else "NOT signbit"
    zero = " OR ".join(f"({text} = 0 AND {sign}({text}))" for text in texts)
    first, other = ("-0e0", "0e0") if function == "least" else ("0e0", "-0e0")
    is_nan = " OR ".join(f"isnan({text})" for text in texts)
    signed = f"CASE WHEN {zero} THEN {first} ELSE {other} END"
    return f"CASE WHEN {is_nan} THEN {java.NAN} WHEN {chosen} = 0 THEN {signed} ELSE {chosen} END"


FUNCTIONS: Table = {
    "GREATEST": (extreme("greatest"), 1, 100),
    "LEAST": (extreme("least"), 1, 100),
}
