# SPDX-License-Identifier: Apache-2.0
"""What is counted at which granularity: hours and days, tables without event counts, tables replaced as a whole."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisGuardError, PolarisGuardUnansweredError
from tests.operators.guards.conftest import AFTERNOON, DAY, World, empty, shrunk


def test_check_replace_all_counts_all(world: World) -> None:
    """A replace of all is refused if one day of the target is missing in the source, however much is left."""
    world.load("2024-05-01T10:00:00Z", "2024-06-01T10:00:00Z", "2024-06-01T11:00:00Z")
    spec = world.rollup(replaceAll=True)
    del spec["target"]["intervals"], spec["source"]["interval"]
    world.attempt(spec)
    assert world.attempt(spec).action == "submit"
    world.forget("TRUE", "2024-05-01T00:00:00.000Z/2024-05-02T00:00:00.000Z")
    world.load("2024-06-01T12:00:00Z")
    gone = "2024-05-01T00:00:00.000Z/2024-05-02T00:00:00.000Z"
    assert world.refusal(spec) == shrunk(world, f"{gone!r} has rows there and none in the source {world.source!r}")


def test_check_replace_all_of_one_partition_counts_days(world: World) -> None:
    """A table that is a single partition is still counted by day."""
    world.load("2024-05-01T10:00:00Z", "2024-06-01T10:00:00Z")
    spec = world.copy(replaceAll=True, partitionedBy="all")
    del spec["target"]["intervals"], spec["source"]["interval"]
    world.attempt(spec)
    world.forget("TRUE", "2024-05-01T00:00:00.000Z/2024-05-02T00:00:00.000Z")
    world.load("2024-06-01T11:00:00Z")
    assert "'2024-05-01T00:00:00.000Z/2024-05-02T00:00:00.000Z' has rows there and none" in world.refusal(spec)


def make_table_without_count(world: World) -> None:
    columns: list[dict[str, Any]] = [
        {"name": "city", "dataType": "string", "type": "dimension"},
        {"name": "last", "dataType": "timestamp", "type": "measure"},
    ]
    columns[1]["dataType"] = "long"
    world.client.create_table(
        {"type": "aggregate", "name": world.target, "partitioningGranularity": "day", "schema": columns}
    )


def test_check_table_without_count_is_counted_by_hours(world: World) -> None:
    """Without a column that counts events, a missing half of a day is detected by hours without rows."""
    world.control("PATCH", "/assumptions", {"existing_count": "never"})
    make_table_without_count(world)
    world.load("2024-06-01T01:10:00Z", "2024-06-01T13:20:00Z")
    world.attempt(world.rollup())
    assert world.attempt(world.rollup()).action == "submit"
    world.forget(AFTERNOON)
    hour = "2024-06-01T13:00:00.000Z/2024-06-01T14:00:00.000Z"
    what = f"{hour!r} has rows there and none in the source {world.source!r}"
    assert world.refusal(world.rollup()) == shrunk(world, what)


def test_check_daily_rollup_without_count_is_counted_by_days(world: World) -> None:
    """Rows that are rounded to days aren't compared by hour: only midnight has rows."""
    world.control("PATCH", "/assumptions", {"existing_count": "never"})
    make_table_without_count(world)
    world.load("2024-06-01T01:10:00Z", "2024-06-01T13:20:00Z")
    spec = world.rollup(floor="P1D")
    world.attempt(spec)
    assert world.attempt(spec).action == "submit"


def hourly(world: World, hour: int) -> dict[str, Any]:
    """Return the replace of one hour of a table that is partitioned by day, which ``allow_finer_partitions`` allows."""
    interval = f"2024-06-01T{hour:02}:00:00.000Z/2024-06-01T{hour + 1:02}:00:00.000Z"
    return world.rollup(interval, partitionedBy="hour")


def test_check_hours_over_day_partitions_source_whole_submits(world: World) -> None:
    """Hours may be replaced one by one while the source could reproduce the rest of the day."""
    world.load("2024-06-01T01:10:00Z", "2024-06-01T13:20:00Z")
    world.attempt(world.rollup())
    assert world.check(hourly(world, 13)).action == "submit"


def test_check_hours_over_day_partitions_rest_aged_out_refuses(world: World) -> None:
    """Polaris replaces the day's segment as a whole, and the source lost its morning: the hour is refused."""
    world.load("2024-06-01T01:10:00Z", "2024-06-01T02:10:00Z", "2024-06-01T13:20:00Z")
    world.attempt(world.rollup())
    world.forget(f"NOT ({AFTERNOON})")
    morning = "2024-06-01T01:00:00.000Z/2024-06-01T03:00:00.000Z"
    what = (
        f"{morning!r} lies in time partitions of the table that the job touches, which the service may replace as "
        f"a whole, and the source {world.source!r} can't fill it again"
    )
    assert world.refusal(hourly(world, 13)) == shrunk(world, what)
    world.run(hourly(world, 13))
    assert len(world.rows()) == 1, "without the guard the morning is lost"


def test_check_hours_over_day_partitions_all_aged_out_refuses(world: World) -> None:
    """The classic disaster hour by hour."""
    world.load("2024-06-01T01:10:00Z", "2024-06-01T13:20:00Z")
    world.attempt(world.rollup())
    world.forget("TRUE")
    for hour in (1, 13):
        spec = hourly(world, hour)
        assert world.refusal(spec) == empty(world, repr(spec["target"]["intervals"][0]))


@pytest.mark.parametrize("is_known_to_sql", [True, False])
def test_check_empty_target_table_submits(world: World, is_known_to_sql: bool) -> None:
    """A table that was created and never filled is no obstacle, although Druid doesn't have it without segments."""
    make_table_without_count(world)
    world.load("2024-06-01T10:00:00Z")
    if not is_known_to_sql:
        fail_queries_of(world, world.target)
    assert world.check(world.rollup()).action == "submit"


def test_check_target_with_rows_that_cannot_be_counted_is_no_pass(world: World) -> None:
    """A failed count means zero only if the table's description lists no data."""
    world.load("2024-06-01T10:00:00Z")
    world.attempt(world.rollup())
    fail_queries_of(world, world.target)
    with pytest.raises(PolarisGuardUnansweredError):
        world.check(world.rollup())


def fail_queries_of(world: World, table: str) -> None:
    """Reject queries of a table as Druid does for a table that it doesn't have yet. OBSERVED(Druid 27)."""
    start = world.client.start_query

    def broken(sql: str, **options: Any) -> Any:
        if f'FROM "{table}"' not in sql:
            return start(sql, **options)
        text = f"Object '{table}' not found (line [2], column [6])"
        raise PolarisApiError.class_for(400)(text, status=400, code="invalidInput", vendor_message=text)

    world.client.start_query = broken  # type: ignore[method-assign]


def test_check_target_made_during_the_wait_is_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another job creates the target while the guard waits for it: its rows are counted."""
    world.load("2024-06-01T01:10:00Z", "2024-06-01T13:20:00Z")

    def iter_jobs(**filters: Any) -> Any:
        if not world.clock.sleeps:
            target = {"type": "table", "tableName": world.target, "intervals": [DAY]}
            yield {"id": "other", "type": "batch", "executionStatus": "running", "target": target}

    def finish(count: int) -> None:
        if count == 1:
            world.run(world.rollup())
            world.forget(AFTERNOON)

    monkeypatch.setattr(world.client, "iter_jobs", iter_jobs)
    world.clock.then = finish
    with pytest.raises(PolarisGuardError) as caught:
        world.check(world.rollup())
    assert str(caught.value) == shrunk(
        world, f"of the 2 rows that {DAY!r} was built from, the source {world.source!r} has 1"
    )
