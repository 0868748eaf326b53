# SPDX-License-Identifier: Apache-2.0
"""Check for other jobs that work on the same partitions of the target: wait for them, or refuse the job."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.hooks.job_origin import JobMakers
from airflow_provider_polaris.hooks.task_reads import list_changing_jobs
from airflow_provider_polaris.jobs.errors import (
    PolarisError,
    PolarisGuardError,
    PolarisGuardUnansweredError,
    PolarisNotFoundError,
)
from airflow_provider_polaris.jobs.guards.conflicts import is_append, overlap, written_intervals
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.operators.guards.messages import format_intervals
from airflow_provider_polaris.runtime.deadline import Deadline
from airflow_provider_polaris.runtime.waits import Condition

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook

#: Maximum wait for other jobs, if the task has no deadline.
CONFLICT_LIMIT: Final = timedelta(hours=1)
#: Maximum number of jobs that are read individually, because the list doesn't contain their intervals.
MOST_DESCRIBES: Final = 20


@dataclass(frozen=True)
class WriteScope:
    """
    The part of a table that the new job writes.

    :param table: Target table.
    :param intervals: Intervals of the target.
    :param partition: Granularity of the target's partitions.
    :param is_append: Whether the job only adds rows.
    """

    table: str
    intervals: tuple[Interval, ...]
    partition: Granularity
    is_append: bool


class ConflictGuard:
    """
    Finds active jobs that conflict with the new job.

    :param hook: Hook for Polaris.
    :param scope: What the new job writes.
    :param ours: Ids of the same task's jobs, which are ignored here.
    :param limits: Deadline of the wait.
    :param log: Logger of the task.
    :param listed: Returns the first list of active jobs, if it was requested already; otherwise None.
    """

    def __init__(
        self,
        hook: PolarisHook,
        scope: WriteScope,
        ours: Collection[str],
        *,
        limits: Deadline,
        log: Any,
        listed: Callable[[], list[dict[str, Any]] | None] = lambda: None,
    ) -> None:
        self._hook = hook
        self._scope = scope
        self._ours = frozenset(ours)
        self._limits = limits
        self._log = log
        self._makers = JobMakers(hook)
        self._listed = listed
        #: Whether a job conflicts, by its id. The intervals of a job never change.
        self._known: dict[str, bool] = {}
        self._described = 0
        self._has_warned = False

    def refuse(self) -> None:
        """
        Check once.

        :raises PolarisGuardError: Another job conflicts.
        """
        jobs = self._find(self._listed())
        if jobs:
            raise PolarisGuardError(
                f"{self._named(jobs)} on the same time partitions of table {self._scope.table!r} as the job of this "
                f"task would ({format_intervals(self._scope.intervals)}), and on_conflict is 'fail'. Nothing was "
                "submitted. Clear the task when it has ended, or run the task with on_conflict='wait' "
                "(on_conflict='{{ params.on_conflict }}' allows it for one run)."
            )

    def wait(self, poll_interval: float) -> bool:
        """
        Wait until no other job conflicts, until the task's deadline at most, or one hour without a deadline.

        Logs one line when the conflicting jobs or their states change.

        :param poll_interval: Seconds between two polls.
        :return: Whether any job conflicted.
        :raises PolarisGuardUnansweredError: The wait timed out.
        :raises PolarisJobCanceledError: The task was killed.
        :raises WaitElsewhere: The task is deferred until the first of these jobs has ended.
        """
        jobs = self._find(self._listed())
        name = f"conflict on {self._scope.table}"
        if not jobs and name not in self._limits.memory.since:
            return False
        start = self._limits.start(name)
        end = self._limits.deadline or start + CONFLICT_LIMIT
        while jobs:
            states = str([(job.job_id, job.status) for job in jobs])
            if self._limits.memory.is_new_line(name, states):
                self._log.info(
                    "Waiting, because %s on the same partitions of %r.", self._named(jobs), self._scope.table
                )
            pause = poll_interval * self._limits.clock.jitter()
            if not self._limits.sleep(pause, end, Condition("job", (jobs[0].job_id,))):
                waited = (self._limits.clock.now() - start).total_seconds()
                raise PolarisGuardUnansweredError(
                    f"{self._named(jobs)} on the same time partitions of table {self._scope.table!r} as the job of "
                    f"this task would ({format_intervals(self._scope.intervals)}), still after {waited:.0f} s. Nothing "
                    f"was submitted. "
                    "Check that job and cancel it if it hangs. A retry of this task waits again."
                )
            jobs = self._find_again(jobs)
        self._limits.memory.end(name)
        self._log.info("No other job works on these partitions of %r now.", self._scope.table)
        return True

    def _find_again(self, before: list[JobState]) -> list[JobState]:
        try:
            return self._find()
        except PolarisError as error:
            if not error.retryable:
                raise
            self._log.debug("The jobs of table %r can't be listed: %s", self._scope.table, error)
            return before

    def _find(self, listed: list[dict[str, Any]] | None = None) -> list[JobState]:
        found = []
        unchecked = 0
        rows = list_changing_jobs(self._hook, self._scope.table) if listed is None else listed
        for row in rows:
            job = JobState.from_wire(row)
            if job.job_id in self._ours or job.is_terminal:
                continue
            conflicts = self._known.get(job.job_id)
            if conflicts is None:
                conflicts = self._is_conflict(row, job.job_id)
            if conflicts is None:
                unchecked += 1
            elif conflicts:
                found.append(job)
        if unchecked and not self._has_warned:
            self._has_warned = True
            self._log.warning(
                "%d active jobs of %r were not checked: the list doesn't contain their intervals, and the limit of %d "
                "jobs to read individually is reached. One of them may work on the same partitions.",
                unchecked,
                self._scope.table,
                MOST_DESCRIBES,
            )
        return found

    def _is_conflict(self, row: Mapping[str, Any], job_id: str) -> bool | None:
        """Return whether a job conflicts; None if the list doesn't show it and the limit of reads is reached."""
        intervals = written_intervals(row, is_whole=False)
        if intervals is not None and not self._meets(intervals):
            self._known[job_id] = False
            return False
        if intervals is not None and not self._scope.is_append:
            self._known[job_id] = True
            return True
        if self._described == MOST_DESCRIBES:
            # Its intervals conflict. Whether it appends, which would be allowed, is unknown.
            return None if intervals is None else True
        self._described += 1
        try:
            job = self._hook.get_job(job_id)
        except PolarisNotFoundError:
            return False
        self._makers.learn(JobState.from_wire(job))
        intervals = written_intervals(job, is_whole=True)
        both_append = self._scope.is_append and is_append(job)
        self._known[job_id] = not both_append and intervals is not None and self._meets(intervals)
        return self._known[job_id]

    def _meets(self, intervals: tuple[Interval, ...]) -> bool:
        return overlap(self._scope.intervals, intervals, self._scope.partition)

    def _named(self, jobs: list[JobState]) -> str:
        names = ", ".join(map(self._makers.describe, jobs[:3]))
        more = f" and {len(jobs) - 3} more" if len(jobs) > 3 else ""
        return f"job{'s' if len(jobs) > 1 else ''} {names}{more} work{'' if len(jobs) > 1 else 's'}"
