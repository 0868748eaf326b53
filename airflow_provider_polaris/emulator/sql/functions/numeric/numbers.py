# SPDX-License-Identifier: Apache-2.0
"""
Numeric functions.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-scalar#numeric-functions. Whole numbers have 64 bits; on an
overflow, Druid wraps around silently and the emulator fails, with "not supported" in the message.
"""

from __future__ import annotations

from airflow_provider_polaris.emulator.sql.functions.call import Call, Rewrite, Table
from airflow_provider_polaris.emulator.sql.functions.optimizer.constants import is_constant
from airflow_provider_polaris.emulator.sql.functions.subtypes import REAL_PART
from airflow_provider_polaris.emulator.sql.values import java_numbers as java
from airflow_provider_polaris.emulator.sql.values.values import (
    Sql,
    double,
    long,
    quote_text,
)

_LARGEST = "1.7976931348623157e308"
_TOO_LARGE = quote_text("function 'ROUND' is not supported to negative digits for numbers of 1E15 or more")


def negate(call: Call) -> Sql:
    """``-a``."""
    value = _no_sketch(call, call.number(0))
    if value.subtype == "REAL":
        raise call.refuse(REAL_PART)
    text = call.double(0) if value.type == "float" else value.text
    return Sql(f"(-{text})", value.type, subtype=value.subtype)


def absolute(call: Call) -> Sql:
    """``ABS(a)``."""
    return _keep(call, "abs")


def ceiling(call: Call) -> Sql:
    """``CEIL(a)``. OBSERVED(Druid 33): a long is rounded as a double, so that large ones change."""
    return _keep(call, "ceil") if _no_sketch(call, call.number(0)).type != "long" else _as_long(call, call.double(0))


def floor(call: Call) -> Sql:
    """``FLOOR(a)``. OBSERVED(Druid 33): a long is rounded as a double, so that large ones change."""
    return _keep(call, "floor") if _no_sketch(call, call.number(0)).type != "long" else _as_long(call, call.double(0))


def round_(call: Call) -> Sql:
    """
    ``ROUND(a[, digits])``: halves round away from zero, based on the decimal text of the number (2.675 gives 2.68).

    OBSERVED(Druid 33): NaN gives 0.0, an infinite number the largest finite one.
    """
    value = call.number(0)
    digits = call.constant_long(1) if len(call) > 1 else 0
    if not -15 <= digits <= 15:
        raise call.refuse(f"to {digits} digits")
    if value.type == "long":
        if digits >= 0:
            return value
        return long(f"CAST(round(CAST({value.text} AS DECIMAL(38, 0)), {digits}) AS BIGINT)")
    number = call.double(0)
    written = f"CAST(CAST({number} AS VARCHAR) AS DECIMAL(38, 17))"
    rounded = f"CAST(round({written}, {digits}) AS DOUBLE)"
    limit = "1e16" if digits >= 0 else "1e15"
    large = number if digits >= 0 else f"CASE WHEN {number} IS NOT NULL THEN error({_TOO_LARGE}) END"
    return Sql(
        f"CASE WHEN abs({number}) < {limit} THEN {rounded} WHEN isnan({number}) THEN CAST(0 AS DOUBLE) "
        f"WHEN isinf({number}) THEN greatest(least({number}, {_LARGEST}), -{_LARGEST}) ELSE {large} END",
        value.type,
        subtype=value.subtype,
    )


def truncate(call: Call) -> Sql:
    """
    ``TRUNCATE(a[, digits])``: towards zero, by truncating ``a`` times a power of ten.

    OBSERVED(Druid 33): the product is truncated as a long, so that it ends at 64 bits, and -0.0 becomes 0.0.
    """
    value = _no_sketch(call, call.exact_number(0))
    digits = call.constant_long(1) if len(call) > 1 else 0
    if not -15 <= digits <= 15:
        raise call.refuse(f"to {digits} digits")
    number, scale = call.double(0), f"{float(f'1e{digits}')!r}"
    whole = java.double_to_long(f"({number} * {scale})" if digits else number)
    result = f"(CAST({whole} AS DOUBLE) / {scale})" if digits else f"CAST({whole} AS DOUBLE)"
    return _as_long(call, result) if value.type == "long" else Sql(result, value.type)


def power(call: Call) -> Sql:
    """``POWER(a, b)``; as in Java, 1 to the power of NaN or infinity is NaN."""
    base, power_ = call.double(0), call.double(1)
    is_nan = f"isnan({power_}) OR (abs({base}) = 1 AND isinf({power_}))"
    return double(f"CASE WHEN {is_nan} THEN {base} * {java.NAN} ELSE pow({base}, {power_}) END")


def square_root(call: Call) -> Sql:
    """``SQRT(a)``: NaN for a negative number. OBSERVED(Druid 33): of -0.0 it is 0.0, of -Infinity Infinity."""
    root = f"({_guarded(call, 'sqrt', '{0} < 0', java.NAN).text} + CAST(0 AS DOUBLE))"
    return double(f"CASE WHEN {call.double(0)} = -{java.INFINITY} THEN {java.INFINITY} ELSE {root} END")


def natural_logarithm(call: Call) -> Sql:
    """``LN(a)``: minus infinity for zero, NaN for a negative number."""
    return _logarithm(call, "ln")


def decimal_logarithm(call: Call) -> Sql:
    """``LOG10(a)``."""
    return _logarithm(call, "log10")


def of_double(function: str) -> Rewrite:
    """Build the rewrite of a function from double to double that is defined for every double."""

    def rewrite(call: Call) -> Sql:
        return double(f"{function}({call.double(0)})")

    return rewrite


def arc(function: str) -> Rewrite:
    """Build the rewrite of ASIN or ACOS: NaN outside of -1 to 1."""

    def rewrite(call: Call) -> Sql:
        return _guarded(call, function, "abs({0}) > 1", java.NAN)

    return rewrite


def arc_tangent_2(call: Call) -> Sql:
    """``ATAN2(y, x)``."""
    return double(f"atan2({call.double(0)}, {call.double(1)})")


def pi() -> Sql:
    """``PI``, without parentheses."""
    return double("pi()")


def _no_sketch(call: Call, value: Sql) -> Sql:
    """Refuse an estimate for which planning fails. OBSERVED(Druid 33): it doesn't for ``0 - a``, ABS and ROUND."""
    if value.subtype == "SKETCH":
        raise call.refuse("of an estimate of sketches")
    return value


def _as_long(call: Call, number: str) -> Sql:
    """Show a double as the long that the planner takes it for; literals, which it computes otherwise, are refused."""
    if is_constant(call.nodes[0]):
        raise call.refuse("of a literal whole number")
    if call.value(0).subtype == "INTEGER":
        raise call.refuse("of an INTEGER: leave it out")
    return Sql(java.double_to_long(number), "long", subtype="REAL")


def _keep(call: Call, function: str) -> Sql:
    value = call.number(0)
    text = call.double(0) if value.type == "float" else value.text
    return Sql(f"{function}({text})", value.type, subtype=value.subtype)


def _guarded(call: Call, function: str, condition: str, otherwise: str) -> Sql:
    number = call.double(0)
    return double(f"CASE WHEN {condition.format(number)} THEN {otherwise} ELSE {function}({number}) END")


def _logarithm(call: Call, function: str) -> Sql:
    number = call.double(0)
    return double(
        f"CASE WHEN {number} = 0 THEN CAST('-Infinity' AS DOUBLE) WHEN {number} < 0 THEN {java.NAN} "
        f"ELSE {function}({number}) END"
    )


_DOUBLES: tuple[str, ...] = ("exp", "sin", "cos", "tan", "cot", "atan", "degrees", "radians")

FUNCTIONS: Table = {
    "ABS": (absolute, 1, 1),
    "CEIL": (ceiling, 1, 1),
    "CEILING": (ceiling, 1, 1),
    "FLOOR": (floor, 1, 1),
    "ROUND": (round_, 1, 2),
    "TRUNCATE": (truncate, 1, 2),
    "TRUNC": (truncate, 1, 2),
    "POWER": (power, 2, 2),
    "SQRT": (square_root, 1, 1),
    "LN": (natural_logarithm, 1, 1),
    "LOG10": (decimal_logarithm, 1, 1),
    **{name.upper(): (of_double(name), 1, 1) for name in _DOUBLES},
    "ASIN": (arc("asin"), 1, 1),
    "ACOS": (arc("acos"), 1, 1),
    "ATAN2": (arc_tangent_2, 2, 2),
}
