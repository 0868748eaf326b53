"""
Polaris data types in DuckDB: how a column is stored, which conversions are safe, how a value looks in JSON.

The stored form of sketches is the SQL translation's.
"""

from __future__ import annotations

import math
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

from airflow_provider_polaris.emulator.engine.time_chunks import iso, to_ms
from airflow_provider_polaris.emulator.sql.values.types import canonical
from airflow_provider_polaris.emulator.sql.values.values import DUCKDB_TYPES

_STORED_AS = {
    **DUCKDB_TYPES,
    "json": "JSON",
    "stringArray": "VARCHAR[]",
    "longArray": "BIGINT[]",
    "doubleArray": "DOUBLE[]",
    "floatArray": "FLOAT[]",
}


def stored_as(data_type: str) -> str | None:
    """
    Return the DuckDB type of a column with this Polaris data type.

    :return: None for a type that the emulator can't store.
    """
    return _STORED_AS.get(canonical(data_type))


def column_type(name: str, data_type: str) -> str:
    """
    Choose the Polaris data type of a new column that gets values of a type.

    DOCUMENTED (``TableColumnDataType`` of polaris-sdk 20250425.14.0): ``timestamp`` is for ``__time`` only; Druid
    stores other times as milliseconds (https://druid.apache.org/docs/latest/querying/sql-data-types).

    >>> column_type("seen", "timestamp"), column_type("__time", "timestamp"), column_type("city", "string")
    ('long', 'timestamp', 'string')
    """
    return "long" if data_type == "timestamp" and name != "__time" else data_type


def convert(sql: str, have: str, want: str) -> str | None:
    """
    Build the SQL that turns a value of one data type into another without changing what it means.

    GUESS: Polaris' own rule for a mapping whose type differs from the column's isn't documented. Conversions that
    could lose digits or need parsing are left to the author of the mapping (``CAST``), so that a number is never
    silently another.

    :param sql: DuckDB expression of type ``have``.
    :return: The expression for ``want``, or None where there is no such conversion.
    """
    have, want = canonical(have), canonical(want)
    if have == want:
        return sql
    if have == "long" and want == "timestamp":
        return f"make_timestamp_ms({sql})"
    if have == "timestamp" and want == "long":
        return f"epoch_ms({sql})"
    if (have, want) in _SAFE_CASTS:
        return f"CAST({sql} AS {_STORED_AS[want]})"
    return None


_SAFE_CASTS = {
    ("long", "double"),
    ("long", "float"),
    ("float", "double"),
    ("double", "float"),  # a column declared float asks for its precision
    ("long", "string"),
}


def to_json(value: Any) -> Any:
    """
    Turn a value that DuckDB returned into one that ``json.dumps`` takes.

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
