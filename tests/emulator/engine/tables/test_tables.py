# SPDX-License-Identifier: Apache-2.0
"""Table definitions: create, read, change, drop, and the errors of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_polaris.emulator.engine import Column, MappingPlan, TableDef, TableError, TableInput, TableStats
from tests.emulator.engine.conftest import COLUMNS, COPY, ROWS, Engine, day

EVENTS = TableDef(
    "events",
    "5c1b",
    type="aggregate",
    partitioning="hour",
    time_resolution="minute",
    schema_mode="strict",
    columns=(Column("city", "string"), Column("people", "HLLSketch")),
    attributes={"description": "who was where", "storagePolicy": {"retain": {"type": "period", "period": "P3M"}}},
)


def test_table_created_reads_back_as_written(engine: Engine) -> None:
    """Nothing of a definition is lost or reordered."""
    assert engine.tables.create(EVENTS) == EVENTS
    assert engine.tables.get("events") == EVENTS


def test_tables_are_listed_in_the_order_of_creation(engine: Engine) -> None:
    """An update doesn't move a table."""
    for name in ("b", "a", "c"):
        engine.create(name)
    engine.tables.update(TableDef("b", "id-b", version=1))
    assert [table.name for table in engine.tables.list()] == ["b", "a", "c"]


def test_table_that_is_not_there_reads_as_none(engine: Engine) -> None:
    """Names are case sensitive."""
    engine.create("events")
    assert engine.tables.get("Events") is None


def test_create_of_an_existing_name_is_refused(engine: Engine) -> None:
    """The first table is unchanged."""
    engine.create("events")
    with pytest.raises(TableError) as caught:
        engine.create("events", type="aggregate")
    assert (caught.value.reason, str(caught.value)) == ("exists", "table 'events' exists already.")
    table = engine.tables.get("events")
    assert table is not None
    assert table.type == "detail"


@pytest.mark.parametrize("name", ['quo"te', "Koalas Source", "sel;ect", "日本語", "data_1", "polaris_table", "it's"])
def test_table_of_any_name_holds_rows(engine: Engine, name: str) -> None:
    """Names are never used as SQL, and never refer to the engine's own tables."""
    engine.load(name)
    assert engine.tables.stats(name).total_rows == len(ROWS)
    engine.run(target=name, mode="append", source=TableInput(name), mappings=COPY)
    assert engine.tables.stats(name).total_rows == 2 * len(ROWS)


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ([Column("__segment", "long")], "'__segment': the emulator reserves this name."),
        ([Column("a", "long"), Column("a", "long")], "'a': it already has a column of this name."),
        (
            [Column("a", "long"), Column("A", "long")],
            "'A': it differs from column 'a' only by case.",
        ),
        ([Column("a", "geo")], "'a': the emulator can't store data type 'geo'."),
        ([Column("__time", "string")], "'__time': its data type is 'timestamp', not 'string'."),
    ],
)
def test_create_with_a_column_that_cannot_be_held_is_refused(engine: Engine, columns: list[Column], why: str) -> None:
    """The whole table is rejected, so that no column is lost."""
    with pytest.raises(TableError) as caught:
        engine.create("events", columns=tuple(columns))
    assert (caught.value.reason, str(caught.value)) == (
        "restricted_column",
        f"table 'events' can't have a column {why}",
    )
    assert engine.tables.get("events") is None


def test_update_counts_the_version_up_and_keeps_rows(engine: Engine) -> None:
    """Columns can be added to a table with data, and read as null."""
    engine.load("events")
    table = engine.tables.get("events")
    assert table is not None
    updated = engine.tables.update(replace(table, columns=(*COLUMNS, Column("note", "string"))))
    assert updated.version == 2
    assert engine.tables.get("events") == updated
    assert engine.rows("events", '"city", "note"')[0] == ("Berlin", None)


def test_update_with_a_stale_version_is_refused(engine: Engine) -> None:
    """Of two writers that read the same version, only one succeeds."""
    table = engine.create("events")
    engine.tables.update(replace(table, attributes={"description": "first"}))
    with pytest.raises(TableError) as caught:
        engine.tables.update(replace(table, attributes={"description": "second"}))
    assert caught.value.reason == "stale_version"
    assert str(caught.value) == (
        "table 'events' has version 2, and the update is for version 1. "
        "Read the table and apply the change to what it is now."
    )
    kept = engine.tables.get("events")
    assert kept is not None
    assert kept.attributes == {"description": "first"}


@pytest.mark.parametrize(
    "columns", [(COLUMNS[0],), (COLUMNS[0], Column("session_length", "string"))], ids=["removed", "retyped"]
)
def test_update_that_loses_a_column_of_a_table_with_data_is_refused(engine: Engine, columns: Any) -> None:
    """A column can be removed or retyped only while the table is empty."""
    engine.load("events")
    table = engine.tables.get("events")
    assert table is not None
    with pytest.raises(TableError) as caught:
        engine.tables.update(replace(table, columns=columns))
    assert (caught.value.reason, str(caught.value)) == (
        "not_empty",
        "column 'session_length' of table 'events' can't be changed or removed: the table has data.",
    )
    assert engine.tables.columns("events")[1:] == COLUMNS


def test_update_retypes_a_column_of_an_emptied_table(engine: Engine) -> None:
    """Empty means no live rows; replaced rows don't count."""
    engine.load("events")
    empty = {"source": TableInput("events", (day(20), day(21))), "mappings": COPY}
    engine.run(target="events", mode="replace", replace_all=True, **empty)
    table = engine.tables.get("events")
    assert table is not None
    engine.tables.update(replace(table, columns=(COLUMNS[0], Column("session_length", "string"))))
    mappings = (MappingPlan("city", '"city"'), MappingPlan("session_length", '"city"'))
    engine.load("other")
    engine.run(target="events", mode="append", source=TableInput("other"), mappings=mappings)
    assert engine.rows("events", '"session_length"')[0] == ("Berlin",)


def test_update_of_a_discovered_column_declares_it(engine: Engine) -> None:
    """A column that a job added becomes declared and keeps its values."""
    engine.load("source")
    engine.create("events")
    engine.run(target="events", mode="append", source=TableInput("source"), mappings=COPY)
    assert engine.tables.discovered("events") == COLUMNS
    table = engine.tables.get("events")
    assert table is not None
    engine.tables.update(replace(table, columns=(COLUMNS[0],)))
    assert engine.tables.discovered("events") == (COLUMNS[1],)
    assert engine.rows("events", '"city", "session_length"')[0] == ("Berlin", 10)


def test_drop_removes_rows_and_frees_the_name(engine: Engine) -> None:
    """A new table with the old name is empty."""
    engine.load("events")
    engine.tables.drop("events")
    assert engine.tables.get("events") is None
    engine.create("events")
    assert engine.tables.stats("events") == TableStats(0, 0, 0, None)


@pytest.mark.parametrize("call", ["drop", "columns", "discovered", "stats", "unused_segments", "used_segments"])
def test_call_on_a_missing_table_says_so(engine: Engine, call: str) -> None:
    """The error of every method names the missing table."""
    with pytest.raises(TableError) as caught:
        getattr(engine.tables, call)("nowhere")
    assert (caught.value.reason, str(caught.value)) == ("missing", "table 'nowhere' doesn't exist.")


def test_stats_measure_live_rows(engine: Engine) -> None:
    """Rows, segments, bytes (times and longs 8, text its length) and the range of __time."""
    engine.load("events")
    first, last = (row[0] for row in (ROWS[0], ROWS[-1]))
    stats = engine.tables.stats("events")
    assert (stats.total_rows, stats.segment_count) == (5, 3)
    # 5 rows of 16 bytes and 6 + 6 + 4 + 4 + 4 letters: 20.8 a row, rounded once a segment
    assert stats.total_bytes == round(3 * 20.8) + round(20.8) + round(20.8)
    assert stats.interval is not None
    assert [f"{instant:%Y-%m-%dT%H:%M:%S.000Z}" for instant in stats.interval] == [first, last]


def test_tables_survive_closing_the_file(open_engine: Callable[[str], Engine], tmp_path: Path) -> None:
    """Definitions, rows, segments and hidden rows survive a restart."""
    path = str(tmp_path / "polaris.duckdb")
    engine = open_engine(path)
    engine.load("events")
    plan = {"target": "events", "source": TableInput("events"), "mappings": COPY}
    engine.run(mode="replace", intervals=((day(1), day(2)),), filter_expression="\"city\" = 'Oslo'", **plan)
    before = engine.state()
    engine.store.close()

    again = open_engine(path)
    assert again.state() == before
    assert again.tables.stats("events").total_rows == 3
    assert len(again.tables.unused_segments("events")) == 1
