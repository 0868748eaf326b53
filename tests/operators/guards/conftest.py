# SPDX-License-Identifier: Apache-2.0
"""Tables on a real emulator, and the guards of a job between two of them."""

from __future__ import annotations

import io
import itertools
import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

import pytest
import requests

from airflow_provider_polaris.client import PolarisClient
from airflow_provider_polaris.emulator.server import EmulatorServer, RunningEmulator
from airflow_provider_polaris.emulator.settings import EmulatorSettings
from airflow_provider_polaris.emulator.status_machine import Progression
from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.jobs.errors import PolarisGuardError
from airflow_provider_polaris.operators.guards.guarded_job import GuardDecision
from airflow_provider_polaris.operators.guards.options import GuardOptions
from airflow_provider_polaris.operators.guards.table_to_table import SourceGuards
from airflow_provider_polaris.runtime.deadline import Deadline

NOW = datetime(2024, 7, 1, tzinfo=timezone.utc)
DAY = "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"
TWO_DAYS = "2024-06-01T00:00:00.000Z/2024-06-03T00:00:00.000Z"
AFTERNOON = "TIME_EXTRACT(\"__time\", 'HOUR') >= 12"
LOG = logging.getLogger("test.guards")


class FakeClock:
    """Time that passes only by sleeping; ``then`` runs at the end of each sleep, with the number of sleeps."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.time = NOW
        self.sleeps: list[float] = []
        self.then: Callable[[int], None] = lambda count: None

    def now(self) -> datetime:
        return self.time

    def nanoseconds(self) -> int:
        return int((self.time - datetime(1970, 1, 1, tzinfo=timezone.utc)) / timedelta(microseconds=1)) * 1000

    def sleep(self, seconds: float, stop: Callable[[], bool]) -> None:
        assert len(self.sleeps) < 1000, "the wait never ends"
        self.sleeps.append(seconds)
        self.time += timedelta(seconds=seconds)
        self.then(len(self.sleeps))

    def jitter(self) -> float:
        return 1.0


class World:
    """
    A source and a target of one test on an emulator, the way users make them.

    :param running: The emulator; its jobs are done at the next look.
    :param clock: The time of emulator and guards.
    :param hook: Asks the emulator.
    :param number: Makes the names of the tables.
    """

    def __init__(self, running: RunningEmulator, clock: FakeClock, hook: PolarisHook, number: int) -> None:
        self.running = running
        self.clock = clock
        self.hook = hook
        self.source = f"Events {number}"
        self.target = f"Rollup {number}"
        self.stop: Callable[[], bool] = lambda: False
        self.deadline: datetime | None = None

    @property
    def client(self) -> PolarisClient:
        return self.hook.get_client()

    def run(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Run a job to its end."""
        job = self.client.get_job(self.client.create_job(spec)["id"])
        assert job["executionStatus"] == "completed", job
        return job

    def load(self, *times: str, table: str | None = None, partitioned_by: str = "day", **values: Any) -> None:
        """Append one row to the source for each time, with the city ``Oslo`` by default."""
        rows = [{"timestamp": time, "city": "Oslo", **values} for time in times]
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
        name = f"{table or self.source} {len(content)} {times[0]}.json".replace(":", "").replace(" ", "-")
        if name not in [each["name"] for each in self.client.iter_files()]:
            self.client.upload_file(io.BytesIO(content), name=name)
        self.run(
            {
                "type": "batch",
                "source": {
                    "type": "uploaded",
                    "fileList": [name],
                    "inputSchema": [{"name": each, "dataType": "string"} for each in ("timestamp", "city")],
                    "formatSettings": {"format": "nd-json"},
                },
                "target": {"type": "table", "tableName": table or self.source},
                "createTableIfNotExists": True,
                "partitionedBy": partitioned_by,
                "mappings": [
                    {"columnName": "__time", "expression": 'TIME_PARSE("timestamp")'},
                    {"columnName": "city", "expression": '"city"'},
                ],
            }
        )

    def create(self, name: str, **values: Any) -> None:
        """Create a table of cities that is partitioned by day."""
        schema = [{"name": "city", "dataType": "string"}]
        self.client.create_table({"type": "detail", "name": name, "schema": schema, "schemaMode": "flexible", **values})

    def stream(self, *times: str) -> None:
        """Add a row to the source for each time that queries read and jobs don't."""
        rows = [{"__time": time, "city": "Oslo"} for time in times]
        self.control("POST", f"/tables/{quote(self.source)}/realtime", {"rows": rows})

    def forget(self, condition: str, interval: str = DAY) -> None:
        """Age rows out of the source: in the interval, keep only rows that don't meet a condition."""
        self.run(
            {
                "type": "batch",
                "ingestionMode": "replace",
                "source": {"type": "table", "tableName": self.source},
                "target": {"type": "table", "tableName": self.source, "intervals": [interval]},
                "filterExpression": f"NOT ({condition})",
                "mappings": [{"columnName": "city", "expression": '"city"'}],
            }
        )

    def rollup(self, *intervals: str, floor: str = "PT1H", **changes: Any) -> dict[str, Any]:
        """Return the spec of an hourly rollup that replaces intervals of the target."""
        return {
            "type": "batch",
            "ingestionMode": "replace",
            "source": {"type": "table", "tableName": self.source, "interval": (intervals or (DAY,))[0]},
            "target": {"type": "table", "tableName": self.target, "intervals": list(intervals or (DAY,))},
            "createTableIfNotExists": True,
            "partitionedBy": "day",
            "mappings": [
                {"columnName": "__time", "expression": f"TIME_FLOOR(\"__time\", '{floor}')"},
                {"columnName": "city", "expression": '"city"'},
                {"columnName": "last", "expression": 'MAX("__time")', "isAggregation": True},
            ],
            **changes,
        }

    def copy(self, *intervals: str, **changes: Any) -> dict[str, Any]:
        """Return the spec of a job that copies rows unchanged."""
        return self.rollup(*intervals, mappings=[{"columnName": "city", "expression": '"city"'}], **changes)

    def guards(self, spec: dict[str, Any], **options: str) -> SourceGuards:
        return SourceGuards(
            self.hook,
            spec,
            GuardOptions.read(**options),
            limits=Deadline(self.clock, lambda: self.stop(), self.deadline),  # type: ignore[arg-type]
            log=LOG,
            poll_interval=30,
        )

    def check(self, spec: dict[str, Any], *, own_jobs: tuple[str, ...] = (), **options: str) -> GuardDecision:
        return self.guards(spec, **options).check(own_jobs)

    def attempt(self, spec: dict[str, Any], **options: str) -> GuardDecision:
        """Do what a task does: run the guards, then run the job."""
        decision = self.check(spec, **options)
        if decision.action == "submit":
            self.run(spec)
        return decision

    def refusal(self, spec: dict[str, Any], **options: Any) -> str:
        """Return why the guards refuse a job; the target must be unchanged."""
        before = self.dump()
        with pytest.raises(PolarisGuardError) as caught:
            self.check(spec, **options)
        assert self.dump() == before
        return str(caught.value)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the emulator's control plane, which Polaris doesn't have."""
        answer = requests.request(method, f"{self.running.base_url}/__emulator__{path}", json=body, timeout=120)
        assert answer.ok, answer.text
        return answer.json()

    def asked(self, path: str) -> int:
        """Return the number of requests for a path below the project, as ``METHOD /path``."""
        method, _, rest = path.partition(" ")
        return int(self.control("GET", "/counters")["requests"].get(f"{method} /v1/projects/{{projectId}}{rest}", 0))

    def has_no_asynchronous_sql(self, status: int = 403) -> None:
        fault = {
            "effect": "status",
            "status": status,
            "method": "POST",
            "path": "/query/sql/statements$",
            "times": None,
        }
        self.control("POST", "/faults", fault)

    def dump(self) -> list[dict[str, Any]]:
        """Return the rows of the target; none if there is no target."""
        return self.rows() if self.target in [each["name"] for each in self.client.iter_tables()] else []

    def rows(self, table: str | None = None) -> list[dict[str, Any]]:
        rows = self.client.query(f'SELECT * FROM "{table or self.target}"')
        return sorted(rows, key=lambda row: [str(value) for value in row.values()])

    @property
    def jobs(self) -> list[Any]:
        """All jobs into the target."""
        return [job for job in self.running.emulator.jobs.all() if job.target_name == self.target]


def empty(world: World, where: str = f"{DAY!r}", which: str = "") -> str:
    """Return why a source without rows is refused."""
    return (
        f"the source {world.source!r} has no rows in {where}{which}. The job could empty that part of table "
        f"{world.target!r}, so nothing was submitted. Check that the source was loaded and that its old data was not "
        "deleted. If it is meant to be empty, run the task with on_empty_source='skip', which leaves the target as it "
        "is, or run the task with on_empty_source='submit' (on_empty_source='{{ params.on_empty_source }}' allows it "
        "for one run)."
    )


def shrunk(world: World, what: str) -> str:
    """Return why a loss is refused."""
    return (
        f"the job would replace rows of table {world.target!r} that it can't reproduce: {what}. Nothing was submitted, "
        "and the table is unchanged. If the source's old data was deleted on purpose, its rollup is the only remaining "
        "copy: don't run this task again for that time. To replace the rows anyway, run the task with "
        "on_shrink='submit' (on_shrink='{{ params.on_shrink }}' allows it for one run)."
    )


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the log lines of the guards, without Airflow's."""
    return [record.getMessage() for record in caplog.records if record.name == LOG.name]


_NUMBERS = itertools.count(1)


@pytest.fixture
def instant(emulator_server: EmulatorServer, clock: FakeClock) -> Iterator[RunningEmulator]:
    """An emulator whose jobs and queries end at the next poll."""
    with emulator_server.emulator(EmulatorSettings(), clock=clock.nanoseconds) as running:
        yield running


@pytest.fixture
def slow(emulator_server: EmulatorServer, clock: FakeClock) -> Iterator[RunningEmulator]:
    """An emulator whose jobs and queries take 1,000 s of fake time."""
    settings = EmulatorSettings(progression=Progression.parse("seconds=1000"))
    with emulator_server.emulator(settings, clock=clock.nanoseconds) as running:
        yield running


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def _world(running: RunningEmulator, clock: FakeClock, connect: Any) -> Iterator[World]:
    connect("polaris_default", host=running.base_url, password=running.settings.api_key)
    hook = PolarisHook()
    world = World(running, clock, hook, next(_NUMBERS))
    yield world
    world.control("DELETE", "/faults")
    world.control("DELETE", "/assumptions")
    hook.close()


@pytest.fixture
def world(instant: RunningEmulator, clock: FakeClock, connect: Any) -> Iterator[World]:
    yield from _world(instant, clock, connect)


@pytest.fixture
def slow_world(slow: RunningEmulator, clock: FakeClock, connect: Any) -> Iterator[World]:
    yield from _world(slow, clock, connect)
