# SPDX-License-Identifier: Apache-2.0
"""
Cancel a job from a signal handler: within 4 s, without calls to Airflow, without locks of the interrupted code.

Airflow sends SIGTERM and, 5 s later, SIGKILL. Its SIGTERM handler calls ``on_kill`` and interrupts any code of the
task. So a separate thread sends the request with its own client and its own time limits. Everything that it needs is
read beforehand. Source: airflow.sdk.execution_time of Airflow 3.3.2.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisJobCanceledError, with_link
from airflow_provider_polaris.jobs.status.state import CancelResult
from airflow_provider_polaris.jobs.status.statuses import TERMINAL_STATUSES, normalize_status

if TYPE_CHECKING:
    from airflow_provider_polaris.client import ServiceSettings

#: Airflow sends SIGKILL 5 s after SIGTERM. The cancel request gets 4 s; 1 s remains for logging and exit.
KILL_SECONDS: Final = 4.0


def cancel_within(settings: ServiceSettings, job_id: str, seconds: float = KILL_SECONDS) -> CancelResult:
    """
    Request the cancellation of a job and return within a time limit.

    Never raises. After the limit, a pending request continues in a daemon thread.

    :param settings: Connection settings, read beforehand.
    :param job_id: Id of the job.
    :param seconds: Limit in seconds, DNS lookup included.
    """
    results: list[CancelResult] = []
    # The thread doesn't log: the interrupted code may hold a lock of the logging module.
    worker = threading.Thread(
        target=lambda: results.append(_cancel(settings, job_id, seconds)), name="polaris-cancel", daemon=True
    )
    worker.start()
    worker.join(seconds)
    return results[0] if results else CancelResult(problem=f"no answer came within {seconds:g} s")


def _cancel(settings: ServiceSettings, job_id: str, seconds: float) -> CancelResult:
    try:
        from airflow_provider_polaris.client import connect

        limited = replace(
            settings,
            connect_timeout=min(settings.connect_timeout, seconds / 2),
            read_timeout=min(settings.read_timeout, seconds * 0.75),
            retry_budget=min(settings.retry_budget, seconds / 2),
        )
        with connect(limited) as client:
            try:
                return CancelResult(client.cancel_job(job_id))
            except PolarisApiError as error:
                # The job has ended, or it can't be canceled. Its status decides which.
                status = client.get_job_status(job_id)
                return CancelResult(status, None if normalize_status(status) in TERMINAL_STATUSES else str(error))
    except Exception as error:
        return CancelResult(problem=str(error) or repr(error))


class CancelOnKill:
    """
    Cancels the job of a killed task, even if the job's id arrives after the kill.

    Call :meth:`prepare` before the job is submitted, because the signal handler can't read a connection from Airflow.
    """

    def __init__(self) -> None:
        #: Whether the task was killed.
        self.is_killed = False
        #: Result of the cancel request; None until it was sent.
        self.result: CancelResult | None = None
        self._settings: ServiceSettings | None = None
        self._cancels = False
        self._job_id: str | None = None

    def prepare(self, settings: ServiceSettings, *, cancels: bool) -> None:
        """
        Store what a cancel request needs.

        :param settings: Connection settings.
        :param cancels: Whether a kill cancels the job.
        """
        from airflow_provider_polaris.client import adapter_of

        # Imported now: an import that a kill interrupts would keep the thread of the cancel request waiting.
        adapter_of(settings)
        self._settings = settings
        self._cancels = cancels

    def kill(self, log: Any) -> None:
        """Record the kill and cancel the job if its id is known. Never raises; takes at most 4 s."""
        # Set the flag first: the submitting code checks it as soon as the POST returns.
        self.is_killed = True
        try:
            if self._job_id is not None:
                self._cancel(self._job_id, log)
            elif self._settings is not None and self._cancels:
                log.info(
                    "The task was killed before its job had an id. If the POST creates a job, it will be canceled."
                )
        except Exception as error:
            log.warning("Job %r may not have been canceled: %r", self._job_id, error)

    def set_job(self, job_id: str, log: Any) -> None:
        """
        Store the job's id. If the task was already killed, cancel the job now.

        :param job_id: Id of the job.
        :param log: Logger of the task.
        """
        self._job_id = job_id
        if self.is_killed and self.result is None:
            self._cancel(job_id, log)

    def _cancel(self, job_id: str, log: Any) -> None:
        if self._settings is None or self.result is not None:
            return
        if not self._cancels:
            log.info("The task was killed; job %r runs on, because cancel_on_kill=False.", job_id)
            return
        self.result = result = cancel_within(self._settings, job_id)
        if result.problem is not None:
            log.warning(
                "The task was killed, but job %r could not be canceled. Its status is %r, and it may run on "
                "(jobs that delete data can't be canceled): %s",
                job_id,
                result.status or "unknown",
                result.problem,
            )
        elif result.has_ended and result.status != "canceled":
            log.info("The task was killed; job %r had already ended with status %r.", job_id, result.status)
        else:
            log.info(
                "The task was killed; the cancellation of job %r was requested. Its status is %r.",
                job_id,
                result.status,
            )


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
        with_link(f"the task was killed while job {job_id!r} was active; {what}.", url),
        job_id=job_id,
        state=None if result is None else result.status,
        console_url=url,
    )
