# SPDX-License-Identifier: Apache-2.0
"""
A world in which hours pass in no time: an event loop whose clock jumps, a Polaris in memory, threads that aren't.

The watcher, the client and the trigger are the real ones. Only the session, the threads, the connection and the clock
are replaced.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import selectors
import warnings
from bisect import bisect_right
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import pytest

from tests.triggers.cancellation.kills import Airflow

PROJECT = "00000000-0000-4000-8000-000000000001"
START = datetime(2026, 11, 20, 6, tzinfo=timezone.utc)
ACTIVE = {"pending", "running", "idle", "suspended", "unknown"}


class _JumpingSelector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Advances the clock instead of sleeping."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        #: Iterations of the loop so far.
        self.iterations = 0

    def select(self, timeout: float | None = None) -> Any:
        self.iterations += 1
        assert timeout is not None, "nothing will ever happen again"
        if timeout > 0:
            self.now += timeout
        assert self.now < 50_000, "the test never ends"
        return super().select(0)


class TravelLoop(asyncio.SelectorEventLoop):
    """An event loop that never sleeps."""

    #: Whether a real loop would have a thread for what is done now.
    works_in_thread = False

    def __init__(self) -> None:
        self._clock = _JumpingSelector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now

    @property
    def iterations(self) -> int:
        """Number of iterations so far."""
        return self._clock.iterations

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Do the work immediately: time would pass while a thread does it."""
        done = self.create_future()
        self.works_in_thread = True
        try:
            done.set_result(func(*args))
        finally:
            self.works_in_thread = False
        return done


@lru_cache(maxsize=20_000)
def instant(seconds: float) -> str:
    """Return a time of the world's clock as Polaris writes it."""
    return (START + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


@dataclass
class Job:
    """
    A job, by times of the world's clock.

    :param changes: ``(time, status)`` in order; the first is its creation.
    :param stated: What else a description has.
    """

    id: str
    changes: list[tuple[float, str]]
    stated: dict[str, Any] = field(default_factory=dict)
    progress: Callable[[float], float] | None = None

    def status(self, now: float) -> str | None:
        """Return the status; None before creation."""
        index = bisect_right(self.changes, now, key=lambda change: change[0])
        return self.changes[index - 1][1] if index else None

    def updated(self, now: float) -> float:
        """Return the time of the last change."""
        return max((at for at, _ in self.changes if at <= now), default=self.changes[0][0])

    def body(self, status: str, now: float) -> dict[str, Any]:
        """Return the job as a summary."""
        return {
            "id": self.id,
            "type": "batch",
            "executionStatus": status,
            "createdTimestamp": instant(self.changes[0][0]),
            "lastUpdatedTimestamp": instant(self.updated(now)),
            "health": {"status": "ok"},
            **self.stated,
        }


@dataclass(frozen=True)
class Answer:
    """An answer as requests would return it."""

    status_code: int
    headers: dict[str, str]
    content: bytes


def answer(status: int, body: Any, **headers: str) -> Answer:
    """Return an answer with a JSON body; underscores in header names become dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"Content-Type": "application/json", **named}, json.dumps(body).encode())


@dataclass
class Polaris:
    """
    Polaris in memory.

    :param clock: The world's time.
    :param lag: Seconds that the lists are behind.
    :param invisible: Seconds for which a new job is a 404.
    :param failure: Given method and path, returns an answer instead, raises, or returns None.
    """

    clock: Callable[[], float]
    jobs: dict[str, Job] = field(default_factory=dict)
    lag: float = 0.0
    invisible: float = 0.0
    failure: Callable[[str, str], Answer | None] = lambda method, path: None
    before_page: Callable[[int], None] = lambda offset: None
    #: ``(time, "METHOD kind")`` of every request; ``page`` for a list.
    requests: list[tuple[float, str]] = field(default_factory=list)
    canceled: list[str] = field(default_factory=list)
    sessions: int = 0
    most_sessions: int = 0
    sessions_made: int = 0
    #: Number of changes of jobs, so that a list is not built again for each of its pages.
    changed: int = 0
    _list: tuple[Any, list[tuple[Job, str]]] = (None, [])
    answer = staticmethod(answer)

    def add(self, job_id: str, *changes: tuple[float, str], **values: Any) -> Job:
        """Add a job; without changes it runs from now on."""
        job = Job(job_id, list(changes) or [(self.clock(), "running")], **values)
        self.jobs[job_id] = job
        return job

    def change(self, job_id: str, status: str) -> None:
        """Give a job another status now."""
        self.jobs[job_id].changes.append((self.clock(), status))
        self.changed += 1

    def request(self, method: str, url: str, params: list[tuple[str, str]], data: Any) -> Answer:
        """Answer a request."""
        path = unquote(url.split(f"/projects/{PROJECT}")[1])
        kind = path.removeprefix("/jobs").rpartition("/")[2] if path.count("/") == 3 else path[1:].partition("/")[0]
        kind = "page" if path == "/jobs" else "describe" if kind == "jobs" else kind
        self.requests.append((self.clock(), f"{method} {kind}"))
        failed = self.failure(method, path)
        if failed is not None:
            return failed
        if path == "/jobs":
            return self._page(params)
        job_id = path.split("/")[2]
        job = self.jobs.get(job_id)
        status = job.status(self.clock()) if job else None
        if job is None or status is None or self.clock() - job.changes[0][0] < self.invisible:
            return answer(404, {"code": "NotFound", "message": f"Job {job_id} not found"})
        if method == "POST":
            return self._cancel(job, status)
        if path.endswith("/status"):
            return answer(200, {"executionStatus": status})
        if path.endswith("/progress"):
            if job.progress is None:
                return answer(400, {"code": "BadArgument", "message": "no progress"})
            return answer(200, {"overallProgress": job.progress(self.clock())})
        return answer(200, job.body(status, self.clock()))

    def _cancel(self, job: Job, status: str) -> Answer:
        self.canceled.append(job.id)
        if status not in ACTIVE:
            return answer(400, {"code": "BadArgument", "message": f"job is {status}"})
        self.change(job.id, "canceled")
        return answer(200, {"executionStatus": "canceled"})

    def _page(self, params: list[tuple[str, str]]) -> Answer:
        query = dict(params)
        offset, limit = int(query["paginationOffset"]), int(query["paginationLimit"])
        self.before_page(offset)
        statuses = {value for name, value in params if name == "executionStatus"}
        types = {value for name, value in params if name == "type"}
        column = query["sortColumn"]
        by = (column, query["sortOrder"], tuple(sorted(types)), tuple(sorted(statuses)))
        key = (self.clock() - self.lag, self.changed, *by)
        if self._list[0] != key:
            self._list = (key, self._matching(*by, now=key[0]))
        table = query.get("targetTableName")
        found = self._list[1]
        if table is not None:
            found = [row for row in found if row[0].stated.get("target", {}).get("tableName") == table]
        rows = [job.body(status, key[0]) for job, status in found[offset : offset + limit]]
        return answer(200, {"values": rows, "moreResultsAvailable": len(found) > offset + limit})

    def _matching(self, column: str, order: str, types: Any, statuses: Any, *, now: float) -> list[tuple[Job, str]]:
        jobs = [job for job in self.jobs.values() if job.stated.get("type", "batch") in types]
        found = [(job, status) for job in jobs if (status := job.status(now)) in statuses]
        at = {
            "created_date_time": lambda job: job.changes[0][0],
            "last_updated_date_time": lambda job: job.updated(now),
        }
        return sorted(found, key=lambda one: at[column](one[0]), reverse=order == "DESC")

    def asked(self, *kinds: str, since: float = 0.0) -> int:
        """Return the number of requests; without kinds, of all."""
        return sum(1 for at, kind in self.requests if at >= since and (not kinds or kind.split()[1] in kinds))

    def polls_by_tick(self, gap: float = 1.0) -> list[list[str]]:
        """Return the requests in bursts: a pause longer than ``gap`` separates them."""
        ticks: list[list[str]] = []
        last = float("-inf")
        for at, kind in self.requests:
            if at - last > gap:
                ticks.append([])
            ticks[-1].append(kind)
            last = at
        return ticks


class _Session:
    """The session of requests that the client uses."""

    def __init__(self, polaris: Polaris) -> None:
        self._polaris = polaris
        polaris.sessions += 1
        polaris.sessions_made += 1
        polaris.most_sessions = max(polaris.most_sessions, polaris.sessions)

    def request(self, method: str, url: str, *, params: Any, data: Any, **_: Any) -> Answer:
        return self._polaris.request(method, url, params, data)

    def close(self) -> None:
        self._polaris.sessions -= 1


@dataclass
class InlineThreads:
    """Does the work on the loop, immediately; the answer takes a moment for each request."""

    world: World
    name: str
    retry_budget: float
    client: Any = None
    known: Any = None

    async def call(self, settings: Any, work: Any) -> Any:
        if self.known is not settings:
            self.close()
            hasty = replace(settings, retry_budget=min(settings.retry_budget, self.retry_budget))
            waited = [0.0]
            self.client = self.world.client_class()(
                hasty,
                session=_Session(self.world.polaris),
                clock=lambda: self.world.time() + waited[0],
                now=lambda: START + timedelta(seconds=self.world.time()),
                sleep=lambda seconds: waited.__setitem__(0, waited[0] + seconds),
                rng=random.Random(1),
            )
            self.known = settings
        before = len(self.world.polaris.requests)
        try:
            return work(self.client)
        finally:
            await asyncio.sleep(self.world.latency * (len(self.world.polaris.requests) - before))

    def close(self) -> None:
        if self.client is not None:
            self.client.close()
        self.client = self.known = None


@dataclass
class Fired:
    """The result of a trigger: its event and when it was fired."""

    event: dict[str, Any] | None = None
    at: float | None = None


@dataclass
class World:
    """A complete test world, with a clock that starts at zero."""

    loop: TravelLoop
    latency: float = 0.01
    #: Connection ids that were read, in order.
    reads: list[str] = field(default_factory=list)
    key: str = "pok_0123456789abcdef"

    def __post_init__(self) -> None:
        self.polaris = Polaris(self.time)

    def client_class(self) -> Callable[..., Any]:
        """Return the class of the client."""
        from airflow_provider_polaris.client import PolarisClient

        return PolarisClient

    def time(self) -> float:
        return self.loop.time()

    def epoch(self, seconds: float) -> float:
        """Return a time of the world's clock in epoch seconds."""
        return START.timestamp() + seconds

    async def read_settings(self, conn_id: str) -> Any:
        from airflow_provider_polaris.client import ClientSettings

        self.reads.append(conn_id)
        await asyncio.sleep(0.1)
        return ClientSettings(
            "https://acme.us-east-1.aws.api.imply.io", PROJECT, api_key=self.key, connection_name=conn_id
        )

    def patch_reads(self, read: Callable[[str], Coroutine[Any, Any, Any]]) -> None:
        """Replace how connections are read."""
        from airflow_provider_polaris.triggers.job_watcher import watcher

        watcher.DEPENDENCIES.read_settings = read

    def threads(self, name: str, *, most: int, stay: bool, retry_budget: float) -> InlineThreads:
        return InlineThreads(self, name, retry_budget)

    def run(self, scenario: Coroutine[Any, Any, Any]) -> Any:
        """Run a scenario to its end."""
        return self.loop.run_until_complete(scenario)

    @staticmethod
    async def finish(*tasks: asyncio.Task[Any]) -> None:
        """Stop everything that still runs, and wait for it."""
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)

    def watch(self, job_id: str, interval: float = 10.0, **options: Any) -> tuple[asyncio.Task[None], Fired]:
        """Run a trigger for a job."""
        from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger

        options.setdefault("started", self.epoch(self.time()))
        return self.run_trigger(PolarisJobTrigger(job_id, poll_interval=interval, **options))

    def run_trigger(self, trigger: Any) -> tuple[asyncio.Task[None], Fired]:
        """Run a trigger as Airflow does: take its events, and call ``on_kill`` if it is canceled for a kill."""
        heard = Fired()

        async def consume() -> None:
            async for event in trigger.run():
                assert heard.event is None, "a second event"
                heard.event, heard.at = event.payload, self.time()

        return asyncio.get_running_loop().create_task(consume()), heard


class WorldClock:
    """The clock of the package, on the world's time."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return START + timedelta(seconds=self._world.time())


class NoJitter(random.Random):
    """The middle of every range."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


_UNHEARD = logging.getLogger("test.unheard")
_UNHEARD.disabled = True


@pytest.fixture
def service(request: pytest.FixtureRequest) -> str:
    """The service of the world: ``polaris``, unless a test is parametrized indirectly."""
    return str(getattr(request, "param", "polaris"))


@pytest.fixture
def world(service: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """
    Create a world; at its end no task or thread may be left.

    Airflow would format every line of a trigger's log, which takes longer than all else that ten thousand triggers do.
    """
    from airflow_provider_polaris.triggers.job_watcher import watcher
    from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger
    from tests.triggers.druid import DruidWorld

    loop = TravelLoop()
    made = DruidWorld(loop) if service == "druid" else World(loop)
    tools = watcher.Dependencies(made.read_settings, made.threads, NoJitter())  # type: ignore[arg-type]
    monkeypatch.setattr(watcher, "DEPENDENCIES", tools)
    monkeypatch.setattr("airflow_provider_polaris.runtime.clock.CLOCK", WorldClock(made))
    monkeypatch.setattr(PolarisJobTrigger, "log", _UNHEARD)
    yield made
    left = asyncio.all_tasks(loop)
    loop.close()
    assert not left, "tasks are left over"


@pytest.fixture
def database_models() -> None:
    """Load Airflow's models before a test: while they are configured, some versions cause warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from airflow.models.trigger import Trigger

        Trigger(classpath="", kwargs={})


@pytest.fixture
def trigger_log(world: World, logged: Any) -> Any:
    """Return a function that returns the log lines of triggers of the world, as ``LEVEL text``."""
    from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger

    return logged(PolarisJobTrigger)


@pytest.fixture
def airflow(world: World, monkeypatch: pytest.MonkeyPatch) -> Airflow:
    """Replace Airflow's database for the triggers."""
    made = Airflow(world)
    monkeypatch.setattr(
        "airflow_provider_polaris.triggers.cancellation.task_state.states_from_supervisor", made.read_states
    )
    monkeypatch.setattr(
        "airflow_provider_polaris.triggers.cancellation.task_state.states_from_database", made.read_states
    )
    monkeypatch.setattr("airflow_provider_polaris.triggers.cancellation.task_job._job_from_supervisor", made.ask_job)
    monkeypatch.setattr("airflow_provider_polaris.triggers.cancellation.task_job._job_from_database", made.ask_job)
    return made


@pytest.fixture(params=[True, False], ids=["on_kill", "CancelledError"])
def has_on_kill(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run as in Airflow 3.3, and as before."""
    monkeypatch.setattr("airflow_provider_polaris.triggers.polaris._HAS_ON_KILL", request.param)
    return bool(request.param)


@pytest.fixture
def triggerer_log(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """
    Return a function that returns the triggerer's own log lines about checks, as ``LEVEL text``.

    A tuple among the arguments is shown as the masker of secrets of Airflow 2 leaves it: without its class.
    """
    name = "airflow_provider_polaris.triggers.cancellation.kill_check"
    caplog.set_level(logging.INFO, name)

    def line(record: logging.LogRecord) -> str:
        arguments = record.args if isinstance(record.args, tuple) else ()
        masked = tuple(tuple(value) if isinstance(value, tuple) else value for value in arguments)
        return f"{record.levelname} {str(record.msg) % masked}"

    return lambda: [line(one) for one in caplog.records if one.name == name]
