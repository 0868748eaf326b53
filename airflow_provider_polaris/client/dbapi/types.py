# SPDX-License-Identifier: Apache-2.0
"""Types of columns, constructors of values, and conversion of results, as PEP 249 requires. Performs no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timezone
from typing import Any, Final

from airflow_provider_polaris.client.dbapi.errors import DataError
from airflow_provider_polaris.client.result_lines import ResultColumn
from airflow_provider_polaris.jobs.time.instant import quote


class TypeObject:
    """
    Equal to each type code of a cursor's description that belongs to it.

    :param sql_types: SQL types, as Druid writes them.
    """

    def __init__(self, *sql_types: str) -> None:
        self.sql_types = frozenset(sql_types)

    def __eq__(self, other: object) -> bool:
        return self.sql_types == other.sql_types if isinstance(other, TypeObject) else other in self.sql_types

    def __hash__(self) -> int:
        return hash(self.sql_types)


# Source: druid.apache.org/docs/latest/querying/sql-data-types. OBSERVED(Druid 27): literals are CHAR, INTEGER, DECIMAL.
STRING: Final = TypeObject("VARCHAR", "CHAR")
BINARY: Final = TypeObject("VARBINARY", "BINARY")
NUMBER: Final = TypeObject("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DECIMAL", "FLOAT", "REAL", "DOUBLE", "BOOLEAN")
DATETIME: Final = TypeObject("TIMESTAMP", "DATE")
ROWID: Final = TypeObject()

Date = date
Time = time
Binary = bytes


def Timestamp(  # noqa: N802  # the name that PEP 249 requires
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0
) -> datetime:
    """Return an instant in UTC."""
    return datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)


def DateFromTicks(ticks: float) -> date:  # noqa: N802
    """Return the UTC date of a number of seconds since 1970."""
    return TimestampFromTicks(ticks).date()


def TimeFromTicks(ticks: float) -> time:  # noqa: N802
    """Return the UTC time of day of a number of seconds since 1970."""
    return TimestampFromTicks(ticks).time()


def TimestampFromTicks(ticks: float) -> datetime:  # noqa: N802
    """Return the instant in UTC of a number of seconds since 1970."""
    return datetime.fromtimestamp(ticks, timezone.utc)


def row_reader(columns: Sequence[ResultColumn]) -> Callable[[list[Any]], tuple[Any, ...]]:
    """
    Return a function that converts the JSON values of a row.

    ``TIMESTAMP`` becomes an aware :class:`~datetime.datetime` in UTC, ``DATE`` a :class:`~datetime.date`. Druid writes
    NaN and infinities as texts, which become floats. All other values stay as they are: arrays are texts with JSON
    unless the query context sets ``sqlStringifyArrays``.

    :param columns: The columns of the rows.
    """
    conversions = [
        (position, column.name, _CONVERSIONS[column.sql_type])
        for position, column in enumerate(columns)
        if column.sql_type in _CONVERSIONS
    ]

    def read(row: list[Any]) -> tuple[Any, ...]:
        for position, name, convert in conversions:
            if row[position] is not None:
                row[position] = convert(row[position], name)
        return tuple(row)

    return read


def _to_datetime(value: Any, name: str) -> datetime:
    try:
        # Before 3.11 Python doesn't accept the letter.
        moment = datetime.fromisoformat(value[:-1] + "+00:00" if value[-1:] == "Z" else value)
        if moment.tzinfo is not None:
            return moment.astimezone(timezone.utc)
    except (TypeError, ValueError, OverflowError):
        pass
    raise DataError(
        f"column {name!r} has the instant {quote(value)}, which Python can't represent: only the years 1 to 9999 are. "
        "Select it as text, with CAST(... AS VARCHAR), or filter such rows."
    )


def _to_date(value: Any, name: str) -> date:
    # Midnight in the zone of the query, so that the date is the one that is written.
    try:
        return date.fromisoformat(value[:10])
    except (TypeError, ValueError):
        raise DataError(
            f"column {name!r} has the date {quote(value)}, which Python can't represent: only the years 1 to 9999 are. "
            "Select it as text, with CAST(... AS VARCHAR), or filter such rows."
        ) from None


def _to_number(value: Any, name: str) -> Any:  # noqa: ARG001
    if value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    return value


_CONVERSIONS: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "TIMESTAMP": _to_datetime,
    "DATE": _to_date,
    "DOUBLE": _to_number,
    "FLOAT": _to_number,
    "REAL": _to_number,
    "DECIMAL": _to_number,
}
