# SPDX-License-Identifier: Apache-2.0
"""A task, its store and its clock, and a Polaris that loses answers and hides jobs on demand."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_polaris.client import ClientSettings, PolarisClient
from airflow_provider_polaris.emulator.server import RunningEmulator
from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisApiError,
    PolarisGuardError,
    PolarisTransportError,
)
from airflow_provider_polaris.operators.submission.record import RECORD_KEY
from airflow_provider_polaris.operators.submission.submit import Submitted, submit_once
from airflow_provider_polaris.operators.submission.task_identity import TaskIdentity
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from tests.operators.submission.koalas import koalas_emulator

START = datetime(2026, 11, 20, 6, tzinfo=timezone.utc)
JOB_SECONDS = 1000.0
CONNECTION = "polaris_default"
#: Whether to try with a task state store.
STORES = [True, False] if AIRFLOW_VERSION >= (3, 3) else [False]
LOST = "POST /jobs lost its connection before the answer was complete."
MODES = ["append", "replace"]
#: Runs a test with each service.
each_service = pytest.mark.parametrize("service", ["polaris", "druid"], indirect=True)
#: Changes a spec: one of its three rows remains.
FILTER = {"filterExpression": "\"city\" <> 'Oslo'"}


class Death(BaseException):
    """The worker is killed with -9."""


class FakeClock:
    """Time that passes only by sleeping, for worker and Polaris."""

    def __init__(self) -> None:
        self.time = START
        self.slept = 0.0
        #: Called once, when its time has come.
        self.events: list[tuple[datetime, Callable[[], None]]] = []

    def now(self) -> datetime:
        return self.time

    def nanoseconds(self) -> int:
        return int((self.time - datetime(1970, 1, 1, tzinfo=timezone.utc)) / timedelta(microseconds=1)) * 1000

    def at(self, seconds: float, event: Callable[[], None]) -> None:
        self.events.append((self.time + timedelta(seconds=seconds), event))

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        due = [event for moment, event in self.events if moment <= self.time]
        self.events = [(moment, event) for moment, event in self.events if moment > self.time]
        for event in due:
            event()

    def sleep(self, seconds: float, stop: Callable[[], bool]) -> None:
        assert self.slept < 100_000, "the wait never ends"
        if not stop():
            self.slept += seconds
            self.advance(seconds)

    def jitter(self) -> float:
        return 1.0


class MemoryStore:
    """The used part of Airflow's task state store; stores JSON. Skips the test if this Airflow has none."""

    def __init__(self) -> None:
        if AIRFLOW_VERSION < (3, 3):
            pytest.skip("Airflow has a task state store since 3.3")
        self.values: dict[str, str] = {}
        self.before_set: Callable[[Any], None] = lambda value: None
        self.after_set: Callable[[Any], None] = lambda value: None
        self.swallows = False
        self.retentions: list[Any] = []

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.values[key]) if key in self.values else default

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        self.before_set(value)
        if not self.swallows:
            self.values[key] = json.dumps(value)
            self.retentions.append(retention)
        self.after_set(value)

    def delete(self, key: str) -> None:
        self.values.pop(key, None)

    def clear(self) -> None:
        self.values.clear()

    @property
    def record(self) -> Any:
        return self.get(RECORD_KEY)


@dataclass
class FakeKill:
    """A kill handler that cancels as the real one does."""

    wire: Any
    is_killed: bool = False
    job_id: str | None = None

    def set_job(self, job_id: str, log: logging.Logger) -> None:
        assert log.name == "test.submission"
        self.job_id = job_id
        if self.is_killed:
            self.wire.cancel_job(job_id)


class Wire(PolarisHook):
    """
    The hook, with a network between it and Polaris that can be disturbed.

    :param clock: The time.
    """

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(CONNECTION)
        self.clock = clock
        #: Outcome of each POST, in order; later ones succeed.
        self.posts: list[Any] = []
        self.sent: list[dict[str, Any]] = []
        #: Ids of the jobs that our own POSTs created.
        self.ours: list[str] = []
        self.asked: list[str] = []
        self.visible_after = 0.0
        self.visible: dict[str, datetime] = {}
        self.echoes_markers = True
        self.refuses_markers = False
        self.refuses_origins = False
        self.before_cancel: Callable[[], None] = lambda: None
        self.list_errors: list[Exception] = []

    def submit_job(self, spec: Any, *, repeat_throttled: bool = True) -> dict[str, Any]:
        assert not repeat_throttled, "after a 429 the client must not send the job again without a search"
        self.asked.append("POST")
        self.sent.append(spec)
        if self.refuses_markers and "airflow" in (spec.get("context") or {}):
            raise api_error(400, "unknown context parameter 'airflow'")
        if self.refuses_origins and "airflowOrigin" in (spec.get("context") or {}):
            raise api_error(400, "context parameter 'airflowOrigin' must be a string")
        what = self.posts.pop(0) if self.posts else "ok"
        if isinstance(what, BaseException):
            raise what
        if what == "late":
            self.clock.at(30, lambda: self._create(spec))
        answer = self._create(spec) if what in ("ok", "lost", "death", "429 with effect") else {}
        if what == "death":
            raise Death
        if what == "429 with effect":
            raise throttled()
        if what != "ok":
            raise lost(spec)
        return self._echo(answer)

    def _create(self, spec: Any) -> dict[str, Any]:
        answer = super().submit_job(spec, repeat_throttled=False)
        self.ours.append(answer["id"])
        self.visible[answer["id"]] = self.clock.now() + timedelta(seconds=self.visible_after)
        return answer

    def foreign(self, spec: Any) -> str:
        """Submit a job as another user."""
        job_id = str(self._create(spec)["id"])
        self.ours.remove(job_id)
        return job_id

    def get_job(self, job_id: str) -> dict[str, Any]:
        self.asked.append("describe")
        return self._echo(super().get_job(job_id))

    def get_job_status(self, job_id: str) -> str:
        self.asked.append("status")
        return super().get_job_status(job_id)

    def cancel_job(self, job_id: str) -> str:
        self.asked.append("cancel")
        self.before_cancel()
        return super().cancel_job(job_id)

    def iter_jobs(self, **filters: Any) -> Iterator[dict[str, Any]]:
        self.asked.append("list")
        if self.list_errors:
            raise self.list_errors.pop(0)
        for row in super().iter_jobs(**filters):
            if self.visible.get(row["id"], START) <= self.clock.now():
                yield row

    def fail_reads(self, count: int) -> None:
        """Let this many requests for the list fail."""
        self.list_errors = [PolarisTransportError("no answer")] * count

    def die_after_the_answer(self) -> None:
        """Let the worker die when it searches for the job of a POST whose answer was lost."""
        self.list_errors = [Death()] * 10  # type: ignore[list-item]

    def _echo(self, job: dict[str, Any]) -> dict[str, Any]:
        if not self.echoes_markers:
            for body in (job, job["spec"]):
                context = {name: value for name, value in (body.get("context") or {}).items() if name != "airflow"}
                body.pop("context", None)
                if context:
                    body["context"] = context
        return job


def lost(spec: Any = None) -> PolarisAmbiguousSubmitError:
    """Return the client's error for a POST without an answer."""
    error = PolarisAmbiguousSubmitError(f"{LOST} Look for it.", spec=spec)
    error.__cause__ = PolarisTransportError(LOST)
    return error


def api_error(status: int, text: str, **fields: Any) -> PolarisApiError:
    """Return the client's error for an answer with an error status."""
    return PolarisApiError.class_for(status)(
        f"POST /v1/projects/p/jobs answered {status}: {text}.",
        status=status,
        method="POST",
        path="/v1/projects/p/jobs",
        **fields,
    )


def throttled(retry_after: float | None = None) -> PolarisApiError:
    """Return the client's error for an answer with the status 429."""
    return api_error(429, "too many requests", retry_after=retry_after)


class Polaris:
    """
    One target table on the emulator of this module, and the jobs that write it.

    :param running: The emulator.
    :param clock: Its clock.
    :param table: The target.
    """

    def __init__(self, running: RunningEmulator, clock: FakeClock, table: str) -> None:
        self.running = running
        self.clock = clock
        self.table = table

    def append(self, **changes: Any) -> dict[str, Any]:
        """Return the spec of an append of three rows."""
        return {
            "type": "batch",
            "ingestionMode": "append",
            "source": {"type": "table", "tableName": "Koalas Source"},
            "target": {"type": "table", "tableName": self.table},
            "createTableIfNotExists": True,
            "mappings": [{"columnName": "city", "expression": '"city"'}],
            **changes,
        }

    def replace(self, **changes: Any) -> dict[str, Any]:
        """Return the spec of a replace of two days by three rows."""
        target = {"type": "table", "tableName": self.table, "intervals": ["2024-06-01/2024-06-03"]}
        return self.append(ingestionMode="replace", target=target, **changes)

    def spec(self, mode: str, **changes: Any) -> dict[str, Any]:
        return self.append(**changes) if mode == "append" else self.replace(**changes)

    @property
    def jobs(self) -> list[Any]:
        """All jobs of the table, oldest first."""
        return [job for job in self.running.emulator.jobs.all() if job.target_name == self.table]

    @property
    def effective(self) -> list[Any]:
        """The jobs that have or will have an effect."""
        return [job for job in self.jobs if job.status not in ("failed", "canceled") and job.desired != "canceled"]

    def finish(self) -> None:
        """Let all jobs end."""
        self.clock.advance(JOB_SECONDS + 1)
        self.running.emulator.jobs.advance_due_jobs()

    def end_due_jobs(self) -> None:
        """Let the jobs end whose time has come."""
        self.running.emulator.jobs.advance_due_jobs()

    def rows(self) -> int:
        """Return the number of rows in the table after all jobs have ended."""
        self.finish()
        return self._count() if any(job.status == "completed" for job in self.jobs) else 0

    def _count(self) -> int:
        with PolarisClient(ClientSettings.from_host(self.running.project_url, api_key="pok_emulator")) as client:
            return int(client.query(f'SELECT COUNT(*) AS "n" FROM "{self.table}"')[0]["n"])


@dataclass
class Task:
    """
    One task instance, try after try.

    :param wire: Its network.
    :param polaris: What is behind it.
    :param store: Airflow's; None before 3.3.
    """

    wire: Wire
    polaris: Polaris
    store: MemoryStore | None
    dag_id: str = "koalas"
    map_index: int = -1
    retries: int = 3
    epoch: int = 3
    try_number: int = 1
    marker: Any = "auto"
    log: Any = field(default_factory=lambda: logging.getLogger("test.submission"))
    kill: FakeKill = field(init=False)
    run_started: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.kill = FakeKill(self.wire)
        self.run_started = self.wire.clock.now()

    @property
    def druid_id(self) -> str:
        """Id of the task's first job in the present epoch, if the service is Druid."""
        marker = self.identity.marker(self.wire.settings.base_url, self.wire.project_id)
        return f"query-airflow-{marker}-1"

    @property
    def identity(self) -> TaskIdentity:
        return TaskIdentity(
            dag_id=self.dag_id,
            run_id="run-1",
            task_id="rollup",
            map_index=self.map_index,
            epoch=self.epoch,
            try_number=self.try_number,
            was_cleared=self.epoch > self.retries,
            first_try_ever=self.try_number == 1,
            run_started=self.run_started,
        )

    def submit(self, spec: Any, **options: Any) -> Submitted:
        return submit_once(
            spec=spec,
            identity=self.identity,
            store=self.store,
            hook=self.wire,
            clock=self.wire.clock,  # type: ignore[arg-type]
            log=self.log,
            kill=self.kill,
            marker=self.marker,
            **options,
        )

    def retry(self) -> Task:
        """Start the next try."""
        self.try_number += 1
        self._begin()
        return self

    def clear(self) -> Task:
        """Start the try after a clear of the finished task."""
        self.epoch = self.try_number + self.retries
        self.try_number += 1
        self.run_started = self.wire.clock.now()
        self._begin()
        return self

    def _begin(self) -> None:
        self.wire.asked.clear()
        self.wire.sent.clear()
        self.kill = FakeKill(self.wire)


def refusal(task: Task, spec: Any, **options: Any) -> str:
    """Return the message with which a submission is refused; nothing may have been sent."""
    with pytest.raises(PolarisGuardError) as caught:
        task.submit(spec, **options)
    assert "POST" not in task.wire.asked
    return str(caught.value)


@pytest.fixture(scope="module")
def module_clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="module")
def running(module_clock: FakeClock) -> Iterator[RunningEmulator]:
    """An emulator whose jobs take 1,000 s of fake time, with the table 'Koalas Source'."""
    with koalas_emulator(module_clock, JOB_SECONDS) as running:
        yield running


_TABLES = itertools.count(1)


@pytest.fixture
def clock(module_clock: FakeClock) -> FakeClock:
    module_clock.events.clear()
    module_clock.slept = 0.0
    return module_clock


@pytest.fixture
def service(request: pytest.FixtureRequest) -> str:
    """The service behind the hook: ``polaris``, unless a test is parametrized indirectly."""
    return str(getattr(request, "param", "polaris"))


@pytest.fixture
def polaris(service: str, request: pytest.FixtureRequest, clock: FakeClock) -> Polaris:
    """A separate table for each test."""
    if service == "druid":
        from tests.operators.submission.druid import Cluster

        return Cluster(request.getfixturevalue("wire").druid, clock, f"koalas_{next(_TABLES)}")
    return Polaris(request.getfixturevalue("running"), clock, f"Koalas {next(_TABLES)}")


@pytest.fixture
def wire(service: str, request: pytest.FixtureRequest, clock: FakeClock, connect: Any) -> Iterator[Wire]:
    if service == "druid":
        from tests.operators.submission.druid import druid_wires

        yield from druid_wires(clock)
        return
    running = request.getfixturevalue("running")
    connect(CONNECTION, host=running.base_url, password="pok_emulator")
    wire = Wire(clock)
    yield wire
    wire.close()


@pytest.fixture
def druid(wire: Any) -> Any:
    """The Druid of the tests about a service that accepts an id once."""
    return wire.druid


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def task(wire: Wire, polaris: Polaris, store: MemoryStore) -> Task:
    """A task on Airflow 3.3."""
    return Task(wire, polaris, store)


@pytest.fixture
def old_task(wire: Wire, polaris: Polaris) -> Task:
    """A task on an Airflow without a task state store."""
    return Task(wire, polaris, None)
