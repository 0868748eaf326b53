# SPDX-License-Identifier: Apache-2.0
"""The HTTP requests of a task on Druid, and how many of them wait for each other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_polaris.client.http.session import PolarisSession
from airflow_provider_polaris.hooks.parallel import ParallelClients
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from tests.druid_service import REPORT, DruidService
from tests.operators.conftest import FakeTI, MemoryStore, through_airflow
from tests.operators.test_druid import context, druid, rollup  # noqa: F401  # the fixtures

#: Tables of the task: the system tables, rollup and granularity, and the retention rules of the target. The list of
#: active tasks, and the workers with their free slots.
FIRST = ["GET rules", "GET tasks", "GET workers", "POST sql", "POST v2"]
#: Only what the plan of a job needs that is probably found.
PLAN = ["GET rules", "POST sql", "POST v2"]
#: The state of a query has its rows, too.
COUNTS = [["POST statements"] * 2, ["GET query"] * 2]
POST = ["POST task"]
#: For a minute after the end of a job, the worker looks whether the broker knows the new columns.
JOB = ["GET reports", "GET status", "GET task"]
END = [JOB, ["POST sql"]]
STORED = pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="there is no task state store")


class Rounds:
    """
    Requests by the round trip in which they are sent; those of threads that run at the same time share round trips.

    A request is named by its method and the last part of its path that isn't a name.
    """

    def __init__(self) -> None:
        self.found: list[list[str]] = []
        self._chains: dict[threading.Thread, list[str]] | None = None

    def add(self, method: str, url: str) -> None:
        *_, before, last = urlsplit(url).path.split("/")
        if last.startswith("query-"):
            last = "query" if before == "statements" else "task"
        request = f"{method} {'rules' if before == 'rules' else last}"
        if self._chains is None:
            self.found.append([request])
        else:
            self._chains.setdefault(threading.current_thread(), []).append(request)

    def ask(self, send: Callable[[], Any]) -> Any:
        """Send requests at once: the first one of each thread is one round trip, then the second one of each."""
        self._chains = {}
        try:
            return send()
        finally:
            chains, self._chains = list(self._chains.values()), None
            for number in range(max(map(len, chains), default=0)):
                self.found.append(sorted(chain[number] for chain in chains if len(chain) > number))

    def take(self) -> list[list[str]]:
        """Return the requests since the last call."""
        found, self.found = self.found, []
        return found


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> Rounds:
    """Record the requests from now on, sent at once as by a task."""
    found = Rounds()
    send, ask = PolarisSession.send, ParallelClients.ask

    def recorded(self: Any, request: Any, **options: Any) -> Any:
        found.add(request.method, request.url)
        return send(self, request, **options)

    def recorded_ask(self: Any, requests: Sequence[Any], check_alive: Callable[[], None]) -> Any:
        return found.ask(lambda: ask(self, requests, check_alive))

    monkeypatch.setattr("airflow_provider_polaris.hooks.parallel.MOST_AT_ONCE", 5)
    monkeypatch.setattr(PolarisSession, "send", recorded)
    monkeypatch.setattr(ParallelClients, "ask", recorded_ask)
    return found


@pytest.fixture
def loaded(druid: DruidService) -> DruidService:  # noqa: F811
    """A cluster with rows of the day in both tables."""
    columns = {"city": "VARCHAR", "longest": "BIGINT"}
    druid.table("hourly", columns=columns, days=("2024-06-01", "2024-06-02"))
    druid.rows["hourly"] = [{"bucket": "2024-06-01T00:00:00.000Z", "n": 3}]
    return druid


class Try:
    """
    A deferrable task on a Druid, from try to try.

    :param druid: The cluster.
    :param context: Airflow's context.
    :param arguments: More arguments of the operator.
    """

    def __init__(self, druid: DruidService, context: Any, **arguments: Any) -> None:  # noqa: F811
        self.druid = druid
        self.ti = FakeTI(max_tries=1)
        store = {"task_state_store": MemoryStore()} if AIRFLOW_VERSION >= (3, 3) else {}
        self.context = {**context, "ti": self.ti, **store}
        self.operator = lambda: rollup(deferrable=True, retries=1, **arguments)

    def begin(self) -> TaskDeferred:
        """Submit the job."""
        with pytest.raises(TaskDeferred) as caught:
            self.operator().execute(self.context)
        return caught.value

    def end(self, deferred: Any) -> None:
        """Let the job succeed just now, and check its result."""
        job_id = deferred.trigger.job_id
        if "hourly" not in self.druid.tables:
            self.druid.table("hourly", columns={})
        begin = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        self.druid.tasks[job_id].end("SUCCESS", report={**REPORT, "status": {**REPORT["status"], "startTime": begin}})
        event = {"status": "ended", "job_id": job_id, "state": "completed", "message": "it has ended"}
        arguments = through_airflow({**deferred.kwargs, "event": event})
        assert getattr(self.operator(), deferred.method_name)(self.context, **arguments) == job_id


def test_replace_with_guards_sends_thirteen_requests_in_five_rounds(
    loaded: DruidService,
    context: Any,  # noqa: F811
    rounds: Rounds,
) -> None:
    """And one that looks whether the rows can be seen."""
    task = Try(loaded, context)
    task.end(task.begin())
    assert rounds.take() == [FIRST, *COUNTS, POST, *END]


@pytest.mark.parametrize(
    "arguments", [{"on_empty_source": "submit", "on_shrink": "submit"}, {"ingestion_mode": "append"}]
)
def test_task_that_counts_nothing_sends_nine_requests_in_three_rounds(
    loaded: DruidService,
    context: Any,  # noqa: F811
    rounds: Rounds,
    arguments: dict[str, str],
) -> None:
    """And one that looks whether the rows can be seen."""
    task = Try(loaded, context, **arguments)
    task.end(task.begin())
    assert rounds.take() == [FIRST, POST, *END]


def test_rows_that_the_state_lacks_are_read_together(loaded: DruidService, context: Any, rounds: Rounds) -> None:  # noqa: F811
    """A query with more rows than Druid puts into its state."""
    loaded.has_rows_in_state = False
    Try(loaded, context).begin()
    assert rounds.take() == [FIRST, *COUNTS, ["GET results"] * 2, POST]


def test_new_table_is_proven_to_be_absent(loaded: DruidService, context: Any, rounds: Rounds) -> None:  # noqa: F811
    """The list of its segments is empty, and it is not counted."""
    del loaded.tables["hourly"]
    task = Try(loaded, context)
    task.end(task.begin())
    assert rounds.take() == [FIRST, ["POST segments"], ["POST statements"], ["GET query"], POST, *END]


def test_counts_that_start_at_once_are_not_promised_the_same_slots(
    loaded: DruidService,
    context: Any,  # noqa: F811
    rounds: Rounds,
) -> None:
    """Three are free, so the second count waits for the first. Otherwise both would wait for workers."""
    loaded.used = 3
    assert Try(loaded, context).begin().trigger.kind == "time"
    look = [["GET totalWorkerCapacity"], ["GET workers"]]
    assert rounds.take() == [FIRST, ["GET workers", "POST statements"], *look]


@STORED
def test_retry_that_resumes_its_job(loaded: DruidService, context: Any, rounds: Rounds) -> None:  # noqa: F811
    """The plan needs the tables, and the job is found by its recorded id."""
    task = Try(loaded, context)
    task.begin()
    rounds.take()
    task.ti.try_number = 2
    loaded.reads = None
    task.end(task.begin())
    assert rounds.take() == [PLAN, JOB, *END]


@STORED
def test_cleared_task_reads_its_old_job(loaded: DruidService, context: Any, rounds: Rounds) -> None:  # noqa: F811
    """The old job has ended, so a new one is submitted."""
    task = Try(loaded, context)
    task.end(task.begin())
    rounds.take()
    task.ti.try_number, task.ti.max_tries = 2, 2
    task.end(task.begin())
    assert rounds.take() == [FIRST, *END, *COUNTS, POST, *END]
