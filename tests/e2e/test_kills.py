# SPDX-License-Identifier: Apache-2.0
"""Many jobs whose tasks are marked and cleared while a triggerer has just started."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.checks import see_waiting
from harness.fleet import Fleet, busy_cores
from harness.polaris import Polaris
from harness.rest import Task
from harness.waiting import eventually

pytestmark = pytest.mark.e2e

MARKED, CLEARED, LEFT = 100, 50, 15
#: Seconds in which a busy machine with two cores runs the workers of all tasks.
MANY_WORKERS = 3600


@pytest.fixture
def polaris(tmp_path: Path) -> Iterator[Polaris]:
    """Run a Polaris whose jobs run for hours, unless they are canceled."""
    server = Polaris(tmp_path / "polaris.log", slow=True)
    yield server
    server.stop()


@pytest.fixture
def deferred_task(run_dag, polaris) -> Task:
    """Return a task that waits for a job."""
    task = run_dag("fleet")
    task.wait_for("deferred")
    see_waiting(polaris)
    return task


@pytest.fixture
def no_slots(airflow, deferred_task) -> Iterator[None]:
    """Let no task run."""
    airflow.api.set_slots(0)
    yield
    airflow.api.set_slots(128)


@pytest.fixture
def fleet(airflow, polaris) -> Iterator[Fleet]:
    """Return tasks that are all deferred, each with an active job."""
    airflow.api.add_connection({"connection_id": "fleet", **polaris.connection()})
    made = Fleet(airflow, polaris, "fleet", MARKED + CLEARED + LEFT)
    made.wait_until(lambda one: one["state"] == "deferred", within=MANY_WORKERS, what="deferred tasks")
    yield made
    made.end()


def test_tasks_marked_and_cleared_behind_a_busy_triggerer_cancel_their_jobs(airflow, polaris, fleet):
    """100 marked failed and 50 cleared while a triggerer starts on busy cores: 150 jobs are canceled, no other one."""
    tables = fleet.tables()
    marked, cleared, left = tables[:MARKED], tables[MARKED : MARKED + CLEARED], tables[MARKED + CLEARED :]
    first = {table: jobs[0]["id"] for table, jobs in fleet.jobs().items()}
    assert len(set(first.values())) == len(tables)
    before = airflow.alive_triggerer_jobs()
    (triggerer,) = airflow.triggerers()
    with busy_cores(2):
        triggerer.terminate()
        triggerer.wait(60)
        triggerer.kill()
        airflow.start_triggerer()
        (after,) = eventually(
            lambda: airflow.alive_triggerer_jobs() - before, bool, within=240, what="the next triggerer"
        )
        fleet.wait_for_triggerer(after, within=240)
        for table in marked:
            fleet.task(table).mark("failed")
        for table in cleared:
            fleet.task(table).clear()

        def unwanted() -> set[str]:
            """Return the tables whose first job has no requested cancellation."""
            return {
                table
                for table, jobs in fleet.jobs().items()
                for job in jobs
                if job["id"] == first[table] and job["desiredExecutionStatus"] != "canceled"
            }

        eventually(unwanted, lambda seen: seen == set(left), within=MANY_WORKERS, what="the cancels")
    # The cleared ones wait for a new job, which is not canceled.
    fleet.wait_until(
        lambda one: one["state"] in ("deferred", "failed"), within=MANY_WORKERS, what="tasks that wait again"
    )
    jobs = fleet.jobs()
    assert {table: len(jobs[table]) for table in tables} == {
        **dict.fromkeys(marked, 1),
        **dict.fromkeys(cleared, 2),
        **dict.fromkeys(left, 1),
    }
    running = {table for table in tables if jobs[table][-1]["desiredExecutionStatus"] == "running"}
    assert running == {*cleared, *left}


def test_triggerer_that_ends_during_a_check_names_the_job(airflow, polaris, deferred_task, no_slots):
    """A cleared task that waits for a slot may resume its job: the job runs on, and the last log line names it."""
    (job,) = polaris.jobs()
    (triggerer,) = airflow.triggerers()
    triggerer.freeze()
    try:
        deferred_task.clear()
        deferred_task.wait_for("scheduled")
    finally:
        triggerer.thaw()
    told = f"no longer waits for job '{job['id']}': the task's state is 'scheduled'"
    eventually(lambda: airflow.task_log(deferred_task), lambda log: told in log, within=60, what="an unfinished check")
    triggerer.terminate()
    triggerer.wait(60)
    triggerer.kill()
    airflow.start_triggerer()
    lines = triggerer.log.read_text().splitlines()
    (line,) = (line for line in lines if "The triggerer ends" in line and job["id"] in line)
    assert f"job '{job['id']}' of task fleet.rollup (run {deferred_task.run_id}) may run on" in line
    assert [job["desiredExecutionStatus"] for job in polaris.jobs()] == ["running"]
