# SPDX-License-Identifier: Apache-2.0
"""When an operator is deferred, and the state that it stores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest

from airflow_provider_polaris.jobs.errors import PolarisJobCanceledError, PolarisJobTimeoutError
from airflow_provider_polaris.operators.polaris import PolarisJobOperator
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from tests.operators.conftest import JOB, REPLACE
from tests.operators.deferral import CANCEL, defer, operator


def test_execute_job_that_has_ended_in_the_answer_needs_no_triggerer(jobs, clock, context, ti):
    """The answer to the POST describes the job, so nothing is requested but its metrics."""
    jobs.accept(executionStatus="completed")
    jobs.has(metrics={})
    assert operator().execute(context) == JOB
    assert jobs.asked == ["POST jobs", f"GET jobs/{JOB}/metrics"]
    assert clock.sleeps == []


def test_execute_defers_without_a_look(running, clock, context):
    """A job that was just submitted has not ended, so the worker is free after the POST."""
    defer(operator(), context)
    assert running.asked == ["POST jobs"]


def test_execute_pushes_link_and_facts_before_it_defers(running, clock, context, ti):
    """The page of a deferred task links to the job."""
    defer(operator(), context)
    assert [key for key, _ in ti.pushed] == ["polaris_job_url", "polaris_table_url", "polaris_job"]
    assert ti.xcom("polaris_job")["id"] == JOB
    assert clock.sleeps == []


def test_execute_that_does_not_wait_does_not_defer(running, clock, context):
    """wait_for_completion=False needs no triggerer."""
    assert operator(wait_for_completion=False).execute(context) == JOB


def test_execute_killed_after_its_post_does_not_defer(running, clock, context, ti, monkeypatch):
    """A killed task cancels its job instead of being deferred."""
    running.cancel_answers(200, {"executionStatus": "running"})
    task = operator()
    monkeypatch.setattr(ti, "xcom_push", lambda key, value: task.on_kill())
    with pytest.raises(PolarisJobCanceledError, match="its cancellation was requested"):
        task.execute(context)
    assert running.asked.count(CANCEL) == 1


def test_deferral_takes_everything_along_as_plain_json_without_secrets(running, clock, context, ti, triggerer):
    """The trigger and the resumed task need nothing else, and Airflow stores no API key."""
    ti.start_date = clock.now() - timedelta(seconds=20)
    deferred = defer(
        operator(
            poll_interval="7",
            timeout=timedelta(minutes=5),
            cancel_on_kill="False",
            fail_on_warning="true",
            pending_warning_after=None,
        ),
        context,
    )
    assert deferred.method_name == "execute_complete"
    url = ti.xcom("polaris_job_url")
    submitted = clock.now().timestamp()
    assert deferred.trigger.serialize() == (
        "airflow_provider_polaris.triggers.polaris.PolarisJobTrigger",
        {
            "job_id": JOB,
            "polaris_conn_id": "polaris_default",
            "poll_interval": 7.0,
            "started": submitted,
            "deadline": submitted + 280,  # 300 s from the start of the attempt
            "cancel_on_timeout": True,
            "cancel_on_kill": False,
            "pending_warning": None,
            "console_url": url,
        },
    )
    assert deferred.kwargs == {
        "wait": {
            "job_id": JOB,
            "polaris_conn_id": "polaris_default",
            "url": url,
            "submitted": submitted,
            "adopted": False,
            "options": {
                "wait_for_completion": True,
                "deferrable": True,
                "poll_interval": 7.0,
                "timeout": 300.0,
                "pending_warning_after": None,
                "cancel_on_kill": False,
                "cancel_on_timeout": True,
                "fail_on_warning": True,
                "durable": True,
                "repeat_append": False,
                "checks": {},
            },
        }
    }
    stored = json.dumps([deferred.trigger.serialize(), deferred.kwargs])
    assert "pok_" not in stored
    running.is_now("completed")
    method, kwargs = triggerer.run(deferred)
    assert (method, {**kwargs, "event": None}) == ("execute_complete", {**deferred.kwargs, "event": None})


@pytest.mark.parametrize(
    "arguments, deadline",
    [
        ({}, None),
        ({"timeout": 100}, 100),
        ({"execution_timeout": timedelta(minutes=10)}, 570),
        ({"execution_timeout": timedelta(seconds=40)}, 20),
        ({"execution_timeout": timedelta(minutes=10), "timeout": 560}, 560),
    ],
)
def test_deferral_has_a_backstop_behind_its_deadline(running, clock, context, arguments, deadline):
    """Airflow's own limit is later than ours, and there is none if we have none."""
    deferred = defer(operator(**arguments), context)
    start = clock.now().timestamp()
    assert deferred.trigger.deadline == (None if deadline is None else start + deadline)
    assert deferred.timeout == (None if deadline is None else timedelta(seconds=deadline + 120))


def test_execute_past_its_deadline_gives_up_at_once(running, clock, context, ti):
    """An attempt whose deadline has passed when the job is submitted cancels it immediately."""
    ti.start_date = clock.now() - timedelta(hours=1)
    running.cancel_answers(200, {"executionStatus": "canceled"})
    with pytest.raises(PolarisJobTimeoutError, match=r"deadline 2026-11-20T05:10:00Z, 0 s into .*; it was canceled"):
        operator(timeout=600).execute(context)


@pytest.mark.skipif(AIRFLOW_VERSION >= (3, 0), reason="Airflow 3 starts the timer anew itself")
def test_pre_execute_after_a_deferral_starts_the_timer_anew(clock, context, ti):
    """On Airflow 2 a task that resumes late gets its job's result instead of being killed."""
    ti.start_date = clock.now() - timedelta(minutes=9)
    ti.next_method = None
    task = operator(execution_timeout=timedelta(minutes=10))
    task.pre_execute(context)
    assert task.execution_timeout == timedelta(minutes=10)
    ti.next_method = "execute_complete"
    task.pre_execute(context)
    assert task.execution_timeout == timedelta(minutes=19)


def test_deferrable_defaults_to_airflows_setting():
    """[operators] default_deferrable is read when the class is defined, as in other providers."""
    script = (
        "from airflow_provider_polaris.operators.polaris import PolarisJobOperator, PolarisTableToTableOperator\n"
        "from airflow_provider_polaris.sensors.polaris import PolarisJobSensor\n"
        "print([PolarisJobOperator(task_id='a', spec={}).deferrable,\n"
        "       PolarisTableToTableOperator(task_id='b', source_table='s', target_table='t').deferrable,\n"
        "       PolarisJobSensor(task_id='c', job_id='j').deferrable])\n"
    )
    environment = {**os.environ, "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[True, True, True]"
    assert operator(deferrable=False).deferrable is False
    assert PolarisJobOperator(task_id="job", spec=REPLACE).deferrable is False
