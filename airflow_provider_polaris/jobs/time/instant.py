# SPDX-License-Identifier: Apache-2.0
"""
Parse and format instants in Polaris' form: ISO 8601, UTC, milliseconds. Performs no I/O and ignores the local zone.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from typing import Final

from airflow_provider_polaris.jobs.errors import PolarisSpecError

#: "No lower bound". Polaris writes ``-1000-01-01T00:00:00.000Z``, a year that :class:`datetime.datetime` can't hold.
OPEN_START: Final = datetime.min.replace(tzinfo=timezone.utc)

#: "No upper bound", as in Polaris' default ``source.interval``. Source: docs.imply.io/polaris/api-ingest-table.
OPEN_END: Final = datetime(5000, 1, 1, tzinfo=timezone.utc)

_OPEN_START_ON_THE_WIRE: Final = "-1000-01-01T00:00:00.000Z"
_LONGEST_QUOTE: Final = 120

_DATE: Final = r"""
    (?P<year>\d{4}|[+-]\d{4,9})
    (?:
        (?P<dash>-)?W(?P<week>\d{2})(?:(?(dash)-)(?P<weekday>[1-7]))?     # 2024-W23, 2024-W23-1, 2024W231
      | -(?P<month>\d{2})(?:-(?P<day>\d{2}))?                            # 2024-06, 2024-06-01
      | (?P<basic_month>\d{2})(?P<basic_day>\d{2})                       # 20240601
      | -?(?P<ordinal>\d{3})                                             # 2024-153, 2024153
    )?
"""
_TIME: Final = r"""
    (?P<hour>\d{2})
    (?: :?(?P<minute>\d{2}) (?: :?(?P<second>\d{2}) (?:[.,](?P<fraction>\d{1,9}))? )? )?
    \x20?
    (?: Z
      | (?P<offset_sign>[+-])(?P<offset_hour>\d{2}) (?: :?(?P<offset_minute>\d{2}) (?: :?(?P<offset_second>\d{2}) )? )?
    )?
"""
_INSTANT: Final = re.compile(rf"{_DATE}(?:[T\x20]{_TIME})?", re.VERBOSE | re.IGNORECASE | re.ASCII)


class UnreadableInstantError(PolarisSpecError):
    """Raised when a text is not an instant. The message is only the reason; the caller adds the field and the text."""


def quote(value: object) -> str:
    """
    Quote a value for an error message. A long value, such as a pasted file, is shortened.

    >>> quote("2024-06-01")
    "'2024-06-01'"
    """
    text = repr(value)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}… ({len(text)} characters)"


def as_utc(instant: datetime) -> datetime:
    """
    Convert an instant to a plain :class:`datetime.datetime` in UTC; accepts pendulum's subclass.

    :raises PolarisSpecError: ``instant`` has no time zone, or lies outside the years 1 to 9999 in UTC.
    """
    if not isinstance(instant, datetime) or instant.tzinfo is None or instant.utcoffset() is None:
        raise PolarisSpecError(
            f"{quote(instant)} is not an instant: a datetime with a time zone is needed. "
            "Add tzinfo=timezone.utc, or write it as ISO 8601 text, where a missing zone means UTC."
        )
    try:
        utc = instant.astimezone(timezone.utc)
    except OverflowError:
        raise PolarisSpecError(f"{instant.isoformat()!r} lies outside the years 1 to 9999 in UTC.") from None
    return datetime.combine(utc.date(), utc.time(), timezone.utc)


def floor_to_millisecond(instant: datetime) -> datetime:
    """Round an instant down to a millisecond, the resolution of ``__time`` (docs.imply.io/polaris/rollup)."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def parse_instant(text: str) -> datetime:
    """
    Parse an ISO 8601 instant: date with or without time, extended or basic, any offset, a blank instead of ``T``.

    A missing zone means UTC; missing parts are the first (``2024`` is 2024-01-01T00:00Z). ``24:00`` is the next
    midnight. A year before 1 gives :data:`OPEN_START`. Fraction digits after the sixth are dropped, not rounded.

    >>> parse_instant("2024-06-01 02:00:00+02:00").isoformat()
    '2024-06-01T00:00:00+00:00'
    >>> parse_instant("2023-09-13T22:31:47.800252712Z").isoformat()
    '2023-09-13T22:31:47.800252+00:00'
    >>> parse_instant("2024-W23").isoformat()
    '2024-06-03T00:00:00+00:00'

    :raises UnreadableInstantError: The text is not an instant; the message holds only the reason.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise UnreadableInstantError("is not an ISO 8601 instant such as '2024-06-01' or '2024-06-01T00:00:00Z'")
    part = match.groupdict()
    year = int(part["year"])
    if year < 1:
        return OPEN_START
    if year > 9999:
        raise UnreadableInstantError("lies after the year 9999; '5000-01-01' stands for an open end")
    try:
        day = _date_of(part)
    except ValueError:  # Python's own message differs between versions.
        raise UnreadableInstantError("is not a day of the calendar") from None
    try:
        return datetime(day.year, day.month, day.day, tzinfo=timezone.utc) + _time_of(part) - _offset_of(part)
    except OverflowError:
        raise UnreadableInstantError("lies outside the years 1 to 9999 in UTC") from None


def format_instant(instant: datetime) -> str:
    """
    Format an instant as Polaris does, with milliseconds and ``Z``; finer digits are dropped.

    >>> format_instant(parse_instant("2024-06-01T02:00+02:00"))
    '2024-06-01T00:00:00.000Z'
    >>> format_instant(OPEN_START)
    '-1000-01-01T00:00:00.000Z'
    """
    utc = as_utc(instant)
    if utc == OPEN_START:
        return _OPEN_START_ON_THE_WIRE
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _date_of(part: dict[str, str | None]) -> date:
    year = int(part["year"] or 0)
    if part["week"]:
        return date.fromisocalendar(year, int(part["week"]), int(part["weekday"] or 1))
    if part["ordinal"]:
        day_of_year = int(part["ordinal"])
        found = date(year, 1, 1) + timedelta(days=day_of_year - 1)
        if day_of_year == 0 or found.year != year:
            raise ValueError(day_of_year)
        return found
    return date(year, int(part["month"] or part["basic_month"] or 1), int(part["day"] or part["basic_day"] or 1))


def _time_of(part: dict[str, str | None]) -> timedelta:
    hour, minute, second = (int(part[name] or 0) for name in ("hour", "minute", "second"))
    micros = int((part["fraction"] or "").ljust(6, "0")[:6])
    if hour > 24 or minute > 59 or second > 59 or (hour == 24 and (minute or second or micros)):
        raise UnreadableInstantError(f"has no time of day: there is no {hour:02}:{minute:02}:{second:02}")
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=micros)


def _offset_of(part: dict[str, str | None]) -> timedelta:
    hour, minute, second = (int(part[f"offset_{name}"] or 0) for name in ("hour", "minute", "second"))
    if hour > 23 or minute > 59 or second > 59:
        raise UnreadableInstantError(f"has no offset: there is no {part['offset_sign']}{hour:02}:{minute:02}")
    offset = timedelta(hours=hour, minutes=minute, seconds=second)
    return -offset if part["offset_sign"] == "-" else offset
