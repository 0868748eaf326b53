# SPDX-License-Identifier: Apache-2.0
"""A Polaris that fails: no waiter fails, none misses its end, and the budgets are kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import requests

from tests.triggers.waiters import INTERVAL, MINUTE, many, wait_all, watch_many


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("count", [1, 3, 200])
def test_watcher_told_to_wait_asks_nothing_meanwhile(world: Any, count: int, status: int) -> None:
    """Retry-After applies to all requests of the watcher; then the end is detected without a failure."""
    told = []

    def throttle(method: str, path: str) -> Any:
        if world.time() >= 35.0 and not told:
            told.append(world.time())
            return world.polaris.answer(status, {"message": "slow down"}, Retry_After="30")
        return None

    world.polaris.failure = throttle
    started = watch_many(world, count, 5 * MINUTE, completed=40.0)

    assert [heard.event["state"] for _, heard in started] == ["completed"] * count
    tick = max(at for at, _ in world.polaris.requests if at < told[0] + 5)
    later = [at for at, _ in world.polaris.requests if at > tick]
    assert later[0] == pytest.approx(told[0] + 30.5, abs=0.6)
    assert len(later) <= 5


@pytest.mark.parametrize("count", [1, 3, 200])
def test_waiters_outlive_ten_minutes_of_outage(world: Any, count: int, trigger_log: Any) -> None:
    """During an outage: a few requests a minute and one warning per waiter; then the end is detected immediately."""

    async def scenario() -> list[Any]:
        started = many(world, count)
        world.polaris.failure = lambda method, path: (
            world.polaris.answer(503, {"message": "down for maintenance"}) if 35 <= world.time() < 635 else None
        )
        for number, job in enumerate(world.polaris.jobs.values()):
            job.changes.append((900.0 if number % 2 else 300.0, "completed"))
        await wait_all(world, started, 20 * MINUTE)
        return started

    started = world.run(scenario())

    assert [heard.event["status"] for _, heard in started] == ["ended"] * count
    for number, (_, heard) in enumerate(started):
        assert heard.at <= (900 if number % 2 else 635) + INTERVAL + 2
    in_outage = sum(1 for at, _ in world.polaris.requests if 35 <= at < 635)
    assert in_outage <= 10 * 600 / INTERVAL
    warnings = [line for line in trigger_log() if line.startswith("WARNING")]
    assert len(warnings) == count
    assert "can't be polled; the wait continues for 15 min without an answer: GET" in warnings[0]
    assert len([line for line in trigger_log() if "can be polled again after" in line]) == count


@pytest.mark.parametrize("count", [1, 200])
def test_each_waiter_gets_one_event_with_the_real_text_when_the_budget_is_spent(world: Any, count: int) -> None:
    """Fifteen minutes without one good answer; the job is unchanged."""
    world.polaris.failure = lambda method, path: (
        world.polaris.answer(503, {"message": "down for maintenance"}) if world.time() >= 35 else None
    )
    started = watch_many(world, count, 30 * MINUTE)

    for number, (_, heard) in enumerate(started):
        assert heard.event["status"] == "gave_up"
        assert heard.event["job_id"] == f"job-{number}"
        assert heard.event["state"] == "running"
        assert heard.event["message"].startswith(f"gave up waiting for job 'job-{number}', last seen 'running': ")
        assert "answered 503: down for maintenance. " in heard.event["message"]
        assert heard.at == pytest.approx(35 + 15 * MINUTE, abs=2 * INTERVAL)
    assert world.polaris.canceled == []


@pytest.mark.parametrize("count", [1, 200])
def test_connection_that_was_reset_is_opened_again_in_the_same_tick(world: Any, count: int, trigger_log: Any) -> None:
    """A server sometimes closes idle connections: that is no failure and costs no time."""
    resets = []

    def reset(method: str, path: str) -> Any:
        if len(resets) < world.time() // 30:
            resets.append(world.time())
            raise requests.ConnectionError("Connection aborted", ConnectionResetError(104, "reset by peer"))
        return None

    world.polaris.failure = reset
    started = watch_many(world, count, 5 * MINUTE, completed=100.0)

    assert len(resets) >= 3
    assert max(heard.at for _, heard in started) <= 100 + INTERVAL + 2
    assert not [line for line in trigger_log() if line.startswith("WARNING")]


def test_job_whose_request_always_fails_does_not_keep_the_others_from_their_turn(world: Any) -> None:
    """Neither with its own error nor with one that affects all jobs."""

    def poison(method: str, path: str) -> Any:
        if path == "/jobs/job-0/status":
            return world.polaris.answer(500, {"message": "oops"})
        if path == "/jobs/job-1/status":
            raise requests.ReadTimeout("slow")
        return None

    async def scenario() -> list[Any]:
        world.polaris.failure = poison
        started = many(world, 5)
        for number in (2, 3, 4):
            world.polaris.jobs[f"job-{number}"].changes.append((100.0, "completed"))
        await wait_all(world, started, 5 * MINUTE)
        return started

    started = world.run(scenario())

    assert [heard.event and heard.event["state"] for _, heard in started] == [None, None] + ["completed"] * 3
    assert max(heard.at for _, heard in started[2:]) <= 100 + 3 * INTERVAL


def test_job_that_failed_by_itself_hears_nothing_of_what_failed_for_all_in_the_same_tick(world: Any) -> None:
    """Its own failure is the one in the error of its task."""
    polls = []

    def spoil(method: str, path: str) -> Any:
        if path == "/jobs/job-1/status":
            raise requests.ReadTimeout("slow")
        polls.append(path)
        return None

    async def scenario() -> list[Any]:
        started = many(world, 2)
        world.polaris.failure = spoil
        del world.polaris.jobs["job-0"]
        await wait_all(world, started, 20 * MINUTE)
        return started

    gone, slow = (heard.event["message"] for _, heard in world.run(scenario()))

    assert "Job job-0 not found" in gone
    assert f"never seen: {len(polls)} failed polls in a row" in gone
    assert "no answer" in slow


def test_tick_that_breaks_in_the_middle_loses_no_news(world: Any) -> None:
    """The same for a bug of this package."""

    def stumble(method: str, path: str) -> Any:
        if path == "/jobs/job-2/status" and 35 <= world.time() < 45:
            raise ZeroDivisionError("division by zero")
        return None

    world.polaris.failure = stumble
    started = watch_many(world, 3, 5 * MINUTE, completed=33.0)

    assert [heard.event["state"] for _, heard in started] == ["completed"] * 3


def test_failure_is_none_of_those_whose_look_is_not_due(world: Any, trigger_log: Any) -> None:
    """A waiter with a long interval gets no report of an outage between its polls."""

    async def scenario() -> None:
        tasks = []
        for job_id, interval in (("quick", 10.0), ("slow", 600.0)):
            world.polaris.add(job_id, (-5.0, "running"))
            tasks.append(world.watch(job_id, interval)[0])
        world.polaris.failure = lambda method, path: (
            world.polaris.answer(429, {"message": "slow down"}) if 35 <= world.time() < 300 else None
        )
        await asyncio.sleep(590.0)
        await world.finish(*tasks)

    world.run(scenario())

    assert [line[:25] for line in trigger_log() if line.startswith("WARNING")] == ["WARNING Job 'quick' can't"]


def test_poll_that_breaks_counts_as_failed(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the poll must not leave ten thousand tasks waiting forever."""

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("airflow_provider_polaris.triggers.job_watcher.watcher.poll", broken)  # before any request
    started = watch_many(world, 2, 20 * MINUTE)

    for _, heard in started:
        assert heard.event["status"] == "gave_up"
        assert heard.event["message"].endswith(
            "The last error: the poll for all waiting tasks failed: ZeroDivisionError('division by zero')."
        )
