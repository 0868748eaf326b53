# SPDX-License-Identifier: Apache-2.0
"""
Arithmetic and numeric functions.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-scalar#numeric-functions. Whole numbers have 64 bits; on an
overflow, Druid wraps around silently and the emulator fails.
"""

from __future__ import annotations

from airflow_provider_polaris.emulator.sql.functions.call import Call, Rewrite, Table
from airflow_provider_polaris.emulator.sql.values.values import Sql, double, long, quote_text

_BY_ZERO = f"error({quote_text('/ by zero')})"
_NAN = "CAST('NaN' AS DOUBLE)"


def arithmetic(operator: str) -> Rewrite:
    """Build the rewrite of ``+``, ``-`` or ``*``: a long for two longs, otherwise a double."""

    def rewrite(call: Call) -> Sql:
        left, right, kind = _pair(call)
        return Sql(f"({left} {operator} {right})", kind)

    return rewrite


def divide(call: Call) -> Sql:
    """``a / b``: for two longs truncated towards zero. Division by zero fails for longs and is infinite for doubles."""
    left, right, kind = _pair(call)
    if kind == "double":
        return double(f"({left} / {right})")
    return long(_whole(call, f"({left} // {right})", right))


def div(call: Call) -> Sql:
    """``DIV(a, b)``: the quotient truncated towards zero, also for doubles."""
    left, right, kind = _pair(call)
    if kind == "double":
        raise call.refuse("with numbers that are not whole")
    return long(_whole(call, f"({left} // {right})", right))


def mod(call: Call) -> Sql:
    """``MOD(a, b)``: the remainder has the sign of ``a``."""
    left, right, kind = _pair(call)
    if kind == "double":
        raise call.refuse("with numbers that are not whole")
    return long(_whole(call, f"({left} % {right})", right))


def safe_divide(call: Call) -> Sql:
    """``SAFE_DIVIDE(a, b)``: NULL for a division by zero; for doubles, 0 / 0 is 0."""
    left, right, kind = _pair(call)
    if kind == "double":
        nothing = f"({right} = 0 OR isnan({right}))"
        return double(
            f"CASE WHEN {nothing} AND {left} = 0 THEN CAST(0 AS DOUBLE) "
            f"WHEN {nothing} THEN NULL ELSE {left} / {right} END"
        )
    return long(f"CASE WHEN {right} = 0 THEN NULL ELSE {left} // {right} END")


def negate(call: Call) -> Sql:
    """``-a``."""
    value = call.number(0)
    return Sql(f"(-{value.text})", value.type)


def absolute(call: Call) -> Sql:
    """``ABS(a)``."""
    return _keep(call, "abs")


def ceiling(call: Call) -> Sql:
    """``CEIL(a)``."""
    return _keep(call, "ceil") if call.number(0).type != "long" else call.number(0)


def floor(call: Call) -> Sql:
    """``FLOOR(a)``."""
    return _keep(call, "floor") if call.number(0).type != "long" else call.number(0)


def round_(call: Call) -> Sql:
    """``ROUND(a[, digits])``: halves round away from zero, based on the decimal text of the number (2.675 gives
    2.68).
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
    return double(
        f"CASE WHEN abs({number}) < 1e15 THEN {rounded} ELSE {number} END"
        if digits >= 0
        else _only_small(number, rounded)
    )


def _only_small(number: str, rounded: str) -> str:
    message = quote_text("function 'ROUND' is not supported to negative digits for numbers of 1E15 or more")
    return f"CASE WHEN abs({number}) < 1e15 THEN {rounded} WHEN {number} IS NOT NULL THEN error({message}) END"


def truncate(call: Call) -> Sql:
    """``TRUNCATE(a[, digits])``: towards zero, by truncating ``a`` times a power of ten."""
    value = call.number(0)
    digits = call.constant_long(1) if len(call) > 1 else 0
    if not -15 <= digits <= 15:
        raise call.refuse(f"to {digits} digits")
    if value.type == "long":
        scale = 10 ** max(0, -digits)
        return value if scale == 1 else long(f"({value.text} // {scale} * {scale})")
    number = call.double(0)
    if digits < 0:
        return double(f"(trunc({number} / 1e{-digits}) * 1e{-digits})")
    return double(f"trunc({number})" if digits == 0 else f"(trunc({number} * 1e{digits}) / 1e{digits})")


def power(call: Call) -> Sql:
    """``POWER(a, b)``."""
    return double(f"pow({call.double(0)}, {call.double(1)})")


def square_root(call: Call) -> Sql:
    """``SQRT(a)``: NaN for a negative number."""
    return _guarded(call, "sqrt", "{0} < 0", _NAN)


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
        return _guarded(call, function, "abs({0}) > 1", _NAN)

    return rewrite


def arc_tangent_2(call: Call) -> Sql:
    """``ATAN2(y, x)``."""
    return double(f"atan2({call.double(0)}, {call.double(1)})")


def pi(call: Call) -> Sql:
    """``PI``."""
    del call
    return double("pi()")


def bitwise(operator: str) -> Rewrite:
    """Build the rewrite of a bitwise function of two longs."""

    def rewrite(call: Call) -> Sql:
        return long(f"({call.long(0)} {operator} {call.long(1)})")

    return rewrite


def bitwise_xor(call: Call) -> Sql:
    """``BITWISE_XOR(a, b)``."""
    return long(f"xor({call.long(0)}, {call.long(1)})")


def bitwise_complement(call: Call) -> Sql:
    """``BITWISE_COMPLEMENT(a)``."""
    return long(f"(~{call.long(0)})")


def extreme(function: str) -> Rewrite:
    """Build the rewrite of GREATEST or LEAST, which ignore NULLs."""

    def rewrite(call: Call) -> Sql:
        values, kind = call.same_type(*range(len(call)))
        return Sql(f"{function}({', '.join(values)})", kind)

    return rewrite


def _whole(call: Call, result: str, divisor: str) -> str:
    """Fail if the divisor is zero and the dividend isn't NULL; DuckDB's own behavior differs between releases."""
    if call.value(1).constant:
        return result
    failure = f"CASE WHEN {call.long(0)} IS NOT NULL THEN {_BY_ZERO} END"
    return f"CASE WHEN {divisor} = 0 THEN {failure} ELSE {result} END"


def _pair(call: Call) -> tuple[str, str, str]:
    left, right = call.number(0), call.number(1)
    if left.type == right.type == "long":
        return left.text, right.text, "long"
    return call.double(0), call.double(1), "double"


def _keep(call: Call, function: str) -> Sql:
    value = call.number(0)
    return Sql(f"{function}({value.text})", value.type)


def _guarded(call: Call, function: str, condition: str, otherwise: str) -> Sql:
    number = call.double(0)
    return double(f"CASE WHEN {condition.format(number)} THEN {otherwise} ELSE {function}({number}) END")


def _logarithm(call: Call, function: str) -> Sql:
    number = call.double(0)
    return double(
        f"CASE WHEN {number} = 0 THEN CAST('-Infinity' AS DOUBLE) WHEN {number} < 0 THEN {_NAN} "
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
    "MOD": (mod, 2, 2),
    "DIV": (div, 2, 2),
    "SAFE_DIVIDE": (safe_divide, 2, 2),
    "POWER": (power, 2, 2),
    "SQRT": (square_root, 1, 1),
    "LN": (natural_logarithm, 1, 1),
    "LOG10": (decimal_logarithm, 1, 1),
    **{name.upper(): (of_double(name), 1, 1) for name in _DOUBLES},
    "ASIN": (arc("asin"), 1, 1),
    "ACOS": (arc("acos"), 1, 1),
    "ATAN2": (arc_tangent_2, 2, 2),
    "PI": (pi, 0, 0),
    "BITWISE_AND": (bitwise("&"), 2, 2),
    "BITWISE_OR": (bitwise("|"), 2, 2),
    "BITWISE_SHIFT_LEFT": (bitwise("<<"), 2, 2),
    "BITWISE_SHIFT_RIGHT": (bitwise(">>"), 2, 2),
    "BITWISE_XOR": (bitwise_xor, 2, 2),
    "BITWISE_COMPLEMENT": (bitwise_complement, 1, 1),
    "GREATEST": (extreme("greatest"), 1, 100),
    "LEAST": (extreme("least"), 1, 100),
}
