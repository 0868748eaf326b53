# SPDX-License-Identifier: Apache-2.0
"""The scenarios that are short enough for every change: one Airflow, whose processes are not killed."""

from __future__ import annotations

import pytest
from harness.checks import cancel_is_asked, check_canceled, check_success

pytestmark = [pytest.mark.e2e, pytest.mark.smoke]


def test_synchronous_run_succeeds(waiting_task, polaris):
    """A task that waits in the worker ends with the job, its links, its XComs and its rows."""
    task = waiting_task("synchronous", "running")
    polaris.release()
    task.wait_for("success")
    check_success(polaris, task)


def test_deferred_run_succeeds(airflow, waiting_task, polaris):
    """A task that waits in the triggerer has its link and its job's id meanwhile, and the same result."""
    task = waiting_task("deferred")
    (job,) = polaris.jobs()
    assert task.links()["Polaris Job"] == f"{polaris.url}/__emulator__/jobs/{job['id']}"
    assert task.xcom("polaris_job")["id"] == job["id"]
    airflow.see_worker_free(task)
    polaris.release()
    task.wait_for("success")
    check_success(polaris, task)


def test_task_marked_failed_while_deferred_cancels_job(waiting_task, polaris):
    """Marking the task failed cancels its job."""
    task = waiting_task("deferred")
    task.mark("failed")
    cancel_is_asked(polaris)
    check_canceled(polaris)
    assert task.state() == "failed"


def test_task_cleared_while_deferred_cancels_old_job(waiting_task, polaris):
    """Clearing the task cancels its job; the new one of the next attempt is not canceled."""
    task = waiting_task("deferred")
    task.clear()
    cancel_is_asked(polaris)
    polaris.release()
    task.wait_for("success")
    old, new = polaris.jobs()
    assert (old["executionStatus"], old["desiredExecutionStatus"]) == ("canceled", "canceled")
    assert (new["executionStatus"], new["desiredExecutionStatus"]) == ("completed", "running")
    assert task.xcom() == new["id"]


def test_execution_timeout_while_deferred_cancels_job_and_fails_task(airflow, run_dag, polaris):
    """The deadline applies in the triggerer: it cancels the job, then the task fails with the message."""
    polaris.hold()
    task = run_dag("deferred_timeout")
    task.wait_for("deferred")
    task.wait_for("failed")
    cancel_is_asked(polaris)
    check_canceled(polaris)
    log = airflow.task_log(task)
    assert "at the deadline" in log
    assert "its cancellation was requested because cancel_on_timeout=True" in log
