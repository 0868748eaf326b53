# SPDX-License-Identifier: Apache-2.0
"""Replacements for tests of operators and sensors: time, a task instance, and jobs on a loopback server."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION, BaseSensorOperator
from tests.jumping_loop import run_without_sleeping

JOB = "018a90ac-0758-762b-b502-c5b1293302fe"
START = datetime(2026, 11, 20, 6, tzinfo=timezone.utc)
#: The spec of a replace.
REPLACE = {
    "type": "batch",
    "source": {"type": "table", "tableName": "a"},
    "target": {"type": "table", "tableName": "b", "intervals": ["2026-11-19/2026-11-20"]},
    "ingestionMode": "replace",
    "mappings": [{"columnName": "city", "expression": '"city"'}],
}


class FakeClock:
    """Time that passes only by sleeping; ``then`` runs at the end of each sleep, with the number of sleeps."""

    def __init__(self) -> None:
        self.time = START
        self.sleeps: list[float] = []
        self.then: Callable[[int], None] = lambda count: None

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float, stop: Callable[[], bool]) -> None:
        assert len(self.sleeps) < 1000, "the wait never ends"
        self.sleeps.append(seconds)
        self.time += timedelta(seconds=seconds)
        self.then(len(self.sleeps))

    def jitter(self) -> float:
        return 1.0


@dataclass
class FakeTI:
    """Stores the pushed values, in order."""

    pushed: list[tuple[str, Any]] = field(default_factory=list)
    first_poke: datetime | None = None
    dag_id: str = "koalas"
    run_id: str = "run-1"
    task_id: str = "job"
    map_index: int = -1
    try_number: int = 1
    max_tries: int = 0
    start_date: datetime | None = None

    def xcom_push(self, key: str, value: Any) -> None:
        json.dumps(value)
        self.pushed.append((key, value))

    def xcom(self, key: str) -> Any:
        return next((value for name, value in reversed(self.pushed) if name == key), None)

    def xcom_pull(self, *, task_ids: str, key: str, map_indexes: int) -> Any:
        assert (task_ids, map_indexes) == (self.task_id, self.map_index)
        return self.xcom(key)

    def get_first_reschedule_date(self, context: Any) -> datetime | None:
        return self.first_poke


class MemoryStore:
    """The used part of Airflow's task state store; stores JSON."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.values[key]) if key in self.values else default

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        self.values[key] = json.dumps(value)


class Jobs:
    """One job, and its tables, on the scripted server of the parent conftest."""

    def __init__(self, server: Any) -> None:
        self.server = server

    def body(self, status: str = "pending", **values: Any) -> dict[str, Any]:
        return {
            "id": JOB,
            "type": "batch",
            "executionStatus": status,
            "desiredExecutionStatus": "running",
            "health": {"status": "ok"},
            "createdTimestamp": "2026-11-20T06:00:00.800252712Z",
            "source": {"type": "table", "tableName": "Koalas Source"},
            "target": {"type": "table", "tableName": "Koalas Rollup", "intervals": []},
            "ingestionMode": "replace",
            **values,
        }

    def accept(self, **values: Any) -> None:
        """Let the POST succeed."""
        self.server.answer("POST", "/jobs", 201, self.body(**values))

    def is_now(self, status: str, **values: Any) -> None:
        """Let every request for the job return this status."""
        self.server.answer("GET", f"/jobs/{JOB}/status", 200, {"executionStatus": status})
        self.server.answer("GET", f"/jobs/{JOB}", 200, self.body(status, **values))

    def has(self, *, metrics: Mapping[str, Any] | None = None, logs: Any = (), progress: float | None = None) -> None:
        self.server.answer("GET", f"/jobs/{JOB}/metrics", 200, {} if metrics is None else {"totals": metrics})
        self.server.answer("GET", f"/jobs/{JOB}/logs", 200, {"logs": list(logs)})
        if progress is not None:
            self.server.answer("GET", f"/jobs/{JOB}/progress", 200, {"overallProgress": progress})

    def cancel_answers(self, status: int, body: Any) -> None:
        self.server.answer("POST", f"/jobs/{JOB}/status", status, body)

    def table(self, name: str, **values: Any) -> None:
        encoded = name.replace(" ", "%20")
        payload = {"name": name, "type": "detail", "partitioningGranularity": "day", "availability": "available"}
        self.server.answer("GET", f"/tables/{encoded}", 200, {**payload, **values})

    @property
    def asked(self) -> list[str]:
        """``METHOD path`` of every request, below the project."""
        return [f"{r.method} {r.path.split('/projects/')[1].partition('/')[2]}" for r in self.server.requests]

    @property
    def posted(self) -> list[dict[str, Any]]:
        """The body of every submitted job."""
        return [json.loads(r.body) for r in self.server.requests if r.method == "POST" and r.path.endswith("/jobs")]

    @property
    def submitted(self) -> list[dict[str, Any]]:
        """The same without the marker and the origin, which identify the task."""
        specs = self.posted
        for spec in specs:
            spec["context"].pop("airflow")
            spec["context"].pop("airflowOrigin", None)
            if not spec["context"]:
                del spec["context"]
        return specs


class Triggerer:
    """
    Stands in for Airflow between a deferral and the resumption; the trigger is the real one.

    Time passes by looking: each look of the trigger comes ``step`` seconds after the one before.
    """

    def __init__(self, jobs: Jobs, clock: FakeClock) -> None:
        self.step = 30.0
        self._jobs = jobs
        self._clock = clock

    def run(self, deferred: Any) -> tuple[str, dict[str, Any]]:
        """Run the trigger of a deferred task; return how Airflow resumes the task."""
        classpath, arguments = deferred.trigger.serialize()
        trigger = type(deferred.trigger)(**through_airflow(arguments))
        assert classpath == f"{type(trigger).__module__}.{type(trigger).__qualname__}"
        trigger.poll_interval = 0.01
        answers = self._jobs.server.answers
        self._jobs.server.answers = _Ticking(answers, lambda: self._clock.sleep(self.step, lambda: False))
        try:
            event = run_without_sleeping(_only_event(trigger))
        finally:
            self._jobs.server.answers = answers
        return deferred.method_name, through_airflow({**deferred.kwargs, "event": event})


class _Ticking(dict):  # type: ignore[type-arg]
    """Answers with time that passes before each poll of the job."""

    def __init__(self, answers: dict[Any, Any], tick: Callable[[], None]) -> None:
        super().__init__()
        self.answers, self.tick = answers, tick

    def get(self, key: Any, default: Any = None) -> Any:
        if key == ("GET", f"/jobs/{JOB}/status"):
            self.tick()
        return self.answers.get(key, default)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.answers[key] = value


async def _only_event(trigger: Any) -> Any:
    events = [event.payload async for event in trigger.run()]
    assert len(events) == 1
    return events[0]


def through_airflow(value: dict[str, Any]) -> dict[str, Any]:
    """Return arguments as Airflow's own encoder stores them in the database."""
    if AIRFLOW_VERSION >= (3, 2):
        from airflow.sdk.serde import deserialize, serialize
    else:
        from airflow.serialization.serialized_objects import BaseSerialization

        deserialize, serialize = BaseSerialization.deserialize, BaseSerialization.serialize
    result = deserialize(json.loads(json.dumps(serialize(value))))
    assert isinstance(result, dict)
    return result


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """Replace the real clock with a fake one."""
    fake = FakeClock()
    monkeypatch.setattr("airflow_provider_polaris.runtime.clock.CLOCK", fake)
    return fake


@pytest.fixture
def airflow_sleeps(monkeypatch: pytest.MonkeyPatch, clock: Any) -> Any:
    """Let Airflow's own sensor loop sleep on the fake clock."""
    module = sys.modules[BaseSensorOperator.__module__]

    class FakeTime:
        sleep = staticmethod(lambda seconds: clock.sleep(seconds, lambda: False))
        monotonic = staticmethod(lambda: clock.now().timestamp())

    monkeypatch.setattr(module, "time", FakeTime)
    return clock


@pytest.fixture
def no_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients give up at the first failure, because they would wait in real time."""
    from airflow_provider_polaris.client import ClientSettings

    from_host = ClientSettings.from_host.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(
        ClientSettings,
        "from_host",
        classmethod(lambda cls, host, **values: from_host(cls, host, retry_budget=0.0, **values)),
    )


@pytest.fixture
def jobs(server: Any, connect: Any, no_retries: None) -> Jobs:
    """Return the scripted jobs of the default connection, whose client gives up at the first failure."""
    connect(host=server.url)
    return Jobs(server)


@pytest.fixture
def running(jobs: Jobs) -> Jobs:
    """Return a replace job that runs until told otherwise."""
    jobs.accept()
    jobs.is_now("running")
    jobs.has(metrics={"numRowsProcessed": 7, "numRowsPersisted": 2}, progress=0.1)
    return jobs


@pytest.fixture
def tables(jobs: Jobs) -> Jobs:
    """Let source and target exist, and jobs be accepted."""
    jobs.table("Koalas Source")
    jobs.table("Koalas Rollup", type="aggregate")
    jobs.accept()
    return jobs


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the row counts to the tests of the guards."""
    from airflow_provider_polaris.operators.guards.guarded_job import GuardDecision

    submit = GuardDecision("submit", "not counted.")
    monkeypatch.setattr(
        "airflow_provider_polaris.operators.guards.table_to_table.SourceGuards.check", lambda self, own_jobs: submit
    )


@pytest.fixture
def triggerer(jobs: Jobs, clock: FakeClock) -> Triggerer:
    """Return the replacement of Airflow's triggerer."""
    return Triggerer(jobs, clock)


@pytest.fixture
def ti() -> FakeTI:
    """Return a task instance that stores its XComs."""
    return FakeTI()


@pytest.fixture
def context(ti: FakeTI) -> dict[str, Any]:
    """Return the context of a run with the data interval of one day."""
    day = datetime(2026, 11, 19, tzinfo=timezone.utc)
    store = {"task_state_store": MemoryStore()} if AIRFLOW_VERSION >= (3, 3) else {}
    return {"ti": ti, "data_interval_start": day, "data_interval_end": day + timedelta(days=1), **store}


@pytest.fixture
def task_log(logged: Any) -> Any:
    """Return a function that returns the log lines of operators and sensors, as ``LEVEL text``."""
    from airflow_provider_polaris.operators.base import PolarisBaseOperator
    from airflow_provider_polaris.sensors.polaris import PolarisJobSensor

    before_3_3 = "has no task state store"
    return logged(PolarisBaseOperator, PolarisJobSensor, without=(before_3_3,))
