# SPDX-License-Identifier: Apache-2.0
"""The SQL of the counts before a replace, and the parsing of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisProtocolError, PolarisSpecError
from airflow_provider_polaris.jobs.guards.row_counts import Count, RowCountQuery, plan_counts
from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec, parse_spec
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.tables.storage_policy import TableStorage
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval

DAY = "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"
NEXT = "2024-06-02T00:00:00.000Z/2024-06-03T00:00:00.000Z"
HOUR = "2024-06-01T05:00:00.000Z/2024-06-01T06:00:00.000Z"
CITY = {"columnName": "city", "expression": '"city"'}
LAST = {"columnName": "last", "expression": 'MAX("x")', "isAggregation": True}
HOURS = {"columnName": "__time", "expression": "TIME_FLOOR(\"__time\", 'PT1H')"}
COUNTED = TableDescription("to", "aggregate", Granularity.DAY, columns=frozenset({"__time", "__count"}))
UNCOUNTED = TableDescription("to", "aggregate", Granularity.DAY, columns=frozenset({"__time"}))
DETAIL = TableDescription("to", "detail", Granularity.DAY)


def spec(*intervals: str, mappings: Any = (CITY,), source: Any = None, **changes: Any) -> BatchJobSpec:
    body = {
        "type": "batch",
        "ingestionMode": "replace",
        "source": {"type": "table", "tableName": 'fr"om', **(source or {})},
        "target": {"type": "table", "tableName": "to", "intervals": list(intervals)},
        "mappings": list(mappings),
        **changes,
    }
    parsed = parse_spec(body)
    assert isinstance(parsed, BatchJobSpec)
    return parsed


def plan(job: BatchJobSpec, target: TableDescription | None = DETAIL, **storage: Any) -> RowCountQuery:
    return plan_counts(job, target=target, storage=None if target is None else TableStorage("to", **storage))


def test_plan_plain_copy_counts_rows_by_partition() -> None:
    """One query each, by the table's partitions, over the replaced intervals."""
    counts = plan(spec(DAY))
    assert counts.source_sql == (
        'SELECT TIME_FLOOR("__time", \'P1D\') AS "bucket", COUNT(*) AS "n"\n'
        'FROM "fr""om"\n'
        f"WHERE (TIME_IN_INTERVAL(\"__time\", '{DAY}'))\n"
        "GROUP BY 1"
    )
    assert counts.target_sql == counts.source_sql.replace('"fr""om"', '"to"')
    assert counts.compares_events
    assert counts.context == {"sqlTimeZone": "UTC"}


def test_plan_filter_and_several_intervals_are_in_the_source_query_only() -> None:
    """The filter is on separate lines, so that a comment in it ends there."""
    counts = plan(spec(DAY, NEXT, filterExpression="\"city\" = 'Oslo' -- only"))
    where = f"WHERE (TIME_IN_INTERVAL(\"__time\", '{DAY}') OR TIME_IN_INTERVAL(\"__time\", '{NEXT}'))\n"
    assert where + "  AND (\n\"city\" = 'Oslo' -- only\n)\nGROUP BY 1" in counts.source_sql
    assert counts.target_sql.endswith(where + "GROUP BY 1")


@pytest.mark.parametrize(
    "mappings, target, source_events, target_events, compares",
    [
        ((CITY, LAST), COUNTED, None, 'SUM("__count")', True),
        (
            (LAST, {"columnName": "__count", "expression": 'SUM("__count")', "isAggregation": True}),
            COUNTED,
            'SUM("__count")',
            'SUM("__count")',
            True,
        ),
        ((LAST, {"columnName": "__count", "expression": '"n"'}), COUNTED, None, 'SUM("__count")', False),
        ((CITY, LAST), UNCOUNTED, None, None, False),
        ((CITY, LAST), DETAIL, None, None, False),
        ((CITY,), DETAIL, None, None, True),
    ],
)
def test_plan_events_are_counted_where_both_sides_have_them(
    mappings: Any, target: TableDescription, source_events: str | None, target_events: str | None, compares: bool
) -> None:
    """Events are the sum of ``__count``, or the rows of a table that isn't rolled up."""
    counts = plan(spec(DAY, mappings=mappings), target)
    assert (f'{source_events} AS "events"' in counts.source_sql) is (source_events is not None)
    assert (f'{target_events} AS "events"' in counts.target_sql) is (target_events is not None)
    assert counts.compares_events is compares


@pytest.mark.parametrize(
    "job, target, storage, granularity",
    [
        (spec(DAY, mappings=(HOURS, LAST)), COUNTED, {}, "day"),
        (spec(DAY, mappings=(HOURS, LAST)), UNCOUNTED, {}, "hour"),
        (spec(DAY, mappings=(LAST,)), UNCOUNTED, {}, "hour"),
        (spec(DAY, mappings=(LAST,)), UNCOUNTED, {"time_resolution": Granularity.DAY}, "day"),
        (spec(DAY, mappings=(LAST,)), UNCOUNTED, {"time_resolution": None}, "day"),
        (spec(DAY, mappings=(HOURS, LAST)), None, {}, "day"),
        (spec(DAY, mappings=(HOURS, LAST), partitionedBy="month"), UNCOUNTED, {}, "hour"),
        (spec("2020-01-01/2024-01-01", mappings=(HOURS, LAST), partitionedBy="year"), UNCOUNTED, {}, "day"),
        (spec("2000-01-01/2024-01-01", mappings=(HOURS, LAST), partitionedBy="year"), UNCOUNTED, {}, "year"),
        (spec(HOUR, partitionedBy="fifteen_minute"), DETAIL, {}, "fifteen_minute"),
        (spec(DAY, filterExpression="TRUE", source={"tableName": "to"}, mappings=(LAST,)), UNCOUNTED, {}, "day"),
        (spec(replaceAll=True, partitionedBy="all"), DETAIL, {}, "day"),
        (spec(replaceAll=True, partitionedBy="hour"), DETAIL, {}, "day"),
        (spec(replaceAll=True, partitionedBy="month"), DETAIL, {}, "month"),
    ],
)
def test_plan_granularity_is_the_partitions_or_finer(
    job: BatchJobSpec, target: TableDescription | None, storage: dict[str, Any], granularity: str
) -> None:
    """Finer only if only rows can show missing data, never finer than the rounding, and with a limit."""
    assert plan(job, target, **storage).granularity.value == granularity


def test_plan_finer_partitions_reach_over_the_tables_own() -> None:
    """The whole day around the hour may be erased; it is counted by hour."""
    counts = plan(spec(HOUR, partitionedBy="hour"))
    assert counts.granularity is Granularity.HOUR
    assert counts.spans == (Interval.parse(HOUR),)
    assert counts.reach == (Interval.parse(DAY),)
    assert f"TIME_IN_INTERVAL(\"__time\", '{DAY}')" in counts.source_sql
    assert f"TIME_IN_INTERVAL(\"__time\", '{DAY}')" in counts.target_sql


def test_plan_moved_time_is_counted_where_it_goes() -> None:
    """Rows count in the bucket of the target; the source's interval limits which rows are read."""
    moved = {"columnName": "__time", "expression": "TIME_SHIFT(\"__time\", 'P1D', 1)"}
    counts = plan(spec(NEXT, mappings=(moved, CITY), source={"interval": DAY}))
    time = "(TIME_SHIFT(\"__time\", 'P1D', 1))"
    assert f"TIME_FLOOR({time}, 'P1D')" in counts.source_sql
    assert f"(TIME_IN_INTERVAL({time}, '{NEXT}'))\n  AND (TIME_IN_INTERVAL(\"__time\", '{DAY}'))" in counts.source_sql
    assert "TIME_SHIFT" not in counts.target_sql


def test_plan_replace_all_has_no_bounds_but_the_sources() -> None:
    """All of the target is counted, and of the source the rows that are read."""
    counts = plan(spec(replaceAll=True, source={"interval": DAY}))
    assert f"WHERE (TIME_IN_INTERVAL(\"__time\", '{DAY}'))\n" in counts.source_sql
    assert "WHERE" not in counts.target_sql
    assert "WHERE" not in plan(spec(replaceAll=True)).source_sql


def test_plan_context_takes_over_what_changes_the_view() -> None:
    """The counts read the same rows as the job."""
    job = spec(DAY, context={"sqlTimeZone": "Asia/Tokyo", "includeSegmentSource": "REALTIME", "maxNumTasks": 4})
    assert plan(job).context == {"sqlTimeZone": "Asia/Tokyo", "includeSegmentSource": "REALTIME"}


def test_read_answers_by_bucket() -> None:
    """Instants as text or milliseconds; without events the rows are the events; no rows mean no bucket."""
    counts = plan(spec(DAY))
    answer = [
        {"bucket": "2024-06-01T00:00:00.000Z", "n": 3, "events": 7},
        {"bucket": 1717286400000, "n": 2},
        {"bucket": "2024-06-03T00:00:00.000Z", "n": 0, "events": None},
        {"bucket": "2024-06-04T00:00:00.000Z", "n": 1, "events": None},
        {"bucket": "2024-06-05T00:00:00.000Z", "n": 1, "events": 4.0},
    ]
    assert counts.read(answer) == {
        Interval.parse("2024-06-01/P1D"): Count(3, 7),
        Interval.parse("2024-06-02/P1D"): Count(2, 2),
        Interval.parse("2024-06-04/P1D"): Count(1, 0),
        Interval.parse("2024-06-05/P1D"): Count(1, 4),
    }


@pytest.mark.parametrize(
    "row, message",
    [
        (
            {"bucket": "soon", "n": 1},
            "The service answered a count by time with the bucket 'soon', which is not an instant.",
        ),
        ({"n": 1}, "The service answered a count by time with the bucket None, which is not an instant."),
        ({"bucket": 0}, "The service answered a count with n None, which is not a whole number."),
        ({"bucket": 0, "n": True}, "The service answered a count with n True, which is not a whole number."),
        (
            {"bucket": 0, "n": 1, "events": 0.5},
            "The service answered a count with events 0.5, which is not a whole number.",
        ),
    ],
)
def test_read_no_count_is_an_error(row: dict[str, Any], message: str) -> None:
    """An unreadable answer is an error, not a count of zero."""
    with pytest.raises(PolarisProtocolError) as caught:
        plan(spec(DAY)).read([row])
    assert str(caught.value) == message


def test_read_a_single_bucket_is_all_of_time() -> None:
    """A table that can't be divided is counted as a whole."""
    moved = {"columnName": "__time", "expression": '"other"'}
    counts = plan(spec(replaceAll=True, partitionedBy="all", mappings=(moved,)))
    assert counts.source_sql == 'SELECT COUNT(*) AS "n"\nFROM "fr""om"'
    assert counts.read([{"n": 5}]) == {Interval.ETERNITY: Count(5, 5)}


@pytest.mark.parametrize(
    "changes, field, place",
    [
        (
            {"filterExpression": "1=1) OR (1=1"},
            "filter_expression",
            "')' closes no bracket of the expression, at line 1",
        ),
        ({"filterExpression": '"a" = 1 "b"'}, "filter_expression", "unexpected '\"b\"', at line 1"),
        (
            {"mappings": (CITY, {"columnName": "__time", "expression": '"t") OR ("u"'})},
            "mappings[1].expression",
            "')' closes no bracket of the expression, at line 1",
        ),
        (
            {"mappings": ({"columnName": "__count", "expression": 'SUM("n"), "city"', "isAggregation": True},)},
            "mappings[0].expression",
            "unexpected ',', at line 1",
        ),
    ],
)
def test_plan_with_a_text_that_is_not_one_expression_is_refused(
    changes: dict[str, Any], field: str, place: str
) -> None:
    """Filter, time and count become part of the queries; none of them can change more than its own part."""
    with pytest.raises(PolarisSpecError) as caught:
        plan(spec(DAY, **changes), COUNTED)
    assert str(caught.value).startswith(f"{field} is not one SQL expression: {place}")


def test_plan_puts_count_and_time_of_the_user_into_brackets() -> None:
    """A comment at their end hides no part of the query."""
    count = {"columnName": "__count", "expression": 'SUM("n") -- mine', "isAggregation": True}
    moved = {"columnName": "__time", "expression": '"t" -- mine'}
    counts = plan(spec(DAY, mappings=(moved, count)), COUNTED)
    assert counts.source_sql.startswith(
        'SELECT TIME_FLOOR((\n"t" -- mine\n), \'P1D\') AS "bucket", '
        'COUNT(*) AS "n", (\nSUM("n") -- mine\n) AS "events"\n'
    )
