# SPDX-License-Identifier: Apache-2.0
"""
Parse ISO 8601 instants, periods and intervals as microseconds since 1970, including years before 1 and after 9999.

``datetime`` starts at year 1, but Polaris writes open intervals from -1000 or 0 on, so this module has its own
calendar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid, SqlNotSupported

DAY_US = 86_400_000_000

_INSTANT = re.compile(
    r"(?P<year>[+-]?\d{1,9})(?:-(?P<month>\d{1,2})(?:-(?P<day>\d{1,2}))?)?"
    r"(?:[T ](?:(?P<hour>\d{1,2})(?::(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:[.,](?P<fraction>\d{1,9}))?)?)?)?"
    r"(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII,
)
_PERIOD = re.compile(
    r"P(?:(?P<years>\d{1,9})Y)?(?:(?P<months>\d{1,9})M)?(?:(?P<weeks>\d{1,9})W)?(?:(?P<days>\d{1,9})D)?"
    r"(?:T(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,18})(?:\.(?P<millis>\d{1,3}))?S)?)?",
    re.ASCII,
)
_LARGEST_YEAR = 290_000
"""DuckDB's timestamps end shortly after this year, in both directions."""
_YEAR_0 = -62_167_219_200_000_000
_YEAR_10000 = 253_402_300_800_000_000


@dataclass(frozen=True)
class Period:
    """An ISO 8601 period; ``clock_us`` is the part after the ``T`` in microseconds."""

    text: str
    years: int
    months: int
    weeks: int
    days: int
    clock_us: int

    @property
    def total_months(self) -> int:
        """Years and months, in months."""
        return self.years * 12 + self.months

    @property
    def total_days(self) -> int:
        """Weeks and days, in days."""
        return self.weeks * 7 + self.days

    @property
    def is_compound(self) -> bool:
        """Whether it has parts of more than one kind: months, days, clock time."""
        return sum(1 for part in (self.total_months, self.total_days, self.clock_us) if part) > 1


def parse_period(text: str) -> Period:
    """
    Parse an ISO 8601 period.

    >>> parse_period("P1W").total_days, parse_period("PT90M").clock_us
    (7, 5400000000)

    :raises SqlInvalid: The text is not a period, or the period is zero.
    """
    match = _PERIOD.fullmatch(text)
    if match is None and text.startswith("P") and _PERIOD.fullmatch(re.sub("[+-]", "", text)):
        # OBSERVED(Druid 33): a part of a period may have a sign.
        raise SqlNotSupported(f"the period {text!r} is not supported: it has a sign")
    if match is None and _PERIOD.fullmatch(text.upper()):
        raise SqlNotSupported(f"the period {text!r} is not supported: write it in upper case")
    if match is None or text.endswith(("P", "T")):
        raise SqlInvalid(f"Invalid period {text!r}: an ISO 8601 period such as 'PT1H' or 'P1D' is expected")
    parts = {name: int(value) for name, value in match.groupdict().items() if value is not None and name != "millis"}
    clock = parts.get("hours", 0) * 3600 + parts.get("minutes", 0) * 60 + parts.get("seconds", 0)
    millis = int((match["millis"] or "0").ljust(3, "0"))
    period = Period(
        text,
        parts.get("years", 0),
        parts.get("months", 0),
        parts.get("weeks", 0),
        parts.get("days", 0),
        clock * 1_000_000 + millis * 1000,
    )
    if not (period.total_months or period.total_days or period.clock_us):
        raise SqlNotSupported(f"the period {text!r} is not supported: it is empty")
    if max(period.total_months // 12, period.total_days // 365, period.clock_us // (DAY_US * 365)) > _LARGEST_YEAR:
        raise SqlInvalid(f"Invalid period {text!r}: it is too long")
    return period


def parse_instant(text: str) -> int | None:
    """
    Parse an ISO 8601 instant: a year, a date, a blank instead of ``T``, an optional offset (default: UTC).

    Fraction digits after the third are dropped, because Druid's time has milliseconds.

    >>> parse_instant("1970-01-02T00:00:00.001Z"), parse_instant("0"), parse_instant("June")
    (86400001000, -62167219200000000, None)

    :return: Microseconds since 1970, or None if the text is not an instant.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    year, month, day = int(match["year"]), int(match["month"] or 1), int(match["day"] or 1)
    hour, minute, second = int(match["hour"] or 0), int(match["minute"] or 0), int(match["second"] or 0)
    if abs(year) > _LARGEST_YEAR or not 1 <= month <= 12 or not 1 <= day <= days_in_month(year, month):
        return None
    if hour > 23 or minute > 59 or second > 59:
        return None
    millis = int((match["fraction"] or "0")[:3].ljust(3, "0"))
    offset = _offset_us(match["zone"] or "Z")
    if offset is None:
        return None
    seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
    return seconds * 1_000_000 + millis * 1000 - offset


def parse_interval(text: str) -> tuple[int, int]:
    """
    Parse an ISO 8601 interval: ``start/end``, ``start/period`` or ``period/end``.

    >>> parse_interval("1970-01-01/P1D")
    (0, 86400000000)

    :return: Start and end in microseconds since 1970; the end is not part of the interval.
    :raises SqlInvalid: The text is not an interval, or the end is before the start. OBSERVED(Druid 27 and 33): also if
        a bound is outside of the years 0 to 9999; the query fails with status 500.
    """
    parts = text.split("/")
    if len(parts) != 2 or all(part.startswith("P") for part in parts):
        raise _not_an_interval(text)
    first, second = (None if part.startswith("P") else parse_instant(part) for part in parts)
    if parts[0].startswith("P") and second is not None:
        first = add(second, parse_period(parts[0]), -1)
    if parts[1].startswith("P") and first is not None:
        second = add(first, parse_period(parts[1]), 1)
    if first is None or second is None:
        raise _not_an_interval(text)
    if second < first:
        raise SqlInvalid(f"Invalid interval {text!r}: the end must not be before the start")
    if first < _YEAR_0 or second >= _YEAR_10000:
        raise SqlInvalid(f"Invalid interval {text!r}: it must lie in the years 0 to 9999; write 0 for an open start")
    return first, second


def add(instant: int, period: Period, times: int) -> int:
    """Add a period to an instant in UTC, largest unit first; a day beyond the end of a month becomes its last day."""
    for months in (period.years * 12, period.months):
        if months:
            days, clock = divmod(instant, DAY_US)
            year, month, day = civil_from_days(days)
            year, month = divmod(year * 12 + month - 1 + months * times, 12)
            instant = days_from_civil(year, month + 1, min(day, days_in_month(year, month + 1))) * DAY_US + clock
    return instant + (period.total_days * DAY_US + period.clock_us) * times


def literal(instant: int) -> str:
    """
    Format an instant as DuckDB SQL.

    >>> literal(0), literal(-62167219200000000)
    ("TIMESTAMP '1970-01-01 00:00:00'", 'make_timestamp(-62167219200000000)')
    """
    days, clock = divmod(instant, DAY_US)
    year, month, day = civil_from_days(days)
    if not 1 <= year <= 9999:
        return f"make_timestamp({instant})"
    seconds, micros = divmod(clock, 1_000_000)
    text = f"{year:04}-{month:02}-{day:02} {seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"TIMESTAMP '{text}.{micros:06}'" if micros else f"TIMESTAMP '{text}'"


def days_in_month(year: int, month: int) -> int:
    """Return the number of days of a month in the proleptic Gregorian calendar."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def days_from_civil(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a date. The algorithm uses 400-year eras and years that start in March."""
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


def civil_from_days(days: int) -> tuple[int, int, int]:
    """Reverse :func:`days_from_civil`."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + (3 if shifted < 10 else -9)
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1


def _offset_us(zone: str) -> int | None:
    if zone == "Z":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        return None
    return (hours * 3600 + minutes * 60) * 1_000_000 * (-1 if zone[0] == "-" else 1)


def _not_an_interval(text: str) -> SqlInvalid:
    return SqlInvalid(
        f"Invalid interval {text!r}: 'start/end', 'start/period' or 'period/end' in ISO 8601 is expected, "
        f"such as '2024-06-01/2024-06-02' or '2024-06-01/P1D'"
    )
