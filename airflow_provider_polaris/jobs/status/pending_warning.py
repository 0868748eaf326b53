"""Notices a job that stays pending for long; pure: performs no I/O, asks no clock."""

from __future__ import annotations

from typing import Final

from airflow_provider_polaris.jobs.shortening import LONGEST_TEXT, shorten
from airflow_provider_polaris.jobs.status.state import JobState

_PENDING: Final = "pending"


class PendingWarning:
    """
    Counts how long a job is pending, and warns once. All times are epoch seconds.

    :param seconds: How long is long; None for never.
    :param started: Start of the wait. A job that is pending when it is seen first counts as pending since then.
    """

    __slots__ = ("_seconds", "_since")

    def __init__(self, seconds: float | None, started: float) -> None:
        self._seconds = seconds
        self._since: float | None = started

    def saw(self, status: str | None, now: float) -> None:
        """
        Take note of a look.

        :param status: The last status seen; None for none.
        :param now: The present.
        """
        if status == _PENDING:
            self._since = now if self._since is None else self._since
        elif status is not None:
            self._since = None

    def due(self, status: str | None) -> float | None:
        """
        Return when a pending job will have been so for long; None if that is no matter (any more).

        :param status: The last status seen.
        """
        if status != _PENDING or self._seconds is None or self._since is None:
            return None
        return self._since + self._seconds

    def warning(self, job: JobState, now: float) -> str | None:
        """
        Return the warning if it is time for it; once.

        :param job: What Polaris says about the job.
        :param now: The present.
        """
        due = self.due(job.status)
        if due is None or self._since is None or now < due:
            return None
        self._seconds = None
        said = shorten(_said_about(job), LONGEST_TEXT)
        return (
            f"Polaris job {job.job_id!r} has been 'pending' for {(now - self._since) / 60:.0f} min. {said} "
            "A pending job waits, usually for resources: look at what else the project is doing."
        )


def _said_about(job: JobState) -> str:
    if job.health is None:
        return "Polaris says nothing about its health."
    said = f"Polaris says: health {job.health.status!r}"
    if job.health.code is not None:
        said += f", code {job.health.code!r}"
    if job.health.message is not None:
        said += f", message {job.health.message!r}"
    if job.health.log:
        said += f", log {'; '.join(str(entry) for entry in job.health.log)}"
    return f"{said}."
