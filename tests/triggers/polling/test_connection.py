# SPDX-License-Identifier: Apache-2.0
"""A connection changes, fails or hangs while tasks wait: it is read again, and every end is detected."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.triggers.waiters import INTERVAL, MINUTE, many, watch_many

OLD_KEY = "pok_0123456789abcdef"


def change_key(world: Any) -> None:
    """Replace the key of the connection 35 seconds after the start."""

    async def read(conn_id: str) -> Any:
        if world.time() >= 35:
            world.key = "pok_brandnewbrandnew"
        return await type(world).read_settings(world, conn_id)

    world.patch_reads(read)


def test_key_that_was_changed_is_read_again_and_nothing_is_lost(world: Any, trigger_log: Any) -> None:
    """After a 401 the watcher reads the connection again, and the same poll continues with the new key."""

    def check(method: str, path: str) -> Any:
        stale = world.time() >= 35 and world.key == OLD_KEY
        return world.polaris.answer(401, {"message": "who are you?"}) if stale else None

    world.polaris.failure = check
    change_key(world)
    started = watch_many(world, 30, 5 * MINUTE, completed=38.0)

    assert [heard.event["state"] for _, heard in started] == ["completed"] * 30
    assert max(heard.at for _, heard in started) <= 38 + INTERVAL + 2
    assert len(world.reads) == 2
    assert not [line for line in trigger_log() if line.startswith("WARNING")]


def test_key_that_is_refused_in_the_middle_of_a_tick_loses_no_news(world: Any) -> None:
    """Results before the 401 are delivered, because later polls don't report them again."""

    def check(method: str, path: str) -> Any:
        stale = world.key == OLD_KEY
        late = path == "/jobs/job-2/status" and world.time() >= 35
        return world.polaris.answer(401, {"message": "who are you?"}) if stale and late else None

    world.polaris.failure = check
    change_key(world)
    started = watch_many(world, 3, 5 * MINUTE, completed=33.0)

    assert [heard.event["state"] for _, heard in started] == ["completed"] * 3


def test_connection_that_is_being_read_is_read_to_the_end(world: Any) -> None:
    """Older Airflow versions take the answer to a canceled call for the answer to the next one, and break."""
    ended = []

    async def read(conn_id: str) -> Any:
        await asyncio.sleep(5.0)
        ended.append(conn_id)
        return await type(world).read_settings(world, conn_id)

    async def scenario() -> None:
        (task, _), *_ = many(world, 1)
        await asyncio.sleep(3.0)
        await world.finish(task)
        await asyncio.sleep(10.0)

    world.patch_reads(read)
    world.run(scenario())

    assert ended == ["polaris_default"]


def test_connection_whose_read_is_canceled_is_a_failed_poll(world: Any) -> None:
    """Airflow cancels all waiting calls when its connection breaks; the watcher must not end because of it."""

    async def read(conn_id: str) -> Any:
        if world.time() < 30:
            raise asyncio.CancelledError("Reader loop exited")
        return await type(world).read_settings(world, conn_id)

    world.patch_reads(read)
    ((_, heard),) = watch_many(world, 1, 5 * MINUTE, completed=20.0)

    assert heard.event["state"] == "completed"


def test_key_that_stays_refused_is_looked_up_once_a_minute(world: Any) -> None:
    """And after its budget the waiter gets the text of the rejection."""
    world.polaris.failure = lambda method, path: world.polaris.answer(401, {"message": "who are you?"})
    ((_, heard),) = watch_many(world, 1, 30 * MINUTE)

    assert heard.event["status"] == "gave_up"
    assert "answered 401: who are you?" in heard.event["message"]
    assert len(world.reads) == pytest.approx(15, abs=2)
    assert world.polaris.sessions_made == 1


def test_connection_that_can_not_be_read_is_a_failed_poll(world: Any) -> None:
    """A triggerer that was disconnected from Airflow continues as soon as it is connected again."""

    async def read(conn_id: str) -> Any:
        if world.time() < 100:
            raise RuntimeError("no route to Airflow")
        return await type(world).read_settings(world, conn_id)

    world.patch_reads(read)
    started = watch_many(world, 3, 5 * MINUTE, completed=50.0)

    assert [heard.event["state"] for _, heard in started] == ["completed"] * 3


def test_airflow_that_gives_no_answer_is_a_failed_poll(world: Any) -> None:
    """No task waits forever, and the read is not repeated while it is open."""

    async def read(conn_id: str) -> Any:
        world.reads.append(conn_id)
        await asyncio.sleep(10_000)

    async def scenario() -> list[Any]:
        started = many(world, 1)
        await asyncio.wait([task for task, _ in started], timeout=30 * MINUTE)
        await asyncio.sleep(10_000)
        return started

    world.patch_reads(read)
    ((_, heard),) = world.run(scenario())

    assert heard.event["status"] == "gave_up"
    assert heard.event["message"].endswith(
        "connection 'polaris_default' can't be read: Airflow gave no answer within 60 s."
    )
    assert len(world.reads) == 1


def test_connection_that_is_incomplete_is_told_when_the_budget_is_spent(world: Any) -> None:
    """A user may be editing it; after 15 minutes the error describes what is wrong with it."""
    from airflow_provider_polaris.jobs.errors import PolarisSpecError

    async def read(conn_id: str) -> Any:
        raise PolarisSpecError(f"connection {conn_id!r} has no project id.")

    world.patch_reads(read)
    ((_, heard),) = watch_many(world, 1, 20 * MINUTE)

    assert heard.event["status"] == "gave_up"
    assert heard.event["message"].endswith("The last error: connection 'polaris_default' has no project id.")
