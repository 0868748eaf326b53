"""What becomes of a job when the worker that waits for it is told to stop."""

from __future__ import annotations

import pytest
from harness.checks import cancel_is_asked, check_canceled, see_waiting

pytestmark = pytest.mark.e2e


def test_task_marked_failed_while_it_waits_in_the_worker_cancels_job(airflow, run_dag, polaris):
    """Airflow stops the task's process, and the job is canceled on the way out."""
    polaris.hold()
    task = run_dag("synchronous")
    task.wait_for("running")
    see_waiting(polaris)
    (job,) = polaris.jobs()
    task.mark("failed")
    cancel_is_asked(polaris)
    check_canceled(polaris)
    assert task.state() == "failed"
    sentence = f"The task was killed; Polaris was asked to cancel job {job['id']!r}, now 'running'."
    assert sentence in airflow.task_log(task)
