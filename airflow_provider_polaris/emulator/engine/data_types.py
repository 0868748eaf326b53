# SPDX-License-Identifier: Apache-2.0
"""
Polaris data types in DuckDB: the type of a stored column, safe conversions, and the JSON form of values.

The SQL translation defines the stored form of sketches.
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

from airflow_provider_polaris.emulator.engine.time_chunks import iso, to_ms
from airflow_provider_polaris.emulator.sql.values.types import canonical
from airflow_provider_polaris.emulator.sql.values.values import DUCKDB_TYPES, MULTI_VALUE


def stored_as(data_type: str) -> str | None:
    """
    Return the DuckDB type for a column of a Polaris data type.

    :return: None if the emulator can't store the type.
    """
    return DUCKDB_TYPES.get(canonical(data_type))


def column_type(name: str, data_type: str) -> str:
    """
    Return the Polaris data type of a new column for values of a type.

    DOCUMENTED (``TableColumnDataType`` of polaris-sdk 20250425.14.0): only ``__time`` has type ``timestamp``; Druid
    stores other times as milliseconds (https://druid.apache.org/docs/latest/querying/sql-data-types).

    >>> column_type("seen", "timestamp"), column_type("__time", "timestamp"), column_type("city", "string")
    ('long', 'timestamp', 'string')
    """
    if data_type == MULTI_VALUE:
        return "string"
    return "long" if data_type == "timestamp" and name != "__time" else data_type


def convert(sql: str, have: str, want: str) -> str | None:
    """
    Build the SQL that converts a value to another data type without loss.

    GUESS: Polaris' rule for a mapping whose type differs from the column's isn't documented. Conversions that could
    lose digits or need parsing require an explicit ``CAST`` in the mapping, so that no number changes silently.

    :param sql: DuckDB expression of type ``have``.
    :return: The expression for ``want``, or None if there is no such conversion.
    """
    have, want = canonical(have), canonical(want)
    if have == want:
        return sql
    if have == "string" and want == MULTI_VALUE:
        return f"list_transform([{sql}], lambda __one: CASE WHEN __one IS NOT NULL THEN [__one] END)[1]"
    if have == "long" and want == "timestamp":
        return f"make_timestamp_ms({sql})"
    if have == "timestamp" and want == "long":
        return f"epoch_ms({sql})"
    if (have, want) in _SAFE_CASTS:
        return f"CAST({sql} AS {DUCKDB_TYPES[want]})"
    return None


def wide_time(value: Any) -> Any:
    """
    Format a timestamp that Python's ``datetime`` can't hold, which DuckDB returns as text; others are unchanged.

    OBSERVED(Druid 33): the year before 1 is 0000, the one before that -0001; a year after 9999 has no sign.

    >>> wide_time("10000-01-01 23:59:59.996"), wide_time("0002-03-04 (BC) 00:00:00")
    ('10000-01-01T23:59:59.996Z', '-0001-03-04T00:00:00.000Z')
    """
    match = _WIDE_TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    year = 1 - int(match["year"]) if match["bc"] else int(match["year"])
    shown = f"{'-' if year < 0 else ''}{abs(year):04}"
    return f"{shown}-{match['day']}T{match['clock']}.{(match['fraction'] or '')[:3].ljust(3, '0')}Z"


_WIDE_TIME = re.compile(
    r"(?P<year>\d+)-(?P<day>\d\d-\d\d)(?P<bc> \(BC\))? (?P<clock>\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d+))?"
)
_SAFE_CASTS = {
    ("long", "double"),
    ("long", "float"),
    ("float", "double"),
    ("double", "float"),  # a column of type float accepts the lower precision
    ("long", "string"),
}


def to_json(value: Any) -> Any:
    """
    Convert a value from DuckDB to a value that ``json.dumps`` accepts.

    DOCUMENTED https://druid.apache.org/docs/latest/api-reference/sql-api: timestamps are ISO 8601 text in UTC.
    GUESS: NaN and infinities are the strings that Druid's JSON writer produces.
    """
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, datetime):
        return iso(to_ms(value if value.tzinfo else value.replace(tzinfo=timezone.utc)))
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00.000Z"
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    return str(value)
