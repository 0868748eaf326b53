# SPDX-License-Identifier: Apache-2.0
"""
Parse and format ISO 8601 intervals and granularities as Polaris does. Performs no I/O.

Instants are aware datetimes in UTC. Python has no years before 1: they become :data:`EARLIEST`, which is written as the
year -1000.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

EARLIEST: Final = datetime.min.replace(tzinfo=timezone.utc)
LATEST: Final = datetime(5000, 1, 1, tzinfo=timezone.utc)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)

_INSTANT: Final = re.compile(
    r"(?P<year>[+-]?\d{4,6})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d))?)?"
    r"(?:T(?:(?P<hour>\d\d)(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?)?)?"
    r"(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
_PERIOD: Final = re.compile(
    r"P(?=.)(?:(?P<years>\d{1,5})Y)?(?:(?P<months>\d{1,5})M)?(?:(?P<weeks>\d{1,5})W)?(?:(?P<days>\d{1,7})D)?"
    r"(?:T(?=.)(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,9})S)?)?",
    re.ASCII,
)

_SECONDS: Final[Mapping[str, int]] = {
    "second": 1,
    "minute": 60,
    "five_minute": 300,
    "ten_minute": 600,
    "fifteen_minute": 900,
    "thirty_minute": 1800,
    "hour": 3600,
    "six_hour": 21600,
    "eight_hour": 28800,
    "day": 86400,
}
_MONTHS: Final[Mapping[str, int]] = {"month": 1, "quarter": 3, "year": 12}
#: Length of a bucket, for comparing granularities; the longest bucket of calendar granularities.
_LENGTHS: Final[Mapping[str, float]] = {
    "millisecond": 0.001,
    **_SECONDS,
    "week": 7 * 86400,
    "month": 31 * 86400,
    "quarter": 92 * 86400,
    "year": 366 * 86400,
    "all": float("inf"),
}


class IntervalError(ValueError):
    """Raised for a text that is not an interval; the message states why."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A half-open interval of UTC instants."""

    start: datetime
    end: datetime

    def is_aligned(self, granularity: str) -> bool:
        """
        Return whether both ends are starts of buckets; for ``all`` never.

        OBSERVED(Druid 27): only OVERWRITE ALL replaces the single chunk of PARTITIONED BY ALL, which has no bounds.
        """
        if granularity == "all":
            return False
        return floor(self.start, granularity) == self.start and floor(self.end, granularity) == self.end

    def __str__(self) -> str:
        return f"{format_instant(self.start)}/{format_instant(self.end)}"


def parse_interval(text: str) -> Interval:
    """
    Parse ``start/end``, ``start/period`` or ``period/end``; an instant without a zone is UTC.

    DOCUMENTED polaris-sdk 20250425.14.0: ISO 8601 intervals, both forms occur. OBSERVED(Druid 27): an empty interval is
    rejected.

    :param text: The interval.
    :return: The interval.
    :raises IntervalError: Not an interval, reversed, or empty.
    """
    first, slash, second = text.partition("/")
    if not slash or "/" in second:
        raise IntervalError("it is not of the form start/end, start/period or period/end")
    try:
        if second.startswith("P"):
            start = parse_instant(first)
            end = _shift(start, second, 1)
        elif first.startswith("P"):
            end = parse_instant(second)
            start = _shift(end, first, -1)
        else:
            start, end = parse_instant(first), parse_instant(second)
    except OverflowError:
        raise IntervalError("it leaves the range of years") from None
    if start == end:
        raise IntervalError("it is empty: its start equals its end")
    if start > end:
        raise IntervalError("it is reversed: its end is before its start")
    return Interval(start, end)


def before(moment: datetime, period: str) -> datetime:
    """
    Subtract an ISO 8601 period; the result is not before :data:`EARLIEST`.

    :raises IntervalError: Not a period.
    """
    try:
        return _shift(moment, period, -1)
    except OverflowError:
        return EARLIEST


def parse_instant(text: str) -> datetime:
    """Parse an ISO 8601 instant or date, to the millisecond."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise IntervalError(f"{text!r} is not an ISO 8601 instant")
    year = int(match["year"])
    if year < 1:
        return EARLIEST
    try:
        moment = datetime(
            year,
            int(match["month"] or 1),
            int(match["day"] or 1),
            int(match["hour"] or 0),
            int(match["minute"] or 0),
            int(match["second"] or 0),
            int((match["fraction"] or "0")[:3].ljust(3, "0")) * 1000,
            timezone.utc,
        )
    except ValueError as error:
        raise IntervalError(f"{text!r} is not an instant: {error}") from None
    zone = match["zone"]
    if zone is None or zone == "Z":
        return moment
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]) if len(zone) > 3 else 0)
    return moment + offset if zone[0] == "-" else moment - offset


def format_instant(moment: datetime) -> str:
    """Format an instant with milliseconds and ``Z``, as in the vendor's defaults."""
    if moment == EARLIEST:
        return "-1000-01-01T00:00:00.000Z"
    return f"{moment.year:04}{moment:-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def floor(moment: datetime, granularity: str) -> datetime:
    """Return the start of the bucket that contains an instant; buckets are in UTC, weeks start on Monday."""
    if granularity == "all":
        return EARLIEST
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if granularity == "week":
        return midnight - timedelta(days=min(moment.weekday(), (moment - EARLIEST).days))
    if granularity in _MONTHS:
        months = _MONTHS[granularity]
        return midnight.replace(month=(moment.month - 1) // months * months + 1, day=1)
    step = timedelta(milliseconds=1) if granularity == "millisecond" else timedelta(seconds=_SECONDS[granularity])
    return moment - (moment - _EPOCH) % step


def is_finer(granularity: str, other: str) -> bool:
    """Return whether buckets of one granularity are shorter than those of another."""
    return _LENGTHS[granularity] < _LENGTHS[other]


def _shift(moment: datetime, period: str, sign: int) -> datetime:
    match = _PERIOD.fullmatch(period)
    if match is None:
        raise IntervalError(f"{period!r} is not an ISO 8601 period")
    part = {name: sign * int(value or 0) for name, value in match.groupdict().items()}
    months = moment.year * 12 + moment.month - 1 + part["years"] * 12 + part["months"]
    year, month = divmod(months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day) + timedelta(
        weeks=part["weeks"],
        days=part["days"],
        hours=part["hours"],
        minutes=part["minutes"],
        seconds=part["seconds"],
    )
