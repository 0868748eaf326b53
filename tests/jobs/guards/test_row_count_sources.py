# SPDX-License-Identifier: Apache-2.0
"""How the time and the words of a job get into the count of its source."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.jobs.time.granularity import Granularity
from tests.jobs.guards.test_row_counts import CITY, COUNTED, DAY, LAST, UNCOUNTED, plan, spec


def time(expression: str) -> dict[str, Any]:
    return {"columnName": "__time", "expression": expression}


@pytest.mark.parametrize(
    ("expression", "granularity"),
    [
        ('"__time"', "hour"),
        ("TIME_FLOOR(\"__time\", 'PT1H')", "hour"),
        ("TIME_FLOOR(\"__time\", 'P1D')", "day"),
        ("TIME_FLOOR(\"__time\", 'PT7M')", "day"),
    ],
)
def test_time_that_stays_in_its_partition_is_counted_as_it_is(expression: str, granularity: str) -> None:
    """Rounded down, it stays; hours are counted only if they are certain to be a multiple of the rounding."""
    counts = plan(spec(DAY, mappings=(time(expression), LAST)), UNCOUNTED)
    assert counts.source_sql == (
        f'SELECT TIME_FLOOR("__time", \'{Granularity(granularity).period}\') AS "bucket", COUNT(*) AS "n"\n'
        f'FROM "fr""om"\nWHERE (TIME_IN_INTERVAL("__time", \'{DAY}\'))\nGROUP BY 1'
    )
    assert dict(counts.source_words) == {}


@pytest.mark.parametrize(
    "expression", ['"seen"', "TIME_FLOOR(\"seen\", 'PT1H')", "TIME_FLOOR(\"__time\", 'PT1H', TIMESTAMP '2024-01-01')"]
)
def test_time_that_may_move_is_counted_where_it_goes(expression: str) -> None:
    """By partitions of the target, because nothing is known of finer ones."""
    counts = plan(spec(DAY, mappings=(time(expression), LAST), source={"interval": DAY}), UNCOUNTED)
    assert counts.source_sql == (
        f'SELECT TIME_FLOOR(({expression}), \'P1D\') AS "bucket", COUNT(*) AS "n"\n'
        f'FROM "fr""om"\nWHERE (TIME_IN_INTERVAL(({expression}), \'{DAY}\'))\n'
        f"  AND (TIME_IN_INTERVAL(\"__time\", '{DAY}'))\nGROUP BY 1"
    )
    assert dict(counts.source_words) == {"the mapping of '__time'": expression}


def test_time_that_no_mapping_computes_stays() -> None:
    """The target's interval limits which rows are read."""
    assert plan(spec(DAY, source={"interval": DAY})).source_sql == plan(spec(DAY)).source_sql


def test_filter_of_another_table_leaves_the_events_comparable() -> None:
    """Only a table that replaces itself by a part of its rows is to have fewer."""
    part = {"filterExpression": "TRUE"}
    assert plan(spec(DAY, **part)).compares_events
    assert plan(spec(DAY, source={"tableName": "to"})).compares_events
    assert not plan(spec(DAY, source={"tableName": "to"}, **part)).compares_events


def test_words_of_the_user_are_what_the_query_contains() -> None:
    """The filter, and an aggregation of the events; no other measure, and no dimension."""
    count = {"columnName": "__count", "expression": 'SUM("events")', "isAggregation": True}
    counts = plan(spec(DAY, mappings=(CITY, LAST, count), filterExpression="\"city\" = 'Oslo'"), COUNTED)
    assert dict(counts.source_words) == {
        "filter_expression": "\"city\" = 'Oslo'",
        "the mapping of '__count'": 'SUM("events")',
    }
    assert '(SUM("events")) AS "events"' in counts.source_sql
    plain = {"columnName": "__count", "expression": '"events"'}
    assert dict(plan(spec(DAY, mappings=(CITY, LAST, plain)), COUNTED).source_words) == {}


@pytest.mark.parametrize(("end", "granularity"), [("2024-07-27T08", "hour"), ("2024-07-27T16", "eight_hour")])
def test_hours_are_counted_up_to_the_most_that_a_job_writes(end: str, granularity: str) -> None:
    """Exactly 5,000 of them; the answer stays short."""
    job = spec(f"2024-01-01/{end}", mappings=(LAST,), partitionedBy="eight_hour")
    assert plan(job, UNCOUNTED).granularity.value == granularity
