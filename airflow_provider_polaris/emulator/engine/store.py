"""
One DuckDB database with one lock: statements, transactions, JSON documents and blobs.

Knows nothing of tables, jobs or queries. Starts no thread and reads no file but its own database.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import count
from typing import Any, BinaryIO, Final

import duckdb

from airflow_provider_polaris.emulator.engine.model import StorageError, StoreError
from airflow_provider_polaris.emulator.engine.storage import connect, failure_of, opening_error

FORMAT = 2
"""Layout of the database; a file of another layout is refused."""

BLOB_PIECE: Final = 8 * 1024 * 1024
"""Bytes of a blob that are in memory at once."""

_BUFFER: Final = 1024 * 1024

# The zone is a setting of an extension, and is there only once the database is open.
_SETTINGS = ("SET GLOBAL TimeZone = 'UTC'", "SET lock_configuration = true")

_SCHEMA = (
    "CREATE TABLE polaris_format (format INTEGER)",
    f"INSERT INTO polaris_format VALUES ({FORMAT})",
    "CREATE SEQUENCE polaris_ordinal",
    "CREATE SEQUENCE polaris_load",
    "CREATE SEQUENCE polaris_table_number",
    # No primary keys: DuckDB checks them eagerly (delete + insert of one key in one transaction is refused), and
    # writers hold the lock anyway.
    "CREATE TABLE polaris_document (kind VARCHAR, key VARCHAR, ordinal BIGINT, body VARCHAR)",
    "CREATE TABLE polaris_blob (key VARCHAR, data BLOB)",
    "CREATE TABLE polaris_table (number INTEGER, name VARCHAR, dropped BOOLEAN, body VARCHAR)",
    """CREATE TABLE polaris_segment (
        id BIGINT, table_number INTEGER, start_ms BIGINT, end_ms BIGINT, version VARCHAR, partition_number INTEGER,
        num_rows BIGINT, size_bytes BIGINT, min_ms BIGINT, max_ms BIGINT, used BOOLEAN, realtime BOOLEAN,
        created_ms BIGINT, updated_ms BIGINT)""",
)


def utc_now() -> datetime:
    """
    Read the wall clock.

    :return: An aware datetime in UTC.
    """
    return datetime.now(timezone.utc)


class _ThreadState(threading.local):
    """What a thread is in the middle of: a transaction, which holds the lock, or a snapshot."""

    writing: bool = False
    cursor: duckdb.DuckDBPyConnection | None = None


class Store:
    """
    The emulator's database.

    Every method may be called from any thread. A transaction holds the lock until it ends; reading outside of one
    waits for it. A :meth:`snapshot` doesn't wait: it reads what was committed when it began.

    A process that is killed leaves the database as it was before the transaction that ran, or after it: DuckDB
    writes a commit to its write-ahead log in one piece.

    :param path: Database file, made if missing; None keeps everything in memory.
    :param now: Clock for creation and update times of segments; aware datetimes.
    :raises StoreError: The file can't be opened or written, or isn't a database of this emulator.
    """

    def __init__(self, path: str | None = None, *, now: Callable[[], datetime] = utc_now) -> None:
        self.path = path
        self.now = now
        self._lock = threading.RLock()
        self._local = _ThreadState()
        self._doomed = False
        self._failed: str | None = None
        self._connection = connect(path)
        try:
            for setting in _SETTINGS:
                self._connection.execute(setting)
            self._create_or_check_schema()
            self._prove_writable()
        except duckdb.Error as error:
            self._connection.close()
            raise opening_error(path, error) from error
        except BaseException:
            self._connection.close()
            raise

    def _create_or_check_schema(self) -> None:
        found = self.execute("SELECT table_name FROM information_schema.tables WHERE table_name = 'polaris_format'")
        if not found:
            if self.execute("SELECT 1 FROM information_schema.tables LIMIT 1"):
                raise StoreError(
                    f"database {self.path!r} is not the emulator's: it holds tables of something else. "
                    "Choose a file that doesn't exist yet."
                )
            with self.transaction():
                for statement in _SCHEMA:
                    self.execute(statement)
            return
        ((stored,),) = self.execute("SELECT format FROM polaris_format")
        if stored != FORMAT:
            raise StoreError(
                f"database {self.path!r} has format {stored}, and this emulator reads format {FORMAT}. "
                "Use the version of the emulator that wrote it, or choose a file that doesn't exist yet."
            )

    def _prove_writable(self) -> None:
        """Write something: a full disk is refused at the start, not when the first job ends."""
        if self.path:
            with self.transaction():
                self.execute("UPDATE polaris_format SET format = format")
            self.execute("CHECKPOINT")

    def check(self) -> None:
        """
        Say whether the database can be used.

        :raises StorageError: It can't, since something failed for good.
        """
        if self._failed is not None:
            raise StorageError(self._failed, is_final=True)

    @contextmanager
    def failures_named(self) -> Iterator[None]:
        """
        Turn errors of DuckDB that say something about the file or its disk into :class:`StorageError`.

        :raises StorageError: Also at once if an earlier failure was final.
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
        """Close the database; calling it twice does no harm."""
        with self._lock:
            self._connection.close()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """
        Run one statement and fetch what it returns.

        Inside :meth:`transaction` or :meth:`snapshot` it is part of that, else it commits by itself.

        :param sql: One DuckDB statement; values go through ``parameters``.
        :return: All rows; empty for a statement that returns none.
        :raises StorageError: The file or its disk failed.
        :raises duckdb.Error: Anything else, as DuckDB raises it.
        """
        if self._local.cursor is not None:
            with self.failures_named():
                return _run(self._local.cursor, sql, parameters)
        with self._lock, self.failures_named():
            return _run(self._connection, sql, parameters)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """
        Make everything inside all or nothing, and keep other writers out.

        A transaction inside a transaction of the same thread joins it; once an exception has left the inner one, the
        outer one can't commit any more.

        :raises RuntimeError: Inside a :meth:`snapshot`, which only reads; or where an exception left an inner
            transaction and was caught before the outer one ended: everything has been rolled back then.
        """
        if self._local.cursor is not None:
            msg = "a snapshot only reads; leave it before starting a transaction"
            raise RuntimeError(msg)
        with self._lock:
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
                    msg = "an inner transaction failed: let its exception leave the outer one too"
                    raise RuntimeError(msg)
                self.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
            finally:
                self._local.writing = False

    def _roll_back(self) -> None:
        try:
            self._connection.execute("ROLLBACK")
        except duckdb.Error:
            # A failed COMMIT has ended the transaction already; its own error is the one to show.
            return

    @contextmanager
    def snapshot(self) -> Iterator[Callable[[str, Sequence[Any]], duckdb.DuckDBPyConnection]]:
        """
        Read one committed state without holding the lock; inside a transaction of this thread, read that one.

        :return: A function that runs one statement and returns DuckDB's cursor, to fetch from while inside.
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
            cursor.execute("FROM polaris_format").fetchall()  # DuckDB fixes the state with the first look at a table
        self._local.cursor = cursor
        try:
            yield cursor.execute
        finally:
            self._local.cursor = None
            cursor.close()

    def put_document(self, kind: str, key: str, doc: Mapping[str, Any]) -> None:
        """
        Write a JSON document; an existing one keeps its place in the order of :meth:`documents`.

        :param doc: Anything ``json.dumps`` takes.
        """
        body = json.dumps(doc, separators=(",", ":"), allow_nan=False)
        with self.transaction():
            ((updated,),) = self.execute(
                "UPDATE polaris_document SET body = ? WHERE kind = ? AND key = ?", (body, kind, key)
            )
            if not updated:
                self.execute(
                    "INSERT INTO polaris_document VALUES (?, ?, nextval('polaris_ordinal'), ?)", (kind, key, body)
                )

    def get_document(self, kind: str, key: str) -> dict[str, Any] | None:
        """
        Read one document.

        :return: A new dict, or None if there is no such document.
        """
        rows = self.execute("SELECT body FROM polaris_document WHERE kind = ? AND key = ?", (kind, key))
        return json.loads(rows[0][0]) if rows else None

    def delete_document(self, kind: str, key: str) -> None:
        """Forget a document; nothing happens if there is none."""
        self.execute("DELETE FROM polaris_document WHERE kind = ? AND key = ?", (kind, key))

    def documents(self, kind: str) -> list[dict[str, Any]]:
        """
        Read all documents of a kind, the one written first, first.

        :return: New dicts.
        """
        rows = self.execute("SELECT body FROM polaris_document WHERE kind = ? ORDER BY ordinal", (kind,))
        return [json.loads(body) for (body,) in rows]

    def put_blob(self, key: str, content: bytes | BinaryIO) -> None:
        """
        Write a blob, in place of an older one with this key; a file is read in pieces.

        :param key: Its name; no other blob's name begins with it and a slash.
        """
        file = io.BytesIO(content) if isinstance(content, bytes) else content
        with self.transaction():
            self.delete_blob(key)
            data = file.read(BLOB_PIECE)
            if len(data) < BLOB_PIECE:
                self.execute("INSERT INTO polaris_blob VALUES (?, ?)", (key, data))
                return
            for number in count():
                self.execute("INSERT INTO polaris_blob VALUES (?, ?)", (_piece_key(key, number), data))
                data = file.read(BLOB_PIECE)
                if not data:
                    return

    def open_blob(self, key: str) -> io.BufferedReader | None:
        """
        Read a blob, in pieces.

        :return: A file in the caller's transaction or snapshot; None if there is no such blob.
        """
        first = self._piece(key)
        if first is None:
            first = self._piece(_piece_key(key, 0))
        return None if first is None else io.BufferedReader(_BlobFile(self, key, first), _BUFFER)

    def _piece(self, key: str) -> bytes | None:
        rows = self.execute("SELECT data FROM polaris_blob WHERE key = ?", (key,))
        return rows[0][0] if rows else None

    def delete_blob(self, key: str) -> None:
        """Forget a blob; nothing happens if there is none."""
        self.execute("DELETE FROM polaris_blob WHERE key = ? OR starts_with(key, ?)", (key, f"{key}/"))


class _BlobFile(io.RawIOBase):
    """The pieces of a blob as one file, of which one is in memory."""

    def __init__(self, store: Store, key: str, first: bytes) -> None:
        self._store = store
        self._key = key
        self._data = memoryview(first)
        self._number = 0
        self._position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._data:
            self._number += 1
            self._data = memoryview(self._store._piece(_piece_key(self._key, self._number)) or b"")
        length = min(len(buffer), len(self._data))
        buffer[:length] = self._data[:length]
        self._data = self._data[length:]
        self._position += length
        return length

    def tell(self) -> int:
        return self._position


def _piece_key(key: str, number: int) -> str:
    # A blob of several pieces has none under the key alone: a version without pieces must not take the first for all.
    return f"{key}/{number}"


def _run(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    return connection.execute(sql, parameters or None).fetchall()
