# SPDX-License-Identifier: Apache-2.0
"""A deferred sensor: the same result as in poke mode, Airflow's meaning of timeout, and no cancel, ever."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_polaris.jobs.errors import PolarisAuthError, PolarisJobTimeoutError, PolarisProtocolError
from airflow_provider_polaris.runtime.compat import (
    AIRFLOW_VERSION,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)
from airflow_provider_polaris.sensors.polaris import PolarisJobSensor
from tests.operators.conftest import JOB
from tests.operators.deferral import STATUS, defer, event


def sensor(**arguments):
    return PolarisJobSensor(**{"task_id": "job", "job_id": JOB, "deferrable": True, **arguments})


@pytest.fixture
def running(jobs):
    """Return a job that runs until told otherwise; nothing can be submitted."""
    jobs.is_now("running")
    jobs.has(metrics={"numRowsProcessed": 7, "numRowsPersisted": 2}, progress=0.1)
    return jobs


@pytest.fixture
def outcome(running, clock, triggerer, context, ti, airflow_sleeps):
    """Return a function that runs a sensor, in poke mode or deferred, and returns its visible output."""

    def run(deferrable, then, steps=30.0, **arguments):
        clock.__init__()
        clock.then = then
        ti.pushed.clear()
        triggerer.step = steps
        running.is_now("running")
        result, error = None, None
        try:
            try:
                result = sensor(deferrable=deferrable, **arguments).execute(context)
            except TaskDeferred as deferred:
                assert deferrable
                method, kwargs = triggerer.run(deferred)
                result = sensor(**arguments).resume_execution(method, kwargs, context)
        except Exception as exception:
            error = (type(exception), str(exception))
        return {"result": result, "error": error, "xcoms": ti.pushed[:]}

    return run


@pytest.mark.parametrize(
    "status, values, arguments, kind",
    [
        ("completed", {}, {}, None),
        ("completed", {"health": {"status": "warn"}}, {"fail_on_warning": True}, AirflowFailException),
        ("failed", {"health": {"code": "internal_error"}}, {}, AirflowFailException),
        ("canceled", {}, {"soft_fail": True}, AirflowSkipException),
        ("failed", {}, {"never_fail": True}, AirflowSkipException),
    ],
    ids=["completed", "warning", "failed", "soft_fail", "never_fail"],
)
def test_end_of_the_job_is_the_same_in_poke_mode_and_deferred(running, outcome, status, values, arguments, kind):
    """Result, XComs, error and skip don't depend on where the sensor waits."""

    def then(count):
        if count == 2:
            running.is_now(status, **values)

    poked = outcome(False, then, **arguments)
    deferred = outcome(True, then, **arguments)
    assert deferred == poked
    assert (deferred["error"] and deferred["error"][0]) is kind
    assert [key for key, _ in deferred["xcoms"]] == ["polaris_job_url", "polaris_job"]
    assert not any(request.startswith("POST") for request in running.asked)


@pytest.mark.parametrize("arguments", [{}, {"soft_fail": True}, {"never_fail": True}])
def test_giving_up_is_the_same_in_poke_mode_and_deferred(running, outcome, arguments):
    """A job that can't be polled for 15 minutes: the same class, and the same skip."""

    def then(count):
        running.server.answer(*STATUS, 401, {"message": "no"})

    poked = outcome(False, then, poke_interval=300, **arguments)
    deferred = outcome(True, then, 300.0, poke_interval=300, **arguments)
    assert deferred["error"][0] is poked["error"][0]
    assert deferred["error"][0] is (AirflowSkipException if "never_fail" in arguments else PolarisAuthError)
    assert deferred["xcoms"] == poked["xcoms"]


@pytest.mark.parametrize("soft_fail, kind", [(False, AirflowSensorTimeout), (True, AirflowSkipException)])
def test_timeout_is_the_same_in_poke_mode_and_deferred(running, outcome, soft_fail, kind):
    """At its timeout a sensor fails as Airflow's sensors do, or skips; the job runs on."""
    poked = outcome(False, lambda count: None, timeout=100, soft_fail=soft_fail)
    deferred = outcome(True, lambda count: None, 99.95, timeout=100, soft_fail=soft_fail)
    assert deferred["error"][0] is poked["error"][0] is kind
    assert deferred["xcoms"] == poked["xcoms"]
    if not soft_fail:
        assert deferred["error"][1] == (
            f"Job {JOB!r} was still 'running' when the sensor's timeout of 100 s had passed; it runs on, "
            "because a sensor cancels nothing. Raise timeout= or find out why the job takes so long. See "
            f"{dict(deferred['xcoms'])['polaris_job_url']}"
        )
    assert not any(request.startswith("POST") for request in running.asked)


def test_execute_with_a_job_that_has_ended_needs_no_triggerer(running, clock, context):
    """The first poll may be the last."""
    running.is_now("completed")
    assert sensor().execute(context) is None
    assert clock.sleeps == []


ON_3 = pytest.mark.skipif(AIRFLOW_VERSION < (3, 0), reason="Airflow 2 asks its database for the first poke")


@pytest.mark.parametrize("mode", ["poke", pytest.param("reschedule", marks=ON_3)])
def test_deferral_takes_everything_along_as_plain_json(running, clock, context, ti, mode):
    """The trigger never cancels; Airflow's own limit is later than the sensor's timeout."""
    deferred = defer(sensor(poke_interval=7, timeout=600, fail_on_warning="true", mode=mode), context)
    start, url = clock.now().timestamp(), ti.xcom("polaris_job_url")
    assert deferred.trigger.serialize()[1] == {
        "job_id": JOB,
        "polaris_conn_id": "polaris_default",
        "poll_interval": 7.0,
        "started": start,
        "deadline": start + 600,
        "cancel_on_timeout": False,
        "cancel_on_kill": False,
        "pending_warning": 1800.0,
        "console_url": url,
    }
    assert deferred.kwargs == {
        "wait": {
            "job_id": JOB,
            "polaris_conn_id": "polaris_default",
            "url": url,
            "started": start,
            "poll_interval": 7.0,
            "pending_warning": 1800.0,
            "fail_on_warning": True,
            "timeout": 600.0,
        }
    }
    assert (deferred.method_name, deferred.timeout) == ("execute_complete", timedelta(seconds=720))
    assert "pok_" not in json.dumps([deferred.trigger.serialize(), deferred.kwargs])


def test_deferral_with_a_nearer_execution_timeout_ends_before_it(running, clock, context, ti, triggerer):
    """execution_timeout counts from the start of the attempt, and is a failure that a retry may follow."""
    ti.start_date = clock.now() - timedelta(seconds=10)
    deferred = defer(sensor(execution_timeout=timedelta(minutes=2)), context)
    assert deferred.trigger.deadline == clock.now().timestamp() + 80
    triggerer.step = 79.95
    method, kwargs = triggerer.run(deferred)
    with pytest.raises(PolarisJobTimeoutError, match="was still 'running' at the deadline 2026-11-20T06:01:20Z, 80 s"):
        sensor().resume_execution(method, kwargs, context)


def test_execute_complete_takes_nothing_from_templates(running, clock, context, ti, triggerer):
    """A job id, connection or option that renders differently after the deferral has no effect."""
    arguments = {"job_id": "{{ params.job }}", "polaris_conn_id": "{{ params.c }}", "fail_on_warning": "{{ params.f }}"}
    task = sensor(**arguments)
    task.render_template_fields({"params": {"job": JOB, "c": "polaris_default", "f": False}})
    deferred = defer(task, context)
    running.is_now("completed", health={"status": "warn"})
    method, kwargs = triggerer.run(deferred)
    resumed = sensor(**arguments)
    resumed.render_template_fields({"params": {"job": "another", "c": "gone", "f": "what?"}})
    assert resumed.resume_execution(method, kwargs, context) is None
    assert ti.xcom("polaris_job")["id"] == JOB


@pytest.mark.parametrize("wrong", [None, {}, {"status": "success", "job_id": JOB}])
def test_execute_complete_with_a_strange_event_fails(running, clock, context, wrong):
    """A missing event and an event of another trigger are no success."""
    deferred = defer(sensor(), context)
    running.is_now("completed")
    with pytest.raises(PolarisProtocolError, match="the trigger's event"):
        sensor().execute_complete(context, event=wrong, **deferred.kwargs)


def test_execute_complete_without_what_was_left_fails(running, clock, context):
    """Deferred by another version: the error states it."""
    with pytest.raises(PolarisProtocolError, match=r"its saved state \{\} lacks job_id"):
        sensor().execute_complete(context, event=event(), wait={})


def test_execute_complete_with_nothing_but_the_event_reads_its_arguments(running, clock, context, ti):
    """The data that "airflow dags test" keeps is sufficient to evaluate the job; without an event it isn't."""
    with pytest.raises(PolarisProtocolError, match="the trigger's event None is no JSON object"):
        sensor().execute_complete(context)
    running.is_now("completed")
    assert sensor().execute_complete(context, event=event()) is None
    assert ti.xcom("polaris_job")["status"] == "completed"


def test_execute_complete_survives_polls_without_an_answer(running, clock, context):
    """A short failure while the end is evaluated costs one poll, not the sensor."""
    deferred = defer(sensor(poke_interval=7), context)
    running.server.answer(*STATUS, 503, {"message": "maintenance"})
    clock.then = lambda count: running.is_now("completed") if count == 3 else None
    assert sensor().execute_complete(context, event=event(), **deferred.kwargs) is None
    assert clock.sleeps == [7, 7, 7]


def test_execute_complete_of_an_unknown_status_fails_without_retry(running, clock, context):
    """A status that is unknown for ten minutes is not retried."""
    deferred = defer(sensor(), context)
    running.is_now("unknown")
    with pytest.raises(AirflowFailException, match="has had the status"):
        sensor().execute_complete(
            context, event=event("gave_up", "unknown", "it has had the status 'unknown'"), **deferred.kwargs
        )


@pytest.mark.parametrize("reason", ["Trigger timeout", "Trigger/execution timeout"])
@pytest.mark.parametrize("soft_fail, kind", [(False, AirflowSensorTimeout), (True, AirflowSkipException)])
def test_resume_without_an_event_at_the_timeout_looks_once_more(running, clock, context, reason, soft_fail, kind):
    """No triggerer ran: the usual message, and a successful job is a success."""
    fail = {"next_method": "__fail__", "next_kwargs": {"error": reason}}
    with pytest.raises(kind) as caught:
        sensor(timeout=100, soft_fail=soft_fail).resume_execution(**fail, context=context)
    if not soft_fail:
        assert "was still 'running' when the sensor's timeout of 100 s had passed" in str(caught.value)
    running.is_now("completed")
    assert sensor(timeout=100, soft_fail=soft_fail).resume_execution(**fail, context=context) is None


def test_resume_after_a_broken_trigger_is_airflows_own_error_unless_the_job_has_ended(running, clock, context):
    """A retry waits for the same job, so Airflow's error does no harm."""
    fail = {"next_method": "__fail__", "next_kwargs": {"error": "Trigger failure", "traceback": ["Traceback"]}}
    with pytest.raises(Exception, match="Trigger failure") as caught:
        sensor().resume_execution(**fail, context=context)
    assert type(caught.value).__name__ == "TaskDeferralError"
    running.is_now("completed")
    assert sensor().resume_execution(**fail, context=context) is None


@pytest.mark.skipif(AIRFLOW_VERSION >= (3, 0), reason="Airflow 3 starts the timer anew itself")
def test_pre_execute_after_a_deferral_starts_the_timer_anew(clock, context, ti):
    """On Airflow 2 a sensor that resumes late evaluates the job instead of being killed."""
    ti.start_date, ti.next_method = clock.now() - timedelta(minutes=9), "execute_complete"
    task = sensor(execution_timeout=timedelta(minutes=10))
    task.pre_execute(context)
    assert task.execution_timeout == timedelta(minutes=19)
