# SPDX-License-Identifier: Apache-2.0
"""Conditions of joins; what is refused here, a real Druid refuses too, or joins otherwise: OBSERVED(Druid 33)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import duckdb
import pytest

from airflow_provider_polaris.emulator.sql import Column, SqlNotSupported, TableRelation, translate_query

TYPES = {"__time": "timestamp", "id": "long", "s": "string", "d": "double", "f": "float", "sa": "stringArray"}
COLUMNS = tuple(Column(name, kind) for name, kind in TYPES.items())
ROWS = """(VALUES
    (TIMESTAMP '2024-01-01', 1, 'a', 0.0::DOUBLE, 0.5::FLOAT, ['a']),
    (TIMESTAMP '2024-01-02', 2, 'b', -0.0::DOUBLE, 1.5::FLOAT, ['b'])
) AS rows(__time, id, s, d, f, sa)"""


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t AS SELECT * FROM {ROWS}")
        yield connection


@pytest.fixture
def query(database: duckdb.DuckDBPyConnection) -> Callable[[str], list[tuple[object, ...]]]:
    """Translate and run the SELECT of ``a.id`` and ``b.id`` from table ``t``, joined with itself."""

    def run(joined: str) -> list[tuple[object, ...]]:
        text = f"SELECT a.id, b.id FROM t a {joined}"
        translated = translate_query(text, table=lambda name: TableRelation("t", COLUMNS) if name == "t" else None)
        return sorted(database.execute(translated.sql).fetchall(), key=repr)

    return run


@pytest.mark.parametrize(
    ("joined", "rows"),
    [
        ("LEFT JOIN t b ON a.id = b.id + 1", [(1, None), (2, 1)]),
        ("LEFT JOIN t b ON a.id = b.id AND b.s = 'a'", [(1, 1), (2, None)]),
        ("LEFT JOIN t b ON 2 = b.id", [(1, 2), (2, 2)]),
        ("LEFT JOIN t b ON FALSE", [(1, None), (2, None)]),
        ("LEFT JOIN t b ON TIMESTAMPADD(DAY, 1, a.__time) = b.__time", [(1, 2), (2, None)]),
        ("LEFT JOIN t b ON a.id IS NOT DISTINCT FROM b.id", [(1, 1), (2, 2)]),
        ("JOIN t b ON a.id < b.id", [(1, 2)]),
        ("JOIN t b ON a.id = b.id AND a.id > 1", [(2, 2)]),
        ("JOIN t b ON a.id = b.id OR a.s > b.s", [(1, 1), (2, 1), (2, 2)]),
        ("JOIN t b ON a.id = b.id WHERE a.id = (SELECT MAX(id) AS m FROM (SELECT id FROM t LIMIT 9))", [(2, 2)]),
    ],
)
def test_join_that_druid_plans(query, joined: str, rows: list[tuple[object, ...]]) -> None:
    """An outer join has equalities of its two sides; an inner join has any condition."""
    assert query(joined) == rows


@pytest.mark.parametrize("join", ["LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
@pytest.mark.parametrize(
    "condition",
    ["a.s < b.s", "a.id = b.id OR a.s = b.s", "a.id = 1", "a.id + b.id = 3", "b.s IS NULL", "b.id + 1 = 2"],
)
def test_condition_of_an_outer_join_is_an_equality_of_both_sides(query, join: str, condition: str) -> None:
    """Druid's planner makes no filter of it, and refuses the query."""
    for text in (condition, f"({condition}) AND a.id = b.id"):
        with pytest.raises(SqlNotSupported) as raised:
            query(f"{join} t b ON {text}")
        assert raised.value.message == (
            f"{join} is not supported with the condition '{condition}': write equalities of the left and the right "
            "side, and conditions on one side in a subquery"
        )


@pytest.mark.parametrize("word", ["JOIN t b ON", "LEFT JOIN t b ON", ", t b WHERE", "CROSS JOIN t b WHERE"])
@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("a.sa = b.sa", "joining against ARRAY columns is not supported"),
        ("a.d = b.d", "a join by an equality of fractions is not supported: 'a.d = b.d'"),
        ("a.id = b.f", "a join by an equality of fractions is not supported: 'a.id = b.f'"),
    ],
)
def test_key_that_druid_joins_otherwise_is_refused(query, word: str, condition: str, message: str) -> None:
    """An array is no key, and -0.0 joins with itself only."""
    with pytest.raises(SqlNotSupported) as raised:
        query(f"{word} {condition}")
    assert raised.value.message == message
