# SPDX-License-Identifier: Apache-2.0
"""The cost of waiting: requests per interval, and the delay until an end is detected."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise
from typing import Any

import pytest

MANY = 10_000
INTERVAL = 10.0
#: Every end is detected within this time.
LIMIT = INTERVAL + 2.0


async def start_many(world: Any, count: int) -> list[Any]:
    """Start triggers for running jobs, as Airflow does: one after the other, but almost at once."""
    started = []
    for number in range(count):
        created = -10_000.0 + number / 10
        world.polaris.add(f"job-{number}", (created, "running"))
        started.append(world.watch(f"job-{number}", INTERVAL, started=world.epoch(created)))
        if number % 100 == 0:
            await asyncio.sleep(0)
    return started


def requests_in_each_interval(world: Any, since: float) -> list[int]:
    """Count the requests of each poll from a time on."""
    times = [at for at, _ in world.polaris.requests if at >= since]
    ticks = [[times[0]]]
    for at in times[1:]:
        if at - ticks[-1][-1] > INTERVAL / 2:
            ticks.append([])
        ticks[-1].append(at)
    return [len(tick) for tick in ticks]


def test_one_waiting_job_costs_one_status_request_an_interval(world: Any) -> None:
    """No list, no description, one small request every ten seconds."""

    async def scenario() -> None:
        world.polaris.add("job-1", (-5.0, "pending"))
        task, _ = world.watch("job-1", INTERVAL, pending_warning=None)
        await asyncio.sleep(1000 * INTERVAL + 1)
        await world.finish(task)

    world.run(scenario())

    assert {kind for _, kind in world.polaris.requests} == {"GET status"}
    assert len(world.polaris.requests) == pytest.approx(1000, abs=2)
    assert world.polaris.most_sessions == 1


@pytest.mark.parametrize("spread", [60.0, 0.0], ids=["spread over a minute", "all at once"])
def test_ten_thousand_waiting_jobs_cost_twelve_requests_an_interval(world: Any, spread: float) -> None:
    """While nothing ends, while jobs end one by one in any order, and when all end together; each end is detected."""
    rng = random.Random(7)
    ends = {f"job-{number}": 65.0 + rng.uniform(0.0, spread) for number in range(MANY)}
    ends.update({f"job-{number}": 33.0 for number in (3, 5000, 9999)})  # three are too few for a list

    async def scenario() -> list[Any]:
        started = await start_many(world, MANY)
        for job_id, at in ends.items():
            world.polaris.jobs[job_id].changes.append((at, "completed"))
        await asyncio.wait([task for task, _ in started], timeout=65.0 + spread + 3 * INTERVAL)
        return started

    started = world.run(scenario())

    assert max(requests_in_each_interval(world, 0.0)) <= 12
    events = [heard.event for _, heard in started]
    assert all(event["status"] == "ended" and event["state"] == "completed" for event in events)
    waits = [heard.at - ends[heard.event["job_id"]] for _, heard in started]
    assert min(waits) >= 0.0
    assert max(waits) <= LIMIT
    assert world.polaris.most_sessions == 1
    assert len(world.reads) == 1


@pytest.mark.parametrize("count", [2, 5, 6, 30, 600])
def test_few_or_some_hundred_waiting_jobs_cost_no_more_than_six_requests_an_interval(world: Any, count: int) -> None:
    """Up to five are requested one by one; more are found in a list, and up to five missing ones one by one."""

    async def scenario() -> list[Any]:
        started = await start_many(world, count)
        for job in list(world.polaris.jobs.values()):
            job.changes.append((random.Random(job.id).uniform(50.0, 150.0), "completed"))
        await asyncio.wait([task for task, _ in started], timeout=150.0 + 3 * INTERVAL)
        return started

    started = world.run(scenario())

    assert all(heard.event["status"] == "ended" for _, heard in started)
    limit = count + 1 if count <= 5 else 7  # one more for the progress of a few jobs
    assert max(requests_in_each_interval(world, 0.0)) <= limit
    ends = {job.id: job.changes[-1][0] for job in world.polaris.jobs.values()}
    assert max(heard.at - ends[heard.event["job_id"]] for _, heard in started) <= LIMIT


def test_seven_waiting_jobs_among_thousands_of_others_are_asked_for_by_the_cheaper_way(world: Any) -> None:
    """The list of active jobs has six pages here, so seven single requests are cheaper."""

    async def scenario() -> None:
        for number in range(5000):
            world.polaris.add(f"other-{number}", (-20_000.0 - number, "running"))
        started = await start_many(world, 7)
        await asyncio.sleep(10 * INTERVAL)
        await world.finish(*(task for task, _ in started))

    world.run(scenario())

    ticks = requests_in_each_interval(world, 0.0)
    assert max(ticks) <= 8
    assert world.polaris.asked("page", since=15.0) <= 12


def test_a_thousand_that_join_at_once_read_the_connection_once_and_cost_no_burst(world: Any) -> None:
    """A restarted triggerer sends no more requests than a running one, and detects earlier ends immediately."""

    async def scenario() -> list[Any]:
        started = await start_many(world, 1000)
        for number in range(400):
            world.polaris.jobs[f"job-{number}"].changes.append((-1.0, "failed"))
        await asyncio.sleep(5 * INTERVAL)
        await world.finish(*(task for task, _ in started))
        return started

    started = world.run(scenario())

    assert world.reads == ["polaris_default"]
    assert max(requests_in_each_interval(world, 0.0)) <= 3
    ended = [heard for _, heard in started if heard.event is not None]
    assert [heard.event["state"] for heard in ended] == ["failed"] * 400
    assert max(heard.at for heard in ended) <= LIMIT


def test_jobs_behind_a_long_history_cost_no_more_requests_and_are_found_one_by_one(world: Any) -> None:
    """Fifteen thousand other jobs have ended since: the lists are not read to their end for it."""

    async def scenario() -> list[Any]:
        for number in range(15_000):
            world.polaris.add(f"other-{number}", (-20_000.0 + number, "completed"))
        started = []
        for number in range(20):
            world.polaris.add(f"old-{number}", (-50_000.0 - number, "running"), (-100.0, "completed"))
            started.append(world.watch(f"old-{number}", INTERVAL, started=world.epoch(-3600.0)))
        await asyncio.wait([task for task, _ in started], timeout=100 * INTERVAL)
        return started

    started = world.run(scenario())

    assert {heard.event["state"] for _, heard in started} == {"completed"}
    assert max(requests_in_each_interval(world, 0.0)) <= 13  # the last is the single request that is always made
    assert max(heard.at for _, heard in started) <= 20 * INTERVAL


def test_jobs_that_no_list_has_are_asked_for_in_turn_and_not_searched_for_again(world: Any) -> None:
    """Streaming jobs, or types that are new to this package: once known to be active, they cause no search."""

    async def scenario() -> list[Any]:
        started = await start_many(world, 30)
        for number in range(8):
            changes = [(-500.0, "running"), (402.0, "failed")]
            world.polaris.add(f"stream-{number}", *changes, stated={"type": "streaming"})
            started.append(world.watch(f"stream-{number}", INTERVAL))
        await asyncio.sleep(500.0)
        await world.finish(*(task for task, _ in started))
        return started

    started = world.run(scenario())

    assert world.polaris.asked("page", since=100.0) - world.polaris.asked("page", since=300.0) == pytest.approx(
        20, abs=1
    )
    assert max(requests_in_each_interval(world, 0.0)) <= 7
    assert [heard.event["state"] for _, heard in started[30:]] == ["failed"] * 8


def test_waiters_with_long_intervals_are_not_asked_for_at_the_pace_of_the_impatient(world: Any) -> None:
    """The poll follows the shortest interval; the jobs of other waiters are requested when they are due."""

    async def scenario() -> None:
        tasks = []
        for job_id, interval in (("quick", 10.0), ("slow", 60.0), ("odd", 15.0)):
            world.polaris.add(job_id, (-5.0, "pending"))
            tasks.append(world.watch(job_id, interval, pending_warning=None)[0])
        await asyncio.sleep(600.0)
        await world.finish(*tasks)

    asked: dict[str, list[float]] = {"quick": [], "slow": [], "odd": []}
    world.polaris.failure = lambda method, path: asked[path.split("/")[2]].append(world.time())
    world.run(scenario())

    assert len(asked["quick"]) == pytest.approx(60, abs=1)
    assert len(asked["slow"]) == pytest.approx(10, abs=1)
    for job_id, longest in (("quick", 12.0), ("slow", 62.0), ("odd", 17.0)):
        assert max(after - before for before, after in pairwise(asked[job_id])) <= longest


def test_impatient_newcomer_is_asked_for_at_its_own_pace_from_the_start(world: Any) -> None:
    """The next poll could have been an hour away."""

    async def scenario() -> Any:
        world.polaris.add("slow", (-5.0, "running"))
        slow, _ = world.watch("slow", 3600.0)
        await asyncio.sleep(100.0)
        world.polaris.add("quick", (95.0, "running"), (150.0, "completed"))
        quick, heard = world.watch("quick", INTERVAL)
        await quick
        await world.finish(slow)
        return heard

    assert world.run(scenario()).at <= 150.0 + LIMIT


def test_two_connections_are_polled_apart_and_two_waiters_of_one_job_together(world: Any) -> None:
    """The key of a watcher is the connection; within it a job is requested once."""

    async def scenario() -> None:
        world.polaris.add("job-1", (-5.0, "pending"))
        tasks = [
            world.watch("job-1", INTERVAL, polaris_conn_id=conn_id, pending_warning=None)[0]
            for conn_id in ("one", "one", "two")
        ]
        await asyncio.sleep(10 * INTERVAL)
        await world.finish(*tasks)

    world.run(scenario())

    assert sorted(world.reads) == ["one", "two"]
    assert len(world.polaris.requests) == pytest.approx(20, abs=2)
