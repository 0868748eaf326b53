# SPDX-License-Identifier: Apache-2.0
"""
Read the history of a table from the list of jobs: which jobs changed it and what they removed; performs no I/O.

Row counts cannot prove that the current source may replace a time partition of the target: a hundred rows that were
aged out and deleted, and a hundred rows that arrived late, give the same numbers. Positive evidence is required: the
job that wrote the partition is known, it read this source, and nothing was removed from the source there since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.guards.conflicts import is_append, overlap, written_intervals
from airflow_provider_polaris.jobs.spec.context import segments_in
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.status.statuses import STATUSES_WITHOUT_EFFECT
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.instant import floor_to_millisecond
from airflow_provider_polaris.jobs.time.interval import Interval

_REMOVING: Final = frozenset({"delete_data", "drop_table"})
_LOADING: Final = frozenset({"batch", "sql"})

#: Function that returns a job's description; None if the service no longer has the job.
Describe = Callable[[str], Mapping[str, Any] | None]


@dataclass(frozen=True)
class HistoryJob:
    """
    A job that changed a table, or that may still change it.

    :param state: State from the list or from a description.
    :param spans: Intervals that it changed.
    :param is_append: It added rows and removed none.
    :param segments: Segments that it read; None if they are unknown.
    """

    state: JobState
    spans: tuple[Interval, ...]
    is_append: bool
    segments: tuple[str, ...] | None = None

    @property
    def removes(self) -> bool:
        """Whether the job may have removed rows."""
        return self.state.type in _REMOVING or (self.state.type in _LOADING and not self.is_append)

    def touches(self, spans: tuple[Interval, ...], partition: Granularity) -> bool:
        """Whether the job changed a time partition that overlaps one of the intervals."""
        return overlap(spans, self.spans, partition)

    def covers(self, bucket: Interval) -> bool:
        """Whether the job rewrote a whole time partition."""
        return any(span.contains(bucket) for span in self.spans)

    def __str__(self) -> str:
        return f"job {self.state.job_id!r} ({self.state.purpose}, {self.state.status!r})"


class TableHistory:
    """
    The jobs of one table, newest first.

    :param rows: Entries of the list of jobs, sorted by creation.
    :param describe: Returns the description of a job.
    :param partition: Granularity of the time partitions.
    :param most: Limit of the list: with that many rows, the list may be incomplete.
    """

    def __init__(
        self, rows: Iterable[Mapping[str, Any]], describe: Describe, partition: Granularity, most: int
    ) -> None:
        self._rows = [(row, JobState.from_wire(row)) for row in rows]
        self._is_cut = len(self._rows) >= most
        self._describe = describe
        self._partition = partition
        self._known: dict[str, HistoryJob | None] = {}

    def reaches(self, since: datetime) -> bool:
        """Whether the list contains all jobs that were created at or after an instant."""
        oldest = self._rows[-1][1].created if self._rows else None
        return not self._is_cut or (oldest is not None and oldest < since)

    def changes(
        self, spans: tuple[Interval, ...], since: datetime | None, *, but: str = "", only_removals: bool = False
    ) -> Iterable[HistoryJob]:
        """
        Yield the jobs that changed the table in some intervals and ended at or after an instant, or are active.

        :param spans: The intervals.
        :param since: Earliest end, by Polaris' clock; None for no limit.
        :param but: Id of a job to skip.
        :param only_removals: Yield only jobs that may have removed rows.
        """
        for row, state in self._rows:
            if state.job_id == but or state.status in STATUSES_WITHOUT_EFFECT:
                continue
            if _ended_before(state, since):
                continue
            job = self._read_job(row, state, spans)
            # A summary may lack the end that the description has.
            if job is None or _ended_before(job.state, since):
                continue
            if job.touches(spans, self._partition) and (job.removes or not only_removals):
                yield job

    def writer(self, bucket: Interval, source: str) -> HistoryJob | str:
        """
        Find the job that wrote all rows of a time partition.

        :param bucket: The time partition.
        :param source: The table that the job must have read.
        :return: The newest job that replaced the whole partition, if it read ``source`` and only deletions followed;
            otherwise the reason why there is none, as a clause.
        """
        for job in self.changes((bucket,), None):
            if job.state.type == "delete_data" and job.state.status == "completed":
                continue
            is_copy = job.state.type == "batch" and job.state.source_table == source and not job.is_append
            if not (is_copy and job.state.status == "completed" and job.state.created and job.covers(bucket)):
                return f"{job} changed it, which is not a completed job that replaced all of it from table {source!r}"
            # A job that was created earlier may have ended later.
            for late in self.changes((bucket,), job.state.created, but=job.state.job_id):
                if late.state.type != "delete_data":
                    return f"{late} changed it, too"
            return job
        return "the list of jobs doesn't have the one that wrote it"

    def _read_job(self, row: Mapping[str, Any], state: JobState, spans: tuple[Interval, ...]) -> HistoryJob | None:
        """Return the job, from its summary if that is sufficient; None if the service no longer has it."""
        if state.job_id in self._known:
            return self._known[state.job_id]
        listed = written_intervals(row, is_whole=False)
        if listed is not None and (state.type not in _LOADING or not overlap(spans, listed, self._partition)):
            # The summary lacks the mode, which does not matter for these jobs.
            return HistoryJob(state, listed, is_append=False)
        described = self._describe(state.job_id)
        job = None
        if described is not None:
            whole = JobState.from_wire(described)
            spans = written_intervals(described, is_whole=True) or (Interval.ETERNITY,)
            job = HistoryJob(whole, spans, is_append(described), segments_in(described))
        self._known[state.job_id] = job
        return job


def _ended_before(state: JobState, since: datetime | None) -> bool:
    """Whether a job has certainly ended before an instant; False if its end is unknown."""
    return since is not None and state.is_terminal and state.completed is not None and state.completed < since


@dataclass(frozen=True)
class UnusedSegment:
    """
    A segment that was replaced or deleted and can still be restored.

    :param interval: Its interval, as Polaris wrote it.
    :param span: The parsed interval; None if it cannot be parsed.
    :param version: Its version, which identifies it together with the interval.
    :param created: Time at which it was written; None if Polaris did not send it.
    :param removed: Time at which it was removed; None if Polaris did not send it.
    """

    interval: str
    span: Interval | None
    version: str
    created: datetime | None
    removed: datetime | None

    @classmethod
    def from_wire(cls, row: Mapping[str, Any]) -> UnusedSegment:
        """Parse an entry of ``GET /tables/{name}/unusedSegments``. Source: polaris-sdk 20250425.14.0."""
        text = str(row.get("interval"))
        try:
            span = Interval.parse(text)
        except PolarisSpecError:
            span = None
        # The timestamps have the same notation as those of a job, so the job's parser reads them.
        times = JobState.from_wire(
            {
                "id": "-",
                "executionStatus": "-",
                "createdTimestamp": row.get("createdOnTimestamp"),
                "lastUpdatedTimestamp": row.get("lastUpdatedOnTimestamp"),
            }
        )
        return cls(text, span, str(row.get("version")), times.created, times.updated)

    def was_removed_since(self, since: datetime) -> bool:
        """Whether the segment was removed at or after an instant; True if the time of its removal is unknown."""
        return self.removed is None or self.removed >= floor_to_millisecond(since)


def removed_since(
    segments: Iterable[UnusedSegment], spans: tuple[Interval, ...], since: datetime
) -> list[UnusedSegment]:
    """
    Return the segments in some intervals that were removed since an instant.

    :param segments: Unused segments of the table.
    :param spans: The intervals.
    :param since: Earliest removal, by Polaris' clock.
    """
    return [
        segment
        for segment in segments
        if segment.was_removed_since(since)
        and (segment.span is None or any(segment.span.overlaps(span) for span in spans))
    ]


def unproven(segments: Iterable[UnusedSegment], proven: tuple[Interval, ...], copied: datetime) -> list[UnusedSegment]:
    """
    Return the deleted segments whose rows are not proven to be in the target.

    :param segments: Segments that the deletion removed.
    :param proven: Intervals whose rows are proven to be in the target; they are not adjacent.
    :param copied: End of the copy: it does not contain rows that were written to the source then or later.
    """
    return [
        segment
        for segment in segments
        if segment.span is None
        or not any(span.contains(segment.span) for span in proven)
        or segment.created is None
        or segment.created >= copied
    ]
