# SPDX-License-Identifier: Apache-2.0
"""
Comparisons, logic and conditional functions.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-operators and
https://druid.apache.org/docs/latest/querying/sql-scalar#other-scalar-functions. Both sides are converted to one type.
Comparing text with a number requires CAST, because it isn't documented which side Druid converts.
"""

from __future__ import annotations

from airflow_provider_polaris.emulator.sql.functions.call import Call, Rewrite, Table
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, sql_name
from airflow_provider_polaris.emulator.sql.values.values import ARRAYS, SCALAR, Sql, boolean

#: OBSERVED(Druid 33): NULL elements are equal to each other, as in DuckDB, but the smallest, unlike in DuckDB.
_ORDERS = frozenset({"<", "<=", ">", ">="})


def compare(operator: str) -> Rewrite:
    """Build the rewrite of ``=``, ``<>``, ``<``, ``IS DISTINCT FROM`` and so on."""

    def rewrite(call: Call) -> Sql:
        (left, right), kind = call.same_type(0, 1)
        if kind in ARRAYS and operator in _ORDERS:
            raise call.refuse(f"for {sql_name(kind)}")
        if kind not in SCALAR | ARRAYS:
            raise call.invalid()
        return boolean(f"({left} {operator} {right})")

    return rewrite


def is_null(call: Call) -> Sql:
    """``a IS NULL``, for any type."""
    return boolean(f"({call.value(0).text} IS NULL)")


def between(call: Call) -> Sql:
    """``a BETWEEN low AND high``, bounds included."""
    (value, low, high), _ = call.same_type(0, 1, 2)
    return boolean(f"({value} BETWEEN {low} AND {high})")


def in_list(call: Call) -> Sql:
    """``a IN (b, ...)``."""
    (value, *others), kind = call.same_type(*range(len(call)))
    if kind in ARRAYS:
        # OBSERVED(Druid 33): an error in a WHERE clause, a value elsewhere.
        raise call.refuse(f"for {sql_name(kind)}")
    if kind not in SCALAR:
        raise call.invalid()
    return boolean(f"({value} IN ({', '.join(others)}))")


def not_(call: Call) -> Sql:
    """``NOT a``."""
    return boolean(f"(NOT {call.boolean(0)})")


def logic(operator: str) -> Rewrite:
    """Build the rewrite of a chain of AND or OR."""

    def rewrite(call: Call) -> Sql:
        return boolean("(" + f" {operator} ".join(call.boolean(index) for index in range(len(call))) + ")")

    return rewrite


def case(call: Call, *, has_default: bool) -> Sql:
    """``CASE WHEN a THEN b ... [ELSE c] END``; the arguments are condition, value, condition, value, ..., default."""
    pairs = len(call) // 2
    results = [2 * index + 1 for index in range(pairs)] + ([len(call) - 1] if has_default else [])
    values, kind = call.same_type(*results)
    branches = " ".join(f"WHEN {call.boolean(2 * index)} THEN {values[index]}" for index in range(pairs))
    return Sql(f"CASE {branches} {f'ELSE {values[-1]} ' if has_default else ''}END", kind)


def coalesce(call: Call) -> Sql:
    """``COALESCE(a, ...)``: the first value that is not NULL; ``NVL`` is the same with two arguments."""
    values, kind = call.same_type(*range(len(call)))
    return Sql(f"coalesce({', '.join(values)})", kind)


def nullif(call: Call) -> Sql:
    """``NULLIF(a, b)``: NULL if they are equal, otherwise ``a``."""
    (left, right), kind = call.same_type(0, 1)
    if kind in ARRAYS:
        # OBSERVED(Druid 33): the optimizer turns it into a CASE that uses the column in two ways, which is an error.
        raise call.refuse(f"for {sql_name(kind)}")
    if call.value(0).type not in (kind, "null"):
        # The comparison converts the types, but the result keeps the type of a.
        return Sql(f"CASE WHEN {left} = {right} THEN NULL ELSE {call.value(0).text} END", call.value(0).type)
    return Sql(f"nullif({left}, {right})", kind)


def as_condition(value: Sql, clause: str) -> str:
    """
    Return the SQL of a condition.

    :raises SqlInvalid: The value isn't a boolean.
    """
    if value.type not in ("boolean", "null"):
        raise SqlInvalid(f"{clause} clause must be a condition")
    return value.text


FUNCTIONS: Table = {
    "COALESCE": (coalesce, 1, 1000),
    "NVL": (coalesce, 2, 2),
    "NULLIF": (nullif, 2, 2),
}
