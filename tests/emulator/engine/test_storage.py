# SPDX-License-Identifier: Apache-2.0
"""Opening DuckDB, its restrictions from the start, and the errors about file and disk."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_polaris.emulator.engine import StorageError, Store, StoreError, memory
from airflow_provider_polaris.emulator.engine.storage import failure_of

#: DuckDB's messages, observed with 1.4.0 and 2.0.0.
FULL = (
    'FATAL Error: Failed to create checkpoint because of error: Could not write file "/d/a.db": No space left on device'
)
INVALID = (
    "FATAL Error: Failed: database has been invalidated because of a previous fatal error. The database must be "
    'restarted prior to being used again.\nOriginal error: "{}"'
)


def _sqlite(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE a (b)")
        other.commit()


@pytest.mark.parametrize("path", [None, "polaris.db"])
def test_settings_are_there_from_the_first_byte(path: str | None, tmp_path: Path, monkeypatch: Any) -> None:
    """A feature that is disabled after the open call would be enabled during the open."""
    seen: list[dict[str, Any]] = []
    connect = duckdb.connect
    monkeypatch.setattr(memory, "_instances", {})
    monkeypatch.setattr(duckdb, "connect", lambda place, config: seen.append(config) or connect(place, config=config))
    Store(path and str(tmp_path / path)).close()
    (config,) = seen
    assert {**config, "temp_directory": ""} == {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_unsigned_extensions": "false",
        "python_enable_replacements": "false",
        "enable_external_access": "false",
        "temp_directory": "",
    }


@pytest.mark.parametrize(
    "path",
    [
        "notes.sqlite",
        "begins_as_ours.db",
        "sqlite:x.db",
        "md:x",
        "postgres:dbname=x",
        "http://127.0.0.1:1/x.db",
        "s3://bucket/x.db",
    ],
)
def test_no_path_makes_duckdb_reach_for_the_network(path: str, tmp_path: Path, proxy: Any) -> None:
    """Neither another program's file nor a path prefix causes a request; DuckDB would use the proxy of the
    environment.
    """
    _sqlite(tmp_path / "notes.sqlite")
    (tmp_path / "begins_as_ours.db").write_bytes(b"\0" * 8 + b"DUCK" + b"\0" * 20_000)
    script = f"""if True:
        from airflow_provider_polaris.emulator.engine import Store, StoreError
        try:
            Store({path!r}).close()
        except StoreError:
            pass
        """
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, timeout=120)
    assert proxy[1] == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"hi", "doesn't begin like one"),
        (b"dear diary\n" * 1000, "doesn't begin like one"),
        (b"PAR1" + b"\0" * 5000, "doesn't begin like one"),
        (None, "begins like a SQLite database"),
    ],
)
def test_file_of_something_else_is_refused_by_name_and_kept(content: bytes | None, why: str, tmp_path: Path) -> None:
    """DuckDB would open a Parquet file, and look for an extension for a SQLite file."""
    path = tmp_path / "notes.db"
    _sqlite(path) if content is None else path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        Store(str(path))
    assert str(caught.value) == (
        f"file {str(path)!r} is no DuckDB database: it {why}. Choose a file that doesn't exist yet."
    )
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["notes.db"]


@pytest.mark.parametrize("kind", ["folder", "fifo"])
def test_what_is_no_file_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    """Opening a named pipe would wait for a writer."""
    path = tmp_path / "x"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(StoreError) as caught:
        Store(str(path))
    assert str(caught.value) == f"{str(path)!r} is not a file. Choose a file that doesn't exist yet."


@pytest.mark.parametrize("damage", ["overwritten", "cut"])
def test_damaged_file_is_refused_by_name(damage: str, tmp_path: Path) -> None:
    """The message has the file, DuckDB's reason and the fix."""
    path = tmp_path / "polaris.db"
    store = Store(str(path))
    store.put_blob("x", os.urandom(1_000_000))
    store.close()
    content = path.read_bytes()
    path.write_bytes(content[:6000] if damage == "cut" else content[:4096] + b"\xff" * 8192 + content[12288:])
    with pytest.raises(StoreError) as caught:
        Store(str(path))
    message = str(caught.value)
    assert message.startswith(f"database {str(path)!r} is damaged: ")
    assert message.endswith(". Restore it from a copy, or choose a file that doesn't exist yet.")


def test_block_that_is_damaged_is_told_when_it_is_read(tmp_path: Path) -> None:
    """Opening reads few blocks; a read of the damaged block raises an error, which is not final."""
    path = tmp_path / "polaris.db"
    store = Store(str(path))
    blob = os.urandom(1_000_000)
    store.put_blob("x", blob)
    store.close()
    content = path.read_bytes()
    place = content.index(blob[500_000:501_000])
    path.write_bytes(content[:place] + b"\xff" * 64 + content[place + 64 :])
    store = Store(str(path))
    for _ in range(2):
        with pytest.raises(StorageError) as caught:
            store.open_blob("x")
        assert str(caught.value).startswith(f"database {str(path)!r} is damaged: ")
    store.put_document("job", "a", {})
    store.close()


DISK_IS_FULL = "can't be written, because the disk is full: {!r}. Free space for '/d'{}."
READ_ONLY = (
    "can't be written, because the file or its folder is read-only: {!r}. Make both writable, or choose another file."
)
DAMAGED = "is damaged: {!r}. Restore it from a copy, or choose a file that doesn't exist yet."
UNUSABLE = "can no longer be used: {!r}. Restart the emulator."
AGAIN = ", then restart the emulator"


@pytest.mark.parametrize(
    ("kind", "text", "message", "is_final"),
    [
        (duckdb.FatalException, FULL, DISK_IS_FULL.format(FULL, AGAIN), True),
        (duckdb.FatalException, INVALID.format(FULL), DISK_IS_FULL.format(FULL, AGAIN), True),
        (duckdb.TransactionException, "Disk quota exceeded", DISK_IS_FULL.format("Disk quota exceeded", ""), False),
        (duckdb.IOException, "Permission denied\n\nmore", READ_ONLY.format("Permission denied"), False),
        (duckdb.IOException, "Read-only file system", READ_ONLY.format("Read-only file system"), False),
        (duckdb.Error, "Corrupt database file: block 3", DAMAGED.format("Corrupt database file: block 3"), False),
        (duckdb.IOException, "Input/output error", DAMAGED.format("Input/output error"), False),
        (duckdb.FatalException, "FATAL Error: x", UNUSABLE.format("FATAL Error: x"), True),
    ],
)
def test_errors_about_the_disk_say_file_reason_and_fix(kind: Any, text: str, message: str, is_final: bool) -> None:
    """Without DuckDB's stack trace, and without its advice for other programs."""
    failure = failure_of("/d/a.db", kind(text))
    assert failure is not None
    assert (str(failure), failure.is_final) == (f"database '/d/a.db' {message}", is_final)


def test_error_about_the_disk_of_a_database_in_memory_names_the_spill_folder(monkeypatch: Any) -> None:
    """Beyond its memory limit, DuckDB writes to the folder for temporary files."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/spill")
    failure = failure_of(None, duckdb.IOException("IO Error: Could not write file: No space left on device"))
    assert str(failure) == (
        "the database in memory can't be written, because the disk is full: 'IO Error: Could not write file: No space "
        "left on device'. Free space for '/spill'."
    )


@pytest.mark.parametrize(
    "error",
    [
        duckdb.ConversionException("Conversion Error: Could not convert string 'No space left on device' to INT64"),
        duckdb.InvalidInputException("Invalid Input Error: Corrupt database has been invalidated"),
        duckdb.IOException("IO Error: Could not set lock on file"),
    ],
)
def test_errors_about_something_else_are_none_of_the_disk(error: duckdb.Error) -> None:
    """DuckDB's errors repeat texts of users."""
    assert failure_of("/d/a.db", error) is None


class Failing:
    """A DuckDB connection in which one statement fails as on a full disk."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, statement: str, error: duckdb.Error) -> None:
        self._connection = connection
        self._statement = statement
        self._error = error

    def execute(self, sql: str, parameters: Any = None) -> Any:
        if sql.startswith(self._statement):
            raise self._error
        return self._connection.execute(sql, parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def test_commit_on_a_full_disk_is_told_and_rolled_back(store: Store) -> None:
    """After an error that is not final, the database is unchanged and usable."""
    whole = store._connection
    full = duckdb.TransactionException("TransactionContext Error: Failed to commit: No space left on device")
    store._connection = Failing(whole, "COMMIT", full)  # type: ignore[assignment]
    with pytest.raises(StorageError, match="because the disk is full"):
        store.put_document("job", "a", {})
    store._connection = whole
    assert store.documents("job") == []


def test_final_failure_is_repeated_by_every_call_without_asking_duckdb(store: Store) -> None:
    """The first reason is kept, because DuckDB's later errors don't repeat it."""
    store._connection = Failing(store._connection, "COMMIT", duckdb.FatalException(FULL))  # type: ignore[assignment]
    with pytest.raises(StorageError) as first:
        store.put_document("job", "a", {})
    calls = [store.check, lambda: store.documents("job"), lambda: store.put_document("job", "a", {})]
    for call in [*calls, lambda: store.snapshot().__enter__()]:
        with pytest.raises(StorageError) as again:
            call()
        assert str(again.value) == str(first.value)


def test_store_on_a_disk_that_is_full_refuses_to_start(tmp_path: Path, monkeypatch: Any) -> None:
    """DuckDB opens the file, and would fail only at the first commit."""
    path = str(tmp_path / "polaris.db")
    Store(path).close()
    connect = duckdb.connect
    monkeypatch.setattr(
        duckdb,
        "connect",
        lambda place, config: Failing(connect(place, config=config), "COMMIT", duckdb.FatalException(FULL)),
    )
    with pytest.raises(StoreError) as caught:
        Store(path)
    assert str(caught.value) == (
        f"database {path!r} can't be written, because the disk is full: {FULL!r}. Free space for {str(tmp_path)!r}, "
        "then restart the emulator."
    )


def test_path_with_a_prefix_is_a_file_like_any_other(tmp_path: Path, monkeypatch: Any) -> None:
    """DuckDB would look for an extension of this name."""
    monkeypatch.chdir(tmp_path)
    Store("md:x").close()
    assert [one.name for one in tmp_path.iterdir()] == ["md:x"]


def test_store_takes_a_path_below_the_home_folder_and_memory_by_its_name(tmp_path: Path, monkeypatch: Any) -> None:
    """DuckDB's rules apply to both."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    Store("~/polaris.db").close()
    Store(":memory:").close()
    assert [one.name for one in tmp_path.iterdir()] == ["polaris.db"]
