# SPDX-License-Identifier: Apache-2.0
"""Batch jobs over tables: read, map, roll up and store."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_polaris.emulator.engine import (
    BatchPlan,
    BatchTotals,
    Column,
    FileInput,
    MappingPlan,
    TableInput,
    plan_columns,
)
from tests.emulator.engine.conftest import COLUMNS, COPY, ROLLUP, ROWS, SCHEMA, Engine, Row, day

ROLLED_UP = [
    ("2024-06-01T00:00:00.000Z", "BERLIN", 30, 2),
    ("2024-06-01T01:00:00.000Z", "OSLO", 5, 1),
    ("2024-06-02T02:00:00.000Z", "OSLO", 7, 1),
    ("2024-06-03T03:00:00.000Z", "LIMA", 9, 1),
]
EVERYTHING = (datetime.min.replace(tzinfo=timezone.utc), datetime(5000, 1, 1, tzinfo=timezone.utc))


@pytest.fixture
def loaded(engine: Engine) -> Engine:
    """An engine with five rows in 'source'."""
    engine.load("source")
    return engine


def rollup(engine: Engine, **changes: Any) -> BatchTotals:
    if engine.tables.get("rollup") is None:
        engine.create("rollup", type="aggregate")
    plan = {"target": "rollup", "mode": "append", "source": TableInput("source"), "mappings": ROLLUP, **changes}
    return engine.run(**plan)


def test_rollup_groups_by_every_mapping_that_does_not_aggregate(loaded: Engine) -> None:
    """The hourly rollup of the vendor's page."""
    totals = rollup(loaded)
    # 5 rows of 20.8 bytes on average
    assert totals == BatchTotals(rows_processed=5, rows_persisted=4, rows_skipped_by_error=0, bytes_processed=104)
    assert loaded.rows("rollup") == ROLLED_UP


def test_rollup_run_twice_in_replace_mode_gives_the_same_table(loaded: Engine) -> None:
    """A repeated replace gives the same table."""
    for _ in range(2):
        rollup(loaded, mode="replace", intervals=((day(1), day(4)),))
    assert loaded.rows("rollup") == ROLLED_UP


def test_rollup_run_twice_in_append_mode_adds_the_rows_again(loaded: Engine) -> None:
    """A repeated append adds the rows again."""
    rollup(loaded)
    rollup(loaded)
    assert loaded.rows("rollup") == sorted(ROLLED_UP * 2)


def test_replace_reads_the_targets_intervals_only(loaded: Engine) -> None:
    """The target's intervals are added to the source as a filter; end excluded."""
    totals = rollup(loaded, mode="replace", intervals=((day(1), day(2)), (day(3), day(4))))
    assert totals.rows_processed == 4
    assert loaded.rows("rollup") == [ROLLED_UP[0], ROLLED_UP[1], ROLLED_UP[3]]


@pytest.mark.parametrize(
    ("interval", "rows"),
    [
        (None, 5),
        (EVERYTHING, 5),
        ((day(1), day(2)), 3),
        ((day(1) + timedelta(minutes=50), day(2) + timedelta(hours=2)), 2),
        ((EVERYTHING[0], day(2)), 3),
        ((day(2), EVERYTHING[1]), 2),
        ((day(20), day(21)), 0),
    ],
)
def test_source_interval_is_half_open(loaded: Engine, interval: Any, rows: int) -> None:
    """Start included, end excluded, the default interval reads all."""
    totals = rollup(loaded, source=TableInput("source", interval))
    assert totals.rows_processed == rows


def test_filter_selects_rows_by_source_columns(loaded: Engine) -> None:
    """The filter uses the input column, not the mapping of the same name; filtered rows don't count as processed."""
    totals = rollup(loaded, filter_expression="\"city\" = 'Oslo'")
    assert (totals.rows_processed, totals.rows_persisted) == (2, 2)
    assert loaded.rows("rollup") == ROLLED_UP[1:3]


def test_filter_with_or_does_not_escape_the_interval(loaded: Engine) -> None:
    """The filter is one condition among others."""
    rollup(loaded, mode="replace", intervals=((day(1), day(2)),), filter_expression="\"city\" = 'Oslo' OR TRUE")
    assert len(loaded.rows("rollup")) == 2


def test_time_left_out_is_mapped_to_itself(loaded: Engine) -> None:
    """In a rollup, rows are then merged only if they have the same millisecond."""
    rollup(loaded, mappings=ROLLUP[1:])
    assert sorted(row[0] for row in loaded.rows("rollup")) == [row[0] for row in ROWS]


def test_mapping_named_like_another_input_does_not_capture_it(loaded: Engine) -> None:
    """Expressions read the source, never each other."""
    swapped = (
        MappingPlan("session_length", 'CHAR_LENGTH("city")'),
        MappingPlan("city", 'UPPER("city")'),
        MappingPlan("twice", '"session_length" * 2'),
    )
    loaded.create("swapped")
    loaded.run(target="swapped", mode="append", source=TableInput("source"), mappings=swapped)
    assert loaded.rows("swapped", '"session_length", "city", "twice"')[0] == (4, "LIMA", 18)


def test_aggregates_without_dimensions_group_by_time_alone(loaded: Engine) -> None:
    """__time is the only grouping column."""
    rollup(loaded, mappings=(MappingPlan("__time", "TIME_FLOOR(\"__time\", 'P1M')"), ROLLUP[3]))
    assert loaded.rows("rollup") == [("2024-06-01T00:00:00.000Z", 5)]


def test_constant_dimension_groups_like_any_other(loaded: Engine) -> None:
    """A literal is not used as an ordinal."""
    rollup(loaded, mappings=(ROLLUP[0], MappingPlan("kind", "'session'"), MappingPlan("one", "7"), ROLLUP[3]))
    assert [row[1:] for row in loaded.rows("rollup")] == [("session", 7, 2), *([("session", 7, 1)] * 3)]


@pytest.mark.parametrize("mode", ["append", "replace"])
def test_source_that_is_the_target_is_read_as_it_was_before(loaded: Engine, mode: str) -> None:
    """The job reads a snapshot, without its own changes."""
    changes = {"intervals": ((day(1), day(2)),)} if mode == "replace" else {}
    mappings = (COPY[0], MappingPlan("session_length", '"session_length" + 100'))
    totals = loaded.run(target="source", mode=mode, source=TableInput("source"), mappings=mappings, **changes)
    lengths = sorted(row[0] for row in loaded.rows("source", '"session_length"'))
    if mode == "replace":
        assert (totals.rows_persisted, lengths) == (3, [7, 9, 105, 110, 130])
    else:
        assert (totals.rows_persisted, lengths) == (5, [5, 7, 9, 10, 30, 105, 107, 109, 110, 130])


def test_deleting_rows_by_replacing_with_the_rest_keeps_the_others(loaded: Engine) -> None:
    """The documented way to delete less than a segment."""
    loaded.run(
        target="source",
        mode="replace",
        source=TableInput("source"),
        mappings=COPY,
        intervals=((day(1), day(2)),),
        filter_expression="NOT \"city\" = 'Oslo'",
    )
    assert [row[1] for row in loaded.rows("source")] == ["Berlin", "berlin", "Oslo", "Lima"]


def test_self_append_with_many_hidden_segments_reads_each_live_row_once(loaded: Engine) -> None:
    """The condition that hides old segments also excludes the job's own rows."""
    rows: list[Row] = [(f"2024-06-{n:02d}T00:00:00.000Z", "x", n) for n in range(1, 31)]
    loaded.load("many", rows)
    for n in range(1, 31, 2):
        loaded.run(
            target="many", mode="replace", source=TableInput("many"), mappings=COPY, intervals=((day(n), day(n + 1)),)
        )
    loaded.run(target="many", mode="append", source=TableInput("many"), mappings=COPY)
    assert loaded.rows("many") == sorted(rows * 2)


def test_column_that_a_flexible_table_lacks_is_added(loaded: Engine) -> None:
    """Old rows read as null; the column is discovered, not declared."""
    loaded.load("target")
    mappings = (*COPY, MappingPlan("initial", 'SUBSTRING("city", 1, 1)'))
    loaded.run(target="target", mode="append", source=TableInput("source"), mappings=mappings)
    assert loaded.tables.discovered("target") == (Column("initial", "string"),)
    assert {row[0] for row in loaded.rows("target", '"initial"')} == {None, "B", "b", "O", "L"}


def test_column_that_is_not_mapped_is_null(loaded: Engine) -> None:
    """Unmapped source columns are dropped; unmapped target columns are empty."""
    loaded.create("target", columns=COLUMNS)
    loaded.run(target="target", mode="append", source=TableInput("source"), mappings=COPY[:1])
    assert {row[0] for row in loaded.rows("target", '"session_length"')} == {None}


@pytest.mark.parametrize(
    ("data_type", "expression", "value"),
    [
        ("double", '"session_length"', 9.0),
        ("string", '"session_length"', "9"),
        ("long", '"__time"', 1717383600000),
        ("string", 'UPPER("city")', "LIMA"),
    ],
)
def test_expression_of_a_convertible_type_is_converted(
    loaded: Engine, data_type: str, expression: str, value: Any
) -> None:
    """The column's type is used if the conversion is lossless."""
    loaded.create("target", columns=(Column("x", data_type),))
    source = TableInput("source", (day(3), day(4)))
    loaded.run(target="target", mode="append", source=source, mappings=(MappingPlan("x", expression),))
    assert loaded.rows("target", '"x"') == [(value,)]


@pytest.mark.parametrize(
    ("partitioned_by", "segments"), [(None, 3), ("hour", 4), ("month", 1), ("year", 1), ("all", 1), ("week", 2)]
)
def test_partitioning_of_the_job_wins_over_the_tables(loaded: Engine, partitioned_by: Any, segments: int) -> None:
    """Without it, the table's partitioning is used."""
    rollup(loaded, partitioned_by=partitioned_by)
    assert loaded.tables.stats("rollup").segment_count == segments


def test_clustering_columns_order_the_stored_rows(loaded: Engine) -> None:
    """The order applies to the storage order within a load."""
    loaded.create("target")
    loaded.run(target="target", mode="append", source=TableInput("source"), mappings=COPY, clustering_columns=("city",))
    stored = loaded.store.execute(f'SELECT "city" FROM {loaded.tables.stored("target").data_name}')
    assert [city for (city,) in stored] == ["Berlin", "Lima", "Oslo", "Oslo", "berlin"]


def test_sketch_columns_can_be_rolled_up_again(loaded: Engine) -> None:
    """A stored sketch counts distinct values across rows, which a stored number could not."""
    count = MappingPlan("cities", 'APPROX_COUNT_DISTINCT_DS_HLL("city")', is_aggregation=True)
    rollup(loaded, mappings=(ROLLUP[0], count))
    assert loaded.tables.columns("rollup")[1] == Column("cities", "HLLSketch")
    month = (MappingPlan("__time", "TIME_FLOOR(\"__time\", 'P1M')"), count_again())
    loaded.create("months", type="aggregate")
    loaded.run(target="months", mode="append", source=TableInput("rollup"), mappings=month)
    assert loaded.rows("months", 'APPROX_COUNT_DISTINCT_DS_HLL("cities")') == [(4,)]


def test_quantiles_of_stored_sketches_are_those_of_the_rows(loaded: Engine) -> None:
    """A table of a rollup keeps all values, so a further rollup and a query are exact."""
    sketch = MappingPlan("lengths", 'DS_QUANTILES_SKETCH("session_length")', is_aggregation=True)
    rollup(loaded, mappings=(ROLLUP[0], sketch))
    assert loaded.tables.columns("rollup")[1] == Column("lengths", "quantilesDoublesSketch")
    again = MappingPlan("lengths", 'APPROX_QUANTILE_DS("lengths", 0.5)', is_aggregation=True)
    loaded.create("months", type="aggregate")
    month = (MappingPlan("__time", "TIME_FLOOR(\"__time\", 'P1M')"), again)
    loaded.run(target="months", mode="append", source=TableInput("rollup"), mappings=month)
    quantiles = ", ".join(f'APPROX_QUANTILE_DS("{{}}", {fraction})' for fraction in (0, 0.5, 1))
    of_rows = loaded.rows("source", quantiles.format(*["session_length"] * 3))
    assert of_rows == [(5.0, 9.0, 30.0)]
    assert loaded.rows("months", quantiles.format(*["lengths"] * 3)) == of_rows
    assert loaded.rows("rollup", quantiles.format(*["lengths"] * 3)) == of_rows


def test_json_is_stored_as_parts_and_as_text(loaded: Engine) -> None:
    """A job makes JSON and reads it; the column keeps its type."""
    made = MappingPlan("o", "JSON_OBJECT('city': \"city\", 'length': \"session_length\")")
    loaded.create("target")
    loaded.run(target="target", mode="append", source=TableInput("source"), mappings=(COPY[0], made))
    assert loaded.tables.columns("target")[-1] == Column("o", "json")
    read = MappingPlan("length", "JSON_VALUE(\"o\", '$.length' RETURNING BIGINT)")
    loaded.create("read")
    loaded.run(target="read", mode="append", source=TableInput("target"), mappings=(COPY[0], read))
    assert loaded.rows("read", 'SUM("length")') == loaded.rows("source", 'SUM("session_length")')


def count_again() -> MappingPlan:
    return MappingPlan("cities", 'APPROX_COUNT_DISTINCT_DS_HLL("cities")', is_aggregation=True)


def test_plan_columns_are_typed_by_their_expressions(loaded: Engine) -> None:
    """The columns of a table that a job creates; times other than __time are longs."""
    mappings = (*ROLLUP[1:], MappingPlan("seen", 'MAX("__time")', is_aggregation=True), ROLLUP[0])
    plan = BatchPlan("new", "append", TableInput("source"), mappings)
    assert plan_columns(plan, loaded.tables) == (
        Column("__time", "timestamp"),
        Column("city", "string"),
        Column("max_session_length", "long"),
        Column("__count", "long"),
        Column("seen", "long"),
    )


def test_plan_columns_of_a_file_come_from_the_input_schema(engine: Engine) -> None:
    """No file is read."""
    plan = BatchPlan("new", "append", FileInput(("not there",), SCHEMA), (MappingPlan("__time", '"timestamp"'), *COPY))
    assert plan_columns(plan, engine.tables) == (Column("__time", "timestamp"), *COLUMNS)


def test_job_over_an_emptied_and_an_empty_source_processes_nothing(loaded: Engine) -> None:
    """No rows, no segments, no error."""
    loaded.create("empty", columns=COLUMNS)
    assert rollup(loaded, source=TableInput("empty")) == BatchTotals(0, 0, 0, 0)
    nothing = TableInput("source", (day(20), day(21)))
    loaded.run(target="source", mode="replace", replace_all=True, source=nothing, mappings=COPY)
    assert rollup(loaded) == BatchTotals(0, 0, 0, 0)
    assert loaded.tables.stats("rollup").segment_count == 0
