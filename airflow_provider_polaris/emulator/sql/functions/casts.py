# SPDX-License-Identifier: Apache-2.0
"""
Explicit and implicit CAST with Druid's rules.

DOCUMENTED https://druid.apache.org/docs/latest/querying/sql-data-types: text that is not a number becomes NULL, a
conversion to a whole number drops the fraction, a long as a timestamp is milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_polaris.emulator.sql.time import joda_patterns as joda
from airflow_provider_polaris.emulator.sql.time.instants import literal, parse_instant
from airflow_provider_polaris.emulator.sql.time.periods import truncate
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, SqlNotSupported, sql_name
from airflow_provider_polaris.emulator.sql.values.values import DUCKDB_TYPES, Sql, common_type, quote_text

_INTEGER = "'[+-]?[0-9]+'"
_DECIMAL = "'[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?'"


def cast(value: Sql, target: str) -> Sql:
    """
    Convert a value explicitly, as written in the SQL.

    :param target: ``long``, ``double``, ``float``, ``string``, ``timestamp``, ``date`` or ``boolean``.
    :raises SqlNotSupported: There is no rule for these two types.
    """
    if value.type == target:
        return value
    if value.type == "null":
        return Sql(f"CAST(NULL AS {DUCKDB_TYPES[target]})", target)
    if value.type == "string" and isinstance(value.constant, str) and target in ("timestamp", "date"):
        return _constant_time(value.constant, target)
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


def _is_long_constant(value: Sql, target: str) -> bool:
    return target == "double" and value.type == "long" and isinstance(value.constant, int)


def _constant_time(text: str, target: str) -> Sql:
    instant = parse_instant(text)
    if instant is None or len(text) < 4:
        raise SqlInvalid(f"Illegal {sql_name(target)} constant {text!r}: 'YYYY-MM-DD HH:MM:SS' or ISO 8601 is expected")
    if target == "date":
        instant -= instant % 86_400_000_000
    return Sql(literal(instant), target, instant)


def _string_to_long(text: str) -> str:
    number = f"TRY_CAST(trunc(TRY_CAST({text} AS DOUBLE)) AS BIGINT)"
    return (
        f"CASE WHEN regexp_full_match({text}, {_INTEGER}) THEN CAST({text} AS BIGINT) "
        f"WHEN regexp_full_match({text}, {_DECIMAL}) THEN {number} END"
    )


def _string_to_double(text: str) -> str:
    return f"CASE WHEN regexp_full_match({text}, {_DECIMAL}) THEN TRY_CAST({text} AS DOUBLE) END"


def _string_to_float(text: str) -> str:
    return f"CAST({_string_to_double(text)} AS FLOAT)"


def _real_to_long(text: str) -> str:
    return f"CAST(trunc({text}) AS BIGINT)"


def _real_to_string(text: str) -> str:
    """Format a number as Java does. Fail where Java uses exponents, because DuckDB's digits would differ."""
    message = quote_text("CAST of a number below 0.001, or of 10000000 or more, to VARCHAR is not supported")
    return (
        f"CASE WHEN {text} = 0 OR (abs({text}) >= 0.001 AND abs({text}) < 1e7) THEN CAST({text} AS VARCHAR) "
        f"WHEN {text} IS NOT NULL THEN error({message}) END"
    )


def _string_to_timestamp(text: str) -> str:
    return joda.read(text, None, None, "CAST")


def _string_to_date(text: str) -> str:
    return truncate("day", _string_to_timestamp(text))


_RULES: dict[tuple[str, str], Callable[[str], str]] = {
    ("long", "double"): lambda text: f"CAST({text} AS DOUBLE)",
    ("long", "float"): lambda text: f"CAST({text} AS FLOAT)",
    ("float", "double"): lambda text: f"CAST({text} AS DOUBLE)",
    ("double", "float"): lambda text: f"CAST({text} AS FLOAT)",
    ("double", "long"): _real_to_long,
    ("float", "long"): _real_to_long,
    ("string", "long"): _string_to_long,
    ("string", "double"): _string_to_double,
    ("string", "float"): _string_to_float,
    ("string", "timestamp"): _string_to_timestamp,
    ("string", "date"): _string_to_date,
    ("long", "string"): lambda text: f"CAST({text} AS VARCHAR)",
    ("double", "string"): _real_to_string,
    ("float", "string"): _real_to_string,
    ("timestamp", "string"): lambda text: f"strftime({text}, '%Y-%m-%d %H:%M:%S')",
    ("date", "string"): lambda text: f"strftime({text}, '%Y-%m-%d')",
    ("timestamp", "long"): lambda text: f"epoch_ms({text})",
    ("date", "long"): lambda text: f"epoch_ms({text})",
    ("long", "timestamp"): lambda text: f"make_timestamp_ms({text})",
    ("timestamp", "date"): lambda text: truncate("day", text),
    ("date", "timestamp"): lambda text: text,
    ("boolean", "long"): lambda text: f"CAST({text} AS BIGINT)",
}
