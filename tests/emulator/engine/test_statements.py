# SPDX-License-Identifier: Apache-2.0
"""
The cost of a job: DuckDB's statements, reads of the source, and rows fetched by Python; `make bench` measures times.

DuckDB processes the rows. So the number of statements doesn't grow with the rows of a table, and no row is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_provider_polaris.emulator.engine import TableInput
from tests.emulator.engine.conftest import COPY, ROLLUP, Engine, day

FEW, MANY = 12, 6000
DAYS = 3


@dataclass
class Work:
    """
    The statements that were sent to DuckDB.

    :param statements: The statements, without their numbers, which differ from load to load.
    :param fetched: Number of rows that Python fetched.
    """

    statements: list[str] = field(default_factory=list)
    fetched: int = 0

    def reads(self, data_name: str) -> int:
        """Return the number of statements that read a table's data."""
        return sum(f"FROM {data_name}" in re.sub(r"INSERT INTO \S+", "", sql) for sql in self.statements)


def filled(engine: Engine, rows: int) -> Engine:
    """Return the engine with a table 'source' with this number of rows, of three days, in two loads."""
    data = [(f"2024-06-{1 + n % DAYS:02d}T{n % 24:02d}:00:00Z", f"city {n % 7}", n) for n in range(rows)]
    engine.load("source", data[: rows // 2])
    engine.load("source", data[rows // 2 :])
    return engine


def work_of(engine: Engine, act: Callable[[Engine], Any], monkeypatch: pytest.MonkeyPatch) -> Work:
    """Return the DuckDB statements of an action."""
    work, execute = Work(), engine.store.execute

    def note(sql: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        rows = execute(sql, parameters)
        work.statements.append(sql)
        work.fetched += len(rows)
        return rows

    with monkeypatch.context() as patch:
        patch.setattr(engine.store, "execute", note)
        act(engine)
    return work


def rollup(engine: Engine) -> None:
    """Roll up the source and replace all rows of the target."""
    engine.run(target="target", mode="replace", replace_all=True, source=TableInput("source"), mappings=ROLLUP)


def append(engine: Engine) -> None:
    """Copy the source's detail rows."""
    engine.run(target="target", mode="append", source=TableInput("source"), mappings=COPY)


def replace_a_day(engine: Engine) -> None:
    """Replace a day of the target with that day of the source."""
    second_day = ((day(2), day(3)),)
    source = TableInput("source")
    engine.run(target="target", mode="replace", source=source, mappings=COPY, intervals=second_day)


@pytest.mark.parametrize(
    ("act", "table_type", "reads"),
    [(rollup, "aggregate", 2), (append, "detail", 1), (replace_a_day, "detail", 1)],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_job_costs_as_many_statements_for_few_rows_as_for_many(
    act, table_type, reads, open_engine, monkeypatch
) -> None:
    """A rollup reads the source twice, to count and to insert, and any other job once."""
    costs = []
    for rows in (FEW, MANY):
        engine = filled(open_engine(None), rows)
        engine.create("target", type=table_type)
        costs.append(work_of(engine, act, monkeypatch))
        assert costs[-1].reads(engine.tables.stored("source").data_name) == reads
    few, many = costs
    assert len(few.statements) == len(many.statements)
    assert many.fetched == few.fetched < MANY / 100


def test_job_over_a_source_with_hidden_segments_costs_no_more(open_engine, monkeypatch) -> None:
    """The same statement skips replaced rows."""
    costs = []
    for replaced in (False, True):
        engine = filled(open_engine(None), MANY)
        if replaced:
            source, second_day = TableInput("source"), ((day(2), day(3)),)
            engine.run(target="source", mode="replace", source=source, mappings=COPY, intervals=second_day)
        engine.create("target", type="aggregate")
        costs.append(work_of(engine, rollup, monkeypatch))
    plain, skipping = costs
    assert len(skipping.statements) == len(plain.statements)
    assert skipping.fetched < MANY / 100


def test_file_costs_as_many_statements_for_few_rows_as_for_many(open_engine, monkeypatch) -> None:
    """DuckDB reads the file, not Python."""

    def cost(rows: int) -> Work:
        data = [(f"2024-06-{1 + n % DAYS:02d}T00:00:00Z", f"city {n % 7}", n) for n in range(rows)]
        return work_of(open_engine(None), lambda engine: engine.load("source", data), monkeypatch)

    few, many = cost(FEW), cost(MANY)
    assert len(few.statements) == len(many.statements)
    assert many.fetched < MANY / 100
