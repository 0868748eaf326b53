# SPDX-License-Identifier: Apache-2.0
"""Requests that don't end, in real threads: the poll continues without them, in a limited number of threads."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_polaris.client import ClientSettings, PolarisClient
from airflow_provider_polaris.triggers.job_watcher import poll_thread as lane
from airflow_provider_polaris.triggers.job_watcher import watcher
from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger
from airflow_provider_polaris.triggers.polling.client_threads import ClientThreads

#: An answer that hangs until the test releases it.
HANG = object()


class Service:
    """Scripted answers over a session without a socket; counts the requests of each job."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: Counter[str] = Counter()
        self.under_way: Counter[str] = Counter()
        self.most_under_way = 0
        self.release = threading.Event()
        self.rows: list[dict[str, Any]] = []
        self.list_hangs = False

    def request(self, method: str, url: str, *, params: Any = None, **_: Any) -> Any:
        path = url.partition("/projects/p")[2]
        name = "list" if path == "/jobs" else path.removeprefix("/jobs/").removesuffix("/status")
        self.asked[name] += 1
        self.under_way[name] += 1
        self.most_under_way = max(self.most_under_way, sum(self.under_way.values()))
        try:
            return self._answer(name)
        finally:
            self.under_way[name] -= 1

    def _answer(self, name: str) -> Any:
        if name == "list":
            if self.list_hangs:
                assert self.release.wait(30)
            return response(200, {"values": self.rows, "moreResultsAvailable": False})
        answer = self.answers.get(name, "running")
        if answer is HANG:
            assert self.release.wait(30)
            answer = self.answers[name]
            answer = "completed" if answer is HANG else answer
        if isinstance(answer, SimpleNamespace):
            return answer
        return response(200, {"executionStatus": answer, "overallProgress": 0.5})

    def close(self) -> None:
        """Do nothing: no connection is open."""


def response(status: int, body: Any) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return SimpleNamespace(status_code=status, headers={"Content-Type": "application/json"}, content=content)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Put a service behind all watchers; afterwards release everything that hangs."""
    made = Service()
    settings = ClientSettings("http://127.0.0.1:9", "p", api_key="pok_0123456789abcdef", retry_budget=0.0)

    def make_client(settings: ClientSettings) -> PolarisClient:
        return PolarisClient(settings, session=made)  # type: ignore[arg-type]

    def threads(name: str, *, most: int, stay: bool, retry_budget: float) -> ClientThreads:
        return ClientThreads(name, most=most, stay=stay, retry_budget=retry_budget, make_client=make_client)

    async def read_settings(conn_id: str) -> ClientSettings:
        return settings

    monkeypatch.setattr(watcher, "DEPENDENCIES", watcher.Dependencies(read_settings, threads, random.Random(1)))
    monkeypatch.setattr(lane, "CHECK_SECONDS", 0.02)
    yield made
    made.release.set()
    asyncio.run(until(lambda: not polaris_threads()))


def polaris_threads() -> list[str]:
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith("polaris-") and name != "polaris-emulator"]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something, with a limited number of checks."""
    for _ in range(4000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never happened")


@asynccontextmanager
async def waiting(*job_ids: str) -> AsyncIterator[dict[str, dict[str, Any]]]:
    """Wait for jobs; yields the events in their order."""
    events: dict[str, dict[str, Any]] = {}

    async def wait(job_id: str) -> None:
        async for event in PolarisJobTrigger(job_id, poll_interval=0.1, pending_warning=None).run():
            events[job_id] = event.payload

    tasks = [asyncio.create_task(wait(job_id)) for job_id in job_ids]
    try:
        yield events
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def test_end_of_a_good_job_is_heard_before_the_request_of_a_bad_one_returns(service: Service) -> None:
    """The bad job is requested first, and its answer never arrives; from then on it has one open request."""
    service.answers["bad"] = HANG

    async def scenario() -> None:
        async with waiting("bad", "good") as events:
            await until(lambda: service.asked["good"] >= 5)
            assert service.asked["bad"] == 2  # in the abandoned poll, and separately
            service.answers["good"] = "completed"
            await until(lambda: "good" in events)
            assert not service.release.is_set()
            service.release.set()
            await until(lambda: "bad" in events)
            assert {event["state"] for event in events.values()} == {"completed"}

    asyncio.run(scenario())


def test_many_bad_jobs_take_a_bounded_number_of_threads(service: Service) -> None:
    """The abandoned ones, four separate ones, and the poll, which serves the good job."""
    names = [f"bad-{number}" for number in range(8)]
    service.answers.update(dict.fromkeys(names, HANG))

    async def scenario() -> None:
        async with waiting(*names, "good") as events:
            await until(lambda: service.asked["good"] >= 10)
            assert sum(service.asked[name] for name in names) == 12  # each once, and four separately
            assert sorted(polaris_threads()) == ["polaris-apart"] * 4 + ["polaris-poll"] * 9
            service.answers["good"] = "completed"
            await until(lambda: "good" in events)

    asyncio.run(scenario())

    assert service.most_under_way <= 13


def test_job_that_is_answered_again_joins_the_others(service: Service) -> None:
    """Its first quick answer to a separate request is its last separate one."""
    service.answers["bad"] = HANG

    async def scenario() -> None:
        async with waiting("bad", "good") as events:
            await until(lambda: service.asked["good"] >= 5)
            service.answers["bad"] = "running"
            service.release.set()
            await until(lambda: polaris_threads() == ["polaris-poll"] and service.asked["bad"] >= 8)
            assert events == {} or events.keys() == {"bad"}

    asyncio.run(scenario())


def test_list_that_hangs_is_given_up_and_jobs_are_asked_for_one_by_one(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A poll has its own deadline; jobs that it could not find in a list are requested in the same poll."""
    monkeypatch.setattr(lane, "POLL_SECONDS", 0.1)
    service.list_hangs = True
    names = [f"job-{number}" for number in range(8)]

    async def scenario() -> None:
        async with waiting(*names) as events:
            await until(lambda: all(service.asked[name] >= 1 for name in names))
            assert service.asked["list"] == 1
            service.answers.update(dict.fromkeys(names, "completed"))
            await until(lambda: len(events) == 8)
            assert not service.release.is_set()

    asyncio.run(scenario())


def test_progress_that_hangs_is_never_asked_for_again_and_delays_no_news(service: Service) -> None:
    """It is telemetry: ends that the same poll found are delivered without it."""
    names = [f"job-{number}" for number in range(7)]
    service.rows = [{"id": name, "executionStatus": "running"} for name in names]
    service.answers.update({f"{name}/progress": HANG for name in names})

    async def scenario() -> None:
        async with waiting(*names) as events:
            await until(lambda: service.asked["list"] >= 10)
            service.rows = [{"id": name, "executionStatus": "completed"} for name in names]
            await until(lambda: len(events) == 7)
            assert not service.release.is_set()
            assert sum(service.asked[f"{name}/progress"] for name in names) == 1

    asyncio.run(scenario())


def test_nothing_large_is_parsed_or_logged_on_the_event_loop(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Answers of megabytes are read in other threads, and only short texts of them reach the loop."""
    large = "z" * 2_000_000
    service.answers.update(
        {
            "status": response(200, {"executionStatus": large}),
            "code": response(404, {"code": large, "message": "x"}),
            "message": response(409, {"message": large}),
            "page": response(502, large.encode()),
            "more": response(200, {"executionStatus": "running", "more": [large]}),
        }
    )
    parsed: list[tuple[int, int]] = []
    loads = json.loads

    def noted(text: Any, **options: Any) -> Any:
        parsed.append((threading.get_ident(), len(text)))
        return loads(text, **options)

    monkeypatch.setattr(json, "loads", noted)
    names = ["status", "code", "message", "page", "more"]
    told: list[Any] = []
    deliver = watcher.Waiter.deliver

    def deliver_and_note(self: Any, observation: Any) -> None:
        told.append(observation)
        deliver(self, observation)

    monkeypatch.setattr(watcher.Waiter, "deliver", deliver_and_note)

    async def scenario() -> int:
        async with waiting(*names):
            await until(lambda: all(service.asked[name] >= 3 for name in names))
        return threading.get_ident()

    with caplog.at_level(logging.DEBUG):
        loop = asyncio.run(scenario())

    assert max(size for thread, size in parsed if thread != loop) > 1_000_000
    assert [size for thread, size in parsed if thread == loop and size > 300_000] == []
    assert max(len(str(observation.error)) + len(str(observation.status)) for observation in told) <= 4100
    assert max(len(record.getMessage()) for record in caplog.records) < 5000


@pytest.mark.parametrize("most_left", [8, 0], ids=["apart", "in the tick"])
def test_watch_that_ends_leaves_no_task_though_a_request_hangs(
    service: Service, monkeypatch: pytest.MonkeyPatch, most_left: int
) -> None:
    """The last waiter leaves: nothing on the loop waits for the answer."""
    monkeypatch.setattr(lane, "MOST_ABANDONED", most_left)
    service.answers["bad"] = HANG

    async def scenario() -> None:
        async with waiting("bad", "good"):
            await until(lambda: service.asked["bad"] >= (2 if most_left else 1))
        await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})
        assert not service.release.is_set()

    asyncio.run(scenario())


def test_tick_waits_for_its_request_once_too_many_threads_are_left_behind(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of threads is limited; waiting work continues as soon as one of them is free."""
    monkeypatch.setattr(lane, "MOST_ABANDONED", 2)
    names = [f"bad-{number}" for number in range(3)]
    service.answers.update(dict.fromkeys(names, HANG))

    async def scenario() -> None:
        async with waiting(*names, "good") as events:
            await until(lambda: all(service.asked[name] for name in names))
            looks = count()
            await until(lambda: next(looks) == 50)  # while the loop checks the poll repeatedly
            assert polaris_threads().count("polaris-poll") == 3
            assert service.asked["good"] == 0
            service.answers["good"] = "completed"
            service.release.set()
            await until(lambda: len(events) == 4)

    asyncio.run(scenario())
