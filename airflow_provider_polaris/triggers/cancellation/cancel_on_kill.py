"""
Cancels jobs from the triggerer: what Polaris is asked, and what a trigger that was stopped waits for and logs.

One function for ``on_kill`` of Airflow 3.3 and for the ``CancelledError`` of older versions.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisError
from airflow_provider_polaris.jobs.status.state import TERMINAL_STATUSES, CancelResult, normalize_status
from airflow_provider_polaris.triggers.cancellation.open_questions import MOST_QUESTIONS, Line, Question, open_questions
from airflow_provider_polaris.triggers.cancellation.task_state import TaskKey, task_states
from airflow_provider_polaris.triggers.polling.connection import is_unauthorized

if TYPE_CHECKING:
    from airflow_provider_polaris.client import PolarisClient

#: How long a stopped trigger waits for proof, and then for the cancel, in seconds. Airflow's own limit for ``on_kill``
#: is 30 s for both.
PROOF_SECONDS: Final = 10.0
CANCEL_SECONDS: Final = 15.0


def cancel(client: PolarisClient, job_id: str) -> CancelResult:
    """
    Ask Polaris to cancel a job.

    :param client: Asks.
    :param job_id: The job.
    :raises PolarisAuthError: It refused our key (401); any other failure is in the result.
    """
    try:
        try:
            return CancelResult(normalize_status(client.cancel_job(job_id)))
        except PolarisApiError as error:
            if is_unauthorized(error):
                raise
            # A job that has ended, or one that can't be canceled: its status tells which.
            status = normalize_status(client.get_job_status(job_id))
            return CancelResult(status, None if status in TERMINAL_STATUSES else str(error))
    except PolarisError as error:
        if is_unauthorized(error):
            raise
        return CancelResult(problem=str(error), again=getattr(error, "retryable", False))


def status_of(client: PolarisClient, job_id: str) -> CancelResult:
    """
    Look at a job without touching it, for someone who only wants to know whether it has ended.

    :param client: Asks.
    :param job_id: The job.
    :raises PolarisAuthError: As for :func:`cancel`.
    """
    try:
        return CancelResult(normalize_status(client.get_job_status(job_id)))
    except PolarisError as error:
        if is_unauthorized(error):
            raise
        return CancelResult(problem=str(error))


class Canceler(Protocol):
    """Who can cancel a job: the watcher."""

    async def cancel(self, job_id: str) -> CancelResult:
        """Ask Polaris to cancel a job; failures are in the result."""


def prepare_kill(ti: Any) -> None:
    """
    Load what the first question to Airflow needs, before it is needed; returns at once and never raises.

    :param ti: The task instance of a trigger that starts.
    """
    with contextlib.suppress(Exception):  # a task instance that makes no sense
        task_states().warm_up(TaskKey.of(ti))


def ask_why(
    ti: Any, job_id: str, canceler: Canceler, *, because: str, log: Any, seconds: float | None = None
) -> Asking | None:
    """
    Begin to find out why a trigger was stopped, and cancel its job if the task no longer waits for it.

    Airflow stops a trigger when the task is marked or cleared, but also when the triggerer ends or loses it to another
    one. The task's state tells which, and for a task that is deferred the job that it waits for now. The question
    outlives the trigger. See :mod:`~airflow_provider_polaris.triggers.cancellation.open_questions`. Returns at once,
    never raises.

    :param ti: The trigger's task instance.
    :param job_id: The job.
    :param canceler: Cancels it.
    :param because: Which argument wants it, for the log.
    :param log: Logger of the task.
    :param seconds: Seconds until the task's deadline, if the job must run on after that; else None.
    :return: What :func:`attend` takes; None if there is nothing to ask, which the log says.
    """
    if ti is None:
        log.warning("The trigger was stopped and Airflow doesn't say why; Polaris job %r runs on.", job_id)
        return None
    try:
        question = Question(TaskKey.of(ti), job_id, canceler.cancel, because, seconds)
    except Exception as error:  # a task instance that makes no sense
        log.warning("Polaris job %r may not have been canceled: %r", job_id, error)
        return None
    task = open_questions().open(question)
    if task is None:
        log.warning(
            "The trigger was stopped, and Airflow is not asked why: %d such questions are open already. Polaris job %r "
            "may run on; the next try or a clear of the task settles it.",
            MOST_QUESTIONS,
            job_id,
        )
        return None
    return Asking(question, task)


class Asking(NamedTuple):
    """A question that was opened, and the task whose result is the line that closes it."""

    question: Question
    task: asyncio.Task[Line]


async def attend(asking: Asking, log: Any) -> None:
    """
    Log what comes of a question while Airflow lets the trigger wait; without a result, leave it open and log that.

    Airflow 3.3 cancels a trigger again in each of its rounds, so ``on_kill`` has a second or two. Source:
    TriggerRunner.cancel_triggers of 3.3.2.

    :param asking: The question.
    :param log: Logger of the task.
    """
    question, task = asking
    question.is_attended = True
    try:
        await asyncio.wait([task], timeout=PROOF_SECONDS)
        if question.is_proven:
            await asyncio.wait([task], timeout=CANCEL_SECONDS)
    finally:
        question.is_attended = False
        if not task.done():
            _log_open(question, log)
        elif not task.cancelled():
            line = task.result()
            log.log(line.level, "%s", line.text)


def _log_open(question: Question, log: Any) -> None:
    level = logging.WARNING if question.is_unanswered else logging.INFO
    if question.is_proven:
        log.log(
            level,
            "The task no longer waits for Polaris job %r, and the job is not canceled yet: %s. The triggerer goes on "
            "trying; its own log has the result. If the triggerer ends before, the job may run on.",
            question.job_id,
            question.last,
        )
    else:
        log.log(
            level,
            "The trigger was stopped, and nothing proves yet that the task no longer waits for Polaris job %r: %s. The "
            "triggerer goes on asking, for an hour at most, and cancels the job on proof; its own log has the result. "
            "If the triggerer ends before, the job may run on.",
            question.job_id,
            question.last,
        )
