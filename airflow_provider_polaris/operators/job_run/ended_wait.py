# SPDX-License-Identifier: Apache-2.0
"""End a wait without the job's result: cancel the job at the deadline, or describe the job of a killed task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_polaris.hooks.job_result import fetch_status
from airflow_provider_polaris.hooks.job_wait import WaitResult
from airflow_provider_polaris.jobs.errors import PolarisError, PolarisJobCanceledError, with_link
from airflow_provider_polaris.operators.job_run.cancel_on_kill import cancel_within

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.jobs.status.state import CancelResult
    from airflow_provider_polaris.jobs.status.wait_tracker import WaitTracker

#: Limit of the cancel request at the deadline. Airflow's ``execution_timeout`` may follow 30 s later.
_CANCEL_SECONDS: Final = 15.0


def end_at_deadline(hook: PolarisHook, tracker: WaitTracker, *, cancels: bool) -> WaitResult:
    """
    Cancel the job at the deadline, if requested. If the job has just ended, return its result instead.

    :param hook: Hook for Polaris.
    :param tracker: The tracker of the wait.
    :param cancels: Whether to cancel the job.
    """
    if not cancels:
        return WaitResult(error=tracker.timeout_error("it runs on, because cancel_on_timeout=False"))
    canceled = cancel_within(hook.settings, tracker.job_id, _CANCEL_SECONDS)
    if canceled.has_ended and canceled.status != "canceled":
        return _timeout_or_result(hook, tracker, canceled.status)
    if canceled.problem is not None:
        return WaitResult(error=tracker.timeout_error(f"it could not be canceled: {canceled.problem}"))
    what = "it was canceled" if canceled.has_ended else "its cancellation was requested"
    return WaitResult(error=tracker.timeout_error(f"{what} because cancel_on_timeout=True"))


def _timeout_or_result(hook: PolarisHook, tracker: WaitTracker, status: str | None) -> WaitResult:
    try:
        current = fetch_status(hook, tracker.job_id)
    except PolarisError as error:
        aftermath = f"its status is now {status!r}, but it can't be read: {error}"
        return WaitResult(error=tracker.timeout_error(aftermath))
    if current.state is None:
        return WaitResult(error=tracker.timeout_error(f"it was {status!r} and then {current.status!r}"))
    return WaitResult(current.state)


def killed_error(job_id: str, url: str, result: CancelResult | None) -> PolarisJobCanceledError:
    """
    Return the error of a task that was killed while it waited.

    :param job_id: Id of the job.
    :param url: URL of the job's page.
    :param result: Result of the cancel request; None if the job was not to be canceled.
    """
    if result is None:
        what = "it runs on, because cancel_on_kill=False"
    elif result.problem is not None:
        what = f"it could not be canceled: {result.problem}"
    elif result.has_ended:
        what = f"it has ended with {result.status!r}"
    else:
        what = "its cancellation was requested"
    return PolarisJobCanceledError(
        with_link(f"the task was killed while Polaris job {job_id!r} was active; {what}.", url),
        job_id=job_id,
        state=None if result is None else result.status,
        console_url=url,
    )
