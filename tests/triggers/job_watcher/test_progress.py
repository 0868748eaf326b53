# SPDX-License-Identifier: Apache-2.0
"""Percent progress from the triggerer: its requests, its recipients, and that its failures have no effect."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from airflow_provider_polaris.triggers.job_watcher import request_budget as plan


def wait_for_others(world: Any, count: int) -> list[asyncio.Task[None]]:
    """Let some triggers wait for jobs without progress, so that all are found in a list."""
    tasks = []
    for number in range(count):
        world.polaris.add(f"other-{number}", (-5.0, "pending"))
        tasks.append(world.watch(f"other-{number}", pending_warning=None)[0])
    return tasks


def test_progress_is_asked_for_where_few_wait_and_logged_in_whole_percents(world: Any, trigger_log: Any) -> None:
    """At most one request per poll, fewer if nothing changes, and none for a job type without progress."""
    asked: list[str] = []

    def note(method: str, path: str) -> None:
        if path.endswith("/progress"):
            asked.append(path.split("/")[2])

    async def scenario() -> None:
        world.polaris.failure = note
        others = wait_for_others(world, 4)
        world.polaris.add("moves", (-5.0, "running"), (1000.0, "completed"), progress=lambda now: now / 1000)
        world.polaris.add("stuck", (-5.0, "running"), (1000.0, "completed"), progress=lambda now: 0.5)
        world.polaris.add("mute", (-5.0, "running"), (1000.0, "completed"))
        started = [world.watch(job_id) for job_id in ("moves", "stuck", "mute")]
        await asyncio.wait([task for task, _ in started])
        await world.finish(*others)

    world.run(scenario())

    done = [line for line in trigger_log() if "% done" in line]
    assert len([line for line in done if "'moves'" in line]) == pytest.approx(90, abs=12)
    assert [line for line in done if "'stuck'" in line] == ["INFO Job 'stuck' is 50 % done, 11 s into the wait"]
    by_tick = [[kind for kind in tick if "progress" in kind] for tick in world.polaris.polls_by_tick()]
    assert max(len(tick) for tick in by_tick) == 1
    assert asked.count("mute") == 1


@pytest.mark.parametrize("count", [1, 2, 5])
def test_progress_never_makes_a_job_cost_more_than_one_request_an_interval(world: Any, count: int) -> None:
    """So few jobs are requested one by one, which is all that they may cost."""

    async def scenario() -> None:
        tasks = []
        for number in range(count):
            world.polaris.add(f"job-{number}", (-5.0, "running"), progress=lambda now: now / 20_000)
            tasks.append(world.watch(f"job-{number}")[0])
        await asyncio.sleep(10_000)
        await world.finish(*tasks)

    world.run(scenario())

    assert {kind for _, kind in world.polaris.requests} == {"GET status"}
    assert len(world.polaris.requests) == pytest.approx(1000 * count, abs=2 * count)


def test_progress_is_paid_by_what_a_list_saves() -> None:
    """Six jobs in one list leave a request; five requests for five jobs don't; eleven jobs exceed the limit."""
    assert plan.has_request_for_progress(waiting=6, jobs=6, requests_made=1)
    assert plan.has_request_for_progress(waiting=10, jobs=10, requests_made=9)
    assert not plan.has_request_for_progress(waiting=5, jobs=5, requests_made=5)
    assert not plan.has_request_for_progress(waiting=6, jobs=1, requests_made=1)
    assert not plan.has_request_for_progress(waiting=11, jobs=11, requests_made=1)


def test_progress_is_not_asked_for_where_many_wait(world: Any) -> None:
    """Eleven waiters get none."""

    async def scenario() -> None:
        tasks = []
        for number in range(11):
            world.polaris.add(f"job-{number}", (-5.0, "running"), progress=lambda now: 0.5)
            tasks.append(world.watch(f"job-{number}")[0])
        await asyncio.sleep(100)
        await world.finish(*tasks)

    world.run(scenario())

    assert world.polaris.asked("progress") == 0


def test_progress_of_a_job_is_told_to_all_who_wait_for_it(world: Any, trigger_log: Any) -> None:
    """For example, a task and a sensor."""

    async def scenario() -> None:
        others = wait_for_others(world, 6)
        world.polaris.add("job-1", (-5.0, "running"), progress=lambda now: 0.5)
        tasks = [world.watch("job-1")[0] for _ in range(2)]
        await asyncio.sleep(30)
        await world.finish(*others, *tasks)

    world.run(scenario())

    assert [line for line in trigger_log() if "% done" in line] == [
        "INFO Job 'job-1' is 50 % done, 1 s into the wait"
    ] * 2


@pytest.mark.parametrize("answer", [float("nan"), 7.0, -1.0, 403, 429])
def test_progress_that_makes_no_sense_or_fails_breaks_nothing(world: Any, trigger_log: Any, answer: float) -> None:
    """It is telemetry and never decides. ``Retry-After`` is still respected."""

    async def scenario() -> Any:
        if answer > 100:
            refusal = world.polaris.answer(int(answer), {"message": "wait"}, Retry_After="45")
            world.polaris.failure = lambda method, path: refusal if path.endswith("/progress") else None
        others = wait_for_others(world, 6)
        world.polaris.add("job-1", (-5.0, "running"), (35.0, "completed"), progress=lambda now: answer)
        task, heard = world.watch("job-1")
        await task
        await world.finish(*others)
        return heard

    heard = world.run(scenario())

    assert world.polaris.asked("progress") >= 1
    assert heard.event["state"] == "completed"
    assert not [line for line in trigger_log() if "% done" in line or line.startswith("WARNING")]
    assert heard.at == pytest.approx(46.5 if answer > 100 else 41.0, abs=1.0)


@pytest.mark.parametrize("done", [0.25, 7.0, float("nan")])
def test_progress_that_does_not_change_is_asked_for_ever_more_rarely(world: Any, done: float) -> None:
    """Every second poll, every fourth, at last every thirty-second; also after an invalid value."""

    async def scenario() -> None:
        others = wait_for_others(world, 6)
        world.polaris.add("job-1", (-5.0, "running"), progress=lambda now: done)
        task, _ = world.watch("job-1")
        await asyncio.sleep(1000)
        await world.finish(task, *others)

    world.run(scenario())

    assert world.polaris.asked("page") == pytest.approx(100, abs=1)
    assert 2 <= world.polaris.asked("progress") <= 9
