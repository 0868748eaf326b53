# SPDX-License-Identifier: Apache-2.0
"""
Lay out segments on a timeline with one lane for each state; performs no I/O.

Horizontal positions are percentages and heights are pixels: the timeline fits every width, and its text keeps its size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Final

from airflow_provider_polaris.emulator.engine import Segment
from airflow_provider_polaris.emulator.pages.formats import plural, short, span
from airflow_provider_polaris.emulator.wire.intervals import EARLIEST, LATEST, floor, format_instant

Span = tuple[datetime, datetime]

_MOST_MARKS: Final = 400
_MOST_ROWS: Final = 5
_BAR: Final = 48
_STRIP: Final = 16
_MOST_TICKS: Final = 7
# The longest bucket of each granularity for ticks.
_STEPS: Final[Sequence[tuple[str, timedelta]]] = (
    ("minute", timedelta(minutes=1)),
    ("ten_minute", timedelta(minutes=10)),
    ("hour", timedelta(hours=1)),
    ("six_hour", timedelta(hours=6)),
    ("day", timedelta(days=1)),
    ("week", timedelta(days=7)),
    ("month", timedelta(days=31)),
    ("quarter", timedelta(days=92)),
    ("year", timedelta(days=366)),
)


@dataclass(frozen=True)
class Lane:
    """
    Segments that are drawn on one line.

    :param name: Name of the lane. Its slug is the class that colours the segments.
    :param meaning: Description of the segments.
    :param segments: In any order, not empty.
    :param stacked: Whether versions lie above each other. Otherwise the height of a mark shows its number of rows.
    """

    name: str
    meaning: str
    segments: Sequence[Segment]
    stacked: bool = False

    @property
    def slug(self) -> str:
        """Return the name as an id or a class."""
        return self.name.lower().replace("-", "")


@dataclass(frozen=True)
class _Mark:
    """Segments of one interval and version, drawn as one."""

    interval: Span
    version: str
    segments: int
    rows: int


def draw(lanes: Sequence[Lane]) -> dict[str, Any]:
    """
    Return the values of ``timeline.html``: lanes over one axis, from the first start to the last end.

    A segment of all of time is drawn as wide as all other segments together.

    :param lanes: At least one.
    """
    intervals = [segment.interval for lane in lanes for segment in lane.segments]
    starts = [start for start, _ in intervals if start > EARLIEST]
    ends = [end for _, end in intervals if end < LATEST]
    domain = (min(starts), max(ends)) if starts and ends else None
    ticks = [] if domain is None else list(_ticks(domain))
    return {
        "lanes": [_lane(lane, domain) for lane in lanes],
        "extent": "all time" if domain is None else span(domain),
        "ticks": [_x(tick, domain) for tick in ticks],
        "inner": [(_x(tick, domain), _label(tick)) for tick in ticks if 12 < _position(tick, domain) < 84],
        "ends": None if domain is None else [_label(end) for end in domain],
    }


def _lane(lane: Lane, domain: Span | None) -> dict[str, Any]:
    """Return a lane's values for the template."""
    rows = sum(segment.rows for segment in lane.segments)
    counts = f"{plural(len(lane.segments), 'segment')}, {plural(rows, 'row')}"
    marks = _marks(lane.segments, domain)
    boxes: list[tuple[float, float]]
    if lane.stacked:
        levels = _levels(marks)
        height = _STRIP * (max(levels) + 1)
        boxes = [(_STRIP * level + 1, _STRIP - 2) for level in levels]
    else:
        height = _BAR
        most = max(mark.rows for mark in marks) or 1
        tops = [round(_BAR * (0.1 + 0.9 * mark.rows / most), 1) for mark in marks]
        boxes = [(round(_BAR - top, 1), top) for top in tops]
    return {
        "name": lane.name,
        "meaning": lane.meaning,
        "slug": lane.slug,
        "counts": counts,
        "height": height,
        "rects": [_rect(mark, domain, y, h) for mark, (y, h) in zip(marks, boxes, strict=True)],
    }


def _rect(mark: _Mark, domain: Span | None, y: float, height: float) -> dict[str, Any]:
    left, right = _position(mark.interval[0], domain), _position(mark.interval[1], domain)
    return {
        "title": (
            f"{span(mark.interval)}: {plural(mark.rows, 'row')} in {plural(mark.segments, 'segment')}, {mark.version}"
        ),
        "x": f"{left:.3f}%",
        "width": f"{max(right - left, 0.2):.3f}%",
        "y": y,
        "height": height,
    }


def _marks(segments: Sequence[Segment], domain: Span | None) -> list[_Mark]:
    """Merge segments of one interval and version; if too many marks remain, also merge neighbours."""
    found: dict[tuple[Span, str], _Mark] = {}
    for one in segments:
        key = (one.interval, one.version)
        old = found.get(key, _Mark(one.interval, f"version {one.version}", 0, 0))
        found[key] = _Mark(old.interval, old.version, old.segments + 1, old.rows + one.rows)
    marks = sorted(found.values(), key=lambda mark: (mark.interval, mark.version))
    if len(marks) <= _MOST_MARKS or domain is None:
        return marks
    columns: dict[int, _Mark] = {}
    for mark in marks:
        column = int(_position(mark.interval[0], domain) * _MOST_MARKS / 100)
        if column in columns:
            first = columns[column]
            whole = (first.interval[0], max(first.interval[1], mark.interval[1]))
            version = mark.version if mark.version == first.version else "several versions"
            mark = _Mark(whole, version, first.segments + mark.segments, first.rows + mark.rows)
        columns[column] = mark
    return list(columns.values())


def _levels(marks: Sequence[_Mark]) -> list[int]:
    """Return a level for each mark so that marks don't overlap; marks without a free level share the last one."""
    ends: list[datetime] = []
    levels = []
    for mark in marks:
        free = (level for level, end in enumerate(ends) if end <= mark.interval[0])
        level = min(next(free, len(ends)), _MOST_ROWS - 1)
        if level == len(ends):
            ends.append(mark.interval[1])
        ends[level] = max(ends[level], mark.interval[1])
        levels.append(level)
    return levels


def _ticks(domain: Span) -> Iterator[datetime]:
    """Yield the ticks: starts of buckets in the domain, of the finest granularity within the limit of ticks."""
    start, end = domain
    step, length = next(((s, one) for s, one in _STEPS if (end - start) / one <= 2 * _MOST_TICKS), _STEPS[-1])
    skipped = ceil((end - start) / length / _MOST_TICKS)
    tick = floor(start, step)
    count = 0
    while tick < end and end - tick > length / 2:
        if tick >= start and count % skipped == 0:
            yield tick
        if tick >= start:
            count += 1
        tick = floor(tick + length, step)


def _label(moment: datetime) -> str:
    return short(format_instant(moment))


def _x(moment: datetime, domain: Span | None) -> str:
    return f"{_position(moment, domain):.3f}%"


def _position(moment: datetime, domain: Span | None) -> float:
    """Return the position of an instant in percent; instants outside the domain lie at its edge."""
    if domain is None:
        return 0.0 if moment == EARLIEST else 100.0
    return min(100.0, max(0.0, 100 * ((moment - domain[0]) / (domain[1] - domain[0]))))
