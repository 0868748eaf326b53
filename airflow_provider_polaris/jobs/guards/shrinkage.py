"""
What a replace would lose: the target's rows against those of the source that could make them again; performs no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_polaris.jobs.guards.row_counts import Count, RowCountQuery
from airflow_provider_polaris.jobs.time.interval import Interval, merge


@dataclass(frozen=True)
class Shrinkage:
    """
    What counting came to. Intervals are merged and in the order of time.

    :param source_rows: Rows that the job would read.
    :param target_rows: Rows that it would replace.
    :param occupied: Buckets that the job would fill.
    :param emptied: Buckets with rows in the target and none in the source.
    :param fewer: Buckets with fewer events in the source than the target's rows stand for.
    :param fewer_here: Events of the source in these.
    :param fewer_there: Events that the target's rows in these stand for.
    :param collateral: Buckets that the job doesn't name, in partitions of the table that it touches, whose rows the
        source can't make again.
    """

    source_rows: int
    target_rows: int
    occupied: tuple[Interval, ...]
    emptied: tuple[Interval, ...]
    fewer: tuple[Interval, ...]
    fewer_here: int
    fewer_there: int
    collateral: tuple[Interval, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the job would find nothing."""
        return not self.source_rows

    @property
    def loses(self) -> bool:
        """Whether something would be lost."""
        return bool(self.emptied or self.fewer or self.collateral)


def find_shrinkage(
    plan: RowCountQuery, source: Mapping[Interval, Count], target: Mapping[Interval, Count]
) -> Shrinkage:
    """
    Hold what the job would write against what is there.

    :param plan: What was counted.
    :param source: Counts of the source, as the plan read them.
    :param target: Counts of the target, likewise; empty if there is none.
    """
    emptied, fewer, collateral = [], [], []
    for bucket, there in target.items():
        here = source.get(bucket)
        has_fewer = plan.compares_events and here is not None and (here.events or 0) < (there.events or 0)
        if not _is_named(plan, bucket):
            if here is None or has_fewer:
                collateral.append(bucket)
        elif here is None:
            emptied.append(bucket)
        elif has_fewer:
            fewer.append(bucket)
    named = {bucket: count for bucket, count in source.items() if _is_named(plan, bucket)}
    return Shrinkage(
        source_rows=sum(count.rows for count in named.values()),
        target_rows=sum(count.rows for bucket, count in target.items() if _is_named(plan, bucket)),
        occupied=tuple(sorted(named)),
        emptied=merge(emptied),
        fewer=merge(fewer),
        fewer_here=sum(source[bucket].events or 0 for bucket in fewer),
        fewer_there=sum(target[bucket].events or 0 for bucket in fewer),
        collateral=merge(collateral),
    )


def _is_named(plan: RowCountQuery, bucket: Interval) -> bool:
    return any(span.overlaps(bucket) for span in plan.spans)
