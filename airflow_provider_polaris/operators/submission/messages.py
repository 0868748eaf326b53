"""Why no job is submitted, in sentences that name the jobs in question and say what to do; performs no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from airflow_provider_polaris.jobs.errors import PolarisGuardError
from airflow_provider_polaris.jobs.idempotency.matching import Candidate
from airflow_provider_polaris.jobs.status.state import JobState

#: How to go on although rows may be added twice.
OVERRIDE: Final = (
    "To submit all the same, which may add rows twice, run the task with repeat_append=True "
    "(repeat_append='{{ params.repeat_append }}' lets one run say so)."
)
_MARK_SUCCESS: Final = "If its rows are what you want, mark the task as success."


@dataclass(frozen=True)
class SubmissionMessages:
    """
    Makes the errors of one task.

    :param connection: Id of the Airflow connection.
    :param project: Id of the Polaris project.
    :param table: Target table of the job that was to be submitted; None if unknown.
    :param adds_rows: Whether that job adds its rows.
    """

    connection: str
    project: str
    table: str | None
    adds_rows: bool

    def completed(self, job: JobState, because: str) -> PolarisGuardError:
        """Refuse to add rows again that a completed job has added."""
        return PolarisGuardError(
            f"Polaris job {job.job_id!r} ({job.purpose}), which this task submitted before, has completed: its rows "
            f"are in, and submitting again {because} would add rows twice. Nothing was submitted. {_MARK_SUCCESS} "
            f"{OVERRIDE}"
        )

    def changed_while_active(self, job: JobState, fields: Sequence[str]) -> PolarisGuardError:
        """Refuse to replace an active append by another one."""
        return PolarisGuardError(
            f"Polaris job {job.job_id!r} ({job.purpose}), which an earlier try of this task submitted, is still "
            f"{job.status!r}, and this try asks for something else: {_named(fields)} changed since. Both would add "
            "their rows, so nothing was submitted. Cancel the job and clear the task, or put back what changed and "
            f"clear it. {OVERRIDE}"
        )

    def gone(self, job_id: str) -> PolarisGuardError:
        """Refuse to add rows that a job may have added that Polaris has forgotten."""
        return PolarisGuardError(
            f"Polaris job {job_id!r}, which this task submitted before, isn't known in project {self.project!r} any "
            f"more (404), so nobody can tell whether its rows are in {self._where}. Nothing was submitted. Look there: "
            f"if they are, mark the task as success. {OVERRIDE}"
        )

    def other_project(self, job_id: str | None, project: str, api: str) -> PolarisGuardError:
        """Refuse to submit to one project while there may be a job of this task in another one."""
        which = "a job of which it doesn't know the id" if job_id is None else f"Polaris job {job_id!r}"
        mend = "Clear the task" + (" and run it with repeat_append=True" if self.adds_rows else "")
        return PolarisGuardError(
            f"an earlier try of this task submitted {which} to project {project!r} at {api}, but connection "
            f"{self.connection!r} leads to project {self.project!r} now, where that job can't be seen. Nothing was "
            f"submitted. Point the connection back to project {project!r} and retry. {mend} to submit to project "
            f"{self.project!r} instead."
        )

    def other_project_cleared(self, job_id: str | None, project: str) -> PolarisGuardError:
        """Refuse to add rows in one project after a job of this task in another one, unless asked to."""
        which = "a job" if job_id is None else f"Polaris job {job_id!r}"
        return PolarisGuardError(
            f"this task submitted {which} to project {project!r} before it was cleared, and connection "
            f"{self.connection!r} leads to project {self.project!r} now: whether its rows were added can't be seen "
            f"from there. Nothing was submitted. {OVERRIDE}"
        )

    def doubtful(self, candidates: Sequence[Candidate]) -> PolarisGuardError:
        """Refuse to choose between jobs, or to take one that may be another task's for ours."""
        if all(each.is_certain for each in candidates):
            head = f"{_jobs(candidates)} carry the marker of this task, and it should have one job"
        else:
            asks = "asks" if len(candidates) == 1 else "ask"
            head = (
                f"an earlier POST of this task may have made a job, and {_jobs(candidates)} {asks} for the same "
                "without a marker that tells whose job it is"
            )
        if self.adds_rows:
            next_step = (
                "To take another task's job for this one's would lose rows, and to submit could add rows twice. "
                "Nothing more was submitted. Find out in the Polaris console which job is this task's: once it has "
                f"completed, mark the task as success. {OVERRIDE}"
            )
        else:
            next_step = (
                "Nothing more was submitted. Find out in the Polaris console which job is this task's, cancel what is "
                "not wanted, wait until the others have ended, then clear the task."
            )
        return PolarisGuardError(f"{head}. {next_step}")

    def unseen(self, summaries: int) -> PolarisGuardError:
        """Refuse to add rows when there were too many jobs to look at all."""
        return PolarisGuardError(
            "an earlier POST of this task may have made a job, and it isn't among those of the newest "
            f"{summaries} jobs of {self._where} that could be looked at; an older one may be it. Nothing more was "
            "submitted. Look in the Polaris console for a job of this task: if there is one, mark the task as success "
            f"when it has completed. {OVERRIDE}"
        )

    def nothing_known(self) -> PolarisGuardError:
        """Refuse to repeat an append of whose earlier tries there is no trace."""
        return PolarisGuardError(
            "this task has run before, and neither its record in Airflow's task state store nor a job with its marker "
            f"tells whether its rows were added to {self._where}; submitting could add them twice. Nothing was "
            f"submitted. Look there: if the rows are in, mark the task as success. {OVERRIDE}"
        )

    @property
    def _where(self) -> str:
        return "its target table" if self.table is None else f"table {self.table!r}"


def _jobs(candidates: Sequence[Candidate]) -> str:
    names = [f"{each.state.job_id!r} ({each.state.purpose}, {each.state.status!r})" for each in candidates]
    return f"Polaris job {names[0]}" if len(names) == 1 else f"Polaris jobs {', '.join(names[:-1])} and {names[-1]}"


def _named(fields: Sequence[str]) -> str:
    if len(fields) == 1:
        return f"field {fields[0]!r}"
    return f"fields {', '.join(map(repr, fields[:-1]))} and {fields[-1]!r}" if fields else "something"
