# SPDX-License-Identifier: Apache-2.0
"""Failed jobs have the vendor's code and a message, and leave the tables unchanged."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.emulator.engine import BatchPlan, Column, JobFault, MappingPlan, TableInput, plan_columns
from tests.emulator.engine.conftest import COLUMNS, COPY, ROLLUP, Engine, day

TWO_DAYS = ((day(1), day(3)),)


def mapped(column: str, expression: str, aggregate: bool = False) -> tuple[MappingPlan, ...]:
    return (MappingPlan(column, expression, aggregate),)


CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown function": (
        {"mappings": mapped("x", 'FROBNICATE("city")')},
        "query_not_supported",
        "mapping of column 'x': function 'FROBNICATE' is not supported.",
    ),
    "unknown column": (
        {"mappings": mapped("x", '"town"')},
        "query_not_supported",
        "mapping of column 'x': Column 'town' not found in any table; known are '__time', 'city', 'session_length'.",
    ),
    "filter on an unknown column": (
        {"mappings": COPY, "filter_expression": "\"town\" = 'Oslo'"},
        "query_not_supported",
        "filterExpression: Column 'town' not found in any table; known are '__time', 'city', 'session_length'.",
    ),
    "aggregate that is not marked": (
        {"mappings": mapped("x", 'MAX("session_length")')},
        "query_not_supported",
        (
            "mapping of column 'x': 'MAX(\"session_length\")' aggregates, and the mapping is not an aggregation. "
            "Set isAggregation to true."
        ),
    ),
    "mark without an aggregate": (
        {"mappings": mapped("x", '"session_length"', True)},
        "query_not_supported",
        "mapping of column 'x': '\"session_length\"' doesn't aggregate, and the mapping is an aggregation.",
    ),
    "column mapped twice": (
        {"mappings": COPY + COPY},
        "query_not_supported",
        "mapping of column 'city': the column is mapped twice.",
    ),
    "null time": (
        {"mappings": (MappingPlan("__time", 'TIME_PARSE("city")'), *COPY)},
        "null_timestamp",
        "'__time' is null in a row of the job.",
    ),
    "text into a number": (
        {"mappings": mapped("session_length", '"city"')},
        "query_not_supported",
        (
            "mapping of column 'session_length': the expression has type string, but the column of table 'events' "
            "has type long. CAST the expression."
        ),
    ),
    "fraction into a long": (
        {"mappings": mapped("session_length", '"session_length" / 2.0')},
        "query_not_supported",
        (
            "mapping of column 'session_length': the expression has type double, but the column of table 'events' "
            "has type long. CAST the expression."
        ),
    ),
    "number into __time that overflows it": (
        {"mappings": mapped("__time", 'MILLIS_TO_TIMESTAMP("session_length" * 100000000000000)')},
        "timestamp_out_of_bounds",
        "the job produced a row with a '__time' outside of the years 1 to 9999.",
    ),
    "text into __time": (
        {"mappings": mapped("__time", '"city"')},
        "query_not_supported",
        (
            "mapping of column '__time': the expression has type string, but the column of table 'events' "
            "has type timestamp. CAST the expression."
        ),
    ),
    "time that leaves the interval": (
        {
            "mappings": (MappingPlan("__time", "TIME_SHIFT(\"__time\", 'P1D', 1)"), *COPY),
            "mode": "replace",
            "intervals": TWO_DAYS,
        },
        "timestamp_out_of_bounds",
        (
            "the job produced a row with '__time' 2024-06-03T02:00:00.000Z, outside of what it replaces: "
            "2024-06-01T00:00:00.000Z/2024-06-03T00:00:00.000Z."
        ),
    ),
    "floor coarser than the interval": (
        {
            "mappings": (MappingPlan("__time", "TIME_FLOOR(\"__time\", 'P1M')"), *COPY),
            "mode": "replace",
            "intervals": ((day(2), day(3)),),
        },
        "timestamp_out_of_bounds",
        (
            "the job produced a row with '__time' 2024-06-01T00:00:00.000Z, outside of what it replaces: "
            "2024-06-02T00:00:00.000Z/2024-06-03T00:00:00.000Z."
        ),
    ),
    "no rows and failOnEmptyInsert": (
        {
            "mappings": COPY,
            "mode": "replace",
            "intervals": ((day(9), day(10)),),
            "context": {"failOnEmptyInsert": True},
        },
        "no_rows_ingested",
        "the job produced no rows for table 'events'.",
    ),
    "sum that overflows": (
        {"mappings": mapped("x", 'SUM("session_length" * 1000000000000000000)', True)},
        "internal_error",
        "",
    ),
    "clustering by a column that is not mapped": (
        {"mappings": COPY, "clustering_columns": ("town",)},
        "query_not_supported",
        "clustering column 'town' is not mapped.",
    ),
    "column name the engine uses": (
        {"mappings": mapped("__segment", "1")},
        "column_name_restricted",
        "job on table 'events': table 'events' can't have a column '__segment': the emulator reserves this name.",
    ),
    "source that does not exist": (
        {"mappings": COPY, "source": TableInput("nowhere")},
        "internal_error",
        "job on table 'events': table 'nowhere' doesn't exist.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_fault_has_its_code_and_leaves_everything_as_it_was(engine: Engine, case: str) -> None:
    """Code and whole message; rows, columns and segments of all tables are unchanged."""
    plan, code, message = CASES[case]
    engine.load("source")
    engine.load("events")
    before = engine.state()
    with pytest.raises(JobFault) as caught:
        engine.run(**{"target": "events", "mode": "append", "source": TableInput("source"), **plan})
    assert caught.value.code == code
    if message:
        assert caught.value.message == message
    assert engine.state() == before


def test_strict_table_refuses_an_undeclared_column(engine: Engine) -> None:
    """Only flexible tables get new columns."""
    engine.load("source")
    engine.create("strict", schema_mode="strict", columns=COLUMNS[:1])
    with pytest.raises(JobFault) as caught:
        engine.run(target="strict", mode="append", source=TableInput("source"), mappings=COPY)
    assert (caught.value.code, caught.value.message) == (
        "query_not_supported",
        "table 'strict' has a strict schema without column 'session_length'.",
    )
    assert engine.tables.columns("strict") == (Column("__time", "timestamp"), COLUMNS[0])


def test_more_time_chunks_than_allowed_fail(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit itself is allowed, one more chunk is not."""
    engine.load("source")
    engine.create("events")
    plan = {"target": "events", "mode": "append", "source": TableInput("source"), "mappings": COPY}
    monkeypatch.setattr("airflow_provider_polaris.emulator.engine.jobs.publish.MAX_TIME_CHUNKS", 3)
    with pytest.raises(JobFault) as caught:
        engine.run(**plan, partitioned_by="hour")
    assert caught.value.code == "too_many_time_buckets"
    assert caught.value.message == (
        "the job writes into 4 time chunks of granularity 'hour'; the limit is 3. "
        "Split the job, or partition by a coarser granularity."
    )
    assert engine.run(**plan, partitioned_by="day").rows_persisted == 5


def test_more_columns_than_allowed_fail(engine: Engine) -> None:
    """The count includes __time."""
    engine.load("source")
    mappings = tuple(MappingPlan(f"c{n}", '"city"') for n in range(2000))
    plan = BatchPlan("events", "append", TableInput("source"), mappings)
    with pytest.raises(JobFault) as caught:
        plan_columns(plan, engine.tables)
    assert caught.value.code == "too_many_columns"
    assert caught.value.message == "the job maps 2001 columns; the limit is 2000."


def test_plan_columns_checks_the_filter_too(engine: Engine) -> None:
    """So a bad filter can be rejected before anything is created."""
    engine.load("source")
    plan = BatchPlan("new", "append", TableInput("source"), ROLLUP, filter_expression="BOGUS(1)")
    with pytest.raises(JobFault) as caught:
        plan_columns(plan, engine.tables)
    assert caught.value.code == "query_not_supported"
    assert caught.value.message.startswith("filterExpression: ")


def test_fault_inside_the_callers_transaction_takes_its_documents_along(engine: Engine) -> None:
    """Rows and the job's final document are one transaction."""
    engine.load("source")
    engine.create("events")
    plan = {"target": "events", "mode": "append", "source": TableInput("source"), "mappings": COPY}

    def work() -> None:
        with engine.store.transaction():
            engine.store.put_document("job", "1", {"status": "completed"})
            engine.run(**plan)
            engine.run(**plan, context={"failOnEmptyInsert": True}, filter_expression="FALSE")

    with pytest.raises(JobFault):
        work()
    assert engine.store.get_document("job", "1") is None
    assert engine.rows("events") == []
