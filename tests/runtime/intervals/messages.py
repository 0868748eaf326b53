# SPDX-License-Identifier: Apache-2.0
"""The messages of tasks whose run has no interval, an empty one, or none that fits."""

from __future__ import annotations


class Fails(str):
    """The whole message of the task's error."""


def at(text: str) -> str:
    return f"{text}:00.000Z" if "T" in text else f"{text}T00:00:00.000Z"


def empty_cron(when: str, expression: str = "0 0 * * *") -> Fails:
    return Fails(
        f"this run's data interval is empty: it starts and ends at {at(when)}. Since Airflow 3, runs of a plain cron "
        "schedule have no period. Two lines in the DAG file give each run its period:\n"
        "    from airflow.timetables.interval import CronDataIntervalTimetable\n"
        f"    schedule=CronDataIntervalTimetable({expression!r}, timezone='UTC'),\n"
        "Or schedule it with partitions (CronPartitionTimetable, PartitionedAssetTimetable), or set "
        "interval='START/END'."
    )


def empty_delta(when: str) -> Fails:
    return Fails(
        f"this run's data interval is empty: it starts and ends at {at(when)}. Since Airflow 3, runs of a plain "
        "timedelta have no period. Two lines in the DAG file give each run its period:\n"
        "    from airflow.timetables.interval import DeltaDataIntervalTimetable\n"
        "    schedule=DeltaDataIntervalTimetable(datetime.timedelta(days=1)),\n"
        "Or schedule it with partitions (CronPartitionTimetable, PartitionedAssetTimetable), or set "
        "interval='START/END'."
    )


def empty_other(when: str, kind: str) -> Fails:
    return Fails(
        f"this run's data interval is empty: it starts and ends at {at(when)}, which is possible for a DAG with "
        f"{kind}. Set interval='START/END', for example interval='{{{{ params.interval }}}}', or schedule the DAG with "
        "data intervals or partitions."
    )


NO_INTERVAL = Fails(
    "this run has no interval: it has neither a data interval nor a partition, which is possible for a run that was "
    "triggered manually or by an asset. Set interval='START/END', or trigger the run with a logical date that has a "
    "data interval or with a partition key."
)


def unaligned(interval: str, nearest: str, zone: str = "", granularity: str = "day") -> Fails:
    begin, end = interval.split("/")
    first, last = nearest.split("/")
    return Fails(
        f"target.intervals[0] '{at(begin)}/{at(end)}' does not fall on {granularity!r} boundaries (the partitioning of "
        "table 'T'): Polaris replaces whole partitions, so it would refuse, or erase rows that the interval doesn't "
        f"name. Use '{at(first)}/{at(last)}', the nearest aligned interval."
        + (
            f" It falls on them in {zone!r}, but days are UTC days in Polaris: give the timetable the time zone UTC, "
            "or set the interval yourself."
            if zone
            else ""
        )
    )


def no_date(key: str) -> Fails:
    return Fails(
        f"partition {key!r} is not a date: an interval can be derived from a key such as '2025', '2025-06', "
        "'2025-06-01', '2025-06-01T07', '2025-06-01T07:00:00', '2025-Q2' or '2025-06-02 (W23)'. Set "
        "interval='START/END'."
    )


def no_length(key: str) -> Fails:
    return Fails(
        f"partition {key!r} has an unknown length: the schedule has no rollup window and no cron expression, and a key "
        "with seconds may stand for an hour or a day. Set partition_grain, for example partition_grain='hour', or set "
        "interval='START/END'."
    )
