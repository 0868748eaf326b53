# SPDX-License-Identifier: Apache-2.0
"""A deferred operator resumes with its trigger's event and evaluates the job, whatever happened meanwhile."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.jobs.errors import (
    PolarisJobCanceledError,
    PolarisJobFailedError,
    PolarisJobTimeoutError,
    PolarisProtocolError,
    PolarisServerError,
    PolarisTransportError,
)
from airflow_provider_polaris.runtime.compat import AirflowFailException
from tests.operators.conftest import JOB, REPLACE
from tests.operators.deferral import CANCEL, STATUS, defer, event, operator


def test_execute_complete_takes_nothing_from_templates(running, connect, clock, context, ti, triggerer):
    """Templates that render differently after the deferral have no effect: connection, options and facts are kept."""
    arguments = {
        "polaris_conn_id": "{{ params.connection }}",
        "spec": {**REPLACE, "target": {**REPLACE["target"], "tableName": "{{ params.table }}"}},
        "fail_on_warning": "{{ params.strict }}",
        "poll_interval": "{{ params.seconds }}",
        "cancel_on_kill": "{{ params.strict }}",
        "timeout": "{{ params.timeout }}",
    }
    before = {"connection": "polaris_default", "table": "b", "strict": False, "seconds": 5, "timeout": None}
    after = {"connection": "gone", "table": "other", "strict": "what?", "seconds": "x", "timeout": -1}
    task = operator(**arguments)
    task.render_template_fields({"params": before})
    deferred = defer(task, context)
    running.is_now("completed", health={"status": "warn", "code": "invalid_rows_found"})
    method, kwargs = triggerer.run(deferred)
    resumed = operator(**arguments)
    resumed.render_template_fields({"params": after})
    assert resumed.resume_execution(method, kwargs, context) == JOB
    assert resumed.job_id == JOB
    assert ti.xcom("polaris_job")["status"] == "completed"
    assert ti.xcom("polaris_job_url").endswith(f"/jobs/{JOB}")


@pytest.mark.parametrize(
    "wrong, words",
    [
        (None, "the trigger's event None is no JSON object"),
        ({"status": "success"}, "has the status 'success', which is none of ['ended', 'gave_up', 'timeout']"),
    ],
)
def test_execute_complete_with_a_strange_event_fails(running, clock, context, wrong, words):
    """A missing event and an event of another trigger are no success; a retry resumes the job."""
    deferred = defer(operator(), context)
    running.is_now("completed")
    with pytest.raises(PolarisProtocolError) as caught:
        operator().execute_complete(context, event=wrong, **deferred.kwargs)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "wait, missing", [("text", " lacks job_id, polaris"), ({"job_id": JOB}, " lacks polaris_conn")]
)
def test_execute_complete_without_what_was_left_fails(jobs, clock, context, wait, missing):
    """Deferred by another version: a retry finds the job by its record or its marker."""
    with pytest.raises(PolarisProtocolError) as caught:
        operator().execute_complete(context, event=event(), wait=wait)
    assert str(caught.value).startswith(f"cannot resume the deferred task: its saved state {wait!r} lacks ")
    assert missing in str(caught.value)
    assert jobs.asked == []


@pytest.mark.parametrize("status, result", [("completed", JOB), ("failed", None)])
def test_execute_complete_with_nothing_but_the_event_goes_by_the_jobs_echo(jobs, clock, context, ti, status, result):
    """The data that "airflow dags test" keeps is sufficient to evaluate the job."""
    jobs.is_now(status, health={"status": "ok", "code": "internal_error"})
    jobs.has(metrics={"numRowsProcessed": 1, "numRowsPersisted": 1})
    task = operator()
    if result is None:
        with pytest.raises(PolarisJobFailedError):
            task.execute_complete(context, event=event(state=status))
    else:
        assert task.execute_complete(context, event=event(state=status)) == result
    assert task.job_id == JOB
    assert ti.xcom("polaris_job")["status"] == status


def test_execute_complete_with_nothing_but_the_event_passes_a_timeout_on(running, clock, context):
    """The message of the trigger is kept."""
    with pytest.raises(PolarisJobTimeoutError, match=r"^the trigger's words$"):
        operator().execute_complete(context, event=event("timeout", "running"))


def test_execute_complete_with_nothing_at_all_fails(jobs, clock, context):
    """No event and no state: the job is unknown here; a retry finds it."""
    with pytest.raises(PolarisProtocolError, match="the trigger's event None is no JSON object"):
        operator().execute_complete(context)
    assert jobs.asked == []


def test_execute_complete_where_describe_lags_waits(running, clock, context):
    """The trigger saw the end, but the description doesn't show it yet: the next poll does."""
    deferred = defer(operator(), context)
    clock.then = lambda count: running.is_now("completed")
    assert operator().execute_complete(context, event=event(), **deferred.kwargs) == JOB
    assert clock.sleeps == [30]


def test_execute_complete_survives_polls_without_an_answer(running, clock, context):
    """A wait of hours doesn't fail because Polaris is unavailable at its end, past the deadline or not."""
    deferred = defer(operator(timeout=60), context)
    running.server.answer(*STATUS, 503, {"message": "maintenance"})
    clock.then = lambda count: running.is_now("completed") if count == 20 else None
    assert operator().execute_complete(context, event=event(), **deferred.kwargs) == JOB
    assert CANCEL not in running.asked


def test_execute_complete_of_a_job_that_was_given_up_takes_its_end(running, clock, context):
    """The worker polls once more: a job that has ended meanwhile is evaluated."""
    deferred = defer(operator(), context)
    running.is_now("completed")
    gave_up = event("gave_up", "running", "gave up")
    assert operator().execute_complete(context, event=gave_up, **deferred.kwargs) == JOB


def test_execute_complete_of_a_job_that_only_the_trigger_cannot_see_fails_typed(running, clock, context):
    """The job is still running: the trigger's message, and the class for a missing answer."""
    deferred = defer(operator(), context)
    gave_up = event("gave_up", "running", "gave up waiting: it was no use")
    with pytest.raises(PolarisTransportError, match="gave up waiting: it was no use"):
        operator().execute_complete(context, event=gave_up, **deferred.kwargs)


@pytest.mark.parametrize(
    "state, kind",
    [("unknown", AirflowFailException), ("pondering", AirflowFailException), ("running", PolarisServerError)],
)
def test_execute_complete_of_a_job_that_nobody_can_see_is_retried_only_if_its_status_was_known(
    running, clock, context, state, kind
):
    """The trigger gave up and the worker gets no answer either: the job's state is unknown, so there is no retry."""
    deferred = defer(operator(), context)
    running.server.answer(*STATUS, 503, {"message": "maintenance"})
    with pytest.raises(kind) as caught:
        operator().execute_complete(context, event=event("gave_up", state, "gave up: no use"), **deferred.kwargs)
    assert str(caught.value) == "gave up: no use"


def test_execute_complete_with_the_event_of_another_job_waits_for_its_own(running, clock, context, task_log):
    """A late event of the try before a clear doesn't fail this one."""
    deferred = defer(operator(), context)
    running.is_now("completed")
    late = {**event("timeout", "canceled", "the old job was canceled"), "job_id": "old-job"}
    assert operator().execute_complete(context, event=late, **deferred.kwargs) == JOB
    assert f"WARNING The event is of job 'old-job', not of job {JOB!r}; it is ignored." in task_log()


def test_execute_complete_killed_cancels_the_job(running, clock, context, ti):
    """A kill of the resumed worker cancels the job by the stored state."""
    deferred = defer(operator(), context)
    running.cancel_answers(200, {"executionStatus": "running"})
    task = operator()
    clock.then = lambda count: task.on_kill()
    with pytest.raises(PolarisJobCanceledError) as caught:
        task.execute_complete(context, event=event(), **deferred.kwargs)
    assert str(caught.value) == (
        f"the task was killed while job {JOB!r} was active; its cancellation was requested. See "
        f"{ti.xcom('polaris_job_url')}"
    )
    assert running.asked.count(CANCEL) == 1
