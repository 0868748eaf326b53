# SPDX-License-Identifier: Apache-2.0
"""
End the wait in a worker at the deadline: cancel the job if ``cancel_on_timeout`` is set, and return the task's error.

For a deferred task, the triggerer does this; see :class:`~airflow_provider_polaris.triggers.polaris.PolarisJobTrigger`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_polaris.hooks.job_result import fetch_status
from airflow_provider_polaris.hooks.job_wait import WaitResult
from airflow_provider_polaris.jobs.errors import PolarisError
from airflow_provider_polaris.operators.job_run.cancel_on_kill import cancel_within

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.jobs.status.wait_tracker import WaitTracker

#: Limit of the cancel request at the deadline. Airflow's ``execution_timeout`` may follow 30 s later.
_CANCEL_SECONDS: Final = 15.0


def end_at_deadline(hook: PolarisHook, tracker: WaitTracker, *, cancels: bool) -> WaitResult:
    """
    Cancel the job at the deadline, if requested. If the job has just ended, return its result instead.

    :param hook: Hook for Polaris.
    :param tracker: The tracker of the wait.
    :param cancels: Whether to cancel the job.
    :return: The result of the job, or the error of the timeout.
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
