# SPDX-License-Identifier: Apache-2.0
"""
Collect what the table of jobs shows of each job; performs no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from airflow_provider_polaris.emulator.jobs.job import Job
from airflow_provider_polaris.emulator.pages.formats import duration, nanoseconds
from airflow_provider_polaris.emulator.pages.job_origin import JobOrigin, origin_of


@dataclass(frozen=True)
class JobRow:
    """
    One job of the table.

    :param job: The job as replies show it.
    :param percent: Progress of an unfinished batch job; None for any other job.
    :param seconds: How long it has run; None if it has not started.
    :param origin: The task that made it; None if unknown.
    """

    job: Job
    percent: int | None
    seconds: str | None
    origin: JobOrigin | None


def job_rows(jobs: Iterable[Job], fraction: Callable[[Job], float], now: int) -> list[JobRow]:
    """
    Return the rows of the table of jobs.

    :param jobs: The jobs as replies show them.
    :param fraction: Returns the completed share of a job, from 0 to 1.
    :param now: The time, in nanoseconds since the epoch.
    """
    return [
        JobRow(
            job,
            round(fraction(job) * 100) if job.type == "batch" and not job.is_terminal else None,
            ran_for(job, now),
            origin_of(job),
        )
        for job in jobs
    ]


def ran_for(job: Job, now: int) -> str | None:
    """
    Return how long a job has run, or has been running; None if it has not started.

    Only the log says when a job failed or was canceled.

    :param job: The job.
    :param now: The time, in nanoseconds since the epoch.
    """
    end = now
    if job.completed is not None:
        end = job.completed
    elif job.is_terminal and job.log:
        end = nanoseconds(job.log[-1]["timestamp"])
    elif job.status == "pending":
        return None
    return duration(max(0, end - (job.created if job.started is None else job.started)))
