# SPDX-License-Identifier: Apache-2.0
"""Polaris' time granularities and their buckets, in UTC; performs no I/O."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.time.instant import OPEN_END, OPEN_START, as_utc, format_instant, quote
from airflow_provider_polaris.jobs.time.period import Period, add_months


class Granularity(str, Enum):
    """
    The length of time buckets, from one millisecond to all of time.

    The value is Polaris' word. Buckets are half-open and aligned to UTC; weeks start on Monday. ``all`` is one bucket
    from -1000-01-01 to 5000-01-01. Members are sorted, finest first. Compare them with :meth:`is_coarser_than`, because
    ``<`` compares the words.

    Source: polaris-sdk 20250425.14.0 (words), docs.imply.io/polaris/rollup (buckets are in UTC).
    """

    MILLISECOND = "millisecond"
    SECOND = "second"
    MINUTE = "minute"
    FIVE_MINUTE = "five_minute"
    TEN_MINUTE = "ten_minute"
    FIFTEEN_MINUTE = "fifteen_minute"
    THIRTY_MINUTE = "thirty_minute"
    HOUR = "hour"
    SIX_HOUR = "six_hour"
    EIGHT_HOUR = "eight_hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    ALL = "all"

    def __str__(self) -> str:
        return self.value

    @classmethod
    def parse(cls, text: str, *, field: str = "granularity") -> Granularity:
        """
        Parse Polaris' word in any case, or the equivalent ISO 8601 period.

        >>> Granularity.parse("PT15M").value, Granularity.parse("P12M").value, Granularity.parse("Hour").value
        ('fifteen_minute', 'year', 'hour')

        :param text: Word or period. ``P7D`` is not a week: a week starts on Monday, seven days start on any day.
        :param field: Name of the argument, for the error message.
        :raises PolarisSpecError: Polaris has no such granularity.
        """
        if isinstance(text, str):
            word = text.strip()
            if word.lower() in cls._value2member_map_:
                return cls(word.lower())
            try:
                period = Period.parse(word)
            except PolarisSpecError:
                period = None
            if period in _BY_PERIOD:
                return _BY_PERIOD[period]
        raise PolarisSpecError(
            f"{field} {quote(text)} is not a granularity of Polaris. "
            f"Use one of {', '.join(member.value for member in cls)}, or the ISO 8601 period of one, such as 'PT1H'."
        )

    @property
    def period(self) -> str | None:
        """
        The ISO 8601 period, as ``TIME_FLOOR`` takes it; None for ``all``.

        >>> Granularity.QUARTER.period
        'P3M'
        """
        return _PERIODS.get(self)

    def floor(self, instant: datetime) -> datetime:
        """
        Return the start of the bucket that holds ``instant``, in UTC.

        >>> from datetime import timezone
        >>> Granularity.WEEK.floor(datetime(2024, 6, 6, 12, tzinfo=timezone.utc)).isoformat()
        '2024-06-03T00:00:00+00:00'

        :raises PolarisSpecError: ``instant`` has no time zone.
        """
        utc = as_utc(instant)
        if self is Granularity.ALL:
            return OPEN_START if utc < OPEN_END else OPEN_END
        midnight = utc.replace(hour=0, minute=0, second=0, microsecond=0)
        if self in _MONTHS:
            return midnight.replace(day=1, month=utc.month - (utc.month - 1) % _MONTHS[self])
        if self is Granularity.WEEK:
            return midnight - timedelta(days=utc.weekday())
        return utc - (utc - midnight) % _LENGTHS[self]

    def next(self, instant: datetime) -> datetime:
        """
        Return the end of the bucket that holds ``instant``: the first bucket start after it, in UTC.

        >>> from datetime import timezone
        >>> Granularity.MONTH.next(datetime(2024, 1, 31, tzinfo=timezone.utc)).isoformat()
        '2024-02-01T00:00:00+00:00'

        :raises PolarisSpecError: ``instant`` has no time zone, or its bucket ends after the last possible instant.
        """
        start = self.floor(instant)
        try:
            if self is Granularity.ALL:
                if start == OPEN_END:
                    raise OverflowError
                return OPEN_END
            if self in _MONTHS:
                return add_months(start, _MONTHS[self])
            return start + _LENGTHS[self]
        except OverflowError:
            raise PolarisSpecError(
                f"the {self.value!r} that starts at {format_instant(start)} ends after the last instant there is. "
                f"Use an earlier end; {format_instant(OPEN_END)} stands for an open one."
            ) from None

    def ceil(self, instant: datetime) -> datetime:
        """
        Return ``instant`` if a bucket starts there, otherwise the start of the next bucket, in UTC.

        :raises PolarisSpecError: As :meth:`next`.
        """
        start = self.floor(instant)
        return start if start == instant else self.next(instant)

    def is_coarser_than(self, other: Granularity) -> bool:
        """Whether a bucket of this granularity is longer than a bucket of ``other``."""
        order = list(Granularity)
        return order.index(self) > order.index(other)

    def divides(self, coarser: Granularity) -> bool:
        """
        Whether every bucket of ``coarser`` consists of whole buckets of this granularity.

        >>> Granularity.SIX_HOUR.divides(Granularity.DAY), Granularity.WEEK.divides(Granularity.MONTH)
        (True, False)

        :return: True if both are the same, and if ``coarser`` is ``all``.
        """
        if coarser in (self, Granularity.ALL):
            return True
        if self in _MONTHS:
            return coarser in _MONTHS and _MONTHS[coarser] % _MONTHS[self] == 0
        if self in (Granularity.WEEK, Granularity.ALL):
            return False
        # Every granularity up to a day divides a day, and weeks, months and years are whole days.
        return coarser in _MONTHS or not _LENGTHS[coarser] % _LENGTHS[self]


_MONTHS: Final = {Granularity.MONTH: 1, Granularity.QUARTER: 3, Granularity.YEAR: 12}

_LENGTHS: Final = {
    Granularity.MILLISECOND: timedelta(milliseconds=1),
    Granularity.SECOND: timedelta(seconds=1),
    Granularity.MINUTE: timedelta(minutes=1),
    Granularity.FIVE_MINUTE: timedelta(minutes=5),
    Granularity.TEN_MINUTE: timedelta(minutes=10),
    Granularity.FIFTEEN_MINUTE: timedelta(minutes=15),
    Granularity.THIRTY_MINUTE: timedelta(minutes=30),
    Granularity.HOUR: timedelta(hours=1),
    Granularity.SIX_HOUR: timedelta(hours=6),
    Granularity.EIGHT_HOUR: timedelta(hours=8),
    Granularity.DAY: timedelta(days=1),
    Granularity.WEEK: timedelta(weeks=1),
}

_PERIODS: Final = {
    Granularity.MILLISECOND: "PT0.001S",
    Granularity.SECOND: "PT1S",
    Granularity.MINUTE: "PT1M",
    Granularity.FIVE_MINUTE: "PT5M",
    Granularity.TEN_MINUTE: "PT10M",
    Granularity.FIFTEEN_MINUTE: "PT15M",
    Granularity.THIRTY_MINUTE: "PT30M",
    Granularity.HOUR: "PT1H",
    Granularity.SIX_HOUR: "PT6H",
    Granularity.EIGHT_HOUR: "PT8H",
    Granularity.DAY: "P1D",
    Granularity.WEEK: "P1W",
    Granularity.MONTH: "P1M",
    Granularity.QUARTER: "P3M",
    Granularity.YEAR: "P1Y",
}

_BY_PERIOD: Final[dict[Period | None, Granularity]] = {
    Period.parse(text): granularity for granularity, text in _PERIODS.items()
}
