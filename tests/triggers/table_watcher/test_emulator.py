# SPDX-License-Identifier: Apache-2.0
"""The trigger with real threads and a real connection, against the emulator: jobs of another tool fire."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from airflow_provider_polaris.triggers.polaris import PolarisTableUpdatedTrigger
from tests.jumping_loop import run_without_sleeping
from tests.operators.guards.conftest import World, clock, instant, world  # noqa: F401  # the fixtures


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(12_000):  # two minutes: a backstop
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came so far")


def test_jobs_of_another_tool_fire_with_their_rows_and_intervals(world: World) -> None:  # noqa: F811
    """An ingestion, a replace and a deletion outside Airflow; only the first two have written rows."""
    heard: list[dict[str, Any]] = []
    world.load("2024-05-31T10:00:00Z")

    async def consume() -> None:
        async for event in PolarisTableUpdatedTrigger(world.source, poll_interval=0.1).run():
            heard.append(dict(event.payload))  # type: ignore[arg-type]

    async def scenario() -> None:
        lists = world.asked("GET /jobs")
        task = asyncio.create_task(consume())
        await until(lambda: world.asked("GET /jobs") >= lists + 2)
        world.load("2024-06-01T10:00:00Z", "2024-06-01T11:00:00Z")
        await until(lambda: len(heard) == 1)
        world.forget("\"city\" = 'Bergen'")
        await until(lambda: len(heard) == 2)
        day = "2024-05-31T00:00:00.000Z/2024-06-01T00:00:00.000Z"
        world.run({"type": "delete_data", "target": {"type": "table", "tableName": world.source, "intervals": [day]}})
        world.load("2024-06-02T10:00:00Z")
        await until(lambda: len(heard) == 3)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run_without_sleeping(scenario())

    assert [(event["table"], event["count"]) for event in heard] == [(world.source, 1)] * 3
    jobs = [job for event in heard for job in event["jobs"]]
    assert [(job["type"], job["rows"], job["intervals"]) for job in jobs] == [
        ("batch", 2, None),
        ("batch", 2, ["2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"]),
        ("batch", 1, None),
    ]
    assert [event["job_id"] for event in heard] == [job["id"] for job in jobs]
    assert all(job["created"] and job["completed"] for job in jobs)
