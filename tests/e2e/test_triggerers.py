# SPDX-License-Identifier: Apache-2.0
"""Waiting tasks when triggerers die or hang: the job continues, and its end is detected."""

from __future__ import annotations

import time

import pytest
from harness.airflow import TRIGGERER_SILENCE
from harness.checks import cancel_is_asked, check_success, see_waiting
from harness.waiting import PATIENCE, eventually

pytestmark = pytest.mark.e2e

#: Longer than a triggerer may be silent before it loses its triggers.
FREEZE_SECONDS = TRIGGERER_SILENCE + 10


@pytest.fixture(autouse=True)
def one_triggerer(airflow):
    """Leave one working triggerer for the next test."""
    yield
    *spare, last = airflow.triggerers() or [airflow.start_triggerer()]
    for triggerer in spare:
        triggerer.kill()
    last.thaw()


def owner(task):
    """Return the id of the triggerer job that has the task's trigger, or None."""
    return (task.look()["triggerer_job"] or {}).get("id")


def wait_for_other_owner(task, before):
    """Wait until another triggerer has the task's trigger."""
    eventually(lambda: owner(task), lambda seen: seen not in (None, before), what="another triggerer for the task")


def job_runs_on_and_ends_well(polaris, task):
    """Check that the task waits for the job and no cancel was requested; let the job end, and the task with it."""
    see_waiting(polaris)
    assert polaris.statuses() == [("running", "running")]
    polaris.release()
    task.wait_for("success")
    check_success(polaris, task)


def test_triggerer_killed_and_restarted_while_waiting_succeeds(airflow, waiting_task, polaris):
    """A triggerer that dies with all its processes cancels no job; the next one continues the wait."""
    task = waiting_task("deferred")
    before = owner(task)
    (triggerer,) = airflow.triggerers()
    triggerer.kill()
    airflow.start_triggerer()
    wait_for_other_owner(task, before)
    job_runs_on_and_ends_well(polaris, task)


def test_triggerer_stopped_politely_while_waiting_succeeds(airflow, waiting_task, polaris):
    """A triggerer that is shut down, as in every deployment, cancels no job; the next one continues the wait."""
    task = waiting_task("deferred")
    before = owner(task)
    (triggerer,) = airflow.triggerers()
    triggerer.terminate()
    triggerer.wait(PATIENCE)
    triggerer.kill()
    airflow.start_triggerer()
    wait_for_other_owner(task, before)
    job_runs_on_and_ends_well(polaris, task)


def test_triggerer_frozen_until_its_trigger_moved_cancels_nothing(airflow, waiting_task, polaris):
    """A triggerer that was stopped for a while has lost its trigger, and doesn't cancel the job of the other one."""
    task = waiting_task("deferred")
    before = owner(task)
    (frozen,) = airflow.triggerers()
    airflow.start_triggerer()
    eventually(airflow.alive_triggerer_jobs, lambda ids: len(ids - {before}) > 0, what="a second triggerer")
    frozen.freeze()
    try:
        time.sleep(FREEZE_SECONDS)
        wait_for_other_owner(task, before)
    finally:
        frozen.thaw()
    told = "The trigger was stopped, but the task is still deferred"
    # The line is in the task's log, or later in the triggerer's own.
    eventually(
        lambda: airflow.task_log(task) + frozen.log.read_text(errors="replace"),
        lambda log: told in log,
        what="the end of the old trigger",
    )
    job_runs_on_and_ends_well(polaris, task)


def test_task_cleared_and_deferred_again_behind_a_frozen_triggerer_cancels_old_job_only(airflow, waiting_task, polaris):
    """
    The next attempt cancels the old job itself; a triggerer that stops later doesn't cancel the new one.

    It waits for the old job's end in another triggerer.
    """
    task = waiting_task("deferred")
    before = owner(task)
    (triggerer,) = airflow.triggerers()
    airflow.start_triggerer()
    eventually(airflow.alive_triggerer_jobs, lambda ids: len(ids - {before}) > 0, what="a second triggerer")
    triggerer.freeze()
    try:
        task.clear()
        cancel_is_asked(polaris)
        polaris.release()
        assert polaris.statuses() == [("canceled", "canceled")]
        polaris.hold()
        eventually(polaris.jobs, lambda jobs: len(jobs) == 2, what="the job of the next attempt")
        task.wait_for("deferred")
    finally:
        triggerer.thaw()
    see_waiting(polaris)
    airflow.see_worker_free(task, attempt=2)
    polaris.release()
    task.wait_for("success")
    assert polaris.statuses() == [("canceled", "canceled"), ("completed", "running")]
    assert task.xcom() == polaris.jobs()[1]["id"]
