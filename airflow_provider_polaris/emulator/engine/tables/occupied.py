# SPDX-License-Identifier: Apache-2.0
"""
Time that segments occupy beside the rows that they show: the rest of a partly replaced segment, and empty chunks.

Druid keeps a partly replaced segment whole, and writes segments without rows (tombstones) where a replace leaves
nothing of the data that it replaces. Both keep an append in another granularity out, although no row is there.
OBSERVED(Druid 27): the append fails with ``InsertCannotAllocateSegment``. Druid 27 joins adjacent tombstones to one, so
that it also refuses appends in their granularity; here each chunk has its own, as in newer versions (Druid's source,
TombstoneHelper).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airflow_provider_polaris.emulator.engine.store import Store

IntervalMs = tuple[int, int]


class OccupiedTime:
    """
    Occupied time of all tables of a store, by table number.

    :param store: The database; callers make changes in a transaction.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def add_rest(self, table_number: int, segment: IntervalMs, replaced: Sequence[IntervalMs]) -> None:
        """
        Add the parts of a segment that a replace leaves.

        :param segment: Interval of the segment, in milliseconds.
        :param replaced: The replaced intervals.
        """
        if not self._store.execute(
            "SELECT 1 FROM polaris_occupied WHERE table_number = ? AND granularity IS NULL"
            " AND from_ms <= ? AND to_ms >= ?",
            (table_number, *segment),
        ):
            self._insert(table_number, None, segment, without([segment], replaced))

    def add_empty(self, table_number: int, granularity: str | None, interval: IntervalMs) -> None:
        """
        Add chunks without rows.

        :param granularity: Granularity of the job that left them; None if the interval has no bounds, and so no chunks.
        :param interval: Their time, in milliseconds.
        """
        self._insert(table_number, granularity, interval, [interval])

    def release(self, table_number: int, intervals: Sequence[IntervalMs] | None) -> None:
        """
        Free what a job replaces.

        :param intervals: Milliseconds, half-open; None frees everything.
        """
        rows = self._store.execute(
            "SELECT granularity, start_ms, end_ms, from_ms, to_ms FROM polaris_occupied WHERE table_number = ?",
            (table_number,),
        )
        if not rows:
            return
        self._store.execute("DELETE FROM polaris_occupied WHERE table_number = ?", (table_number,))
        if intervals is None:
            return
        for granularity, start, end, low, high in rows:
            self._insert(table_number, granularity, (start, end), without([(low, high)], intervals))

    def delete(self, table_number: int, condition: str) -> None:
        """
        Free what a deletion removes: whole segments.

        :param condition: SQL condition for the segments; see
            :func:`airflow_provider_polaris.emulator.engine.tables.segments.overlapping`.
        """
        self._store.execute(f"DELETE FROM polaris_occupied WHERE table_number = ? AND {condition}", (table_number,))

    def of_other_granularities(self, table_number: int, granularity: str) -> list[IntervalMs]:
        """
        Return the segments that keep chunks of a granularity out where they overlap them, in time order.

        :return: Milliseconds, half-open.
        """
        found = self._store.execute(
            "SELECT start_ms, end_ms FROM polaris_occupied WHERE table_number = ? AND granularity IS DISTINCT FROM ?",
            (table_number, granularity),
        )
        return sorted({(int(start), int(end)) for start, end in found})

    def _insert(
        self, table_number: int, granularity: str | None, segment: IntervalMs, parts: Sequence[IntervalMs]
    ) -> None:
        for low, high in parts:
            self._store.execute(
                "INSERT INTO polaris_occupied VALUES (?, ?, ?, ?, ?, ?)",
                (table_number, granularity, *segment, low, high),
            )


def without(intervals: Sequence[IntervalMs], removed: Sequence[IntervalMs]) -> list[IntervalMs]:
    """
    Return the parts of intervals that lie in none of the removed ones.

    >>> without([(0, 10)], [(2, 3), (3, 5), (9, 12)])
    [(0, 2), (5, 9)]
    """
    return [part for interval in intervals for part in _rest(interval, removed)]


def _rest(interval: IntervalMs, removed: Sequence[IntervalMs]) -> Iterator[IntervalMs]:
    low, high = interval
    for start, end in sorted(removed):
        if start < high and end > low:
            if low < start:
                yield low, start
            low = end
    if low < high:
        yield low, high
