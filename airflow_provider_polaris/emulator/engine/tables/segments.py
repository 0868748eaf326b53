"""
The catalogue of segments: which chunk of which load is live, under which version.

Rows are never moved or changed: replacing, soft deletion and restoring only mark segments used or unused, and the rows
of unused segments stay where they are, hidden. The rows that streaming brought and that are not handed over yet are
segments too, ``realtime`` ones: neither used nor unused.
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
from airflow_provider_polaris.emulator.engine.time_chunks import from_ms, iso, load_base, parse_iso, to_ms

#: What jobs read, whether precached or not: what lies in deep storage. No real-time rows: DOCUMENTED
#: https://docs.imply.io/polaris/api-ingest-table, a job doesn't read what is streamed in while it runs.
PUBLISHED: Final = "used"


#: All rows that the table has.
EVERYTHING: Final = "(used OR realtime)"


#: What was replaced or softly deleted.
UNUSED: Final = "(NOT used AND NOT realtime)"


#: What streaming brought and didn't hand over yet.
REALTIME: Final = "realtime"


_RANGE_LIMIT = 16


"""Up to this many ranges of segment numbers are cheaper as comparisons than as a join with the catalogue."""


IntervalMs = tuple[int, int]


@dataclass(frozen=True)
class Chunk:
    """What one load wrote into one time chunk; instants in milliseconds since 1970, ``max_ms`` inclusive."""

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
    Segments of all tables of a store, by the table's number.

    :param store: The database; changes belong in a transaction of the caller.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def next_load(self) -> int:
        """Return the number of a new load, greater than all before."""
        ((load,),) = self._store.execute("SELECT nextval('polaris_load')")
        return int(load)

    def totals(self, table_number: int, seen: str = PUBLISHED) -> LiveTotals:
        """
        Sum up segments of a table.

        :param seen: Which; see :mod:`airflow_provider_polaris.emulator.engine.tables.segments`.
        """
        ((rows, segments, size, low, high),) = self._store.execute(
            "SELECT coalesce(sum(num_rows), 0)::BIGINT, count(*), coalesce(sum(size_bytes), 0)::BIGINT,"
            f" min(min_ms), max(max_ms) FROM polaris_segment WHERE table_number = ? AND {seen}",
            (table_number,),
        )
        return LiveTotals(rows, segments, size, low, high)

    def filter_sql(self, table_number: int, seen: str = PUBLISHED) -> str | None:
        """
        Build the condition that hides rows of segments that a reader doesn't see.

        :param seen: What the reader sees; see :mod:`airflow_provider_polaris.emulator.engine.tables.segments`.
        :return: None where nothing is to hide: most tables never lost a segment, and pay nothing.
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

    def mixed_with(self, table_number: int, chunks: Sequence[Chunk]) -> tuple[Chunk, IntervalMs] | None:
        """
        Find a chunk that overlaps a used segment of another interval.

        :return: The first such chunk and the interval of the segment, or None.
        """
        live = self._store.execute(
            "SELECT DISTINCT start_ms, end_ms FROM polaris_segment WHERE table_number = ? AND used ORDER BY ALL",
            (table_number,),
        )
        ends = [end for _, end in live]  # ascending: used chunks are disjoint or the same
        for chunk in chunks:
            position = bisect_right(ends, chunk.start_ms)
            if position < len(live):
                start, end = live[position]
                if start < chunk.end_ms and (start, end) != (chunk.start_ms, chunk.end_ms):
                    return chunk, (start, end)
        return None

    def hide(self, table_number: int, condition: str = "true", parameters: Sequence[Any] = ()) -> int:
        """
        Mark used segments as unused, whole.

        :param condition: Which of them, in SQL; see :func:`overlapping`.
        :param parameters: Its parameters.
        :return: How many segments were marked.
        """
        ((hidden,),) = self._store.execute(
            f"UPDATE polaris_segment SET used = false, updated_ms = ? WHERE table_number = ? AND used AND {condition}",
            (to_ms(self._store.now()), table_number, *parameters),
        )
        return int(hidden)

    def show(self, numbers: Sequence[int]) -> None:
        """Mark unused segments as used, by their numbers."""
        chosen = ", ".join(map(str, numbers))
        self._store.execute(
            f"UPDATE polaris_segment SET used = true, updated_ms = ? WHERE id IN ({chosen})",
            (to_ms(self._store.now()),),
        )

    def add(self, table_number: int, chunks: Sequence[Chunk], *, realtime: bool = False) -> None:
        """
        Enter chunks as used segments, or as real-time ones.

        A chunk that already has used segments gets their version and the next partition number; a chunk without gets
        a new version, later than every other of the table, and partition 0.
        DOCUMENTED https://druid.apache.org/docs/latest/design/storage: versions are times, compared as text.
        """
        now = to_ms(self._store.now())
        live = {
            (start, end): (version, partition)
            for start, end, version, partition in self._store.execute(
                "SELECT start_ms, end_ms, version, max(partition_number) FROM polaris_segment"
                " WHERE table_number = ? AND used GROUP BY ALL",
                (table_number,),
            )
        }
        fresh = self._new_version(table_number, now)
        rows = []
        for chunk in chunks:
            version, last = live.get((chunk.start_ms, chunk.end_ms), (fresh, -1))
            live[chunk.start_ms, chunk.end_ms] = version, last + 1
            rows.append(
                f"({chunk.number}, {table_number}, {chunk.start_ms}, {chunk.end_ms}, '{version}', {last + 1},"
                f" {chunk.rows}, {chunk.size_bytes}, {chunk.min_ms}, {chunk.max_ms}, {not realtime}, {realtime},"
                f" {now}, {now})"
            )
        if rows:  # numbers and versions made here; one statement, for executemany is slow
            self._store.execute("INSERT INTO polaris_segment VALUES " + ", ".join(rows))

    def _new_version(self, table_number: int, now: int) -> str:
        ((latest,),) = self._store.execute(
            "SELECT max(version) FROM polaris_segment WHERE table_number = ?", (table_number,)
        )
        version = iso(now)
        if latest is None or latest < version:
            return version
        return iso(parse_iso(latest) + 1)

    def listing(
        self, table_number: int, table_name: str, *, seen: str = PUBLISHED, interval: IntervalMs | None = None
    ) -> list[Segment]:
        """
        List segments that overlap an interval, in the order of their ids.

        :param seen: Which; see :mod:`airflow_provider_polaris.emulator.engine.tables.segments`.
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
        Remove segments of a table from the catalogue.

        :param condition: Which, in SQL.
        :param parameters: Its parameters.
        :return: How many there were.
        """
        ((forgotten,),) = self._store.execute(
            f"DELETE FROM polaris_segment WHERE table_number = ? AND {condition}", (table_number, *parameters)
        )
        return int(forgotten)


def written_by(load: int) -> str:
    """
    Build the condition that selects the rows of a load, which must be the newest.
    """
    return f'"__segment" >= {load_base(load)}'


def overlapping(intervals: Sequence[IntervalMs] | None) -> str:
    """
    Build the condition that selects the segments that overlap one of the intervals.

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
    Build the condition of what is published and precached.

    A segment is so as a whole. GUESS: if it overlaps what is to be precached, as with Druid's load rules
    (https://druid.apache.org/docs/latest/operations/rule-configuration).

    :param kept: Half-open intervals that are to be precached; None for all.
    :param loaded_since: Segments that were published later are not there yet; None if all are.
    """
    terms = [PUBLISHED]
    if kept is not None:
        within = [f"(start_ms < {to_ms(end)} AND end_ms > {to_ms(start)})" for start, end in kept]
        terms.append("(" + (" OR ".join(within) or "false") + ")")
    if loaded_since is not None:
        terms.append(f"updated_ms <= {to_ms(loaded_since)}")
    return "(" + " AND ".join(terms) + ")"
