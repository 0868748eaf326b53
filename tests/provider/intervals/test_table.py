"""
The interval of a run over timetable, way of starting and Airflow version.

The runs and the contexts are made by the code of the Airflow at hand; only the tables are made up.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_polaris.compat import AIRFLOW_VERSION
from airflow_provider_polaris.jobs.errors import PolarisError
from airflow_provider_polaris.jobs.interval import Interval
from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator
from airflow_provider_polaris.operators.table_to_table_spec import plan_table_to_table
from tests.provider.intervals import airflow_runs as airflow
from tests.provider.intervals.airflow_runs import Planned, author, quiet

START = datetime(2024, 1, 1, tzinfo=timezone.utc)  # a Monday
#: When somebody triggers a run; a Friday.
BY_HAND = datetime(2024, 3, 15, 12, 34, tzinfo=timezone.utc)
DAY = timedelta(days=1)

Version = tuple[int, int]
V2, V3, V32, V33 = (2, 11), (3, 0), (3, 2), (3, 3)


class Fails(str):
    """The whole message of the task's error."""


class Nothing:
    """Airflow makes no such run."""


#: This Airflow doesn't have the timetable, or the way of starting it.
ABSENT = object()
NONE = Nothing()


def at(text: str) -> str:
    return f"{text}:00.000Z" if "T" in text else f"{text}T00:00:00.000Z"


def empty_cron(when: str, expression: str = "0 0 * * *") -> Fails:
    return Fails(
        f"this run's data interval is empty: it starts and ends at {at(when)}, as runs of a plain cron schedule do "
        "since Airflow 3. Two lines in the DAG file give each run its period:\n"
        "    from airflow.timetables.interval import CronDataIntervalTimetable\n"
        f"    schedule=CronDataIntervalTimetable({expression!r}, timezone='UTC'),\n"
        "Or schedule it with partitions (CronPartitionTimetable, PartitionedAssetTimetable), or set "
        "interval='START/END'."
    )


def empty_delta(when: str) -> Fails:
    return Fails(
        f"this run's data interval is empty: it starts and ends at {at(when)}, as runs of a plain timedelta do since "
        "Airflow 3. Two lines in the DAG file give each run its period:\n"
        "    from airflow.timetables.interval import DeltaDataIntervalTimetable\n"
        "    schedule=DeltaDataIntervalTimetable(datetime.timedelta(days=1)),\n"
        "Or schedule it with partitions (CronPartitionTimetable, PartitionedAssetTimetable), or set "
        "interval='START/END'."
    )


def empty_other(when: str, kind: str) -> Fails:
    return Fails(
        f"this run's data interval is empty: it starts and ends at {at(when)}, as that of a DAG with {kind} may be. "
        "Set interval='START/END', for example interval='{{ params.interval }}', or schedule the DAG with data "
        "intervals or partitions."
    )


NO_INTERVAL = Fails(
    "this run has no interval: it has neither a data interval nor a partition, as a run that was triggered by hand or "
    "by an asset may have. Set interval='START/END', or trigger the run with a logical date that has a data interval "
    "or with a partition key."
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
        f"partition {key!r} is not a date: an interval can be made of a key like '2025', '2025-06', '2025-06-01', "
        "'2025-06-01T07', '2025-06-01T07:00:00', '2025-Q2' or '2025-06-02 (W23)'. Set interval='START/END'."
    )


def no_length(key: str) -> Fails:
    return Fails(
        f"partition {key!r} doesn't say how long it is: the schedule has no rollup window and no cron expression, and "
        "a key down to the second may be an hour or a day. Set partition_grain, for example partition_grain='hour', or "
        "set interval='START/END'."
    )


Start = Callable[[Any], list[Planned]]


def first(dag: Any) -> list[Planned]:
    """Let the scheduler plan the first run."""
    run = airflow.scheduled(dag)
    return [] if run is None else [run]


def by_hand(when: datetime | None = BY_HAND, key: str | None = None, **conf: Any) -> Start:
    return lambda dag: [airflow.manual(dag, when, key, conf or None)]


def backfill(begin: str, end: str) -> Start:
    bounds = [datetime.fromisoformat(text).replace(tzinfo=timezone.utc) for text in (begin, end)]
    return lambda dag: airflow.backfilled(dag, *bounds) or []


def assets(produced: Any = None, carried: datetime | None = None) -> Start:
    return lambda dag: [airflow.by_assets(dag, produced, carried)]


@dataclass
class Row:
    """
    One line of the table.

    :param what: Timetable and way of starting.
    :param schedule: Makes the timetable.
    :param start: Makes the runs.
    :param expected: An interval, a tuple of one for each run, a message, or no run; or the same by the version since
        which it is so.
    :param partition: Partitions of the target.
    :param arguments: More arguments of the operator.
    """

    what: str
    schedule: Callable[[], Any]
    start: Start
    expected: Any
    partition: str = "day"
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def here(self) -> Any:
        """What is expected of the Airflow at hand."""
        if not isinstance(self.expected, dict):
            return self.expected
        return self.expected[max(since for since in self.expected if since <= AIRFLOW_VERSION)]


def cron_data(expression: str, zone: str = "UTC") -> Callable[[], Any]:
    return lambda: author("CronDataIntervalTimetable")(expression, timezone=zone)


def cron_partition(expression: str, zone: str = "UTC", **more: Any) -> Callable[[], Any]:
    return lambda: author("CronPartitionTimetable")(expression, timezone=zone, **more)


def partitioned(mapper: Callable[[], Any] | None = None) -> Callable[[], Any]:
    def make() -> Any:
        more = {} if mapper is None else {"default_partition_mapper": mapper()}
        return author("PartitionedAssetTimetable")(assets=author("Asset")("koalas"), **more)

    return make


def mapper(name: str, **more: Any) -> Callable[[], Any]:
    return lambda: author(name)(**more)


def rollup(upstream: str, window: str, **more: Any) -> Callable[[], Any]:
    return partitioned(
        lambda: author("RollupMapper")(upstream_mapper=author(upstream)(**more), window=author(window)())
    )


def since(version: Version, expected: Any) -> dict[Version, Any]:
    return {V2: ABSENT, version: expected}


def asset_or_time() -> Any:
    asset = [author("Asset")("koalas")]
    time = author("CronDataIntervalTimetable")("0 0 * * *", timezone="UTC")
    if AIRFLOW_VERSION < V3:
        return author("DatasetOrTimeSchedule")(timetable=time, datasets=asset)
    return _asset_schedule()(timetable=time, assets=asset)


def asset_or_plain_cron() -> Any:
    time = author("CronTriggerTimetable")("0 6 * * *", timezone="UTC")
    asset = [author("Asset")("koalas")]
    if AIRFLOW_VERSION < V3:
        return author("DatasetOrTimeSchedule")(timetable=time, datasets=asset)
    return _asset_schedule()(timetable=time, assets=asset)


def _asset_schedule() -> Any:
    from airflow.timetables.assets import AssetOrTimeSchedule

    return AssetOrTimeSchedule if AIRFLOW_VERSION < V32 else author("AssetOrTimeSchedule")


def events() -> Any:
    from airflow.timetables.events import EventsTimetable  # the one of airflow.sdk 3.3.2 can't be serialized

    return EventsTimetable([START + DAY, START + 2 * DAY])


def scheduler_class(module: str, name: str, *arguments: Any, **more: Any) -> Callable[[], Any]:
    """Make a timetable of the scheduler's own class, which may stand in a DAG file, too."""
    return lambda: getattr(importlib.import_module(f"airflow.timetables.{module}"), name)(*arguments, **more)


def asset_kind() -> str:
    return "DatasetTriggeredTimetable" if AIRFLOW_VERSION < V3 else "AssetTriggeredTimetable"


ASK = {"interval": "{{ params.interval }}"}
GRAIN = {"partition_grain": "{{ params.grain }}"}

TABLE = [
    # Data intervals: the same on every version, in the scheduler, by hand and in a backfill.
    Row("hours, scheduled", cron_data("0 * * * *"), first, "2024-01-01T00/2024-01-01T01", "hour"),
    Row("hours, by hand", cron_data("0 * * * *"), by_hand(), "2024-03-15T11/2024-03-15T12", "hour"),
    Row(
        "hours, backfill",
        cron_data("0 * * * *"),
        backfill("2024-02-28T22:00", "2024-02-29T00:00"),
        ("2024-02-28T22/PT1H", "2024-02-28T23/PT1H", "2024-02-29/PT1H"),
        "hour",
    ),
    Row("days, scheduled", cron_data("0 0 * * *"), first, "2024-01-01/P1D"),
    Row("days, by hand", cron_data("0 0 * * *"), by_hand(), "2024-03-14/P1D"),
    Row(
        "days, backfill",
        cron_data("0 0 * * *"),
        backfill("2024-02-29", "2024-03-01"),
        ("2024-02-29/P1D", "2024-03-01/P1D"),
    ),
    Row("weeks, scheduled", cron_data("0 0 * * 1"), first, "2024-01-01/P1W"),
    Row("weeks, by hand", cron_data("0 0 * * 1"), by_hand(), "2024-03-04/P1W"),
    Row("months, scheduled", cron_data("0 0 1 * *"), first, "2024-01/P1M", "month"),
    Row("months, by hand", cron_data("0 0 1 * *"), by_hand(), "2024-02/P1M", "month"),
    Row(
        "months, backfill",
        cron_data("@monthly"),
        backfill("2024-01-15", "2024-03-02"),
        ("2024-02/P1M", "2024-03/P1M"),
        "month",
    ),
    Row("quarters, scheduled", cron_data("0 0 1 */3 *"), first, "2024-01/P3M", "quarter"),
    Row("quarters, by hand", cron_data("0 0 1 */3 *"), by_hand(), "2023-10/P3M", "quarter"),
    Row("years, scheduled", cron_data("0 0 1 1 *"), first, "2024/P1Y", "year"),
    Row(
        "years, backfill",
        cron_data("0 0 1 1 *"),
        backfill("2020-01-01", "2021-12-31"),
        ("2020/P1Y", "2021/P1Y"),
        "year",
    ),
    Row("days by timedelta, scheduled", lambda: author("DeltaDataIntervalTimetable")(DAY), first, "2024-01-01/P1D"),
    Row(
        "days by timedelta, by hand",
        lambda: author("DeltaDataIntervalTimetable")(DAY),
        by_hand(),
        unaligned("2024-03-14T12:34/2024-03-15T12:34", "2024-03-14/2024-03-16"),
    ),
    Row(
        "days of a trigger, scheduled",
        lambda: author("CronTriggerTimetable")("0 0 * * *", timezone="UTC", interval=DAY),
        first,
        "2023-12-31/P1D",
    ),
    # The wrong partitions, the wrong zone.
    Row(
        "days into months",
        cron_data("0 0 * * *"),
        first,
        unaligned("2024-01-01/2024-01-02", "2024-01-01/2024-02-01", granularity="month"),
        "month",
    ),
    Row(
        "local days, scheduled",
        cron_data("0 0 * * *", "Europe/Berlin"),
        first,
        unaligned("2024-01-01T23:00/2024-01-02T23:00", "2024-01-01/2024-01-03", "Europe/Berlin"),
    ),
    Row(
        "local days, by hand",
        cron_data("0 0 * * *", "Europe/Berlin"),
        by_hand(),
        unaligned("2024-03-13T23:00/2024-03-14T23:00", "2024-03-13/2024-03-15", "Europe/Berlin"),
    ),
    Row(
        "local days, backfill of the day the clocks change",
        cron_data("0 0 * * *", "Europe/Berlin"),
        backfill("2024-03-30T23:00", "2024-03-30T23:00"),
        unaligned("2024-03-30T23:00/2024-03-31T22:00", "2024-03-30/2024-04-01", "Europe/Berlin"),
    ),
    Row("local days into hours", cron_data("0 0 * * *", "Europe/Berlin"), first, "2024-01-01T23/2024-01-02T23", "hour"),
    Row(
        "local months",
        cron_data("0 0 1 * *", "America/New_York"),
        first,
        unaligned("2024-01-01T05:00/2024-02-01T05:00", "2024-01-01/2024-03-01", "America/New_York", "month"),
        "month",
    ),
    Row(
        "local days of the scheduler's class",
        scheduler_class("interval", "CronDataIntervalTimetable", "0 0 * * *", timezone="Europe/Berlin"),
        first,
        unaligned("2024-01-01T23:00/2024-01-02T23:00", "2024-01-01/2024-01-03", "Europe/Berlin"),
    ),
    # Plain cron: data intervals on Airflow 2, empty ones on Airflow 3.
    Row("plain cron, scheduled", lambda: "0 0 * * *", first, {V2: "2024-01-01/P1D", V3: empty_cron("2024-01-01")}),
    Row(
        "plain cron, by hand",
        lambda: "0 0 * * *",
        by_hand(),
        {V2: "2024-03-14/P1D", V3: empty_cron("2024-03-15T12:34")},
    ),
    Row(
        "plain preset, scheduled",
        lambda: "@monthly",
        first,
        {
            V2: "2024-01/P1M",
            V3: empty_cron("2024-01-01", "0 0 1 * *"),
            V32: empty_cron("2024-01-01", "@monthly"),
            V33: empty_cron("2024-01-01", "0 0 1 * *"),
        },
    ),
    Row(
        "plain cron, backfill",
        lambda: "0 0 * * *",
        backfill("2024-02-29", "2024-02-29"),
        {V2: "2024-02-29/P1D", V3: empty_cron("2024-02-29")},
    ),
    Row(
        "plain cron with a param",
        lambda: "0 0 * * *",
        by_hand(interval="2024-02-29/P1D"),
        "2024-02-29/P1D",
        arguments=ASK,
    ),
    Row(
        "cron trigger, scheduled",
        lambda: author("CronTriggerTimetable")("0 6 * * *", timezone="UTC"),
        first,
        empty_cron("2024-01-01T06:00", "0 6 * * *"),
    ),
    Row(
        "cron trigger of the scheduler's class",
        scheduler_class("trigger", "CronTriggerTimetable", "0 6 * * *", timezone="UTC"),
        first,
        empty_cron("2024-01-01T06:00", "0 6 * * *"),
    ),
    Row("timedelta, scheduled", lambda: DAY, first, {V2: "2024-01-01/P1D", V3: empty_delta("2024-01-01")}),
    Row(
        "two crons, scheduled",
        lambda: author("MultipleCronTriggerTimetable")("0 6 * * *", "0 9 * * *", timezone="UTC"),
        first,
        {V2: ABSENT, V3: empty_other("2024-01-01T06:00", "MultipleCronTriggerTimetable")},
    ),
    # No schedule at all.
    Row("no schedule", lambda: None, first, NONE),
    Row("no schedule, by hand", lambda: None, by_hand(), empty_other("2024-03-15T12:34", "NullTimetable")),
    Row(
        "no schedule, by hand without a date",
        lambda: None,
        by_hand(None),
        {V2: empty_other("2026-11-20T06:00", "NullTimetable"), V3: NO_INTERVAL},
    ),
    Row(
        "no schedule, by hand with a param", lambda: None, by_hand(None, interval="2024/P1Y"), "2024/P1Y", arguments=ASK
    ),
    Row("no schedule, backfill", lambda: None, backfill("2024-01-01", "2024-01-02"), NONE),
    Row("days, by hand without a date", cron_data("0 0 * * *"), by_hand(None), {V2: "2026-11-19/P1D", V3: NO_INTERVAL}),
    Row(
        "days, by hand with a param",
        cron_data("0 0 * * *"),
        by_hand(interval="2024-02/P1M"),
        "2024-02/P1M",
        arguments=ASK,
    ),
    Row("days, by hand with the param left empty", cron_data("0 0 * * *"), by_hand(), "2024-03-14/P1D", arguments=ASK),
    Row("days, scheduled, param unused", cron_data("0 0 * * *"), first, "2024-01-01/P1D", arguments=ASK),
    Row("once", lambda: "@once", first, empty_other("2024-01-01", "OnceTimetable")),
    Row("events", events, first, empty_other("2024-01-02", "EventsTimetable")),
    # Assets without partitions.
    Row(
        "assets", lambda: [author("Asset")("koalas")], assets((START, START + DAY)), {V2: "2024-01-01/P1D", V3: ABSENT}
    ),
    Row("assets, no partition", lambda: [author("Asset")("koalas")], assets(), since(V3, NO_INTERVAL)),
    Row(
        "assets, by hand", lambda: [author("Asset")("koalas")], by_hand(), empty_other("2024-03-15T12:34", asset_kind())
    ),
    Row("assets or time, scheduled", asset_or_time, first, "2024-01-01/P1D"),
    Row("assets or time, by hand", asset_or_time, by_hand(), "2024-03-14/P1D"),
    Row("assets or plain cron, scheduled", asset_or_plain_cron, first, empty_cron("2024-01-01T06:00", "0 6 * * *")),
    # Partitions by cron.
    Row(
        "partitions of hours",
        cron_partition("0 * * * *", run_offset=-1),
        first,
        since(V32, "2023-12-31T23/PT1H"),
        "hour",
    ),
    Row(
        "partitions of hours, backfill",
        cron_partition("0 * * * *", run_offset=-1),
        backfill("2024-02-28T23:00", "2024-02-29T00:00"),
        since(V33, ("2024-02-28T23/PT1H", "2024-02-29/PT1H")),
        "hour",
    ),
    Row("partitions of days", cron_partition("0 0 * * *", run_offset=-1), first, since(V32, "2023-12-31/P1D")),
    Row(
        "partitions of days, keys of days",
        cron_partition("0 6 * * *", run_offset=-1, key_format="%Y-%m-%d"),
        first,
        since(V32, "2023-12-31/P1D"),
    ),
    Row("partitions of weeks", cron_partition("0 0 * * 1", run_offset=-1), first, since(V32, "2023-12-25/P1W")),
    Row("partitions of months", cron_partition("0 0 1 * *", run_offset=-1), first, since(V32, "2023-12/P1M"), "month"),
    Row(
        "partitions of months, backfill",
        cron_partition("0 0 1 * *"),
        backfill("2024-01-01", "2024-02-01"),
        since(V33, ("2024-01/P1M", "2024-02/P1M")),
        "month",
    ),
    Row(
        "partitions of quarters",
        cron_partition("0 0 1 */3 *", run_offset=-1),
        first,
        since(V32, "2023-10/P3M"),
        "quarter",
    ),
    Row("partitions of years", cron_partition("0 0 1 1 *", run_offset=-1), first, since(V32, "2023/P1Y"), "year"),
    Row(
        "partitions, by hand with a key",
        cron_partition("0 0 1 * *"),
        by_hand(None, "2024-02-01T00:00:00"),
        since(V32, "2024-02/P1M"),
        "month",
    ),
    Row("partitions, by hand without a key", cron_partition("0 0 * * *"), by_hand(None), since(V32, NO_INTERVAL)),
    Row(
        "partitions, by hand with a date",
        cron_partition("0 0 * * *"),
        by_hand(),
        since(V32, empty_cron("2024-03-15T12:34")),
    ),
    Row(
        "partitions, a key of one's own",
        cron_partition("0 0 * * *", key_format="%d.%m.%Y"),
        first,
        since(V32, "2024-01-01/P1D"),
    ),
    Row(
        "partitions, keys shorter than the cron",
        cron_partition("0 6 * * 1", key_format="%Y-%m-%d"),
        first,
        since(
            V32,
            Fails(
                "partition '2024-01-01' looks like one day, but the next by cron '0 6 * * 1' is of "
                "2024-01-08T06:00:00.000Z, so that the time between would be in no partition. Set partition_grain, to "
                "'day' if that is meant, or set interval='START/END'."
            ),
        ),
    ),
    Row(
        "partitions, keys shorter than the cron, with a grain",
        cron_partition("0 6 * * 1", key_format="%Y-%m-%d"),
        by_hand(None, "2024-01-01", grain="week"),
        since(V32, "2024-01-01/P1W"),
        arguments=GRAIN,
    ),
    Row(
        "partitions of the scheduler's class",
        scheduler_class("trigger", "CronPartitionTimetable", "0 0 * * *", timezone="UTC", key_format="%d.%m.%Y"),
        first,
        since(V32, "2024-01-01/P1D"),
    ),
    Row(
        "partitions at six",
        cron_partition("0 6 * * *"),
        first,
        since(V32, unaligned("2024-01-01T06:00/2024-01-02T06:00", "2024-01-01/2024-01-03")),
    ),
    Row(
        "partitions at six, with a grain",
        cron_partition("0 6 * * *"),
        by_hand(None, "2024-01-01T06:00:00", grain="day"),
        since(V32, "2024-01-01/P1D"),
        arguments=GRAIN,
    ),
    Row(
        "partitions of local days",
        cron_partition("0 0 * * *", "Europe/Berlin"),
        first,
        since(V32, unaligned("2024-01-01T23:00/2024-01-02T23:00", "2024-01-01/2024-01-03", "Europe/Berlin")),
    ),
    Row(
        "partitions of local days, the clocks change",
        cron_partition("0 0 * * *", "Europe/Berlin"),
        # Airflow 3.2 writes these keys in UTC and tells a task no date; later ones in the timetable's zone.
        by_hand(None, "2024-03-31T00:00:00" if AIRFLOW_VERSION >= V33 else "2024-03-30T23:00:00"),
        since(V32, "2024-03-30T23/2024-03-31T22"),
        "hour",
    ),
    Row(
        "partitions of local days, keys of days",
        cron_partition("0 0 * * *", "Europe/Berlin", key_format="%Y-%m-%d"),
        first,
        since(V32, "2024-01-01T23/2024-01-02T23"),
        "hour",
    ),
    Row(
        "partitions of local days, keys of days, the clocks change",
        cron_partition("0 6 * * *", "Europe/Berlin", key_format="%Y-%m-%d"),
        by_hand(None, "2024-03-31"),
        since(V32, "2024-03-30T23/2024-03-31T22"),
        "hour",
    ),
    # Partitions by assets.
    Row(
        "assets, the same key",
        partitioned(),
        assets("2024-01-01T07:00:00", START + timedelta(hours=7)),
        since(V32, no_length("2024-01-01T07:00:00")),
        "hour",
    ),
    Row(
        "assets, the same key, with a grain",
        partitioned(),
        by_hand(None, "2024-01-01T07:00:00", grain="PT1H"),
        since(V32, "2024-01-01T07/PT1H"),
        "hour",
        GRAIN,
    ),
    Row("assets, the same key of a day", partitioned(), assets("2024-01-01"), since(V32, "2024-01-01/P1D")),
    Row("assets, no date", partitioned(), assets("us-east"), since(V32, no_date("us-east"))),
    Row(
        "assets by hour",
        partitioned(mapper("StartOfHourMapper")),
        assets("2024-01-01T07:08:09"),
        since(V32, "2024-01-01T07/PT1H"),
        "hour",
    ),
    Row(
        "assets by day",
        partitioned(mapper("StartOfDayMapper")),
        assets("2024-01-01T07:00:00"),
        since(V32, "2024-01-01/P1D"),
    ),
    Row(
        "assets by week",
        partitioned(mapper("StartOfWeekMapper")),
        assets("2024-01-03T07:00:00"),
        since(V32, "2024-01-01/P1W"),
    ),
    Row(
        "assets by month",
        partitioned(mapper("StartOfMonthMapper")),
        assets("2024-02-29T07:00:00"),
        since(V32, "2024-02/P1M"),
        "month",
    ),
    Row(
        "assets by quarter",
        partitioned(mapper("StartOfQuarterMapper")),
        assets("2024-05-31T07:00:00"),
        since(V32, "2024-04/P3M"),
        "quarter",
    ),
    Row(
        "assets by year",
        partitioned(mapper("StartOfYearMapper")),
        assets("2024-05-31T07:00:00"),
        since(V32, "2024/P1Y"),
        "year",
    ),
    Row(
        "assets by day, by hand",
        partitioned(mapper("StartOfDayMapper")),
        by_hand(None, "2024-02-29"),
        since(V32, "2024-02-29/P1D"),
    ),
    Row(
        "assets by day, by hand without a key",
        partitioned(mapper("StartOfDayMapper")),
        by_hand(None),
        since(V32, NO_INTERVAL),
    ),
    Row(
        "assets by day, backfill",
        partitioned(mapper("StartOfDayMapper")),
        backfill("2024-01-01", "2024-01-02"),
        since(V32, NONE),
    ),
    Row(
        "hours to a day",
        rollup("StartOfDayMapper", "DayWindow"),
        assets("2024-01-01T07:00:00"),
        since(V33, "2024-01-01/P1D"),
    ),
    Row(
        "days to a week",
        rollup("StartOfWeekMapper", "WeekWindow", input_format="%Y-%m-%d"),
        assets("2024-01-03"),
        since(V33, "2024-01-01/P1W"),
    ),
    Row(
        "days to a month",
        rollup("StartOfMonthMapper", "MonthWindow", input_format="%Y-%m-%d"),
        assets("2024-02-29"),
        since(V33, "2024-02/P1M"),
        "month",
    ),
    Row(
        "months to a quarter",
        rollup("StartOfQuarterMapper", "QuarterWindow", input_format="%Y-%m"),
        assets("2024-05"),
        since(V33, "2024-04/P3M"),
        "quarter",
    ),
    Row(
        "months to a year",
        rollup("StartOfYearMapper", "YearWindow", input_format="%Y-%m"),
        assets("2024-05"),
        since(V33, "2024/P1Y"),
        "year",
    ),
    Row(
        "hours to a day, by hand",
        rollup("StartOfDayMapper", "DayWindow"),
        by_hand(None, "2024-02-29"),
        since(V33, "2024-02-29/P1D"),
    ),
    Row(
        "hours to a local day",
        rollup("StartOfDayMapper", "DayWindow", timezone="Europe/Berlin"),
        assets("2024-06-01T07:00:00"),
        since(V33, unaligned("2024-05-31T22:00/2024-06-01T22:00", "2024-05-31/2024-06-02", "Europe/Berlin")),
    ),
    Row(
        "a chain to a day",
        partitioned(
            lambda: author("ChainMapper")(
                author("StartOfHourMapper")(), author("StartOfDayMapper")(input_format="%Y-%m-%dT%H")
            )
        ),
        assets("2024-01-01T07:00:00"),
        since(V32, "2024-01-01/P1D"),
    ),
    Row(
        "a week to its days",
        partitioned(
            lambda: author("FanOutMapper")(
                upstream_mapper=author("StartOfWeekMapper")(input_format="%Y-%m-%d"), window=author("WeekWindow")()
            )
        ),
        assets("2024-01-01"),
        since(V33, "2024-01-07/P1D"),
    ),
    Row(
        "partitions at run time",
        lambda: author("PartitionedAtRuntime")(),
        by_hand(None, "2024-01"),
        since(V33, "2024-01/P1M"),
        "month",
    ),
]


class Tables:
    """A project whose tables all have the same partitions."""

    project_id = "p"

    def __init__(self, partition: str) -> None:
        self.partition = partition

    def get_table(self, name: str) -> dict[str, Any]:
        return {"name": name, "type": "detail", "partitioningGranularity": self.partition, "availability": "available"}


def interval_of(dag: Any, run: Planned, partition: str) -> Any:
    """Render the task as Airflow does and return what its job would replace, or what it fails with."""
    task = dag.get_task("rollup")
    context = airflow.context(dag, "rollup", run)
    task.render_template_fields(context)
    try:
        spec = plan_table_to_table(task, context, Tables(partition), logging.getLogger("test.table"))  # type: ignore[arg-type]
    except PolarisError as error:
        return Fails(error)
    (interval,) = spec["target"]["intervals"]
    assert spec["source"]["interval"] == interval
    return interval


@pytest.mark.parametrize("row", [row for row in TABLE if row.here is not ABSENT], ids=lambda row: row.what)
def test_interval_of_a_run_is_that_of_the_table(row: Row) -> None:
    """Each run that this Airflow makes has the interval that the table names, or fails with its words."""
    with quiet():
        with DAG("koalas", schedule=row.schedule(), start_date=START, params={"interval": None, "grain": None}) as dag:
            PolarisTableToTableOperator(
                task_id="rollup", source_table="S", target_table="T", dimensions=["city"], **row.arguments
            )
        runs = row.start(dag)
    expected = row.here
    if expected is NONE:
        assert runs == []
        return
    expected = expected if isinstance(expected, tuple) else (expected,)
    found = [interval_of(dag, run, row.partition) for run in runs]
    assert found == [each if isinstance(each, Fails) else Interval.parse(each).to_wire() for each in expected]
