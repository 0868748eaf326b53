# SPDX-License-Identifier: Apache-2.0
"""A deferred operator resumes although its trigger never fired, or failed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_polaris.jobs.errors import PolarisJobTimeoutError
from tests.operators.conftest import JOB
from tests.operators.deferral import CANCEL, defer, operator

REASONS = {"2.11": "Trigger/execution timeout", "3": "Trigger timeout"}


def abandoned(reason="Trigger timeout", **more):
    """Return how Airflow resumes a task whose trigger never fired."""
    return {"next_method": "__fail__", "next_kwargs": {"error": reason, **more}}


@pytest.mark.parametrize("reason", REASONS.values(), ids=REASONS.keys())
def test_resume_without_an_event_at_the_deadline_cancels_in_the_worker(running, clock, context, ti, task_log, reason):
    """No triggerer ran: the worker cancels, with the usual message."""
    ti.start_date = clock.now()
    defer(operator(timeout=100), context)
    clock.time += timedelta(seconds=240)
    running.cancel_answers(200, {"executionStatus": "canceled"})
    with pytest.raises(PolarisJobTimeoutError) as caught:
        operator(timeout=100).resume_execution(**abandoned(reason), context=context)
    assert str(caught.value) == (
        f"Job {JOB!r} was still 'running' at the deadline 2026-11-20T06:01:40Z, 100 s into the wait; it was "
        "canceled because cancel_on_timeout=True. Raise timeout= or execution_timeout=, whichever set the deadline, or "
        f"split the interval. See {ti.xcom('polaris_job_url')}"
    )
    assert running.asked.count(CANCEL) == 1
    assert clock.sleeps == []
    assert (
        f"WARNING No trigger event for job {JOB!r} arrived before the timeout. This worker checks the job."
        in task_log()
    )


def test_resume_without_an_event_gives_up_even_if_the_deadline_renders_differently(running, clock, context):
    """Airflow reports a timeout, so it is one."""
    defer(operator(timeout=100), context)
    clock.time += timedelta(seconds=240)
    with pytest.raises(PolarisJobTimeoutError, match=r"deadline 2026-11-20T06:04:00Z.*cancel_on_timeout=False"):
        operator(timeout=None, cancel_on_timeout=False).resume_execution(**abandoned(), context=context)
    assert CANCEL not in running.asked


def test_resume_without_an_event_takes_a_job_that_has_ended(running, clock, context, ti):
    """The triggerer was unavailable, the job succeeded: that is a success, also past the deadline."""
    defer(operator(timeout=100), context)
    clock.time += timedelta(seconds=240)
    running.is_now("completed")
    assert operator(timeout=100).resume_execution(**abandoned(), context=context) == JOB
    assert ti.xcom("polaris_job")["status"] == "completed"


def test_resume_without_an_event_of_a_job_that_cannot_be_seen_fails(running, clock, context):
    """A connection that renders differently has no such job: it is unchanged, and the error states it."""
    defer(operator(timeout=100), context)
    running.server.answers.clear()
    with pytest.raises(PolarisJobTimeoutError, match=r"it could not be canceled: .*404"):
        operator(timeout=100).resume_execution(**abandoned(), context=context)


def test_resume_after_a_broken_trigger_waits_in_the_worker(running, clock, context, ti, task_log):
    """A triggerer without this provider, for example: the job continues, and so does the wait."""
    defer(operator(), context)
    clock.then = lambda count: running.is_now("completed" if count == 2 else "running")
    failed = abandoned("Trigger failure", traceback=["Traceback", "ModuleNotFoundError: polaris"])
    assert operator().resume_execution(**failed, context=context) == JOB
    assert clock.sleeps == [30, 30]
    assert (
        f"WARNING The trigger failed (Trigger failure), so this worker waits for job {JOB!r} instead.\n"
        "Traceback\nModuleNotFoundError: polaris"
    ) in task_log()


def test_resume_after_a_broken_trigger_keeps_the_deadline(running, clock, context, ti):
    """The deadline counts from the start of the attempt, wherever the task waits."""
    ti.start_date = clock.now()
    defer(operator(timeout=100), context)
    clock.time += timedelta(seconds=50)
    running.cancel_answers(200, {"executionStatus": "canceled"})
    with pytest.raises(PolarisJobTimeoutError, match="2026-11-20T06:01:40Z, 100 s into the wait"):
        operator(timeout=100).resume_execution(**abandoned("Trigger failure"), context=context)
    assert clock.sleeps == [30, 20]


def test_resume_without_an_event_and_without_a_job_starts_again(running, clock, context, task_log):
    """A task that has pushed no job was deferred before it submitted one. It submits as a retry would."""
    with pytest.raises(TaskDeferred):
        operator().resume_execution(**abandoned(), context=context)
    assert running.asked == ["POST jobs"]
    assert task_log()[0] == (
        "WARNING No trigger event arrived in time. The task starts again and waits in this worker."
    )
