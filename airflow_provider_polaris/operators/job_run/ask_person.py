# SPDX-License-Identifier: Apache-2.0
"""Let a person approve what the guards of a job found, and resume the task with the answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisGuardUnansweredError
from airflow_provider_polaris.jobs.spec.context import EMPTY_INSERT_KEY
from airflow_provider_polaris.operators.approval.answer import is_answer, read_answer
from airflow_provider_polaris.operators.approval.findings import Finding, ask_elsewhere
from airflow_provider_polaris.operators.approval.question import await_answer, notify, question_text, store_question
from airflow_provider_polaris.operators.approval.settings import PolarisApproval
from airflow_provider_polaris.operators.job_run.deferred_submission import save_submission

if TYPE_CHECKING:
    from airflow_provider_polaris.operators.job_run.run import JobRun
    from airflow_provider_polaris.runtime.compat import BaseOperator, Context

#: What the task asks, as the object of "whether".
_ASKED = "its job may be submitted"


def ask_person(
    task: BaseOperator, run: JobRun, context: Context, approval: PolarisApproval, findings: Sequence[Finding]
) -> NoReturn:
    """
    Ask whether the job may be submitted, and free the worker until there is an answer.

    :param task: The operator.
    :param run: The job run of this try. It has not submitted its job.
    :param context: Airflow's context.
    :param approval: Whom to ask, and for how long.
    :param findings: What the guards found.
    :raises PolarisGuardError: Airflow shows the question of an earlier try, which is about something else.
    :raises PolarisGuardUnansweredError: The task can't wait for an answer.
    :raises TaskAwaitingInput: The task waits for the answer (Airflow 3.3 and newer).
    :raises TaskDeferred: The task waits for the answer.
    """
    ti, memory, body = context["ti"], run.memory, question_text(findings)
    sentences = " ".join(one.sentence for one in findings)
    if not memory.asks:
        raise PolarisGuardUnansweredError(
            f"{sentences} The task would ask a person, but it was resumed without the state that it saved for the "
            "answer. Nothing was submitted. A retry of this task asks again."
        )
    shown = store_question(ti, f"Approve the job of task {task.task_id!r}?", body, approval)
    if shown != body:
        raise PolarisGuardError(
            f"{sentences} The task can't ask whether {_ASKED}, because it asked about something else in an earlier "
            f"try. Nothing was submitted. {ask_elsewhere([one.argument for one in findings])}"
        )
    now = run.clock.now()
    memory.question = {"findings": [one.to_json() for one in findings], "asked": now.timestamp()}
    limit = "without a limit" if approval.response_timeout is None else f"{approval.response_timeout} at most"
    run.log.warning("The guards found: %s", sentences)
    run.log.info("The task asks a person in Airflow's UI (Required Actions), and waits %s.", limit)
    notify(approval, context, run.log)
    await_answer(task, ti, "continue_submission", {"wait": save_submission(run)}, approval, now)


def take_answer(run: JobRun, event: Any) -> None:
    """
    Take the answer of a person, if the task asked; otherwise do nothing.

    The time of the wait doesn't count against the task's deadline.

    :param run: The restored job run.
    :param event: The event of the resumed task.
    :raises PolarisGuardError: The person rejected, or nobody answered in time.
    :raises PolarisGuardUnansweredError: Airflow can't tell the answer; a retry asks again.
    """
    memory, asked = run.memory, run.memory.question
    if asked is None:
        return
    memory.question = None
    answer = read_answer(event, _ASKED)
    findings = [Finding(**one) for one in asked["findings"]]
    if not answer.is_approval:
        sentences = " ".join(one.sentence for one in findings)
        raise PolarisGuardError(
            f"{answer.by} rejected the job: {sentences} Nothing was submitted, and the tables are unchanged. Clear the "
            "task to ask again."
        )
    run.log.info("%s approved the job. The checks are repeated before it is submitted.", answer.by)
    memory.approved = {"findings": asked["findings"], "by": answer.by}
    if run.deadline is not None:
        run.deadline += run.clock.now() - datetime.fromtimestamp(asked["asked"], timezone.utc)
    if any(one.argument == "on_empty_source" for one in findings):
        _allow_empty_insert(run)


def check_resumed_state(event: Any) -> None:
    """
    Raise if the saved state of a task that asked is lost.

    :param event: The event of the resumed task.
    :raises PolarisGuardError: The event is an answer, and it is unknown to what.
    """
    if is_answer(event):
        raise PolarisGuardError(
            "the task was resumed with an answer, but without the state that it saved when it asked: 'airflow dags "
            "test' drops it in this version of Airflow. Nothing was submitted. Start a run with a scheduler."
        )


def _allow_empty_insert(run: JobRun) -> None:
    """Remove our own check that would fail the approved job, because it finds no rows."""
    memory = run.memory
    if memory.spec is None or EMPTY_INSERT_KEY not in memory.optional_context:
        return
    context = {name: value for name, value in memory.spec["context"].items() if name != EMPTY_INSERT_KEY}
    memory.spec = {**memory.spec, "context": context}
    if not context:
        del memory.spec["context"]
    memory.optional_context = [name for name in memory.optional_context if name != EMPTY_INSERT_KEY]
