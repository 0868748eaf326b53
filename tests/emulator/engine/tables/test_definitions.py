# SPDX-License-Identifier: Apache-2.0
"""Definitions are read from memory, and are always those that DuckDB has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import duckdb
import pytest

from airflow_provider_polaris.emulator.engine import Column, Store, TableDef, Tables
from airflow_provider_polaris.emulator.engine import store as stores

EVENTS = TableDef(name="events", id="1", columns=(Column("city", "string"),))
ALL = ("events", "other")


@pytest.fixture
def tables(store: Store) -> Tables:
    """The tables of an empty store."""
    return Tables(store)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The queries for definitions that DuckDB answered."""
    queries: list[str] = []
    run = stores._run

    def count(connection: Any, sql: str, parameters: Any) -> Any:
        if sql.startswith("SELECT") and "polaris_table" in sql:
            queries.append(sql)
        return run(connection, sql, parameters)

    monkeypatch.setattr(stores, "_run", count)
    return queries


def _seen(store: Store) -> list[str]:
    """The tables that exist, by name and by list, read with new and with known questions."""
    tables = Tables(store)
    named = [name for name in ALL if tables.get(name)]
    assert [table.name for table in tables.list()] == named
    return named


def test_definition_is_asked_for_once_until_it_changes(store: Store, tables: Tables, asked: list[str]) -> None:
    """Also if the table doesn't exist, and by every user of the store."""
    tables.create(EVENTS)
    asked.clear()
    for _ in range(3):
        assert _seen(store) == ["events"]
    assert len(asked) == 3  # each name, and the list
    tables.update(replace(EVENTS, type="detail"))
    assert tables.get("events").version == 2  # type: ignore[union-attr]


def test_definition_of_a_transaction_that_fails_is_forgotten(store: Store, tables: Tables) -> None:
    """A job that creates a table and fails leaves none; a table that it dropped is there again."""
    tables.create(EVENTS)
    with pytest.raises(KeyError), store.transaction():  # noqa: PT012
        tables.drop("events")
        tables.create(replace(EVENTS, name="other"))
        assert _seen(store) == ["other"]
        raise KeyError
    assert _seen(store) == ["events"]


def test_definition_whose_commit_fails_is_forgotten(store: Store, tables: Tables, monkeypatch: Any) -> None:
    """As on a full disk."""
    run = stores._run

    def fail(connection: Any, sql: str, parameters: Any) -> Any:
        if sql == "COMMIT":
            assert _seen(store) == ["events"]
            raise duckdb.TransactionException("Failed to commit")
        return run(connection, sql, parameters)

    monkeypatch.setattr(stores, "_run", fail)
    with pytest.raises(duckdb.TransactionException):
        tables.create(EVENTS)
    monkeypatch.undo()
    assert _seen(store) == []


def test_definition_in_a_snapshot_is_that_of_its_state(store: Store, tables: Tables) -> None:
    """Neither does the snapshot see a later table, nor do later readers see its old state."""
    with store.snapshot():
        assert _seen(store) == []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store._local, "cursor", None)  # another thread
            tables.create(EVENTS)
            assert _seen(store) == ["events"]
        assert _seen(store) == []
    assert _seen(store) == ["events"]


@pytest.mark.parametrize("soft", [True, False])
def test_definition_follows_every_change(store: Store, tables: Tables, soft: bool) -> None:
    """Dropped for good or not, and taken over by a new table of its name."""
    tables.create(EVENTS)
    assert _seen(store) == ["events"]
    tables.drop("events", soft=soft)
    assert _seen(store) == []
    tables.create(replace(EVENTS, columns=()))
    assert tables.get("events").columns == ()  # type: ignore[union-attr]


def test_memory_for_definitions_is_bounded(store: Store, tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients may ask for any number of tables that don't exist."""
    monkeypatch.setattr(stores, "_MOST_QUERIES", 3)
    assert [tables.get(f"missing {number}") for number in range(10)] == [None] * 10
    assert len(store._definitions) <= 3
