# SPDX-License-Identifier: Apache-2.0
"""Jobs that read and store multi-value strings and arrays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_polaris.emulator.engine import Column, FileInput, JobFault, MappingPlan, TableInput, run_query
from airflow_provider_polaris.emulator.engine.jobs import uploaded_files as files
from tests.emulator.engine.conftest import Engine

SCHEMA = (Column("ts", "timestamp"), Column("id", "long"), Column("tags", "string"))
LISTS: list[Any] = [["b", "a"], ["b"], [], None, [None], ["c", None, "a", "a"], ["", ""], "x", "", 5]
STORED = ['["a","b"]', "b", None, None, None, '[null,"a","a","c"]', '["",""]', "x", "", "5"]
"""OBSERVED(Druid 27): what a job stores of ``LISTS``, sorted by value."""

PLAIN = MappingPlan("tags", '"tags"')


def put(engine: Engine, values: list[Any]) -> FileInput:
    rows = [{"ts": f"2024-01-01T{n:02}:00:00Z", "id": n, "tags": value} for n, value in enumerate(values)]
    engine.store.put_blob("f", "\n".join(map(json.dumps, rows)).encode())
    return FileInput(("f",), SCHEMA)


def load(engine: Engine, values: list[Any], *mappings: MappingPlan, table: str = "t", **changes: Any) -> None:
    if engine.tables.get(table) is None:
        engine.create(table)
    fields = (MappingPlan("__time", '"ts"'), MappingPlan("id", '"id"'), *mappings)
    plan = {"target": table, "mode": "append", "source": put(engine, values), "mappings": fields, **changes}
    engine.run(**plan)


def values(engine: Engine, column: str, table: str = "t") -> list[Any]:
    return [value for _, value in sorted(engine.rows(table, f'"id", {column}'), key=lambda row: row[0])]


@pytest.mark.parametrize(
    ("expression", "stored"),
    [
        ('"tags"', STORED),
        ('UPPER("tags")', ['["A","B"]', "B", None, None, None, '[null,"A","A","C"]', '["",""]', "X", "", "5"]),
        ('MV_LENGTH("tags")', [2, 1, None, None, None, 4, 2, 1, 1, 1]),
        ("MV_TO_STRING(\"tags\", '-')", ["b-a", "b", None, None, None, "c-null-a-a", "-", "x", "", "5"]),
        (
            "MV_FILTER_ONLY(\"tags\", ARRAY['a', 'x'])",
            ["a", None, None, None, None, '["a","a"]', None, "x", None, None],
        ),
    ],
)
def test_expression_over_a_list_is_stored_as_druid_does(engine: Engine, expression: str, stored: list[Any]) -> None:
    """OBSERVED(Druid 27): every value. Expressions see the order of the file; the stored values are sorted."""
    load(engine, LISTS, MappingPlan("m", expression))
    assert values(engine, '"m"') == stored


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        ("\"tags\" = 'a'", [0, 5]),
        ("MV_CONTAINS(\"tags\", 'a')", [0, 5]),
        ('"tags" IS NULL', [2, 3, 4, 5]),
    ],
)
def test_filter_of_a_list_is_true_for_one_value(engine: Engine, condition: str, ids: list[int]) -> None:
    """OBSERVED(Druid 27): the rows that a job with this filter reads."""
    load(engine, LISTS, filter_expression=condition)
    assert [number for (number,) in engine.rows("t", '"id"')] == ids


def test_filter_of_one_value_and_a_mapping_of_the_list_are_refused(engine: Engine) -> None:
    """OBSERVED(Druid 33): the optimizer stores the value of the filter in place of the list."""
    with pytest.raises(JobFault) as caught:
        load(engine, [["a", "b"]], PLAIN, filter_expression="\"tags\" = 'a'")
    assert (caught.value.code, caught.value.message) == (
        "query_not_supported",
        (
            "mapping of column 'tags': multi-value column 'tags' is not supported beside a condition in WHERE that it "
            "is one value: use MV_CONTAINS."
        ),
    )
    load(engine, [["a", "b"], ["c"]], PLAIN, filter_expression="MV_CONTAINS(\"tags\", 'a')")
    assert values(engine, '"tags"') == ['["a","b"]']


def test_column_of_texts_takes_lists_later(engine: Engine) -> None:
    """The earlier rows have one value; the type in the schema stays string."""
    load(engine, ["a", None], PLAIN)
    load(engine, [["c", "b"]], MappingPlan("tags", '"tags"'), MappingPlan("n", '"id"'))
    assert sorted(engine.rows("t", '"tags"'), key=repr) == [('["b","c"]',), ("a",), (None,)]
    assert Column("tags", "string") in engine.tables.columns("t")
    load(engine, ["d"], PLAIN)
    assert engine.rows("t", "COUNT(*) FILTER (WHERE \"tags\" IN ('a', 'b', 'd'))") == [(3,)]


def test_lists_go_from_table_to_table(engine: Engine) -> None:
    """OBSERVED(Druid 27): a copy has the same values, and each value has its group in a query."""
    load(engine, LISTS, PLAIN)
    engine.create("copy")
    mappings = (MappingPlan("id", '"id"'), PLAIN)
    engine.run(target="copy", mode="append", source=TableInput("t"), mappings=mappings)
    assert values(engine, '"tags"', "copy") == STORED
    groups = run_query('SELECT "tags", COUNT(*) FROM "copy" GROUP BY 1', engine.tables, engine.store).rows
    assert sorted(groups, key=repr) == [("", 3), ("5", 1), ("a", 3), ("b", 2), ("c", 1), ("x", 1), (None, 4)]


def test_rollup_by_several_values_fails(engine: Engine) -> None:
    """OBSERVED(Druid 27): a job groups by a column with one value in each row only."""
    load(engine, [["a"], None, "b"], PLAIN)
    count = MappingPlan("c", "COUNT(*)", is_aggregation=True)
    hour = MappingPlan("__time", "TIME_FLOOR(\"__time\", 'P1D')")
    engine.create("sums")
    rollup = {"target": "sums", "mode": "append", "source": TableInput("t"), "mappings": (hour, PLAIN, count)}
    engine.run(**rollup)
    assert engine.rows("sums", '"tags", "c"') == [("a", 1), ("b", 1), (None, 1)]
    load(engine, [["a", "b"]], PLAIN)
    with pytest.raises(JobFault) as caught:
        engine.run(**rollup)
    assert caught.value.message == (
        "job on table 'sums': Invalid Input Error: Column [tags] is a multi-value string. Please wrap the column using "
        "MV_TO_ARRAY() to proceed further."
    )


def test_array_is_stored_and_read(engine: Engine) -> None:
    """An array keeps its order, unlike a multi-value string; OBSERVED(Druid 27): NULL for a list without a value."""
    load(engine, LISTS, MappingPlan("a", 'MV_TO_ARRAY("tags")'))
    assert Column("a", "stringArray") in engine.tables.columns("t")
    assert values(engine, '"a"')[:6] == ['["b","a"]', '["b"]', None, None, None, '["c",null,"a","a"]']


@pytest.mark.parametrize(
    ("expression", "stored"),
    [
        ("MV_APPEND(\"tags\", 'z')", ['["a","b","z"]', '["b","z"]', None, '["","","z"]', '["x","z"]']),
        ("MV_PREPEND('y', \"tags\")", ['["a","b","y"]', '["b","y"]', None, '["","","y"]', '["x","y"]']),
    ],
)
def test_values_are_added(engine: Engine, expression: str, stored: list[Any]) -> None:
    """OBSERVED(Druid 27): every value."""
    load(engine, [["b", "a"], ["b"], None, ["", ""], "x"], MappingPlan("m", expression))
    assert values(engine, '"m"') == stored


def test_function_that_depends_on_an_empty_list_is_refused(engine: Engine) -> None:
    """OBSERVED(Druid 27): ``MV_APPEND`` of [] has one value, and ``MV_LENGTH`` of it is NULL."""
    with pytest.raises(JobFault) as caught:
        load(engine, [["a"], []], MappingPlan("m", "MV_APPEND(\"tags\", 'z')"))
    assert (caught.value.code, caught.value.message) == (
        "query_not_supported",
        "mapping of column 'm': function 'MV_APPEND' is not supported, because field 'tags' has lists without a value.",
    )


def test_lists_in_a_later_piece_are_found(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is read in pieces; the first ones have no list."""
    monkeypatch.setattr(files, "_PIECE", 64)
    load(engine, ["a", "b", "c", ["d", "e"], "f"], PLAIN)
    assert values(engine, '"tags"') == ["a", "b", "c", '["d","e"]', "f"]


@pytest.mark.parametrize("value", [[1, 2], ["a", True], [["a"]], [{"k": "v"}]])
def test_list_of_other_elements_is_refused(engine: Engine, value: list[Any]) -> None:
    """OBSERVED(Druid 27): expressions see numbers there, and the stored text depends on the expression."""
    with pytest.raises(JobFault) as caught:
        load(engine, [value], PLAIN)
    assert (caught.value.code, caught.value.message) == (
        "query_not_supported",
        "field 'tags': a list with an element that is no string is not supported for data type string.",
    )
