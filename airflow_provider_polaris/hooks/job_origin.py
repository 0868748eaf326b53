# SPDX-License-Identifier: Apache-2.0
"""Find out who made a job that is not this task's own, for messages and for the commands."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.client.redaction.redact import Redactor
from airflow_provider_polaris.jobs.errors import PolarisError, PolarisNotFoundError
from airflow_provider_polaris.jobs.spec.context import takes_context
from airflow_provider_polaris.jobs.spec.origin import JobOrigin, origin_in, user_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.jobs.status.state import JobState

#: Largest number of jobs that are read, because the list has no contexts.
MOST_READS: Final = 25


class JobMakers:
    """
    Read who made jobs, each job once.

    What they wrote is shortened, and the secrets of the connection in it are masked. An error of a request is
    not raised: the job has no maker then, and no further job is read.

    :param hook: The hook.
    :param most_reads: Largest number of jobs that are read. A description needs no request.
    """

    def __init__(self, hook: PolarisHook, most_reads: int = MOST_READS) -> None:
        self._hook = hook
        self._reads_left = most_reads
        self._origins: dict[str, JobOrigin | None] = {}

    def learn(self, job: JobState) -> None:
        """Keep the origin of a job that the caller has read, so that it isn't read again."""
        self._origins[job.job_id] = self._shown(origin_in(job.body))

    def origin(self, job: JobState) -> JobOrigin | None:
        """
        Return the task that made a job; None if the job doesn't say, or can't be read.

        :param job: A description, or an entry of the list.
        """
        if job.job_id not in self._origins:
            self._origins[job.job_id] = self._shown(origin_in(self._body(job)))
        return self._origins[job.job_id]

    def user(self, job: JobState) -> str | None:
        """Return the user or API key that created a job, as the service names it; None if it doesn't."""
        name = user_in(job.body)
        return None if name is None else self._redact(name)

    def describe(self, job: JobState) -> str:
        """
        Return a job with its purpose, status and maker, for a sentence.

        :param job: A description, or an entry of the list.
        """
        origin, user = self.origin(job), self.user(job)
        maker = f", made by {origin}" if origin else f", created by {user!r}" if user else ""
        return f"{job.job_id!r} ({job.purpose}, {job.status!r}{maker})"

    @cached_property
    def _redact(self) -> Redactor:
        return Redactor(self._hook.settings.secrets())

    def _body(self, job: JobState) -> Mapping[str, Any]:
        if "spec" in job.body or not takes_context(job.type) or self._reads_left <= 0:
            return job.body
        self._reads_left -= 1
        try:
            return self._hook.get_job(job.job_id)
        except PolarisNotFoundError:
            return job.body
        except PolarisError:
            self._reads_left = 0
            return job.body

    def _shown(self, origin: JobOrigin | None) -> JobOrigin | None:
        if origin is None:
            return None
        redact = self._redact
        return replace(
            origin, dag_id=redact(origin.dag_id), task_id=redact(origin.task_id), run_id=redact(origin.run_id)
        )
