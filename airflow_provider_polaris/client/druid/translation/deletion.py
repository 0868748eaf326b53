# SPDX-License-Identifier: Apache-2.0
"""Choose the segments that a deletion removes; performs no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisSpecError
from airflow_provider_polaris.jobs.time.interval import Interval, merge

#: Largest number of segments that a message names.
_MOST_NAMES: Final = 3


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
