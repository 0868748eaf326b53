# SPDX-License-Identifier: Apache-2.0
"""The interval of a run: the data interval, otherwise the partition, otherwise an error with the fix."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.runtime.run_interval import interval_of_run, timetable_zone

UTC = timezone.utc
DAY = datetime(2026, 11, 20, tzinfo=UTC)


def cron(expression: str, zone: Any = "UTC") -> SimpleNamespace:
    return SimpleNamespace(expression=expression, timezone=pendulum.timezone(zone))


def assets(*mappers: Any) -> SimpleNamespace:
    first, *others = mappers
    return SimpleNamespace(default_partition_mapper=first, partition_mapper_config=dict(enumerate(others)))


def rollup(window: str, zone: str = "UTC", direction: str = "forward") -> SimpleNamespace:
    made = type(window, (), {"direction": SimpleNamespace(value=direction)})()
    upstream = SimpleNamespace(_timezone=pendulum.timezone(zone))
    return SimpleNamespace(is_rollup=True, window=made, upstream_mapper=upstream)


def context(timetable: Any = None, **values: Any) -> dict[str, Any]:
    return {"dag": SimpleNamespace(timetable=timetable), "dag_run": SimpleNamespace(), **values}


def data_interval(start: datetime, end: datetime) -> dict[str, Any]:
    return {"data_interval_start": pendulum.instance(start), "data_interval_end": pendulum.instance(end)}


def test_interval_of_run_with_data_interval_returns_it():
    """A data interval that is not empty is the interval, whatever partition there is."""
    found = interval_of_run(
        context(**data_interval(DAY, DAY + timedelta(days=1)), partition_key="2020-01-01", partition_date=DAY)
    )
    assert found.interval.to_wire() == "2026-11-20T00:00:00.000Z/2026-11-21T00:00:00.000Z"
    assert found.origin == "the run's data interval"
    assert type(found.interval.start) is datetime


def test_interval_of_run_with_local_data_interval_returns_utc():
    """A data interval in another zone has the same instants in UTC."""
    berlin = pendulum.timezone("Europe/Berlin")
    start = datetime(2026, 6, 1, tzinfo=berlin)
    found = interval_of_run(context(data_interval_start=start, data_interval_end=start + timedelta(days=1)))
    assert found.interval.to_wire() == "2026-05-31T22:00:00.000Z/2026-06-01T22:00:00.000Z"


@pytest.mark.parametrize("values", [{}, {"data_interval_start": None, "data_interval_end": None}])
def test_interval_of_run_with_nothing_says_what_to_set(values):
    """A run without data interval and partition fails with an error that names the options."""
    with pytest.raises(PolarisSpecError) as caught:
        interval_of_run(context(**values))
    assert str(caught.value) == (
        "this run has no interval: it has neither a data interval nor a partition, which is possible for a run that "
        "was triggered manually or by an asset. Set interval='START/END', or trigger the run with a logical date that "
        "has a data interval or with a partition key."
    )


def test_interval_of_run_with_empty_data_interval_names_the_timetable():
    """Airflow 3's empty data interval of a plain cron schedule is an error that describes the right schedule."""
    with pytest.raises(PolarisSpecError) as caught:
        interval_of_run(context(cron("0 6 * * *"), **data_interval(DAY, DAY)))
    assert str(caught.value) == (
        "this run's data interval is empty: it starts and ends at 2026-11-20T00:00:00.000Z. Since Airflow 3, runs of a "
        "plain cron schedule have no period. Two lines in the DAG file give each run its period:\n"
        "    from airflow.timetables.interval import CronDataIntervalTimetable\n"
        "    schedule=CronDataIntervalTimetable('0 6 * * *', timezone='UTC'),\n"
        "Or schedule it with partitions (CronPartitionTimetable, PartitionedAssetTimetable), or set "
        "interval='START/END'."
    )


def test_interval_of_run_with_empty_data_interval_keeps_the_zone_of_the_schedule():
    """The lines to paste don't move the schedule by hours."""
    with pytest.raises(PolarisSpecError) as caught:
        interval_of_run(context(cron("0 2 * * *", "America/New_York"), **data_interval(DAY, DAY)))
    assert "    schedule=CronDataIntervalTimetable('0 2 * * *', timezone='America/New_York'),\n" in str(caught.value)


class CronDataIntervalTimetable(SimpleNamespace):
    """Has the name of Airflow's class."""


class NightlyTimetable(CronDataIntervalTimetable):
    """A timetable of a user."""


class DeltaDataIntervalTimetable(SimpleNamespace):
    """Has the name of Airflow's class."""


class CronTriggerTimetable(SimpleNamespace):
    """Has the name of Airflow's class."""


@pytest.mark.parametrize(
    "timetable",
    [
        CronDataIntervalTimetable(expression="0 2 * * *", timezone="America/New_York"),
        CronDataIntervalTimetable(_expression="0 2 * * *", _timezone=UTC),
        NightlyTimetable(expression="0 2 * * *", timezone="America/New_York"),
        DeltaDataIntervalTimetable(delta=timedelta(days=1)),
        CronTriggerTimetable(expression="0 2 * * *", timezone="UTC", interval=timedelta(days=1)),
    ],
    ids=lambda timetable: type(timetable).__name__,
)
def test_interval_of_run_that_is_empty_by_way_of_exception_leaves_the_schedule_alone(timetable):
    """A schedule that produces intervals is right; only this run is not."""
    with pytest.raises(PolarisSpecError) as caught:
        interval_of_run(context(timetable, **data_interval(DAY, DAY)))
    assert str(caught.value) == (
        "this run's data interval is empty: it starts and ends at 2026-11-20T00:00:00.000Z, although "
        f"{type(timetable).__name__} produces intervals: a run that is triggered manually during a clock change may "
        "have none. Keep the schedule. Set interval='START/END' for this run, for example "
        "interval='{{ params.interval }}', or trigger it with another logical date."
    )


def test_interval_of_run_with_empty_data_interval_and_partition_takes_the_partition():
    """An empty data interval doesn't hide a partition."""
    found = interval_of_run(context(**data_interval(DAY, DAY), partition_key="2026-11-19"))
    assert str(found.interval) == "2026-11-19T00:00:00.000Z/2026-11-20T00:00:00.000Z"


@pytest.mark.parametrize(
    "key, interval",
    [
        ("2026", "2026-01-01T00:00:00.000Z/2027-01-01T00:00:00.000Z"),
        ("2026-02", "2026-02-01T00:00:00.000Z/2026-03-01T00:00:00.000Z"),
        ("2026-12-31", "2026-12-31T00:00:00.000Z/2027-01-01T00:00:00.000Z"),
        ("2026-11-20T23", "2026-11-20T23:00:00.000Z/2026-11-21T00:00:00.000Z"),
        ("2026-Q4", "2026-10-01T00:00:00.000Z/2027-01-01T00:00:00.000Z"),
        ("2026-11-16 (W47)", "2026-11-16T00:00:00.000Z/2026-11-23T00:00:00.000Z"),
    ],
)
def test_interval_of_run_with_partition_key_reads_the_grain_off_its_shape(key, interval):
    """A key alone is sufficient if its format determines the length of the partition."""
    assert interval_of_run(context(partition_key=key)).interval == Interval.parse(interval)


def test_interval_of_run_reads_the_key_from_the_dag_run():
    """A key that only the DAG run has counts as well."""
    values = context()
    values["dag_run"] = SimpleNamespace(partition_key="2026-11-20", partition_date=None)
    assert interval_of_run(values).interval == Interval.parse("2026-11-20/P1D")


@pytest.mark.parametrize("key", ["us-east", "2026-13", "2026-11-20T07:00:00+01:00"])
def test_interval_of_run_with_a_key_that_is_no_date_says_which_keys_are(key):
    """A key that is not a date, without partition_date, is refused with its value."""
    with pytest.raises(PolarisSpecError) as caught:
        interval_of_run(context(partition_key=key), partition_grain="day")
    assert str(caught.value) == (
        f"partition {key!r} is not a date: an interval can be derived from a key such as '2025', '2025-06', "
        "'2025-06-01', '2025-06-01T07', '2025-06-01T07:00:00', '2025-Q2' or '2025-06-02 (W23)'. Set "
        "interval='START/END'."
    )


def test_interval_of_run_with_a_key_to_the_second_and_no_schedule_asks_for_the_grain():
    """A key with seconds doesn't determine the length; without window and cron the user must set it."""
    with pytest.raises(PolarisSpecError) as caught:
        interval_of_run(context(partition_key="2026-11-20T07:00:00", partition_date=DAY.replace(hour=7)))
    assert str(caught.value) == (
        "partition '2026-11-20T07:00:00' has an unknown length: the schedule has no rollup window and no cron "
        "expression, and a key with seconds may stand for an hour or a day. Set partition_grain, for example "
        "partition_grain='hour', or set interval='START/END'."
    )


@pytest.mark.parametrize("grain", ["hour", "PT1H", "HOUR"])
def test_interval_of_run_with_partition_grain_takes_the_bucket(grain):
    """partition_grain takes precedence, as Polaris' word or as a period."""
    found = interval_of_run(
        context(assets(rollup("DayWindow")), partition_key="2026-11-20", partition_date=DAY.replace(hour=7)),
        partition_grain=grain,
    )
    assert found.interval == Interval.parse("2026-11-20T07:00Z/PT1H")
    assert found.origin == "partition '2026-11-20' (one hour, from partition_grain)"


def test_interval_of_run_with_coarse_partition_grain_takes_the_bucket_around_the_date():
    """A partition date inside a day means the whole day if partition_grain is a day."""
    values = context(
        cron("30 3 * * *"), partition_key="2026-11-20T03:30:00", partition_date=DAY.replace(hour=3, minute=30)
    )
    assert interval_of_run(values, partition_grain="day").interval == Interval.parse("2026-11-20/P1D")


@pytest.mark.parametrize(
    "grain, message",
    [
        ("all", "partition_grain 'all' has no bounds: name a period such as 'day', or set interval=."),
        (
            "fortnight",
            (
                "partition_grain 'fortnight' is not a granularity of Polaris. Use one of millisecond, second, minute, "
                "five_minute, ten_minute, fifteen_minute, thirty_minute, hour, six_hour, eight_hour, day, week, month, "
                "quarter, year, all, or the ISO 8601 period of one, such as 'PT1H'."
            ),
        ),
    ],
)
def test_interval_of_run_with_impossible_partition_grain_is_refused(grain, message):
    """A grain without bounds or one that Polaris doesn't have is refused with its value."""
    with pytest.raises(PolarisSpecError) as caught:
        interval_of_run(context(partition_key="2026"), partition_grain=grain)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "window, key, date, interval",
    [
        ("HourWindow", "2026-11-20T07:00:00", DAY.replace(hour=7), "2026-11-20T07:00Z/PT1H"),
        ("DayWindow", "2026-11-20T00:00:00", DAY, "2026-11-20/P1D"),
        ("WeekWindow", "2026-11-16", datetime(2026, 11, 16, tzinfo=UTC), "2026-11-16/P7D"),
        ("MonthWindow", "2026-11-01", datetime(2026, 11, 1, tzinfo=UTC), "2026-11-01/P1M"),
        ("QuarterWindow", "2026-10-01", datetime(2026, 10, 1, tzinfo=UTC), "2026-10-01/P3M"),
        ("YearWindow", "2026-01-01", datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01/P1Y"),
    ],
)
def test_interval_of_run_with_rollup_window_takes_its_length(window, key, date, interval):
    """A rollup window determines the length of the partition; it takes precedence over the key's format."""
    found = interval_of_run(context(assets(rollup(window)), partition_key=key, partition_date=date))
    assert found.interval == Interval.parse(interval)


def test_interval_of_run_with_windows_that_differ_asks_for_the_grain():
    """Two assets with different windows don't determine the length."""
    with pytest.raises(PolarisSpecError) as caught:
        interval_of_run(
            context(assets(rollup("DayWindow"), rollup("MonthWindow")), partition_key="2026-11-01", partition_date=DAY)
        )
    assert str(caught.value) == (
        "the schedule's rollup windows differ (day, month), so the length of this run's partition is unknown. Set "
        "partition_grain to one of them, or set interval='START/END'."
    )


def test_interval_of_run_with_backward_window_is_refused():
    """A window that counts backward ends at the partition date; its start is not guessed."""
    with pytest.raises(PolarisSpecError) as caught:
        interval_of_run(
            context(assets(rollup("DayWindow", direction="backward")), partition_key="2026-11-20", partition_date=DAY)
        )
    assert str(caught.value) == (
        "the schedule's DayWindow counts backward, so a partition's date is the end of its data and not the start. Set "
        "interval='START/END'."
    )


def test_interval_of_run_with_fan_out_window_goes_by_the_key():
    """The window of a fan-out is the upstream period; the length of the run's partition depends on its key."""
    week = SimpleNamespace(is_rollup=False, window=type("WeekWindow", (), {})(), downstream_mapper=SimpleNamespace())
    found = interval_of_run(context(assets(week), partition_key="2026-11-20", partition_date=DAY))
    assert found.interval == Interval.parse("2026-11-20/P1D")


@pytest.mark.parametrize(
    "expression, interval",
    [
        ("0 * * * *", "2026-11-20T00:00Z/PT1H"),
        ("*/15 * * * *", "2026-11-20T00:00Z/PT15M"),
        ("0 */6 * * *", "2026-11-20T00:00Z/PT6H"),
        ("0 0 * * *", "2026-11-20/P1D"),
        ("0 0 1,20 * *", "2026-11-20/2026-12-01"),
    ],
)
def test_interval_of_run_with_cron_partition_ends_at_the_next_partition(expression, interval):
    """A key with seconds lasts until the next one of the cron expression."""
    found = interval_of_run(context(cron(expression), partition_key="2026-11-20T00:00:00", partition_date=DAY))
    assert found.interval == Interval.parse(interval)
    assert found.origin == f"partition '2026-11-20T00:00:00' (up to the next one by cron {expression!r})"


@pytest.mark.parametrize(
    "values",
    [
        context(cron("0 0 * * *", "Europe/Berlin"), partition_key="2026-03-29T00:00:00"),
        context(assets(rollup("DayWindow", "Europe/Berlin")), partition_key="2026-03-29"),
        context(cron("0 0 * * *", "Europe/Berlin"), partition_key="2026-03-29"),
    ],
    ids=["cron", "window", "key"],
)
def test_interval_of_run_on_the_day_the_clocks_change_is_the_local_day(values):
    """A local day of 23 hours is 23 hours long, whatever determines its length."""
    values["partition_date"] = datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert interval_of_run(values).interval == Interval.parse("2026-03-28T23:00Z/2026-03-29T22:00Z")


@pytest.mark.parametrize("version, key", [((3, 3), "2026-06-01"), ((3, 2), "2026-05-31"), ((3, 2), "2026-05-31T22")])
def test_interval_of_run_with_key_but_no_date_reads_it_as_airflow_writes_it(version, key, monkeypatch):
    """A cron timetable writes its key on its own wall clock, but in UTC with Airflow 3.2."""
    monkeypatch.setattr("airflow_provider_polaris.runtime.partition_interval.AIRFLOW_VERSION", version)
    values = context(cron("0 0 * * *", "Europe/Berlin"), partition_key=key)
    grain = "day" if "T" in key else None
    found = interval_of_run(values, partition_grain=grain).interval
    assert found == Interval.parse("2026-05-31T22:00Z/2026-06-01T22:00Z")


def test_interval_of_run_hourly_in_the_repeated_hour_is_one_hour():
    """Of the two 02:00 hours when the clocks go back, the partition date selects one."""
    values = context(
        cron("0 * * * *", "Europe/Berlin"),
        partition_key="2026-10-25T02:00:00",
        partition_date=datetime(2026, 10, 25, 1, tzinfo=UTC),
    )
    expected = Interval.parse("2026-10-25T01:00Z/2026-10-25T02:00Z")
    assert interval_of_run(values).interval == expected
    assert interval_of_run(values, partition_grain="hour").interval == expected


def test_interval_of_run_with_airflows_own_timetables_matches():
    """Airflow's real timetable and mapper objects are used, not only imitations."""
    sdk = pytest.importorskip("airflow.sdk")
    if not hasattr(sdk, "RollupMapper"):
        pytest.skip("this Airflow has no rollup mapper")
    daily = sdk.PartitionedAssetTimetable(
        assets=sdk.Asset("a"),
        default_partition_mapper=sdk.RollupMapper(
            upstream_mapper=sdk.StartOfDayMapper(timezone="Europe/Berlin"), window=sdk.DayWindow()
        ),
    )
    date = datetime(2026, 5, 31, 22, tzinfo=UTC)
    found = interval_of_run(context(daily, partition_key="2026-06-01T00:00:00", partition_date=date))
    assert found.interval == Interval.parse("2026-05-31T22:00Z/2026-06-01T22:00Z")
    hourly = sdk.CronPartitionTimetable("0 * * * *", timezone="UTC", run_offset=-1)
    found = interval_of_run(context(hourly, partition_key="2026-06-01T07:00:00", partition_date=date))
    assert found.interval == Interval.parse("2026-05-31T22:00Z/PT1H")
    identity = sdk.PartitionedAssetTimetable(assets=sdk.Asset("a"))
    assert interval_of_run(context(identity, partition_key="2026-06-01")).interval == Interval.parse("2026-06-01/P1D")


@pytest.mark.parametrize(
    "values, name",
    [
        (context(cron("0 0 * * *", "Europe/Berlin")), "Europe/Berlin"),
        (context(SimpleNamespace(timezone="Asia/Kolkata")), "Asia/Kolkata"),
        (context(SimpleNamespace(_timezone=pendulum.timezone("Europe/Paris"))), "Europe/Paris"),
        (context(SimpleNamespace(timezone=pendulum.FixedTimezone(7200))), "+02:00"),
        (context(assets(rollup("DayWindow", "Europe/Berlin"))), "Europe/Berlin"),
        (context(), None),
        ({}, None),
    ],
    ids=["cron", "text", "Airflow 2", "offset", "mapper", "no timetable", "no DAG"],
)
def test_timetable_zone_returns_the_name_or_none(values, name):
    """The zone has the name that the user wrote, wherever the timetable stores it."""
    assert timetable_zone(values) == name
