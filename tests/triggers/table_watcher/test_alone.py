# SPDX-License-Identifier: Apache-2.0
"""Before Airflow 3.3 a watcher polls separately and stores nothing: it reports jobs that complete from then on."""

from __future__ import annotations

import asyncio
from typing import Any

from airflow_provider_polaris.triggers.polaris import PolarisTableUpdatedTrigger
from tests.triggers.conftest import World, world  # noqa: F401  # the fixture
from tests.triggers.table_watcher.conftest import TABLE


def add(world: World, job_id: str, *changes: tuple[float, str], table: str = TABLE) -> None:  # noqa: F811
    world.polaris.add(job_id, *changes, stated={"type": "batch", "target": {"type": "table", "tableName": table}})


async def hear(trigger: PolarisTableUpdatedTrigger, seconds: float) -> list[list[str]]:
    """Run a trigger for a while, and return the ids of the jobs of each event."""
    told: list[list[str]] = []

    async def consume() -> None:
        async for event in trigger.run():
            payload: Any = event.payload
            told.append([job["id"] for job in payload["jobs"]])

    task = asyncio.get_running_loop().create_task(consume())
    await asyncio.sleep(seconds)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0)
    return told


def test_run_fires_each_update_once(world: World) -> None:  # noqa: F811
    """The same events as on Airflow 3.3, of this table only."""
    add(world, "old", (-500.0, "running"), (-400.0, "completed"))
    add(world, "long", (-300.0, "running"), (200.0, "completed"))
    add(world, "short", (100.0, "running"), (110.0, "completed"))
    add(world, "other", (100.0, "running"), (110.0, "completed"), table="Other")

    told = world.run(hear(PolarisTableUpdatedTrigger(TABLE), 400))

    assert told == [["short"], ["long"]]


def test_run_says_once_that_nothing_is_kept(world: World, lines: Any) -> None:  # noqa: F811
    """The triggerer's log states why an update fired no event."""
    world.run(hear(PolarisTableUpdatedTrigger(TABLE), 200))

    (line,) = lines()
    assert line == (
        f"INFO Table {TABLE!r} is watched from now on. This Airflow stores no state of assets (new in 3.3), so jobs "
        "that complete while no triggerer runs fire nothing."
    )


def test_run_asks_for_its_own_table_only(world: World) -> None:  # noqa: F811
    """A separate poll reads no page of other tables' jobs."""
    for number in range(1000):
        add(world, f"other-{number}", (-1.0, "running"), (0.0, "completed"), table="Other")

    world.run(hear(PolarisTableUpdatedTrigger(TABLE), 59))

    assert world.polaris.asked("page") == 2


def test_run_after_a_restart_begins_anew(world: World) -> None:  # noqa: F811
    """What completed while no triggerer ran is lost, as documented; nothing is repeated."""
    add(world, "before", (10.0, "running"), (50.0, "completed"))
    add(world, "during", (20.0, "running"), (200.0, "completed"))
    add(world, "after", (20.0, "running"), (400.0, "completed"))

    async def scenario() -> list[list[list[str]]]:
        first = await hear(PolarisTableUpdatedTrigger(TABLE), 100)
        await asyncio.sleep(200)
        return [first, await hear(PolarisTableUpdatedTrigger(TABLE), 300)]

    assert world.run(scenario()) == [[["before"]], [["after"]]]


def test_run_that_polaris_refuses_goes_on(world: World) -> None:  # noqa: F811
    """A trigger that ends would be started again every second, so it waits instead."""
    add(world, "job-1", (10.0, "running"), (50.0, "completed"))
    polaris = world.polaris
    no = polaris.answer(403, {"code": "Forbidden", "message": "no"})
    polaris.failure = lambda method, path: no if 30 < world.time() < 600 else None

    assert world.run(hear(PolarisTableUpdatedTrigger(TABLE), 700)) == [["job-1"]]


def test_run_with_a_connection_that_cannot_be_read_goes_on(world: World) -> None:  # noqa: F811
    """A connection that is created or corrected later."""
    add(world, "job-1", (10.0, "running"), (500.0, "completed"))
    read = world.read_settings

    async def fail(conn_id: str) -> Any:
        if world.time() < 300:
            raise RuntimeError("the connection isn't defined")
        return await read(conn_id)

    world.patch_reads(fail)

    assert world.run(hear(PolarisTableUpdatedTrigger(TABLE), 700)) == [["job-1"]]
