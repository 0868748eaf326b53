"""
What a job has written and whether it may stay: rows become segments, or the job fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from airflow_provider_polaris.emulator.engine.chunks import chunk_interval, iso, to_ms
from airflow_provider_polaris.emulator.engine.cuts import cut
from airflow_provider_polaris.emulator.engine.model import BatchPlan, JobFault
from airflow_provider_polaris.emulator.engine.segments import Chunk, overlapping, written_by
from airflow_provider_polaris.emulator.engine.sizes import row_bytes
from airflow_provider_polaris.emulator.engine.source import within
from airflow_provider_polaris.emulator.engine.stored import SEGMENT_COLUMN, StoredTable
from airflow_provider_polaris.emulator.engine.tables import Tables

MAX_TIME_CHUNKS = 5000
"""DOCUMENTED https://druid.apache.org/docs/latest/multi-stage-query/reference: time chunks of one ingestion job."""

_FIRST_MS = to_ms(datetime.min.replace(tzinfo=timezone.utc))
_LAST_MS = to_ms(datetime.max.replace(tzinfo=timezone.utc))


@dataclass(frozen=True)
class Load:
    """
    The newest rows of a table, which no segment in the catalogue has yet.

    :param number: Number of the load.
    :param granularity: How the job partitions by time.
    :param target: Where the rows are.
    :param rows: How many there are.
    """

    number: int
    granularity: str
    target: StoredTable
    rows: int

    def publish(self, plan: BatchPlan, tables: Tables) -> None:
        """
        Make the rows segments, in place of those that the job replaces.

        :raises JobFault: ``null_timestamp``, ``timestamp_out_of_bounds``, ``too_many_time_buckets``, or
            ``internal_error`` where the chunks overlap those of another granularity.
        """
        chunks = self._chunks(tables)
        self._check_times(chunks, tables)
        if len(chunks) > MAX_TIME_CHUNKS:
            raise JobFault(
                "too_many_time_buckets",
                f"the job writes into {len(chunks)} time chunks of granularity {self.granularity!r}; the limit is "
                f"{MAX_TIME_CHUNKS}. Split the job, or partition by a coarser granularity.",
            )
        if plan.mode == "replace":
            if plan.replace_all:
                tables.segments.hide(self.target.number)
            else:
                self._check_bounds(plan, chunks, tables)
                bounds = [(to_ms(start), to_ms(end)) for start, end in plan.intervals]
                if plan.partial_segment == "part":
                    cut(self.target, bounds, tables)
                tables.segments.hide(self.target.number, overlapping(bounds))
        self._check_mixture(chunks, tables)
        tables.segments.add(self.target.number, chunks, realtime=plan.realtime)

    def _chunks(self, tables: Tables) -> list[Chunk]:
        found = tables.store.execute(
            f'SELECT "{SEGMENT_COLUMN}", count(*), epoch_ms(min("__time")), epoch_ms(max("__time"))'
            f" FROM {self.target.data_name} WHERE {written_by(self.number)} GROUP BY ALL ORDER BY ALL"
        )
        width = row_bytes(self.target, self.number, tables.store) if found else 0.0
        chunks = []
        for number, rows, low, high in found:
            if low < _FIRST_MS or high > _LAST_MS:
                continue  # _check_times misses its rows
            start, end = chunk_interval(self.granularity, number)
            chunks.append(Chunk(number, start, end, rows, round(rows * width), low, high))
        return chunks

    def _check_times(self, chunks: Sequence[Chunk], tables: Tables) -> None:
        """DOCUMENTED https://docs.imply.io/polaris/ingestion-status-reference: ``null_timestamp``."""
        if sum(chunk.rows for chunk in chunks) == self.rows:
            return
        # Only rows of this load can be without a segment: no other would have been published.
        if tables.store.execute(f'SELECT 1 FROM {self.target.data_name} WHERE "{SEGMENT_COLUMN}" IS NULL LIMIT 1'):
            raise JobFault("null_timestamp", "'__time' is null in a row of the job.")
        raise JobFault(
            "timestamp_out_of_bounds", "the job produced a row with a '__time' outside of the years 1 to 9999."
        )

    def _check_bounds(self, plan: BatchPlan, chunks: Sequence[Chunk], tables: Tables) -> None:
        """DOCUMENTED https://docs.imply.io/polaris/ingestion-status-reference: ``timestamp_out_of_bounds``."""
        bounds = [(to_ms(start), to_ms(end)) for start, end in plan.intervals]
        if all(any(start <= chunk.min_ms and chunk.max_ms < end for start, end in bounds) for chunk in chunks):
            return
        inside = within('"__time"', plan.intervals)
        ((stray,),) = tables.store.execute(
            f'SELECT epoch_ms(min("__time")) FROM {self.target.data_name}'
            f" WHERE {written_by(self.number)} AND NOT {inside}"
        )
        if stray is not None:
            shown = ", ".join(f"{iso(start)}/{iso(end)}" for start, end in bounds)
            raise JobFault(
                "timestamp_out_of_bounds",
                f"the job produced a row with '__time' {iso(stray)}, outside of what it replaces: {shown}.",
            )

    def _check_mixture(self, chunks: Sequence[Chunk], tables: Tables) -> None:
        """
        Refuse to mix granularities in one interval.

        DOCUMENTED https://druid.apache.org/docs/latest/multi-stage-query/reference, ``InsertCannotAllocateSegment``.
        GUESS: Polaris reports it as ``internal_error``.
        """
        mixed = tables.segments.mixed_with(self.target.number, chunks)
        if mixed is not None:
            chunk, (start, end) = mixed
            raise JobFault(
                "internal_error",
                f"can't write a {self.granularity} segment at {iso(chunk.start_ms)} to table "
                f"{self.target.definition.name!r}: segment {iso(start)}/{iso(end)} of another granularity is there. "
                "Use its granularity, or replace its data.",
            )
