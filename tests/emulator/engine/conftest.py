# SPDX-License-Identifier: Apache-2.0
"""A store in memory with a manual clock, and helpers that fill and read tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_polaris.emulator.engine import (
    BatchPlan,
    BatchTotals,
    Column,
    FileInput,
    MappingPlan,
    Store,
    TableDef,
    Tables,
    run_batch,
    run_query,
)

COLUMNS = (Column("city", "string"), Column("session_length", "long"))
SCHEMA = (Column("timestamp", "timestamp"), *COLUMNS)
FILE_MAPPINGS = (
    MappingPlan("__time", '"timestamp"'),
    MappingPlan("city", '"city"'),
    MappingPlan("session_length", '"session_length"'),
)
COPY = FILE_MAPPINGS[1:]
ROLLUP = (
    MappingPlan("__time", "TIME_FLOOR(\"__time\", 'PT1H')"),
    MappingPlan("city", 'UPPER("city")'),
    MappingPlan("max_session_length", 'MAX("session_length")', is_aggregation=True),
    MappingPlan("__count", "COUNT(*)", is_aggregation=True),
)

Row = tuple[str, str, int]

ROWS: Sequence[Row] = (
    ("2024-06-01T00:10:00.000Z", "Berlin", 10),
    ("2024-06-01T00:50:00.000Z", "berlin", 30),
    ("2024-06-01T01:20:00.000Z", "Oslo", 5),
    ("2024-06-02T02:00:00.000Z", "Oslo", 7),
    ("2024-06-03T03:00:00.000Z", "Lima", 9),
)


def day(number: int) -> datetime:
    """Return midnight of a day in June 2024, UTC."""
    return datetime(2024, 6, 1, tzinfo=timezone.utc) + timedelta(days=number - 1)


class Clock:
    """A clock that only advances in :meth:`tick`."""

    def __init__(self) -> None:
        self.now = datetime(2024, 7, 1, 12, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        return self.now

    def tick(self, seconds: float = 60) -> None:
        self.now += timedelta(seconds=seconds)


class Engine:
    """A store, its tables and helpers."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.tables = Tables(store)
        self.clock = clock

    def create(self, name: str, **changes: Any) -> TableDef:
        """Create a table."""
        return self.tables.create(TableDef(name, f"id-{name}", **changes))

    def load(self, name: str, rows: Sequence[Row] = ROWS, **changes: Any) -> BatchTotals:
        """Append rows to a table through a file, as a user does; create a missing table."""
        if self.tables.get(name) is None:
            self.create(name, columns=COLUMNS)
        lines = [json.dumps(dict(zip(("timestamp", "city", "session_length"), row, strict=True))) for row in rows]
        self.store.put_blob("rows.json", "\n".join(lines).encode())
        source = FileInput(("rows.json",), SCHEMA)
        return self.run(**{"target": name, "mode": "append", "source": source, "mappings": FILE_MAPPINGS, **changes})

    def run(self, **plan: Any) -> BatchTotals:
        """Run a batch job."""
        return run_batch(BatchPlan(**plan), self.tables, self.store)

    def rows(self, name: str, columns: str = "*") -> list[tuple[Any, ...]]:
        """Read a table's rows, sorted."""
        return sorted(run_query(f'SELECT {columns} FROM "{name}"', self.tables, self.store).rows, key=repr)

    def state(self) -> list[Any]:
        """Return everything that a failed job must not change."""
        names = [table.name for table in self.tables.list()]
        return [
            (self.tables.stored(n), self.rows(n), self.tables.stats(n), self.tables.unused_segments(n)) for n in names
        ]


@pytest.fixture
def clock() -> Clock:
    """A manual clock."""
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Iterator[Store]:
    """A store in memory."""
    store = Store(None, now=clock)
    yield store
    store.close()


@pytest.fixture
def engine(store: Store, clock: Clock) -> Engine:
    """A store in memory with helpers."""
    return Engine(store, clock)


@pytest.fixture
def open_engine(clock: Clock) -> Iterator[Callable[[str | None], Engine]]:
    """Open engines on files or in memory, and close all at the end."""
    opened: list[Store] = []

    def make(path: str | None) -> Engine:
        opened.append(Store(path, now=clock))
        return Engine(opened[-1], clock)

    yield make
    for one in opened:
        one.close()
