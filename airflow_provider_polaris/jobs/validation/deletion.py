# SPDX-License-Identifier: Apache-2.0
"""
Refuse deletions that would remove more data than they name; performs no I/O.

Polaris deletes whole segments. Source: docs.imply.io/polaris/api-delete-data.
"""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.spec.job_spec import (
    DeleteDataJobSpec,
    DropTableJobSpec,
    RestoreDataJobSpec,
)
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.instant import quote
from airflow_provider_polaris.jobs.time.interval import Interval

_OVERRIDE = "Set allow_unaligned=True to delete it anyway."


def check_deletion(intervals: Sequence[Interval], table: TableDescription) -> None:
    """
    Refuse to delete intervals that end inside a partition of their table.

    :param intervals: Intervals to delete.
    :param table: Description of the table.
    :raises PolarisSpecError: The message gives the interval and the nearest aligned interval.
    """
    for index, interval in enumerate(intervals):
        if interval == Interval.ETERNITY:
            continue
        field = f"intervals[{index}] {interval.to_wire()!r}"
        if table.partitioning is None:
            raise PolarisSpecError(
                f"{field} can't be checked, because table {table.name!r} has a time partitioning that this package "
                f"does not support: more than the interval could be deleted. {_OVERRIDE}"
            )
        if table.partitioning is Granularity.ALL:
            raise PolarisSpecError(
                f"{field} would delete all data of table {table.name!r}, which is not partitioned by time. Use "
                f"delete_all=True if that is meant. {_OVERRIDE}"
            )
        if not interval.is_aligned(table.partitioning):
            raise PolarisSpecError(
                f"{field} does not fall on the partitions of table {table.name!r} ({table.partitioning.value}), which "
                f"are deleted whole: {interval.align(table.partitioning).to_wire()!r} would be deleted. Use that "
                f"interval or a smaller one that falls on partitions. {_OVERRIDE}"
            )


def _check_delete(spec: DeleteDataJobSpec) -> None:
    intervals = list(spec.target.intervals or ())
    if intervals and spec.delete_all:
        raise PolarisSpecError(
            f"deleteAll True cannot be combined with target.intervals {quote(intervals)}: a job deletes all "
            "data or those "
            "intervals. Leave one of the two out."
        )
    if not intervals and not spec.delete_all:
        raise PolarisSpecError(
            "target.intervals [] is empty, and a delete_data job needs the intervals to delete. Name the intervals, or "
            "set deleteAll to true to delete all data of the table."
        )


def _check_no_intervals(spec: RestoreDataJobSpec | DropTableJobSpec) -> None:
    if not spec.target.intervals:
        return
    fix = (
        "Name the one interval to restore in 'interval'."
        if isinstance(spec, RestoreDataJobSpec)
        else "Leave them out to drop the whole table, or use a delete_data job to delete the intervals."
    )
    raise PolarisSpecError(
        f"target.intervals {quote(list(spec.target.intervals))} cannot be combined with a {spec.type} job, "
        f"which has none. {fix}"
    )
