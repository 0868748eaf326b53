# SPDX-License-Identifier: Apache-2.0
"""Alignment of intervals: partitions of job and table, rollup granularity, and the zone of the timetable."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.spec.job_spec import JobSpec, parse_spec
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.jobs.validation.rules import check_spec
from tests.jobs.specs import refusal

DAY = "2024-06-01/2024-06-02"
MONTH = "2024-06-01/2024-07-01"
#: The vendor page's example of a replace interval; its API reference refuses it for day partitions.
EIGHT_HOURS = "2022-06-01T00:00:00Z/2022-06-01T08:00:00Z"
ITS_DAY = "2022-06-01T00:00:00.000Z/2022-06-02T00:00:00.000Z"
ERASES = "Polaris replaces whole partitions, so it would refuse, or erase rows that the interval doesn't name"


def job(*, time: str | None = None, **fields: Any) -> JobSpec:
    mappings = [{"columnName": "__time", "expression": time}] if time else []
    return parse_spec(
        {
            "type": "batch",
            "source": {"type": "table", "tableName": "events", **fields.pop("source", {})},
            "target": {"type": "table", "tableName": "rollup", "intervals": fields.pop("intervals", [])},
            "mappings": [*mappings, {"columnName": "city", "expression": '"city"'}],
            **fields,
        }
    )


def replace(*intervals: str, **fields: Any) -> JobSpec:
    return job(intervals=list(intervals), ingestionMode="replace", createTableIfNotExists=True, **fields)


def partitioned(granularity: Granularity | None) -> TableDescription:
    return TableDescription("rollup", "aggregate", partitioning=granularity)


def floor(period: str) -> str:
    return f"TIME_FLOOR(\"__time\", '{period}')"


def test_replace_interval_inside_a_day_of_a_new_table_is_refused() -> None:
    """A new table is partitioned by day unless the job sets another granularity."""
    assert refusal(replace(EIGHT_HOURS), target_known_absent=True) == (
        f"target.intervals[0] '{EIGHT_HOURS}' does not fall on 'day' boundaries (the default of a new table): "
        f"{ERASES}. Use '{ITS_DAY}', the nearest aligned interval. Or create the new table with partitionedBy 'hour'."
    )
    half_an_hour = "2022-06-01T00:00:00.000Z/2022-06-01T00:30:00.000Z"
    assert refusal(replace(half_an_hour), target_known_absent=True).endswith(", the nearest aligned interval.")
    check_spec(replace("2022-06-01/2022-06-09"), target_known_absent=True)
    check_spec(replace(EIGHT_HOURS, partitionedBy="eight_hour"), target_known_absent=True)


def test_replace_interval_inside_a_partition_of_the_table_is_refused() -> None:
    """The table's own partitioning applies if the job sets none; the second interval is named as such."""
    assert refusal(replace(DAY, EIGHT_HOURS), target=partitioned(Granularity.DAY)) == (
        f"target.intervals[1] '{EIGHT_HOURS}' does not fall on 'day' boundaries (the partitioning of table 'rollup'): "
        f"{ERASES}. Use '{ITS_DAY}', the nearest aligned interval."
    )
    check_spec(replace(DAY, EIGHT_HOURS), target=partitioned(Granularity.EIGHT_HOUR))


def test_replace_interval_inside_a_partition_of_the_job_is_refused() -> None:
    """A coarser partitionedBy takes precedence over the table's own."""
    spec = replace(DAY, partitionedBy="month")

    assert refusal(spec, target=partitioned(Granularity.DAY)) == (
        f"target.intervals[0] '{DAY}' does not fall on 'month' boundaries (partitionedBy of the job): {ERASES}. "
        "Use '2024-06-01T00:00:00.000Z/2024-07-01T00:00:00.000Z', the nearest aligned interval."
    )
    assert refusal(spec) == refusal(spec, target=partitioned(Granularity.DAY))
    check_spec(replace(MONTH, partitionedBy="month"), target=partitioned(Granularity.DAY))


def test_replace_interval_finer_than_the_tables_own_needs_consent() -> None:
    """An hour in a day-partitioned table may erase the day, so it needs an argument."""
    spec = replace(EIGHT_HOURS, partitionedBy="hour")
    facts = {"target": partitioned(Granularity.DAY)}

    assert refusal(spec, **facts) == (
        f"target.intervals[0] '{EIGHT_HOURS}' does not fall on 'day' boundaries (the partitioning of table 'rollup'): "
        f"{ERASES}. Use '{ITS_DAY}', the nearest aligned interval. "
        "Or pass allow_finer_partitions=True, if the table holds no segments coarser than 'hour' there: "
        "those would be erased whole."
    )
    check_spec(spec, allow_finer_partitions=True, **facts)
    check_spec(replace(DAY, partitionedBy="hour"), **facts)


def test_replace_interval_finer_than_the_jobs_own_is_refused_with_consent_too() -> None:
    """The argument overrides the table's partitioning, not the job's."""
    spec = replace("2024-06-01T00:30Z/2024-06-01T01:30Z", partitionedBy="hour")

    assert refusal(spec, target=partitioned(Granularity.DAY), allow_finer_partitions=True) == (
        "target.intervals[0] '2024-06-01T00:30Z/2024-06-01T01:30Z' does not fall on 'hour' boundaries "
        f"(partitionedBy of the job): {ERASES}. "
        "Use '2024-06-01T00:00:00.000Z/2024-06-01T02:00:00.000Z', the nearest aligned interval."
    )


def test_replace_of_a_month_in_a_table_of_weeks_must_fit_both() -> None:
    """A week crosses the ends of a month, so its segment would be erased with it."""
    facts = {"target": partitioned(Granularity.WEEK)}

    assert refusal(replace(MONTH, partitionedBy="month"), **facts) == (
        f"target.intervals[0] '{MONTH}' does not fall on 'week' boundaries (the partitioning of table 'rollup'): "
        f"{ERASES}. "
        "Use '2024-05-27T00:00:00.000Z/2024-07-01T00:00:00.000Z', the nearest aligned interval."
    )
    check_spec(replace("2024-04-01/2024-07-01", partitionedBy="month"), **facts)


@pytest.mark.parametrize(
    "fields, facts, origin",
    [
        ({"partitionedBy": "all"}, {}, "partitionedBy of the job"),
        ({}, {"target": partitioned(Granularity.ALL)}, "the partitioning of table 'rollup'"),
    ],
)
def test_replace_interval_in_one_partition_of_all_time_is_refused(
    fields: dict[str, Any], facts: dict[str, Any], origin: str
) -> None:
    """Partition 'all' is allowed with replaceAll only."""
    assert refusal(replace(DAY, **fields), **facts) == (
        f"target.intervals[0] '{DAY}' can't be replaced by itself: with granularity 'all' ({origin}) the table is one "
        "partition. Set replaceAll to true and leave the intervals out, or partition by time."
    )
    check_spec(job(ingestionMode="replace", replaceAll=True, **fields), **facts)
    check_spec(job(**fields), derived_interval=True, **facts)


def test_replace_in_a_table_of_unknown_partitioning_is_refused() -> None:
    """The erased data is unknown; an append erases nothing."""
    assert refusal(replace(DAY), target=partitioned(None)) == (
        "target.tableName 'rollup' has a time partitioning that this package does not support. target.intervals might "
        "erase more data than they name. Install a newer version of this package."
    )
    check_spec(job(), target=partitioned(None))


def test_replace_without_facts_is_left_to_polaris() -> None:
    """Without a description of the table there is no conclusion."""
    check_spec(replace(EIGHT_HOURS))


def test_append_of_a_derived_interval_must_be_aligned() -> None:
    """An interval of a schedule must be replaceable later; one that the user wrote need not be."""
    spec = job(source={"interval": EIGHT_HOURS})
    facts = {"target": partitioned(Granularity.DAY)}

    assert refusal(spec, derived_interval=True, **facts) == (
        f"source.interval '{EIGHT_HOURS}' does not fall on 'day' boundaries (the partitioning of table 'rollup'): an "
        f"interval "
        "that is taken from the run has to, so that the same rows can be replaced later. "
        f"Use '{ITS_DAY}', the nearest aligned interval."
    )
    check_spec(spec, **facts)
    check_spec(job(source={"interval": DAY}), derived_interval=True, **facts)


@pytest.mark.parametrize(
    "interval, hint, zone",
    [
        ("2024-06-01T22:00:00Z/2024-06-02T22:00:00Z", "Europe/Berlin", "Europe/Berlin"),
        ("2024-06-01T22:00:00Z/2024-06-02T22:00:00Z", "+02:00", "+02:00"),
        ("2024-06-02T00:00:00+02:00/2024-06-03T00:00:00+02:00", None, "+02:00"),
        ("2024-06-01T22:00:00Z/2024-06-02T22:00:00Z", "Asia/Tokyo", None),
        ("2024-06-01T22:00:00Z/2024-06-02T22:00:00Z", "Mars/Olympus", None),
        ("2024-06-01T22:00:00Z/2024-06-02T22:00:00Z", "UTC", None),
        ("2024-06-01T22:00:00Z/2024-06-02T22:00:00Z", "../../etc/passwd", None),
        ("2024-06-02T01:00:00+02:00/2024-06-03T00:00:00+02:00", None, None),
    ],
)
def test_misaligned_interval_names_the_zone_only_where_it_is_the_cause(
    interval: str, hint: str | None, zone: str | None
) -> None:
    """Days that begin at a local midnight are the usual reason, and are named only then."""
    nearest = Interval.parse(interval).align(Granularity.DAY)
    cause = (
        f" It falls on them in '{zone}', but days are UTC days in Polaris: give the timetable the time zone UTC, or "
        f"set "
        "the interval yourself."
    )

    assert refusal(replace(interval), target=partitioned(Granularity.DAY), interval_hint=hint) == (
        f"target.intervals[0] '{interval}' does not fall on 'day' boundaries (the partitioning of table 'rollup'): "
        f"{ERASES}. "
        f"Use '{nearest}', the nearest aligned interval.{cause if zone else ''}"
    )


@pytest.mark.parametrize(
    "period, partition, interval",
    [
        ("P1W", "month", MONTH),
        ("P1D", "hour", DAY),
        ("PT15M", "ten_minute", DAY),
        ("PT7H", "day", DAY),
        ("P1M", "day", DAY),
        ("P2D", "month", MONTH),
        ("P2W", "month", MONTH),
        ("P2M", "quarter", "2024-04-01/2024-07-01"),
        ("P1M1D", "year", "2024/2025"),
        ("P5M", "year", "2024/2025"),
    ],
)
def test_rollup_that_does_not_divide_the_partition_is_refused(period: str, partition: str, interval: str) -> None:
    """Rounded times must stay in the partition that they came from."""
    assert refusal(replace(interval, partitionedBy=partition, time=floor(period))) == (
        f"mappings[0].expression {floor(period)!r} rounds time to '{period}', which does not divide '{partition}' "
        f"partitions "
        "(partitionedBy of the job): rounded times would leave the partition that they came from. "
        "Round to a finer granularity, or set partitionedBy to a coarser one."
    )


@pytest.mark.parametrize(
    "time, partition, interval",
    [
        (floor("P1D"), "month", MONTH),
        (floor("PT1H"), "hour", DAY),
        (floor("PT2H"), "day", DAY),
        (floor("PT2H"), "month", MONTH),
        (floor("P6M"), "year", "2024/2025"),
        (floor("P1M"), "quarter", "2024-04-01/2024-07-01"),
        ('FLOOR("__time" TO DAY)', "day", DAY),
        ("TIME_FLOOR(\"__time\", 'P1W', TIMESTAMP '2024-06-01 00:00:00')", "day", DAY),
        ("TIME_FLOOR(\"__time\", 'PT5M', NULL, 'Asia/Kathmandu')", "day", DAY),
        ("TIME_FLOOR(\"__time\", 'PT1H', NULL, 'UTC')", "day", DAY),
    ],
)
def test_rollup_that_divides_the_partition_passes(time: str, partition: str, interval: str) -> None:
    """Whole numbers of rounded buckets, in UTC; an origin isn't checked."""
    check_spec(replace(interval, partitionedBy=partition, time=time))


@pytest.mark.parametrize("time", ['FLOOR("__time" TO WEEK)', "DATE_TRUNC('week', \"__time\")"])
def test_rollup_in_other_spellings_is_held_to_the_same(time: str) -> None:
    """A week does not divide a month in any spelling."""
    assert refusal(replace(MONTH, partitionedBy="month", time=time)) == (
        f"mappings[0].expression {time!r} rounds time to 'P1W', which does not divide 'month' partitions "
        "(partitionedBy of the job): rounded times would leave the partition that they came from. "
        "Round to a finer granularity, or set partitionedBy to a coarser one."
    )


def test_rollup_of_an_append_job_must_divide_the_partition_too() -> None:
    """Partitions are at least as coarse as the rollup, in each mode; 'all' holds any."""
    months = job(createTableIfNotExists=True, time=floor("P1M"))

    assert refusal(months, target_known_absent=True) == (
        f"mappings[0].expression {floor('P1M')!r} rounds time to 'P1M', which does not divide 'day' partitions "
        "(the default of a new table): rounded times would leave the partition that they came from. "
        "Round to a finer granularity, or set partitionedBy to a coarser one."
    )
    check_spec(job(createTableIfNotExists=True, time=floor("P1W"), partitionedBy="all"), target_known_absent=True)
    check_spec(months, target=partitioned(Granularity.YEAR))


def test_rollup_in_a_time_zone_is_refused() -> None:
    """Hours of India are not aligned to hours of UTC."""
    time = "TIME_FLOOR(\"__time\", 'PT1H', NULL, 'Asia/Kolkata')"

    assert refusal(replace(DAY, time=time), target=partitioned(Granularity.DAY)) == (
        f"mappings[0].expression {time!r} rounds time to 'PT1H' in the time zone 'Asia/Kolkata', but 'day' partitions "
        "(the partitioning of table 'rollup') are counted in UTC: rounded times would leave the partition that they "
        "came "
        "from. Leave the time zone out."
    )


def test_rollup_to_no_period_is_refused() -> None:
    """TIME_FLOOR takes a period, not Polaris' word."""
    assert refusal(replace(DAY, time=floor("hour"))) == (
        f"mappings[0].expression {floor('hour')!r} rounds to no period: period 'hour' is not an ISO 8601 period. "
        "Write one such as 'PT1H', 'P1D', 'P1W', 'P1M' or 'P1Y'."
    )


def test_replace_interval_off_the_rollup_granularity_is_refused_without_facts() -> None:
    """The mapping alone shows that whole days are written."""
    assert refusal(replace(EIGHT_HOURS, time=floor("P1D"))) == (
        f"target.intervals[0] '{EIGHT_HOURS}' does not fall on 'day' boundaries, to which mappings[0].expression "
        f"{floor('P1D')!r} rounds: rounded times would leave the interval. Use '{ITS_DAY}', the nearest aligned "
        f"interval."
    )
    check_spec(replace(EIGHT_HOURS, time=floor("PT1H")))


@given(
    start=st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1), timezones=st.just(timezone.utc)),  # noqa: DTZ001
    length=st.timedeltas(timedelta(hours=1), timedelta(days=400)),
    granularity=st.sampled_from([member for member in Granularity if member is not Granularity.ALL]),
)
def test_nearest_interval_of_the_message_is_accepted(
    start: datetime, length: timedelta, granularity: Granularity
) -> None:
    """The interval in the advice is not refused again."""
    spec, facts = replace(str(Interval(start, start + length))), {"target": partitioned(granularity)}
    try:
        check_spec(spec, **facts)
    except PolarisSpecError as refused:
        advised = re.search(r"Use '([^']*)', the nearest", str(refused))
        assert advised
        check_spec(replace(advised[1]), **facts)
