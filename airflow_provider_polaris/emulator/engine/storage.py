# SPDX-License-Identifier: Apache-2.0
"""
Open a database file with DuckDB, and classify DuckDB's errors about the file and its disk.

The settings are passed with the call that opens the file. Without them, DuckDB would download an extension for a file
of another program (SQLite) or for a path with a prefix (``md:``).
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
import uuid
from pathlib import Path
from typing import Any, Final

import duckdb

from airflow_provider_polaris.emulator.engine.model import StorageError, StoreError

#: No downloads and no loading of code. The required extensions (icu, json, parquet) are part of DuckDB's wheels.
NO_EXTENSIONS: Final[dict[str, Any]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_unsigned_extensions": "false",
    "python_enable_replacements": "false",
}
MEMORY: Final = ":memory:"
"""DuckDB's name of a database in memory."""

# The zone is a setting of an extension, which exists only after the database is open.
_LATE_SETTINGS: Final = ("SET GLOBAL TimeZone = 'UTC'", "SET lock_configuration = true")
_MAGIC: Final = b"DUCK"
_SQLITE: Final = b"SQLite format 3\0"


def _texts(*names: str) -> tuple[str, ...]:
    """Return the system's texts for error numbers, which DuckDB repeats. Not every system has all numbers."""
    return tuple(os.strerror(number) for name in names if (number := getattr(errno, name, None)) is not None)


_FULL: Final = (*_texts("ENOSPC", "EDQUOT"), "There is not enough space on the disk")
_READ_ONLY: Final = _texts("EROFS", "EACCES", "EPERM")
# OBSERVED with DuckDB 1.4.0 and 2.0.0: with truncated files and files with overwritten bytes.
_DAMAGED: Final = (*_texts("EIO"), "Corrupt ", "Could not read enough bytes", "Failure while replaying WAL")
_INVALIDATED: Final = "database has been invalidated"
_ORIGINAL: Final = 'Original error: "'


def connect(path: str | None) -> duckdb.DuckDBPyConnection:
    """
    Open a database with extensions and access to other files disabled.

    :param path: Database file, created if missing; None uses memory.
    :raises StoreError: The file can't be opened, or is not a database.
    """
    place = MEMORY
    if path:
        # An absolute path has no prefix that selects an extension.
        place = os.path.abspath(os.path.expanduser(path))
        _check_is_database(path, place)
    settings = {
        **NO_EXTENSIONS,
        "enable_external_access": "false",
        # Beyond its memory limit (DuckDB's default, most of the machine or container), DuckDB spills to this folder,
        # not to the working directory.
        "temp_directory": str(Path(tempfile.gettempdir()) / f"polaris-emulator-{uuid.uuid4().hex}"),
    }
    try:
        connection = duckdb.connect(place, config=settings)
    except duckdb.Error as error:
        raise opening_error(path, error) from error
    try:
        for statement in _LATE_SETTINGS:
            connection.execute(statement)
    except duckdb.Error as error:
        connection.close()
        raise opening_error(path, error) from error
    return connection


def opening_error(path: str | None, error: duckdb.Error) -> StoreError:
    """Return the reason why a database can't be opened, and the fix."""
    failure = failure_of(path, error)
    if failure is not None:
        return StoreError(str(failure))
    return StoreError(
        f"{_named(path)} can't be opened: {_first_line(error)!r}. "
        "Stop the process that uses it, or choose another file (its folder must exist)."
    )


def failure_of(path: str | None, error: duckdb.Error) -> StorageError | None:
    """
    Convert an error about the file or its disk to a :class:`StorageError`.

    :param path: The database file; None for a database in memory, which uses the disk only beyond its memory limit.
    :return: None for other errors.
    """
    # Errors of other types may repeat a user's text.
    if type(error) is not duckdb.Error and not isinstance(
        error, (duckdb.IOException, duckdb.FatalException, duckdb.SerializationException, duckdb.TransactionException)
    ):
        return None
    text = str(error)
    is_final = isinstance(error, duckdb.FatalException) or _INVALIDATED in text
    what, reason = _named(path), _first_line(error)
    if any(one in text for one in _FULL):
        folder = os.path.dirname(os.path.abspath(path)) if path else tempfile.gettempdir()
        then = ", then restart the emulator" if is_final else ""
        message = f"{what} can't be written, because the disk is full: {reason!r}. Free space for {folder!r}{then}."
    elif any(one in text for one in _READ_ONLY):
        message = (
            f"{what} can't be written, because the file or its folder is read-only: {reason!r}. "
            "Make both writable, or choose another file."
        )
    elif any(one in text for one in _DAMAGED):
        message = f"{what} is damaged: {reason!r}. Restore it from a copy, or choose a file that doesn't exist yet."
    elif is_final:
        message = f"{what} can no longer be used: {reason!r}. Restart the emulator."
    else:
        return None
    return StorageError(message, is_final=is_final)


def _check_is_database(path: str, place: str) -> None:
    try:
        if not stat.S_ISREG(os.stat(place).st_mode):
            raise StoreError(f"{path!r} is not a file. Choose a file that doesn't exist yet.")
        with open(place, "rb") as file:
            head = file.read(16)
    except OSError:
        return  # it doesn't exist, or DuckDB reports why it can't be read
    if head[8:12] == _MAGIC:
        return
    why = "doesn't begin like one"
    if not head:
        why = "is empty"
    elif head == _SQLITE:
        why = "begins like a SQLite database"
    raise StoreError(f"file {path!r} is no DuckDB database: it {why}. Choose a file that doesn't exist yet.")


def _named(path: str | None) -> str:
    return f"database {path!r}" if path else "the database in memory"


def _first_line(error: duckdb.Error) -> str:
    """Return the first line of the error, without DuckDB's advice and stack trace."""
    text = str(error)
    return text.rpartition(_ORIGINAL)[2].partition("\n")[0].removesuffix('"').strip()
