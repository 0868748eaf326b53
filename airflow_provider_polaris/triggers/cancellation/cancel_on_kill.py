# SPDX-License-Identifier: Apache-2.0
"""
Cancel jobs from the triggerer: the requests to Polaris, and what a stopped trigger waits for and logs.

The same code serves ``on_kill`` of Airflow 3.3 and ``CancelledError`` of older versions.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisError
from airflow_provider_polaris.jobs.status.state import CancelResult
from airflow_provider_polaris.jobs.status.statuses import TERMINAL_STATUSES, normalize_status
from airflow_provider_polaris.triggers.cancellation.kill_check import (
    MOST_CHECKS,
    KillCheck,
    LogLine,
    kill_checks,
)
from airflow_provider_polaris.triggers.cancellation.task_state import TaskKey, task_states
from airflow_provider_polaris.triggers.polling.connection import is_unauthorized

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import IngestionService

#: Seconds that a stopped trigger waits for the task's state, and then for the cancel. Airflow limits ``on_kill`` to 30
#: s in total.
PROOF_SECONDS: Final = 10.0
CANCEL_SECONDS: Final = 15.0


def cancel(client: IngestionService, job_id: str) -> CancelResult:
    """
    Request the cancellation of a job.

    :param client: Client for the request.
    :param job_id: The job.
    :raises PolarisAuthError: The service rejected the API key (401). All other failures are in the result.
    """
    try:
        try:
            return CancelResult(normalize_status(client.cancel_job(job_id)))
        except PolarisApiError as error:
            if is_unauthorized(error):
                raise
            # The job has ended, or its type can't be canceled. The status distinguishes the two.
            status = normalize_status(client.get_job_status(job_id))
            return CancelResult(status, None if status in TERMINAL_STATUSES else str(error))
    except PolarisError as error:
        if is_unauthorized(error):
            raise
        return CancelResult(problem=str(error), again=getattr(error, "retryable", False))


def status_of(client: IngestionService, job_id: str) -> CancelResult:
    """
    Return the status of a job as a cancel result, without canceling it.

    :param client: Client for the request.
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
    """Cancels jobs; implemented by the watcher."""

    async def cancel(self, job_id: str) -> CancelResult:
        """Request the cancellation of a job. Failures are in the result."""


def prepare_kill(ti: Any) -> None:
    """
    Load the modules that the first request to Airflow needs. Returns immediately and never raises.

    :param ti: Task instance of a trigger that starts.
    """
    with contextlib.suppress(Exception):  # an invalid task instance
        task_states().warm_up(TaskKey.of(ti))


def start_kill_check(
    ti: Any, job_id: str, canceler: Canceler, *, because: str, log: Any, seconds: float | None = None
) -> RunningKillCheck | None:
    """
    Start to check why a trigger was stopped. Cancel its job if the task no longer waits for it.

    Airflow stops a trigger when the task is marked or cleared, but also when the triggerer ends or loses the trigger to
    another one. The task's state distinguishes these cases. For a deferred task, its current job does. The check
    continues after the trigger has ended. See :mod:`~airflow_provider_polaris.triggers.cancellation.kill_check`.
    Returns immediately, never raises.

    :param ti: Task instance of the trigger.
    :param job_id: The job.
    :param canceler: Cancels the job.
    :param because: The argument that requests the cancel, for the log.
    :param log: Logger of the task.
    :param seconds: Seconds until the task's deadline, if the job must continue after it; otherwise None.
    :return: Input of :func:`await_kill_check`; None if the check can't start. The reason is logged.
    """
    if ti is None:
        log.warning("The trigger was stopped and Airflow gives no reason; job %r runs on.", job_id)
        return None
    try:
        check = KillCheck(TaskKey.of(ti), job_id, canceler.cancel, because, seconds)
    except Exception as error:  # an invalid task instance
        log.warning("Job %r may not have been canceled: %r", job_id, error)
        return None
    task = kill_checks().start(check)
    if task is None:
        log.warning(
            "The trigger was stopped, and the task's state is not polled: the limit of %d such checks is reached. "
            "Job %r may run on; the next try or a clear of the task settles it.",
            MOST_CHECKS,
            job_id,
        )
        return None
    return RunningKillCheck(check, task)


class RunningKillCheck(NamedTuple):
    """A check, and the task that returns its final log line."""

    check: KillCheck
    task: asyncio.Task[LogLine]


async def await_kill_check(running: RunningKillCheck, log: Any) -> None:
    """
    Wait for the result of a check while Airflow lets the trigger wait, and log it. Without a result, log that the
    check continues.

    Airflow 3.3 cancels a trigger again in each loop, so ``on_kill`` has 1 to 2 s. Source: TriggerRunner.cancel_triggers
    of 3.3.2.

    :param running: The check.
    :param log: Logger of the task.
    """
    check, task = running
    check.is_awaited = True
    try:
        await asyncio.wait([task], timeout=PROOF_SECONDS)
        if check.is_proven:
            await asyncio.wait([task], timeout=CANCEL_SECONDS)
    finally:
        check.is_awaited = False
        if not task.done():
            _log_unfinished(check, log)
        elif not task.cancelled():
            line = task.result()
            log.log(line.level, "%s", line.text)


def _log_unfinished(check: KillCheck, log: Any) -> None:
    level = logging.WARNING if check.is_unanswered else logging.INFO
    if check.is_proven:
        log.log(
            level,
            "The task no longer waits for job %r, and the job is not canceled yet: %s. The triggerer keeps "
            "trying; its own log has the result. If the triggerer ends before, the job may run on.",
            check.job_id,
            check.last,
        )
    else:
        log.log(
            level,
            "The trigger was stopped, and nothing proves yet that the task no longer waits for job %r: %s. The "
            "triggerer keeps polling, for at most 1 h, and cancels the job on proof; its own log has the result. "
            "If the triggerer ends before, the job may run on.",
            check.job_id,
            check.last,
        )
