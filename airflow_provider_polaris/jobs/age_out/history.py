"""
What the list of jobs says about a table's past: who changed it, and what was taken out of it; performs no I/O.

Whether a time partition of the target may be replaced by what the source has now can't be told from numbers: a hundred
rows that were aged and deleted, and a hundred that came late, look alike. So it takes positive evidence: the job that
wrote the partition is known, it read this source, and nothing has left the source there since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.guards.conflicts import is_append, overlap, written_intervals
from airflow_provider_polaris.jobs.status.state import STATUSES_WITHOUT_EFFECT, JobState
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.instant import floor_to_millisecond
from airflow_provider_polaris.jobs.time.interval import Interval

_REMOVING: Final = frozenset({"delete_data", "drop_table"})
_LOADING: Final = frozenset({"batch", "sql"})

#: Describes a job; None if Polaris doesn't know it any more.
Describe = Callable[[str], Mapping[str, Any] | None]


@dataclass(frozen=True)
class HistoryJob:
    """
    A job that changed a table, or is about to.

    :param state: As the list or a description has it.
    :param spans: Where it changed the table.
    :param is_append: It added rows and took none away.
    """

    state: JobState
    spans: tuple[Interval, ...]
    is_append: bool

    @property
    def removes(self) -> bool:
        """Whether rows may be gone because of it."""
        return self.state.type in _REMOVING or (self.state.type in _LOADING and not self.is_append)

    def touches(self, spans: tuple[Interval, ...], partition: Granularity) -> bool:
        """Whether it changed a time partition that one of the intervals has."""
        return overlap(spans, self.spans, partition)

    def covers(self, bucket: Interval) -> bool:
        """Whether it rewrote all of a time partition."""
        return any(span.contains(bucket) for span in self.spans)

    def __str__(self) -> str:
        return f"Polaris job {self.state.job_id!r} ({self.state.purpose}, {self.state.status!r})"


class TableHistory:
    """
    The jobs of one table, newest first.

    :param rows: As the list of jobs has them, by creation.
    :param describe: Asks for one.
    :param partition: Time partitions.
    :param most: There may be more if there are so many.
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
        """Whether no job that was made at an instant or later is missing."""
        oldest = self._rows[-1][1].created if self._rows else None
        return not self._is_cut or (oldest is not None and oldest < since)

    def changes(
        self, spans: tuple[Interval, ...], since: datetime | None, *, but: str = "", only_removals: bool = False
    ) -> Iterable[HistoryJob]:
        """
        Yield what changed the table in some intervals and ended after an instant, or hasn't ended.

        :param spans: Where.
        :param since: Half-open; by Polaris' clock. None for ever.
        :param but: Id of a job that doesn't count.
        :param only_removals: Only what may have taken rows away.
        """
        for row, state in self._rows:
            if state.job_id == but or state.status in STATUSES_WITHOUT_EFFECT:
                continue
            if since is not None and state.is_terminal and state.completed is not None and state.completed < since:
                continue
            job = self._look(row, state, spans)
            if job is not None and job.touches(spans, self._partition) and (job.removes or not only_removals):
                yield job

    def writer(self, bucket: Interval, source: str) -> HistoryJob | str:
        """
        Find the job that a time partition has all its rows of.

        :param bucket: The time partition.
        :param source: The table that it must have read.
        :return: The newest job that replaced all of it, if it read ``source`` and only deletions came after it; else
            why there is none, as a clause.
        """
        for job in self.changes((bucket,), None):
            if job.state.type == "delete_data" and job.state.status == "completed":
                continue
            is_copy = job.state.type == "batch" and job.state.source_table == source and not job.is_append
            if not (is_copy and job.state.status == "completed" and job.state.created and job.covers(bucket)):
                return f"{job} changed it, which is no finished job that replaced all of it from table {source!r}"
            # A job that was made before may have ended after.
            for late in self.changes((bucket,), job.state.created, but=job.state.job_id):
                if late.state.type != "delete_data":
                    return f"{late} changed it, too"
            return job
        return "the list of jobs doesn't have the one that wrote it"

    def _look(self, row: Mapping[str, Any], state: JobState, spans: tuple[Interval, ...]) -> HistoryJob | None:
        """Return the job, by its summary where that says enough; None if it isn't there any more."""
        if state.job_id in self._known:
            return self._known[state.job_id]
        told = written_intervals(row, is_whole=False)
        if told is not None and (state.type not in _LOADING or not overlap(spans, told, self._partition)):
            # Where it works is known; how, only if that doesn't matter.
            return HistoryJob(state, told, is_append=False)
        described = self._describe(state.job_id)
        job = None
        if described is not None:
            whole = JobState.from_wire(described)
            job = HistoryJob(
                whole, written_intervals(described, is_whole=True) or (Interval.ETERNITY,), is_append(described)
            )
        self._known[state.job_id] = job
        return job


@dataclass(frozen=True)
class UnusedSegment:
    """
    A segment that was replaced or deleted and can still be restored.

    :param interval: As Polaris wrote it.
    :param span: The same; None if it can't be read.
    :param version: Names it together with the interval.
    :param created: When it was written; None if Polaris didn't say.
    :param removed: When it was taken out; None if Polaris didn't say.
    """

    interval: str
    span: Interval | None
    version: str
    created: datetime | None
    removed: datetime | None

    @classmethod
    def from_wire(cls, row: Mapping[str, Any]) -> UnusedSegment:
        """Read an entry of ``GET /tables/{name}/unusedSegments``. Source: polaris-sdk 20250425.14.0."""
        text = str(row.get("interval"))
        try:
            span = Interval.parse(text)
        except PolarisSpecError:
            span = None
        # The same notation as a job's timestamps, and a job's reader of them.
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
        """Whether it was taken out at an instant or after it, or nobody knows when."""
        return self.removed is None or self.removed >= floor_to_millisecond(since)


def removed_since(
    segments: Iterable[UnusedSegment], spans: tuple[Interval, ...], since: datetime
) -> list[UnusedSegment]:
    """
    Return the segments in some intervals that were taken out since an instant.

    :param segments: Of the table.
    :param spans: Where.
    :param since: By Polaris' clock.
    """
    return [
        segment
        for segment in segments
        if segment.was_removed_since(since)
        and (segment.span is None or any(segment.span.overlaps(span) for span in spans))
    ]


def unproven(segments: Iterable[UnusedSegment], proven: tuple[Interval, ...], copied: datetime) -> list[UnusedSegment]:
    """
    Return those segments that a deletion should not have taken.

    :param segments: What the deletion took.
    :param proven: Intervals whose rows are known to be in the target; they don't touch each other.
    :param copied: When the copy ended: what was written to the source later is not in it.
    """
    return [
        segment
        for segment in segments
        if segment.span is None
        or not any(span.contains(segment.span) for span in proven)
        or segment.created is None
        or segment.created > copied
    ]
