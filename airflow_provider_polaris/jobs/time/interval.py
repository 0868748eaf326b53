# SPDX-License-Identifier: Apache-2.0
"""Parse, format, align and split half-open time intervals in UTC; performs no I/O and does not read the clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.instant import (
    OPEN_END,
    OPEN_START,
    as_utc,
    floor_to_millisecond,
    format_instant,
    quote,
)
from airflow_provider_polaris.jobs.time.interval_text import FORMS, check_order, parse_side, split_text
from airflow_provider_polaris.jobs.time.period import Period

_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, order=True, repr=False)
class Interval:
    """
    All instants from ``start`` up to, but not including, ``end``; in UTC, never empty, exact to the millisecond.

    Polaris stores time in milliseconds, so both ends are rounded down to a millisecond. Adjacent intervals stay
    adjacent and do not overlap. A start before the year 1 is an open start (``datetime.min``), which Polaris writes as
    ``-1000-01-01T00:00:00.000Z``.

    >>> day = Interval.parse("2024-06-01/P1D")
    >>> str(day)
    '2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z'
    >>> day.contains(Interval.parse("2024-06-01T10:00Z/2024-06-02T00:00Z"))
    True

    :param start: First instant, in any time zone.
    :param end: First instant after the interval, in any time zone.
    :raises PolarisSpecError: An end has no time zone, or the interval is empty or reversed.
    """

    start: datetime
    end: datetime

    #: All of time, Polaris' default for ``source.interval``. Source: docs.imply.io/polaris/api-ingest-table.
    ETERNITY: ClassVar[Interval]

    def __post_init__(self) -> None:
        start, end = (floor_to_millisecond(as_utc(instant)) for instant in (self.start, self.end))
        check_order(start, end, "interval", f"{format_instant(start)}/{format_instant(end)}")
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "end", end)

    @classmethod
    def parse(cls, text: str, *, field: str = "interval") -> Interval:
        """
        Parse an ISO 8601 interval: ``start/end``, ``start/period`` or ``period/end``.

        Accepts rendered Airflow templates (``{{ data_interval_start }}/{{ data_interval_end }}``: a blank instead of
        ``T``, an offset), dates, months, years, ISO weeks, days of the year, the basic form (``{{ ds_nodash }}``) and
        nine fraction digits. A missing zone means UTC. The shortened end of ISO 8601 (``2024-06-01/02``) is refused,
        as in Druid.

        >>> Interval.parse("2024-06-01 00:00:00+00:00/2024-06-02 00:00:00+00:00").to_wire()
        '2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z'
        >>> Interval.parse("2024-01-31/P1M").to_wire()
        '2024-01-31T00:00:00.000Z/2024-02-29T00:00:00.000Z'
        >>> Interval.parse("-1000-01-01T00:00:00.000Z/5000-01-01T00:00:00.000Z") == Interval.ETERNITY
        True

        :param text: The rendered interval.
        :param field: Name of the argument, for the error message.
        :raises PolarisSpecError: The message gives the field, its value, the rule and the fix.
        """
        first, second = split_text(text, field)
        start, end = parse_side(first, "start", text, field), parse_side(second, "end", text, field)
        try:
            if isinstance(start, Period):
                if isinstance(end, Period):
                    raise PolarisSpecError(
                        f"{field} {quote(text)} has periods on both sides, so it has no position in time. {FORMS}"
                    )
                start = (-start).add_to(end)
            elif isinstance(end, Period):
                end = end.add_to(start)
        except OverflowError:
            raise PolarisSpecError(
                f"{field} {quote(text)} reaches outside the years 1 to 9999. Shorten the period, or write both ends."
            ) from None
        start, end = floor_to_millisecond(start), floor_to_millisecond(end)
        check_order(start, end, field, text)
        return cls(start, end)

    def to_wire(self) -> str:
        """Format the interval as Polaris does: both ends in UTC with milliseconds and ``Z``."""
        return f"{format_instant(self.start)}/{format_instant(self.end)}"

    __str__ = to_wire

    def __repr__(self) -> str:
        return f"<Interval {self.to_wire()}>"

    @property
    def duration(self) -> timedelta:
        """Time from start to end."""
        return self.end - self.start

    def is_aligned(self, granularity: Granularity) -> bool:
        """
        Whether both ends fall on bucket boundaries of ``granularity`` (UTC).

        >>> Interval.parse("2024-06-01/P1D").is_aligned(Granularity.EIGHT_HOUR)
        True
        """
        return granularity.floor(self.start) == self.start and granularity.floor(self.end) == self.end

    def align(self, granularity: Granularity) -> Interval:
        """
        Return the smallest aligned interval that contains this one.

        >>> str(Interval.parse("2024-06-01T01:30Z/2024-06-01T02:00Z").align(Granularity.HOUR))
        '2024-06-01T01:00:00.000Z/2024-06-01T02:00:00.000Z'

        :raises PolarisSpecError: That interval would end after the year 9999 (for ``all``: after 5000-01-01).
        """
        return Interval(granularity.floor(self.start), granularity.ceil(self.end))

    def widen(self, granularity: Granularity) -> Interval:
        """
        Return the result of :meth:`align`, or the interval itself if that result would exceed the calendar.

        >>> Interval.ETERNITY.widen(Granularity.WEEK) == Interval.ETERNITY
        True
        """
        if self == Interval.ETERNITY:
            return self
        try:
            return self.align(granularity)
        except PolarisSpecError:
            return self

    def buckets(self, granularity: Granularity) -> Iterator[Interval]:
        """
        Yield the pieces of the interval, cut at every bucket boundary of ``granularity``.

        The pieces are in time order and cover the interval exactly. If the interval is not aligned, the first and the
        last piece are parts of buckets. ``all`` yields the interval itself.

        >>> [str(piece.duration) for piece in Interval.parse("2024-01/2024-04").buckets(Granularity.MONTH)]
        ['31 days, 0:00:00', '29 days, 0:00:00', '31 days, 0:00:00']
        """
        if granularity is Granularity.ALL:
            yield self
            return
        start = self.start
        # Compare bucket starts, because next() raises for the last bucket of the calendar.
        last = granularity.floor(self.end - _MILLISECOND)
        while start < last:
            end = granularity.next(start)
            yield Interval(start, end)
            start = end
        yield Interval(start, self.end)

    def split(self, step: timedelta | Granularity) -> list[Interval]:
        """
        Cut the interval into consecutive pieces.

        The pieces are half-open, in time order and cover the interval exactly. A timedelta is counted from the start of
        the interval, and the last piece may be shorter. A granularity cuts at bucket boundaries, as :meth:`buckets`.

        >>> [piece.to_wire()[11:16] for piece in Interval.parse("2024-06-01/P1D").split(timedelta(hours=10))]
        ['00:00', '10:00', '20:00']

        :param step: Longest piece: a positive number of whole milliseconds, or a granularity.
        :return: At least one piece. All pieces are held in memory, so avoid a small step in a long interval.
        :raises PolarisSpecError: ``step`` is zero, negative or not whole milliseconds.
        """
        if isinstance(step, Granularity):
            return list(self.buckets(step))
        if step <= timedelta() or step % _MILLISECOND:
            raise PolarisSpecError(
                f"step {step!r} can't cut an interval: it must be a positive number of whole milliseconds. "
                "Pass timedelta(days=1), for example, or a Granularity."
            )
        pieces = []
        start = self.start
        while self.end - start > step:
            pieces.append(Interval(start, start + step))
            start += step
        return [*pieces, Interval(start, self.end)]

    def shift(self, period: str | timedelta) -> Interval:
        """
        Move both ends by an ISO 8601 period (``-P1D`` moves back) or a timedelta; an open end stays open.

        >>> str(Interval.parse("2024-01/P1M").shift("P1M"))
        '2024-02-01T00:00:00.000Z/2024-03-01T00:00:00.000Z'

        :raises PolarisSpecError: The text is not a period, or the result is empty (at month ends) or outside the years
            1 to 9999.
        """
        moved_by = Period(exact=period) if isinstance(period, timedelta) else Period.parse(period)
        try:
            start, end = (
                instant if instant in (OPEN_START, OPEN_END) else moved_by.add_to(instant)
                for instant in (self.start, self.end)
            )
        except OverflowError:
            raise PolarisSpecError(
                f"interval {self.to_wire()!r} moved by {period!r} leaves the years 1 to 9999."
            ) from None
        return Interval(start, end)

    def contains(self, other: Interval | datetime) -> bool:
        """
        Whether an instant, or a whole interval, lies in this interval.

        :raises PolarisSpecError: ``other`` is a datetime without a time zone.
        """
        if isinstance(other, Interval):
            return self.start <= other.start and other.end <= self.end
        return self.start <= as_utc(other) < self.end

    def overlaps(self, other: Interval) -> bool:
        """Whether the two intervals share an instant; adjacent intervals do not."""
        return self.start < other.end and other.start < self.end

    def intersection(self, other: Interval) -> Interval | None:
        """Return the common part of the two intervals; None if there is none."""
        return Interval(max(self.start, other.start), min(self.end, other.end)) if self.overlaps(other) else None


def merge(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """
    Join intervals that are adjacent or overlap.

    >>> merge([Interval.parse("2024-06-02/P1D"), Interval.parse("2024-06-01/P1D")])
    (<Interval 2024-06-01T00:00:00.000Z/2024-06-03T00:00:00.000Z>,)

    :return: The joined intervals in time order.
    """
    merged: list[Interval] = []
    for each in sorted(intervals):
        if merged and each.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, each.end))
        else:
            merged.append(each)
    return tuple(merged)


Interval.ETERNITY = Interval(OPEN_START, OPEN_END)
