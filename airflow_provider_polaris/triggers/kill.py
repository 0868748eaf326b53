"""
Cancels jobs from the triggerer: whether to, what Polaris is asked, and what the log says about it.

One function for ``on_kill`` of Airflow 3.3 and for the ``CancelledError`` of older versions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_polaris.jobs.cancel import CancelResult
from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisError
from airflow_provider_polaris.jobs.state import TERMINAL_STATUSES, normalize_status
from airflow_provider_polaris.triggers.connection import is_key_refused
from airflow_provider_polaris.triggers.task_job import job_of
from airflow_provider_polaris.triggers.task_state import TaskKey, task_states

if TYPE_CHECKING:
    from airflow_provider_polaris.client import PolarisClient


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
            if is_key_refused(error):
                raise
            # A job that has ended, or one that can't be canceled: its status tells which.
            status = normalize_status(client.get_job_status(job_id))
            return CancelResult(status, None if status in TERMINAL_STATUSES else str(error))
    except PolarisError as error:
        if is_key_refused(error):
            raise
        return CancelResult(problem=str(error))


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
        if is_key_refused(error):
            raise
        return CancelResult(problem=str(error))


class Canceler(Protocol):
    """Who can cancel a job: the watcher."""

    async def cancel(self, job_id: str) -> CancelResult:
        """Ask Polaris to cancel a job; failures are in the result."""


async def cancel_if_killed(ti: Any, job_id: str, canceler: Canceler, *, because: str, log: Any) -> None:
    """
    Cancel the job of a trigger that was stopped, unless its task waits on; never raises, logs what it does.

    Airflow stops a trigger when the task is marked or cleared, but also when the triggerer ends or loses it to another
    one. The task's state tells which, and for a task that is deferred the job that it waits for now: another one means
    that it was cleared and deferred again. What nobody knows is no reason to cancel.

    :param ti: The trigger's task instance.
    :param job_id: The job.
    :param canceler: Cancels it.
    :param because: Which argument wants it, for the log.
    :param log: Logger of the task.
    """
    try:
        deferred = None if ti is None else await task_states().is_deferred(TaskKey.of(ti))
        if deferred is None:
            log.warning("The trigger was stopped and Airflow doesn't say why; Polaris job %r runs on.", job_id)
        elif deferred and (await job_of(TaskKey.of(ti)) or job_id) == job_id:
            log.info("The trigger was stopped, but the task is still deferred; Polaris job %r runs on.", job_id)
        else:
            _log_cancel(await canceler.cancel(job_id), job_id, because, log)
    except Exception as error:
        log.warning("Polaris job %r may not have been canceled: %r", job_id, error)


def _log_cancel(result: CancelResult, job_id: str, because: str, log: Any) -> None:
    if result.problem is not None:
        log.warning(
            "The task no longer waits for it, and Polaris job %r could not be canceled; its status is %r and it may "
            "run on (jobs that delete data can't be canceled): %s",
            job_id,
            result.status or "unknown",
            result.problem,
        )
    elif result.has_ended and result.status != "canceled":
        log.info("Polaris job %r had ended before it could be canceled, with %r.", job_id, result.status)
    else:
        log.info(
            "The task no longer waits for it; Polaris was asked to cancel job %r because %s, it is now %r.",
            job_id,
            because,
            result.status,
        )
