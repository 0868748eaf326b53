# SPDX-License-Identifier: Apache-2.0
"""A deferrable task holds no worker slot while it checks its completed job, and submits it once in any case."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_polaris.jobs.errors import PolarisJobCanceledError
from airflow_provider_polaris.runtime.compat import AirflowFailException
from tests.operators.guards.conftest import FakeClock, clock  # noqa: F401  # the fixture
from tests.operators.requests.conftest import Recorder, recorder  # noqa: F401  # the fixture
from tests.operators.requests.slow import SlowTask, SlowWorld, waits
from tests.operators.requests.test_budget import LOOK, START
from tests.operators.requests.test_slots import lines, world  # noqa: F401  # the fixtures

MET = {"rows": "COUNT(*) = 1"}
UNMET = {"rows": "COUNT(*) > 1"}


def own_jobs(world: SlowWorld) -> list[Any]:  # noqa: F811
    return [job for job in world.jobs if "airflow" in (job.spec.get("context") or {})]


def at_check(world: SlowWorld, checks: Any) -> tuple[SlowTask, Any]:  # noqa: F811
    """Return a task that waits for the query of its checks."""
    task = SlowTask(world, checks=checks, on_empty_source="submit", on_shrink="submit")
    state = task.begin()
    assert waits(state)[0] == "job"
    task.arguments["checks"] = {"late": "COUNT(*) > 1000"}  # Airflow renders the templates again
    world.pass_time()
    state = task.resume(state)
    assert waits(state)[0] == "queries"
    assert state.method_name == "continue_check"
    return task, state


def test_query_is_waited_for_in_the_triggerer(world: SlowWorld, recorder: Recorder) -> None:  # noqa: F811
    """The conditions stay those of the begin of the try, and the query is started once."""
    task, state = at_check(world, MET)
    recorder.rounds.clear()
    assert task.finish(state) == own_jobs(world)[0].id
    assert recorder.rounds == [["GET jobs/ID"], [f"GET tables/{world.target}"], [LOOK]]
    assert len(own_jobs(world)) == 1
    assert sum(task.phases) <= 3


def test_check_that_is_not_met_fails_the_deferred_task(world: SlowWorld) -> None:  # noqa: F811
    """With the value, as without a deferral."""
    task, state = at_check(world, UNMET)
    with pytest.raises(AirflowFailException, match=r"are not met in .* \(1 rows\): 'rows' \(COUNT\(\*\) > 1\): COUNT"):
        task.finish(state)


@pytest.mark.parametrize("error", ["Trigger timeout", "Trigger failure"])
def test_without_an_event_the_worker_checks_itself(world: SlowWorld, error: str) -> None:  # noqa: F811
    """Airflow has dropped the saved state. The job is found by the XCom, and is not submitted again."""
    task, _ = at_check(world, MET)
    world.clock.then = lambda count: world.running.emulator.jobs.advance_due_jobs()
    task.arguments["checks"] = MET  # the conditions are rendered again
    assert task.fail_trigger(error) == own_jobs(world)[0].id
    assert len(own_jobs(world)) == 1


def test_dag_test_without_the_saved_state_checks_in_the_worker(world: SlowWorld) -> None:  # noqa: F811
    """``airflow dags test`` passes only the event."""
    task, _ = at_check(world, MET)
    task.arguments["checks"] = MET  # the conditions are rendered again
    operator = task.new_operator()
    assert operator.continue_check(task.context, {"status": "due"}) == own_jobs(world)[0].id


def test_service_without_an_answer_is_waited_for_and_the_job_is_not_repeated(
    world: SlowWorld,  # noqa: F811
    recorder: Recorder,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The client's retries would hold the slot."""
    monkeypatch.setattr("airflow_provider_polaris.operators.checks.deferred_check.CLIENT_RETRIES", 0.0)
    task, state = at_check(world, MET)
    world.control("POST", "/faults", {"effect": "status", "status": 503, "path": "/tables"})
    world.pass_time()
    state = task.resume(state)
    assert waits(state) == ("time", [])
    assert state.method_name == "continue_check"
    assert task.finish(state)
    assert recorder.requests.count(START) == 1
    assert len(own_jobs(world)) == 1


def test_kill_during_the_checks_says_that_the_job_has_completed(world: SlowWorld) -> None:  # noqa: F811
    """The job is not described as canceled. The query is canceled."""
    task = SlowTask(world, checks=MET, on_empty_source="submit", on_shrink="submit", deferrable=False, poll_interval=30)

    def pass_and_kill(count: int) -> None:
        world.running.emulator.jobs.advance_due_jobs()
        if world.asked("POST /query/sql/statements"):
            task.operator.on_kill()

    world.clock.then = pass_and_kill
    with pytest.raises(PolarisJobCanceledError) as error:
        task.begin()
    (job,) = own_jobs(world)
    assert str(error.value) == (
        f"the task was killed while it checked what job {job.id!r} wrote. The job has completed: its rows are in "
        f"the table and unchecked. See {task.operator._run.url}"
    )
    assert world.asked("DELETE /query/sql/statements/{queryId}") == 1


def test_table_that_is_not_loaded_is_waited_for(world: SlowWorld, lines: Any) -> None:  # noqa: F811
    """Queries can't read the new segments before."""
    task = SlowTask(world, checks=MET, on_empty_source="submit", on_shrink="submit")
    state = task.begin()
    world.pass_time()
    world.control("PATCH", f"/tables/{world.target}", {"availability": "unavailable"})
    state = task.resume(state)
    assert isinstance(state, TaskDeferred)
    assert waits(state) == ("table", [world.target])
    assert lines()[-2:] == [
        f"INFO Waiting until queries can read what the job wrote to table {world.target!r}.",
        f"INFO The task waits in the triggerer until table {world.target!r} is available.",
    ]
    world.control("PATCH", f"/tables/{world.target}", {"availability": "available"})
    assert task.finish(state)
