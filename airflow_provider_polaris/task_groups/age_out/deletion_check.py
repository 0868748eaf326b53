# SPDX-License-Identifier: Apache-2.0
"""After the delete job: restore segments that were deleted but not proven, and count the remaining rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from airflow_provider_polaris.jobs.age_out.history import UnusedSegment, removed_since, unproven
from airflow_provider_polaris.jobs.age_out.window import bounding_interval
from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisGuardUnansweredError
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.time.interval import merge
from airflow_provider_polaris.operators.guards.messages import format_intervals
from airflow_provider_polaris.task_groups.age_out.table_history import TableHistories

if TYPE_CHECKING:
    from airflow_provider_polaris.jobs.age_out.plan import AgingPlan
    from airflow_provider_polaris.task_groups.table_counts import TableCounter

#: Maximum wait for a restore job; the job continues afterwards.
_RESTORE_LIMIT: Final = timedelta(minutes=30)
#: Maximum number of counts after the deletion, because deleted rows may remain visible for a while.
_MOST_COUNTS: Final = 3


class DeletionCheck:
    """
    Check one deletion.

    :param counter: Reads tables and counts.
    :param plan: The proven plan.
    """

    def __init__(self, counter: TableCounter, plan: AgingPlan) -> None:
        self._counter = counter
        self._plan = plan

    def check_segments(self, deleted: datetime, copied: datetime) -> None:
        """
        Restore segments that should not have been deleted: coarser ones, and those with rows that arrived after the
        copy. An exact deletion can't have deleted any.

        :param deleted: Segments removed since this time belong to the deletion, by Polaris' clock.
        :param copied: End of the copy.
        :raises PolarisGuardError: There were such segments. They are restored, or the message describes how to restore
            them.
        :raises PolarisError: A request got no answer; a retry checks again.
        """
        plan = self._plan
        if self._counter.hook.capabilities.exact_deletions:
            return  # the deletion took the proven segments and no other
        spans = merge(plan.spans)
        histories = TableHistories(self._counter.hook, plan.source, plan.target, plan.granularity)
        wrong = unproven(removed_since(histories.unused(bounding_interval(spans)), spans, deleted), spans, copied)
        if not wrong:
            return
        named = ", ".join(f"{each.interval!r} of version {each.version!r}" for each in wrong[:5])
        is_coarse = any(each.span is None or not any(span.contains(each.span) for span in spans) for each in wrong)
        why = (
            f"segments that exceed the proven intervals ({format_intervals(spans)}), because they were written with "
            f"another partitionedBy than {plan.granularity.value!r}"
            if is_coarse
            else "rows that arrived after the copy and are not proven to be in the target"
        )
        ends = self._restore(wrong)
        raise PolarisGuardError(
            f"the deletion from table {plan.source!r} took {why}: {named}. {ends} Their rows of "
            f"{format_intervals(spans)} are in "
            f"table {plan.target!r}, too. "
            + (
                f"Rewrite that part of {plan.source!r} with partitionedBy {plan.granularity.value!r} (a replace job "
                "whose source is its target), then run the group again with on_aged_target='replace'."
                if is_coarse
                else "Run the group again with on_aged_target='replace': the source has all rows that the target's "
                "rows were built from, and the late rows."
            )
        )

    def check_rows(self) -> None:
        """
        Count the remaining rows in the source.

        :raises PolarisGuardError: There are rows.
        """
        plan, counter = self._plan, self._counter
        for attempt in range(1, _MOST_COUNTS + 1):
            left = counter.count_source(plan)
            end = counter.limits.limit(_RESTORE_LIMIT)
            if not left or attempt == _MOST_COUNTS or not counter.limits.sleep(counter.poll_interval, end):
                break
        if left:
            rows = sum(count.rows for count in left.values())
            raise PolarisGuardError(
                f"table {plan.source!r} has {rows:,} rows in {format_intervals(merge(left))} after the deletion: they "
                "arrived after it or were restored, or the service didn't delete them. Nothing is lost. Run the group "
                "again for that time: it ages them, or its error describes the fix."
            )

    def _restore(self, segments: Sequence[UnusedSegment]) -> str:
        """Restore segments, and return a sentence with the result."""
        versions: dict[str, list[str]] = {}
        for each in segments:
            known = versions.setdefault(each.interval, [])
            if each.version not in known:
                known.append(each.version)
        jobs = [self._restore_interval(interval, each) for interval, each in sorted(versions.items())]
        self._await(jobs)
        failed = [job for job in (self._job_state(each) for each in jobs) if not job.is_success()]
        if not failed:
            return f"They were restored (job {', '.join(map(repr, jobs))})."
        return (
            f"They could not be restored ({failed[0].describe()}). You can restore them manually for 30 days, once no "
            f"live data overlaps them: PolarisRestoreDataOperator(table_name={self._plan.source!r}, interval=..., "
            "versions=[...])."
        )

    def _restore_interval(self, interval: str, versions: Sequence[str]) -> str:
        body = {
            "type": "restore_data",
            "target": {"type": "table", "tableName": self._plan.source},
            "interval": interval,
            "versions": list(versions),
        }
        # A restore is idempotent: after a lost answer, the second one finds nothing to restore.
        job_id = str(self._counter.hook.submit_job(body)["id"])
        self._counter.log.error("Restoring %s of versions %s: job %r.", interval, versions, job_id)
        return job_id

    def _await(self, jobs: Sequence[str]) -> None:
        counter = self._counter
        end = counter.limits.limit(_RESTORE_LIMIT)
        while active := [job_id for job_id in jobs if not self._job_state(job_id).is_terminal]:
            if not counter.limits.sleep(counter.poll_interval * counter.limits.clock.jitter(), end):
                raise PolarisGuardUnansweredError(
                    f"the deletion from table {self._plan.source!r} took segments that were not proven to be in table "
                    f"{self._plan.target!r}, and job {', '.join(map(repr, active))}, which restores them, has "
                    "not ended yet. Check that job; a retry of this task checks again."
                )

    def _job_state(self, job_id: str) -> JobState:
        return JobState.from_wire(self._counter.hook.get_job(job_id))
