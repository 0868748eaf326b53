# SPDX-License-Identifier: Apache-2.0
"""Cancel an earlier job and wait for its end, with a limit, before another job replaces it."""

from __future__ import annotations

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
from airflow_provider_polaris.runtime.waits import Condition

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.runtime.deadline import Deadline

#: Maximum time for an earlier job to end.
SETTLE_LIMIT: Final = timedelta(minutes=10)

_POLL_SECONDS: Final = 5.0


def cancel_and_wait(hook: PolarisHook, job_id: str, *, limits: Deadline, log: Any) -> str | None:
    """
    Cancel a job and wait until it has ended. Also waits for a job that can't be canceled because it deletes data.

    :param hook: Hook for Polaris.
    :param job_id: Id of the job.
    :param limits: Clock and kill, and where to wait.
    :param log: Logger of the task.
    :return: Final status of the job; None if the job no longer exists in Polaris.
    :raises PolarisJobTimeoutError: The job did not end in time.
    :raises PolarisJobCanceledError: The task was killed.
    :raises WaitElsewhere: The task is deferred. After the deferral, the cancellation is requested again.
    """
    name = f"end of {job_id}"
    if limits.memory.is_new_line(name, "canceling"):
        log.info("Canceling job %r of an earlier try before another job replaces it.", job_id)
    start = limits.start(name)
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
                limits.memory.end(name)
                return status
        except PolarisNotFoundError:
            limits.memory.end(name)
            return None
        except PolarisError as error:
            problem = f" The last poll failed: {error}"
        until = Condition("job", (job_id,), is_own_job=True) if is_requested else None
        if not limits.sleep(_POLL_SECONDS, start + SETTLE_LIMIT, until):
            waited = limits.clock.now() - start
            raise PolarisJobTimeoutError(
                f"Job {job_id!r} of an earlier try is still {status!r} {waited.total_seconds():.0f} s after "
                "the cancel request. No other job may replace it before it has ended, so nothing was submitted. Check "
                f"the job, then retry the task, which waits again.{problem}",
                job_id=job_id,
                state=status,
            )


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
