# SPDX-License-Identifier: Apache-2.0
"""The count queries of an ingestion statement."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.jobs.guards.row_counts import RowCountQuery
from airflow_provider_polaris.jobs.guards.statement_counts import plan_statement_counts
from airflow_provider_polaris.jobs.sql.ingestion.statement import read_statement
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.time.granularity import Granularity

DAY_1 = "__time >= TIMESTAMP '2024-01-01 00:00:00' AND __time < TIMESTAMP '2024-01-02 00:00:00'"
WITHIN = "TIME_IN_INTERVAL(\"__time\", '2024-01-01T00:00:00.000Z/2024-01-02T00:00:00.000Z')"
DETAIL = TableDescription("t", "detail", Granularity.DAY, columns=frozenset({"__time", "a"}))
ROLLUP = TableDescription("t", "aggregate", Granularity.DAY, columns=frozenset({"__time", "a", "__count"}))


def plan(select: str, target: TableDescription | None, where: str = f"WHERE {DAY_1}", **context: Any) -> RowCountQuery:
    statement = read_statement(f"REPLACE INTO t OVERWRITE {where} {select} PARTITIONED BY DAY", context)
    return plan_statement_counts(statement, target=target, context={"sqlTimeZone": "UTC", **context})


def test_rows_of_a_select_that_merges_none_are_compared() -> None:
    """One subquery, as the job evaluates it, on the partitions of the statement; the context goes with it."""
    found = plan("SELECT __time, a FROM raw WHERE b = ?", DETAIL, sqlJoinAlgorithm="sortMerge", maxNumTasks=3)
    assert found.source_sql == (
        'SELECT TIME_FLOOR("__time", \'P1D\') AS "bucket", COUNT(*) AS "n"\nFROM (\nSELECT __time, a FROM raw WHERE '
        "b = ?\n)"
        f' AS "rows"\nWHERE {WITHIN}\nGROUP BY 1'
    )
    assert found.target_sql == (
        f'SELECT TIME_FLOOR("__time", \'P1D\') AS "bucket", COUNT(*) AS "n"\nFROM "t"\nWHERE {WITHIN}\nGROUP BY 1'
    )
    assert found.compares_events
    assert dict(found.context) == {"sqlTimeZone": "UTC", "sqlJoinAlgorithm": "sortMerge"}
    assert dict(found.source_words) == {"sql": "SELECT __time, a FROM raw WHERE b = ?"}


def test_a_rollup_with_its_count_compares_events() -> None:
    """The stored __count of both sides."""
    found = plan('SELECT __time, a, COUNT(*) AS "__count" FROM raw GROUP BY 1, 2', ROLLUP)
    assert found.compares_events
    assert 'SUM("__count") AS "events"' in found.source_sql
    assert 'SUM("__count") AS "events"' in found.target_sql


@pytest.mark.parametrize(
    ("select", "target", "granularity"),
    [
        ("SELECT TIME_FLOOR(__time, 'PT1H') AS __time, SUM(a) AS a FROM raw GROUP BY 1", DETAIL, Granularity.HOUR),
        ("SELECT TIME_FLOOR(r.__time, 'P1D') AS __time, SUM(a) AS a FROM raw r GROUP BY 1", DETAIL, Granularity.DAY),
        (
            "SELECT TIME_FLOOR(__time, 'PT1H', NULL, 'Asia/Kathmandu') AS __time, SUM(a) AS a FROM raw GROUP BY 1",
            DETAIL,
            Granularity.DAY,
        ),
        ("SELECT __time, a FROM raw", ROLLUP, Granularity.HOUR),
        ("SELECT x.* FROM raw x JOIN y ON x.a = y.a GROUP BY 1", DETAIL, Granularity.DAY),
        ("SELECT __time, a FROM t WHERE a > 1", DETAIL, Granularity.DAY),
        ("SELECT __time, a FROM raw", None, Granularity.DAY),
    ],
)
def test_numbers_that_do_not_mean_the_same_are_not_compared(
    select: str, target: TableDescription | None, granularity: Granularity
) -> None:
    """Then empty buckets count: of an hour where rows surely stay in theirs."""
    found = plan(select, target)
    assert not found.compares_events
    assert "events" not in found.source_sql
    assert found.granularity is granularity


def test_coarser_partitions_of_the_table_are_counted_whole() -> None:
    """A replace may erase a whole segment of the table's own length."""
    month = TableDescription("t", "detail", Granularity.MONTH)
    found = plan("SELECT __time, a FROM raw", month)
    assert [str(each) for each in found.reach] == ["2024-01-01T00:00:00.000Z/2024-02-01T00:00:00.000Z"]
    assert [str(each) for each in found.spans] == ["2024-01-01T00:00:00.000Z/2024-01-02T00:00:00.000Z"]


def test_overwrite_all_is_counted_by_days_without_a_condition() -> None:
    """The answer stays short."""
    found = plan("SELECT __time, a FROM raw", DETAIL, "ALL")
    assert found.granularity is Granularity.DAY
    assert "WHERE" not in found.target_sql


def test_buckets_are_in_utc_in_every_time_zone() -> None:
    """The zone of the context is that of the SELECT's literals."""
    query = f"REPLACE INTO t OVERWRITE WHERE {DAY_1} SELECT * FROM raw PARTITIONED BY HOUR"
    context = {"sqlTimeZone": "Asia/Tokyo"}
    found = plan_statement_counts(read_statement(query, context), target=None, context=context)
    assert "TIME_FLOOR(\"__time\", 'PT1H', NULL, 'UTC')" in found.source_sql
    assert dict(found.context) == context


def test_events_are_not_compared_with_a_table_without_them() -> None:
    """The SELECT returns __count, and the target has no such column."""
    found = plan('SELECT __time, a, COUNT(*) AS "__count" FROM raw GROUP BY 1, 2', DETAIL)
    assert not found.compares_events
    assert "events" not in found.source_sql + found.target_sql


@pytest.mark.parametrize("context", [{}, {"sqlTimeZone": "UTC"}, {"sqlTimeZone": "Etc/UTC"}, {"sqlTimeZone": "Z"}])
def test_buckets_need_no_zone_where_the_service_has_utc(context: dict[str, Any]) -> None:
    """Druid's own default is UTC, too."""
    query = f"REPLACE INTO t OVERWRITE WHERE {DAY_1} SELECT * FROM raw PARTITIONED BY HOUR"
    found = plan_statement_counts(read_statement(query, context), target=None, context=context)
    assert "TIME_FLOOR(\"__time\", 'PT1H') AS" in found.source_sql


def test_overwrite_all_of_one_partition_is_counted_by_days() -> None:
    """A table without time partitions still has days."""
    query = "REPLACE INTO t OVERWRITE ALL SELECT __time, a FROM raw PARTITIONED BY ALL"
    found = plan_statement_counts(read_statement(query, {}), target=None, context={})
    assert found.granularity is Granularity.DAY
    assert found.target_sql == (
        'SELECT TIME_FLOOR("__time", \'P1D\') AS "bucket", COUNT(*) AS "n"\nFROM "t"\nGROUP BY 1'
    )


def test_rows_without_time_partitions_are_one_bucket() -> None:
    """One row of the answer. The replace erases whole partitions, so it is all of the table."""
    query = f"REPLACE INTO t OVERWRITE WHERE {DAY_1} SELECT __time, a FROM raw PARTITIONED BY ALL"
    found = plan_statement_counts(read_statement(query, {}), target=None, context={})
    assert found.granularity is Granularity.ALL
    assert found.target_sql == 'SELECT COUNT(*) AS "n"\nFROM "t"'


@pytest.mark.parametrize(
    ("end", "granularity"),
    [("2024-07-27 08:00:00", Granularity.HOUR), ("2024-07-27 16:00:00", Granularity.EIGHT_HOUR)],
)
def test_hours_are_counted_up_to_the_most_that_a_job_writes(end: str, granularity: Granularity) -> None:
    """Exactly 5,000 of them; the answer stays short."""
    where = f"__time >= TIMESTAMP '2024-01-01 00:00:00' AND __time < TIMESTAMP '{end}'"
    query = f"REPLACE INTO t OVERWRITE WHERE {where} SELECT __time, a FROM raw PARTITIONED BY 'PT8H'"
    found = plan_statement_counts(read_statement(query, {}), target=ROLLUP, context={})
    assert found.granularity is granularity
