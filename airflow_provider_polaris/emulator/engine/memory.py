# SPDX-License-Identifier: Apache-2.0
"""
Databases in memory: any number of them in one DuckDB instance of the process.

A DuckDB instance takes 17 ms of CPU time, because it registers its functions; one more database in it takes 0.3 ms. A
test suite opens a database per test.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from itertools import count
from typing import Any, Final
from weakref import finalize

import duckdb

from airflow_provider_polaris.emulator.engine.storage import connect

_lock: Final = threading.Lock()
_numbers: Final = count()
#: By process id: the threads of an instance don't survive a fork, so a child process needs an instance of its own.
_instances: Final[dict[int, duckdb.DuckDBPyConnection]] = {}
#: Parsed statements by their text. Parsing takes a fifth of a short statement's time, and most are repeated.
_parsed: Final[dict[str, duckdb.Statement]] = {}
_MOST_PARSED: Final = 500
_LONGEST_PARSED: Final = 500


class MemoryDatabase:
    """
    A connection to a new, empty database in memory, which no other connection sees except its :meth:`cursor`.

    The database is deleted by :meth:`close`, or with this object. It has the settings of
    :func:`~airflow_provider_polaris.emulator.engine.storage.connect`. All databases of the process share DuckDB's
    memory limit and threads.

    :raises StoreError: DuckDB can't make a database.
    """

    def __init__(self) -> None:
        self._name = f"memory_{next(_numbers)}"
        with _lock:
            self._connection = _attached(self._name)
        self._delete = finalize(self, _delete, self._connection, self._name)

    def execute(self, sql: str, parameters: Any = None) -> duckdb.DuckDBPyConnection:
        """Run one statement; errors and the result as for a connection of DuckDB."""
        return self._connection.execute(_parse(self._connection, sql), parameters)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return another connection to this database, with transactions of its own; the caller closes it."""
        cursor = self._connection.cursor()
        cursor.execute(f"USE {self._name}")
        return cursor

    def close(self) -> None:
        """Delete the database and close its cursors; a second call has no effect."""
        self._delete()


def _parse(connection: duckdb.DuckDBPyConnection, sql: str) -> str | duckdb.Statement:
    """Return a short statement parsed; the text of a long one, which is hardly ever repeated."""
    if len(sql) > _LONGEST_PARSED:
        return sql
    statement = _parsed.get(sql)
    if statement is None:
        statements = connection.extract_statements(sql)
        if len(statements) != 1:
            return sql
        if len(_parsed) >= _MOST_PARSED:
            _parsed.clear()
        statement = _parsed[sql] = statements[0]
    return statement


def _attached(name: str) -> duckdb.DuckDBPyConnection:
    process = os.getpid()
    if process not in _instances:
        _instances[process] = connect(None)
    connection = _instances[process].cursor()
    try:
        connection.execute(f"ATTACH ':memory:' AS {name}")
    except duckdb.FatalException:
        # A fatal error in another database has ended the instance for all of them.
        _instances[process] = connect(None)
        connection = _instances[process].cursor()
        connection.execute(f"ATTACH ':memory:' AS {name}")
    connection.execute(f"USE {name}")
    return connection


def _delete(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    with suppress(duckdb.Error):  # no transaction is active
        connection.execute("ROLLBACK")
    with suppress(duckdb.Error):  # the instance has had a fatal error
        connection.execute("USE memory")
        connection.execute(f"DETACH {name}")
    connection.close()
