# SPDX-License-Identifier: Apache-2.0
"""Prove that the target has the data of the source, by the planned method; deletes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from airflow_provider_polaris.jobs.age_out.plan import AgingPlan, make_windows
from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisGuardUnansweredError, PolarisNotFoundError
from airflow_provider_polaris.jobs.guards.conflicts import written_intervals
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.time.interval import merge
from airflow_provider_polaris.operators.guards.messages import format_intervals
from airflow_provider_polaris.runtime.waits import Condition
from airflow_provider_polaris.task_groups.age_out.segments import changed_segments
from airflow_provider_polaris.task_groups.age_out.table_history import TableHistories

if TYPE_CHECKING:
    from airflow_provider_polaris.task_groups.table_counts import Counts, TableCounter

#: Maximum time until the segments of a job are loaded.
LOADING_LIMIT: Final = timedelta(minutes=10)
#: Maximum number of counts while the target has less than the source, because published rows may appear late.
_MOST_COUNTS: Final = 3


class AlreadyAged(Exception):  # noqa: N818 (not an error)
    """Raised when the source has no rows in the plan's intervals, so that there is nothing to prove or delete."""


class CopyProof:
    """
    Prove one copy.

    :param counter: Reads tables and counts.
    :param plan: The plan.
    :param job_id: The copy job.
    :param first_task: The task to clear to copy again.
    """

    def __init__(self, counter: TableCounter, plan: AgingPlan, job_id: str, first_task: str) -> None:
        self._counter = counter
        self._plan = plan
        self._job_id = job_id
        self._again = f"Clear task {first_task!r} with its downstream tasks: it checks both tables and copies again."

    def prove(self) -> AgingPlan:
        """
        Compare both tables and return the proof.

        :return: The plan with the copy job and the current counts of the source.
        :raises AlreadyAged: The source has no rows left.
        :raises PolarisGuardError: The copy is not proven; a retry would fail, too.
        :raises PolarisError: A request got no answer; a retry checks again.
        """
        job = self._copy_job()
        assert job.created is not None
        self._await_loading()
        source = self._compare(job)
        histories = TableHistories(self._counter.hook, self._plan.source, self._plan.target, self._plan.granularity)
        other = histories.other_writer(self._plan.spans, job.created, job.job_id)
        if other is not None:
            raise self._unproven(f"{other} changed table {self._plan.target!r} there after the copy was submitted")
        gone = histories.removal_since(self._plan.spans, job.created)
        if gone is not None:
            raise self._unproven(f"{gone} after the copy was submitted")
        changed = changed_segments(self._counter.hook, self._plan)
        if changed is not None:
            raise self._unproven(f"{changed} than the copy read")
        return replace(self._plan, windows=make_windows(source), job=job.job_id)

    def copied(self) -> datetime:
        """
        Return when the copy ended, by Polaris' clock. The copy has no rows that were written to the source later.

        :raises PolarisGuardError: There is no such copy.
        """
        job = self._copy_job()
        assert job.created is not None
        return job.completed or job.created

    def _copy_job(self) -> JobState:
        """Return the copy job, after checking that it matches the plan."""
        plan = self._plan
        try:
            body = self._counter.hook.get_job(self._job_id)
        except PolarisNotFoundError:
            raise self._unproven(f"the service no longer has copy job {self._job_id!r}") from None
        job = JobState.from_wire(body)
        is_copy = (job.type, job.source_table, job.target_table) == ("batch", plan.source, plan.target)
        spans = written_intervals(body, is_whole=True) or ()
        if not (is_copy and job.is_replace and job.created is not None and merge(spans) == merge(plan.spans)):
            raise self._unproven(f"job {self._job_id!r} ({job.purpose}) is not the copy that was planned")
        if job.status != "completed":
            raise self._unproven(f"copy job {self._job_id!r} is {job.status!r}")
        return job

    def _await_loading(self) -> None:
        """Wait until the copied data can be queried."""
        counter, name = self._counter, self._plan.target
        limits, wait = counter.limits, f"table {name}"
        end = limits.limit(LOADING_LIMIT, wait)
        while True:
            table = counter.find(name)
            if table is None:
                raise self._unproven(f"table {name!r} doesn't exist")
            if table.storage.availability != "unavailable":
                limits.memory.end(wait)
                return
            if limits.memory.is_new_line(wait, "unavailable"):
                counter.log.info("Waiting until table %r is available: the copied rows are being loaded.", name)
            pause = counter.poll_interval * limits.clock.jitter()
            if not limits.sleep(pause, end, Condition("table", (name,))):
                raise PolarisGuardUnansweredError(
                    f"table {name!r} is still 'unavailable': not all copied rows are loaded, so they can't be counted. "
                    "Nothing was deleted. Check the table; a retry of this task waits again."
                )

    def _compare(self, job: JobState) -> Counts:
        """Return the counts of the source if the target matches them."""
        wrong: str | None = ""
        for count in range(1, _MOST_COUNTS + 1):
            # Count the source last, so that new rows are detected.
            target = self._counter.count_target(self._plan)
            source = self._counter.count_source(self._plan)
            if not source:
                raise AlreadyAged(
                    f"table {self._plan.source!r} no longer has rows in {format_intervals(self._plan.spans)}: it was "
                    "aged already. Nothing was deleted."
                )
            wrong, has_less = self._difference(job, source, target)
            if wrong is None:
                return source
            # The next counts must be new ones, so this rare wait and they stay in the worker.
            self._counter.stay_in_worker()
            limits = self._counter.limits
            end = limits.limit(LOADING_LIMIT)
            if not has_less or count == _MOST_COUNTS or not limits.sleep(self._counter.poll_interval, end):
                break
        raise self._unproven(str(wrong))

    def _difference(self, job: JobState, source: Counts, target: Counts) -> tuple[str | None, bool]:
        """Return the difference, None if there is none; and whether waiting may fix it."""
        plan = self._plan
        empty = [bucket for bucket in plan.buckets if bucket not in source]
        if empty:
            return (
                f"table {plan.source!r} no longer has rows in {format_intervals(merge(empty))}, where it had some",
                False,
            )
        if plan.way.by_partition:
            return self._difference_by_partition(source, target)
        metrics = self._counter.hook.get_job_metrics(job.job_id)
        pairs = (
            ("numRowsProcessed", plan.source, _rows(source)),
            ("numRowsPersisted", plan.target, _rows(target)),
        )
        for name, table, rows in pairs:
            reported = metrics.get(name)
            if not isinstance(reported, int) or isinstance(reported, bool):
                silent = f"copy job {job.job_id!r} doesn't report its {name}; map a count, such as measures="
                return silent + "{'rows': 'COUNT(*)'}, to prove later copies", False
            if reported != rows:
                has_less = name == "numRowsPersisted" and rows < reported
                why = f"copy job {job.job_id!r} reports {name} {reported:,}, but table {table!r} has {rows:,} rows"
                return why, has_less
        return None, False

    def _difference_by_partition(self, source: Counts, target: Counts) -> tuple[str | None, bool]:
        plan = self._plan
        uncounted = [bucket for bucket, count in source.items() if (count.events or 0) <= 0]
        if uncounted:
            where = (
                f"table {plan.source!r} has rows in {format_intervals(merge(uncounted))} whose '__count' is null or 0"
            )
            return f"{where}, so it does not show whether they are in the target", False
        wrong = {
            bucket: (source[bucket].events or 0, target[bucket].events or 0 if bucket in target else 0)
            for bucket in source
            if bucket not in target or source[bucket].events != target[bucket].events
        }
        if not wrong:
            return None, False
        here, there = (sum(pair[index] for pair in wrong.values()) for index in (0, 1))
        numbers = f"table {plan.source!r} has {here:,} and table {plan.target!r} {there:,}"
        has_less = all(there <= here for here, there in wrong.values())
        return f"in {format_intervals(merge(wrong))} {numbers}, by {plan.way}", has_less

    def _unproven(self, why: str) -> PolarisGuardError:
        return PolarisGuardError(f"the copy is not proven: {why}. Nothing was deleted. {self._again}")


def _rows(counts: Counts) -> int:
    return sum(count.rows for count in counts.values())
