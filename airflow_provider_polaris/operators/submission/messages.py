# SPDX-License-Identifier: Apache-2.0
"""Errors of the submission: which jobs are concerned and what to do; performs no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from airflow_provider_polaris.jobs.errors import PolarisAmbiguousSubmitError, PolarisGuardError
from airflow_provider_polaris.jobs.idempotency.matching import Candidate
from airflow_provider_polaris.jobs.status.state import JobState

#: How to submit although rows may be added twice.
OVERRIDE: Final = (
    "To submit anyway, which may add rows twice, run the task with repeat_append=True "
    "(repeat_append='{{ params.repeat_append }}' allows it for one run)."
)
_MARK_SUCCESS: Final = "If its rows are what you want, mark the task as success."


@dataclass(frozen=True)
class SubmissionMessages:
    """
    Builds the submission errors of one task.

    :param connection: Id of the Airflow connection.
    :param place: Name of the project, or of the cluster of a service without projects.
    :param table: Target table of the job; None if unknown.
    :param adds_rows: Whether the job adds rows.
    """

    connection: str
    place: str
    table: str | None
    adds_rows: bool

    def completed(self, job: JobState, because: str) -> PolarisGuardError:
        """Return the error for a repeated append whose rows a completed job has already added."""
        return PolarisGuardError(
            f"Job {job.job_id!r} ({job.purpose}), which this task submitted before, has completed. Its rows "
            f"were added, and submitting again {because} would add rows twice. Nothing was submitted. {_MARK_SUCCESS} "
            f"{OVERRIDE}"
        )

    def changed_while_active(self, job: JobState, fields: Sequence[str]) -> PolarisGuardError:
        """Return the error for a changed append whose earlier job is still active."""
        return PolarisGuardError(
            f"Job {job.job_id!r} ({job.purpose}), which an earlier try of this task submitted, is still "
            f"{job.status!r}, but the spec has changed since: {_named(fields)}. Both jobs would add "
            "their rows, so nothing was submitted. Cancel the job and clear the task, or revert the change and "
            f"clear it. {OVERRIDE}"
        )

    def gone(self, job_id: str) -> PolarisGuardError:
        """Return the error for an append whose earlier job no longer exists in Polaris."""
        return PolarisGuardError(
            f"Job {job_id!r}, which this task submitted before, no longer exists in {self.place} "
            f"(404), so it is unknown whether its rows were added to {self._where}. Nothing was submitted. Check the "
            f"table: if the rows are there, mark the task as success. {OVERRIDE}"
        )

    def other_project(self, job_id: str | None, place: str) -> PolarisGuardError:
        """Return the error for a retry in another project, or another service, than the earlier job's."""
        which = "a job with an unknown id" if job_id is None else f"job {job_id!r}"
        fix = "Clear the task" + (" and run it with repeat_append=True" if self.adds_rows else "")
        return PolarisGuardError(
            f"an earlier try of this task submitted {which} to {place}, but connection {self.connection!r} now uses "
            f"{self.place}, where that job is not visible. Nothing was submitted. Set the connection back to {place} "
            f"and retry. {fix} to submit to {self.place} instead."
        )

    def other_project_cleared(self, job_id: str | None, place: str) -> PolarisGuardError:
        """Return the error for a cleared append whose earlier job is in another project."""
        which = "a job" if job_id is None else f"job {job_id!r}"
        return PolarisGuardError(
            f"this task submitted {which} to {place} before it was cleared, and connection "
            f"{self.connection!r} now uses {self.place}. From there it is unknown whether the rows were "
            f"added. Nothing was submitted. {OVERRIDE}"
        )

    def doubtful(self, candidates: Sequence[Candidate]) -> PolarisGuardError:
        """Return the error for several matching jobs, or for one that may be another task's."""
        if all(each.is_certain for each in candidates):
            head = f"{_jobs(candidates)} carry the marker of this task, but it should have one job"
        else:
            match = "has" if len(candidates) == 1 else "have"
            head = (
                f"an earlier POST of this task may have created a job, and {_jobs(candidates)} {match} the same spec "
                "but no marker that identifies the task"
            )
        if self.adds_rows:
            next_step = (
                "Adopting another task's job would lose rows, and submitting could add rows twice. "
                "Nothing more was submitted. Find this task's job in the console. After it has "
                f"completed, mark the task as success. {OVERRIDE}"
            )
        else:
            next_step = (
                "Nothing more was submitted. Find this task's job in the console, cancel unwanted jobs, "
                "wait until the others have ended, then clear the task."
            )
        return PolarisGuardError(f"{head}. {next_step}")

    def unseen(self, summaries: int) -> PolarisGuardError:
        """Return the error for an append when there are too many jobs to check all."""
        return PolarisGuardError(
            "an earlier POST of this task may have created a job. It isn't among the checked jobs of the newest "
            f"{summaries} of {self._where}, but it may be an older one. Nothing more was "
            "submitted. Search the console for a job of this task. If there is one, mark the task as success "
            f"after it has completed. {OVERRIDE}"
        )

    def nothing_known(self) -> PolarisGuardError:
        """Return the error for an append whose earlier tries left no record and no marked job."""
        return PolarisGuardError(
            "this task has run before, but there is neither a record in Airflow's task state store nor a job with its "
            f"marker. So it is unknown whether its rows were added to {self._where}, and submitting could add them "
            "twice. Nothing was submitted. Check the table: if the rows are there, mark the task as success. "
            f"{OVERRIDE}"
        )

    @property
    def _where(self) -> str:
        return "its target table" if self.table is None else f"table {self.table!r}"


def _jobs(candidates: Sequence[Candidate]) -> str:
    names = [f"{each.state.job_id!r} ({each.state.purpose}, {each.state.status!r})" for each in candidates]
    return f"job {names[0]}" if len(names) == 1 else f"jobs {', '.join(names[:-1])} and {names[-1]}"


def _named(fields: Sequence[str]) -> str:
    if len(fields) == 1:
        return f"field {fields[0]!r}"
    return f"fields {', '.join(map(repr, fields[:-1]))} and {fields[-1]!r}" if fields else "something"


def lost_cause(doubt: PolarisAmbiguousSubmitError | None) -> BaseException | None:
    """
    Return the error of the POST, as the cause of another error.

    Not the client's own error, which advises users of the client to search for the job. The task does that itself.
    """
    return None if doubt is None else doubt.__cause__


def cause(doubt: PolarisAmbiguousSubmitError | None) -> str:
    """
    Return the message of the POST's error without the client's advice.

    :param doubt: The error of the POST; None for none.
    """
    return str(lost_cause(doubt) or doubt) if doubt is not None else ""
