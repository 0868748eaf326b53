# SPDX-License-Identifier: Apache-2.0
"""
Determine the interval of a run's partition from its key, its date and the timetable; performs no I/O.

Source: the timetables and partition mappers of Airflow 3.2.2 and 3.3.2.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.instant import as_utc, format_instant
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from airflow_provider_polaris.runtime.timetables import timetable_field, window_grain, zone_of

_MILLISECOND = timedelta(milliseconds=1)

#: Shapes of a partition key: pattern, format, grain. A key with seconds has no grain, because it is Airflow's default
#: format of every partition date.
_KEY_SHAPES: tuple[tuple[re.Pattern[str], str, str | None], ...] = (
    (re.compile(r"\d{4}"), "%Y", "year"),
    (re.compile(r"\d{4}-\d{2}"), "%Y-%m", "month"),
    (re.compile(r"\d{4}-\d{2}-\d{2}"), "%Y-%m-%d", "day"),
    (re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}"), "%Y-%m-%dT%H", "hour"),
    (re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}"), "%Y-%m-%dT%H:%M:%S", None),
)
#: Two more formats of Airflow's own mappers: StartOfQuarterMapper and StartOfWeekMapper.
_QUARTER_KEY = re.compile(r"(\d{4})-Q([1-4])")
_WEEK_KEY = re.compile(r"(\d{4}-\d{2}-\d{2}) \(W\d{2}\)")


def interval_of_partition(
    key: str | None, date: datetime | None, timetable: Any, partition_grain: str | None
) -> tuple[Interval, str]:
    """
    Return the interval of a run's partition, and its origin as text for the log.

    :param key: The partition key; None if there is none.
    :param date: The partition date; None if there is none.
    :param timetable: The DAG's timetable.
    :param partition_grain: Length of the partition, as in :func:`~.run_interval.interval_of_run`.
    :raises PolarisSpecError: The partition can't be parsed, or its length is unknown.
    """
    zone = zone_of(timetable) or timezone.utc
    key_start, key_grain = _read_key(key, timetable_field(timetable, "key_format"))
    expression = timetable_field(timetable, "expression")
    if date is None and key_start is not None:
        date = key_start.replace(tzinfo=zone)
        if expression is not None and AIRFLOW_VERSION < (3, 3):
            # There a cron timetable writes its key in UTC, whatever its time zone, and passes no date to a task.
            date = _cron_step(key_start.replace(tzinfo=timezone.utc) - _MILLISECOND, expression, zone).end
    what = f"partition {key!r}" if key is not None or date is None else f"partition_date {format_instant(date)}"
    if date is None:
        raise PolarisSpecError(
            f"{what} is not a date: an interval can be derived from a key such as '2025', '2025-06', '2025-06-01', "
            "'2025-06-01T07', '2025-06-01T07:00:00', '2025-Q2' or '2025-06-02 (W23)'. Set interval='START/END'."
        )
    at = as_utc(date)
    if partition_grain is not None:
        grain = Granularity.parse(partition_grain, field="partition_grain")
        if grain is Granularity.ALL:
            raise PolarisSpecError(
                "partition_grain 'all' has no bounds: name a period such as 'day', or set interval=."
            )
        return (_bucket(at, grain, zone), f"{what} (one {grain.value}, from partition_grain)")
    if (window := window_grain(timetable)) is not None:
        return (_bucket(at, Granularity.parse(window), zone), f"{what} (one {window}, from the rollup window)")
    if key_grain is not None:
        grain = Granularity.parse(key_grain)
        bucket = _bucket(at, grain, zone)
        if expression is not None:
            following = _cron_step(bucket.end - _MILLISECOND, expression, zone).end
            if _bucket(following, grain, zone).start > bucket.end:
                raise PolarisSpecError(
                    f"{what} has the format of one {key_grain}, but the next partition by cron {expression!r} starts "
                    f"at {format_instant(following)}, so the time between would be in no partition. Set "
                    f"partition_grain (to {key_grain!r} if that is intended), or set interval='START/END'."
                )
        return (bucket, f"{what} (one {key_grain}, from its key)")
    if expression is not None:
        return (_cron_step(at, expression, zone), f"{what} (up to the next one by cron {expression!r})")
    raise PolarisSpecError(
        f"{what} has an unknown length: the schedule has no rollup window and no cron expression, and a key with "
        "seconds may stand for an hour or a day. Set partition_grain, for example partition_grain='hour', or set "
        "interval='START/END'."
    )


def _read_key(key: str | None, key_format: str | None) -> tuple[datetime | None, str | None]:
    """
    Return the naive start of a partition key, and the grain of its shape.

    :param key_format: The timetable's format, for a key of unknown shape: Airflow 3.2 passes no partition date to a
        task.
    """
    if not isinstance(key, str):
        return None, None
    try:
        if match := _QUARTER_KEY.fullmatch(key):
            return datetime(int(match[1]), 3 * int(match[2]) - 2, 1), "quarter"  # noqa: DTZ001
        if match := _WEEK_KEY.fullmatch(key):
            return datetime.strptime(match[1], "%Y-%m-%d"), "week"  # noqa: DTZ007
        for pattern, shape, grain in _KEY_SHAPES:
            if pattern.fullmatch(key):
                return datetime.strptime(key, shape), grain  # noqa: DTZ007
        if key_format is not None:
            return datetime.strptime(key, key_format).replace(tzinfo=None), None  # noqa: DTZ007
    except ValueError:  # shaped like a date, but invalid, such as '2025-13'
        return None, None
    return None, None


def _bucket(at: datetime, grain: Granularity, zone: tzinfo) -> Interval:
    """
    Return the bucket of ``grain`` that contains an instant, on the wall clock of ``zone``.

    A local day is 23 or 25 hours long when the clocks change; shorter buckets keep the offset of the instant.
    """
    local = at.astimezone(zone)
    wall = local.replace(tzinfo=timezone.utc)  # granularities support UTC only: pass the wall clock as UTC
    start = grain.floor(wall)
    end = grain.next(start)
    if Granularity.DAY.is_coarser_than(grain):
        offset = local.utcoffset() or timedelta()
        return Interval(start - offset, end - offset)
    return Interval(start.replace(tzinfo=zone), end.replace(tzinfo=zone))


def _cron_step(at: datetime, expression: str, zone: tzinfo) -> Interval:
    """Return the interval from a partition date to the next one; parses the cron expression as Airflow does."""
    from croniter import croniter  # type: ignore[import-untyped]

    naive = at.astimezone(zone).replace(tzinfo=None)
    cron = croniter(expression, start_time=naive)
    following = cron.get_next(datetime)
    if cron.expanded[1] == ["*"]:  # every hour: a step has a fixed length, also when the clocks change
        return Interval(at, at + (following - naive))
    return Interval(at, following.replace(tzinfo=zone))
