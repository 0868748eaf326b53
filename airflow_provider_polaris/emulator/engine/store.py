# SPDX-License-Identifier: Apache-2.0
"""
A DuckDB database with one lock: its file, statements, transactions and snapshots.

It is independent of tables, jobs and queries. It starts no threads and reads no file except its database.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

import duckdb

from airflow_provider_polaris.emulator.engine.fair_lock import FairLock
from airflow_provider_polaris.emulator.engine.memory import MemoryDatabase
from airflow_provider_polaris.emulator.engine.model import StorageError, StoreError
from airflow_provider_polaris.emulator.engine.objects import StoredObjects
from airflow_provider_polaris.emulator.engine.storage import MEMORY, connect, failure_of, opening_error

FORMAT = 2
"""Format of the database; a file of another format is rejected."""

_MOST_QUERIES = 1000
"""Results of queries for definitions that are kept in memory."""

_SCHEMA = (
    f"CREATE TABLE polaris_format AS SELECT {FORMAT} AS format",
    "CREATE SEQUENCE polaris_ordinal",
    "CREATE SEQUENCE polaris_load",
    "CREATE SEQUENCE polaris_table_number",
    # No primary keys: DuckDB checks them eagerly (it rejects delete + insert of a key in one transaction), and writers
    # hold the lock anyway.
    "CREATE TABLE polaris_document (kind VARCHAR, key VARCHAR, ordinal BIGINT, body VARCHAR)",
    "CREATE TABLE polaris_blob (key VARCHAR, data BLOB)",
    "CREATE TABLE polaris_table (number INTEGER, name VARCHAR, dropped BOOLEAN, body VARCHAR)",
    """CREATE TABLE polaris_segment (
        id BIGINT, table_number INTEGER, start_ms BIGINT, end_ms BIGINT, version VARCHAR, partition_number INTEGER,
        num_rows BIGINT, size_bytes BIGINT, min_ms BIGINT, max_ms BIGINT, used BOOLEAN, realtime BOOLEAN,
        created_ms BIGINT, updated_ms BIGINT)""",
)

# Not part of the first release of this format: created in its databases, too.
_ADDED = (
    """CREATE TABLE IF NOT EXISTS polaris_occupied (
        table_number INTEGER, granularity VARCHAR, start_ms BIGINT, end_ms BIGINT, from_ms BIGINT, to_ms BIGINT)""",
)


def utc_now() -> datetime:
    """
    Return the present time.

    :return: An aware datetime in UTC.
    """
    return datetime.now(timezone.utc)


class _ThreadState(threading.local):
    """The current transaction of a thread, which holds the lock, or its current snapshot."""

    writing: bool = False
    cursor: duckdb.DuckDBPyConnection | None = None


class Store(StoredObjects):
    """
    The emulator's database.

    All methods are thread-safe. A transaction holds :attr:`lock` until it ends; reads outside of a transaction wait for
    it. A :meth:`snapshot` doesn't wait: it reads the state that was committed at its start.

    If the process is killed, the running transaction is either completely stored or not at all: DuckDB writes a commit
    to its write-ahead log in one piece.

    :param path: Database file, created if missing; None uses memory.
    :param now: Clock for creation and update times of segments; returns aware datetimes.
    :raises StoreError: The file can't be opened or written, or is not a database of this emulator.
    """

    def __init__(self, path: str | None = None, *, now: Callable[[], datetime] = utc_now) -> None:
        self.path = None if path == MEMORY else path
        self.now = now
        self.lock = FairLock()
        self._local = _ThreadState()
        self._doomed = False
        self._failed: str | None = None
        #: Rows by statement and parameters. They are those of the running transaction, which holds the lock.
        self._definitions: dict[tuple[str, tuple[Any, ...]], list[tuple[Any, ...]]] = {}
        self._connection = connect(self.path) if self.path else MemoryDatabase()
        try:
            self._create_or_check_schema()
            self._prove_writable()
        except duckdb.Error as error:
            self._connection.close()
            raise opening_error(self.path, error) from error
        except BaseException:
            self._connection.close()
            raise

    def _create_or_check_schema(self) -> None:
        if not self._has_format():
            with self.transaction():
                for statement in (*_SCHEMA, *_ADDED):
                    self.execute(statement)
            return
        ((stored,),) = self.execute("SELECT format FROM polaris_format")
        if stored != FORMAT:
            raise StoreError(
                f"database {self.path!r} has format {stored}, and this emulator reads format {FORMAT}. "
                "Use the version of the emulator that wrote it, or choose a file that doesn't exist yet."
            )
        for statement in _ADDED:
            self.execute(statement)

    def _has_format(self) -> bool:
        """Return whether the database is one of an emulator; False if it is empty."""
        # Memory is always empty. The first query of DuckDB's catalog takes as long as the whole schema.
        if not self.path:
            return False
        if self.execute("SELECT table_name FROM information_schema.tables WHERE table_name = 'polaris_format'"):
            return True
        if self.execute("SELECT 1 FROM information_schema.tables LIMIT 1"):
            raise StoreError(
                f"database {self.path!r} does not belong to the emulator: it holds other tables. "
                "Choose a file that doesn't exist yet."
            )
        return False

    def _prove_writable(self) -> None:
        """Write to the database, so that a full disk is detected at the start and not by the first job."""
        if self.path:
            with self.transaction():
                self.execute("UPDATE polaris_format SET format = format")
            self.execute("CHECKPOINT")

    def check(self) -> None:
        """
        Check that the database is usable.

        :raises StorageError: An earlier failure was final.
        """
        if self._failed is not None:
            raise StorageError(self._failed, is_final=True)

    @contextmanager
    def failures_named(self) -> Iterator[None]:
        """
        Convert DuckDB's errors about the file or its disk to :class:`StorageError`.

        :raises StorageError: Also immediately, if an earlier failure was final.
        """
        self.check()
        try:
            yield
        except duckdb.Error as error:
            failure = failure_of(self.path, error)
            if failure is None:
                raise
            if failure.is_final:
                self._failed = str(failure)
            raise failure from error

    def close(self) -> None:
        """Close the database; a second call has no effect."""
        with self.lock:
            self._definitions.clear()
            self._connection.close()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """
        Run one statement and fetch its rows.

        Inside :meth:`transaction` or :meth:`snapshot`, it is part of it; otherwise it commits by itself.

        :param sql: One DuckDB statement; pass values as ``parameters``.
        :return: All rows; empty for a statement without rows.
        :raises StorageError: The file or its disk failed.
        :raises duckdb.Error: Any other error, unchanged.
        """
        if self._local.cursor is not None:
            with self.failures_named():
                return _run(self._local.cursor, sql, parameters)
        with self.lock, self.failures_named():
            return _run(self._connection, sql, parameters)

    def read_definitions(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """
        Run a query of the table definitions, as :meth:`execute` does, or return its rows from memory.

        Requests and jobs read a definition many times for each change, and DuckDB needs half a millisecond for it.
        """
        if self._local.cursor is not None:  # its state may be older
            return self.execute(sql, parameters)
        key = (sql, tuple(parameters))
        with self.lock:
            self.check()
            rows = self._definitions.get(key)
            if rows is None:
                rows = self.execute(sql, parameters)
                if len(self._definitions) >= _MOST_QUERIES:
                    self._definitions.clear()
                self._definitions[key] = rows
            return list(rows)

    def write_definitions(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run a statement that changes the table definitions; each must use this method."""
        with self.lock:
            self._definitions.clear()
            self.execute(sql, parameters)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """
        Run the block as one atomic transaction that excludes other writers.

        A nested transaction in the same thread joins the outer one. After an exception has left the inner one, the
        outer one can no longer commit.

        :raises RuntimeError: Inside a :meth:`snapshot`, which is read-only. Also if an exception left an inner
            transaction and was caught before the outer one ended; everything has been rolled back.
        """
        if self._local.cursor is not None:
            msg = "a snapshot is read-only; leave it before starting a transaction"
            raise RuntimeError(msg)
        with self.lock:
            if self._local.writing:
                try:
                    yield
                except BaseException:
                    self._doomed = True
                    raise
                return
            self.execute("BEGIN TRANSACTION")
            self._local.writing, self._doomed = True, False
            try:
                yield
                if self._doomed:
                    msg = "an inner transaction failed: let its exception leave the outer one, too"
                    raise RuntimeError(msg)
                self.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
            finally:
                self._local.writing = False

    def _roll_back(self) -> None:
        self._definitions.clear()
        try:
            self._connection.execute("ROLLBACK")
        except duckdb.Error:
            # A failed COMMIT has already ended the transaction; raise its error.
            return

    @contextmanager
    def snapshot(self) -> Iterator[Callable[[str, Sequence[Any]], duckdb.DuckDBPyConnection]]:
        """
        Read one committed state without holding the lock; inside a transaction of this thread, read the transaction's
        state.

        :return: A function that runs one statement and returns DuckDB's cursor, which is valid inside the block.
        """
        if self._local.cursor is not None:
            yield self._local.cursor.execute
            return
        if self._local.writing:
            yield self._connection.execute
            return
        with self.failures_named():
            cursor = self._connection.cursor()
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            cursor.execute("FROM polaris_format").fetchall()  # DuckDB fixes the state at the first read of a table
        self._local.cursor = cursor
        try:
            yield cursor.execute
        finally:
            self._local.cursor = None
            cursor.close()


def _run(
    connection: duckdb.DuckDBPyConnection | MemoryDatabase, sql: str, parameters: Sequence[Any]
) -> list[tuple[Any, ...]]:
    return connection.execute(sql, parameters or None).fetchall()
