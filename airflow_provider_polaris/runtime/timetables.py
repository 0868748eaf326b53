# SPDX-License-Identifier: Apache-2.0
"""
Read the properties of a DAG's timetable: its kind, its time zone and its rollup windows; performs no I/O.

Source: the timetables and partition mappers of Airflow 2.11.2, 3.2.2 and 3.3.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from typing import Any

from airflow_provider_polaris.jobs.errors import PolarisSpecError

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


def timetable_of(context: Mapping[str, Any]) -> Any:
    """Return the DAG's timetable; of AssetOrTimeSchedule (DatasetOrTimeSchedule in 2.11) the time-based part."""
    timetable = getattr(context.get("dag"), "timetable", None)
    return getattr(timetable, "timetable", timetable)


def timetable_field(timetable: Any, name: str) -> Any:
    """Return an argument of a timetable: public in the classes of airflow.sdk, underscored in the scheduler's."""
    return getattr(timetable, name, None) or getattr(timetable, f"_{name}", None)


def has_intervals(timetable: Any) -> bool:
    """Return whether a timetable produces runs with a period, by its class or by its interval argument."""
    names = {each.__name__ for each in type(timetable).__mro__}
    return not names.isdisjoint(_INTERVAL_TIMETABLES) or bool(timetable_field(timetable, "interval"))


def _mappers_of(timetable: Any) -> Iterator[Any]:
    """Yield the mappers from keys of upstream assets to keys of this DAG; of a chain, the last one."""
    pending: list[Any] = [getattr(timetable, "default_partition_mapper", None)]
    pending += dict(getattr(timetable, "partition_mapper_config", None) or {}).values()
    for last in pending:
        while type(last).__name__ == "ChainMapper" and getattr(last, "mappers", None):
            last = last.mappers[-1]
        if last is not None:
            yield last


def window_grain(timetable: Any) -> str | None:
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


def zone_name(timetable: Any) -> str | None:
    """Return the name of the time zone of a timetable; None if it has none of its own."""
    zone = zone_of(timetable)
    return None if zone is None else str(getattr(zone, "name", None) or getattr(zone, "key", None) or zone)


def zone_of(timetable: Any) -> tzinfo | None:
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
