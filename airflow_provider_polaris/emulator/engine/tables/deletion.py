# SPDX-License-Identifier: Apache-2.0
"""
Delete and restore data of a table, by whole segments and in the caller's transaction.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from airflow_provider_polaris.emulator.engine.model import JobFault
from airflow_provider_polaris.emulator.engine.tables.segments import (
    PUBLISHED,
    REALTIME,
    UNUSED,
    IntervalMs,
    overlapping,
)
from airflow_provider_polaris.emulator.engine.tables.stored_table import SEGMENT_COLUMN, StoredTable, decode
from airflow_provider_polaris.emulator.engine.tables.tables import Tables
from airflow_provider_polaris.emulator.engine.time_chunks import iso, to_ms

Interval = tuple[datetime, datetime]


def delete_data(
    name: str,
    intervals: Sequence[Interval] | None,
    tables: Tables,
    *,
    soft: bool,
    versions: Sequence[str] | None = None,
    unused_too: bool = True,
) -> int:
    """
    Delete the segments that overlap intervals.

    DOCUMENTED https://docs.imply.io/polaris/api-delete-data: whole segments, even if they extend beyond the intervals;
    softly deleted segments can be restored, others are removed. GUESS: real-time rows stay, because they are not
    segments yet.

    :param intervals: None deletes everything.
    :param soft: Whether the data can be restored.
    :param versions: Delete only segments of these versions; None for all.
    :param unused_too: Whether a permanent deletion also removes softly deleted segments.
    :return: Number of deleted segments.
    :raises TableError: ``missing``.
    """
    stored = tables.stored(name)
    condition, parameters = _chosen(intervals, versions)
    if versions is None:
        tables.segments.occupied.delete(stored.number, condition)
    if soft:
        return tables.segments.hide(stored.number, condition, parameters)
    reached = f"({PUBLISHED} OR {UNUSED})" if unused_too else PUBLISHED
    return _erase(stored, f"{reached} AND {condition}", parameters, tables)


def restore_data(name: str, interval: Interval, tables: Tables, versions: Sequence[str] | None = None) -> int:
    """
    Restore the softly deleted segments that overlap an interval, all or none of them.

    DOCUMENTED https://docs.imply.io/polaris/api-restore-data: whole segments. GUESS: of overlapping versions, the
    newest is restored, as Druid's timeline shows the newest (https://druid.apache.org/docs/latest/design/storage).

    :param versions: Restore only segments of these versions; None for all.
    :return: Number of restored segments.
    :raises TableError: ``missing``.
    :raises JobFault: ``internal_error`` if data is present; see :func:`find_overlap`.
    """
    stored = tables.stored(name)
    found = find_overlap(name, interval, tables, versions)
    if found is not None:
        raise JobFault("internal_error", found)
    chosen = [number for number, _, _ in _restorable(stored.number, interval, tables, versions)]
    if chosen:
        tables.segments.show(chosen)
    return len(chosen)


def find_overlap(name: str, interval: Interval, tables: Tables, versions: Sequence[str] | None = None) -> str | None:
    """
    Return the reason why data can't be restored.

    DOCUMENTED https://docs.imply.io/polaris/manage-deleted-data: a restore is not possible while the table has data in
    the interval of a segment to restore.

    :return: One sentence; None if the restore is possible.
    :raises TableError: ``missing``.
    """
    stored = tables.stored(name)
    live = _spans(tables.used_segments(name))
    for _, start, end in _restorable(stored.number, interval, tables, versions):
        present = _first_overlap(live, start, end)
        if present is not None:
            return (
                f"segment {iso(start)}/{iso(end)} of table {name!r} can't be restored: the table has data in "
                f"{iso(present[0])}/{iso(present[1])}. Delete that data first."
            )
    return None


def drop_table(name: str, tables: Tables, *, soft: bool) -> None:
    """
    Drop a table. Its real-time rows are always removed, because they are not segments and can't be restored.

    :param soft: Whether a new table with this name can restore the data.
    :raises TableError: ``missing``.
    """
    _erase(tables.stored(name), REALTIME, [], tables)
    tables.drop(name, soft=soft)


def expire(name: str, kept: Sequence[Interval], tables: Tables) -> int:
    """
    Softly delete the whole segments outside of a table's retention.

    :param kept: Half-open intervals to keep.
    :return: Number of deleted segments.
    :raises TableError: ``missing``.
    """
    condition, _ = _chosen(kept, None)
    tables.segments.occupied.delete(tables.stored(name).number, f"NOT {condition}")
    return tables.segments.hide(tables.stored(name).number, f"NOT {condition}")


def purge(before: datetime, tables: Tables) -> None:
    """
    Permanently remove segments that were softly deleted before an instant, and dropped tables without other segments.

    :param before: Exclusive.
    """
    old = f"{UNUSED} AND updated_ms < {to_ms(before)}"
    numbers = tables.store.execute(f"SELECT DISTINCT table_number FROM polaris_segment WHERE {old}")
    for (number,) in numbers:
        ((body, dropped),) = tables.store.execute("SELECT body, dropped FROM polaris_table WHERE number = ?", (number,))
        stored = decode(number, body)
        _erase(stored, old, [], tables)
        if dropped and not tables.segments.totals(number, UNUSED).segments:
            tables.remove(stored)


def _erase(stored: StoredTable, condition: str, parameters: Sequence[Any], tables: Tables) -> int:
    """Permanently remove segments and their rows."""
    tables.store.execute(
        f'DELETE FROM {stored.data_name} WHERE "{SEGMENT_COLUMN}" IN'
        f" (SELECT id FROM polaris_segment WHERE table_number = ? AND {condition})",
        (stored.number, *parameters),
    )
    return tables.segments.forget(stored.number, condition, parameters)


def _chosen(intervals: Sequence[Interval] | None, versions: Sequence[str] | None) -> tuple[str, list[Any]]:
    bounds = None if intervals is None else [(to_ms(start), to_ms(end)) for start, end in intervals]
    condition = overlapping(bounds)
    if versions is None:
        return condition, []
    marks = ", ".join("?" * len(versions)) or "NULL"
    return f"{condition} AND version IN ({marks})", list(versions)


def _restorable(
    table_number: int, interval: Interval, tables: Tables, versions: Sequence[str] | None
) -> list[tuple[int, int, int]]:
    """Return number, start and end of the segments to restore; of overlapping chunks, the newest version."""
    condition, parameters = _chosen([interval], versions)
    rows = tables.store.execute(
        f"SELECT id, start_ms, end_ms, version FROM polaris_segment WHERE table_number = ? AND {UNUSED}"
        f" AND {condition} ORDER BY version DESC, start_ms, end_ms, id",
        (table_number, *parameters),
    )
    taken: list[IntervalMs] = []
    version_of: dict[IntervalMs, str] = {}
    chosen = []
    for number, start, end, version in rows:
        if (start, end) not in version_of and _first_overlap(taken, start, end) is None:
            insort(taken, (start, end))
            version_of[start, end] = version
        if version_of.get((start, end)) == version:
            chosen.append((number, start, end))
    return chosen


def _spans(segments: Sequence[Any]) -> list[IntervalMs]:
    return sorted({(to_ms(segment.interval[0]), to_ms(segment.interval[1])) for segment in segments})


def _first_overlap(spans: Sequence[IntervalMs], start: int, end: int) -> IntervalMs | None:
    """Return the first of sorted, disjoint spans that overlaps start to end."""
    position = bisect_right(spans, start, key=lambda span: span[1])
    if position < len(spans) and spans[position][0] < end:
        return spans[position]
    return None
