# SPDX-License-Identifier: Apache-2.0
"""
The segments of the source, on a service that shows them and deletes exactly these.

They prove what counts can't: that the rows which the copy read are the rows that are deleted. The plan names the
segments. They must be the same before the copy is submitted, at the proof, and when the deletion chooses what it
deletes. So no list of replaced and deleted segments is needed, and nothing has to be restored after the deletion.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, cast

from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisSpecError
from airflow_provider_polaris.jobs.tables.segments import segment_change
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval, merge
from airflow_provider_polaris.operators.guards.messages import format_intervals

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import SegmentService
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.jobs.age_out.plan import AgingPlan

#: Maximum number of segments of a plan: they are stored in XComs and in the context of a job.
MOST_SEGMENTS: Final = 10_000


def named_segments(
    hook: PolarisHook, table: str, spans: Sequence[Interval], partition: Granularity
) -> tuple[str, ...] | None:
    """
    Return the ids of the segments that a deletion of some intervals will remove; None if the service can't name them.

    :param hook: Hook for the request.
    :param table: Name of the source.
    :param spans: The intervals.
    :param partition: Granularity of the intervals.
    :raises PolarisGuardError: A segment exceeds the intervals, or there are too many segments.
    """
    segments = _current(hook, table, spans)
    if segments is None:
        return None
    whole = merge(spans)
    beyond = [segment for segment in segments if not _is_inside(segment, whole)]
    if beyond:
        raise PolarisGuardError(
            f"segment {beyond[0]['id']!r} of table {table!r} exceeds the intervals ({format_intervals(whole)}), and a "
            "deletion removes whole segments. Nothing was changed. Rewrite that part of the table with partitionedBy "
            f"{partition.value!r} (a replace job whose source is its target), then run the group again."
        )
    return _ids(segments)


def changed_segments(hook: PolarisHook, plan: AgingPlan) -> str | None:
    """
    Return how the segments of the source differ from those of the plan, as a clause; None if they don't.

    :param hook: Hook for the request.
    :param plan: The plan.
    """
    if plan.segments is None:
        return None
    return segment_change(plan.source, plan.segments, _ids(_current(hook, plan.source, plan.spans) or ()))


def missing_segments(hook: PolarisHook, table: str, spans: Sequence[Interval], read: Sequence[str]) -> str | None:
    """
    Return which segments that a copy read the source no longer has, as a clause; None if it has all.

    :param hook: Hook for the request.
    :param table: Name of the source.
    :param spans: Intervals of the copy.
    :param read: Ids of the segments that the copy read.
    """
    here = set(_ids(_current(hook, table, spans) or ()))
    return segment_change(table, read, here & set(read))


def _current(hook: PolarisHook, table: str, spans: Sequence[Interval]) -> list[dict[str, Any]] | None:
    if not hook.capabilities.exact_deletions:
        return None
    service = cast("SegmentService", hook.get_client())
    segments = list(islice(service.iter_current_segments(table, spans), MOST_SEGMENTS + 1))
    if len(segments) > MOST_SEGMENTS:
        raise PolarisGuardError(
            f"table {table!r} has more than {MOST_SEGMENTS:,} segments in {format_intervals(merge(spans))}, too many "
            "to compare; nothing was done. Age shorter intervals, one run each."
        )
    return segments


def _is_inside(segment: dict[str, Any], spans: Sequence[Interval]) -> bool:
    try:
        span = Interval.parse(str(segment["interval"]))
    except PolarisSpecError:
        return False
    return any(each.contains(span) for each in spans)


def _ids(segments: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(sorted(str(segment["id"]) for segment in segments))
