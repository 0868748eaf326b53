# SPDX-License-Identifier: Apache-2.0
"""
Table definitions and their DuckDB tables.

The rows of a Polaris table are stored in ``data_N``, with its columns and ``__segment``. The first job that writes a
column creates it there; until then it reads as null.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from operator import gt, lt

from airflow_provider_polaris.emulator.engine.model import Segment, TableDef, TableError, TableStats
from airflow_provider_polaris.emulator.engine.store import Store
from airflow_provider_polaris.emulator.engine.tables.segments import EVERYTHING, PUBLISHED, UNUSED, Segments
from airflow_provider_polaris.emulator.engine.tables.stored_table import (
    SEGMENT_COLUMN,
    TIME,
    StoredTable,
    check_columns,
    decode,
    encode,
    make_list_sql,
    taken_over,
)
from airflow_provider_polaris.emulator.engine.time_chunks import from_ms, to_ms
from airflow_provider_polaris.emulator.sql import Column, TableRelation
from airflow_provider_polaris.emulator.sql.values.types import canonical
from airflow_provider_polaris.emulator.sql.values.values import DUCKDB_TYPES, MULTI_VALUE, quote_name


class Tables:
    """
    The tables of a store.

    Changes commit by themselves, or with the caller's transaction.

    :param store: The database.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.segments = Segments(store)

    def create(self, table: TableDef) -> TableDef:
        """
        Create a table.

        :return: The stored definition.
        :raises TableError: ``exists``, or ``restricted_column`` for a column that the engine can't store.
        """
        check_columns(table.name, table.columns)
        with self.store.transaction():
            exists, dropped = self._named(table.name)
            if exists is not None:
                raise TableError("exists", f"table {table.name!r} exists already.")
            if dropped is not None:
                self._take_over(dropped, table)
                return table
            ((number,),) = self.store.execute("SELECT nextval('polaris_table_number')")
            stored = StoredTable(table, int(number), physical={TIME.name: "TIMESTAMP"})
            self.store.execute(f'CREATE TABLE {stored.data_name} ("{SEGMENT_COLUMN}" BIGINT, "{TIME.name}" TIMESTAMP)')
            self.store.write_definitions(
                "INSERT INTO polaris_table VALUES (?, ?, false, ?)", (stored.number, table.name, encode(stored))
            )
        return table

    def get(self, name: str) -> TableDef | None:
        """
        Read a definition.

        :return: None if the table doesn't exist.
        """
        found = self._find(name)
        return found.definition if found else None

    def list(self) -> tuple[TableDef, ...]:
        """Read all definitions, the oldest table first."""
        rows = self.store.read_definitions("SELECT number, body FROM polaris_table WHERE NOT dropped ORDER BY number")
        return tuple(decode(number, body).definition for number, body in rows)

    def update(self, table: TableDef) -> TableDef:
        """
        Change a definition.

        DOCUMENTED https://docs.imply.io/polaris/api-update-table: columns can be added at any time, but changed and
        removed only while the table is empty; the caller passes the version that it read.

        :param table: The new definition, with the current ``version``; name, id and type must not change.
        :return: The stored definition, its version one higher.
        :raises TableError: ``missing``, ``stale_version``, ``not_empty`` or ``restricted_column``.
        """
        with self.store.transaction():
            old = self.stored(table.name)
            if table.version != old.definition.version:
                raise TableError(
                    "stale_version",
                    f"table {table.name!r} has version {old.definition.version}, and the update is for version "
                    f"{table.version}. Read the table and apply the change to what it is now.",
                )
            declared = {column.name: column for column in table.columns}
            discovered = tuple(column for column in old.discovered if column.name not in declared)
            check_columns(table.name, (*table.columns, *discovered))
            removed = [c.name for c in old.definition.columns if _differs(c, declared.get(c.name))]
            retyped = [c.name for c in old.discovered if c.name in declared and _differs(c, declared[c.name])]
            gone = [name for name in (*removed, *retyped) if name != TIME.name]
            if gone and self.segments.totals(old.number, EVERYTHING).segments:
                raise TableError(
                    "not_empty",
                    f"column {gone[0]!r} of table {table.name!r} can't be changed or removed: the table has data.",
                )
            physical = dict(old.physical)
            for name in gone:
                if physical.pop(name, None) is not None:
                    self.store.execute(f"ALTER TABLE {old.data_name} DROP COLUMN {quote_name(name)}")
            definition = replace(table, version=table.version + 1)
            self._write(replace(old, definition=definition, discovered=discovered, physical=physical))
        return definition

    def drop(self, name: str, *, soft: bool = False) -> None:
        """
        Remove a table with its definition.

        :param soft: Keep its rows as unused segments for a new table with this name; otherwise they are removed.
        :raises TableError: ``missing``.
        """
        with self.store.transaction():
            stored = self.stored(name)
            if soft:
                self._write(stored, dropped=True)
                self.segments.hide(stored.number)
                self.segments.occupied.release(stored.number, None)
            else:
                self.remove(stored)

    def columns(self, name: str) -> tuple[Column, ...]:
        """
        Return all columns for queries: ``__time``, then the declared and the discovered columns.

        :raises TableError: ``missing``.
        """
        return self.stored(name).columns

    def discovered(self, name: str) -> tuple[Column, ...]:
        """
        Return the undeclared columns that jobs added to a flexible table.

        :raises TableError: ``missing``.
        """
        return self.stored(name).discovered

    def stats(self, name: str, seen: str = PUBLISHED) -> TableStats:
        """
        Return the size of a table's data.

        :param seen: Condition for the segments; see :mod:`airflow_provider_polaris.emulator.engine.tables.segments`.
        :raises TableError: ``missing``.
        """
        return self.stats_of(self.stored(name), seen)

    def stats_of(self, stored: StoredTable, seen: str = PUBLISHED) -> TableStats:
        """Return the size of the data of a table that has been read; see :meth:`stats`."""
        totals = self.segments.totals(stored.number, seen)
        interval = None
        if totals.min_ms is not None and totals.max_ms is not None:
            interval = (from_ms(totals.min_ms), from_ms(totals.max_ms))
        return TableStats(totals.rows, totals.segments, totals.size_bytes, interval)

    def unused_segments(
        self,
        name: str,
        interval: tuple[datetime, datetime] | None = None,
        limit: int = 100,
        last_segment_id: str | None = None,
        sort_order: str = "DESC",
    ) -> tuple[Segment, ...]:
        """
        Return the segments whose data was replaced or deleted.

        DOCUMENTED (parameters of polaris-sdk 20250425.14.0): in the order of the ids, after ``last_segment_id``.
        GUESS: an interval selects the segments that overlap it.

        :param limit: Maximum number of segments to return.
        :param sort_order: ``ASC`` or ``DESC``.
        :raises TableError: ``missing``.
        """
        stored = self.stored(name)
        bounds = None if interval is None else (to_ms(interval[0]), to_ms(interval[1]))
        found = self.segments.listing(stored.number, name, seen=UNUSED, interval=bounds)
        if sort_order == "DESC":
            found.reverse()
        if last_segment_id is not None:
            beyond = lt if sort_order == "DESC" else gt
            found = [segment for segment in found if beyond(segment.id, last_segment_id)]
        return tuple(found[:limit])

    def used_segments(
        self, name: str, interval: tuple[datetime, datetime] | None = None, seen: str = PUBLISHED
    ) -> tuple[Segment, ...]:
        """
        Return the segments that jobs read, or other segments, in the order of their ids.

        :param seen: Condition for the segments; see :mod:`airflow_provider_polaris.emulator.engine.tables.segments`.
        :raises TableError: ``missing``.
        """
        stored = self.stored(name)
        bounds = None if interval is None else (to_ms(interval[0]), to_ms(interval[1]))
        return tuple(self.segments.listing(stored.number, name, seen=seen, interval=bounds))

    def relation(self, name: str, seen: Callable[[TableDef], str] | None = None) -> TableRelation | None:
        """
        Return the DuckDB relation of a table's rows.

        :param seen: Returns the condition for the segments of a table; None uses that of jobs.
        :return: None if the table doesn't exist.
        """
        stored = self._find(name)
        if stored is None:
            return None
        rows = self.relation_sql(stored, seen=PUBLISHED if seen is None else seen(stored.definition))
        return TableRelation(f"({rows})", stored.query_columns)

    def relation_sql(self, stored: StoredTable, conditions: Sequence[str] = (), seen: str = PUBLISHED) -> str:
        """
        Build the SELECT for a table's rows.

        :param conditions: More conditions, AND-ed.
        :param seen: Condition for the segments; see :mod:`airflow_provider_polaris.emulator.engine.tables.segments`.
        """
        selected = ", ".join(stored.selected(column) for column in stored.columns)
        live = self.segments.filter_sql(stored.number, seen)
        where = " AND ".join([*([live] if live else []), *conditions])
        return f"SELECT {selected} FROM {stored.data_name}" + (f" WHERE {where}" if where else "")

    def stored(self, name: str) -> StoredTable:
        """
        Return the stored form of a table.

        :raises TableError: ``missing``.
        """
        found = self._find(name)
        if found is None:
            raise TableError("missing", f"table {name!r} doesn't exist.")
        return found

    def remove(self, stored: StoredTable) -> None:
        """Permanently remove a table with its rows and segments, in the caller's transaction."""
        self.store.execute(f"DROP TABLE {stored.data_name}")
        self.segments.forget(stored.number)
        self.segments.occupied.release(stored.number, None)
        self.store.write_definitions("DELETE FROM polaris_table WHERE number = ?", (stored.number,))

    def add_columns(
        self, stored: StoredTable, columns: Sequence[tuple[Column, str]], multi_value: Sequence[str] = ()
    ) -> StoredTable:
        """
        Add columns to the DuckDB table; undeclared columns become discovered columns.

        :param columns: New columns with their DuckDB types.
        :param multi_value: String columns, existing or new, that will have several values in a row.
        :return: The new stored form.
        :raises TableError: ``restricted_column``.
        """
        known = {column.name for column in stored.columns}
        new = tuple(column for column, _ in columns if column.name not in known)
        check_columns(stored.definition.name, (*stored.columns, *new))
        physical = dict(stored.physical)
        for column, duckdb_type in columns:
            self.store.execute(f"ALTER TABLE {stored.data_name} ADD COLUMN {quote_name(column.name)} {duckdb_type}")
            physical[column.name] = duckdb_type
        for name in multi_value:
            physical[name] = DUCKDB_TYPES[MULTI_VALUE]
            self.store.execute(make_list_sql(stored.data_name, name))
        changed = replace(stored, discovered=(*stored.discovered, *new), physical=physical)
        self._write(changed)
        return changed

    def _find(self, name: str) -> StoredTable | None:
        return self._named(name)[0]

    def _named(self, name: str) -> tuple[StoredTable | None, StoredTable | None]:
        """Return the table of a name, and the softly dropped one of this name."""
        sql = "SELECT dropped, number, body FROM polaris_table WHERE name = ?"
        found = {dropped: (number, body) for dropped, number, body in self.store.read_definitions(sql, (name,))}
        live, dropped = found.get(False), found.get(True)
        return (decode(*live) if live else None), (decode(*dropped) if dropped else None)

    def _take_over(self, dropped: StoredTable, table: TableDef) -> None:
        taken = taken_over(dropped, table)
        for name in dropped.physical.keys() - taken.physical.keys():
            self.store.execute(f"ALTER TABLE {dropped.data_name} DROP COLUMN {quote_name(name)}")
        self._write(taken)

    def _write(self, stored: StoredTable, *, dropped: bool = False) -> None:
        sql = "UPDATE polaris_table SET dropped = ?, body = ? WHERE number = ?"
        self.store.write_definitions(sql, (dropped, encode(stored), stored.number))


def _differs(old: Column, new: Column | None) -> bool:
    return new is None or canonical(old.data_type) != canonical(new.data_type)
