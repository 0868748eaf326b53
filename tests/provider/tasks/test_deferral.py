"""A deferred operator: what it takes along, and that its result is that of one that waits in the worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_polaris.compat import AIRFLOW_VERSION, AirflowFailException
from airflow_provider_polaris.jobs.errors import (
    PolarisAuthError,
    PolarisJobCanceledError,
    PolarisJobFailedError,
    PolarisJobTimeoutError,
    PolarisProtocolError,
    PolarisServerError,
    PolarisTransportError,
)
from airflow_provider_polaris.operators.polaris import PolarisJobOperator

JOB = "018a90ac-0758-762b-b502-c5b1293302fe"
STATUS = ("GET", f"/jobs/{JOB}/status")
CANCEL = f"POST jobs/{JOB}/status"
REPLACE = {
    "type": "batch",
    "source": {"type": "table", "tableName": "a"},
    "target": {"type": "table", "tableName": "b", "intervals": ["2026-11-19/2026-11-20"]},
    "ingestionMode": "replace",
    "mappings": [{"columnName": "city", "expression": '"city"'}],
}
APPEND = {**REPLACE, "ingestionMode": "append", "target": {"type": "table", "tableName": "b"}}


def operator(**arguments):
    return PolarisJobOperator(**{"task_id": "job", "spec": REPLACE, "deferrable": True, **arguments})


def defer(task, context):
    """Run a task until it is deferred; return the deferral."""
    with pytest.raises(TaskDeferred) as caught:
        task.execute(context)
    return caught.value


def wait_of(deferred):
    return deferred.kwargs["wait"]


def event(status="ended", state="completed", message="the trigger's words"):
    return {"status": status, "job_id": JOB, "state": state, "message": message}


@pytest.fixture
def running(jobs):
    """Have a replace that runs until told otherwise."""
    jobs.accept()
    jobs.is_now("running")
    jobs.has(metrics={"numRowsProcessed": 7, "numRowsPersisted": 2}, progress=0.1)
    return jobs


@pytest.fixture
def outcome(jobs, clock, triggerer, context, ti, task_log):
    """Return a function that runs a task, in the worker or deferred, and tells all that a user sees of it."""

    def run(deferrable, then, steps=30.0, **arguments):
        clock.__init__()
        clock.then = then
        if store := context.get("task_state_store"):
            store.values.clear()
        ti.pushed.clear()
        lines = len(task_log())
        jobs.server.requests.clear()
        triggerer.step = steps
        task = operator(deferrable=deferrable, **arguments)
        result, error = None, None
        was_deferred = False
        try:
            try:
                result = task.execute(context)
            except TaskDeferred as deferred:
                was_deferred = True
                method, kwargs = triggerer.run(deferred)
                result = operator(**arguments).resume_execution(method, kwargs, context)
        except Exception as exception:
            error = (type(exception), str(exception), type(exception.__cause__))
        assert was_deferred is deferrable
        return {
            "result": result,
            "error": error,
            "xcoms": ti.pushed[:],
            "job log": [line for line in task_log()[lines:] if "Log of Polaris job" in line],
            "submitted": jobs.submitted,
            "canceled": jobs.asked.count(CANCEL),
        }

    return run


ENDS = {
    "completed": ("completed", {}, {}, None),
    "warning": ("completed", {"health": {"status": "warn", "code": "x"}}, {"fail_on_warning": True}, "fail_on_warning"),
    "no rows": ("completed", {"health": {"status": "warn", "code": "no_rows_found"}}, {}, "it found no rows"),
    "its spec": (
        "failed",
        {"health": {"code": "query_not_supported", "message": "FOO"}},
        {},
        "after 60 s with 'query_",
    ),
    "internal": ("failed", {"health": {"code": "internal_error", "message": "boom"}}, {}, "after 60 s with 'internal_"),
    "canceled": ("canceled", {"lastModifiedBy": {"username": "kim"}}, {}, "after 60 s, last changed by 'kim'"),
}


@pytest.mark.parametrize("status, values, arguments, words", ENDS.values(), ids=ENDS.keys())
def test_end_of_the_job_is_the_same_in_worker_and_triggerer(jobs, outcome, status, values, arguments, words):
    """Result, XComs, the error's class and sentence, and the job's log don't depend on where the task waits."""
    jobs.accept()
    jobs.has(
        metrics={"numRowsProcessed": 7, "numRowsPersisted": 2},
        logs=[{"timestamp": "2026-11-20T06:00:02Z", "healthStatus": "error", "code": "c", "message": "in the log"}],
        progress=0.5,
    )

    def then(count):
        jobs.is_now("running" if count < 2 else status, **(values if count >= 2 else {}))

    jobs.is_now("pending")
    in_worker = outcome(False, then, **arguments)
    jobs.is_now("pending")
    deferred = outcome(True, then, **arguments)
    assert deferred == in_worker
    assert [key for key, _ in deferred["xcoms"]] == [
        "polaris_job_url",
        "polaris_table_url",
        "polaris_job",
        "polaris_job",
    ]
    assert deferred["xcoms"][-1][1]["status"] == status
    if words is None:
        assert (deferred["result"], deferred["error"]) == (JOB, None)
    else:
        assert words in deferred["error"][1]
        assert len(deferred["job log"]) == 1


LATE = {
    "canceled": (
        REPLACE,
        {},
        (200, {"executionStatus": "canceled"}),
        PolarisJobTimeoutError,
        "; it was canceled because",
    ),
    "asked": (
        REPLACE,
        {},
        (200, {"executionStatus": "running"}),
        PolarisJobTimeoutError,
        "; it was asked to be canceled",
    ),
    "not wanted": (
        REPLACE,
        {"cancel_on_timeout": False},
        None,
        PolarisJobTimeoutError,
        "; it runs on, because cancel_on",
    ),
    "append canceled": (
        APPEND,
        {},
        (200, {"executionStatus": "canceled"}),
        PolarisJobTimeoutError,
        "; it was canceled",
    ),
    "append asked": (
        APPEND,
        {},
        (200, {"executionStatus": "running"}),
        PolarisJobTimeoutError,
        "; it was asked to be canceled",
    ),
}


@pytest.mark.parametrize("spec, arguments, answer, kind, words", LATE.values(), ids=LATE.keys())
def test_deadline_is_the_same_in_worker_and_triggerer(jobs, outcome, spec, arguments, answer, kind, words):
    """At the deadline the job is canceled once if that is wanted, and the sentence says what came of it."""
    jobs.accept(ingestionMode=spec["ingestionMode"])
    jobs.has(progress=0.1)
    jobs.is_now("running")
    if answer:
        jobs.cancel_answers(*answer)
    in_worker = outcome(False, lambda count: None, spec=spec, timeout=100, **arguments)
    if answer == (200, {"executionStatus": "canceled"}):
        jobs.server.answers = _CanceledByRequest(jobs)
    # The trigger's second look comes after the deadline.
    deferred = outcome(True, lambda count: None, 99.95, spec=spec, timeout=100, **arguments)
    assert deferred == in_worker
    assert deferred["error"][0] is kind
    assert words in deferred["error"][1]
    assert "was still 'running' at the deadline 2026-11-20T06:01:40Z, 100 s into the wait" in deferred["error"][1]
    assert deferred["canceled"] == (1 if answer else 0)


class _CanceledByRequest(dict):
    """Answers of a Polaris that cancels a job when it is asked to."""

    def __init__(self, jobs):
        super().__init__(jobs.server.answers)
        self.jobs = jobs

    def get(self, key, default=None):
        answer = super().get(key, default)
        if key == ("POST", f"/jobs/{JOB}/status"):
            self[STATUS] = (200, {"executionStatus": "canceled"})
        return answer


@pytest.mark.parametrize(
    "spec, answer, status, kind",
    [
        (REPLACE, (401, {"message": "key revoked"}), None, PolarisAuthError),
        (APPEND, (401, {"message": "key revoked"}), None, PolarisAuthError),
        (REPLACE, None, "unknown", AirflowFailException),
    ],
    ids=["no answers", "no answers, append", "unknown status"],
)
def test_giving_up_is_the_same_in_worker_and_triggerer(jobs, outcome, spec, answer, status, kind):
    """A job that can't be seen for too long: the same class, so that retry policies see a 401, and the same words."""
    jobs.accept(ingestionMode=spec["ingestionMode"])
    if answer:
        jobs.server.answer(*STATUS, *answer)
    else:
        jobs.is_now(status)
    in_worker = outcome(False, lambda count: None, spec=spec, poll_interval=300)
    deferred = outcome(True, lambda count: None, 300.0, spec=spec, poll_interval=300)
    assert deferred["error"][0] is in_worker["error"][0] is kind
    # How many polls there were is the watcher's business.
    beginning = in_worker["error"][1].partition(":")[0]
    assert deferred["error"][1].startswith(beginning)
    assert deferred["xcoms"] == in_worker["xcoms"]
    assert deferred["canceled"] == 0


def test_execute_looks_once_before_it_defers(jobs, clock, context, ti):
    """A job that has ended already needs no triggerer."""
    jobs.accept()
    jobs.is_now("completed")
    jobs.has(metrics={})
    assert operator().execute(context) == JOB
    assert jobs.asked == ["POST jobs", f"GET jobs/{JOB}/status", f"GET jobs/{JOB}", f"GET jobs/{JOB}/metrics"]
    assert clock.sleeps == []


def test_execute_pushes_link_and_facts_before_it_defers(running, clock, context, ti):
    """Whoever looks at a deferred task finds the job."""
    defer(operator(), context)
    assert [key for key, _ in ti.pushed] == ["polaris_job_url", "polaris_table_url", "polaris_job"]
    assert ti.xcom("polaris_job")["id"] == JOB
    assert clock.sleeps == []


def test_execute_defers_also_where_the_look_brought_no_answer(jobs, clock, context, task_log):
    """A failing poll is the triggerer's to bear, too."""
    jobs.accept()
    jobs.server.answer(*STATUS, 503, {"message": "maintenance"})
    defer(operator(), context)
    assert [line.split()[0] for line in task_log()] == ["INFO", "WARNING"]


def test_execute_that_does_not_wait_does_not_defer(running, clock, context):
    """wait_for_completion=False needs no triggerer."""
    assert operator(wait_for_completion=False).execute(context) == JOB


def test_execute_killed_during_its_look_does_not_defer(running, clock, context):
    """A killed task cancels its job; nobody shall wait for it."""
    running.cancel_answers(200, {"executionStatus": "running"})
    task = operator()
    answers = running.server.answers

    class Killing(dict):
        def get(self, key, default=None):
            if key == STATUS:
                task.on_kill()
            return answers.get(key, default)

    running.server.answers = Killing()
    with pytest.raises(PolarisJobCanceledError, match="it was asked to be canceled"):
        task.execute(context)
    assert running.asked.count(CANCEL) == 1


def test_deferral_takes_everything_along_as_plain_json_without_secrets(running, clock, context, ti, triggerer):
    """The trigger and the task after the deferral need nothing else, and what Airflow stores has no key in it."""
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
    """Airflow's own limit comes later than ours, and is none where ours is none."""
    deferred = defer(operator(**arguments), context)
    start = clock.now().timestamp()
    assert deferred.trigger.deadline == (None if deadline is None else start + deadline)
    assert deferred.timeout == (None if deadline is None else timedelta(seconds=deadline + 120))


def test_execute_past_its_deadline_gives_up_at_once(running, clock, context, ti):
    """An attempt whose time is up when the job is submitted cancels it right there."""
    ti.start_date = clock.now() - timedelta(hours=1)
    running.cancel_answers(200, {"executionStatus": "canceled"})
    with pytest.raises(PolarisJobTimeoutError, match=r"deadline 2026-11-20T05:10:00Z, 0 s into .*; it was canceled"):
        operator(timeout=600).execute(context)


def test_execute_complete_takes_nothing_from_templates(running, connect, clock, context, ti, triggerer):
    """Templates that render differently after the deferral change nothing: connection, judgement and facts are kept."""
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
    """No event and one that isn't ours are no success; a retry goes on with the job."""
    deferred = defer(operator(), context)
    running.is_now("completed")
    with pytest.raises(PolarisProtocolError) as caught:
        operator().execute_complete(context, event=wrong, **deferred.kwargs)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "wait, missing", [("text", "without job_id, polaris"), ({"job_id": JOB}, "without polaris_conn")]
)
def test_execute_complete_without_what_was_left_fails(jobs, clock, context, wait, missing):
    """Deferred by another version: a retry finds the job by its record or its marker."""
    with pytest.raises(PolarisProtocolError) as caught:
        operator().execute_complete(context, event=event(), wait=wait)
    assert str(caught.value).startswith(f"the task can't go on after its deferral, because it left itself {wait!r}, ")
    assert missing in str(caught.value)
    assert jobs.asked == []


@pytest.mark.parametrize("status, result", [("completed", JOB), ("failed", None)])
def test_execute_complete_with_nothing_but_the_event_goes_by_the_jobs_echo(jobs, clock, context, ti, status, result):
    """What "airflow dags test" keeps is enough to judge the job."""
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
    """What the trigger said stands."""
    with pytest.raises(PolarisJobTimeoutError, match=r"^the trigger's words$"):
        operator().execute_complete(context, event=event("timeout", "running"))


def test_execute_complete_with_nothing_at_all_fails(jobs, clock, context):
    """No event and nothing left: here nobody knows which job it was; a retry does."""
    with pytest.raises(PolarisProtocolError, match="the trigger's event None is no JSON object"):
        operator().execute_complete(context)
    assert jobs.asked == []


def test_execute_complete_where_describe_lags_waits(running, clock, context):
    """The trigger saw the end, the description doesn't say so yet: a look later it does."""
    deferred = defer(operator(), context)
    clock.then = lambda count: running.is_now("completed")
    assert operator().execute_complete(context, event=event(), **deferred.kwargs) == JOB
    assert clock.sleeps == [30]


def test_execute_complete_survives_polls_without_an_answer(running, clock, context):
    """A wait of hours doesn't fail because Polaris is away when its end is judged, past the deadline or not."""
    deferred = defer(operator(timeout=60), context)
    running.server.answer(*STATUS, 503, {"message": "maintenance"})
    clock.then = lambda count: running.is_now("completed") if count == 20 else None
    assert operator().execute_complete(context, event=event(), **deferred.kwargs) == JOB
    assert CANCEL not in running.asked


def test_execute_complete_of_a_job_that_was_given_up_takes_its_end(running, clock, context):
    """The worker looks once more: a job that has ended meanwhile is judged."""
    deferred = defer(operator(), context)
    running.is_now("completed")
    gave_up = event("gave_up", "running", "gave up")
    assert operator().execute_complete(context, event=gave_up, **deferred.kwargs) == JOB


def test_execute_complete_of_a_job_that_only_the_trigger_cannot_see_fails_typed(running, clock, context):
    """The worker sees it run: the trigger's words, and a class that says that no answer came."""
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
    """The trigger gave up and the worker gets no answer either: a job of unknown fate is no case for a retry."""
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
    assert f"WARNING The event is of Polaris job 'old-job', not of {JOB!r}." in task_log()


def test_execute_complete_killed_cancels_the_job(running, clock, context, ti):
    """A kill of the resumed worker reaches the job by what was left before the deferral."""
    deferred = defer(operator(), context)
    running.cancel_answers(200, {"executionStatus": "running"})
    task = operator()
    clock.then = lambda count: task.on_kill()
    with pytest.raises(PolarisJobCanceledError) as caught:
        task.execute_complete(context, event=event(), **deferred.kwargs)
    assert str(caught.value) == (
        f"the task was killed while Polaris job {JOB!r} was at work; it was asked to be canceled. "
        f"See {ti.xcom('polaris_job_url')}."
    )
    assert running.asked.count(CANCEL) == 1


REASONS = {"2.11": "Trigger/execution timeout", "3": "Trigger timeout"}


def abandoned(reason="Trigger timeout", **more):
    """Return with what Airflow resumes a task whose trigger never reported."""
    return {"next_method": "__fail__", "next_kwargs": {"error": reason, **more}}


@pytest.mark.parametrize("reason", REASONS.values(), ids=REASONS.keys())
def test_resume_without_an_event_at_the_deadline_cancels_in_the_worker(running, clock, context, ti, task_log, reason):
    """No triggerer was there: the worker cancels, and the sentence is the usual one."""
    ti.start_date = clock.now()
    defer(operator(timeout=100), context)
    clock.time += timedelta(seconds=240)
    running.cancel_answers(200, {"executionStatus": "canceled"})
    with pytest.raises(PolarisJobTimeoutError) as caught:
        operator(timeout=100).resume_execution(**abandoned(reason), context=context)
    assert str(caught.value) == (
        f"Polaris job {JOB!r} was still 'running' at the deadline 2026-11-20T06:01:40Z, 100 s into the wait; it was "
        "canceled because cancel_on_timeout=True. Raise timeout= or execution_timeout=, whichever set the deadline, or "
        f"split the interval. See {ti.xcom('polaris_job_url')}."
    )
    assert running.asked.count(CANCEL) == 1
    assert clock.sleeps == []
    assert f"WARNING No triggerer reported on Polaris job {JOB!r} in time; this worker looks at it." in task_log()


def test_resume_without_an_event_gives_up_even_if_the_deadline_renders_differently(running, clock, context):
    """Airflow says that time is up, so it is."""
    defer(operator(timeout=100), context)
    clock.time += timedelta(seconds=240)
    with pytest.raises(PolarisJobTimeoutError, match=r"deadline 2026-11-20T06:04:00Z.*cancel_on_timeout=False"):
        operator(timeout=None, cancel_on_timeout=False).resume_execution(**abandoned(), context=context)
    assert CANCEL not in running.asked


def test_resume_without_an_event_takes_a_job_that_has_ended(running, clock, context, ti):
    """The triggerer was away, the job went well: that is a success, past the deadline too."""
    defer(operator(timeout=100), context)
    clock.time += timedelta(seconds=240)
    running.is_now("completed")
    assert operator(timeout=100).resume_execution(**abandoned(), context=context) == JOB
    assert ti.xcom("polaris_job")["status"] == "completed"


def test_resume_without_an_event_of_a_job_that_cannot_be_seen_fails(running, clock, context):
    """A connection that renders differently finds no such job, touches none, and says so."""
    defer(operator(timeout=100), context)
    running.server.answers.clear()
    with pytest.raises(PolarisJobTimeoutError, match=r"it could not be canceled: .*404"):
        operator(timeout=100).resume_execution(**abandoned(), context=context)


def test_resume_after_a_broken_trigger_waits_in_the_worker(running, clock, context, ti, task_log):
    """A triggerer without this provider, say: the job goes on, and so does the wait."""
    defer(operator(), context)
    clock.then = lambda count: running.is_now("completed" if count == 2 else "running")
    failed = abandoned("Trigger failure", traceback=["Traceback", "ModuleNotFoundError: polaris"])
    assert operator().resume_execution(**failed, context=context) == JOB
    assert clock.sleeps == [30, 30]
    assert (
        f"WARNING The trigger failed (Trigger failure), so this worker waits for Polaris job {JOB!r} instead.\n"
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


def test_resume_without_an_event_and_without_a_job_is_airflows_own_error(jobs, clock, context):
    """A task that has pushed no job has nothing to look at."""
    with pytest.raises(Exception, match="Trigger timeout") as caught:
        operator().resume_execution(**abandoned(), context=context)
    assert type(caught.value).__name__ in {"TaskDeferralError", "TaskDeferralTimeout"}
    assert jobs.asked == []


@pytest.mark.skipif(AIRFLOW_VERSION >= (3, 0), reason="Airflow 3 starts the timer anew itself")
def test_pre_execute_after_a_deferral_starts_the_timer_anew(clock, context, ti):
    """On Airflow 2 a resumed task that gets its worker late is told how its job ended, instead of being killed."""
    ti.start_date = clock.now() - timedelta(minutes=9)
    ti.next_method = None
    task = operator(execution_timeout=timedelta(minutes=10))
    task.pre_execute(context)
    assert task.execution_timeout == timedelta(minutes=10)
    ti.next_method = "execute_complete"
    task.pre_execute(context)
    assert task.execution_timeout == timedelta(minutes=19)


def test_deferrable_defaults_to_airflows_setting():
    """[operators] default_deferrable is read where peers read it: when the class is defined."""
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
