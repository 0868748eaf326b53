# SPDX-License-Identifier: Apache-2.0
"""The partitions that a run ages out, the plan for the next task, and the proof method."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_polaris.jobs.age_out.plan import (
    AgingPlan,
    ProofMethod,
    Window,
    check_time_stays,
    choose_method,
    make_windows,
    oldest_sql,
    query_context,
)
from airflow_provider_polaris.jobs.age_out.window import (
    aged_interval,
    bounding_interval,
    partitions_in_common,
    read_age,
)
from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.guards.row_counts import Count, read_counts
from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec, parse_spec
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval

DAY = "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"
NEXT_DAY = "2024-06-02T00:00:00.000Z/2024-06-03T00:00:00.000Z"
FOURTH = "2024-06-04T00:00:00.000Z/2024-06-05T00:00:00.000Z"
COUNTED = {"columnName": "n", "expression": "COUNT(*)", "isAggregation": True}
CITY = {"columnName": "city", "expression": '"city"'}


def table(name: str, partition: Granularity | None, kind: str = "detail") -> TableDescription:
    return TableDescription(name, kind, partition)


def span(text: str) -> Interval:
    return Interval.parse(text)


def copy(*mappings: dict) -> BatchJobSpec:
    spec = parse_spec(
        {
            "type": "batch",
            "ingestionMode": "replace",
            "source": {"type": "table", "tableName": "S"},
            "target": {"type": "table", "tableName": "T", "intervals": [DAY]},
            "mappings": list(mappings),
        }
    )
    assert isinstance(spec, BatchJobSpec)
    return spec


BUCKETS = [each for each in Granularity if each not in (Granularity.ALL, Granularity.MILLISECOND)]


@given(
    start=st.integers(946684800, 1893456000).map(lambda second: datetime.fromtimestamp(second, timezone.utc)),
    steps=st.lists(st.integers(1, 60 * 24 * 40), min_size=1, max_size=12),
    age=st.sampled_from(["P30D", "P1M", "P1Y2M3DT4H", "PT1H", "P1W", "P11M31D"]),
    partition=st.sampled_from(BUCKETS),
)
def test_aged_interval_of_runs_in_a_row_takes_each_partition_once(start, steps, age, partition) -> None:
    """For runs and months of any length: no gap, no overlap, whole partitions, old enough."""
    ends = [start]
    for minutes in steps:
        ends.append(ends[-1] + timedelta(minutes=minutes))
    runs = [Interval(one, other) for one, other in pairwise(ends)]
    aged = [found for run in runs if (found := aged_interval(run, read_age(age), partition)) is not None]
    for one, other in pairwise(aged):
        assert one.end == other.start
    whole = aged_interval(bounding_interval(runs), read_age(age), partition)
    assert whole == (bounding_interval(aged) if aged else None)
    for each in aged:
        assert each.is_aligned(partition)
        if age != "P11M31D" and age != "P1Y2M3DT4H":  # with months and days mixed, adding does not undo subtracting
            assert read_age(age).add_to(each.end - timedelta(milliseconds=1)) <= runs[-1].end


def test_aged_interval_of_an_hour_takes_a_day_with_its_last_hour_only() -> None:
    """Twenty-three of twenty-four runs have nothing to do."""
    hours = span("2024-07-01/P1D").split(Granularity.HOUR)
    aged = [aged_interval(hour, read_age("P30D"), Granularity.DAY) for hour in hours]
    assert [str(each) for each in aged if each] == [DAY]
    assert aged[-1] is not None


def test_aged_interval_at_the_end_of_a_month_takes_what_is_a_month_old() -> None:
    """The last days of March have no counterpart in February: their runs have nothing to do, also hour by hour."""
    aged = [
        aged_interval(hour, read_age("P1M"), Granularity.HOUR)
        for hour in span("2023-03-28/2023-04-02").split(Granularity.HOUR)
    ]
    assert [each is not None for each in aged] == [True] * 24 + [False] * 72 + [True] * 24
    assert (
        bounding_interval([each for each in aged if each]).to_wire()
        == "2023-02-28T00:00:00.000Z/2023-03-02T00:00:00.000Z"
    )


@pytest.mark.parametrize(
    "age, expected", [("P1M", "2023-03-01"), ("P1W", "2023-03-24T05:06:07.008"), ("P1M1W", "2023-02-22")]
)
def test_aged_interval_ends_exactly_an_age_before_the_run(age: str, expected: str) -> None:
    """There is no 31 February, so a month before 31 March, at any time of it, is the first instant of March."""
    end = span("2023-03-01/2023-03-31T05:06:07.008").end
    aged = aged_interval(Interval(span("2000-01-01/P1D").start, end), read_age(age), Granularity.MILLISECOND)
    assert aged is not None
    assert aged.end == span(f"2000-01-01/{expected}").end


def test_aged_interval_outside_of_the_calendar_is_refused() -> None:
    """No year is before the first."""
    with pytest.raises(PolarisSpecError) as caught:
        aged_interval(span(DAY), read_age("P3000Y"), Granularity.DAY)
    assert str(caught.value) == f"older_than counted back from the run's interval {DAY!r} leaves the years 1 to 9999."


@pytest.mark.parametrize("text", ["P0D", "-P1D", "-P1W", "-P1M", "PT0S"])
def test_age_that_is_none_is_refused(text) -> None:
    """Data that is not older than the run's end is not old."""
    with pytest.raises(PolarisSpecError) as caught:
        read_age(text)
    assert (
        str(caught.value)
        == f"older_than {text!r} is not a positive period. Write the minimum age of the data, such as 'P30D'."
    )


def test_age_that_is_no_period_is_refused() -> None:
    """The error names the argument."""
    with pytest.raises(PolarisSpecError) as caught:
        read_age("a month")
    assert str(caught.value) == (
        "older_than: period 'a month' is not an ISO 8601 period. Write one such as 'PT1H', 'P1D', 'P1W', 'P1M' or "
        "'P1Y'."
    )


COMMON = {
    "target coarser": (Granularity.DAY, Granularity.MONTH, None, Granularity.MONTH),
    "source coarser": (Granularity.MONTH, Granularity.DAY, None, Granularity.MONTH),
    "new target by day": (Granularity.HOUR, None, None, Granularity.DAY),
    "new target by hour": (Granularity.HOUR, None, Granularity.HOUR, Granularity.HOUR),
    "written coarser": (Granularity.DAY, Granularity.DAY, Granularity.MONTH, Granularity.MONTH),
    "written finer": (Granularity.HOUR, Granularity.DAY, Granularity.HOUR, Granularity.DAY),
}


@pytest.mark.parametrize("source, target, written, expected", COMMON.values(), ids=COMMON)
def test_partitions_in_common_are_the_coarsest(source, target, written, expected) -> None:
    """An interval that is aligned to the coarsest partitions is aligned to all."""
    there = None if target is None else table("T", target)
    assert partitions_in_common(table("S", source), there, "T", written) is expected


REFUSED = {
    "week in month": (
        (Granularity.WEEK, Granularity.MONTH, None),
        (
            "the partitions of source_table 'S' (week) and the partitions of target_table 'T' (month) don't nest, so "
            "no interval is aligned to both. "
            "Use a target whose partitions are a multiple or a fraction of the source's."
        ),
    ),
    "six hours and eight": (
        (Granularity.SIX_HOUR, None, Granularity.EIGHT_HOUR),
        (
            "the partitions of source_table 'S' (six_hour) and partitioned_by (eight_hour) don't nest, so no "
            "interval is aligned to both. Use a target whose partitions are a multiple or a fraction of the source's."
        ),
    ),
    "no partitions": (
        (Granularity.ALL, None, None),
        (
            "the partitions of source_table 'S' are 'all', so no part of the table can be replaced or deleted "
            "separately. Use a table that is partitioned by time."
        ),
    ),
    "written in one": (
        (Granularity.DAY, None, Granularity.ALL),
        (
            "partitioned_by is 'all', so no part of the table can be replaced or deleted separately. "
            "Use a table that is partitioned by time."
        ),
    ),
    "unknown target": (
        (Granularity.DAY, "unknown", None),
        (
            "target_table 'T' has a time partitioning that this package does not support, so the partitions to replace "
            "or delete are unknown. Install a newer version of this package."
        ),
    ),
    "unknown": (
        (None, None, None),
        (
            "source_table 'S' has a time partitioning that this package does not support, so the partitions to replace "
            "or delete are unknown. Install a newer version of this package."
        ),
    ),
}


@pytest.mark.parametrize("partitions, message", REFUSED.values(), ids=REFUSED)
def test_partitions_without_a_common_one_are_refused(partitions, message) -> None:
    """The error names both."""
    source, target, written = partitions
    there = None if target is None else table("T", None if target == "unknown" else target)
    with pytest.raises(PolarisSpecError) as caught:
        partitions_in_common(table("S", source), there, "T", written)
    assert str(caught.value) == message


WAYS = {
    "a count": ("detail", None, [CITY, COUNTED], ProofMethod("measure", "COUNT(*)", 'SUM("n")')),
    "a count in other words": (
        "detail",
        "aggregate",
        [CITY, {**COUNTED, "columnName": 'the "n"', "expression": " count( 1 ) "}],
        ProofMethod("measure", "COUNT(*)", 'SUM("the ""n""")'),
    ),
    "a sum of counts": (
        "aggregate",
        "aggregate",
        [CITY, {"columnName": "n", "expression": 'SUM("__count")', "isAggregation": True}],
        ProofMethod(
            "measure",
            'CASE WHEN COUNT("__count") = COUNT(*) THEN SUM("__count") ELSE -1 END',
            'SUM("n")',
        ),
    ),
    "a sum of something": (
        "detail",
        None,
        [CITY, {"columnName": "n", "expression": 'SUM("__count")', "isAggregation": True}],
        ProofMethod("metrics"),
    ),
    "a filtered count": (
        "detail",
        None,
        [CITY, {**COUNTED, "expression": "COUNT(*) FILTER (WHERE \"city\" = 'Oslo')"}],
        ProofMethod("metrics"),
    ),
    "a count of rolled-up rows": ("aggregate", None, [CITY, COUNTED], ProofMethod("metrics")),
    "rows as they are": ("detail", "detail", [CITY], ProofMethod("rows")),
    "rows as they are, new table": ("detail", None, [CITY], ProofMethod("rows")),
    "rows that the table merges": ("detail", "aggregate", [CITY], ProofMethod("metrics")),
    "a count that is no measure": ("detail", None, [CITY, {**COUNTED, "isAggregation": False}], ProofMethod("rows")),
}


@pytest.mark.parametrize("source, target, mappings, way", WAYS.values(), ids=WAYS)
def test_way_is_the_surest_that_the_mappings_allow(source, target, mappings, way) -> None:
    """A mapped count, otherwise unmerged rows, otherwise the job's metrics; never a count that Polaris may add."""
    there = None if target is None else table("T", Granularity.DAY, target)
    assert choose_method(copy(*mappings), table("S", Granularity.DAY, source), there) == way


@pytest.mark.parametrize("expression", ['"__time"', "TIME_FLOOR(\"__time\", 'PT1H')", None])
def test_time_that_stays_in_its_partition_passes(expression) -> None:
    """Unchanged, rounded down, or left to Polaris."""
    time = [{"columnName": "__time", "expression": expression}] if expression else []
    check_time_stays(copy(*time, CITY))


@pytest.mark.parametrize(
    "expression",
    ['TIMESTAMPADD(DAY, 1, "__time")', "TIME_FLOOR(\"__time\", 'PT1H', TIMESTAMP '2024-01-01')", '"seen_at"', "((("],
)
def test_time_that_moves_is_refused(expression) -> None:
    """Rows may move to other partitions, so the copy cannot be compared."""
    with pytest.raises(PolarisSpecError) as caught:
        check_time_stays(copy(CITY, {"columnName": "__time", "expression": expression}))
    assert str(caught.value) == (
        f"the copy computes __time from {expression!r}: rows may move to other time partitions, so the copy cannot be "
        "proven before the source is deleted. Keep __time unchanged or round it down: TIME_FLOOR(\"__time\", 'PT1H')."
    )


def test_windows_join_partitions_that_follow_each_other() -> None:
    """Counts are summed; gaps remain."""
    counts = {span(FOURTH): Count(1, 2), span(NEXT_DAY): Count(3, 4), span(DAY): Count(5, 6)}
    both = "2024-06-01T00:00:00.000Z/2024-06-03T00:00:00.000Z"
    assert make_windows(counts) == (Window(both, 8, 10), Window(FOURTH, 1, 2))


def plan(**changes) -> AgingPlan:
    values = {
        "source": 'the "S"',
        "target": "T",
        "granularity": Granularity.DAY,
        "windows": (Window(DAY, 3, 3), Window(FOURTH, 1, 1)),
        "way": ProofMethod("measure", "COUNT(*)", 'SUM("n")'),
        "filter": None,
        "context": {"sqlTimeZone": "UTC"},
    }
    return AgingPlan(**{**values, **changes})


def test_plan_survives_xcom() -> None:
    """The plan is restored unchanged, and its JSON contains the intervals."""
    before = plan(filter="\"city\" = 'Oslo'", may_replace=True, job="j1")
    told = json.loads(json.dumps(before.to_json()))
    assert told["intervals"] == [DAY, FOURTH]
    assert AgingPlan.from_json(told, "plan") == before


@pytest.mark.parametrize("value", [None, "text", {}, {"windows": []}, {**plan().to_json(), "more": 1}])
def test_plan_that_is_none_is_refused(value) -> None:
    """A missing XCom, or one of another version, is refused."""
    with pytest.raises(PolarisSpecError) as caught:
        AgingPlan.from_json(value, "proof")
    assert str(caught.value).startswith("proof ")
    assert str(caught.value).endswith(
        " is not the output of the previous task. Clear the first task of the group and all downstream tasks."
    )


def test_plan_counts_both_tables_by_partition() -> None:
    """In UTC whatever the session's time zone, and the source with the copy's filter."""
    assert plan(filter="\"city\" = 'Oslo' -- not Bergen").source_sql() == (
        'SELECT TIME_FLOOR("__time", \'P1D\', NULL, \'UTC\') AS "bucket", COUNT(*) AS "n", COUNT(*) AS "events"\n'
        'FROM "the ""S"""\n'
        f"WHERE (TIME_IN_INTERVAL(\"__time\", '{DAY}') OR TIME_IN_INTERVAL(\"__time\", '{FOURTH}'))\n"
        "  AND (\n\"city\" = 'Oslo' -- not Bergen\n)\n"
        "GROUP BY 1"
    )
    assert plan().target_sql() == (
        'SELECT TIME_FLOOR("__time", \'P1D\', NULL, \'UTC\') AS "bucket", COUNT(*) AS "n", SUM("n") AS "events"\n'
        'FROM "T"\n'
        f"WHERE (TIME_IN_INTERVAL(\"__time\", '{DAY}') OR TIME_IN_INTERVAL(\"__time\", '{FOURTH}'))\n"
        "GROUP BY 1"
    )


def test_count_with_a_filter_that_is_not_one_expression_is_refused() -> None:
    """The filter comes from the previous task, and no row outside of the plan may count as a proof."""
    with pytest.raises(PolarisSpecError) as caught:
        plan(filter="1=1) OR (1=1").source_sql()
    assert str(caught.value) == (
        "filter_expression is not one SQL expression: ')' closes no bracket of the expression, at line 1, column 4, "
        "near '1=1) OR (1=1'. Correct the brackets."
    )


def test_oldest_partitions_are_asked_for_in_one_query() -> None:
    """From the beginning of time up to the window. OBSERVED(Druid 27 and 33): a query from the year -1000 on fails."""
    assert oldest_sql("S", Granularity.DAY, "COUNT(*)", span(DAY), 3, None) == (
        'SELECT TIME_FLOOR("__time", \'P1D\', NULL, \'UTC\') AS "bucket", COUNT(*) AS "n", COUNT(*) AS "events"\n'
        'FROM "S"\n'
        "WHERE (TIME_IN_INTERVAL(\"__time\", '0/2024-06-01T00:00:00.000Z'))\n"
        "GROUP BY 1\nORDER BY 1\nLIMIT 3"
    )


def test_counts_are_read_by_partition() -> None:
    """As text or as milliseconds; an unknown number stays below zero."""
    rows = [
        {"bucket": "2024-06-01T00:00:00.000Z", "n": 2, "events": 5},
        {"bucket": 1717459200000, "n": 1, "events": -1},
    ]
    assert read_counts(rows, Granularity.DAY) == {span(DAY): Count(2, 5), span(FOURTH): Count(1, -1)}


def test_query_context_keeps_what_a_time_in_a_filter_means() -> None:
    """A count must include the rows that the job reads."""
    assert query_context({"sqlTimeZone": "Asia/Tokyo", "maxNumTasks": 3}) == {"sqlTimeZone": "Asia/Tokyo"}
    assert query_context(None) == {"sqlTimeZone": "UTC"}
