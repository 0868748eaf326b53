# SPDX-License-Identifier: Apache-2.0
"""Databases in memory share an instance of DuckDB and nothing else."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import duckdb
import pytest

from airflow_provider_polaris.emulator.engine import Store, memory
from airflow_provider_polaris.emulator.engine.memory import MemoryDatabase


@pytest.fixture
def instances(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[duckdb.DuckDBPyConnection]]:
    """The instances of DuckDB that were started in the test, which begins without one."""
    started: list[duckdb.DuckDBPyConnection] = []
    connect = memory.connect

    def start(path: None) -> duckdb.DuckDBPyConnection:
        started.append(connect(path))
        return started[-1]

    monkeypatch.setattr(memory, "_instances", {})
    monkeypatch.setattr(memory, "connect", start)
    yield started
    for instance in started:
        instance.close()


def _attached(instance: duckdb.DuckDBPyConnection) -> list[str]:
    return [name for (name,) in instance.execute("SELECT database_name FROM duckdb_databases()").fetchall()]


def test_stores_of_a_process_share_one_instance(instances: Any) -> None:
    """An instance costs more than all that a test usually asks of it."""
    for _ in range(3):
        with closing(Store()), closing(Store(":memory:")):
            assert len(_attached(instances[0])) == 5  # with DuckDB's own: memory, system, temp
    assert len(instances) == 1
    assert _attached(instances[0]) == ["memory", "system", "temp"]


def test_stores_do_not_see_each_other() -> None:
    """Neither documents, nor sequences, nor the temporary tables of a transaction, also not in a snapshot."""
    with closing(Store()) as one, closing(Store()) as other:
        one.put_document("job", "a", {"of": "one"})
        assert other.documents("job") == []
        with one.transaction(), other.transaction():
            for store in (one, other):
                store.execute("CREATE TEMP TABLE staged AS SELECT 1 AS a")
            other.put_document("job", "a", {"of": "other"})
        for store, name in ((one, "one"), (other, "other")):
            with store.snapshot() as read:
                assert read("SELECT body, ordinal FROM polaris_document", ()).fetchall() == [(f'{{"of":"{name}"}}', 1)]


def test_closed_store_ends_its_snapshots_and_closes_once() -> None:
    """As a database in a file does."""
    store = Store()
    with store.snapshot() as read:
        store.close()
        with pytest.raises(duckdb.ConnectionException):
            read("SELECT 1", ())
    store.close()


def test_forgotten_store_is_deleted(instances: Any) -> None:
    """Its rows don't stay in memory until the end of the process."""
    store = Store()
    with pytest.raises(duckdb.Error):
        store.execute("SELECT error('a failed transaction')")
    store.execute("BEGIN TRANSACTION")
    del store
    gc.collect()
    assert _attached(instances[0]) == ["memory", "system", "temp"]


def test_child_process_gets_an_instance_of_its_own(instances: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The threads of the parent's instance don't exist there, so a query would wait forever."""
    with closing(Store()):
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with closing(Store()) as store:
            store.put_document("job", "a", {})
    assert len(instances) == 2


def test_fatal_error_of_one_database_ends_no_later_one(instances: Any) -> None:
    """DuckDB ends the whole instance with it."""

    class Ended:
        def cursor(self) -> Any:
            return self

        def execute(self, sql: str) -> None:
            raise duckdb.FatalException("database has been invalidated because of a previous fatal error")

    memory._instances[os.getpid()] = Ended()  # type: ignore[assignment]
    for _ in range(2):
        with closing(MemoryDatabase()) as database:
            assert database.execute("SELECT 1").fetchall() == [(1,)]
    assert len(instances) == 1


def test_statement_that_is_repeated_sees_the_tables_as_they_are() -> None:
    """It is parsed once and planned each time, in any database."""
    query = "SELECT * FROM t WHERE a > ?"
    for columns, row in (("a INTEGER", (1,)), ("b VARCHAR, a DOUBLE", ("x", 2.5))):
        with closing(MemoryDatabase()) as database:
            database.execute(f"CREATE TABLE t ({columns})")
            database.execute(f"INSERT INTO t VALUES {row}" if len(row) > 1 else f"INSERT INTO t VALUES ({row[0]})")
            assert database.execute(query, [0]).fetchall() == [row]
            assert database.execute(query, [9]).fetchall() == []
    with closing(MemoryDatabase()) as database:
        assert database.execute("SELECT 1; SELECT 2").fetchall() == [(2,)]
        with pytest.raises(duckdb.ParserException):
            database.execute("SELEC 1")
