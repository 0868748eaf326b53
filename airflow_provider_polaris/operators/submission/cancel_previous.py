# SPDX-License-Identifier: Apache-2.0
"""Cancel an earlier job and wait for its end, with a limit, before another job replaces it."""

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
from airflow_provider_polaris.jobs.status.statuses import TERMINAL_STATUSES, normalize_status

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.runtime.clock import Clock

#: Maximum time for an earlier job to end.
SETTLE_LIMIT: Final = timedelta(minutes=10)

_POLL_SECONDS: Final = 5.0


def cancel_and_wait(hook: PolarisHook, job_id: str, *, clock: Clock, stop: Callable[[], bool], log: Any) -> str | None:
    """
    Cancel a job and wait until it has ended. Also waits for a job that can't be canceled because it deletes data.

    :param hook: Hook for Polaris.
    :param job_id: Id of the job.
    :param clock: Time and sleep.
    :param stop: Called between polls; True ends the wait.
    :param log: Logger of the task.
    :return: Final status of the job; None if the job no longer exists in Polaris.
    :raises PolarisJobTimeoutError: The job did not end in time, or the wait was stopped.
    """
    log.info("Canceling job %r of an earlier try before another job replaces it.", job_id)
    start = clock.now()
    is_requested = False
    status = "unknown"
    problem = ""
    while True:
        try:
            if not is_requested:
                is_requested = _request_cancel(hook, job_id, log)
            status, problem = normalize_status(hook.get_job_status(job_id)), ""
            if status in TERMINAL_STATUSES:
                log.info("Job %r has ended with %r.", job_id, status)
                return status
        except PolarisNotFoundError:
            return None
        except PolarisError as error:
            problem = f" The last poll failed: {error}"
        waited = clock.now() - start
        if waited >= SETTLE_LIMIT or stop():
            raise PolarisJobTimeoutError(
                f"Job {job_id!r} of an earlier try is still {status!r} {waited.total_seconds():.0f} s after "
                "the cancel request. No other job may replace it before it has ended, so nothing was submitted. Check "
                f"the job, then retry the task, which waits again.{problem}",
                job_id=job_id,
                state=status,
            )
        clock.sleep(_POLL_SECONDS, stop)


def _request_cancel(hook: PolarisHook, job_id: str, log: Any) -> bool:
    """Request the cancellation; return True if the request need not be repeated."""
    try:
        hook.cancel_job(job_id)
    except PolarisNotFoundError:
        raise
    except PolarisApiError as error:
        if error.retryable or isinstance(error, PolarisAuthError):
            raise
        log.warning("Job %r can't be canceled, so this task waits until it ends: %s", job_id, error)
    return True
