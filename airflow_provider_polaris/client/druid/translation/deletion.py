# SPDX-License-Identifier: Apache-2.0
"""Find the segments that jobs read, and choose those that a deletion removes; performs no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisSpecError
from airflow_provider_polaris.jobs.tables.segments import segment_change
from airflow_provider_polaris.jobs.time.interval import Interval, merge

#: Largest number of segments that a message names.
_MOST_NAMES: Final = 3


def current_segments(segments: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """
    Return the segments whose rows jobs read: those that no newer segments cover entirely.

    Versions are compared as texts, as Druid does. Source: druid.apache.org/docs/latest/design/segments (versions).

    :param segments: Used segments. The answer is right for the intervals of which all used segments are given.
    """
    newest_first = sorted(segments, key=lambda segment: str(segment.get("version")), reverse=True)
    covering: tuple[Interval, ...] = ()
    found: list[Mapping[str, Any]] = []
    for _, group in groupby(newest_first, key=lambda segment: str(segment.get("version"))):
        same_version = [(segment, _span(segment)) for segment in group]
        found += [
            one for one, span in same_version if span is None or not any(each.contains(span) for each in covering)
        ]
        covering = merge([*covering, *(span for _, span in same_version if span is not None)])
    return found


def check_named(table: str, segments: Sequence[Mapping[str, Any]], named: Collection[str]) -> None:
    """
    Refuse a deletion that would delete other segments than those that its job names.

    :param table: Name of the table, for the message.
    :param segments: All used segments that overlap the intervals.
    :param named: Ids of the segments that the job names.
    :raises PolarisGuardError: A named segment is missing, or there are others.
    """
    here = {str(segment.get("identifier")) for segment in current_segments(segments)}
    if change := segment_change(table, named, here):
        raise PolarisGuardError(f"{change} than the deletion was decided for, so nothing was deleted.")


def segments_to_delete(
    table: str, segments: Iterable[Mapping[str, Any]], spans: Sequence[Interval], versions: Sequence[str] | None
) -> list[str]:
    """
    Return the ids of the segments that lie in some intervals.

    Druid can only mark whole segments. Polaris widens the intervals to whole segments; here a segment that sticks out
    is refused, because a deletion of more rows than asked for can't be noticed before it has happened.

    :param table: Name of the table, for the message.
    :param segments: Used segments that overlap the intervals.
    :param spans: The intervals; empty for all of time.
    :param versions: Only segments of these versions; None for all.
    :raises PolarisGuardError: A segment lies only partly in the intervals, or its interval can't be read.
    """
    whole = merge(spans)
    inside: list[str] = []
    outside: list[tuple[str, Interval | None]] = []
    for segment in segments:
        if versions is not None and segment.get("version") not in versions:
            continue
        name = str(segment.get("identifier"))
        span = _span(segment)
        is_inside = not whole or (span is not None and any(each.contains(span) for each in whole))
        if is_inside:
            inside.append(name)
        else:
            outside.append((name, span))
    if outside:
        names = ", ".join(repr(name) for name, _ in outside[:_MOST_NAMES])
        rest = f" and {len(outside) - _MOST_NAMES} more" if len(outside) > _MOST_NAMES else ""
        wide = merge([*whole, *(span for _, span in outside if span is not None)])
        raise PolarisGuardError(
            f"Druid deletes whole segments, and the intervals cover only a part of {names}{rest} of table {table!r}, "
            "so nothing was deleted. To delete these segments, too, use "
            f"{' and '.join(each.to_wire() for each in wide)}."
        )
    return inside


def _span(segment: Mapping[str, Any]) -> Interval | None:
    try:
        return Interval.parse(str(segment.get("interval")))
    except PolarisSpecError:
        return None
