# SPDX-License-Identifier: Apache-2.0
"""The sensor in the triggerer, on a real emulator: one shared query, and the same result as in the worker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisProtocolError, PolarisTransportError
from airflow_provider_polaris.runtime.compat import AirflowFailException, AirflowSensorTimeout, AirflowSkipException
from airflow_provider_polaris.runtime.deferral import TRIGGER_FAILED_METHOD
from airflow_provider_polaris.triggers.data import PolarisDataTrigger, check_data_event
from airflow_provider_polaris.triggers.data_watcher import query as data_look
from airflow_provider_polaris.triggers.data_watcher import watcher as data_watch
from airflow_provider_polaris.triggers.data_watcher.condition import DataCondition
from airflow_provider_polaris.triggers.job_watcher import watcher
from airflow_provider_polaris.triggers.polling.connection import read_settings
from tests.jumping_loop import run_without_sleeping
from tests.operators.conftest import through_airflow
from tests.operators.deferral import defer
from tests.operators.guards.conftest import World
from tests.sensors.data.conftest import FakeTI, publish, sensor

STATEMENTS = "POST /query/sql/statements"
UP_TO = "2024-06-01T11:55:00.000Z"


def trigger(world: World, **arguments: Any) -> PolarisDataTrigger:
    return PolarisDataTrigger(**{"table": world.source, "poll_interval": 0.05, "up_to": UP_TO, **arguments})


async def first_event(trigger: PolarisDataTrigger) -> Any:
    events = [event.payload async for event in trigger.run()]
    assert len(events) == 1
    return events[0]


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(12_000):  # two minutes: a backstop
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came so far")


def run(scenario: Coroutine[Any, Any, Any]) -> Any:
    return run_without_sleeping(scenario)


def met(newest: str | None, rows: int | None, world: World) -> dict[str, Any]:
    return {
        "status": "met",
        "newest": newest,
        "rows": rows,
        "message": f"the data of table {world.source!r} is there",
        "is_lasting": False,
    }


def test_deferred_sensor_ends_as_in_the_worker(
    world: World, context: dict[str, Any], ti: FakeTI, lines: Callable[[], list[str]]
) -> None:
    """One query in the worker, then the trigger; the result is in XCom."""
    world.load("2024-06-01T10:00:00Z")
    world.stream("2024-06-01T11:57:00Z")
    deferred = defer(sensor(world, deferrable=True), context)
    assert (deferred.method_name, deferred.timeout) == ("execute_complete", timedelta(hours=1))
    classpath, arguments = deferred.trigger.serialize()
    assert classpath == "airflow_provider_polaris.triggers.data.PolarisDataTrigger"
    again = PolarisDataTrigger(**{**through_airflow(arguments), "poll_interval": 0.05})

    async def scenario() -> Any:
        task = asyncio.create_task(first_event(again))
        looked = world.asked(STATEMENTS)
        await until(lambda: world.asked(STATEMENTS) >= looked + 2)
        assert not task.done()
        publish(world)
        return await task

    event = run(scenario())
    newest = "2024-06-01T11:57:00.000Z"
    assert event == met(newest, None, world)
    resumed = through_airflow({**deferred.kwargs, "event": event})
    sensor(world, deferrable=True, table="{{ no longer rendered }}").execute_complete(context, **resumed)

    assert ti.pushed == [("polaris_data", {"table": world.source, "newest": newest, "rows": None})]
    wanted = f"wanted {UP_TO} or later"
    waits = f"INFO Waiting for data of table {world.source!r}: newest row 2024-06-01T10:00:00.000Z, {wanted}."
    assert lines() == [
        waits,
        waits,
        f"INFO The data of table {world.source!r} is there: newest row {newest}, {wanted}.",
    ]


def test_all_who_wait_for_a_table_share_one_query(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty tasks with twenty conditions cost one query per poll, and each ends when its own condition is met."""
    world.load("2024-06-01T10:00:00Z")
    day = "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"
    triggers = [trigger(world, up_to=None, interval=day, min_rows=rows, poll_interval=0.2) for rows in range(2, 21)]
    triggers += [trigger(world, poll_interval=0.2) for _ in range(11)]

    asked: list[list[DataCondition]] = []

    def look(connect: Any, conditions: list[DataCondition], **options: Any) -> Any:
        asked.append(conditions)
        return data_look.query_table(connect, conditions, **options)

    monkeypatch.setattr(data_watch, "query_table", look)

    async def scenario() -> None:
        others = asyncio.all_tasks()
        before = world.asked(STATEMENTS)
        tasks = [asyncio.create_task(first_event(each)) for each in triggers]
        await until(lambda: world.asked(STATEMENTS) == before + 1)
        await until(lambda: world.asked(STATEMENTS) == before + 2)
        world.load("2024-06-01T09:00:00Z", "2024-06-01T08:00:00Z")
        await until(lambda: sum(task.done() for task in tasks) == 2)
        assert {task.result()["rows"] for task in tasks if task.done()} == {3}
        world.load("2024-06-01T11:59:00Z")
        await until(lambda: sum(task.done() for task in tasks) == 2 + 1 + 11)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == others

    run(scenario())
    assert [len(conditions) for conditions in asked[:2]] == [20, 20]
    assert all(len(set(conditions)) == len(conditions) for conditions in asked)


def test_filter_that_polaris_refuses_fails_its_own_task_only(world: World) -> None:
    """The common query fails, so each condition gets its own query."""
    world.load("2024-06-01T11:59:00Z")
    world.has_no_asynchronous_sql()

    async def scenario() -> list[Any]:
        bad = trigger(world, filter='"no_such_column" = 1')
        return list(await asyncio.gather(first_event(bad), first_event(trigger(world))))

    refused, fine = run(scenario())

    assert fine == met("2024-06-01T11:59:00.000Z", None, world)
    assert (refused["status"], refused["is_lasting"], refused["newest"]) == ("gave_up", True, None)
    assert "Column 'no_such_column' not found in any table" in refused["message"]


def test_filter_that_leaves_its_brackets_is_never_sent(world: World) -> None:
    """The trigger row of an earlier release may have any filter; it fails its own task only."""
    world.load("2024-06-01T11:59:00Z")

    async def scenario() -> list[Any]:
        bad = trigger(world, filter="1=1) OR (1=1")
        return list(await asyncio.gather(first_event(bad), first_event(trigger(world))))

    refused, fine = run(scenario())

    assert fine == met("2024-06-01T11:59:00.000Z", None, world)
    assert (refused["status"], refused["is_lasting"]) == ("gave_up", True)
    assert refused["message"] == (
        "filter_expression is not one SQL expression: ')' closes no bracket of the expression, at line 1, column 4, "
        "near '1=1) OR (1=1'. Correct the brackets."
    )


def test_connection_that_cannot_be_read_is_given_up_in_time(
    world: World, monkeypatch: pytest.MonkeyPatch, context: dict[str, Any]
) -> None:
    """15 minutes without any answer; a retry starts from the beginning."""
    monkeypatch.delenv("AIRFLOW_CONN_POLARIS_DEFAULT")
    passed = [0]

    def now() -> datetime:
        passed[0] += 1
        return datetime(2024, 7, 1, tzinfo=timezone.utc) + timedelta(minutes=5 * passed[0])

    monkeypatch.setattr(world.clock, "now", now)
    event = run(first_event(trigger(world)))

    assert (event["status"], event["is_lasting"]) == ("gave_up", False)
    assert event["message"].startswith(
        f"gave up querying table {world.source!r}: 4 queries in a row got no answer, for 15 min. The last one "
        "failed: connection 'polaris_default' can't be read: "
    )
    monkeypatch.undo()
    with pytest.raises(PolarisTransportError) as caught:
        sensor(world).execute_complete(context, event, None)
    assert str(caught.value) == event["message"]


def test_key_that_is_refused_is_read_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of the connection was replaced while tasks wait."""
    world.load("2024-06-01T11:59:00Z")
    reads = []

    async def read(conn_id: str) -> Any:
        settings = await read_settings(conn_id)
        reads.append(conn_id)
        return replace(settings, api_key="pok_0000000000000000") if len(reads) == 1 else settings

    monkeypatch.setattr(watcher, "DEPENDENCIES", watcher.Dependencies(read_settings=read))

    assert run(first_event(trigger(world)))["status"] == "met"
    assert reads == ["polaris_default"] * 2


def test_lasting_event_fails_without_a_retry_or_skips(world: World, context: dict[str, Any]) -> None:
    """As in the worker."""
    event = {"status": "gave_up", "newest": None, "rows": None, "message": "the filter is wrong", "is_lasting": True}

    with pytest.raises(AirflowFailException) as caught:
        sensor(world).execute_complete(context, event, None)
    assert str(caught.value) == "the filter is wrong"
    with pytest.raises(AirflowSkipException):
        sensor(world, soft_fail=True).execute_complete(context, event, None)


@pytest.mark.parametrize("error", ["Trigger timeout", "Trigger/execution timeout"])
def test_timeout_of_the_deferral_looks_once_more(world: World, context: dict[str, Any], ti: FakeTI, error: str) -> None:
    """Rows of the last minute count; otherwise the message states the progress of the data."""
    world.load("2024-06-01T10:00:00Z")
    task = sensor(world, deferrable=True)

    with pytest.raises(AirflowSensorTimeout) as caught:
        task.resume_execution(TRIGGER_FAILED_METHOD, {"error": error}, context)
    assert str(caught.value) == (
        f"the data of table {world.source!r} was not there when the sensor timed out. Waiting for data of table "
        f"{world.source!r}: newest row 2024-06-01T10:00:00.000Z, wanted {UP_TO} or later. Raise timeout= (or "
        "execution_timeout=), or find out why the data is late."
    )
    with pytest.raises(AirflowSkipException):
        sensor(world, deferrable=True, soft_fail=True).resume_execution(
            TRIGGER_FAILED_METHOD, {"error": error}, context
        )

    world.load("2024-06-01T11:59:00Z")
    assert task.resume_execution(TRIGGER_FAILED_METHOD, {"error": error}, context) is None
    assert ti.xcom("polaris_data")["newest"] == "2024-06-01T11:59:00.000Z"


def test_deferral_ends_before_execution_timeout(world: World, context: dict[str, Any]) -> None:
    """Airflow's own limit would end a process that doesn't exist."""
    world.load("2024-06-01T10:00:00Z")
    deferred = defer(sensor(world, deferrable=True, execution_timeout=timedelta(minutes=10)), context)

    assert deferred.timeout == timedelta(minutes=9, seconds=30)


def test_sensor_whose_data_is_there_defers_nothing(world: World, context: dict[str, Any]) -> None:
    """The first query is in the worker."""
    world.load("2024-06-01T11:59:00Z")

    assert sensor(world, deferrable=True).poke(context) is True


def test_event_of_something_else_is_refused() -> None:
    """The triggerer may run another version."""
    event = {"status": "ended", "job_id": "j"}
    with pytest.raises(PolarisProtocolError) as caught:
        check_data_event(event)
    assert str(caught.value) == (
        f"the trigger's event {event!r} is not from a PolarisDataTrigger. The triggerer may run another version of "
        "this provider; a retry of the task waits again."
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {"table": "T", "up_to": UP_TO, "interval": None, "min_rows": None, "filter": None},
        {
            "table": "T",
            "up_to": None,
            "interval": "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z",
            "min_rows": 3,
            "filter": "TRUE",
        },
    ],
)
def test_serialize_gives_json_scalars_by_which_the_trigger_is_made_again(arguments: dict[str, Any]) -> None:
    """No value that a version of Airflow could encode differently."""
    given = {"polaris_conn_id": "other", "poll_interval": 12.5, **arguments}
    classpath, serialized = PolarisDataTrigger(**given).serialize()

    assert (classpath, serialized) == ("airflow_provider_polaris.triggers.data.PolarisDataTrigger", given)
    assert PolarisDataTrigger(**json.loads(json.dumps(serialized))).serialize() == (classpath, serialized)
