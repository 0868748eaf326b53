# SPDX-License-Identifier: Apache-2.0
"""Wait for other jobs that change the data of an age-out, or that read the rows that it deletes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.hooks.job_origin import JobMakers
from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisGuardUnansweredError
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.status.statuses import ACTIVE_STATUSES
from airflow_provider_polaris.jobs.time.interval import Interval, merge
from airflow_provider_polaris.operators.guards.job_conflicts import CONFLICT_LIMIT, ConflictGuard, WriteScope
from airflow_provider_polaris.operators.guards.messages import format_intervals
from airflow_provider_polaris.runtime.waits import Condition
from airflow_provider_polaris.task_groups.table_counts import TableCounter

if TYPE_CHECKING:
    from airflow_provider_polaris.jobs.age_out.plan import AgingPlan
    from airflow_provider_polaris.operators.job_run.run import JobRun


def counter_of(run: JobRun, log: Any, *, has_job: bool = False) -> TableCounter:
    """
    Return a table counter for a task that submits a job.

    :param run: The job run of this try.
    :param log: Logger of the task.
    :param has_job: Whether the job has ended. Then the task waits in its worker.
    """
    limits = run.limits.in_worker if has_job else run.limits
    return TableCounter(run.hook, limits, log=log, poll_interval=run.options.poll_interval)


def check_unchanged(spec: Mapping[str, Any], plan: AgingPlan) -> None:
    """
    Check that the job is the one that the plan stands for.

    After a deferral the job is the one of before, and Airflow renders the plan again. The earlier tasks may have run
    again meanwhile.

    :param spec: Spec of the job.
    :param plan: The plan, or the proof.
    :raises PolarisGuardError: They differ.
    """
    intervals = [Interval.parse(text) for text in spec["target"].get("intervals") or ()]
    if merge(intervals) != merge(plan.spans):
        raise PolarisGuardError(
            f"the plan has changed while this task waited: the job is for {format_intervals(intervals)}, and the plan "
            f"for {format_intervals(plan.spans)}. Nothing was submitted. Clear this task: it uses the new plan."
        )


def wait_for_changes(counter: TableCounter, table: str, plan: AgingPlan, *, ours: Collection[str]) -> None:
    """
    Wait until no job changes a table in the plan's intervals, for at most 1 h or until the deadline.

    :param counter: Reads tables and counts.
    :param table: Source or target of the plan.
    :param ours: Ids of jobs that this task submitted earlier.
    :raises PolarisGuardUnansweredError: The time is up.
    """
    place = WriteScope(table=table, intervals=plan.spans, partition=plan.granularity, is_append=False)
    if ConflictGuard(counter.hook, place, ours, limits=counter.limits, log=counter.log).wait(counter.poll_interval):
        counter.forget()


def wait_for_readers(counter: TableCounter, table: str) -> None:
    """
    Wait until no job reads a table, with the same limit as for changes: Polaris deletes nothing from a table that is
    read.

    The API can't list the readers of a table, so all active jobs are listed. The list doesn't contain the source of SQL
    jobs. Source: docs.imply.io/polaris/api-ingest-table.

    :param counter: Reads tables and counts.
    :param table: The table.
    :raises PolarisGuardUnansweredError: The time is up.
    """
    limits, name = counter.limits, f"readers of {table}"
    makers = JobMakers(counter.hook)
    while readers := _readers(counter, table):
        start = limits.start(name)
        end = limits.deadline or start + CONFLICT_LIMIT
        named = ", ".join(map(makers.describe, readers[:5]))
        if limits.memory.is_new_line(name, str([job.job_id for job in readers])):
            counter.log.info("Waiting, because table %r is read by job %s.", table, named)
        first = Condition("job", (readers[0].job_id,))
        if not limits.sleep(counter.poll_interval * limits.clock.jitter(), end, first):
            waited = (limits.clock.now() - start).total_seconds()
            raise PolarisGuardUnansweredError(
                f"table {table!r} is still read by job {named} after {waited:.0f} s, and "
                "the service deletes nothing from a table that is read. Nothing was deleted. Check that job and "
                "cancel it if it hangs; a retry of this task waits again."
            )
    limits.memory.end(name)


def _readers(counter: TableCounter, table: str) -> list[JobState]:
    rows = counter.hook.iter_jobs(
        type=("batch",),
        execution_status=sorted(ACTIVE_STATUSES),
        sort_column="created_date_time",
        sort_order="DESC",
    )
    jobs = [JobState.from_wire(row) for row in rows]
    return [job for job in jobs if job.source_table == table and not job.is_terminal]
