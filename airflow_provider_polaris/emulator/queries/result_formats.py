# SPDX-License-Identifier: Apache-2.0
"""
Result formats of queries. Performs no I/O.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from airflow_provider_polaris.emulator.engine import Column, QueryResult
from airflow_provider_polaris.emulator.engine.array_text import java_text
from airflow_provider_polaris.emulator.engine.time_chunks import parse_iso
from airflow_provider_polaris.emulator.wire.errors import sql_error
from airflow_provider_polaris.emulator.wire.models import Sql

# https://druid.apache.org/docs/latest/querying/sql-data-types: runtime type and SQL type of a column.
_DRUID_TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "timestamp": ("LONG", "TIMESTAMP"),
    "date": ("LONG", "DATE"),
    "boolean": ("LONG", "BOOLEAN"),
    "string": ("STRING", "VARCHAR"),
    "long": ("LONG", "BIGINT"),
    "double": ("DOUBLE", "DOUBLE"),
    "float": ("FLOAT", "FLOAT"),
    "json": ("COMPLEX<json>", "OTHER"),
    "complex": ("COMPLEX", "OTHER"),  # the arrays of DS_CDF and DS_GET_QUANTILES. OBSERVED(Druid 33)
    "stringArray": ("ARRAY<STRING>", "ARRAY"),
    "longArray": ("ARRAY<LONG>", "ARRAY"),
    "doubleArray": ("ARRAY<DOUBLE>", "ARRAY"),
    "floatArray": ("ARRAY<FLOAT>", "ARRAY"),
}


def render(result: QueryResult, request: Sql) -> tuple[str, str]:
    """
    Format rows in a result format.

    DOCUMENTED polaris-sdk 20250425.14.0, SqlRequest, and https://druid.apache.org/docs/latest/api-reference/sql-api:
    the line formats end with an empty line; headers of object formats are keyed by column.

    :param result: The rows.
    :param request: Selects the format and the headers.
    :return: The text and its media type.
    """
    names = [column.name for column in result.columns]
    headers: list[list[Any]] = [names] if request.header else []
    if request.header and request.types_header:
        headers.append([types_of(column.data_type)[0] for column in result.columns])
    if request.header and request.sql_types_header:
        headers.append([types_of(column.data_type)[1] for column in result.columns])
    if request.result_format == "csv":
        return _csv([*headers, *result.rows]), "text/csv"
    rows: list[Any]
    if request.result_format in ("object", "objectLines"):
        rows = [dict(zip(names, row, strict=True)) for row in result.rows]
        if headers:
            rows.insert(0, _object_header(result.columns, request))
    else:
        rows = [*headers, *(list(row) for row in result.rows)]
    if request.result_format in ("object", "array"):
        return to_json(rows), "application/json"
    return "".join(to_json(row) + "\n" for row in rows) + "\n", "text/plain"


def _object_header(columns: Sequence[Column], request: Sql) -> dict[str, Any]:
    header: dict[str, Any] = {}
    for column in columns:
        native, sql = types_of(column.data_type)
        entry = {"type": native} if request.types_header else {}
        if request.sql_types_header:
            entry["sqlType"] = sql
        header[column.name] = entry or None
    return header


def in_milliseconds(result: QueryResult) -> QueryResult:
    """
    Return the result with times as numbers.

    OBSERVED(Druid 27): results and sample records of asynchronous queries have milliseconds since 1970.
    """
    times = {position for position, column in enumerate(result.columns) if column.data_type in ("timestamp", "date")}
    if not times:
        return result
    rows = [
        tuple(parse_iso(value) if position in times and value else value for position, value in enumerate(row))
        for row in result.rows
    ]
    return replace(result, rows=rows)


def has_array_text(request: Sql) -> bool:
    """
    Read from the context of a query whether arrays are strings with JSON, the default, or lists.

    OBSERVED(Druid 33): a text other than ``true`` is false.

    :raises ApiError: 400 for another type.
    """
    value = (request.context or {}).get("sqlStringifyArrays")
    if value is None or isinstance(value, bool):
        return value is not False
    if isinstance(value, str):
        return value.lower() == "true"
    message = "sqlStringifyArrays in the context is neither a boolean nor text."
    raise sql_error(400, message, category="RUNTIME_FAILURE", code="general")


def types_of(data_type: str) -> tuple[str, str]:
    """Return a column's runtime type and SQL type."""
    return _DRUID_TYPES.get(data_type, (f"COMPLEX<{data_type}>", "OTHER"))


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for row in rows:
        writer.writerow(map(_csv_value, row))
    return buffer.getvalue() + "\n"


def _csv_value(value: Any) -> Any:
    if isinstance(value, list):
        # OBSERVED(Druid 33): as Java writes a list, without quotes.
        return f"[{', '.join('null' if item is None else java_text(item) for item in value)}]"
    return to_json(value) if isinstance(value, (dict, bool)) else value


def to_json(value: Any) -> str:
    """Format a value as compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
