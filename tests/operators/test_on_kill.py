# SPDX-License-Identifier: Apache-2.0
"""A killed task cancels its job within seconds, whenever the kill occurs, and makes no call to Airflow."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from airflow_provider_polaris.jobs.errors import PolarisJobCanceledError
from airflow_provider_polaris.operators.job_run.cancel_on_kill import cancel_within
from airflow_provider_polaris.operators.polaris import PolarisJobOperator
from airflow_provider_polaris.runtime.compat import BaseHook
from tests.operators.conftest import JOB, REPLACE

CANCEL = f"POST jobs/{JOB}/status"


def operator(**arguments):
    return PolarisJobOperator(**{"task_id": "job", "spec": REPLACE, **arguments})


class HookedAnswers(dict):
    """Runs an action while a request is being answered."""

    def __init__(self, answers, key, action):
        super().__init__(answers)
        self.key, self.action = key, action

    def get(self, key, default=None):
        answer = super().get(key, default)
        if key == self.key:
            self.action()
        return answer


@pytest.fixture
def no_airflow(monkeypatch):
    """Return a function after which every read of a connection fails the test."""

    def forbid(*args, **kwargs):
        raise AssertionError("on_kill asked Airflow for a connection")

    return lambda: monkeypatch.setattr(BaseHook, "get_connection", forbid)


def test_on_kill_while_waiting_cancels_and_ends_the_wait(jobs, clock, context, ti, task_log, no_airflow):
    """The cancel is sent immediately; the interrupted code then stops and submits nothing."""
    jobs.accept()
    jobs.is_now("running")
    jobs.has(progress=0.1)
    jobs.cancel_answers(200, {"executionStatus": "running"})
    task = operator()

    def kill(count):
        no_airflow()
        task.on_kill()

    clock.then = kill
    with pytest.raises(PolarisJobCanceledError) as caught:
        task.execute(context)
    assert str(caught.value) == (
        f"the task was killed while job {JOB!r} was active; its cancellation was requested. See "
        f"{ti.xcom('polaris_job_url')}"
    )
    assert jobs.asked.count(CANCEL) == 1
    assert jobs.asked[-1] == CANCEL
    assert len(jobs.submitted) == 1
    assert (
        task_log()[-3]
        == f"INFO The task was killed; the cancellation of job {JOB!r} was requested. Its status is 'running'."
    )


def test_on_kill_during_the_post_cancels_the_job_as_soon_as_it_has_an_id(jobs, clock, context, task_log):
    """A kill before the id is known is stored, and the job is canceled right after the answer."""
    jobs.accept()
    jobs.cancel_answers(200, {"executionStatus": "canceled"})
    task = operator()
    jobs.server.answers = HookedAnswers(jobs.server.answers, ("POST", "/jobs"), task.on_kill)
    with pytest.raises(PolarisJobCanceledError, match="it has ended with 'canceled'"):
        task.execute(context)
    assert jobs.asked == ["POST jobs", CANCEL]
    assert task_log()[:2] == [
        "INFO The task was killed before its job had an id. If the POST creates a job, it will be canceled.",
        f"INFO The task was killed; the cancellation of job {JOB!r} was requested. Its status is 'canceled'.",
    ]


def test_on_kill_during_the_post_of_a_task_that_does_not_wait_is_no_success(jobs, clock, context):
    """A killed task never succeeds, not even with wait_for_completion=False."""
    jobs.accept()
    jobs.cancel_answers(200, {"executionStatus": "running"})
    task = operator(wait_for_completion=False)
    jobs.server.answers = HookedAnswers(jobs.server.answers, ("POST", "/jobs"), task.on_kill)
    with pytest.raises(PolarisJobCanceledError, match="its cancellation was requested"):
        task.execute(context)
    assert jobs.asked == ["POST jobs", CANCEL]


@pytest.mark.parametrize("interrupted", [("POST", "/jobs"), ("GET", f"/jobs/{JOB}/status")])
def test_on_kill_from_a_signal_handler_interrupts_a_request(jobs, clock, context, interrupted):
    """A real signal in the middle of a real request: canceled once, no deadlock, no second job."""
    jobs.accept()
    jobs.is_now("running")
    jobs.has(progress=0.1)
    jobs.cancel_answers(200, {"executionStatus": "running"})
    task = operator()
    handled = threading.Event()

    def handle(signum, frame):
        task.on_kill()
        handled.set()

    def send():
        os.kill(os.getpid(), signal.SIGUSR1)
        handled.wait(120)

    jobs.server.answers = HookedAnswers(jobs.server.answers, interrupted, send)
    before = signal.signal(signal.SIGUSR1, handle)
    try:
        with pytest.raises(PolarisJobCanceledError):
            task.execute(context)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert handled.is_set()
    assert jobs.asked.count(CANCEL) == 1
    assert len(jobs.submitted) == 1


def test_on_kill_before_the_post_submits_nothing(jobs, clock, context, monkeypatch):
    """A kill while the job is being planned: no job."""
    task = operator()
    plan = task.plan_job

    def plan_and_be_killed(*args):
        task.on_kill()
        return plan(*args)

    monkeypatch.setattr(task, "plan_job", plan_and_be_killed)
    with pytest.raises(PolarisJobCanceledError) as caught:
        task.execute(context)
    assert str(caught.value) == "the task was killed before it submitted its job."
    assert jobs.asked == []


def test_on_kill_before_execute_does_nothing():
    """on_kill of a task that hasn't started is harmless."""
    operator().on_kill()


def test_on_kill_without_cancel_on_kill_leaves_the_job_alone(jobs, clock, context, task_log):
    """cancel_on_kill=False: the job runs on, and the task ends."""
    jobs.accept()
    jobs.is_now("running")
    jobs.has(progress=0.1)
    task = operator(cancel_on_kill="False")
    clock.then = lambda count: task.on_kill()
    with pytest.raises(PolarisJobCanceledError, match="it runs on, because cancel_on_kill=False"):
        task.execute(context)
    assert CANCEL not in jobs.asked
    assert task_log()[-3] == f"INFO The task was killed; job {JOB!r} runs on, because cancel_on_kill=False."


def test_on_kill_twice_cancels_once(jobs, clock, context):
    """A second signal does not repeat the request."""
    jobs.accept()
    jobs.is_now("running")
    jobs.has(progress=0.1)
    jobs.cancel_answers(200, {"executionStatus": "running"})
    task = operator()

    def kill(count):
        task.on_kill()
        task.on_kill()

    clock.then = kill
    with pytest.raises(PolarisJobCanceledError):
        task.execute(context)
    assert jobs.asked.count(CANCEL) == 1


def test_on_kill_of_a_job_that_has_ended_says_so(jobs, clock, context, task_log):
    """Polaris' refusal to cancel a job that has ended is no problem."""
    jobs.accept()
    jobs.is_now("running")
    jobs.has(progress=0.1)
    jobs.cancel_answers(400, {"code": "BadArgument", "message": "ended"})
    task = operator()

    def kill(count):
        jobs.is_now("completed")
        task.on_kill()

    clock.then = kill
    with pytest.raises(PolarisJobCanceledError, match="it has ended with 'completed'"):
        task.execute(context)
    assert task_log()[-3] == f"INFO The task was killed; job {JOB!r} had already ended with status 'completed'."


def test_on_kill_of_a_job_that_cannot_be_canceled_says_so(jobs, clock, context, task_log):
    """A refusal is logged with the status and Polaris' text, and the handler raises nothing."""
    jobs.accept()
    jobs.is_now("running")
    jobs.has(progress=0.1)
    jobs.cancel_answers(400, {"code": "BadArgument", "message": "not a job that can be updated"})
    task = operator()
    clock.then = lambda count: task.on_kill()
    with pytest.raises(PolarisJobCanceledError, match="it could not be canceled"):
        task.execute(context)
    assert task_log()[-3].startswith(
        f"WARNING The task was killed, but job {JOB!r} could not be canceled. Its status is 'running', and it "
        "may run on (jobs that delete data can't be canceled): POST /v1/projects/"
    )


def test_cancel_within_comes_back_in_time_from_a_server_that_hangs(jobs):
    """A server that never answers takes no longer than the limit."""
    from airflow_provider_polaris.hooks.polaris import PolarisHook

    release, released = threading.Event(), []
    jobs.cancel_answers(200, {"executionStatus": "running"})

    def hang() -> None:
        released.append(release.wait(120))

    jobs.server.answers = HookedAnswers(jobs.server.answers, ("POST", f"/jobs/{JOB}/status"), hang)
    result = cancel_within(PolarisHook().settings, JOB, 0.4)
    assert released == []
    release.set()
    assert result.status is None
    assert result.problem


def test_cancel_within_comes_back_in_time_from_what_has_no_time_limit(jobs, monkeypatch):
    """A DNS lookup, for example, can hang for minutes; it is abandoned."""
    from airflow_provider_polaris.hooks.polaris import PolarisHook

    release, released = threading.Event(), []
    monkeypatch.setattr(
        "airflow_provider_polaris.operators.job_run.cancel_on_kill._cancel",
        lambda *arguments: released.append(release.wait(120)),
    )
    result = cancel_within(PolarisHook().settings, JOB, 0.1)
    assert released == []
    release.set()
    assert result.problem == "no answer came within 0.1 s"


def test_cancel_within_reports_a_server_that_is_gone(jobs):
    """A missing answer is a problem that is returned, not raised."""
    from dataclasses import replace

    from airflow_provider_polaris.hooks.polaris import PolarisHook

    settings = replace(PolarisHook().settings, base_url="http://127.0.0.1:9")
    result = cancel_within(settings, JOB)
    assert result.status is None
    assert "127.0.0.1" in result.problem
