# SPDX-License-Identifier: Apache-2.0
"""A task asks, waits, and goes on with the answer."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from airflow_provider_polaris.jobs.errors import PolarisGuardUnansweredError
from airflow_provider_polaris.operators.approval.findings import Finding
from airflow_provider_polaris.operators.approval.question import question_text, store_question
from airflow_provider_polaris.operators.approval.settings import PolarisApproval
from airflow_provider_polaris.operators.guards.guarded_job import GuardDecision
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION, AirflowFailException
from tests.operators.conftest import JOB, through_airflow
from tests.operators.table_to_table import operator

pytestmark = [
    pytest.mark.skipif(AIRFLOW_VERSION < (3, 1), reason="this Airflow can't ask a person"),
    pytest.mark.filterwarnings(
        "ignore:The `airflow.operators.branch.BranchMixIn`"
    ),  # in Airflow's own provider, on 3.1
]

DAY = "2026-11-19/P1D"
LOSS = Finding("on_shrink", "the job would replace rows that it can't reproduce.", {"fewer": [DAY]}, {"events": 3})
WORSE = Finding("on_shrink", "the job would replace all rows.", {"fewer": [DAY]}, {"events": 9})
EMPTY = Finding("on_empty_source", "the source has no rows.")
ELSEWHERE = (
    "Airflow keeps one question for a task instance and never changes its text. Start a new DAG run for this interval, "
    "which asks again, or run the task with on_shrink='submit'."
)


class Guards:
    """Finds what a test tells it to."""

    def __init__(self, *found):
        self.found, self.calls = found, 0

    def check(self, own_jobs):
        self.calls += 1
        return GuardDecision("submit", "counted.", 5, tuple(self.found))


@pytest.fixture
def guards(monkeypatch):
    """Let the guards find a loss."""
    found = Guards(LOSS)
    monkeypatch.setattr(
        "airflow_provider_polaris.operators.guards.table_to_table.SourceGuards.check",
        lambda self, own_jobs: found.check(own_jobs),
    )
    return found


@pytest.fixture
def airflow(monkeypatch, ti, tables):
    """Return the requests to Airflow, which keeps the first question."""
    # Without a task state store, a resumed task looks for its job.
    tables.server.answer("GET", "/jobs", 200, {"values": [], "totalCount": 0})
    ti.id = uuid.uuid4()
    asked = []

    def send(msg):
        asked.append(msg)
        return asked[0]

    reach(monkeypatch, send)
    return asked


def reach(monkeypatch, send):
    """Let the requests of questions reach Airflow; with this connection, Airflow 3.1 also looks for connections."""

    def store(*question):
        with monkeypatch.context() as patch:
            comms = SimpleNamespace(send=send)
            patch.setattr("airflow.sdk.execution_time.task_runner.SUPERVISOR_COMMS", comms, raising=False)
            return store_question(*question)

    monkeypatch.setattr("airflow_provider_polaris.operators.job_run.ask_person.store_question", store)


def ask(task, context):
    """Run a task until it asks; return how Airflow resumes it, and when at the latest."""
    with pytest.raises(BaseException) as caught:
        task.execute(context)
    signal = caught.value
    assert type(signal).__name__ == ("TaskAwaitingInput" if AIRFLOW_VERSION >= (3, 3) else "TaskDeferred"), signal
    assert signal.method_name == "continue_submission"
    json.dumps(signal.kwargs)
    if AIRFLOW_VERSION >= (3, 3):
        assert not hasattr(signal, "trigger")
        return signal.kwargs, signal.timeout
    classpath, arguments = signal.trigger.serialize()
    assert classpath == "airflow.providers.standard.triggers.hitl.HITLTrigger"
    assert (arguments["options"], arguments["multiple"]) == (["Approve", "Reject"], False)
    return signal.kwargs, arguments["timeout_datetime"]


def go_on(task, context, kwargs, *chosen, **event):
    """Resume a task with an answer, as Airflow does."""
    user = {"id": "7", "name": "Ada"}
    now = datetime(2026, 11, 20, tzinfo=timezone.utc)
    answer = {"chosen_options": list(chosen), "params_input": {}, "responded_at": now, "responded_by_user": user}
    return task.continue_submission(context, **through_airflow({**kwargs, "event": {**answer, **event}}))


def test_task_asks_and_submits_after_the_approval(tables, clock, context, guards, airflow, task_log):
    """Nothing is sent before the answer, the checks run again after it, and the log says who approved."""
    task = operator(on_shrink="ask")
    kwargs, timeout = ask(task, context)
    (question,) = airflow
    assert (question.ti_id, question.subject) == (context["ti"].id, "Approve the job of task 'rollup'?")
    assert (question.body, question.options) == (question_text([LOSS]), ["Approve", "Reject"])
    assert (question.defaults, question.assigned_users, timeout) == (None, [], None)
    assert (tables.posted, guards.calls) == ([], 1)
    assert go_on(operator(on_shrink="ask"), context, kwargs, "Approve") == JOB
    assert (len(tables.posted), guards.calls) == (1, 2)
    assert tables.submitted[0]["context"] == {"failOnEmptyInsert": True}
    assert [line for line in task_log() if "Interval" not in line][:3] == [
        f"WARNING The guards found: {LOSS.sentence}",
        "INFO The task asks a person in Airflow's UI (Required Actions), and waits without a limit.",
        "INFO 'Ada' (id '7') approved the job. The checks are repeated before it is submitted.",
    ]


def test_task_asks_whom_and_how_long_it_is_told_to(tables, clock, context, guards, airflow, task_log):
    """The arguments of the approval reach Airflow; a notifier that fails is no reason to fail."""
    notified = []

    def broken(context):
        raise RuntimeError("no mail today")

    hour = timedelta(hours=1)
    approval = PolarisApproval("7", hour, "approve", notifiers=[broken, notified.append])
    kwargs, timeout = ask(operator(on_shrink="ask", approval=approval), context)
    (question,) = airflow
    assert ([user.id for user in question.assigned_users], question.defaults) == (["7"], ["Approve"])
    assert timeout == (hour if AIRFLOW_VERSION >= (3, 3) else clock.now() + hour)
    assert notified == [context]
    assert "The notifier" in task_log()[-1]
    assert go_on(operator(), context, kwargs, "Approve", responded_by_user=None, timedout=True) == JOB


def test_task_that_a_person_rejects_fails_without_retry(tables, clock, context, guards, airflow):
    """The message says who, and what they rejected."""
    kwargs, _ = ask(operator(on_shrink="ask"), context)
    with pytest.raises(AirflowFailException) as caught:
        go_on(operator(), context, kwargs, "Reject")
    assert str(caught.value) == (
        "'Ada' (id '7') rejected the job: the job would replace rows that it can't reproduce. Nothing was submitted, "
        "and the tables are unchanged. Clear the task to ask again."
    )
    assert (tables.posted, guards.calls) == ([], 1)


def test_task_whose_tables_got_worse_meanwhile_fails(tables, clock, context, guards, airflow):
    """The approval doesn't cover what the person did not see."""
    kwargs, _ = ask(operator(on_shrink="ask"), context)
    guards.found = (WORSE,)
    with pytest.raises(AirflowFailException) as caught:
        go_on(operator(), context, kwargs, "Approve")
    assert str(caught.value) == (
        "the checks after the answer found more than 'Ada' (id '7') approved: the job would replace all rows. Nothing "
        f"was submitted. {ELSEWHERE}"
    )
    assert (tables.posted, len(airflow)) == ([], 1)


def test_conditions_of_the_checks_are_kept_while_the_task_asks(tables, clock, context, guards, airflow):
    """Airflow renders the templates again before it resumes the task."""
    checks = {"rows": "COUNT(*) > 0"}
    kwargs, _ = ask(operator(on_shrink="ask", checks=checks, wait_for_completion=True), context)
    assert kwargs["wait"]["options"]["checks"] == checks


def test_retry_asks_the_same_question_again(tables, clock, context, guards, airflow, ti):
    """The answer counts for its try only."""
    ask(operator(on_shrink="ask"), context)
    ti.try_number, ti.max_tries = 2, 1
    ask(operator(on_shrink="ask"), context)
    assert len(airflow) == 2
    assert tables.posted == []


def test_retry_does_not_show_an_old_question(tables, clock, context, guards, airflow, ti):
    """Airflow would show the text of the first try, whose numbers are no longer true."""
    ask(operator(on_shrink="ask"), context)
    ti.try_number, ti.max_tries = 2, 1
    guards.found = (WORSE,)
    with pytest.raises(AirflowFailException) as caught:
        operator(on_shrink="ask").execute(context)
    assert str(caught.value) == (
        "the job would replace all rows. The task can't ask whether its job may be submitted, because it asked about "
        f"something else in an earlier try. Nothing was submitted. {ELSEWHERE}"
    )


def test_approved_empty_source_is_submitted_without_the_check_for_rows(tables, clock, context, guards, airflow):
    """Otherwise the service would fail the job that the person approved."""
    guards.found = (EMPTY,)
    kwargs, _ = ask(operator(on_empty_source="ask"), context)
    go_on(operator(), context, kwargs, "Approve")
    assert "context" not in tables.submitted[0]


def test_wait_for_a_person_does_not_count_against_the_timeout(tables, clock, context, guards, airflow):
    """The rest of the time is left after the answer; a task that is not deferrable waits in the worker then."""
    context["ti"].start_date = clock.now()
    task = operator(on_shrink="ask", timeout=60)
    kwargs, _ = ask(task, context)
    clock.sleep(7200, lambda: False)
    again = operator(on_shrink="ask", timeout=60)
    assert go_on(again, context, kwargs, "Approve") == JOB
    assert (again._run.deadline - clock.now()).total_seconds() == 60
    assert again._run.waits_elsewhere is False


def test_task_that_lost_its_question_does_not_ask_forever(tables, clock, context, guards, airflow):
    """After a failed trigger Airflow has dropped what was asked: the try fails, and a retry asks again."""
    with pytest.raises(PolarisGuardUnansweredError) as caught:
        operator(on_shrink="ask").resume_execution("__fail__", {"error": "Trigger failure"}, context)
    assert str(caught.value) == (
        "the job would replace rows that it can't reproduce. The task would ask a person, but it was resumed without "
        "the state that it saved for the answer. Nothing was submitted. A retry of this task asks again."
    )
    assert airflow == []


def test_answer_without_the_saved_state_is_no_approval(tables, clock, context, guards, airflow):
    """``airflow dags test`` drops what was asked, in versions that wait by a trigger."""
    with pytest.raises(AirflowFailException) as caught:
        go_on(operator(on_shrink="ask"), context, {}, "Approve")
    assert str(caught.value) == (
        "the task was resumed with an answer, but without the state that it saved when it asked: 'airflow dags test' "
        "drops it in this version of Airflow. Nothing was submitted. Start a run with a scheduler."
    )
    assert tables.posted == []


def test_question_of_an_airflow_that_returns_nothing_is_not_trusted(tables, clock, context, guards, ti, monkeypatch):
    """A task never waits for an answer to a text that it doesn't know."""
    ti.id = uuid.uuid4()
    reach(monkeypatch, lambda msg: None)
    with pytest.raises(AirflowFailException, match="The task can't ask whether its job may be submitted"):
        operator(on_shrink="ask").execute(context)
