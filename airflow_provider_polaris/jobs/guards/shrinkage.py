# SPDX-License-Identifier: Apache-2.0
"""
Compute the data that a replace would lose, by comparing the counts of target and source; performs no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_polaris.jobs.guards.row_counts import Count, RowCountQuery
from airflow_provider_polaris.jobs.time.interval import Interval, merge


@dataclass(frozen=True)
class Shrinkage:
    """
    Result of the comparison. Intervals are merged and in time order.

    :param source_rows: Number of rows that the job would read.
    :param target_rows: Number of rows that it would replace.
    :param occupied: Buckets that the job would fill.
    :param emptied: Buckets with rows in the target and none in the source.
    :param fewer: Buckets with fewer events in the source than in the target.
    :param fewer_here: Events of the source in the ``fewer`` buckets.
    :param fewer_there: Events of the target in the ``fewer`` buckets.
    :param collateral: Buckets outside of the job's intervals, in partitions that it replaces, whose rows the source no
        longer has.
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
        """Whether the job would read no rows."""
        return not self.source_rows

    @property
    def loses(self) -> bool:
        """Whether the job would lose rows."""
        return bool(self.emptied or self.fewer or self.collateral)


def find_shrinkage(
    plan: RowCountQuery, source: Mapping[Interval, Count], target: Mapping[Interval, Count]
) -> Shrinkage:
    """
    Compare the counts of the source with those of the target.

    :param plan: The queries of the counts.
    :param source: Counts of the source, as ``plan`` parsed them.
    :param target: Counts of the target, as ``plan`` parsed them; empty if there is no target.
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
