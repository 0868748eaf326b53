# SPDX-License-Identifier: Apache-2.0
"""A Polaris whose lists lag, shift or omit jobs: no wrong end, none missed, and a deleted job is given up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.triggers.waiters import INTERVAL, MINUTE, many, wait_all, watch_many


@pytest.mark.parametrize("count", [1, 200])
def test_job_that_is_not_visible_at_once_is_waited_for(world: Any, count: int, trigger_log: Any) -> None:
    """A 404 right after creation, and a list without the job, mean nothing."""

    async def scenario() -> list[Any]:
        world.polaris.invisible = world.polaris.lag = 45.0
        for number in range(count):
            world.polaris.add(f"job-{number}", (0.0, "pending"), (20.0, "running"), (200.0, "completed"))
        started = [world.watch(f"job-{number}", INTERVAL, pending_warning=None) for number in range(count)]
        await wait_all(world, started, 10 * MINUTE)
        return started

    started = world.run(scenario())

    assert [heard.event["state"] for _, heard in started] == ["completed"] * count
    assert max(heard.at for _, heard in started) <= 200 + 45 + INTERVAL + 2
    assert not [line for line in trigger_log() if line.startswith("WARNING")]


def test_lists_that_lag_a_minute_behind_make_nobody_fail_or_miss_its_end(world: Any) -> None:
    """New jobs are not in the lists yet, ended jobs still are: no burst, no wrong end, no missed end."""
    count = 300

    async def scenario() -> list[Any]:
        world.polaris.lag = MINUTE
        started = []
        for number in range(count):
            begin = number * 0.5
            world.polaris.jobs[f"job-{number}"] = world.polaris.add(
                f"job-{number}", (begin, "running"), (begin + 5 + number % 100, "completed")
            )
        for number in range(count):
            await asyncio.sleep(max(0.0, number * 0.5 - world.time()))
            started.append(world.watch(f"job-{number}", INTERVAL))
        await wait_all(world, started, 10 * MINUTE)
        return started

    started = world.run(scenario())

    ticks = world.polaris.polls_by_tick(gap=3.0)
    assert max(len(tick) for tick in ticks) <= 12
    for _, heard in started:
        ended = world.polaris.jobs[heard.event["job_id"]].changes[-1][0]
        assert heard.event["state"] == "completed"
        assert ended <= heard.at <= ended + MINUTE + INTERVAL + 2


def test_list_that_shifts_while_it_is_read_hides_nobody(world: Any) -> None:
    """Jobs of the first page end while the second is requested, so that rows move from the third to the second."""
    count = 2500
    ended: dict[str, float] = {}

    def end_some(offset: int) -> None:
        if offset in (990, 1980) and world.time() > 15:
            running = [job for job in world.polaris.jobs.values() if job.id not in ended][:40]
            for job in running:
                ended[job.id] = world.time()
                world.polaris.change(job.id, "completed")

    async def scenario() -> list[Any]:
        started = many(world, count)
        world.polaris.before_page = end_some
        await asyncio.sleep(20 * INTERVAL)
        world.polaris.before_page = lambda offset: None
        await asyncio.sleep(2 * INTERVAL)
        await world.finish(*(task for task, _ in started))
        return started

    started = world.run(scenario())

    heard = {one.event["job_id"]: one.at for _, one in started if one.event is not None}
    assert heard.keys() == ended.keys()
    assert len(ended) > 400
    assert max(heard[job_id] - at for job_id, at in ended.items()) <= INTERVAL + 2


def test_newcomer_is_not_judged_by_a_list_that_began_before(world: Any) -> None:
    """A waiter that joins while the list is read waits for the next poll; there is no extra request."""

    async def scenario() -> None:
        world.latency = 0.5
        started = many(world, 20)
        await asyncio.sleep(1.2)  # the first list is being requested
        world.polaris.add("late", (world.time(), "running"))
        started.append(world.watch("late", INTERVAL))
        await asyncio.sleep(INTERVAL)
        await world.finish(*(task for task, _ in started))

    world.run(scenario())

    assert [kind for _, kind in world.polaris.requests] == ["GET page", "GET page"]


def test_job_that_is_gone_is_given_up_after_its_budget(world: Any) -> None:
    """Other waiters are not affected."""

    async def scenario() -> list[Any]:
        started = many(world, 30)
        del world.polaris.jobs["job-7"]
        await wait_all(world, started, 20 * MINUTE)
        return started

    started = world.run(scenario())

    events = [heard.event for _, heard in started]
    assert [number for number, event in enumerate(events) if event is not None] == [7]
    assert events[7]["status"] == "gave_up"
    assert events[7]["state"] is None
    assert "Job job-7 not found" in events[7]["message"]
    assert started[7][1].at == pytest.approx(15 * MINUTE, abs=2 * INTERVAL)


def test_job_that_is_gone_is_no_failure_of_the_others(world: Any, trigger_log: Any) -> None:
    """Also with single requests."""

    async def scenario() -> None:
        started = many(world, 3)
        del world.polaris.jobs["job-0"]
        await wait_all(world, started, 5 * MINUTE)

    world.run(scenario())

    lines = [line for line in trigger_log() if "'job-0'" not in line]
    assert lines == ["INFO Job 'job-1' is 'running'", "INFO Job 'job-2' is 'running'"]


def test_lists_that_polaris_refuses_are_replaced_by_single_requests(world: Any) -> None:
    """A 400 for the list affects only lists: no task waits forever."""
    world.polaris.failure = lambda method, path: (
        world.polaris.answer(400, {"code": "BadRequest", "message": "no such type"}) if path == "/jobs" else None
    )
    started = watch_many(world, 30, 5 * MINUTE, completed=50.0)

    assert [heard.event["state"] for _, heard in started] == ["completed"] * 30
    assert world.polaris.asked("page") == 1


def test_status_that_nobody_knows_has_its_grace(world: Any) -> None:
    """After ten minutes the waiter gives up, with lists and with single requests."""

    async def scenario() -> list[Any]:
        started = many(world, 30)
        for word, job_id in (("unknown", "job-1"), ("pondering", "job-2")):
            world.polaris.jobs[job_id].changes.append((35.0, word))
        await wait_all(world, started, 20 * MINUTE)
        return started

    started = world.run(scenario())

    for number, word in ((1, "unknown"), (2, "pondering")):
        heard = started[number][1]
        assert heard.event["status"] == "gave_up"
        assert heard.event["state"] == word
        assert heard.at == pytest.approx(35 + 10 * MINUTE, abs=2 * INTERVAL)
    assert [heard.event for _, heard in started].count(None) == 28


def test_jobs_that_are_much_older_than_their_waits_are_found_among_the_ended(world: Any) -> None:
    """Adopted jobs and those of sensors: each search goes farther back, within the request limit of a poll."""

    async def scenario() -> list[Any]:
        for number in range(4000):
            world.polaris.add(f"other-{number}", (-40.0 * number, "running"), (-40.0 * number + 5, "completed"))
        started = []
        for number in range(100):
            job_id = f"old-{number}"
            world.polaris.add(job_id, (-86_400.0 - number, "running"), (-100.0, "completed"))
            started.append(world.watch(job_id, INTERVAL, started=world.epoch(-3600.0)))
        await wait_all(world, started, 5 * MINUTE)
        return started

    started = world.run(scenario())

    assert [heard.event["state"] for _, heard in started] == ["completed"] * 100
    assert max(heard.at for _, heard in started) <= 5 * INTERVAL
    assert max(len(tick) for tick in world.polaris.polls_by_tick()) <= 12
