# SPDX-License-Identifier: Apache-2.0
"""GROUPING SETS, ROLLUP, CUBE and GROUPING; every result is OBSERVED(Druid 33)."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.emulator.testing.fixture import PolarisEmulator
from tests.emulator.sql.releases import SQLGLOT_30

ROWS = [{"i": 0, "n": 1, "s": "a"}, {"i": 1, "n": 0, "s": ""}, {"i": 2}, {"i": 3, "n": 7, "s": "b"}]


@pytest.fixture
def emulator(polaris_emulator: PolarisEmulator) -> PolarisEmulator:
    polaris_emulator.load("t", [{"__time": "2024-03-10T06:30:00Z", **row} for row in ROWS])
    return polaris_emulator


def tuples(emulator: PolarisEmulator, query: str) -> list[tuple[Any, ...]]:
    return sorted((tuple(row.values()) for row in emulator.query(query)), key=repr)


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        (
            "SELECT i, n, GROUPING(i, n), COUNT(*) FROM t WHERE i < 2 GROUP BY CUBE (i, n)",
            [
                (0, 1, 0, 1),
                (0, None, 1, 1),
                (1, 0, 0, 1),
                (1, None, 1, 1),
                (None, 0, 2, 1),
                (None, 1, 2, 1),
                (None, None, 3, 2),
            ],
        ),
        (
            "SELECT i, n, GROUPING(n, i), COUNT(*) FROM t WHERE i < 2 GROUP BY ROLLUP (i, n)",
            [(0, 1, 0, 1), (0, None, 2, 1), (1, 0, 0, 1), (1, None, 2, 1), (None, None, 3, 2)],
        ),
        (
            "SELECT i, n, COUNT(*) FROM t WHERE i < 2 GROUP BY ROLLUP ((i, n))",
            [(0, 1, 1), (1, 0, 1), (None, None, 2)],
        ),
        (
            "SELECT i, n, COUNT(*) FROM t WHERE i < 2 GROUP BY GROUPING SETS (i, n)",
            [(0, None, 1), (1, None, 1), (None, 0, 1), (None, 1, 1)],
        ),
        (
            "SELECT i, n, COUNT(*) FROM t WHERE i < 2 GROUP BY GROUPING SETS ((i, n), (i), (i))",
            [(0, 1, 1), (0, None, 1), (0, None, 1), (1, 0, 1), (1, None, 1), (1, None, 1)],
        ),
        ("SELECT i, COUNT(*) FROM t WHERE i < 2 GROUP BY i, ROLLUP (n)", [(0, 1), (0, 1), (1, 1), (1, 1)]),
        (
            "SELECT s, COUNT(*) FROM t WHERE i < 3 GROUP BY GROUPING SETS ((1), ())",
            [("", 1), ("a", 1), (None, 1), (None, 3)],
        ),
        ("SELECT i, COUNT(*) FROM t WHERE i < 2 GROUP BY ROLLUP (1)", [(0, 1), (1, 1), (None, 2)]),
        ("SELECT s, n, COUNT(*) FROM t WHERE i < 3 GROUP BY (s, n)", [("", 0, 1), ("a", 1, 1), (None, None, 1)]),
        ("SELECT i + 1, COUNT(*) FROM t WHERE i < 2 GROUP BY ROLLUP (i)", [(1, 1), (2, 1), (None, 2)]),
        ("SELECT UPPER(s), COUNT(*) FROM t WHERE i < 2 GROUP BY ROLLUP (UPPER(s))", [("", 1), ("A", 1), (None, 2)]),
        (
            "SELECT COALESCE(s, 'none'), COUNT(*) FROM t WHERE i < 3 GROUP BY ROLLUP (COALESCE(s, 'none'))",
            [("", 1), ("a", 1), ("none", 1), (None, 3)],
        ),
        (
            "SELECT COALESCE(CAST(i AS VARCHAR), 'all'), COUNT(*) FROM t WHERE i < 2 GROUP BY ROLLUP (i)",
            [("0", 1), ("1", 1), ("all", 2)],
        ),
        (
            (
                "SELECT CASE WHEN GROUPING(i) = 1 THEN 'all' ELSE CAST(i AS VARCHAR) END, COUNT(*) "
                "FROM t WHERE i < 2 GROUP BY ROLLUP (i)"
            ),
            [("0", 1), ("1", 1), ("all", 2)],
        ),
        (
            "SELECT n, COUNT(*), GROUPING(n) FROM t GROUP BY ROLLUP (n)",
            [(0, 1, 0), (1, 1, 0), (7, 1, 0), (None, 1, 0), (None, 4, 1)],
        ),
        ("SELECT i, COUNT(*) FROM t WHERE i < 2 GROUP BY ROLLUP (i) HAVING GROUPING(i) = 1", [(None, 2)]),
        ("SELECT i, GROUPING(i) FROM t WHERE i < 2 GROUP BY i", [(0, 0), (1, 0)]),
        ("SELECT DISTINCT i FROM t WHERE i < 2 GROUP BY ROLLUP (i)", [(0,), (1,), (None,)]),
        ("SELECT i, n, COUNT(*) FROM t WHERE i < 0 GROUP BY ROLLUP (i, n)", []),
        ("SELECT i, n, COUNT(*) FROM t WHERE i < 0 GROUP BY GROUPING SETS ((i), (n), ())", []),
        ("SELECT COUNT(*) FROM t WHERE i < 2 GROUP BY ()", [(2,)]),
        ("SELECT COUNT(*) FROM t WHERE i < 0 GROUP BY ()", [(0,)]),
    ],
)
def test_rows(emulator: PolarisEmulator, query: str, rows: list[tuple[Any, ...]]) -> None:
    """A key that is not in a row's grouping is NULL; over no rows there is no total."""
    assert tuples(emulator, query) == sorted(rows, key=repr)


def test_order(emulator: PolarisEmulator) -> None:
    """GROUPING tells a total from a group of NULL, also in ORDER BY."""
    query = "SELECT i FROM t WHERE i < 3 GROUP BY ROLLUP (i) ORDER BY GROUPING(i), i DESC"
    assert [row["i"] for row in emulator.query(query)] == [2, 1, 0, None]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT GROUPING(n) FROM t GROUP BY i", "Argument to GROUPING operator must be a grouped expression"),
        ("SELECT GROUPING(i) FROM t", "GROUPING operator may only occur in an aggregate query"),
        (
            "SELECT s FROM t WHERE GROUPING(s) = 1 GROUP BY ROLLUP (s)",
            "GROUPING operator may only occur in SELECT, HAVING or ORDER BY clause",
        ),
        ("SELECT GROUPING(i, i) FROM t GROUP BY ROLLUP (i)", "Encountered same dimension more than once in groupings"),
        (
            "SELECT GROUPING() FROM t GROUP BY i",
            "Invalid number of arguments to function 'GROUPING'. Was expecting 1 arguments",
        ),
        ("SELECT n FROM t GROUP BY ROLLUP (i)", "Expression 'n' is not being grouped"),
        (
            "SELECT i FROM t GROUP BY i WITH ROLLUP",
            "GROUP BY ... WITH ROLLUP and WITH CUBE, and those without elements, are not supported",
        ),
        ("SELECT i FROM t GROUP BY DISTINCT ROLLUP (i)", "GROUP BY ALL and GROUP BY DISTINCT are not supported"),
        pytest.param(
            "SELECT i FROM t GROUP BY GROUPING SETS ((i), ROLLUP (i, n))",
            "ROLLUP in 'ROLLUP (i, n)' in GROUPING SETS is not supported",
            marks=SQLGLOT_30,
        ),
    ],
)
def test_queries_that_are_refused(emulator: PolarisEmulator, query: str, message: str) -> None:
    """Druid refuses all but the last two."""
    with pytest.raises(ValueError, match="can't be answered: ") as raised:
        emulator.query(query)
    assert str(raised.value).split("can't be answered: ")[-1] == message


@pytest.mark.parametrize("clause", ["GROUPING SETS ((s), ())", "ROLLUP (s)", "CUBE (s)"])
@pytest.mark.parametrize(
    ("function", "arguments"),
    [("ARRAY_AGG", "s"), ("ARRAY_CONCAT_AGG", "sa"), ("STRING_AGG", "s, ','"), ("LISTAGG", "s, ','")],
)
def test_order_of_values_in_sets_is_not_supported(refused, clause: str, function: str, arguments: str) -> None:
    """It isn't that of time in Druid. OBSERVED(Druid 33)."""
    sql = f"SELECT {{}} FROM t GROUP BY {clause}"
    expected = f"not supported: function '{function}' is not supported with GROUPING SETS, ROLLUP or CUBE"
    assert refused(sql.format(f"{function}({arguments})")) == expected


def test_distinct_values_in_sets_are_sorted(rows_of) -> None:
    """Their order is their own."""
    sql = "SELECT STRING_AGG(DISTINCT s, ',') FROM t WHERE id < 3 GROUP BY ROLLUP (s)"
    assert rows_of(sql) == [["a"], ["a,b"], ["b"]]
