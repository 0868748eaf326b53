# SPDX-License-Identifier: Apache-2.0
"""A job that is pending for long causes one warning with Polaris' reason."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_polaris.operators.polaris import PolarisJobOperator
from airflow_provider_polaris.sensors.polaris import PolarisJobSensor
from tests.operators.conftest import JOB, REPLACE

HEALTH = {"status": "warn", "code": "insufficient_capacity", "message": "waiting for task slots"}


def operator(**arguments):
    return PolarisJobOperator(**{"task_id": "job", "spec": REPLACE, "deferrable": False, **arguments})


def sensor(**arguments):
    return PolarisJobSensor(**{"task_id": "job", "job_id": JOB, "deferrable": False, **arguments})


@pytest.fixture
def pending(jobs):
    """Provide a job that waits for resources and reports it."""
    jobs.accept()
    jobs.is_now("pending", health=HEALTH)
    jobs.has(metrics={}, progress=0.1)
    return jobs


def warnings(task_log):
    return [line for line in task_log() if line.startswith("WARNING")]


def sentence(minutes, ti):
    return (
        f"WARNING Job {JOB!r} has been 'pending' for {minutes} min. The service reports: health 'warn', code "
        "'insufficient_capacity', message 'waiting for task slots'. A pending job waits, usually for resources: check "
        f"the other jobs of the project. See {ti.xcom('polaris_job_url')}"
    )


def test_wait_for_a_job_that_stays_pending_warns_once(pending, clock, context, ti, task_log):
    """After half an hour by default, once, and the description is requested once."""
    clock.then = lambda count: pending.is_now("completed" if count == 20 else "pending", health=HEALTH)
    operator(poll_interval=300).execute(context)
    assert warnings(task_log) == [sentence(30, ti)]
    assert pending.asked.count(f"GET jobs/{JOB}") == 2  # for the warning, and at the end


def test_wait_warns_when_the_user_wants_it(pending, clock, context, ti, task_log):
    """The time can be set, also by a template."""
    clock.then = lambda count: pending.is_now("completed" if count == 20 else "pending", health=HEALTH)
    operator(pending_warning_after="300").execute(context)
    assert warnings(task_log) == [sentence(5, ti)]


@pytest.mark.parametrize("after, ends", [(None, 20), ("None", 20), (1800, 6)])
def test_wait_for_a_job_that_is_not_pending_for_long_does_not_warn(pending, clock, context, task_log, after, ends):
    """None means never, and a job that runs in time causes no warning."""
    clock.then = lambda count: pending.is_now(
        "completed" if count == 20 else "running" if count >= ends else "pending", health=HEALTH
    )
    operator(pending_warning_after=after, poll_interval=300).execute(context)
    assert warnings(task_log) == []


def test_wait_whose_description_fails_warns_later(pending, clock, context, ti, task_log):
    """An optional request doesn't decide, and is retried."""
    pending.server.answer("GET", f"/jobs/{JOB}", 503, {"message": "maintenance"})

    def then(count):
        if count >= 7:
            pending.is_now("completed" if count == 10 else "pending", health=HEALTH)

    clock.then = then
    operator(poll_interval=300).execute(context)
    assert warnings(task_log) == [sentence(35, ti)]


def test_poke_of_a_job_that_stays_pending_warns_once(pending, clock, context, ti, task_log):
    """The sensor in poke mode counts from its first poke."""
    task = sensor(poke_interval=300)
    for _ in range(20):
        assert task.poke(context) is False
        clock.time += timedelta(seconds=300)
    assert warnings(task_log) == [sentence(30, ti)]


def test_poke_in_reschedule_mode_warns_only_around_the_time(pending, clock, context, ti, task_log):
    """Each poke is a separate process; the first one after the time warns, and later ones don't."""
    ti.first_poke = clock.now()
    for _ in range(20):
        assert sensor(mode="reschedule", poke_interval=300).poke(context) is False
        clock.time += timedelta(seconds=317)  # the interval, and the time that Airflow needs to start a process
    assert warnings(task_log) == [sentence(32, ti)]


@pytest.mark.parametrize("make", [operator, sensor])
def test_time_that_cannot_be_read_is_named(jobs, clock, context, make):
    """Like every argument."""
    with pytest.raises(Exception, match="pending_warning_after 'soon' is not a positive number of seconds, such as 30"):
        make(pending_warning_after="soon").execute(context)
