# SPDX-License-Identifier: Apache-2.0
"""A task instance whose worker may die at any point, real operators, and a real Polaris emulator."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Stats, TaskDeferred

from airflow_provider_polaris.client import ClientSettings, PolarisClient
from airflow_provider_polaris.emulator.faults.fault import Fault
from airflow_provider_polaris.emulator.server import RunningEmulator
from airflow_provider_polaris.operators.base import PolarisBaseOperator
from airflow_provider_polaris.operators.polaris import PolarisJobOperator, PolarisTableToTableOperator
from airflow_provider_polaris.operators.submission.post import JobPost
from airflow_provider_polaris.triggers.wait import PolarisWaitTrigger
from tests.jumping_loop import run_without_sleeping
from tests.operators.conftest import FakeTI, through_airflow
from tests.operators.submission.conftest import CONNECTION, Death, FakeClock, MemoryStore
from tests.operators.submission.koalas import koalas_emulator

JOB_SECONDS = 300.0
DAYS = "2024-06-01T00:00:00.000Z/2024-06-03T00:00:00.000Z"
FIRST_DAY = "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"
RETRIES = 3


def die(*_: Any, **__: Any) -> Any:
    raise Death


class Table:
    """
    One target table, in which there is a row for each of the source's before the task writes it: two on the first
    day, one on the second.

    :param running: The emulator.
    :param clock: Its clock.
    :param name: The table's name.
    """

    def __init__(self, running: RunningEmulator, clock: FakeClock, name: str) -> None:
        self.running = running
        self.clock = clock
        self.name = name
        self._client = PolarisClient(ClientSettings.from_host(running.project_url, api_key="pok_emulator"))
        self._foreign: set[str] = set()
        self.foreign(self.append())
        clock.advance(11 * 60)  # so that no job can be mistaken for the task's
        running.emulator.jobs.advance_due_jobs()

    def close(self) -> None:
        self._client.close()

    def append(self, **changes: Any) -> dict[str, Any]:
        """Return the spec of a job that adds the three rows of the source."""
        return {
            "type": "batch",
            "ingestionMode": "append",
            "source": {"type": "table", "tableName": "Koalas Source"},
            "target": {"type": "table", "tableName": self.name},
            "createTableIfNotExists": True,
            "mappings": [
                {"columnName": "__time", "expression": '"__time"'},
                {"columnName": "city", "expression": '"city"'},
            ],
            **changes,
        }

    def plain_replace(self) -> dict[str, Any]:
        """Return the spec of a job that replaces both days, for an operator without guards."""
        target = {"type": "table", "tableName": self.name, "intervals": [DAYS]}
        return self.append(ingestionMode="replace", target=target)

    def delete(self) -> dict[str, Any]:
        """Return the spec of a job that softly deletes the first day."""
        target = {"type": "table", "tableName": self.name, "intervals": [FIRST_DAY]}
        return {"type": "delete_data", "target": target, "softDelete": True}

    def foreign(self, spec: Any) -> str:
        """Submit a job as another user."""
        job_id = str(self._client.create_job(spec)["id"])
        self._foreign.add(job_id)
        return job_id

    @property
    def jobs(self) -> list[Any]:
        """The jobs of the task, oldest first, in their current state."""
        self.running.emulator.jobs.advance_due_jobs()
        known = self.running.emulator.jobs.known()
        return [job for job in known if job.target_name == self.name and job.id not in self._foreign]

    @property
    def effective(self) -> list[Any]:
        """The jobs that have or will have an effect."""
        return [job for job in self.jobs if job.status not in ("failed", "canceled") and job.desired != "canceled"]

    def finish(self) -> None:
        """Let all jobs end, including those that are still to be created."""
        for _ in range(2):
            self.clock.advance(JOB_SECONDS + 1)
            self._client.get_table("Koalas Source")

    def lose_reply(self, **rule: Any) -> None:
        """Lose the answer to the next submission, which takes effect."""
        fault = Fault.model_validate({"effect": "drop_reply", "method": "POST", "path": "/jobs$", **rule})
        self.running.emulator.faults.add(fault)

    def die_after_the_loss(self, patch: pytest.MonkeyPatch) -> None:
        """Let the worker die when it finds out what became of a submission whose answer was lost."""
        patch.setattr(JobPost, "_find_job", die)

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Let time pass at each poll of the triggerer, because its sleeps pass no time."""
        jobs = self.running.emulator.jobs
        get_for_reply = jobs.get_for_reply

        def passing(job_id: str, **options: Any) -> Any:
            self.clock.advance(100)
            return get_for_reply(job_id, **options)

        jobs.get_for_reply = passing  # type: ignore[method-assign]
        try:
            yield
        finally:
            del jobs.get_for_reply  # type: ignore[method-assign]

    def rows(self) -> dict[str, int]:
        """Return the number of rows per day."""
        sql = f'SELECT TIME_FORMAT("__time", \'dd\') AS "d", COUNT(*) AS "n" FROM "{self.name}" GROUP BY 1'
        return {row["d"]: int(row["n"]) for row in self._client.query(sql)}

    def unused(self) -> list[str]:
        """Return the days of the unused segments, one for each segment."""
        return sorted(segment["interval"][8:10] for segment in self._client.iter_unused_segments(self.name))


@dataclass
class Airflow:
    """
    One task instance, try after try, as a scheduler and its workers would run it.

    :param clock: The time.
    :param table: What the task writes.
    :param kind: What it does: ``append``, ``replace``, ``plain_replace`` or ``delete``.
    :param deferrable: Where it waits.
    :param has_store: Whether there is a task state store.
    """

    clock: FakeClock
    table: Table
    kind: str
    deferrable: bool
    has_store: bool
    dag_id: str = "koalas"
    map_index: int = -1
    arguments: dict[str, Any] = field(default_factory=dict)
    ti: FakeTI = field(init=False)
    store: MemoryStore | None = field(init=False)
    operator: PolarisBaseOperator = field(init=False)

    def __post_init__(self) -> None:
        self.ti = FakeTI(dag_id=self.dag_id, map_index=self.map_index, max_tries=RETRIES, start_date=self.clock.now())
        self.run_started = self.clock.now()
        self.store = MemoryStore() if self.has_store else None
        self.operator = self.new_operator()

    def new_operator(self) -> PolarisBaseOperator:
        """Parse the DAG file, as every worker does."""
        common = {
            "task_id": "job",
            "deferrable": self.deferrable,
            "poll_interval": 150,
            "retries": RETRIES,
            **self.arguments,
        }
        if self.kind == "replace":
            return PolarisTableToTableOperator(
                **{
                    "source_table": "Koalas Source",
                    "target_table": self.table.name,
                    "interval": DAYS,
                    "dimensions": ["city"],
                    # Row counts are no part of this, and take as many polls as a job.
                    "on_empty_source": "submit",
                    "on_shrink": "submit",
                    **common,
                }
            )
        return PolarisJobOperator(**{"spec": getattr(self.table, self.kind)(), **common})

    @property
    def purpose(self) -> str:
        """What the job does, as the log states it."""
        verb = "delete_data from" if self.kind == "delete" else "batch into"
        return f"{verb} {self.table.name!r}"

    @property
    def context(self) -> dict[str, Any]:
        """Return the context that Airflow passes to the task."""
        context = {"ti": self.ti, "dag_run": SimpleNamespace(start_date=self.run_started)}
        return context if self.store is None else {**context, "task_state_store": self.store}

    def execute(self) -> str:
        """
        Run the present try to its end, through the triggerer if it is deferred.

        :raises Death: The process died.
        """
        try:
            return self.operator.execute(self.context)  # type: ignore[arg-type]
        except TaskDeferred as deferred:
            return self.finish(deferred)

    def finish(self, deferred: TaskDeferred) -> str:
        """Continue a deferred task to its end, through all further deferrals."""
        for _ in range(100):
            resumption = self.trigger(deferred)
            try:
                return self.resume(*resumption)
            except TaskDeferred as again:
                deferred = again
        raise AssertionError("the task never ends")

    def defer(self) -> TaskDeferred:
        """Run the current try until it is deferred."""
        with pytest.raises(TaskDeferred) as caught:
            self.operator.execute(self.context)  # type: ignore[arg-type]
        return caught.value

    def trigger(self, deferred: Any, *, dies: bool = False) -> tuple[str, dict[str, Any]]:
        """
        Run the trigger in a triggerer; return how Airflow resumes the task.

        :param deferred: As the task was deferred.
        :param dies: The triggerer is killed after a few looks; another one takes the trigger up.
        """
        _, arguments = deferred.trigger.serialize()
        if isinstance(deferred.trigger, PolarisWaitTrigger):
            # It sleeps in real time.
            self.clock.advance(arguments["not_before"] - self.clock.now().timestamp())
            return deferred.method_name, through_airflow({**deferred.kwargs, "event": {"status": "due"}})
        with self.table.passing():
            if dies:
                run_without_sleeping(self._abandoned(arguments))
            event = run_without_sleeping(self._event(arguments))
        return deferred.method_name, through_airflow({**deferred.kwargs, "event": event})

    def resume(self, method: str, arguments: dict[str, Any]) -> str:
        """Continue in a new worker after the deferral."""
        self.operator = self.new_operator()
        result = self.operator.resume_execution(method, arguments, self.context)  # type: ignore[arg-type]
        assert isinstance(result, str)
        return result

    def retry(self) -> Airflow:
        """Start the next try in a new process: XComs are cleared, ``max_tries`` stays."""
        self.ti.try_number += 1
        self.ti.start_date = self.clock.now()
        self.ti.pushed.clear()
        self.operator = self.new_operator()
        return self

    def clear(self) -> Airflow:
        """Start the try after the finished task was cleared."""
        self.ti.max_tries = self.ti.try_number + RETRIES
        self.run_started = self.clock.now()
        return self.retry()

    @staticmethod
    def _new_trigger(arguments: dict[str, Any]) -> Any:
        from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger

        trigger = PolarisJobTrigger(**through_airflow(arguments))
        trigger.poll_interval = 0.01
        return trigger

    async def _event(self, arguments: dict[str, Any]) -> Any:
        async def run() -> list[Any]:
            return [event.payload async for event in self._new_trigger(arguments).run()]

        (event,) = await run()
        return event

    async def _abandoned(self, arguments: dict[str, Any]) -> None:
        """Run the trigger until it has polled, then stop it as a triggerer that loses it does."""
        run = asyncio.create_task(anext(self._new_trigger(arguments).run()))
        start = self.clock.now()
        for _ in range(24_000):  # two minutes: a backstop
            if self.clock.now() - start >= timedelta(seconds=100):
                break
            await asyncio.sleep(0.005)
        assert not run.done()
        run.cancel()


_TABLES = itertools.count(1)


@pytest.fixture(scope="module")
def module_clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="module")
def running(module_clock: FakeClock) -> Iterator[RunningEmulator]:
    """An emulator whose jobs take 300 s of fake time, with the table 'Koalas Source'."""
    with koalas_emulator(module_clock, JOB_SECONDS) as running:
        yield running


@pytest.fixture
def clock(module_clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The clock of workers, triggerers and Polaris."""
    monkeypatch.setattr("airflow_provider_polaris.runtime.clock.CLOCK", module_clock)
    module_clock.slept = 0.0
    return module_clock


@pytest.fixture
def table(running: RunningEmulator, clock: FakeClock, connect: Any) -> Iterator[Table]:
    """A separate table for each test."""
    connect(CONNECTION, host=running.base_url, password="pok_emulator")
    table = Table(running, clock, f"Koalas {next(_TABLES)}")
    yield table
    table.close()
    running.emulator.faults.clear()


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the incremented counters, in order."""
    names: list[str] = []
    monkeypatch.setattr(Stats, "incr", names.append, raising=False)
    return names


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """Return a function that returns the log lines of operators."""
    logger = logging.getLogger("test.exactly_once")
    monkeypatch.setattr(PolarisBaseOperator, "log", property(lambda self: logger))
    with caplog.at_level(logging.INFO, logger="test.exactly_once"):
        yield lambda: [record.getMessage() for record in caplog.records if record.name == "test.exactly_once"]


@pytest.fixture
def requests(running: RunningEmulator) -> Callable[[], Counter[str]]:
    """Return a function that returns the requests that reached Polaris since the last call."""
    last: Counter[str] = Counter()

    def since() -> Counter[str]:
        now = Counter(running.emulator.faults.requests())
        new = now - last
        last.clear()
        last.update(now)
        return new

    since()
    return since
