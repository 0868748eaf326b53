# SPDX-License-Identifier: Apache-2.0
"""
Arithmetic: ``+``, ``-``, ``*``, ``/``, DIV, MOD and SAFE_DIVIDE.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-scalar#numeric-functions. Whole numbers have 64 bits; on an
overflow, Druid wraps around silently and the emulator fails, with "not supported" in the message.
"""

from __future__ import annotations

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.call import Call, Rewrite, Table
from airflow_provider_polaris.emulator.sql.functions.casts import cast
from airflow_provider_polaris.emulator.sql.functions.optimizer.constants import is_constant
from airflow_provider_polaris.emulator.sql.functions.subtypes import REAL_PART
from airflow_provider_polaris.emulator.sql.values import java_numbers as java
from airflow_provider_polaris.emulator.sql.values.values import Sql, failure, long

_BY_ZERO = failure("'/ by zero'")
_NO_ROWS = "error('division by COUNT(*), which is zero')"


def arithmetic(operator: str) -> Rewrite:
    """Build the rewrite of ``+``, ``-`` or ``*``: a long for two longs, otherwise a double."""

    def rewrite(call: Call) -> Sql:
        (left, right), kind, subtype = call.numbers(0, 1)
        if "string" in (call.value(0).type, call.value(1).type) and any(map(_has_values, call.nodes)):
            # OBSERVED(Druid 33): some texts are 0 there.
            raise call.refuse("of a text and a function of a multi-value string")
        if "string" in (call.value(0).type, call.value(1).type) and any(map(_is_place, call.nodes)):
            # OBSERVED(Druid 33): the result has 32 bits.
            raise call.refuse("of a text and a place in a text")
        if kind == "long" and subtype == "REAL":
            return _arithmetic_of_real(call, operator)
        if kind == "long":
            # The plus sign keeps DuckDB from writing n > 5 for n + 1 > 6, which hides a number beyond 64 bits.
            return Sql(f"(+({left} {operator} {right}))", kind, subtype=subtype)
        if operator == "+":
            # OBSERVED(Druid 33): the planner leaves out a zero, also one that it computes, and so keeps -0.0.
            for index, zero, other in ((0, left, right), (1, right, left)):
                if is_constant(call.nodes[index]) and not call.value(index).constant:
                    return Sql(f"CASE WHEN {zero} = 0 THEN {other} ELSE {left} + {right} END", kind, subtype=subtype)
        return Sql(f"({left} {operator} {right})", kind, subtype=subtype)

    return rewrite


def _arithmetic_of_real(call: Call, operator: str) -> Sql:
    """
    Compute a whole number that Druid computes as a double; a result beyond 64 bits fails.

    :raises SqlNotSupported: It is a product of which zero can be -0.0.
    """
    if operator == "*" and not any(isinstance(value.constant, int) and value.constant > 0 for value in call.values()):
        raise call.refuse(REAL_PART)
    result = f"({cast(call.value(0), 'double').text} {operator} {cast(call.value(1), 'double').text})"
    return Sql(f"CAST({result} AS BIGINT)", "long", subtype="REAL")


def _is_place(node: exp.Expression) -> bool:
    return isinstance(node, exp.Anonymous) and str(node.this).upper() in ("STRPOS", "POSITION")


def _has_values(node: exp.Expression) -> bool:
    return any(str(call.this).upper().startswith("MV_") for call in node.find_all(exp.Anonymous))


def divide(call: Call) -> Sql:
    """``a / b``: for two longs truncated towards zero. Division by zero fails for longs and is infinite for doubles."""
    (left, right), kind, subtype = call.numbers(0, 1)
    if kind != "long":
        return Sql(f"({left} / {right})", kind, subtype=subtype)
    if subtype == "REAL":
        raise call.refuse(REAL_PART)
    return Sql(_whole(call, f"({left} // {right})", left, right), "long", subtype=subtype)


def div(call: Call) -> Sql:
    """``DIV(a, b)``: the quotient truncated towards zero, also of doubles."""
    (left, right), kind = _pair(call)
    if kind != "long":
        return long(java.double_to_long(f"({left} / {right})"))
    return long(_whole(call, f"({left} // {right})", left, right))


def mod(call: Call) -> Sql:
    """
    ``MOD(a, b)``: the remainder has the sign of ``a``; of doubles by zero it is NaN.

    OBSERVED(Druid 33): of doubles it is a decimal number, so that a FLOAT plus it is a double.
    """
    (left, right), kind = _pair(call)
    if any(isinstance(value.constant, float) and abs(value.constant) >= 1e4 for value in call.values()):
        raise call.refuse("with a literal of 10000.0 or more: Druid fails for some")
    if kind != "long" and any(
        is_constant(node) and not isinstance(node, (exp.Literal, exp.Neg)) for node in call.nodes
    ):
        # OBSERVED(Druid 33): the planner computes it, and fails if it is large.
        raise call.refuse("with a number that is computed from literals")
    if kind != "long":
        nothing = f"{right} = 0 OR isinf({left}) OR isnan({left})"
        remainder = f"CASE WHEN {nothing} THEN {left} * {right} * {java.NAN} ELSE {left} % {right} END"
        return Sql(remainder, "double", subtype="DECIMAL")
    return long(_whole(call, f"({left} % {right})", left, right))


def safe_divide(call: Call) -> Sql:
    """``SAFE_DIVIDE(a, b)``: NULL for a division by zero; for doubles, 0 / 0 is 0. The type is that of ``a / b``."""
    for index in (0, 1):
        call.exact_number(index)
    (left, right), kind, _ = call.numbers(0, 1)
    if kind != "long":
        nothing = f"({right} = 0 OR isnan({right}))"
        return Sql(
            f"CASE WHEN {nothing} AND {left} = 0 THEN CAST(0 AS DOUBLE) "
            f"WHEN {nothing} THEN nullif({left}, {left}) ELSE {left} / {right} END",
            kind,
        )
    return long(f"CASE WHEN {right} = 0 THEN nullif({left}, {left}) ELSE {left} // {right} END")


def _whole(call: Call, result: str, dividend: str, divisor: str) -> str:
    """Fail if the divisor is zero and the dividend isn't NULL; DuckDB's own behavior differs between releases."""
    if call.value(1).constant == 0 and is_constant(call.nodes[0]):
        # Druid's planner fails, unless it leaves the division out: 1 / 0 IS NULL is false.
        raise call.refuse("of a literal by zero")
    node = call.nodes[1].unnest()
    name = str(node.this).upper() if isinstance(node, exp.Anonymous) else ""
    if call.value(1).constant or (name == "NULLIF" and node.expressions[1] == exp.Literal.number(0)):
        return result
    # No group has zero rows, so this is the failure of an empty table, on which no condition depends.
    is_count = name == "COUNT" and isinstance(node.expressions[0], exp.Star)
    nothing = f"CASE WHEN {dividend} IS NOT NULL THEN {_NO_ROWS if is_count else _BY_ZERO} END"
    return f"CASE WHEN {divisor} = 0 THEN {nothing} ELSE {result} END"


def _pair(call: Call) -> tuple[tuple[str, str], str]:
    """Translate two numbers to longs if both are, otherwise to doubles; text is a double."""
    left, right = call.number(0), call.number(1)
    if left.type == right.type == "long":
        return (left.text, right.text), "long"
    return (call.double(0), call.double(1)), "double"


FUNCTIONS: Table = {
    "MOD": (mod, 2, 2),
    "DIV": (div, 2, 2),
    "SAFE_DIVIDE": (safe_divide, 2, 2),
}
