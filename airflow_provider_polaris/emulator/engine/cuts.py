"""
Cutting segments at the bounds of what a job replaces, for the reading that a replace leaves the rest of them alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from airflow_provider_polaris.emulator.engine.chunks import CHUNK_BITS, ORIGIN, from_ms, timestamp_literal, to_ms
from airflow_provider_polaris.emulator.engine.segments import IntervalMs
from airflow_provider_polaris.emulator.engine.stored import SEGMENT_COLUMN, StoredTable
from airflow_provider_polaris.emulator.engine.tables import Tables


def cut(table: StoredTable, intervals: Sequence[IntervalMs], tables: Tables) -> None:
    """
    Cut used segments at the bounds of intervals, in the caller's transaction: afterwards each lies in or out of them.

    The pieces are segments of the same version; one without rows is none. GUESS: plain Druid keeps such a segment
    whole and lets the new version overshadow a part of it; here the part can be hidden like any other segment, so it
    is listed with the unused ones.

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
            _cut_one(table, number, [start, *inner, end], row_bytes, tables)


def _merged(intervals: Sequence[IntervalMs]) -> list[IntervalMs]:
    """Join intervals that touch: a bound between them is none."""
    merged: list[IntervalMs] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _cut_one(table: StoredTable, number: int, borders: Sequence[int], row_bytes: float, tables: Tables) -> None:
    """Move the rows of all pieces but the first, from the last on, to numbers of their own."""
    first, *others = pairwise(borders)
    for start, end in reversed(others):
        # No other chunk of this load starts inside of this one, so the number is free.
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
    """Enter what a piece holds; forget it if that is nothing."""
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
