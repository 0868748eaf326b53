# SPDX-License-Identifier: Apache-2.0
"""
The catalog of segments: the live chunks of each load and their versions.

Rows are never moved or changed. Replace, soft deletion and restore only mark segments as used or unused; the rows of
unused segments stay stored, but hidden. Streamed rows before their handover are ``realtime`` segments, which are
neither used nor unused.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from airflow_provider_polaris.emulator.engine.model import Segment
from airflow_provider_polaris.emulator.engine.store import Store
from airflow_provider_polaris.emulator.engine.tables.occupied import OccupiedTime
from airflow_provider_polaris.emulator.engine.time_chunks import from_ms, iso, load_base, parse_iso, to_ms

#: The segments that jobs read: everything in deep storage, precached or not. No real-time rows: DOCUMENTED
#: https://docs.imply.io/polaris/api-ingest-table, a job doesn't read rows that are streamed in while it runs.
PUBLISHED: Final = "used"


#: All rows of the table.
EVERYTHING: Final = "(used OR realtime)"


#: Replaced or softly deleted segments.
UNUSED: Final = "(NOT used AND NOT realtime)"


#: Streamed rows before their handover.
REALTIME: Final = "realtime"


_RANGE_LIMIT = 16


"""Up to this number of ranges, comparisons are cheaper than a join with the catalog."""


IntervalMs = tuple[int, int]


@dataclass(frozen=True)
class Chunk:
    """The rows that one load wrote into one time chunk; instants in milliseconds since 1970, ``max_ms`` inclusive."""

    number: int
    start_ms: int
    end_ms: int
    rows: int
    size_bytes: int
    min_ms: int
    max_ms: int


@dataclass(frozen=True)
class LiveTotals:
    """Sums over the used segments of a table."""

    rows: int
    segments: int
    size_bytes: int
    min_ms: int | None
    max_ms: int | None


class Segments:
    """
    Segments of all tables of a store, by table number.

    :param store: The database; callers make changes in a transaction.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.occupied = OccupiedTime(store)

    def next_load(self) -> int:
        """Return the number of a new load, greater than all earlier numbers."""
        ((load,),) = self._store.execute("SELECT nextval('polaris_load')")
        return int(load)

    def totals(self, table_number: int, seen: str = PUBLISHED) -> LiveTotals:
        """
        Return the totals of a table's segments.

        :param seen: Condition for the segments; see :mod:`airflow_provider_polaris.emulator.engine.tables.segments`.
        """
        ((rows, segments, size, low, high),) = self._store.execute(
            "SELECT coalesce(sum(num_rows), 0)::BIGINT, count(*), coalesce(sum(size_bytes), 0)::BIGINT,"
            f" min(min_ms), max(max_ms) FROM polaris_segment WHERE table_number = ? AND {seen}",
            (table_number,),
        )
        return LiveTotals(rows, segments, size, low, high)

    def filter_sql(self, table_number: int, seen: str = PUBLISHED) -> str | None:
        """
        Build the condition that hides the rows of segments that a reader ignores.

        :param seen: Condition for the segments to read; see
            :mod:`airflow_provider_polaris.emulator.engine.tables.segments`.
        :return: None if there is nothing to hide, which is the usual case and needs no filter.
        """
        rows = self._store.execute(
            f"SELECT id, {seen} FROM polaris_segment WHERE table_number = ? ORDER BY id", (table_number,)
        )
        if all(is_seen for _, is_seen in rows):
            return None
        runs = [[number for number, _ in group] for is_seen, group in groupby(rows, key=itemgetter(1)) if is_seen]
        if not runs:
            return "false"
        if len(runs) > _RANGE_LIMIT:
            return f'"__segment" IN (SELECT id FROM polaris_segment WHERE table_number = {table_number} AND {seen})'
        return "(" + " OR ".join(f'"__segment" BETWEEN {run[0]} AND {run[-1]}' for run in runs) + ")"

    def mixed_with(
        self, table_number: int, granularity: str, chunks: Sequence[Chunk]
    ) -> tuple[Chunk, IntervalMs] | None:
        """
        Return a chunk that overlaps a used segment with another interval, or time that such a segment occupies.

        :param granularity: Granularity of the chunks.
        :return: The first such chunk and the interval of the segment, or None.
        """
        # DuckDB needs twice the time for the same rows without repetition and in order.
        live = sorted(
            set(
                self._store.execute(
                    "SELECT start_ms, end_ms FROM polaris_segment WHERE table_number = ? AND used", (table_number,)
                )
            )
        )
        ends = [end for _, end in live]  # ascending: used chunks are disjoint or equal
        others = self.occupied.of_other_granularities(table_number, granularity)
        for chunk in chunks:
            position = bisect_right(ends, chunk.start_ms)
            if position < len(live):
                start, end = live[position]
                if start < chunk.end_ms and (start, end) != (chunk.start_ms, chunk.end_ms):
                    return chunk, (start, end)
            occupied = next((time for time in others if time[0] < chunk.end_ms and time[1] > chunk.start_ms), None)
            if occupied is not None:
                return chunk, occupied
        return None

    def hide(self, table_number: int, condition: str = "true", parameters: Sequence[Any] = ()) -> int:
        """
        Mark whole used segments as unused.

        :param condition: SQL condition for the segments; see :func:`overlapping`.
        :param parameters: Parameters of the condition.
        :return: Number of marked segments.
        """
        ((hidden,),) = self._store.execute(
            f"UPDATE polaris_segment SET used = false, updated_ms = ? WHERE table_number = ? AND used AND {condition}",
            (to_ms(self._store.now()), table_number, *parameters),
        )
        return int(hidden)

    def show(self, numbers: Sequence[int]) -> None:
        """Mark unused segments as used, by number."""
        chosen = ", ".join(map(str, numbers))
        self._store.execute(
            f"UPDATE polaris_segment SET used = true, updated_ms = ? WHERE id IN ({chosen})",
            (to_ms(self._store.now()),),
        )

    def add(self, table_number: int, chunks: Sequence[Chunk], *, realtime: bool = False) -> None:
        """
        Add chunks to the catalog as used segments, or as real-time segments.

        A chunk that already has used segments gets their version and the next partition number; another chunk gets a
        new version, later than all versions of the table, and partition 0. DOCUMENTED
        https://druid.apache.org/docs/latest/design/storage: versions are times, compared as text.
        """
        now = to_ms(self._store.now())
        # The used segments of a chunk have one version.
        known = self._store.execute(
            "SELECT start_ms, end_ms, max(version) FILTER (used), max(partition_number) FILTER (used), max(version)"
            " FROM polaris_segment WHERE table_number = ? GROUP BY ALL",
            (table_number,),
        )
        live = {(start, end): (version, last) for start, end, version, last, _ in known if version is not None}
        fresh = _new_version(max((latest for *_, latest in known), default=None), now)
        rows = []
        for chunk in chunks:
            version, last = live.get((chunk.start_ms, chunk.end_ms), (fresh, -1))
            live[chunk.start_ms, chunk.end_ms] = version, last + 1
            rows.append(
                f"({chunk.number}, {table_number}, {chunk.start_ms}, {chunk.end_ms}, '{version}', {last + 1},"
                f" {chunk.rows}, {chunk.size_bytes}, {chunk.min_ms}, {chunk.max_ms}, {not realtime}, {realtime},"
                f" {now}, {now})"
            )
        if rows:  # numbers and versions are generated here; one statement, because executemany is slow
            self._store.execute("INSERT INTO polaris_segment VALUES " + ", ".join(rows))

    def listing(
        self, table_number: int, table_name: str, *, seen: str = PUBLISHED, interval: IntervalMs | None = None
    ) -> list[Segment]:
        """
        List segments that overlap an interval, in the order of their ids.

        :param seen: Condition for the segments; see :mod:`airflow_provider_polaris.emulator.engine.tables.segments`.
        :param interval: Milliseconds, half-open; None for all.
        """
        rows = self._store.execute(
            "SELECT start_ms, end_ms, version, partition_number, num_rows, size_bytes, used, created_ms, updated_ms"
            f" FROM polaris_segment WHERE table_number = ? AND {seen} AND"
            f" {overlapping(None if interval is None else [interval])}",
            (table_number,),
        )
        return sorted((_segment(table_name, row) for row in rows), key=lambda segment: segment.id)

    def forget(self, table_number: int, condition: str = "true", parameters: Sequence[Any] = ()) -> int:
        """
        Remove segments of a table from the catalog.

        :param condition: SQL condition for the segments.
        :param parameters: Parameters of the condition.
        :return: Number of removed segments.
        """
        ((forgotten,),) = self._store.execute(
            f"DELETE FROM polaris_segment WHERE table_number = ? AND {condition}", (table_number, *parameters)
        )
        return int(forgotten)


def _new_version(latest: str | None, now: int) -> str:
    version = iso(now)
    return version if latest is None or latest < version else iso(parse_iso(latest) + 1)


def written_by(load: int) -> str:
    """
    Build the condition for the rows of a load, which must be the newest load.
    """
    return f'"__segment" >= {load_base(load)}'


def overlapping(intervals: Sequence[IntervalMs] | None) -> str:
    """
    Build the condition for the segments that overlap one of the intervals.

    :param intervals: Milliseconds, half-open; None for all segments.
    """
    if intervals is None:
        return "true"
    terms = [f"(start_ms < {end} AND end_ms > {start})" for start, end in intervals]
    return "(" + (" OR ".join(terms) or "false") + ")"


def _segment(table: str, row: tuple[Any, ...]) -> Segment:
    start, end, version, partition, rows, size, used, created, updated = row
    name = f"{table}_{iso(start)}_{iso(end)}_{version}" + (f"_{partition}" if partition else "")
    return Segment(
        id=name,
        table=table,
        interval=(from_ms(start), from_ms(end)),
        version=version,
        partition_number=partition,
        rows=rows,
        size_bytes=size,
        used=used,
        created=from_ms(created),
        last_updated=from_ms(updated),
    )


def precached(kept: Sequence[tuple[datetime, datetime]] | None, loaded_since: datetime | None) -> str:
    """
    Build the condition for published and precached segments.

    Segments are precached as a whole. GUESS: a segment is precached if it overlaps an interval to be precached, as with
    Druid's load rules (https://druid.apache.org/docs/latest/operations/rule-configuration).

    :param kept: Half-open intervals to be precached; None for all.
    :param loaded_since: Segments that were published later are not loaded yet; None if all are loaded.
    """
    terms = [PUBLISHED]
    if kept is not None:
        within = [f"(start_ms < {to_ms(end)} AND end_ms > {to_ms(start)})" for start, end in kept]
        terms.append("(" + (" OR ".join(within) or "false") + ")")
    if loaded_since is not None:
        terms.append(f"updated_ms <= {to_ms(loaded_since)}")
    return "(" + " AND ".join(terms) + ")"
