# SPDX-License-Identifier: Apache-2.0
"""
Check the rows that a job wrote, and publish them as segments or fail the job.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import pairwise

from airflow_provider_polaris.emulator.engine.jobs.source import within
from airflow_provider_polaris.emulator.engine.model import BatchPlan, JobFault
from airflow_provider_polaris.emulator.engine.store import Store
from airflow_provider_polaris.emulator.engine.tables.occupied import without
from airflow_provider_polaris.emulator.engine.tables.segments import Chunk, IntervalMs, overlapping, written_by
from airflow_provider_polaris.emulator.engine.tables.stored_table import SEGMENT_COLUMN, StoredTable
from airflow_provider_polaris.emulator.engine.tables.tables import Tables
from airflow_provider_polaris.emulator.engine.time_chunks import (
    CHUNK_BITS,
    ORIGIN,
    chunk_interval,
    from_ms,
    iso,
    timestamp_literal,
    to_ms,
)
from airflow_provider_polaris.emulator.sql.values.values import quote_name

_SAMPLE = 20_000


_FIXED = {"TIMESTAMP": 8, "BIGINT": 8, "DOUBLE": 8, "FLOAT": 4, "BOOLEAN": 1}


MAX_TIME_CHUNKS = 5000


"""DOCUMENTED https://druid.apache.org/docs/latest/multi-stage-query/reference: maximum number of time chunks of an
ingestion job."""


_FIRST_MS = to_ms(datetime.min.replace(tzinfo=timezone.utc))


_LAST_MS = to_ms(datetime.max.replace(tzinfo=timezone.utc))


@dataclass(frozen=True)
class SegmentPublisher:
    """
    The newest rows of a table, which are not in the segment catalog yet.

    :param number: Number of the load.
    :param granularity: How the job partitions by time.
    :param target: The table with the rows.
    :param rows: Number of rows.
    """

    number: int
    granularity: str
    target: StoredTable
    rows: int

    def publish(self, plan: BatchPlan, tables: Tables) -> None:
        """
        Publish the rows as segments, in place of the segments that the job replaces.

        :raises JobFault: ``null_timestamp``, ``timestamp_out_of_bounds``, ``too_many_time_buckets``, or
            ``internal_error`` if the chunks overlap segments of another granularity.
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
            self._replace(plan, chunks, tables)
        else:
            self._check_mixture(chunks, tables)
        tables.segments.add(self.target.number, chunks, realtime=plan.realtime)

    def _replace(self, plan: BatchPlan, chunks: Sequence[Chunk], tables: Tables) -> None:
        bounds = None
        if not plan.replace_all:
            self._check_bounds(plan, chunks, tables)
            bounds = [(to_ms(start), to_ms(end)) for start, end in plan.intervals]
        condition = overlapping(bounds)
        replaced = _merged(
            tables.store.execute(
                f"SELECT start_ms, end_ms FROM polaris_segment WHERE table_number = ? AND used AND {condition}",
                (self.target.number,),
            )
        )
        if bounds is not None and plan.partial_segment == "part":
            cut(self.target, bounds, tables)
        tables.segments.hide(self.target.number, condition)
        occupied = tables.segments.occupied
        occupied.release(self.target.number, bounds)
        for part in self._empty_chunks(replaced, bounds, chunks):
            is_bounded = part[0] > _FIRST_MS and part[1] < _LAST_MS
            granularity = self.granularity if is_bounded or self.granularity == "all" else None
            occupied.add_empty(self.target.number, granularity, part)

    def _empty_chunks(
        self, replaced: Sequence[IntervalMs], bounds: Sequence[IntervalMs] | None, chunks: Sequence[Chunk]
    ) -> list[IntervalMs]:
        """Return the time of replaced segments in which the job has no rows."""
        if self.granularity == "all":  # its only chunk; OBSERVED(Druid 27) for a job without rows
            return [(_FIRST_MS, _LAST_MS)] if replaced and not chunks else []
        inside = replaced if bounds is None else without(replaced, without(replaced, bounds))
        return without(inside, [(chunk.start_ms, chunk.end_ms) for chunk in chunks])

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
        # Only rows of this load can lack a segment: such rows of other loads were never published.
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
        Reject a mixture of granularities in one interval.

        DOCUMENTED https://druid.apache.org/docs/latest/multi-stage-query/reference, and OBSERVED(Druid 27):
        ``InsertCannotAllocateSegment``. GUESS: Polaris reports it as ``internal_error``.
        """
        mixed = tables.segments.mixed_with(self.target.number, self.granularity, chunks)
        if mixed is not None:
            chunk, (start, end) = mixed
            raise JobFault(
                "internal_error",
                f"can't write a {self.granularity} segment at {iso(chunk.start_ms)} to table "
                f"{self.target.definition.name!r}: segment {iso(start)}/{iso(end)} of another granularity is there. "
                "Use its granularity, or replace its data.",
            )


def cut(table: StoredTable, intervals: Sequence[IntervalMs], tables: Tables) -> None:
    """
    Split used segments at the bounds of intervals, in the caller's transaction.

    Afterwards each segment is completely inside or outside of the intervals. The pieces keep the version; a piece
    without rows is removed. OBSERVED(Druid 27): Druid keeps such a segment whole, and the new version overshadows a
    part of it. Here the part is hidden like any other segment, so it is listed with the unused ones.

    :param table: The table.
    :param intervals: Milliseconds, half-open, in whole seconds.
    """
    bounds = sorted({bound for interval in _merged(intervals) for bound in interval})
    found = tables.store.execute(
        "SELECT id, start_ms, end_ms, size_bytes / num_rows FROM polaris_segment WHERE table_number = ? AND used",
        (table.number,),
    )
    for number, start, end, row_bytes in found:
        inner = [bound for bound in bounds if start < bound < end]
        if inner:
            tables.segments.occupied.add_rest(table.number, (start, end), intervals)
            _cut_one(table, number, [start, *inner, end], row_bytes, tables)


def _merged(intervals: Sequence[IntervalMs]) -> list[IntervalMs]:
    """Join adjacent intervals, because no segment needs a split between them."""
    merged: list[IntervalMs] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _cut_one(table: StoredTable, number: int, borders: Sequence[int], row_bytes: float, tables: Tables) -> None:
    """Move the rows of all pieces but the first to new segment numbers, starting with the last piece."""
    first, *others = pairwise(borders)
    for start, end in reversed(others):
        # No other chunk of this load starts inside this one, so the number is free.
        piece = (number >> CHUNK_BITS << CHUNK_BITS) + (start - to_ms(ORIGIN)) // 1000
        tables.store.execute(
            f'UPDATE {table.data_name} SET "{SEGMENT_COLUMN}" = {piece}'
            f' WHERE "{SEGMENT_COLUMN}" = {number} AND "__time" >= {timestamp_literal(from_ms(start))}'
        )
        tables.store.execute(
            f"INSERT INTO polaris_segment SELECT {piece}, * EXCLUDE (id) FROM polaris_segment WHERE id = {number}"
        )
        _measure(table, piece, (start, end), row_bytes, tables)
    _measure(table, number, first, row_bytes, tables)


def _measure(table: StoredTable, number: int, interval: IntervalMs, row_bytes: float, tables: Tables) -> None:
    """Update the catalog entry of a piece; delete it if the piece has no rows."""
    ((rows, low, high),) = tables.store.execute(
        f'SELECT count(*), epoch_ms(min("__time")), epoch_ms(max("__time")) FROM {table.data_name}'
        f' WHERE "{SEGMENT_COLUMN}" = {number}'
    )
    if not rows:
        tables.store.execute("DELETE FROM polaris_segment WHERE id = ?", (number,))
        return
    tables.store.execute(
        "UPDATE polaris_segment SET start_ms = ?, end_ms = ?, num_rows = ?, size_bytes = ?, min_ms = ?, max_ms = ?"
        " WHERE id = ?",
        (*interval, rows, round(rows * row_bytes), low, high, number),
    )


def row_bytes(table: StoredTable, load: int, store: Store) -> float:
    """
    Estimate the uncompressed size of a load's average row in bytes.

    8 bytes for a number or a time (4 for ``float``), the length in UTF-8 for text, 8 bytes per element for arrays and
    sketches, 0 for null. The estimate uses the first 20,000 rows of the load, so it is exact for smaller loads. GUESS:
    this is a useful approximation; Polaris reports the sizes of compressed segments.

    :param load: The newest load of the table.
    :return: At least 0.
    """
    names = [quote_name(name) for name in table.physical]
    sizes = [_size(quote_name(name), duckdb_type) for name, duckdb_type in table.physical.items()]
    ((average,),) = store.execute(
        f"SELECT avg({' + '.join(sizes)}) FROM"
        f" (SELECT {', '.join(names)} FROM {table.data_name} WHERE {written_by(load)} LIMIT {_SAMPLE})"
    )
    return float(average or 0.0)


def _size(column: str, duckdb_type: str) -> str:
    if duckdb_type in _FIXED:
        return f"CASE WHEN {column} IS NULL THEN 0 ELSE {_FIXED[duckdb_type]} END"
    if duckdb_type.endswith("[]"):
        return f"coalesce(8 * len({column}), 0)"
    return f"coalesce(strlen(CAST({column} AS VARCHAR)), 0)"
