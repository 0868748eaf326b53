# SPDX-License-Identifier: Apache-2.0
"""
Read the condition of ``OVERWRITE WHERE`` as the intervals that it stands for; performs no I/O.

OBSERVED(Druid 27): ``__time`` stands on the left of ``<``, ``<=``, ``>``, ``>=`` or ``BETWEEN``, a ``TIMESTAMP``
literal on the right; ``AND``, ``OR`` and ``NOT`` join them. Druid refuses any other column, function, literal and
parameter. It reads a literal in the time zone ``sqlTimeZone`` of the query context.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Final, NoReturn
from zoneinfo import ZoneInfo

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.sql.ingestion.words import Word, refuse
from airflow_provider_polaris.jobs.time.instant import quote
from airflow_provider_polaris.jobs.time.interval import Interval

_TIME: Final = "__time"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND: Final = timedelta(milliseconds=1)
_FIX: Final = (
    'Write OVERWRITE WHERE "__time" >= TIMESTAMP \'2024-06-01 00:00:00\' AND "__time" < TIMESTAMP \'2024-06-02 '
    "00:00:00', or OVERWRITE ALL."
)
#: Calcite's format; the time of day may be omitted. OBSERVED(Druid 27): ``T``, ``Z`` and offsets are refused.
_TIMESTAMP: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?: (\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,3}))?)?")

#: Half-open ranges of milliseconds since 1970, in order and disjoint.
_Ranges = tuple[tuple[float, float], ...]


def overwritten_intervals(statement: str, condition: Sequence[Word], zone: tzinfo) -> tuple[Interval, ...]:
    """
    Return the intervals that a condition stands for, in time order and merged.

    :param statement: The whole statement, for the error message.
    :param condition: The words after ``OVERWRITE WHERE``.
    :param zone: Time zone of the literals.
    :raises PolarisSpecError: Druid refuses the condition, it is open on one side, or it can't be read for sure.
    """
    reader = _Condition(statement, condition, zone)
    ranges = reader.disjunction()
    reader.check_end()
    if not ranges:
        reader.fail("overwrites no time at all")
    if ranges[0][0] == -math.inf or ranges[-1][1] == math.inf:
        reader.fail("overwrites an interval that is open on one side, which Druid refuses")
    return tuple(Interval(_instant(start), _instant(end)) for start, end in ranges)


def read_zone(name: object) -> tzinfo:
    """
    Return the time zone of ``sqlTimeZone``.

    :param name: Name of a time zone; None for UTC.
    :raises PolarisSpecError: It is not known here, so the intervals of a statement can't be read.
    """
    if name is None or name in ("UTC", "Z", "Etc/UTC"):
        return timezone.utc
    try:
        return ZoneInfo(str(name))
    except (ValueError, OSError, KeyError):
        raise PolarisSpecError(
            f"context.sqlTimeZone {quote(name)} is not a known time zone, so the times of the statement can't be read. "
            "Write a name such as 'Europe/Berlin', or omit it for UTC."
        ) from None


def literal_instant(text: str, zone: tzinfo) -> datetime:
    """
    Return the instant of a ``TIMESTAMP`` literal.

    >>> literal_instant("2024-06-01 02:00:00", read_zone("Europe/Berlin")).isoformat()
    '2024-06-01T00:00:00+00:00'

    :param text: The literal's text.
    :param zone: Time zone in which Druid reads it.
    :return: In UTC.
    :raises ValueError: The reason, as the end of a sentence.
    """
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        raise ValueError("is not of the form '2024-06-01 00:00:00'")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    microsecond = int((found[7] or "0").ljust(3, "0")) * 1000
    try:
        local = datetime(year, month, day, hour, minute, second, microsecond, tzinfo=zone)
        instants = {local.replace(fold=fold).astimezone(timezone.utc) for fold in (0, 1)}
    except (ValueError, OverflowError):
        raise ValueError("is no date and time") from None
    if len(instants) > 1:
        raise ValueError(f"the time zone {str(zone)!r} has twice or not at all")
    return instants.pop()


class _Condition:
    """Recursive descent with the precedence of SQL: OR, AND, NOT, comparison."""

    def __init__(self, statement: str, words: Sequence[Word], zone: tzinfo) -> None:
        self._statement = statement
        self._words = list(words)
        self._start = words[0].start if words else len(statement)
        self._zone = zone

    def fail(self, reason: str, at: int | None = None) -> NoReturn:
        refuse(self._statement, self._start if at is None else at, reason, _FIX)

    def check_end(self) -> None:
        if self._words:
            self._unexpected()

    def disjunction(self) -> _Ranges:
        found = self._conjunction()
        while self._takes("OR"):
            found = _union(found, self._conjunction())
        return found

    def _conjunction(self) -> _Ranges:
        found = self._negation()
        while self._takes("AND"):
            found = _complement(_union(_complement(found), _complement(self._negation())))
        return found

    def _negation(self) -> _Ranges:
        if self._takes("NOT"):
            return _complement(self._negation())
        if self._words and self._words[0].text == "(":
            self._words.pop(0)
            found = self.disjunction()
            self._sign(")")
            return found
        return self._comparison()

    def _comparison(self) -> _Ranges:
        column = self._next("the column __time")
        if column.kind not in ("word", "name") or column.value != _TIME:
            self.fail(f"has {quote(column.text)} where the column __time is expected", column.start)
        operator = self._next("a comparison")
        if operator.is_keyword("BETWEEN"):
            low = self._timestamp()
            if not self._takes("AND"):
                self._unexpected()
            return _range(low, self._timestamp() + 1)
        if operator.text not in ("<", "<=", ">", ">="):
            # OBSERVED(Druid 27): it reads NOT BETWEEN as BETWEEN.
            self.fail(f"compares __time by {quote(operator.text)}, which is not allowed here", operator.start)
        bound = self._timestamp()
        after = bound + (operator.text in ("<=", ">"))
        return _range(-math.inf, after) if operator.text[0] == "<" else _range(after, math.inf)

    def _timestamp(self) -> int:
        word = self._next("a TIMESTAMP literal")
        if not word.is_keyword("TIMESTAMP"):
            self.fail(f"has {quote(word.text)} where a TIMESTAMP literal is expected", word.start)
        literal = self._next("a TIMESTAMP literal")
        if literal.kind != "text":
            self.fail(f"has {quote(literal.text)} where the text of a TIMESTAMP literal is expected", literal.start)
        try:
            return (literal_instant(literal.value, self._zone) - _EPOCH) // _MILLISECOND
        except ValueError as error:
            self.fail(f"has {quote(literal.value)}, which {error}", literal.start)

    def _takes(self, keyword: str) -> bool:
        if self._words and self._words[0].is_keyword(keyword):
            self._words.pop(0)
            return True
        return False

    def _next(self, what: str) -> Word:
        if not self._words:
            self.fail(f"ends where {what} is expected")
        return self._words.pop(0)

    def _sign(self, text: str) -> None:
        if self._next(repr(text)).text != text:
            self.fail(f"lacks {text!r}")

    def _unexpected(self) -> NoReturn:
        if not self._words:
            self.fail("ends too early")
        self.fail(f"has an unexpected {quote(self._words[0].text)} in OVERWRITE WHERE", self._words[0].start)


def _range(start: float, end: float) -> _Ranges:
    return ((start, end),) if start < end else ()


def _union(left: _Ranges, right: _Ranges) -> _Ranges:
    found: list[tuple[float, float]] = []
    for start, end in sorted(left + right):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return tuple(found)


def _complement(ranges: _Ranges) -> _Ranges:
    bounds = [-math.inf, *(bound for pair in ranges for bound in pair), math.inf]
    return tuple(pair for pair in zip(bounds[::2], bounds[1::2], strict=True) if pair[0] < pair[1])


def _instant(milliseconds: float) -> datetime:
    return _EPOCH + int(milliseconds) * _MILLISECOND
