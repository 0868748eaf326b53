# SPDX-License-Identifier: Apache-2.0
"""
Time chunks of segments: number them in SQL, and convert a number back to an interval.

A chunk's number is the seconds from 0001-01-01 (a Monday) to its start. A load's number increases with each batch job.
A segment is one chunk of one load; its number in the hidden column ``__segment`` combines both. So one INSERT assigns
millions of rows to segments without a join, and newer loads have greater numbers.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

CHUNK_BITS = 40
"""Size of the chunk part of a segment's number: seconds up to year 34,000. It leaves eight million loads."""

ORIGIN = datetime(1, 1, 1, tzinfo=timezone.utc)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_ORIGIN_MICROSECONDS = 62_135_596_800_000_000
_MILLISECOND = timedelta(milliseconds=1)

_SECONDS = {
    "second": 1,
    "minute": 60,
    "five_minute": 300,
    "ten_minute": 600,
    "fifteen_minute": 900,
    "thirty_minute": 1800,
    "hour": 3600,
    "six_hour": 21_600,
    "eight_hour": 28_800,
    "day": 86_400,
    "week": 604_800,
}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def load_base(load: int) -> int:
    """
    Return the smallest segment number of a load.

    :param load: Number of the load, 1 or more.
    """
    return load << CHUNK_BITS


def segment_number_sql(granularity: str, load: int, time_column: str) -> str:
    """
    Build the DuckDB expression for a row's segment number.

    The number is null for a null ``__time``.

    :param granularity: The Polaris granularity of the partitioning.
    :param time_column: SQL of a TIMESTAMP; it is evaluated once.
    :raises ValueError: ``granularity`` is unknown.
    """
    base = load_base(load)
    if granularity in _SECONDS:
        width = _SECONDS[granularity]
        return f"{base} + ((epoch_us({time_column}) + {_ORIGIN_MICROSECONDS}) // {width * 1_000_000}) * {width}"
    if granularity in _MONTHS:
        return f"{base} + (epoch_us(date_trunc('{granularity}', {time_column})) + {_ORIGIN_MICROSECONDS}) // 1000000"
    if granularity == "all":
        return f"CASE WHEN {time_column} IS NOT NULL THEN {base} END"
    raise ValueError(f"granularity {granularity!r} is unknown")


def chunk_interval(granularity: str, segment_number: int) -> tuple[int, int]:
    """
    Convert a segment's number to its chunk's interval.

    :param granularity: The granularity that was passed to :func:`segment_number_sql`.
    :return: Start and end in milliseconds since 1970; the end is capped at the year 9999.
    """
    if granularity == "all":
        return to_ms(ORIGIN), to_ms(datetime.max.replace(tzinfo=timezone.utc))
    start = ORIGIN + timedelta(seconds=segment_number & ((1 << CHUNK_BITS) - 1))
    try:
        if granularity in _SECONDS:
            end = start + timedelta(seconds=_SECONDS[granularity])
        else:
            month = start.month - 1 + _MONTHS[granularity]
            end = start.replace(year=start.year + month // 12, month=month % 12 + 1)
    except (OverflowError, ValueError):
        end = datetime.max.replace(tzinfo=timezone.utc)
    return to_ms(start), to_ms(end)


def to_ms(instant: datetime) -> int:
    """
    Convert an aware datetime to whole milliseconds since 1970, rounding down.
    """
    return (instant.astimezone(timezone.utc) - EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """
    Convert milliseconds since 1970 to an aware datetime in UTC.
    """
    return EPOCH + timedelta(milliseconds=milliseconds)


def iso(milliseconds: int) -> str:
    """
    Format an instant as Polaris does, with milliseconds and ``Z``.

    >>> iso(0)
    '1970-01-01T00:00:00.000Z'
    """
    # Not strftime: it doesn't pad years before 1000 on every platform.
    instant = from_ms(milliseconds).replace(tzinfo=None)
    return f"{instant.isoformat(timespec='milliseconds')}Z"


def parse_iso(text: str) -> int:
    """
    Parse a result of :func:`iso`.

    >>> parse_iso("1970-01-01T00:00:01.500Z")
    1500
    """
    return to_ms(datetime.fromisoformat(text[:-1]).replace(tzinfo=timezone.utc))


def timestamp_literal(instant: datetime) -> str:
    """
    Format an instant as a DuckDB TIMESTAMP literal in UTC, in whole milliseconds.
    """
    return f"TIMESTAMP '{iso(to_ms(instant))[:-1]}'"
