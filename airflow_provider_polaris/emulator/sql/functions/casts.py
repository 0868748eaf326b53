# SPDX-License-Identifier: Apache-2.0
"""
Explicit and implicit CAST with Druid's rules.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-data-types: text that is not a number becomes NULL, a
conversion to a whole number drops the fraction, a long as a timestamp is milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from airflow_provider_polaris.emulator.sql.time import joda_patterns as joda
from airflow_provider_polaris.emulator.sql.time.instants import literal, parse_instant
from airflow_provider_polaris.emulator.sql.time.periods import truncate
from airflow_provider_polaris.emulator.sql.values import java_numbers as java
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, SqlNotSupported, sql_name
from airflow_provider_polaris.emulator.sql.values.values import DUCKDB_TYPES, NUMERIC, Sql, common_type

_NUMBER_TEXT = re.compile(
    r"[+-]?(NaN|Infinity|([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?[fFdD]?)|(?i:true|false)", re.ASCII
)

_PLANNED = range(-62_167_219_200_000_000, 253_402_300_800_000_000)
"""Microseconds since 1970 of the years 0 to 9999. OBSERVED(Druid 33): its planner fails for constants beyond them."""

REAL = "CEIL, FLOOR, TRUNCATE of a whole number, CENTURY or MILLENNIUM"
"""Whole numbers that Druid computes as doubles, by subtype."""


def cast(value: Sql, target: str) -> Sql:
    """
    Convert a value explicitly, as written in the SQL.

    :param target: ``long``, ``double``, ``float``, ``string``, ``timestamp``, ``date`` or ``boolean``.
    :raises SqlNotSupported: There is no rule for these two types.
    """
    if value.subtype == "REAL" and target == "string":
        raise SqlNotSupported(
            "CAST of CEIL, FLOOR, TRUNCATE of a whole number, CENTURY or MILLENNIUM to VARCHAR is not supported", "CAST"
        )
    if value.subtype == "MIXED" and target == value.type:
        return value
    if value.subtype == "MIXED":
        raise SqlNotSupported("CAST of GREATEST or LEAST of whole numbers and others is not supported", "CAST")
    if value.subtype == "REAL" and target == "long":
        return value  # OBSERVED(Druid 33): the planner leaves the CAST out
    if value.type == target:
        return replace(value, subtype=None)
    if value.written is not None and target == "string":
        return Sql(value.written, "string")
    if value.subtype == "SKETCH" or (value.subtype == "ESTIMATE" and target == "string"):
        raise SqlNotSupported(f"CAST of an estimate of sketches to {sql_name(target)} is not supported", "CAST")
    if value.type == "null":
        return Sql(f"CAST(NULL AS {DUCKDB_TYPES[target]})", target)
    if value.type == "string" and isinstance(value.constant, str) and target in ("timestamp", "date"):
        return _constant_time(value.constant, target)
    if value.type == "string" and isinstance(value.constant, str) and target in NUMERIC:
        _check_number(value.constant, target)
    rule = _RULES.get((value.type, target))
    if rule is None:
        raise SqlNotSupported(f"CAST from {sql_name(value.type)} to {sql_name(target)} is not supported", "CAST")
    return Sql(f"CAST({value.constant} AS DOUBLE)" if _is_long_constant(value, target) else rule(value.text), target)


def implied(value: Sql, target: str) -> Sql | None:
    """
    Convert a value implicitly, as Druid does.

    :return: None if Druid doesn't convert it, or if Druid's behavior is uncertain.
    """
    if common_type((value.type, target)) != target:
        return None
    if target not in DUCKDB_TYPES:
        return value if value.type == target else None
    return cast(value, target)


def plain_text(value: Sql) -> str:
    """Convert to text as CONCAT and STRING_FORMAT do, without a CAST that the planner could leave out."""
    return cast(replace(value, written=None), "string").text


def _is_long_constant(value: Sql, target: str) -> bool:
    return target in ("double", "float") and value.type == "long" and isinstance(value.constant, int)


def to_integer(value: Sql) -> Sql:
    """
    Convert explicitly to INTEGER: a long that a query's result narrows to 32 bits.

    :raises SqlNotSupported: Druid computes it as a double, which ends at 32 bits instead.
    """
    if value.subtype == "REAL":
        raise SqlNotSupported(
            "CAST of CEIL, FLOOR, TRUNCATE of a whole number, CENTURY or MILLENNIUM to INTEGER is not supported", "CAST"
        )
    return Sql(cast(value, "long").text, "long", subtype="INTEGER")


def _check_number(text: str, target: str) -> None:
    """Refuse a literal that is no number: Druid's planner fails for it in most places. In a column it is NULL."""
    if not _NUMBER_TEXT.fullmatch(text):
        raise SqlNotSupported(
            f"CAST to {sql_name(target)} is not supported for the literal {text!r}: no number", "CAST"
        )


def decimal_text(value: Sql) -> Sql:
    """
    Check a text that becomes a DECIMAL implicitly.

    :raises SqlNotSupported: It is a literal of more than ten digits. OBSERVED(Druid 33): its planner fails.
    """
    if isinstance(value.constant, str) and re.search(r"[0-9]{11}|[eE][+]?[0-9]", value.constant):
        raise SqlNotSupported(f"the literal {value.constant!r} as a number is not supported: it has too many digits")
    return value


def _constant_time(text: str, target: str) -> Sql:
    instant = parse_instant(text)
    if instant is None:
        message = f"Illegal {sql_name(target)} constant {text!r}: 'YYYY-MM-DD HH:MM:SS' or ISO 8601 is expected"
        # Druid reads more forms of ISO 8601, such as weeks; none of them begins with a letter.
        raise SqlNotSupported(message, "CAST") if text[:1].isdigit() or text[:1] in "+-" else SqlInvalid(message)
    if instant not in _PLANNED:
        raise SqlNotSupported(f"CAST of {text!r} to a time is not supported: it is beyond Druid's planner", "CAST")
    if target == "date":
        instant -= instant % 86_400_000_000
    return Sql(literal(instant), target, instant)


def _string_to_timestamp(text: str) -> str:
    return joda.read(text, None, None, "CAST")


def _string_to_date(text: str) -> str:
    return truncate("day", _string_to_timestamp(text))


def _to_double(text: str) -> str:
    return f"CAST({text} AS DOUBLE)"


_RULES: dict[tuple[str, str], Callable[[str], str]] = {
    ("long", "double"): _to_double,
    ("float", "double"): _to_double,
    # Druid computes with doubles; a float is rounded when it is read from its column, and in the result.
    ("long", "float"): _to_double,
    ("double", "float"): lambda text: text,
    ("string", "float"): java.text_to_double,
    ("double", "long"): java.double_to_long,
    ("float", "long"): java.double_to_long,
    ("string", "long"): java.text_to_long,
    ("string", "double"): java.text_to_double,
    ("string", "timestamp"): _string_to_timestamp,
    ("string", "date"): _string_to_date,
    ("long", "string"): lambda text: f"CAST({text} AS VARCHAR)",
    ("double", "string"): java.real_to_text,
    ("float", "string"): lambda text: java.real_to_text(_to_double(text)),
    ("timestamp", "string"): lambda text: f"strftime({text}, '%Y-%m-%d %H:%M:%S')",
    ("date", "string"): lambda text: f"strftime({text}, '%Y-%m-%d')",
    ("timestamp", "long"): lambda text: f"epoch_ms({text})",
    ("long", "timestamp"): lambda text: f"make_timestamp_ms({text})",
    ("timestamp", "date"): lambda text: truncate("day", text),
    ("date", "timestamp"): lambda text: text,
    # OBSERVED(Druid 33): a boolean is 0 or 1 as text, and is no number.
    ("boolean", "string"): lambda text: f"CAST(CAST({text} AS BIGINT) AS VARCHAR)",
}
