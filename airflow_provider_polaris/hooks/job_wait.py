# SPDX-License-Identifier: Apache-2.0
"""
Wait in a worker for one job: poll it until it ends or the deadline passes.

:class:`airflow_provider_polaris.jobs.status.wait_tracker.WaitTracker` evaluates each poll. This module only sends
requests, sleeps and logs. It cancels nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.hooks.job_result import ProgressLogger, fetch_status, log_messages
from airflow_provider_polaris.jobs.errors import (
    PolarisError,
    PolarisJobFailedError,
    PolarisTransportError,
    with_link,
)
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.status.statuses import is_known_status
from airflow_provider_polaris.jobs.status.wait_tracker import copy_error

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.jobs.status.pending_warning import PendingWarning
    from airflow_provider_polaris.jobs.status.wait_tracker import WaitTracker
    from airflow_provider_polaris.runtime.clock import Clock


@dataclass(frozen=True)
class WaitResult:
    """
    How a wait ended. If all fields have their defaults, the wait was stopped.

    :param state: Description of the job after its end.
    :param error: Why the wait was given up.
    :param is_late: Whether the deadline passed.
    :param metrics: The answer to the request for the job's metrics, if it was sent with the description.
    """

    state: JobState | None = None
    error: PolarisError | None = None
    is_late: bool = False
    metrics: Future[dict[str, Any]] | None = None


class WorkerWait:
    """
    Wait for one job in a worker.

    It logs one INFO line per change of state or whole percent of progress, and none per poll. A failed poll counts
    against the tracker's error budget.

    :param hook: The hook.
    :param tracker: Evaluates each poll; holds the job and the deadline.
    :param pending_warning: Creates the warning for a job that is pending for long.
    :param clock: Time and sleep.
    :param log: Logger of the task.
    :param stop: Returns whether to stop; called around each poll and during sleep.
    """

    def __init__(
        self,
        hook: PolarisHook,
        tracker: WaitTracker,
        pending_warning: PendingWarning,
        *,
        clock: Clock,
        log: Any,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        #: Why the last poll failed; None if it succeeded.
        self.failure: PolarisError | None = None
        self._hook = hook
        self._tracker = tracker
        self._pending_warning = pending_warning
        self._clock = clock
        self._log = log
        self._stop = stop
        self._progress = ProgressLogger(hook, tracker, log)

    def take(self, state: JobState) -> WaitResult:
        """
        Return the result for a job that has ended, without a request.

        :param state: Its description.
        """
        log_messages(self._log, self._tracker.record_status(state.status, self._clock.now()).messages)
        return WaitResult(state)

    def poll(self, *, has_ended: bool = False) -> WaitResult | None:
        """
        Poll the job once.

        :param has_ended: Whether the job has ended, as far as is known, so that its status is not requested first.
        :return: None if the wait continues.
        """
        if self._stop():
            return WaitResult()
        self.failure, state, metrics = None, None, None
        try:
            found = fetch_status(self._hook, self._tracker.job_id, has_ended=has_ended)
        except PolarisError as error:
            self.failure = error
            verdict = self._tracker.record_error(error, self._clock.now())
        else:
            state, metrics = found.state, found.metrics
            verdict = self._tracker.record_status(found.status, self._clock.now())
        log_messages(self._log, verdict.messages)
        if verdict.decision != "wait":
            late = verdict.decision == "deadline"
            return WaitResult(state, None if late else verdict.error, late, metrics)
        if self.failure is None:
            self._log_details(self._clock.now())
        return WaitResult() if self._stop() else None

    def until_end(self, poll_interval: float, *, has_ended: bool = False) -> WaitResult:
        """
        Poll the job until it ends, its deadline passes, or ``stop`` returns true.

        :param poll_interval: Seconds between two polls, plus or minus 10 %.
        :param has_ended: As in :meth:`poll`, for the first one.
        """
        result = self.poll(has_ended=has_ended)
        while result is None:
            delay = poll_interval * self._clock.jitter()
            if self._tracker.deadline is not None:
                delay = min(delay, max((self._tracker.deadline - self._clock.now()).total_seconds(), 0.0))
            self._clock.sleep(delay, self._stop)
            result = self.poll()
        return result

    def _log_details(self, now: datetime) -> None:
        """Log the progress of a running job, and warn once if a job is pending for long."""
        if self._tracker.status == "running":
            self._progress.report(now)
        self._pending_warning.record_status(self._tracker.status, now.timestamp())
        due = self._pending_warning.due(self._tracker.status)
        if due is None or now.timestamp() < due:
            return
        try:
            job = JobState.from_wire(self._hook.get_job(self._tracker.job_id))
        except PolarisError as error:
            self._log.debug("The description of job %r can't be read: %s", self._tracker.job_id, error)
            return
        warning = self._pending_warning.warning(job, now.timestamp())
        if warning is not None:
            self._log.warning("%s", with_link(warning, self._hook.job_url(job.job_id, job.target_table or "")))


def check_after_gave_up(hook: PolarisHook, job_id: str, *, status: str | None, message: str, url: str) -> WaitResult:
    """
    Poll a job once more after the trigger gave up: the job may have ended, or the error may be clearer.

    If both polls return the status ``unknown``, a retry of the task can't help, because the job's state is unknown.

    :param hook: The hook.
    :param job_id: The job.
    :param status: The last status that the trigger received; None for none.
    :param message: The message of the trigger's event, which becomes the error's message.
    :param url: URL of the job's page.
    """
    failure: PolarisError = PolarisTransportError(message)
    try:
        found = fetch_status(hook, job_id)
        if found.state is not None:
            return WaitResult(found.state)
        status = found.status
    except PolarisError as error:
        failure = copy_error(error, message)
    if status is None or is_known_status(status):
        return WaitResult(error=failure)
    return WaitResult(error=PolarisJobFailedError(message, job_id=job_id, state=status, console_url=url))
