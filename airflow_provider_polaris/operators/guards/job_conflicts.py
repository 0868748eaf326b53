"""Keep out of the way of other jobs that work on the same partitions of the target: wait for them, or refuse."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.jobs.errors import (
    PolarisError,
    PolarisGuardError,
    PolarisGuardUnansweredError,
    PolarisNotFoundError,
)
from airflow_provider_polaris.jobs.guards.conflicts import CHANGING_TYPES, is_append, overlap, written_intervals
from airflow_provider_polaris.jobs.status.state import ACTIVE_STATUSES, JobState
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.operators.guards.messages import format_intervals
from airflow_provider_polaris.runtime.deadline import Deadline

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook

#: So long a task without a deadline waits for other jobs.
CONFLICT_LIMIT: Final = timedelta(hours=1)
#: So many jobs are described of which the list doesn't say what they work on.
MOST_DESCRIBES: Final = 20


@dataclass(frozen=True)
class WriteScope:
    """
    What the job that is to be submitted works on.

    :param table: Its target.
    :param intervals: Where in it.
    :param partition: Partitions of the target.
    :param is_append: It adds rows and takes none away.
    """

    table: str
    intervals: tuple[Interval, ...]
    partition: Granularity
    is_append: bool


class ConflictGuard:
    """
    Looks for other jobs in the same place.

    :param hook: Asks Polaris.
    :param place: What our job works on.
    :param ours: Ids of jobs of the same task, which are dealt with elsewhere.
    :param limits: How long.
    :param log: Logger of the task.
    """

    def __init__(
        self, hook: PolarisHook, place: WriteScope, ours: Collection[str], *, limits: Deadline, log: Any
    ) -> None:
        self._hook = hook
        self._place = place
        self._ours = frozenset(ours)
        self._limits = limits
        self._log = log
        #: Whether a job is in the way, by its id; what a job works on never changes.
        self._known: dict[str, bool] = {}
        self._described = 0
        self._has_warned = False

    def refuse(self) -> None:
        """
        Look once.

        :raises PolarisGuardError: There is another job.
        """
        jobs = self._find()
        if jobs:
            raise PolarisGuardError(
                f"{_named(jobs)} on the same time partitions of table {self._place.table!r} as the job of this task "
                f"would ({format_intervals(self._place.intervals)}), and on_conflict is 'fail'. Nothing was "
                f"submitted. Clear the "
                "task when it has ended, or run the task with on_conflict='wait' "
                "(on_conflict='{{ params.on_conflict }}' lets one run say so)."
            )

    def wait(self, poll_interval: float) -> bool:
        """
        Look until there is no other job, or time is up: at the task's deadline, without one after an hour.

        One log line when the jobs in the way or their states change.

        :param poll_interval: Seconds between two looks.
        :return: Whether there was any.
        :raises PolarisGuardUnansweredError: Time is up.
        :raises PolarisJobCanceledError: The task was killed.
        """
        jobs = self._find()
        if not jobs:
            return False
        start = self._limits.clock.now()
        end = self._limits.deadline or start + CONFLICT_LIMIT
        told: list[tuple[str, str]] = []
        while jobs:
            states = [(job.job_id, job.status) for job in jobs]
            if states != told:
                told = states
                self._log.info("Waiting, because %s on the same partitions of %r.", _named(jobs), self._place.table)
            if not self._limits.sleep(poll_interval * self._limits.clock.jitter(), end):
                waited = (self._limits.clock.now() - start).total_seconds()
                raise PolarisGuardUnansweredError(
                    f"{_named(jobs)} on the same time partitions of table {self._place.table!r} as the job of this "
                    f"task would ({format_intervals(self._place.intervals)}), still after {waited:.0f} s. Nothing "
                    f"was submitted. "
                    "Look at that job and cancel it if it hangs; a retry of this task waits again."
                )
            jobs = self._find_again(jobs)
        self._log.info("No other job works on these partitions of %r any more.", self._place.table)
        return True

    def _find_again(self, before: list[JobState]) -> list[JobState]:
        try:
            return self._find()
        except PolarisError as error:
            if not error.retryable:
                raise
            self._log.debug("The jobs of table %r can't be listed: %s", self._place.table, error)
            return before

    def _find(self) -> list[JobState]:
        found = []
        unseen = 0
        for row in self._rows():
            job = JobState.from_wire(row)
            if job.job_id in self._ours or job.is_terminal:
                continue
            is_in_the_way = self._known.get(job.job_id)
            if is_in_the_way is None:
                is_in_the_way = self._look_at(row, job.job_id)
            if is_in_the_way is None:
                unseen += 1
            elif is_in_the_way:
                found.append(job)
        if unseen and not self._has_warned:
            self._has_warned = True
            self._log.warning(
                "%d active jobs of %r were not looked at: the list doesn't say where they work, and %d were looked at "
                "already. One of them may be at work on the same partitions.",
                unseen,
                self._place.table,
                MOST_DESCRIBES,
            )
        return found

    def _rows(self) -> Iterator[dict[str, Any]]:
        return self._hook.iter_jobs(
            type=CHANGING_TYPES,
            execution_status=sorted(ACTIVE_STATUSES),
            target_table=self._place.table,
            sort_column="created_date_time",
            sort_order="DESC",
        )

    def _look_at(self, row: Mapping[str, Any], job_id: str) -> bool | None:
        """Return whether a job is in the way, as far as the list tells; None if nobody looks closer."""
        intervals = written_intervals(row, is_whole=False)
        if intervals is not None and not self._meets(intervals):
            self._known[job_id] = False
            return False
        if intervals is not None and not self._place.is_append:
            self._known[job_id] = True
            return True
        if self._described == MOST_DESCRIBES:
            # Whether it appends isn't known then; that it is in the same place is.
            return None if intervals is None else True
        self._described += 1
        try:
            job = self._hook.get_job(job_id)
        except PolarisNotFoundError:
            return False
        intervals = written_intervals(job, is_whole=True)
        both_append = self._place.is_append and is_append(job)
        self._known[job_id] = not both_append and intervals is not None and self._meets(intervals)
        return self._known[job_id]

    def _meets(self, intervals: tuple[Interval, ...]) -> bool:
        return overlap(self._place.intervals, intervals, self._place.partition)


def _named(jobs: list[JobState]) -> str:
    names = ", ".join(f"{job.job_id!r} ({job.purpose}, {job.status!r})" for job in jobs[:3])
    more = f" and {len(jobs) - 3} more" if len(jobs) > 3 else ""
    return f"Polaris job{'s' if len(jobs) > 1 else ''} {names}{more} work{'' if len(jobs) > 1 else 's'}"
