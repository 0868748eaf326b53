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

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.instant import as_utc, format_instant
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION

_MILLISECOND = timedelta(milliseconds=1)

#: Airflow's rollup windows by class name, because the scheduler has its own classes. Subclasses count, too.
_GRAIN_OF_WINDOW: Mapping[str, str] = {
    "HourWindow": "hour",
    "DayWindow": "day",
    "WeekWindow": "week",
    "MonthWindow": "month",
    "QuarterWindow": "quarter",
    "YearWindow": "year",
}

#: Airflow's timetables whose runs have a period, also by class name.
_INTERVAL_TIMETABLES = frozenset({"CronDataIntervalTimetable", "DeltaDataIntervalTimetable"})

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
    timetable = _timetable_of(context)
    if key is not None or date is not None:
        return _interval_of_partition(key, date, timetable, partition_grain)
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
    return _zone_name(_timetable_of(context))


def _timetable_of(context: Mapping[str, Any]) -> Any:
    """Return the DAG's timetable; of AssetOrTimeSchedule (DatasetOrTimeSchedule in 2.11) the time-based part."""
    timetable = getattr(context.get("dag"), "timetable", None)
    return getattr(timetable, "timetable", timetable)


def _field(timetable: Any, name: str) -> Any:
    """Return an argument of a timetable: public in the classes of airflow.sdk, underscored in the scheduler's."""
    return getattr(timetable, name, None) or getattr(timetable, f"_{name}", None)


def _empty(at: datetime, timetable: Any) -> str:
    """Return why a data interval is empty, and what to change: the schedule only if it produces no intervals."""
    expression, delta = _field(timetable, "expression"), _field(timetable, "delta")
    empty = f"this run's data interval is empty: it starts and ends at {format_instant(at)}"
    if expression is None and delta is None:
        kind = "without a schedule" if timetable is None else f"with {type(timetable).__name__}"
        return (
            f"{empty}, which is possible for a DAG {kind}. Set interval='START/END', for example "
            "interval='{{ params.interval }}', or schedule the DAG with data intervals or partitions."
        )
    if _gives_intervals(timetable):
        return (
            f"{empty}, although {type(timetable).__name__} produces intervals: a run that is triggered manually during "
            "a clock change may have none. Keep the schedule. Set interval='START/END' for this run, for example "
            "interval='{{ params.interval }}', or trigger it with another logical date."
        )
    if expression is not None:
        zone = _zone_name(timetable) or "UTC"
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


def _gives_intervals(timetable: Any) -> bool:
    """Return whether a timetable produces runs with a period, by its class or by its interval argument."""
    names = {each.__name__ for each in type(timetable).__mro__}
    return not names.isdisjoint(_INTERVAL_TIMETABLES) or bool(_field(timetable, "interval"))


def _interval_of_partition(
    key: str | None, date: datetime | None, timetable: Any, partition_grain: str | None
) -> RunInterval:
    zone = _zone_of(timetable) or timezone.utc
    key_start, key_grain = _read_key(key, _field(timetable, "key_format"))
    expression = _field(timetable, "expression")
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
        return RunInterval(_bucket(at, grain, zone), f"{what} (one {grain.value}, from partition_grain)")
    if (window := _window_grain(timetable)) is not None:
        return RunInterval(
            _bucket(at, Granularity.parse(window), zone), f"{what} (one {window}, from the rollup window)"
        )
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
        return RunInterval(bucket, f"{what} (one {key_grain}, from its key)")
    if expression is not None:
        return RunInterval(_cron_step(at, expression, zone), f"{what} (up to the next one by cron {expression!r})")
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


def _mappers_of(timetable: Any) -> Iterator[Any]:
    """Yield the mappers from keys of upstream assets to keys of this DAG; of a chain, the last one."""
    pending: list[Any] = [getattr(timetable, "default_partition_mapper", None)]
    pending += dict(getattr(timetable, "partition_mapper_config", None) or {}).values()
    for last in pending:
        while type(last).__name__ == "ChainMapper" and getattr(last, "mappers", None):
            last = last.mappers[-1]
        if last is not None:
            yield last


def _window_grain(timetable: Any) -> str | None:
    """Return the grain of the rollup windows of a partitioned asset schedule; None if it has none."""
    grains: set[str] = set()
    for mapper in _mappers_of(timetable):
        # A fan-out mapper has a window, too, but that is the upstream period, not this run's.
        window = getattr(mapper, "window", None) if getattr(mapper, "is_rollup", False) else None
        grain = next(
            (_GRAIN_OF_WINDOW[c.__name__] for c in type(window).__mro__ if c.__name__ in _GRAIN_OF_WINDOW), None
        )
        if grain is None:
            continue
        if getattr(getattr(window, "direction", None), "value", "forward") != "forward":
            raise PolarisSpecError(
                f"the schedule's {type(window).__name__} counts backward, so a partition's date is the end of its data "
                "and not the start. Set interval='START/END'."
            )
        grains.add(grain)
    if len(grains) > 1:
        raise PolarisSpecError(
            f"the schedule's rollup windows differ ({', '.join(sorted(grains))}), so the length of this run's "
            "partition is unknown. Set partition_grain to one of them, or set interval='START/END'."
        )
    return grains.pop() if grains else None


def _zone_name(timetable: Any) -> str | None:
    zone = _zone_of(timetable)
    return None if zone is None else str(getattr(zone, "name", None) or getattr(zone, "key", None) or zone)


def _zone_of(timetable: Any) -> tzinfo | None:
    """Return the time zone of a timetable; None if it has none of its own."""
    candidates = [getattr(timetable, "timezone", None), getattr(timetable, "_timezone", None)]
    for mapper in _mappers_of(timetable):
        inner = getattr(mapper, "upstream_mapper", None) if getattr(mapper, "is_rollup", False) else None
        inner = inner or getattr(mapper, "downstream_mapper", None) or mapper
        candidates.append(getattr(inner, "_timezone", None))
    for zone in candidates:
        if isinstance(zone, str):
            import pendulum

            return pendulum.timezone(zone)
        if isinstance(zone, tzinfo):
            return zone
    return None
