# SPDX-License-Identifier: Apache-2.0
"""Which requests a task sends, counted where they leave it, and which of them at the same time."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from tests.operators.conftest import FakeTI, MemoryStore, through_airflow
from tests.operators.guards.conftest import DAY, FakeClock, World, clock, instant, world  # noqa: F401  # the fixtures
from tests.operators.requests.conftest import Recorder
from tests.operators.requests.slow import rollup_of_day

LIST = "GET jobs"
START = "POST query/sql/statements"
LOOK = "GET query/sql/statements/ID"
ROWS = "GET query/sql/statements/ID/results"
POST = "POST jobs"
END = ["GET jobs/ID", "GET jobs/ID/metrics"]


@pytest.fixture(autouse=True)
def _fake_clock(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr("airflow_provider_polaris.runtime.clock.CLOCK", clock)


@pytest.fixture
def rows_apart(world: World, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """Let the state of a query contain no rows, as it does for a longer result."""
    queries = world.running.emulator.queries
    status = type(queries)._status

    def without_rows(self: Any, statement: Any) -> Any:
        body = status(self, statement)
        body.get("result", {}).pop("sampleRecords", None)
        return body

    monkeypatch.setattr(type(queries), "_status", without_rows)


class Task:
    """
    A deferrable rollup of one day, from its submission to its end.

    :param world: Source and target.
    :param arguments: More arguments of the operator.
    """

    def __init__(self, world: World, **arguments: Any) -> None:  # noqa: F811
        self.world = world
        self.ti = FakeTI(max_tries=1)
        store = {"task_state_store": MemoryStore()} if AIRFLOW_VERSION >= (3, 3) else {}
        self.context: Any = {"ti": self.ti, **store}
        self.arguments = arguments

    def operator(self) -> PolarisTableToTableOperator:
        return rollup_of_day(self.world, self.arguments)

    def run(self) -> str:
        """Run the task; its trigger fires when the job has ended."""
        with pytest.raises(TaskDeferred) as caught:
            self.operator().execute(self.context)
        return self.resume(caught.value)

    def resume(self, deferred: Any) -> str:
        job = deferred.trigger.job_id
        self.world.running.emulator.jobs.get_for_reply(job)  # the trigger has seen its end
        event = {"status": "ended", "job_id": job, "state": "completed", "message": "it has ended"}
        arguments = through_airflow({**deferred.kwargs, "event": event})
        assert self.operator().resume_execution(deferred.method_name, arguments, self.context) == job
        return str(job)


@pytest.fixture
def loaded(world: World) -> World:  # noqa: F811
    """Rows of the day in both tables."""
    world.load("2024-06-01T10:00:00Z")
    world.run(world.rollup())
    return world


def test_replace_with_guards_sends_twelve_requests_in_six_rounds(
    loaded: World, rows_apart: None, recorder: Recorder
) -> None:
    """Each table is read once, and what is independent is asked at once."""
    Task(loaded).run()
    tables = [f"GET tables/{loaded.target}", f"GET tables/{loaded.source}"]
    assert recorder.rounds == [sorted([LIST, *tables]), [START] * 2, [LOOK] * 2, [ROWS] * 2, [POST], END]
    assert len(recorder.requests) == 12


def test_replace_where_the_state_has_the_rows_sends_ten_requests(loaded: World, recorder: Recorder) -> None:
    """The state of a query with few rows contains them."""
    Task(loaded).run()
    tables = [f"GET tables/{loaded.target}", f"GET tables/{loaded.source}"]
    assert recorder.rounds == [sorted([LIST, *tables]), [START] * 2, [LOOK] * 2, [POST], END]
    assert len(recorder.requests) == 10


@pytest.mark.parametrize(
    "arguments", [{"on_empty_source": "submit", "on_shrink": "submit"}, {"ingestion_mode": "append"}]
)
def test_task_that_counts_nothing_sends_six_requests_in_three_rounds(
    loaded: World, recorder: Recorder, arguments: dict[str, str]
) -> None:
    """Its guards read both tables and the active jobs."""
    Task(loaded, **arguments).run()
    tables = [f"GET tables/{loaded.target}", f"GET tables/{loaded.source}"]
    assert recorder.rounds == [sorted([LIST, *tables]), [POST], END]
    assert len(recorder.requests) == 6


def test_new_table_is_counted_on_one_side_only(world: World, recorder: Recorder) -> None:  # noqa: F811
    """A target that doesn't exist has no rows, and the job creates it."""
    world.load("2024-06-01T10:00:00Z")
    recorder.rounds.clear()
    Task(world).run()
    assert [request for request in recorder.requests if request in (START, LOOK)] == [START, LOOK]
    assert len(recorder.requests) == 8


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="there is no task state store")
def test_retry_that_resumes_its_job_reads_no_list(loaded: World, recorder: Recorder) -> None:
    """The plan needs the tables, and the job is found by its recorded id."""
    task = Task(loaded)
    with pytest.raises(TaskDeferred):
        task.operator().execute(task.context)
    recorder.rounds.clear()
    task.ti.try_number = 2
    # The emulator's job has ended by the next look.
    task.operator().execute(task.context)
    tables = sorted([f"GET tables/{loaded.target}", f"GET tables/{loaded.source}"])
    assert recorder.rounds == [tables, ["GET jobs/ID"], ["GET jobs/ID/metrics"]]


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="there is no task state store")
def test_cleared_task_sends_one_request_more_for_the_old_job(loaded: World, recorder: Recorder) -> None:
    """The old job is read after the tables and the list of active jobs, which are read at once."""
    task = Task(loaded)
    task.run()
    recorder.rounds.clear()
    task.ti.try_number, task.ti.max_tries = 2, 2
    task.run()
    first = sorted([LIST, f"GET tables/{loaded.target}", f"GET tables/{loaded.source}"])
    assert recorder.rounds == [first, ["GET jobs/ID"], [START] * 2, [LOOK] * 2, [POST], END]
