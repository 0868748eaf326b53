"""
Cancel a job from a signal handler: a few seconds in all, no call to Airflow, no lock of the interrupted code.

Airflow sends SIGTERM and, five seconds later, SIGKILL; its handler calls ``on_kill`` in the middle of whatever the task
does. So the request goes out on a client and a thread of its own, with time limits of its own, and everything that it
needs was read before. Source: airflow.sdk.execution_time of Airflow 3.3.2.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.jobs.errors import PolarisApiError
from airflow_provider_polaris.jobs.status.state import TERMINAL_STATUSES, CancelResult, normalize_status

if TYPE_CHECKING:
    from airflow_provider_polaris.client import ClientSettings

#: Of Airflow's five seconds, one is left for the log line and the end of the process.
KILL_SECONDS: Final = 4.0


def cancel_within(settings: ClientSettings, job_id: str, seconds: float = KILL_SECONDS) -> CancelResult:
    """
    Ask Polaris to cancel a job and come back in time, whatever happens.

    Never raises. A request that is still out when time is up goes on in a thread that nobody waits for.

    :param settings: How to reach Polaris, read beforehand.
    :param job_id: The job.
    :param seconds: Time in all, name look-up included.
    """
    results: list[CancelResult] = []
    # Not logged in there: the interrupted code may hold a lock of the logging module.
    worker = threading.Thread(
        target=lambda: results.append(_cancel(settings, job_id, seconds)), name="polaris-cancel", daemon=True
    )
    worker.start()
    worker.join(seconds)
    return results[0] if results else CancelResult(problem=f"no answer came within {seconds:g} s")


def _cancel(settings: ClientSettings, job_id: str, seconds: float) -> CancelResult:
    try:
        from airflow_provider_polaris.client import PolarisClient

        hasty = replace(
            settings,
            connect_timeout=min(settings.connect_timeout, seconds / 2),
            read_timeout=min(settings.read_timeout, seconds * 0.75),
            retry_budget=min(settings.retry_budget, seconds / 2),
        )
        with PolarisClient(hasty) as client:
            try:
                return CancelResult(client.cancel_job(job_id))
            except PolarisApiError as error:
                # A job that has ended, or one that can't be canceled: its status tells which.
                status = client.get_job_status(job_id)
                return CancelResult(status, None if normalize_status(status) in TERMINAL_STATUSES else str(error))
    except Exception as error:
        return CancelResult(problem=str(error) or repr(error))


class CancelOnKill:
    """
    Remembers that a task was killed, and cancels its job, whichever of the two is known first.

    Loaded before the job is submitted, because the signal handler can't ask Airflow for a connection.
    """

    def __init__(self) -> None:
        #: Whether the task was killed.
        self.thrown = False
        #: What came of asking for a cancel; None until then.
        self.result: CancelResult | None = None
        self._settings: ClientSettings | None = None
        self._cancels = False
        self._job_id: str | None = None

    def load(self, settings: ClientSettings, *, cancels: bool) -> None:
        """
        Get ready.

        :param settings: How to reach Polaris.
        :param cancels: Whether a kill cancels the job.
        """
        self._settings = settings
        self._cancels = cancels

    def throw(self, log: Any) -> None:
        """Note the kill and cancel the job if it is known; never raises, takes four seconds at most."""
        self.thrown = True  # first: whoever submits looks at it right after the answer
        try:
            if self._job_id is not None:
                self._cancel(self._job_id, log)
            elif self._settings is not None and self._cancels:
                log.info("The task was killed before it had a job id; a job that comes of it will be canceled.")
        except Exception as error:
            log.warning("Polaris job %r may not have been canceled: %r", self._job_id, error)

    def job_is(self, job_id: str, log: Any) -> None:
        """
        Name the job; if the task was killed meanwhile, cancel it now.

        :param job_id: The job.
        :param log: Logger of the task.
        """
        self._job_id = job_id
        if self.thrown and self.result is None:
            self._cancel(job_id, log)

    def _cancel(self, job_id: str, log: Any) -> None:
        if self._settings is None or self.result is not None:
            return
        if not self._cancels:
            log.info("The task was killed; Polaris job %r runs on, because cancel_on_kill=False.", job_id)
            return
        self.result = result = cancel_within(self._settings, job_id)
        if result.problem is not None:
            log.warning(
                "The task was killed, and Polaris job %r could not be canceled; its status is %r and it may run on "
                "(jobs that delete data can't be canceled): %s",
                job_id,
                result.status or "unknown",
                result.problem,
            )
        elif result.has_ended and result.status != "canceled":
            log.info("The task was killed; Polaris job %r had ended before, with %r.", job_id, result.status)
        else:
            log.info("The task was killed; Polaris was asked to cancel job %r, now %r.", job_id, result.status)
