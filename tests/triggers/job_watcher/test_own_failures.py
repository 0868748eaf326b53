# SPDX-License-Identifier: Apache-2.0
"""An error, slow or malformed answer affects only its job: other ends are detected within their own interval."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from typing import Any

import pytest
import requests

from tests.triggers.waiters import INTERVAL, MINUTE, many, wait_all

YEARS = "315360000"
#: An end is detected within this time.
LIMIT = INTERVAL + 2.0


def raw(status: int, body: bytes, **headers: str) -> Any:
    """Return an answer of exactly these bytes."""
    from tests.triggers.conftest import Answer

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"Content-Type": "application/json", **named}, body)


def nested(levels: int) -> bytes:
    return b'{"error":' * levels + b'"x"' + b"}" * levels


def bad(world: Any, kind: str) -> Any:
    """Answer as badly as the kind requires."""
    if kind == "time-out":
        raise requests.ReadTimeout("slow")
    if kind == "reset":
        raise requests.ConnectionError("Connection aborted", ConnectionResetError(104, "reset by peer"))
    if kind == "breaks our code":
        raise RecursionError("maximum recursion depth exceeded")
    return _answers()[kind]


@cache
def _answers() -> dict[str, Any]:
    """Return the answers that are no exceptions; some take long to build."""
    return {
        "404 with Retry-After": raw(404, b"{}", Retry_After=YEARS),
        "400 with Retry-After": raw(400, b"{}", Retry_After=YEARS),
        "409 with Retry-After": raw(409, b"{}", Retry_After=YEARS),
        "500 with Retry-After": raw(500, b"{}", Retry_After=YEARS),
        "503 until a far date": raw(503, b"{}", Retry_After="Fri, 01 Jun 2299 12:00:00 GMT"),
        "500": raw(500, b"{}"),
        "redirect": raw(302, b"", Location="http://["),
        "no JSON": raw(200, b"<html>"),
        "nested": raw(200, nested(5000)),
        "nested error": raw(400, nested(980)),
        "no status": raw(200, b"{}"),
        "status is an object": raw(200, b'{"executionStatus": {"a": 1}}'),
        "status of megabytes": raw(200, json.dumps({"executionStatus": "B" * 2_000_000}).encode()),
        "code of megabytes": raw(404, json.dumps({"code": "A" * 2_000_000, "message": "x"}).encode()),
        "message of megabytes": raw(500, json.dumps({"message": "a b " * 500_000}).encode()),
    }


KINDS = [
    "time-out",
    "reset",
    "breaks our code",
    "404 with Retry-After",
    "400 with Retry-After",
    "409 with Retry-After",
    "500 with Retry-After",
    "503 until a far date",
    "500",
    "redirect",
    "no JSON",
    "nested",
    "nested error",
    "no status",
    "status is an object",
    "status of megabytes",
    "code of megabytes",
    "message of megabytes",
]


@pytest.mark.parametrize("kind", KINDS)
def test_bad_job_costs_the_others_nothing(world: Any, kind: str, trigger_log: Any) -> None:
    """Every other job is polled in each interval until its end; all messages and log lines are short."""

    async def scenario() -> list[Any]:
        world.polaris.failure = lambda method, path: bad(world, kind) if path == "/jobs/job-0/status" else None
        started = many(world, 4)
        for number in (1, 2, 3):
            world.polaris.jobs[f"job-{number}"].changes.append((95.0 + number, "completed"))
        await wait_all(world, started, 3 * MINUTE)
        return started

    started = world.run(scenario())

    assert [heard.event["state"] for _, heard in started[1:]] == ["completed"] * 3
    for number in (1, 2, 3):
        assert started[number][1].at <= 95.0 + number + LIMIT
    assert started[0][1].event is None
    assert max(len(line) for line in trigger_log()) < 5000


def test_event_about_a_job_with_endless_texts_is_short(world: Any) -> None:
    """Texts in Airflow's database have a limited length: the state, and the message with the service's own text."""

    async def scenario() -> list[Any]:
        world.polaris.failure = lambda method, path: bad(
            world, "status of megabytes" if path == "/jobs/job-0/status" else "code of megabytes"
        )
        started = many(world, 2)
        await wait_all(world, started, 20 * MINUTE)
        return started

    unknown, gone = (heard.event for _, heard in world.run(scenario()))

    assert (unknown["status"], unknown["state"]) == ("gave_up", None)
    assert (gone["status"], gone["state"]) == ("gave_up", None)
    assert max(len(event["message"]) for event in (unknown, gone)) <= 4000


def test_requests_for_healthy_jobs_come_first(world: Any) -> None:
    """A job whose last request failed is requested after the others, in every poll except the first."""
    asked: list[str] = []

    def spoil(method: str, path: str) -> Any:
        asked.append(path.split("/")[2])
        return world.polaris.answer(500, {}) if asked[-1] == "job-0" else None

    async def scenario() -> None:
        world.polaris.failure = spoil
        started = many(world, 4)
        await asyncio.sleep(10 * INTERVAL)
        await world.finish(*(task for task, _ in started))

    world.run(scenario())

    order = [job_id for job_id, before in zip(asked, [None, *asked], strict=False) if job_id != before]
    later = order[order.index("job-3") :]
    assert later[:9] == ["job-3", "job-1", "job-2", "job-3", "job-0", "job-1", "job-2", "job-3", "job-0"]


def test_job_that_was_asked_to_wait_is_left_alone_for_ten_minutes_at_most(world: Any) -> None:
    """A 503 with a ``Retry-After`` of years for one job: its pause is capped, and then its end is detected."""
    asked: list[float] = []

    def spoil(method: str, path: str) -> Any:
        if path != "/jobs/job-0/status":
            return None
        asked.append(world.time())
        return world.polaris.answer(503, {}, Retry_After=YEARS) if len(asked) == 1 else None

    async def scenario() -> list[Any]:
        world.polaris.failure = spoil
        started = many(world, 2)
        world.polaris.jobs["job-0"].changes.append((100.0, "completed"))
        await wait_all(world, started, 20 * MINUTE)
        return started

    started = world.run(scenario())

    assert len(asked) == 2
    assert asked[1] - asked[0] == pytest.approx(600.5, abs=0.2)
    assert started[0][1].event["state"] == "completed"
    assert started[0][1].at == pytest.approx(asked[1], abs=0.1)


@pytest.mark.parametrize("count", [2, 30])
@pytest.mark.parametrize("value", [YEARS, "Fri, 01 Jun 2299 12:00:00 GMT"])
def test_throttled_connection_pauses_for_ten_minutes_at_most(world: Any, count: int, value: str) -> None:
    """A 429 applies to all jobs; a wait of years is capped."""
    told: list[float] = []

    def throttle(method: str, path: str) -> Any:
        if world.time() >= 35.0 and not told:
            told.append(world.time())
            return world.polaris.answer(429, {"message": "slow down"}, Retry_After=value)
        return None

    async def scenario() -> list[Any]:
        world.polaris.failure = throttle
        started = many(world, count)
        for job in world.polaris.jobs.values():
            job.changes.append((100.0, "completed"))
        await wait_all(world, started, 20 * MINUTE)
        return started

    started = world.run(scenario())

    assert [at for at, _ in world.polaris.requests if told[0] < at < told[0] + 599] == []
    assert [heard.event["state"] for _, heard in started] == ["completed"] * count
    assert max(heard.at for _, heard in started) <= told[0] + 600 + LIMIT


def test_throttled_answer_to_a_job_that_is_asked_for_apart_pauses_everybody(world: Any) -> None:
    """A 429 applies to all jobs, whichever request gets it."""
    apart: list[float] = []

    def spoil(method: str, path: str) -> Any:
        if path != "/jobs/job-0/status":
            return None
        apart.append(world.time())
        return world.polaris.answer(429, {}, Retry_After="120") if len(apart) == 8 else world.polaris.answer(500, {})

    async def scenario() -> None:
        world.polaris.failure = spoil
        started = many(world, 3)
        await asyncio.sleep(5 * MINUTE)
        await world.finish(*(task for task, _ in started))

    world.run(scenario())

    last = apart[7]
    assert [at for at, _ in world.polaris.requests if last < at < last + 119] == []
    assert [at for at, _ in world.polaris.requests if at > last + 119] != []


def test_list_that_is_asked_to_wait_pauses_everybody(world: Any) -> None:
    """A 503 for the list concerns all jobs that are searched in it."""
    told: list[float] = []

    def throttle(method: str, path: str) -> Any:
        if path == "/jobs" and not told:
            told.append(world.time())
            return world.polaris.answer(503, {}, Retry_After="100")
        return None

    async def scenario() -> None:
        world.polaris.failure = throttle
        started = many(world, 30)
        await asyncio.sleep(5 * MINUTE)
        await world.finish(*(task for task, _ in started))

    world.run(scenario())

    assert [at for at, _ in world.polaris.requests if told[0] < at < told[0] + 99] == []


@pytest.mark.parametrize("kind", ["huge number", "breaks our code", "500 with Retry-After", "404 with Retry-After"])
def test_odd_progress_costs_nobody_anything(world: Any, kind: str) -> None:
    """Progress is telemetry: it neither fails nor delays a poll."""

    def spoil(method: str, path: str) -> Any:
        if not path.endswith("/progress"):
            return None
        if kind == "huge number":
            return raw(200, b'{"overallProgress": 1' + b"0" * 400 + b"}")
        return bad(world, kind)

    async def scenario() -> list[Any]:
        world.polaris.failure = spoil
        started = many(world, 7)
        for job in world.polaris.jobs.values():
            job.changes.append((100.0, "completed"))
        await wait_all(world, started, 5 * MINUTE)
        return started

    started = world.run(scenario())

    assert world.polaris.asked("progress") >= 5
    assert max(heard.at for _, heard in started) <= 100 + LIMIT
    assert [heard.event["state"] for _, heard in started] == ["completed"] * 7


def endless(world: Any, kind: str) -> Any:
    """Return a list that has no end, or is invalid."""
    number = len(world.polaris.requests) * 1000
    if kind == "time-out":
        raise requests.ReadTimeout("slow")
    if kind == "row without id":
        return raw(200, json.dumps({"values": [{"id": 7}], "moreResultsAvailable": False}).encode())
    if kind == "no JSON":
        return raw(200, b"<html>")
    rows = {
        "new ids": [{"id": f"x{number + each}", "executionStatus": "running"} for each in range(1000)],
        "same page": [{"id": f"x{each}", "executionStatus": "running"} for each in range(1000)],
        "one row a page": [{"id": f"x{number}", "executionStatus": "running"}],
    }[kind]
    return raw(200, json.dumps({"values": rows, "moreResultsAvailable": True}).encode())


@pytest.mark.parametrize("kind", ["new ids", "same page", "one row a page", "time-out", "row without id", "no JSON"])
def test_list_without_end_or_sense_keeps_nobody_from_its_end(world: Any, kind: str) -> None:
    """At most twelve pages per poll; then jobs are requested one by one, and the list is tried less and less often."""

    async def scenario() -> list[Any]:
        world.polaris.failure = lambda method, path: endless(world, kind) if path == "/jobs" else None
        started = many(world, 30)
        for number, job in enumerate(world.polaris.jobs.values()):
            job.changes.append((95.0 + number, "completed"))
        await wait_all(world, started, 10 * MINUTE)
        return started

    started = world.run(scenario())

    assert [heard.event["state"] for _, heard in started] == ["completed"] * 30
    for number, (_, heard) in enumerate(started):
        assert heard.at <= 95.0 + number + LIMIT
    ticks = world.polaris.polls_by_tick(gap=3.0)
    assert max(tick.count("GET page") for tick in ticks) <= 12
    assert max(tick.count("GET status") for tick in ticks) <= 50
    assert sum(1 for tick in ticks if "GET page" in tick) <= 5


def test_list_that_works_again_is_used_again(world: Any) -> None:
    """One bad page doesn't cause fifty requests per interval for long."""
    spoiled = []

    def spoil(method: str, path: str) -> Any:
        if path == "/jobs" and not spoiled:
            spoiled.append(path)
            return raw(200, b"<html>")
        return None

    async def scenario() -> None:
        world.polaris.failure = spoil
        started = many(world, 100)
        await asyncio.sleep(10 * INTERVAL)
        await world.finish(*(task for task, _ in started))

    world.run(scenario())

    ticks = world.polaris.polls_by_tick(gap=3.0)
    assert [tick.count("GET status") for tick in ticks][:4] == [50, 50, 0, 0]


def test_network_that_is_down_is_asked_twice_a_tick_and_lists_come_back_with_it(world: Any) -> None:
    """If neither lists nor single requests are answered, the connection failed: no fifty requests follow."""

    def down(method: str, path: str) -> None:
        if 35 <= world.time() < 200:
            raise requests.ReadTimeout("slow")

    async def scenario() -> list[Any]:
        world.polaris.failure = down
        started = many(world, 200)
        for job in world.polaris.jobs.values():
            job.changes.append((100.0, "completed"))
        await wait_all(world, started, 10 * MINUTE)
        return started

    started = world.run(scenario())

    assert [heard.event["state"] for _, heard in started] == ["completed"] * 200
    assert max(heard.at for _, heard in started) <= 200 + LIMIT + 1
    ends = [tick for tick in world.polaris.polls_by_tick(gap=3.0) if "GET page" in tick]
    assert max(tick.count("GET status") for tick in ends) <= 12


def test_statuses_that_are_new_each_time_make_ten_warnings_at_most(world: Any, trigger_log: Any) -> None:
    """A service that returns a new word every minute fills neither the log nor the memory with warnings."""

    async def scenario() -> None:
        job = world.polaris.add("job-1", (-5.0, "running"))
        job.changes += [(40.0 * number, f"word {number}") for number in range(1, 20)]
        job.changes += [(40.0 * number + 20.0, "running") for number in range(1, 20)]
        job.changes.sort()
        task, _ = world.watch("job-1", INTERVAL)
        await asyncio.sleep(800.0)
        await world.finish(task)

    world.run(scenario())

    assert len([line for line in trigger_log() if line.startswith("WARNING")]) == 10
