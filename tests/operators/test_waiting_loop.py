# SPDX-License-Identifier: Apache-2.0
"""The synchronous wait: when it polls, how long it sleeps, when it gives up."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from airflow_provider_polaris.jobs.errors import PolarisJobTimeoutError
from airflow_provider_polaris.operators.polaris import PolarisJobOperator
from airflow_provider_polaris.runtime.clock import Clock
from airflow_provider_polaris.runtime.compat import AirflowFailException
from airflow_provider_polaris.runtime.deadline import deadline_of
from tests.operators.conftest import JOB, REPLACE

START = datetime(2026, 11, 20, 6, tzinfo=timezone.utc)


def operator(**arguments):
    return PolarisJobOperator(**{"task_id": "job", "spec": REPLACE, **arguments})


def test_wait_for_a_job_that_has_ended_sleeps_never(jobs, clock, context):
    """The first poll is immediate."""
    jobs.accept()
    jobs.is_now("completed")
    jobs.has(metrics={})
    operator().execute(context)
    assert clock.sleeps == []


def test_wait_jitters_its_sleeps(jobs, clock, context, monkeypatch):
    """The factor of the clock applies to every sleep."""
    jobs.accept()
    jobs.is_now("running")
    jobs.has(metrics={}, progress=0.1)
    factors = iter([0.9, 1.1])
    monkeypatch.setattr(clock, "jitter", lambda: next(factors))
    clock.then = lambda count: jobs.is_now("completed" if count == 2 else "running")
    operator(poll_interval=10).execute(context)
    assert clock.sleeps == [9, 11]


def test_clock_jitters_within_a_tenth():
    """Real jitter is at most a tenth, and varies."""
    factors = {Clock().jitter() for _ in range(50)}
    assert all(0.9 <= factor <= 1.1 for factor in factors)
    assert len(factors) > 1


def test_clock_sleep_ends_within_half_a_second_of_being_told(monkeypatch):
    """A long sleep is divided into slices, between which it can be stopped."""
    slept: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: sum(slept), sleep=slept.append)
    monkeypatch.setattr("airflow_provider_polaris.runtime.clock.time", clock)
    Clock().sleep(3600, lambda: len(slept) == 3)
    assert slept == [0.5, 0.5, 0.5]
    slept.clear()
    Clock().sleep(0.7, lambda: False)
    assert slept == [0.5, pytest.approx(0.2)]


def test_wait_survives_polls_without_an_answer(jobs, clock, context, task_log):
    """A failing service and a job that isn't visible yet cost one line each, not the task."""
    jobs.accept()
    jobs.server.answer("GET", f"/jobs/{JOB}/status", 404, {"code": "NotFound", "message": "not yet"})
    jobs.has(metrics={})

    def then(count: int) -> None:
        if count == 1:
            jobs.server.answer("GET", f"/jobs/{JOB}/status", 503, {"message": "maintenance"})
        if count == 20:
            jobs.is_now("completed")

    clock.then = then
    assert operator().execute(context) == JOB
    lines = [line for line in task_log() if "is not visible yet" in line or "can't be polled" in line]
    assert [line.split()[0] for line in lines] == ["INFO", "WARNING"]


def test_wait_asks_for_no_progress_after_a_poll_without_an_answer(jobs, clock, context):
    """A failing service gets no further request."""
    jobs.accept()
    jobs.is_now("running")
    jobs.has(metrics={}, progress=0.1)

    def then(count: int) -> None:
        jobs.server.answer("GET", f"/jobs/{JOB}/status", 503, {"message": "maintenance"})
        if count == 4:
            jobs.is_now("completed")

    clock.then = then
    operator().execute(context)
    assert jobs.asked.count(f"GET jobs/{JOB}/progress") == 1


def test_wait_where_status_is_ahead_of_describe_goes_on(jobs, clock, context):
    """A terminal status counts only once the description shows it, too."""
    jobs.accept()
    jobs.server.answer("GET", f"/jobs/{JOB}/status", 200, {"executionStatus": "completed"})
    jobs.server.answer("GET", f"/jobs/{JOB}", 200, jobs.body("running"))
    jobs.has(metrics={}, progress=1.0)
    clock.then = lambda count: jobs.is_now("completed")
    assert operator().execute(context) == JOB
    assert clock.sleeps == [30]


def test_wait_with_unknown_status_gives_up_without_a_retry(jobs, clock, context):
    """An unknown status is tolerated for ten minutes; then the task fails and nothing new is submitted."""
    jobs.accept()
    jobs.is_now("unknown")
    with pytest.raises(AirflowFailException, match="has had the status 'unknown' for 10 min"):
        operator().execute(context)
    assert sum(clock.sleeps) == 600
    assert len(jobs.submitted) == 1
    assert f"POST jobs/{JOB}/status" not in jobs.asked


@pytest.mark.parametrize(
    "cancel_on_timeout, answer, aftermath",
    [
        (True, (200, {"executionStatus": "running"}), "its cancellation was requested because cancel_on_timeout=True"),
        (True, (200, {"executionStatus": "canceled"}), "it was canceled because cancel_on_timeout=True"),
        (False, None, "it runs on, because cancel_on_timeout=False"),
    ],
)
def test_wait_at_the_deadline_cancels_and_says_so(jobs, clock, context, ti, cancel_on_timeout, answer, aftermath):
    """At the deadline the job is canceled if configured; the error gives the time, the result and the status."""
    jobs.accept()
    jobs.is_now("running")
    jobs.has(progress=0.1)
    if answer:
        jobs.cancel_answers(*answer)
    with pytest.raises(PolarisJobTimeoutError) as caught:
        operator(timeout=100, cancel_on_timeout=cancel_on_timeout).execute(context)
    assert str(caught.value) == (
        f"Job {JOB!r} was still 'running' at the deadline 2026-11-20T06:01:40Z, 100 s into the wait; "
        f"{aftermath}. Raise timeout= or execution_timeout=, whichever set the deadline, or split the interval. "
        f"See {ti.xcom('polaris_job_url')}"
    )
    assert clock.sleeps == [30, 30, 30, 10]
    assert jobs.asked.count(f"POST jobs/{JOB}/status") == (1 if answer else 0)


def test_wait_at_the_deadline_takes_a_job_that_just_ended(jobs, clock, context):
    """A job that completed between the last poll and the cancel is a success."""
    jobs.accept()
    jobs.is_now("running")
    jobs.has(metrics={}, progress=0.9)
    jobs.cancel_answers(400, {"code": "BadArgument", "message": "the job has ended"})
    asked = jobs.server.answers

    class Race(dict):
        def get(self, key, default=None):
            if key == ("POST", f"/jobs/{JOB}/status"):
                jobs.is_now("completed")
            return super().get(key, default)

    jobs.server.answers = Race(asked)
    assert operator(timeout=30).execute(context) == JOB


def test_wait_at_the_deadline_with_a_cancel_that_is_refused_says_so(jobs, clock, context):
    """A job that can't be canceled may run on, which the error states."""
    jobs.accept()
    jobs.is_now("running")
    jobs.has(progress=0.1)
    jobs.cancel_answers(400, {"code": "BadArgument", "message": "deletion jobs can't be canceled"})
    with pytest.raises(PolarisJobTimeoutError, match=r"it could not be canceled: .*deletion jobs can't be canceled"):
        operator(timeout=30).execute(context)


@pytest.mark.parametrize(
    "timeout, execution_timeout, seconds",
    [
        (None, None, None),
        (100, None, 100),
        (None, 100, 70),
        (None, 40, 20),
        (60, 100, 60),
        (90, 100, 70),
    ],
)
def test_deadline_of_is_the_earlier_limit_with_a_reserve(timeout, execution_timeout, seconds):
    """Airflow's limit less 30 s, but at least half of it; the operator's own limit unchanged."""

    def span(value):
        return None if value is None else timedelta(seconds=value)

    found = deadline_of(START, span(timeout), span(execution_timeout))
    assert found == (None if seconds is None else START + timedelta(seconds=seconds))


def test_wait_ends_before_execution_timeout(jobs, clock, context):
    """execution_timeout is a limit, too, and the task has time to cancel before Airflow's own timeout."""
    jobs.accept()
    jobs.is_now("running")
    jobs.has(progress=0.1)
    jobs.cancel_answers(200, {"executionStatus": "canceled"})
    with pytest.raises(PolarisJobTimeoutError, match="at the deadline 2026-11-20T06:09:30Z"):
        operator(execution_timeout=timedelta(minutes=10)).execute(context)
