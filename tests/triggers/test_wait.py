# SPDX-License-Identifier: Apache-2.0
"""The trigger of a task that has not submitted its job: it wakes the task, shares requests, and outlasts outages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from airflow_provider_polaris.client import ClientSettings
from airflow_provider_polaris.jobs.errors import PolarisNotFoundError, PolarisServerError
from airflow_provider_polaris.triggers.job_watcher import watcher as jobs
from airflow_provider_polaris.triggers.polling.client_threads import ClientThreads
from airflow_provider_polaris.triggers.wait import PolarisWaitTrigger
from airflow_provider_polaris.triggers.wait_watcher import watcher
from tests.operators.conftest import FakeClock, through_airflow

#: A limit for broken code.
BACKSTOP = 60


class Service:
    """Answers in order; the last answer of a subject stays."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Any]] = {}
        self.asked: list[str] = []

    def get_query(self, query_id: str) -> Any:
        return {"state": self._next(query_id)}

    def get_table(self, name: str) -> Any:
        return {"name": name, "availability": self._next(name)}

    def close(self) -> None:
        """Nothing is open."""

    def _next(self, name: str) -> Any:
        self.asked.append(name)
        answers = self.answers[name]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    """Let the triggers ask a service in memory, without pauses."""
    found = Service()
    settings = ClientSettings.from_host("https://acme.us-east-1.aws.api.imply.io", api_key="pok_1", project_id="p")

    async def read_settings(_: str) -> Any:
        return settings

    threads = partial(ClientThreads, make_client=lambda _: found)
    monkeypatch.setattr(jobs, "DEPENDENCIES", jobs.Dependencies(read_settings, threads))
    for name in ("_FIRST_INTERVAL", "_LONGEST_INTERVAL"):
        monkeypatch.setattr(watcher, name, 0.01)
    return found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr("airflow_provider_polaris.runtime.clock.CLOCK", clock)
    return clock


@pytest.fixture
def lines(logged: Callable[..., Callable[[], list[str]]]) -> Callable[[], list[str]]:
    return logged(PolarisWaitTrigger)


def trigger(clock: FakeClock, kind: str, *ids: str, not_before: float = 0.0, seconds: float = 600.0) -> Any:
    now = clock.now().timestamp()
    made = PolarisWaitTrigger(kind, ids, not_before=now + not_before, deadline=now + seconds)
    classpath, arguments = made.serialize()
    assert classpath == "airflow_provider_polaris.triggers.wait.PolarisWaitTrigger"
    return PolarisWaitTrigger(**through_airflow(arguments))


def events(*triggers: Any) -> list[Any]:
    async def run(each: Any) -> list[Any]:
        return [event.payload async for event in each.run()]

    async def all_of_them() -> list[Any]:
        return await asyncio.wait_for(asyncio.gather(*map(run, triggers)), BACKSTOP)

    return asyncio.run(all_of_them())


DUE = [{"status": "due"}]


def test_queries_are_waited_for_until_all_have_ended(service: Service, clock: FakeClock) -> None:
    """A failed or missing query has ended, too: the worker decides. An ended one isn't looked at again."""
    service.answers = {
        "q1": ["ACCEPTED", "RUNNING", "SUCCESS"],
        "q2": ["FAILED"],
        "q3": [PolarisNotFoundError("no such query", status=404)],
    }
    assert events(trigger(clock, "queries", "q1", "q2", "q3")) == [DUE]
    assert sorted(service.asked) == ["q1", "q1", "q1", "q2", "q3"]


def test_tasks_that_wait_for_the_same_share_their_requests(service: Service, clock: FakeClock) -> None:
    """One request for each subject and poll, however many tasks wait."""
    service.answers = {"t": ["unavailable", "unavailable", "available"]}
    assert events(*(trigger(clock, "table", "t") for _ in range(50))) == [DUE] * 50
    assert service.asked == ["t"] * 3


def test_service_that_is_away_is_no_end(service: Service, clock: FakeClock, lines: Callable[[], list[str]]) -> None:
    """One line for the start of an outage and one for its end."""
    away = PolarisServerError("GET /tables/t answered 503.", status=503)
    service.answers = {"t": [away, away, "unavailable", away, "available"]}
    assert events(trigger(clock, "table", "t")) == [DUE]
    warning = "WARNING It is unknown whether table 't' is available. The wait continues: GET /tables/t answered 503."
    again = "INFO The service answers again."
    assert lines() == [warning, again, warning, again]


@pytest.mark.parametrize("kind, ids", [("time", ()), ("table", ("t",))])
def test_deadline_in_the_past_fires_at_once(service: Service, clock: FakeClock, kind: str, ids: Any) -> None:
    """The worker finds out what the deadline means, also if the triggerer was away."""
    service.answers = {"t": ["unavailable"]}
    assert events(trigger(clock, kind, *ids, not_before=-20, seconds=-10)) == [DUE]
    assert events(trigger(clock, kind, *ids, not_before=20, seconds=-10)) == [DUE]


def test_event_waits_for_its_earliest_time(service: Service, clock: FakeClock, monkeypatch: Any) -> None:
    """So that an end that the worker doesn't see can't start worker after worker."""
    slept: list[float] = []
    sleep = asyncio.sleep

    async def fake_sleep(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    monkeypatch.setattr("airflow_provider_polaris.triggers.wait.asyncio.sleep", fake_sleep)
    service.answers = {"q": ["SUCCESS"]}
    assert events(trigger(clock, "queries", "q", not_before=8)) == [DUE]
    assert events(trigger(clock, "time", not_before=90)) == [DUE]
    # Old versions of Airflow sleep, too, for fractions of a second.
    assert [seconds for seconds in slept if seconds >= 1] == [8.0, 90.0]


def test_trigger_that_is_stopped_leaves_its_watcher(service: Service, clock: FakeClock) -> None:
    """The last one stops the requests."""
    service.answers = {"q": ["RUNNING"]}

    async def run() -> int:
        waiting = asyncio.create_task(anext(trigger(clock, "queries", "q").run()))
        for _ in range(6000):
            if service.asked:
                break
            await asyncio.sleep(0.01)
        found = watcher.wait_watcher_of("polaris_default")
        waiting.cancel()
        await asyncio.wait([waiting])
        return len(found._waiters) + (found._task is not None)

    assert asyncio.run(run()) == 0
