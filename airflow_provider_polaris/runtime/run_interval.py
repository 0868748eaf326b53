# SPDX-License-Identifier: Apache-2.0
"""
Determine the interval of a run, for tasks without an ``interval`` argument.

It is the run's data interval if that is not empty, otherwise the run's partition; half-open and in UTC. This module
only reads Airflow's context: it sends no request, reads no clock and changes nothing.

Source: the timetables and partition mappers of Airflow 2.11.2, 3.2.2 and 3.3.2, and their runs. Since Airflow 3 a plain
cron schedule produces an empty data interval. A partitioned run has a partition_key, mostly a partition_date, but
neither a logical date nor a data interval. The context doesn't contain the end of a partition. Airflow 3.2 passes only
the key to a task, which a cron timetable writes in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.time.instant import format_instant
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.runtime.partition_interval import interval_of_partition
from airflow_provider_polaris.runtime.timetables import has_intervals, timetable_field, timetable_of, zone_name


@dataclass(frozen=True)
class RunInterval:
    """
    An interval and its origin.

    :param interval: Half-open, UTC.
    :param origin: Text for the log, such as ``the run's data interval``.
    """

    interval: Interval
    origin: str


def interval_of_run(context: Mapping[str, Any], *, partition_grain: str | None = None) -> RunInterval:
    """
    Return the interval of a run.

    :param context: Airflow's context of the task.
    :param partition_grain: Length of the partitions, as Polaris' word or an ISO 8601 period. It is needed only if
        neither the mapper's window nor the key nor a cron expression determines it. The partition is then the whole
        hour, day, month … that contains the partition date, in the timetable's time zone.
    :return: The data interval if it is not empty, otherwise the partition.
    :raises PolarisSpecError: The run has neither, or its partition can't be parsed. The message states what to set.
    """
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if start is not None and end is not None and start < end:
        return RunInterval(Interval(start, end), "the run's data interval")
    run = context.get("dag_run")
    key = context.get("partition_key") or getattr(run, "partition_key", None)
    date = context.get("partition_date") or getattr(run, "partition_date", None)
    timetable = timetable_of(context)
    if key is not None or date is not None:
        return RunInterval(*interval_of_partition(key, date, timetable, partition_grain))
    if start is None or end is None:
        raise PolarisSpecError(
            "this run has no interval: it has neither a data interval nor a partition, which is possible for a run "
            "that was triggered manually or by an asset. Set interval='START/END', or trigger the run with a logical "
            "date that has a data interval or with a partition key."
        )
    raise PolarisSpecError(_empty(start, timetable))


def timetable_zone(context: Mapping[str, Any]) -> str | None:
    """
    Return the name of the time zone of the DAG's timetable; None if it has none of its own.

    :param context: Airflow's context of the task.
    """
    return zone_name(timetable_of(context))


def _empty(at: datetime, timetable: Any) -> str:
    """Return why a data interval is empty, and what to change: the schedule only if it produces no intervals."""
    expression, delta = timetable_field(timetable, "expression"), timetable_field(timetable, "delta")
    empty = f"this run's data interval is empty: it starts and ends at {format_instant(at)}"
    if expression is None and delta is None:
        kind = "without a schedule" if timetable is None else f"with {type(timetable).__name__}"
        return (
            f"{empty}, which is possible for a DAG {kind}. Set interval='START/END', for example "
            "interval='{{ params.interval }}', or schedule the DAG with data intervals or partitions."
        )
    if has_intervals(timetable):
        return (
            f"{empty}, although {type(timetable).__name__} produces intervals: a run that is triggered manually during "
            "a clock change may have none. Keep the schedule. Set interval='START/END' for this run, for example "
            "interval='{{ params.interval }}', or trigger it with another logical date."
        )
    if expression is not None:
        zone = zone_name(timetable) or "UTC"
        what, name, made = "cron schedule", "CronDataIntervalTimetable", f"{expression!r}, timezone={zone!r}"
    else:
        what, name, made = "timedelta", "DeltaDataIntervalTimetable", repr(delta)
    return (
        f"{empty}. Since Airflow 3, runs of a plain {what} have no period. Two lines in the DAG file give each run its "
        "period:\n"
        f"    from airflow.timetables.interval import {name}\n"
        f"    schedule={name}({made}),\n"
        "Or schedule it with partitions (CronPartitionTimetable, PartitionedAssetTimetable), or set "
        "interval='START/END'."
    )
