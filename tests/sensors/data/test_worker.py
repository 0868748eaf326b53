# SPDX-License-Identifier: Apache-2.0
"""The sensor in the worker, on a real emulator: it counts what a job would read, and waits as configured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_polaris.client import PolarisClient
from airflow_provider_polaris.jobs.errors import PolarisGuardUnansweredError, PolarisNotFoundError, PolarisServerError
from airflow_provider_polaris.runtime.compat import AirflowFailException, AirflowSensorTimeout, AirflowSkipException
from tests.operators.guards.conftest import World
from tests.sensors.data.conftest import FakeTI, publish, sensor

STATEMENTS = "POST /query/sql/statements"


def waiting(world: World, what: str) -> str:
    return f"INFO Waiting for data of table {world.source!r}: {what}."


def there(world: World, what: str) -> str:
    return f"INFO The data of table {world.source!r} is there: {what}."


def test_streamed_rows_count_when_they_are_published(
    world: World, context: dict[str, Any], ti: FakeTI, lines: Callable[[], list[str]]
) -> None:
    """Queries show the rows long before, and a rollup that ran then would miss them."""
    world.load("2024-06-01T10:00:00Z")
    world.stream("2024-06-01T11:57:00Z")
    assert len(world.rows(world.source)) == 2

    def then(count: int) -> None:
        if count == 3:
            publish(world)

    world.clock.then = then
    sensor(world).execute(context)

    assert world.clock.sleeps == [60, 60, 60]
    wanted = "wanted 2024-06-01T11:55:00.000Z or later"
    assert lines() == [
        waiting(world, f"newest row 2024-06-01T10:00:00.000Z, {wanted}"),
        there(world, f"newest row 2024-06-01T11:57:00.000Z, {wanted}"),
    ]
    assert ti.pushed == [("polaris_data", {"table": world.source, "newest": "2024-06-01T11:57:00.000Z", "rows": None})]


def test_min_rows_are_counted_in_the_interval_and_by_the_filter(
    world: World, context: dict[str, Any], ti: FakeTI, lines: Callable[[], list[str]]
) -> None:
    """Rows outside of the interval and rows that the filter excludes don't count."""
    world.load("2024-06-01T10:00:00Z", "2024-06-01T12:00:00Z", "2024-05-31T23:59:59Z")
    world.load("2024-06-01T10:00:00Z", city="Bergen")

    world.clock.then = lambda count: world.load(f"2024-06-01T0{count}:00:00Z")
    sensor(world, min_rows=3, filter_expression="\"city\" = 'Oslo'").execute(context)

    where = "in '2024-06-01T00:00:00.000Z/2024-06-01T12:00:00.000Z', wanted 3"
    name = f"data of table {world.source!r} (rows that pass filter_expression)"
    assert lines() == [
        f"INFO Waiting for {name}: 1 rows {where}.",
        f"INFO Waiting for {name}: 2 rows {where}.",
        f"INFO The {name} is there: 3 rows {where}.",
    ]
    assert ti.xcom("polaris_data") == {"table": world.source, "newest": None, "rows": 3}


def test_project_that_does_not_exist_is_no_table_that_may_come(
    world: World, context: dict[str, Any], connect: Callable[..., None], lines: Callable[[], list[str]]
) -> None:
    """Otherwise a sensor with a mistyped project would wait for days without an error."""
    project = "00000000-0000-4000-8000-00000000000f"
    connect(
        "elsewhere",
        host=world.running.base_url,
        password=world.running.settings.api_key,
        extra={"project_id": project},
    )
    with pytest.raises(PolarisNotFoundError) as caught:
        sensor(world, polaris_conn_id="elsewhere").execute(context)

    said = (
        f"GET /v1/projects/{project}/tables answered 404 'NotFound': Project {project!r} does not exist. Check "
        f"project_id {project!r} and host {world.running.base_url!r} in connection 'elsewhere'."
    )
    assert lines()[0] == (
        f"WARNING Table {world.source!r} can't be queried; the wait continues for 15 min without an answer: {said}"
    )
    assert str(caught.value) == (
        f"gave up querying table {world.source!r}: 16 queries in a row got no answer, for 15 min. The last one "
        f"failed: {said}"
    )


def test_table_that_comes_later_is_waited_for(
    world: World, context: dict[str, Any], lines: Callable[[], list[str]]
) -> None:
    """First there is no table, then an empty one, then one with data."""
    steps = {
        1: lambda: world.create(world.source),
        2: lambda: world.load("2024-06-01T11:59:00Z"),
    }
    world.clock.then = lambda count: steps[count]()
    sensor(world).execute(context)

    wanted = "wanted 2024-06-01T11:55:00.000Z or later"
    assert [line for line in lines() if "by its description" not in line] == [
        f"INFO Waiting for data of table {world.source!r}, which does not exist (yet).",
        waiting(world, f"no row since 2024-05-31T11:55:00.000Z, {wanted}"),
        there(world, f"newest row 2024-06-01T11:59:00.000Z, {wanted}"),
    ]


def test_timeout_says_how_far_the_data_is(
    world: World, context: dict[str, Any], lines: Callable[[], list[str]]
) -> None:
    """Airflow ends the wait in the worker and logs only its duration; soft_fail skips."""
    world.load("2024-06-01T10:00:00Z")
    with pytest.raises(AirflowSensorTimeout):
        sensor(world, timeout=100).execute(context)
    wanted = "newest row 2024-06-01T10:00:00.000Z, wanted 2024-06-01T11:55:00.000Z or later"
    late = (
        f"ERROR the data of table {world.source!r} was not there when the sensor timed out. Waiting for data of "
        f"table {world.source!r}: {wanted}."
    )
    mend = " Raise timeout= (or execution_timeout=), or find out why the data is late."
    assert lines()[-1] == late + mend
    world.control("POST", "/faults", {"effect": "status", "status": 500, "path": "/tables/", "times": 100})
    with pytest.raises(AirflowSensorTimeout):
        sensor(world, timeout=100).execute(context)
    assert " No query succeeded. The last query failed: GET /v1/projects/" in lines()[-1]
    world.control("DELETE", "/faults")
    with pytest.raises(AirflowSkipException):
        sensor(world, timeout=100, soft_fail=True).execute(context)


def test_project_without_asynchronous_sql_is_asked_synchronously_where_that_sees_the_same(
    world: World, context: dict[str, Any]
) -> None:
    """All data is precached and no stream writes."""
    world.load("2024-06-01T11:59:00Z")
    world.has_no_asynchronous_sql()

    assert sensor(world).poke(context)


def test_published_rows_that_cannot_be_told_from_others_fail_the_sensor_at_once(
    world: World, context: dict[str, Any]
) -> None:
    """Synchronous SQL would count a row that no job can read."""
    world.load("2024-06-01T10:00:00Z")
    world.stream("2024-06-01T11:57:00Z")
    world.has_no_asynchronous_sql()

    with pytest.raises(AirflowFailException) as caught:
        sensor(world).poke(context)

    before, after = str(caught.value).split("(POST ")
    assert before == ("the rows of the table that a job could read can't be counted: asynchronous SQL is unavailable ")
    assert after.endswith(
        f"), and synchronous SQL is not reliable, because it counts 2 rows in table {world.source!r}, but jobs can "
        "read 1 according to the service. Enable asynchronous SQL for the project and the API key, or precache all "
        "data of the table."
    )


def test_filter_that_polaris_refuses_fails_at_once(world: World, context: dict[str, Any]) -> None:
    """The service rejects the query as wrong: waiting can't fix it."""
    world.load("2024-06-01T10:00:00Z")
    world.has_no_asynchronous_sql()

    with pytest.raises(AirflowFailException) as caught:
        sensor(world, filter_expression='"no_such_column" = 1').poke(context)

    assert "Column 'no_such_column' not found in any table; known are '__time', 'city'" in str(caught.value)


def test_query_that_fails_is_no_answer(world: World, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A query that fails while it runs may succeed later, so the sensor gives up only after the budget."""
    world.load("2024-06-01T10:00:00Z")
    failed = {"state": "FAILED", "errorDetails": {"category": "RUNTIME_FAILURE", "errorMessage": "a worker is gone"}}
    monkeypatch.setattr(PolarisClient, "get_query", lambda self, query_id: failed)

    with pytest.raises(PolarisGuardUnansweredError) as caught:
        sensor(world, filter_expression='"city" = 1').execute(context)

    assert len(world.clock.sleeps) == 15
    begin, _, end = str(caught.value).partition("query 'query-")
    assert begin == (
        f"gave up querying table {world.source!r}: 16 queries in a row got no answer, for 15 min. The last one "
        "failed: The service couldn't count rows: "
    )
    assert end.endswith(" failed: 'a worker is gone'. A retry counts again.")


def test_looks_without_an_answer_are_tolerated_for_a_quarter_of_an_hour(
    world: World, context: dict[str, Any], lines: Callable[[], list[str]]
) -> None:
    """One line at the start of an outage; a successful query resets the budget."""
    world.load("2024-06-01T10:00:00Z")
    away = {"effect": "status", "status": 500, "path": "/tables/", "times": None}

    def then(count: int) -> None:
        if count in (1, 20):
            world.control("POST", "/faults", away)
        if count == 14:
            world.control("DELETE", "/faults")

    world.clock.then = then
    with pytest.raises(PolarisServerError) as caught:
        sensor(world).execute(context)

    assert len(world.clock.sleeps) == 20 + 15
    assert str(caught.value).startswith(
        f"gave up querying table {world.source!r}: 16 queries in a row got no answer, for 15 min. The last one failed: "
    )
    first, away_line, back, away_again, said, explained = lines()
    assert first.startswith("INFO Waiting")
    start = f"WARNING Table {world.source!r} can't be queried; the wait continues for 15 min without an answer: "
    assert away_line.startswith(start)
    assert back == f"INFO Table {world.source!r} can be queried again."
    assert away_again.startswith(start)
    assert said == f"ERROR {caught.value}"
    assert explained.startswith("INFO What PolarisServerError means and what to do: ")


def test_reschedule_mode_looks_once_a_poke(world: World, context: dict[str, Any]) -> None:
    """Each poke is a separate process, and a failure is a poke without a result."""
    world.load("2024-06-01T10:00:00Z")
    assert not sensor(world, mode="reschedule").poke(context)
    world.control("POST", "/faults", {"effect": "status", "status": 500, "path": "/tables/", "times": 100})
    assert not sensor(world, mode="reschedule").poke(context)
    world.control("DELETE", "/faults")
    world.load("2024-06-01T11:59:00Z")
    assert sensor(world, mode="reschedule").poke(context)
