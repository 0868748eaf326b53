# SPDX-License-Identifier: Apache-2.0
"""Asset watchers on Airflow 3.3 while Polaris is unavailable, rejects requests or loses jobs: the watch continues."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.triggers.table_watcher.conftest import TABLE, Airflow, start


def test_polaris_away_is_logged_once_and_nothing_is_lost(airflow: Airflow, lines: Callable[[], list[str]]) -> None:
    """Two hours without an answer: one line at the start, one at the end, and the event of a job that ended then."""
    polaris = airflow.world.polaris
    airflow.job("job-1", (10.0, "running"), (1000.0, "completed"))

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(100)
        polaris.failure = lambda method, path: polaris.answer(503, {"code": "Unavailable", "message": "be back soon"})
        await asyncio.sleep(7200)
        polaris.failure = lambda method, path: None
        await asyncio.sleep(100)
        await triggerer.stop()

    airflow.world.run(scenario())

    assert airflow.told() == [["job-1"]]
    began, away, back = lines()
    assert began == f"INFO Table {TABLE!r} is watched from now on."
    assert away.startswith(
        "WARNING Connection 'polaris_default': the finished jobs can't be listed, so no watched table fires an event. "
        "Polling continues, and jobs that end meanwhile will be reported. "
    )
    assert "be back soon" in away
    assert back == "INFO Connection 'polaris_default': the finished jobs can be listed again, after 7200 s."


def test_polaris_away_while_jobs_are_described_fires_what_is_known(airflow: Airflow) -> None:
    """The event doesn't wait for its optional fields."""
    polaris = airflow.world.polaris
    airflow.job("job-1", (10.0, "running"), (50.0, "completed"))
    polaris.failure = lambda method, path: (
        None if path == "/jobs" else polaris.answer(503, {"code": "x", "message": "y"})
    )

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(130)
        await triggerer.stop()

    airflow.world.run(scenario())

    ((_, _, payload),) = airflow.fired
    assert payload["jobs"] == [
        {
            "id": "job-1",
            "type": "batch",
            "intervals": None,
            "rows": None,
            "created": "2026-11-20T06:00:10.000Z",
            "completed": None,
        }
    ]


def test_key_that_is_refused_is_read_again(airflow: Airflow) -> None:
    """The key of the connection was replaced: the watch continues with the new one."""
    polaris, world = airflow.world.polaris, airflow.world
    airflow.job("job-1", (10.0, "running"), (500.0, "completed"))
    old = world.key
    no = polaris.answer(401, {"code": "Unauthorized", "message": "no"})
    polaris.failure = lambda method, path: no if world.time() > 100 and world.key == old else None

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(300)
        world.key = "pok_fedcba9876543210"
        await asyncio.sleep(300)
        await triggerer.stop()

    world.run(scenario())

    assert airflow.told() == [["job-1"]]
    assert 2 < len(world.reads) < 8  # once a minute while it is rejected


def test_job_that_polaris_forgets_is_asked_for_once(airflow: Airflow) -> None:
    """Its history may be deleted while it is open in a cursor."""
    polaris = airflow.world.polaris
    airflow.job("gone", (10.0, "running"), (5000.0, "completed"))

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(100)
        del polaris.jobs["gone"]
        polaris.changed += 1
        await asyncio.sleep(500)
        await triggerer.stop()

    airflow.world.run(scenario())

    assert airflow.told() == []
    assert polaris.asked("describe") == 1


def test_missing_job_that_gets_no_answer_is_asked_for_ever_more_rarely(airflow: Airflow) -> None:
    """Its request always fails: other jobs fire, and finally only every 16th poll requests it."""
    polaris = airflow.world.polaris
    asked: list[float] = []
    airflow.job("job-0", (10.0, "running"))
    airflow.job("job-1", (10.0, "running"), (3000.0, "completed"))

    def spoil(method: str, path: str) -> object:
        if path != "/jobs/job-0":
            return None
        asked.append(airflow.world.time())
        return polaris.answer(500, {}, Retry_After="315360000")

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(100)
        polaris.jobs["job-0"].changes.append((100.0, "suspicious"))  # so that no list has it
        polaris.failure = spoil
        await asyncio.sleep(3600)
        await triggerer.stop()

    airflow.world.run(scenario())

    assert airflow.told() == [["job-1"]]
    looks = {round(at, -1) for at in asked}
    assert 3 <= len(looks) <= 10
