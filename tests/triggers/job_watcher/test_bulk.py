# SPDX-License-Identifier: Apache-2.0
"""A service that returns the statuses of many jobs with one request: its cost, and its failures."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from airflow_provider_polaris.triggers.job_watcher.poll import poll
from airflow_provider_polaris.triggers.job_watcher.poll_ownership import PollOwnership
from airflow_provider_polaris.triggers.job_watcher.poll_result import PollTime
from airflow_provider_polaris.triggers.job_watcher.poll_run import PollState
from airflow_provider_polaris.triggers.job_watcher.waiter import Waiter
from tests.triggers.conftest import Answer, NoJitter, _Session
from tests.triggers.job_watcher.test_budget import LIMIT, requests_in_each_interval, start_many
from tests.triggers.waiters import INTERVAL, MINUTE, many, wait_all, watch_many

pytestmark = pytest.mark.parametrize("service", ["druid"], indirect=True)

FORBIDDEN = {"Access-Check-Result": "Unauthorized"}


@pytest.mark.parametrize(("count", "spread"), [(2, 0.0), (30, 0.0), (1001, 0.0), (1001, 60.0), (10_000, 60.0)])
def test_many_waiting_jobs_cost_one_request_for_a_thousand(count: int, spread: float, world: Any) -> None:
    """While nothing ends, while jobs end one by one, and when all end together; each end is detected in time."""
    rng = random.Random(7)
    ends = {f"job-{number}": 65.0 + rng.uniform(0.0, spread) for number in range(count)}

    async def scenario() -> list[Any]:
        started = await start_many(world, count)
        for job_id, at in ends.items():
            world.polaris.jobs[job_id].changes.append((at, "completed"))
        await asyncio.wait([task for task, _ in started], timeout=65.0 + spread + 3 * INTERVAL)
        return started

    started = world.run(scenario())

    progress = 1 if count <= 10 else 0
    assert max(requests_in_each_interval(world, 0.0)) <= -(-count // 1000) + progress
    assert world.polaris.asked("page", "describe") == 0
    events = [heard.event for _, heard in started]
    assert all(event["status"] == "ended" and event["state"] == "completed" for event in events)
    waits = [heard.at - ends[heard.event["job_id"]] for _, heard in started]
    assert min(waits) >= 0.0
    assert max(waits) <= LIMIT


def test_one_waiting_job_costs_one_small_request(world: Any) -> None:
    """It needs no right for the cluster's state, and its answer says whether the job waits for a slot."""

    async def scenario() -> None:
        world.polaris.add("job-1", (-5.0, "pending"))
        task, _ = world.watch("job-1", INTERVAL, pending_warning=None)
        await asyncio.sleep(20 * INTERVAL)
        await world.finish(task)

    world.run(scenario())
    assert {kind for _, kind in world.polaris.requests} == {"GET status"}


def test_each_end_is_reported_as_it_is(world: Any) -> None:
    """Failed and canceled are told apart by the message, as in a single status."""

    async def scenario() -> list[Any]:
        started = many(world, 30)
        for number, status in enumerate(("completed", "failed", "canceled")):
            world.polaris.change(f"job-{number}", status)
        await wait_all(world, started, 3 * INTERVAL)
        return started

    started = world.run(scenario())
    states = [None if heard.event is None else heard.event["state"] for _, heard in started]
    assert states == ["completed", "failed", "canceled", *[None] * 27]


def test_only_waiters_that_are_due_are_asked_for(world: Any) -> None:
    """The poll follows the shortest interval; the others cost their share of a request when they are due."""
    asked: dict[str, int] = {}
    fake = world.polaris.fake
    statuses = fake._statuses

    def count(params: Any, body: Any) -> Any:
        for job_id in body:
            asked[job_id] = asked.get(job_id, 0) + 1
        return statuses(params, body)

    fake._statuses = count

    async def scenario() -> None:
        tasks = []
        for number in range(10):
            world.polaris.add(f"job-{number}", (-5.0, "running"))
            tasks.append(world.watch(f"job-{number}", 10.0 if number < 5 else 60.0, pending_warning=None)[0])
        await asyncio.sleep(600.0)
        await world.finish(*tasks)

    world.run(scenario())
    assert asked["job-0"] == pytest.approx(60, abs=2)
    assert asked["job-9"] == pytest.approx(10, abs=2)


def test_job_that_is_missing_is_asked_for_alone_and_given_up_after_its_budget(world: Any, trigger_log: Any) -> None:
    """A 200 without the id: the job is gone. The others notice nothing, and the poll stays within its budget."""

    async def scenario() -> list[Any]:
        started = many(world, 30)
        del world.polaris.jobs["job-7"]
        await wait_all(world, started, 20 * MINUTE)
        return started

    started = world.run(scenario())

    events = [heard.event for _, heard in started]
    assert [number for number, event in enumerate(events) if event is not None] == [7]
    assert events[7]["status"] == "gave_up"
    assert "Druid has no task 'job-7'" in events[7]["message"]
    assert started[7][1].at == pytest.approx(15 * MINUTE, abs=2 * INTERVAL)
    assert max(requests_in_each_interval(world, 0.0)) <= 3
    assert not [line for line in trigger_log() if line.startswith("WARNING") and "'job-7'" not in line]


def test_many_missing_jobs_do_not_exceed_the_budget(world: Any) -> None:
    """They are requested in turn, a few in each poll."""

    async def scenario() -> None:
        started = many(world, 3000)
        for number in range(500):
            del world.polaris.jobs[f"job-{number}"]
        await wait_all(world, started, 10 * INTERVAL)

    world.run(scenario())
    assert max(requests_in_each_interval(world, 0.0)) <= 3 + 2 * 5


@pytest.mark.parametrize(
    ("status", "body", "limit"),
    [
        (200, "<html>Log in</html>", 3 * INTERVAL),
        (200, "[]", 3 * INTERVAL),
        # The service is away, so the poll backs off.
        (503, "Service Unavailable", MINUTE),
        (502, "<html>Bad Gateway</html>", MINUTE),
    ],
)
def test_answer_that_can_not_be_read_delays_no_end_for_long(status: int, body: str, limit: float, world: Any) -> None:
    """Single requests replace one that can't be read; when the request for many works again, it is used again."""
    broken = Answer(status, {"Content-Type": "application/json" if body == "[]" else "text/html"}, body.encode())
    world.polaris.failure = lambda method, path: (
        broken if path.endswith("taskStatus") and world.time() < 100.0 else None
    )

    async def scenario() -> list[Any]:
        started = many(world, 40)
        for number in range(40):
            world.polaris.jobs[f"job-{number}"].changes.append((50.0 + number, "completed"))
        await wait_all(world, started, 5 * MINUTE)
        return started

    started = world.run(scenario())

    assert [heard.event["state"] for _, heard in started] == ["completed"] * 40
    assert max(heard.at - (50.0 + number) for number, (_, heard) in enumerate(started)) <= limit


def test_request_that_druid_refuses_is_not_sent_again(world: Any) -> None:
    """A 400 for the request for many affects only that: no task waits forever."""
    world.polaris.failure = lambda method, path: (
        world.polaris.answer(400, {"error": "No TaskIds provided."}) if path.endswith("taskStatus") else None
    )
    started = watch_many(world, 30, 5 * MINUTE, completed=50.0)

    assert [heard.event["state"] for _, heard in started] == ["completed"] * 30
    assert world.polaris.asked("bulk") == 1


def test_login_without_the_right_gets_the_statuses_from_one_list(world: Any) -> None:
    """The client falls back to the list of tasks: two requests an interval, whatever the number."""
    world.polaris.failure = lambda method, path: (
        world.polaris.answer(403, FORBIDDEN) if path.endswith("taskStatus") else None
    )
    started = watch_many(world, 2500, 3 * MINUTE, completed=50.0)

    assert [heard.event["state"] for _, heard in started] == ["completed"] * 2500
    assert max(requests_in_each_interval(world, 0.0)) == 2


def test_throttling_holds_all_and_does_not_become_single_requests(world: Any) -> None:
    """Whoever limits requests gets fewer."""
    world.polaris.failure = lambda method, path: (
        world.polaris.answer(429, {"error": "slow down"}, Retry_After="60") if world.time() < 30.0 else None
    )
    started = watch_many(world, 30, 5 * MINUTE, completed=50.0)

    assert [heard.event["state"] for _, heard in started] == ["completed"] * 30
    assert world.polaris.asked("status") == 0
    assert len([at for at, _ in world.polaris.requests if at < 60.0]) <= 2


def test_wrong_password_is_an_error_of_all_that_ends_with_the_next_connection(world: Any) -> None:
    """The connection is read again; nobody is given up before its budget."""
    denied = {"servlet": "x", "message": "Unauthorized", "url": "/", "status": "401"}
    world.polaris.failure = lambda method, path: world.polaris.answer(401, denied) if world.time() < 90.0 else None
    started = watch_many(world, 30, 5 * MINUTE, completed=50.0)

    assert [heard.event["state"] for _, heard in started] == ["completed"] * 30
    assert len(world.reads) >= 2


def test_job_whose_own_request_fails_is_not_affected_by_it(world: Any) -> None:
    """The request for many doesn't read the job, so nothing fails."""
    world.polaris.failure = lambda method, path: (
        world.polaris.answer(500, {"error": "broken"}) if "/job-3/" in path else None
    )
    started = watch_many(world, 30, 5 * MINUTE, completed=50.0)

    assert [heard.event["state"] for _, heard in started] == ["completed"] * 30
    assert {heard.at for _, heard in started} == {started[0][1].at}


def test_status_that_nobody_knows_has_its_grace(world: Any) -> None:
    """After ten minutes the waiter gives up, and the others wait on."""

    async def scenario() -> list[Any]:
        started = many(world, 30)
        world.polaris.change("job-1", "pondering")
        await wait_all(world, started, 20 * MINUTE)
        return started

    started = world.run(scenario())
    assert [number for number, (_, heard) in enumerate(started) if heard.event is not None] == [1]
    assert started[1][1].event["state"] == "pondering"
    assert started[1][1].at == pytest.approx(10 * MINUTE, abs=2 * INTERVAL)


def test_waiter_that_needs_the_whole_state_gets_it_from_a_request_of_its_own(world: Any) -> None:
    """The request for many has only statuses. The others need no second request."""
    waiters, client = polled(world, 30)
    waiters[3].needs_state = True
    result = poll(client, waiters, PollState(), MOMENT)

    found = {waiter.job_id: observation for waiter, observation in result.news if observation.state is not None}
    assert {job_id: observation.state.job_id for job_id, observation in found.items()} == {"job-3": "job-3"}
    assert not waiters[3].needs_state
    assert world.polaris.asked("bulk") == 1
    assert {waiter.status for waiter in waiters} == {"running"}


def test_separate_job_is_in_the_shared_request_and_gets_none_of_its_own(world: Any) -> None:
    """Its own requests hang or fail, so the poll sends none; a missing one waits for its separate request."""
    waiters, client = polled(world, 30)
    del world.polaris.jobs["job-4"]
    poll(client, waiters, PollState(), MOMENT, apart={"job-3", "job-4"})

    assert waiters[3].status == "running"
    assert waiters[4].status is None
    assert [kind for _, kind in world.polaris.requests] == ["POST bulk"]


def test_poll_that_is_abandoned_in_the_shared_request_changes_nothing_more(world: Any) -> None:
    """The event loop has taken the waiters; the late answer is dropped."""
    waiters, client = polled(world, 30)
    ownership = PollOwnership()
    world.polaris.failure = lambda method, path: ownership.take_away() and None
    result = poll(client, waiters, PollState(), MOMENT, ownership=ownership)

    assert result.news == []
    assert {waiter.status for waiter in waiters} == {None}


MOMENT = PollTime(0.0, INTERVAL, 1_790_000_000.0)


def polled(world: Any, count: int) -> tuple[list[Waiter], Any]:
    """Return waiters for running jobs, and a client."""
    for number in range(count):
        world.polaris.add(f"job-{number}", (-1000.0, "running"))
    client = world.client_class()(
        world.run(world.read_settings("druid")), session=_Session(world.polaris), clock=world.time, rng=NoJitter()
    )
    return [Waiter(f"job-{number}", INTERVAL, 0.0, None) for number in range(count)], client  # type: ignore[arg-type]
