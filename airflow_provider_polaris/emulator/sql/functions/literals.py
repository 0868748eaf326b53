# SPDX-License-Identifier: Apache-2.0
"""Translate literals: numbers, strings, intervals, the types of CAST and the values of parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.casts import cast
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, SqlNotSupported
from airflow_provider_polaris.emulator.sql.values.values import Sql, quote_text

_TIMES = {
    "timestamp": re.compile(r"(?!0000)\d{4}-\d{2}-\d{2}( \d{2}:\d{2}:\d{2}(\.\d+)?)?", re.ASCII),
    "date": re.compile(r"(?!0000)\d{4}-\d{2}-\d{2}", re.ASCII),
}
_OTHER_TIMES = {
    "timestamp": re.compile(r"\d+-\d+-\d+( \d+:\d+:\d+(\.\d+)?)?", re.ASCII),
    "date": re.compile(r"\d+-\d+-\d+", re.ASCII),
}
"""OBSERVED(Druid 33): it reads a literal with fewer digits, or more, too."""
_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LONGEST_NUMBER = 1000
"""Maximum number of characters of a number; a double has at most 309 digits before the decimal point."""

_UNIT_PERIODS = {
    "SECOND": "PT{}S",
    "MINUTE": "PT{}M",
    "HOUR": "PT{}H",
    "DAY": "P{}D",
    "MONTH": "P{}M",
    "YEAR": "P{}Y",
}

_CAST_TARGETS = {
    "CHAR": "string",
    "VARCHAR": "string",
    "TEXT": "string",
    "BIGINT": "long",
    "INT": "integer",
    "DOUBLE": "double",
    "DECIMAL": "double",
    "FLOAT": "float",
    "TIMESTAMP": "timestamp",
    "DATE": "date",
}
"""
DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-data-types: the stored type of each SQL type. DECIMAL is a
double. Precision and length have no effect. OBSERVED(Druid 33): a result of type INTEGER is narrowed to 32 bits, one of
type SMALLINT or TINYINT fails.
"""

_SIZED = frozenset({"CHAR", "VARCHAR", "DECIMAL", "TIMESTAMP"})
"""SQL types that may have a length or a precision in parentheses."""

INTEGER = "integer"
"""Result of :func:`cast_target` for INTEGER, which is stored as a long."""

_PARAMETER_TYPES = {
    "CHAR": "string",
    "VARCHAR": "string",
    "BIGINT": "long",
    "INTEGER": "long",
    "SMALLINT": "long",
    "TINYINT": "long",
    "DOUBLE": "double",
    "DECIMAL": "double",
    "FLOAT": "double",
    "REAL": "double",
    "BOOLEAN": "boolean",
    "TIMESTAMP": "timestamp",
    "DATE": "date",
}


def literal(node: exp.Literal) -> Sql:
    """Translate a literal."""
    return text(str(node.this)) if node.is_string else number(str(node.this))


def text(value: str) -> Sql:
    """Build a string literal."""
    return Sql(quote_text(value), "string", value)


def unicode_text(node: exp.UnicodeString) -> Sql:
    r"""
    Translate ``U&'\00C9'`` and ``U&'!00C9' UESCAPE '!'``: four hexadecimal digits are a UTF-16 unit.

    OBSERVED(Druid 33). The form with six digits is refused: Druid misreads it.

    :raises SqlInvalid: The escape character doesn't stand before another one or four digits.
    """
    written, escape = str(node.this), node.args.get("escape")
    mark = re.escape(str(escape.this)) if isinstance(escape, exp.Expression) else r"\\"
    units, position = "", 0
    for match in re.finditer(f"{mark}(?:({mark})|([0-9A-Fa-f]{{4}})|(\\+)|)", written):
        if match[3]:
            raise SqlNotSupported(f"U&{quote_text(written)} is not supported: an escape has four hexadecimal digits")
        if match[1] is None and match[2] is None:
            start = match.start()
            raise SqlInvalid(f"Unicode escape sequence starting at character {start} is not exactly four hex digits")
        units += written[position : match.start()] + (match[1] or chr(int(match[2], 16)))
        position = match.end()
    units += written[position:]
    try:
        return text(units.encode("utf-16", "surrogatepass").decode("utf-16"))
    except UnicodeDecodeError:
        raise SqlNotSupported(f"U&{quote_text(written)} is not supported: it holds half of a surrogate pair") from None


def number(written: str) -> Sql:
    """
    Build a number: a whole number is a long, any other a double.

    :raises SqlInvalid: The number is out of range.
    :raises SqlNotSupported: The emulator lacks its form, or it is infinite.
    """
    if not _NUMBER.fullmatch(written):
        raise SqlInvalid(f"Numeric literal {written!r} is not understood")
    if written.endswith("."):
        raise SqlNotSupported(f"the number {written!r} is not supported: write it without the point")
    if re.search(r"[eE][+-]?0*[1-9]\d{4}", written):
        raise SqlNotSupported(f"the number {written[:120]!r} is not supported: its exponent is out of range")
    if len(written) > _LONGEST_NUMBER:
        raise SqlInvalid(f"Numeric literal of {len(written)} characters is not understood")
    if written.lstrip("-").isdigit():
        value = int(written)
        if not -(2**63) <= value < 2**63:
            raise SqlInvalid(f"Numeric literal '{written}' out of range")
        subtype = "INTEGER" if -(2**31) <= value < 2**31 else None
        return Sql(f"CAST({value} AS BIGINT)", "long", value, subtype)
    real = float(written)
    is_decimal = "e" not in written.lower()
    if is_decimal and not -(2**63) <= int(written.replace(".", "")) < 2**63:
        # OBSERVED(Druid 33): the digits of a decimal number, those after the point included, have 64 bits.
        raise SqlInvalid(f"Numeric literal '{written}' out of range")
    if real in (float("inf"), float("-inf")):
        # OBSERVED(Druid 33): refused, but beside a text column in a filter.
        raise SqlNotSupported(f"the number {written!r} is not supported: it is out of range")
    return Sql(f"CAST({real!r} AS DOUBLE)", "double", real, "DECIMAL" if is_decimal else None)


def time_literal(node: exp.Expression, target: str) -> Sql:
    """
    Translate ``TIMESTAMP '2024-06-01 00:00:00'`` or ``DATE '2024-06-01'``; unlike a CAST, no ISO 8601.

    OBSERVED(Druid 33): a ``T``, a ``Z`` or an offset is an illegal literal; a bare date is a TIMESTAMP.

    :raises SqlNotSupported: A part has fewer or more digits.
    :raises SqlInvalid: The text has another form.
    """
    written = str(node.this)
    if not (isinstance(node, exp.Literal) and node.is_string and _TIMES[target].fullmatch(written)):
        if isinstance(node, exp.Literal) and node.is_string and _OTHER_TIMES[target].fullmatch(written):
            raise SqlNotSupported(
                f"the literal {target.upper()} {written!r} is not supported: write two digits, and four of a year"
            )
        expected = "yyyy-MM-dd HH:mm:ss[.fff]" if target == "timestamp" else "yyyy-MM-dd"
        raise SqlInvalid(f"Illegal {target.upper()} literal {written!r}: not in format '{expected}'")
    return cast(text(written), target)


def interval(node: exp.Interval) -> Sql:
    """Translate ``INTERVAL '1' DAY``; its constant is an ISO 8601 period, with a leading minus sign if negative."""
    # OBSERVED(Druid 33): it adds an hour for INTERVAL '1' WEEK and a month for INTERVAL '1' QUARTER.
    unit, count = node.args.get("unit"), node.this
    name = unit.name.upper() if isinstance(unit, exp.Var) else ""
    if name not in _UNIT_PERIODS or not isinstance(count, exp.Literal):
        raise SqlNotSupported(f"INTERVAL in {node.sql()!r} is not supported")
    match = re.fullmatch(r"(-?)(\d{1,9})", str(count.this), re.ASCII)
    if match is None:
        raise SqlNotSupported(f"INTERVAL in {node.sql()!r} is not supported")
    return Sql("NULL", "interval", match[1] + _UNIT_PERIODS[name].format(int(match[2])))


def cast_target(node: exp.DataType) -> str:
    """
    Return the target type of a CAST.

    :raises SqlNotSupported: It is not a scalar type of Druid.
    """
    name = node.this.name if isinstance(node.this, exp.DataType.Type) else str(node.this)
    if name not in _CAST_TARGETS or node.args.get("nested") or (node.expressions and name not in _SIZED):
        raise SqlNotSupported(f"CAST to {node.sql()} is not supported", "CAST")
    return _CAST_TARGETS[name]


def keeps(node: exp.DataType, value: Sql) -> bool:
    """
    Whether a literal is unchanged by the length or precision of a type.

    OBSERVED(Druid 33): CHAR pads it, TIMESTAMP cuts off its fraction, DECIMAL fails if its whole part is too long.
    """
    sizes = [int(size.name) if re.fullmatch("[0-9]{1,2}", size.name) else 0 for size in node.expressions]
    if not sizes or node.this in (exp.DataType.Type.VARCHAR, exp.DataType.Type.TEXT):
        return True
    if node.this == exp.DataType.Type.TIMESTAMP:
        return sizes == [3]
    if node.this != exp.DataType.Type.DECIMAL or not isinstance(value.constant, (int, float)):
        return False
    return abs(value.constant) < 10.0 ** (sizes[0] - (sizes[1] if len(sizes) > 1 else 0))


def is_decimal(node: exp.DataType) -> bool:
    """Whether the target type of a CAST is DECIMAL."""
    return bool(node.this == exp.DataType.Type.DECIMAL)


def parameter(given: Mapping[str, object]) -> Sql:
    """
    Build a literal from a query's parameter.

    :param given: ``{"type": "VARCHAR", "value": "x"}``, in the form of the SQL API
        (https://druid.apache.org/docs/latest/api-reference/sql-api).
    :raises SqlInvalid: The value doesn't have the type.
    """
    kind = _PARAMETER_TYPES.get(str(given.get("type", "")).upper())
    if kind is None:
        raise SqlInvalid(f"Parameter type {given.get('type')!r} is not known")
    value = given.get("value")
    if value is None:
        return Sql("NULL", "null")
    if kind == "boolean" and isinstance(value, bool):
        return Sql(str(value).upper(), "boolean", value)
    if isinstance(value, bool):
        raise _mismatch(given)
    if kind == "string" and isinstance(value, str):
        return text(value)
    if kind in ("timestamp", "date"):
        # GUESS: a number is milliseconds, a string has the format of a TIMESTAMP literal.
        return cast(text(value) if isinstance(value, str) else _long(value, given), kind)
    if kind in ("long", "double") and isinstance(value, (int, float)):
        return _long(value, given) if kind == "long" else cast(number(repr(value)), "double")
    raise _mismatch(given)


def _long(value: object, given: Mapping[str, object]) -> Sql:
    if not isinstance(value, int):
        raise _mismatch(given)
    return number(str(value))


def _mismatch(given: Mapping[str, object]) -> SqlInvalid:
    return SqlInvalid(f"Parameter value {given.get('value')!r} is no {given.get('type')}")
