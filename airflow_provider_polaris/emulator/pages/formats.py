# SPDX-License-Identifier: Apache-2.0
"""
Format counts, durations, instants and intervals for the pages; performs no I/O.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from markupsafe import Markup, escape

from airflow_provider_polaris.emulator.wire.intervals import EARLIEST, LATEST, format_instant

#: Between the parts of the name of a DAG, task or run: after two underscores, or a dot that isn't in a number.
_PARTS: Final = re.compile(r"(?<=__)(?=[^_])|(?<=\.)(?=\D)|(?=\[\d+\]$)")
_MIDNIGHT: Final = re.compile(r"T00:00(:00(\.0+)?)?Z$")
_WHOLE_MINUTE: Final = re.compile(r"(T\d\d:\d\d)(:00(\.0+)?)?Z$")


def grouped(value: int | None) -> str:
    """Format a number with separators; None becomes a dash."""
    return "–" if value is None else format(value, ",")


def plural(count: int, noun: str) -> str:
    """
    Format a count with its noun.

    >>> plural(1, "segment"), plural(1200, "segment")
    ('1 segment', '1,200 segments')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def duration(nanoseconds: int) -> str:
    """
    Format a duration.

    >>> duration(400_000_000), duration(75 * 10**9), duration(3720 * 10**9)
    ('0.4 s', '1 min 15 s', '1 h 02 min')
    """
    seconds = nanoseconds / 1_000_000_000
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def nanoseconds(text: str) -> int:
    """
    Parse an instant with nine fractional digits and ``Z``, as nanoseconds since the epoch.

    >>> nanoseconds("1970-01-01T00:01:00.000000005Z")
    60000000005
    """
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(f"{whole}+00:00").timestamp()) * 1_000_000_000 + int(fraction)


def short(text: str) -> str:
    """
    Shorten ISO 8601 intervals and instants by their zero seconds, minutes and hours.

    >>> short("2024-06-01T00:00:00.000Z/2024-06-01T12:30:00.000Z")
    '2024-06-01/2024-06-01T12:30Z'
    """
    ends = (_WHOLE_MINUTE.sub(r"\1Z", _MIDNIGHT.sub("", end)) for end in text.split("/"))
    return "/".join(ends)


def breakable(text: str) -> Markup:
    """
    Return a name as markup that wraps at its dots and underscores, and elsewhere only where a part fills the line.

    An instant in the id of a run stays whole.

    >>> str(breakable("koalas.by_hour"))
    '<span class="part">koalas.</span><span class="part">by_<wbr>hour</span>'
    """
    parts = (escape(part) for part in _PARTS.split(text))
    return Markup("").join(
        Markup('<span class="part">{}</span>').format(part.replace("_", Markup("_<wbr>"))) for part in parts
    )


def span(interval: tuple[datetime, datetime]) -> str:
    """Format an interval; all of time becomes ``all time``."""
    start, end = interval
    if start == EARLIEST and end >= LATEST:
        return "all time"
    return short(f"{format_instant(start)}/{format_instant(end)}")
