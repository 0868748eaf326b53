# SPDX-License-Identifier: Apache-2.0
"""
Read the job history of the source and the target with a limited number of requests. If the history is incomplete,
refuse the age-out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.jobs.age_out.history import HistoryJob, TableHistory, UnusedSegment, removed_since
from airflow_provider_polaris.jobs.age_out.window import bounding_interval
from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisNotFoundError
from airflow_provider_polaris.jobs.guards.conflicts import CHANGING_TYPES
from airflow_provider_polaris.jobs.guards.row_counts import Count
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.operators.guards.messages import format_intervals
from airflow_provider_polaris.task_groups.age_out.segments import missing_segments

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook

#: Maximum number of jobs of a table that are read: one page of the list.
_MOST_JOBS: Final = 1000
#: Maximum number of jobs that are requested one by one, because the list doesn't contain what they wrote.
_MOST_DESCRIBES: Final = 100
_MOST_SEGMENTS: Final = 10_000


class TableHistories:
    """
    The job history of a source and a target.

    :param hook: Hook for the requests.
    :param source: Table to move data from.
    :param target: Table to move data to.
    :param partition: Time partitions of both.
    """

    def __init__(self, hook: PolarisHook, source: str, target: str, partition: Granularity) -> None:
        self._hook = hook
        self._source = source
        self._target = target
        self._partition = partition
        self._described = 0
        self._read: dict[str, TableHistory] = {}

    def replace_conflict(self, bucket: Interval, here: Count, there: Count, *, by_partition: bool) -> str | None:
        """
        Return why a time partition of the target must not be replaced with the rows of the source.

        :param bucket: The partition; both tables have rows in it.
        :param here: Count of the source.
        :param there: Count of the target.
        :param by_partition: Whether the two counts can be compared.
        :return: A clause; None if the source still has all rows that the target's rows were made of.
        """
        if by_partition and (there.events or 0) > (here.events or 0):
            return f"they count {there.events:,} and the source has {here.events:,}"
        writer = self._history(self._target).writer(bucket, self._source)
        if isinstance(writer, str):
            return writer
        assert writer.state.created is not None
        gone = self.removal_since((bucket,), writer.state.created)
        if gone is not None:
            return f"{gone} since {writer} wrote them"
        if not self._hook.capabilities.exact_deletions:
            return None
        if writer.segments is None:
            return f"{writer} doesn't show which segments of table {self._source!r} it read"
        missing = missing_segments(self._hook, self._source, writer.spans, writer.segments)
        return None if missing is None else f"{missing} than {writer} read"

    def removal_since(self, spans: tuple[Interval, ...], since: datetime) -> str | None:
        """
        Return what removed rows from the source: a job, or segments that are no longer used.

        A service with exact deletions has no list of such segments. There, the caller compares the current ones.

        :param spans: The intervals.
        :param since: Start time, by Polaris' clock.
        :return: A clause; None if nothing did.
        """
        history = self._history(self._source)
        if not history.reaches(since):
            return f"the newest {_MOST_JOBS:,} jobs into table {self._source!r} don't show what was removed from it"
        for job in history.changes(spans, since, only_removals=True):
            return f"{job} removed rows from table {self._source!r} there"
        if self._hook.capabilities.exact_deletions:
            return None  # the current segments are compared instead
        segments = removed_since(self.unused(bounding_interval(spans)), spans, since)
        if segments:
            first = segments[0]
            return (
                f"{len(segments)} segments of table {self._source!r} were replaced or deleted there (of "
                f"{first.interval!r}, version {first.version!r}, for example)"
            )
        return None

    def other_writer(self, spans: tuple[Interval, ...], since: datetime, copy: str) -> HistoryJob | None:
        """
        Return a job other than the copy that changed the target; None if there is none.

        :param spans: The intervals.
        :param since: Start time, by Polaris' clock.
        :param copy: Id of the copy job.
        """
        return next(iter(self._history(self._target).changes(spans, since, but=copy)), None)

    def deletions(self, spans: tuple[Interval, ...], since: datetime | None) -> list[HistoryJob]:
        """Return the jobs that deleted data of the source in the intervals, newest first."""
        changes = self._history(self._source).changes(spans, since, only_removals=True)
        return [job for job in changes if job.state.type == "delete_data" and job.state.status == "completed"]

    def unused(self, within: Interval) -> list[UnusedSegment]:
        """
        Return the segments of the source that can be restored.

        :param within: Return segments that overlap this interval.
        :raises PolarisGuardError: There are too many segments to check.
        """
        rows = self._hook.iter_unused_segments(self._source, interval=within.to_wire())
        segments = [UnusedSegment.from_wire(row) for row in islice(rows, _MOST_SEGMENTS + 1)]
        if len(segments) > _MOST_SEGMENTS:
            raise PolarisGuardError(
                f"table {self._source!r} has more than {_MOST_SEGMENTS:,} segments in {within.to_wire()!r} that were "
                "replaced or deleted, too many to check; nothing was done. Age shorter intervals, one run each."
            )
        return segments

    def _history(self, table: str) -> TableHistory:
        if table not in self._read:
            rows = self._hook.iter_jobs(
                type=CHANGING_TYPES,
                target_table=table,
                sort_column="created_date_time",
                sort_order="DESC",
                page_size=_MOST_JOBS,
                limit=_MOST_JOBS,
            )
            self._read[table] = TableHistory(rows, self._describe, self._partition, _MOST_JOBS)
        return self._read[table]

    def _describe(self, job_id: str) -> Mapping[str, Any] | None:
        self._described += 1
        if self._described > _MOST_DESCRIBES:
            raise PolarisGuardError(
                f"it takes more than {_MOST_DESCRIBES} requests to find out which jobs changed tables {self._source!r} "
                f"and {self._target!r}, because the list of jobs doesn't show what each one changed; nothing was done. "
                "If you are sure that the source has all rows that the target's rows were built from, run the group "
                "with on_aged_target='replace' (on_aged_target='{{ params.on_aged_target }}' allows it for one run)."
            )
        try:
            return self._hook.get_job(job_id)
        except PolarisNotFoundError:
            return None


def aged_before(source: str, target: str, reasons: Sequence[tuple[Interval, str]]) -> PolarisGuardError:
    """
    Return the error for partitions that were aged before.

    :param source: Table to move data from.
    :param target: Table to move data to.
    :param reasons: Time partitions, each with the reason why it must not be replaced.
    """
    places = format_intervals([bucket for bucket, _ in reasons])
    return PolarisGuardError(
        f"table {target!r} has rows in {places} already, and replacing them with the rows that {source!r} has there "
        f"now could lose some: {reasons[0][1]}. Nothing was changed. If the source's rows there arrived late, after "
        "the others were aged and deleted, add them with PolarisTableToTableOperator(ingestion_mode='append', "
        f"source_interval={reasons[0][0].to_wire()!r}, ...) and the same columns, then delete them with "
        f"PolarisDeleteDataOperator(table_name={source!r}, intervals={reasons[0][0].to_wire()!r}). If the source has "
        "all rows that the target's rows were built from (for example, because they were restored), run the group with "
        "on_aged_target='replace' (on_aged_target='{{ params.on_aged_target }}' allows it for one run)."
    )
