# SPDX-License-Identifier: Apache-2.0
"""Warn about a job that stays pending too long; performs no I/O and does not read the clock."""

from __future__ import annotations

from typing import Final

from airflow_provider_polaris.jobs.shortening import LONGEST_TEXT, shorten
from airflow_provider_polaris.jobs.status.state import JobState

_PENDING: Final = "pending"


class PendingWarning:
    """
    Measure how long a job is pending, and warn once. All times are epoch seconds.

    :param seconds: Pending time after which to warn; None to never warn.
    :param started: Start of the wait. A job that is pending at the first poll counts as pending since then.
    """

    __slots__ = ("_seconds", "_since")

    def __init__(self, seconds: float | None, started: float) -> None:
        self._seconds = seconds
        self._since: float | None = started

    def record_status(self, status: str | None, now: float) -> None:
        """
        Record the result of a poll.

        :param status: The last polled status; None if there is none.
        :param now: The current time.
        """
        if status == _PENDING:
            self._since = now if self._since is None else self._since
        elif status is not None:
            self._since = None

    def due(self, status: str | None) -> float | None:
        """
        Return the time at which the warning is due; None if no warning is needed.

        :param status: The last polled status.
        """
        if status != _PENDING or self._seconds is None or self._since is None:
            return None
        return self._since + self._seconds

    def warning(self, job: JobState, now: float) -> str | None:
        """
        Return the warning if it is due; at most once.

        :param job: The job as Polaris describes it.
        :param now: The current time.
        """
        due = self.due(job.status)
        if due is None or self._since is None or now < due:
            return None
        self._seconds = None
        health = shorten(_describe_health(job), LONGEST_TEXT)
        return (
            f"Job {job.job_id!r} has been 'pending' for {(now - self._since) / 60:.0f} min. {health} "
            "A pending job waits, usually for resources: check the other jobs of the project."
        )


def _describe_health(job: JobState) -> str:
    if job.health is None:
        return "The service reports no health."
    text = f"The service reports: health {job.health.status!r}"
    if job.health.code is not None:
        text += f", code {job.health.code!r}"
    if job.health.message is not None:
        text += f", message {job.health.message!r}"
    if job.health.log:
        text += f", log {'; '.join(str(entry) for entry in job.health.log)}"
    return f"{text}."
