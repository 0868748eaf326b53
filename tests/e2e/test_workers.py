# SPDX-License-Identifier: Apache-2.0
"""The job of a worker that is stopped, or dies, while it submits or waits."""

from __future__ import annotations

import signal

import psutil
import pytest
from harness.checks import cancel_is_asked, check_canceled, check_one_job, check_success, see_waiting
from harness.waiting import eventually

pytestmark = pytest.mark.e2e


def test_task_marked_failed_while_it_waits_in_the_worker_cancels_job(airflow, waiting_task, polaris):
    """Airflow stops the task's process, and the job is canceled at the end."""
    task = waiting_task("synchronous", "running")
    (job,) = polaris.jobs()
    task.mark("failed")
    cancel_is_asked(polaris)
    check_canceled(polaris)
    assert task.state() == "failed"
    sentence = f"The task was killed; the cancellation of job {job['id']!r} was requested. Its status is 'running'."
    assert sentence in airflow.task_log(task)


@pytest.mark.parametrize(
    ("way", "with_supervisor"),
    [
        pytest.param("synchronous_retried", False, id="synchronous", marks=pytest.mark.smoke),
        pytest.param("deferred_retried", False, id="deferrable"),
        pytest.param("deferred_retried", True, id="deferrable-with-supervisor"),
    ],
)
def test_worker_killed_between_post_and_record_adopts_job(airflow, run_dag, polaris, way, with_supervisor):
    """The retry finds the job whose id was not stored, and resumes it: there is no second one."""
    polaris.hold()
    polaris.hold_answer_to_submit()
    task = run_dag(way)
    (job,) = eventually(polaris.jobs, bool, what="a job")
    kill(task, with_supervisor=with_supervisor)
    see_in_log(airflow, task, f"Adopted job {job['id']!r}")
    if way == "deferred_retried":
        task.wait_for("deferred")
        airflow.see_worker_free(task, attempt=2)
    check_success_of_the_one_job(polaris, task)


def test_worker_killed_while_it_waits_goes_on_with_job(airflow, waiting_task, polaris):
    """The retry resumes the recorded job or, if Airflow has no store, finds it."""
    task = waiting_task("synchronous_retried", "running")
    (job,) = polaris.jobs()
    kill(task, with_supervisor=False)
    found = "Resumed" if airflow.has_task_state_store else "Adopted"
    see_in_log(airflow, task, f"{found} job {job['id']!r}")
    check_success_of_the_one_job(polaris, task)


def kill(task, *, with_supervisor):
    """Kill the process that runs the task's code, and on request its supervisor first."""
    process = psutil.Process(task.pid())
    victims = [process.parent(), process] if with_supervisor else [process]
    for victim in victims:
        victim.send_signal(signal.SIGKILL)


def see_in_log(airflow, task, sentence):
    """Wait until the log of the second attempt has the line."""
    eventually(
        lambda: airflow.task_log(task, attempt=2),
        lambda log: sentence in log,
        what=f"{sentence!r} in the log of the second attempt",
    )


def check_success_of_the_one_job(polaris, task):
    """Let the job end, and check that the task ends with it and that there is no other job."""
    see_waiting(polaris)
    polaris.release()
    task.wait_for("success")
    check_success(polaris, task, adopted=True)
    check_one_job(polaris)
