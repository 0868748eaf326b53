# SPDX-License-Identifier: Apache-2.0
"""
The time, data types and JSON form of rows. Performs no I/O.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any, Final

from airflow_provider_polaris.emulator.data_loading.row_files import LoadError, PlacedRow
from airflow_provider_polaris.emulator.engine.time_chunks import to_ms
from airflow_provider_polaris.emulator.wire.intervals import EARLIEST, IntervalError, format_instant, parse_instant

#: The first of these columns that exists has the time.
TIME_COLUMNS: Final = ("__time", "timestamp")

_LONGS: Final = range(-(2**63), 2**63)
_NULL: Final = "null"


def time_column(columns: Iterable[str], what: str) -> str:
    """
    Return the column that holds the time of each row.

    :param columns: All columns.
    :param what: Description of the rows for the message.
    :raises LoadError: There is no time column.
    """
    names = list(columns)
    for name in TIME_COLUMNS:
        if name in names:
            return name
    raise LoadError(
        f"{what} has no column '__time' or 'timestamp', and every row of Polaris needs a time; its columns are "
        f"{', '.join(map(repr, names))}. Rename the one that holds the time."
    )


def epoch_milliseconds(value: Any) -> int | None:
    """
    Return a time as milliseconds since 1970.

    :param value: ISO 8601 text, a datetime (UTC if it has no zone), a date, or milliseconds since 1970.
    :return: None if it is not a time, or not after the first instant of year 1.
    """
    moment = _moment(value)
    return None if moment is None or moment == EARLIEST else to_ms(moment)


def _moment(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            return parse_instant(value.strip().replace(" ", "T"))
        except IntervalError:
            return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value / 1000, timezone.utc)
        except (ArithmeticError, OSError, ValueError):
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=timezone.utc)
    return _in_utc(value) if isinstance(value, datetime) else None


def _in_utc(value: datetime) -> datetime:
    return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)


def data_types(rows: Sequence[PlacedRow], columns: Iterable[str]) -> dict[str, str]:
    """
    Return the Polaris data type of each column: the narrowest type that holds all values.

    Whole numbers are ``long``, numbers ``double``, lists of one type the array of this type, objects and other lists
    ``json``, everything else, mixed types included, is ``string``.
    """
    kinds: dict[str, set[str]] = {name: set() for name in columns}
    for _, row in rows:
        for name, value in row.items():
            kinds[name].add(_kind(value))
    return {name: _common(found) for name, found in kinds.items()}


def to_json_line(row: Mapping[str, Any]) -> str:
    """
    Format a row as one line of JSON. NaN and infinities become null, times become ISO 8601.

    :raises TypeError: A value has no JSON form, such as bytes.
    """
    return json.dumps(_plain(row), ensure_ascii=False) + "\n"


def _kind(value: Any) -> str:
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return "string"  # Polaris has no booleans
    if isinstance(value, int):
        return "long" if value in _LONGS else "string"
    if isinstance(value, (float, Decimal)):
        return "double"
    if isinstance(value, Mapping):
        return "json"
    if isinstance(value, (list, tuple)):
        element = _common({_kind(each) for each in value})
        mixed = element == "string" and not all(isinstance(each, str) or each is None for each in value)
        return "json" if mixed or element not in ("string", "long", "double") else f"{element}Array"
    return "string"


def _common(kinds: set[str]) -> str:
    kinds = kinds - {_NULL}
    if len(kinds) == 1:
        return next(iter(kinds))
    if kinds == {"long", "double"}:
        return "double"
    if kinds == {"longArray", "doubleArray"}:
        return "doubleArray"
    return "json" if any(kind == "json" or kind.endswith("Array") for kind in kinds) else "string"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date):
        return format_instant(_in_utc(value)) if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError("bytes have no JSON form")
    return value if value is None or isinstance(value, (str, int)) else str(value)
