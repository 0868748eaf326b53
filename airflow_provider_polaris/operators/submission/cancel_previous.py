"""Bring an earlier job to its end before another one takes its place: cancel it, and wait, but not for ever."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.jobs.errors import (
    PolarisApiError,
    PolarisAuthError,
    PolarisError,
    PolarisJobTimeoutError,
    PolarisNotFoundError,
)
from airflow_provider_polaris.jobs.status.state import TERMINAL_STATUSES, normalize_status

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.runtime.clock import Clock

#: So long an earlier job may take to end.
SETTLE_LIMIT: Final = timedelta(minutes=10)

_SECONDS_BETWEEN_LOOKS: Final = 5.0


def cancel_and_wait(hook: PolarisHook, job_id: str, *, clock: Clock, stop: Callable[[], bool], log: Any) -> str | None:
    """
    Cancel a job and wait until it has ended; a job that can't be canceled, because it deletes data, is waited for.

    :param hook: Asks Polaris.
    :param job_id: The job.
    :param clock: Time and sleep.
    :param stop: Asked between looks; if it says so the wait is over.
    :param log: Logger of the task.
    :return: How the job ended; None if Polaris doesn't know it any more.
    :raises PolarisJobTimeoutError: It had not ended in time, or the wait was stopped.
    """
    log.info("Polaris job %r of an earlier try is canceled before another one takes its place.", job_id)
    start = clock.now()
    is_asked = False
    status = "unknown"
    problem = ""
    while True:
        try:
            if not is_asked:
                is_asked = _ask_to_cancel(hook, job_id, log)
            status, problem = normalize_status(hook.get_job_status(job_id)), ""
            if status in TERMINAL_STATUSES:
                log.info("Polaris job %r has ended with %r.", job_id, status)
                return status
        except PolarisNotFoundError:
            return None
        except PolarisError as error:
            problem = f" The last look failed: {error}"
        waited = clock.now() - start
        if waited >= SETTLE_LIMIT or stop():
            raise PolarisJobTimeoutError(
                f"Polaris job {job_id!r} of an earlier try is still {status!r} {waited.total_seconds():.0f} s after it "
                "was to be canceled, and no other may take its place before it has ended; nothing was submitted. Look "
                f"at the job, then retry the task, which waits again.{problem}",
                job_id=job_id,
                state=status,
            )
        clock.sleep(_SECONDS_BETWEEN_LOOKS, stop)


def _ask_to_cancel(hook: PolarisHook, job_id: str, log: Any) -> bool:
    """Return whether there is no use in asking again."""
    try:
        hook.cancel_job(job_id)
    except PolarisNotFoundError:
        raise
    except PolarisApiError as error:
        if error.retryable or isinstance(error, PolarisAuthError):
            raise
        log.warning("Polaris job %r can't be canceled, so this task waits for its end: %s", job_id, error)
    return True
