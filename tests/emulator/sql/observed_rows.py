# SPDX-License-Identifier: Apache-2.0
"""Two tables with arrays and multi-value strings, which a real Druid 33 had too, and queries on them."""

from __future__ import annotations

import json
from typing import Any

import duckdb

from airflow_provider_polaris.emulator.engine.array_text import list_text
from airflow_provider_polaris.emulator.engine.data_types import to_json
from airflow_provider_polaris.emulator.sql import Column, TableRelation, translate_query
from airflow_provider_polaris.emulator.sql.values.values import DUCKDB_TYPES, MULTI_VALUE

T = {
    "id": "long",
    "s": "string",
    "n": "long",
    "d": "double",
    "mv": MULTI_VALUE,
    "sa": "stringArray",
    "la": "longArray",
    "da": "doubleArray",
}
"""Columns of table ``t`` without ``__time``."""

# Druid sorts the values of a multi-value string when it stores them.
T_ROWS: list[list[Any]] = [
    [1, "a", 5, 0.5, ["a", "b"], ["a", "b"], [1, 2], [1.5, 2.5]],
    [2, "b", -1, 1e300, ["b"], ["b"], [2], [2.0]],
    [3, "", 0, 0.0, None, [], [], []],
    [4, None, None, None, None, None, None, None],
    [5, "a,b", 2, -2.5, None, [None], [None], [None]],
    [6, "1,2,,3", 1, 3.0, [None, "a", "a", "c"], ["c", None, "a", "a"], [3, None, 1, 1], [3.5, None, 1.0, 1.0]],
    [7, "x", 7, 7.25, ["", ""], ["", ""], [0, 0], [0.0, -0.0]],
    [8, "é", 9007199254740993, 0.1, ["x"], ["x"], [9007199254740993], [0.1]],
]

U = {"id": "long", "mv": MULTI_VALUE}
"""Columns of table ``u`` without ``__time``."""

U_ROWS: list[list[Any]] = [[1, [None, "c"]], [2, ["a", "e"]], [3, [None, "a"]], [4, ["c"]], [5, None]]


class ObservedRows:
    """The two tables in DuckDB."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._tables = {}
        for name, columns, rows in (("t", T, T_ROWS), ("u", U, U_ROWS)):
            types = {"__time": "timestamp", **columns}
            declared = ", ".join(f'"{column}" {DUCKDB_TYPES[kind]}' for column, kind in types.items())
            connection.execute(f"CREATE OR REPLACE TEMP TABLE observed_{name} ({declared})")
            marks = ", ".join("?" for _ in types)
            for hour, row in enumerate(rows):
                time = f"2024-01-01 {hour:02}:00:00"
                connection.execute(f"INSERT INTO observed_{name} VALUES ({marks})", [time, *row])
            known = [Column(column, kind) for column, kind in types.items()]
            self._tables[name] = TableRelation(f"observed_{name}", known)

    def query(self, sql: str) -> list[list[Any]]:
        """Return the rows of a query in the form of a result."""
        query = translate_query(sql, table=self._tables.get)
        kinds = [column.data_type for column in query.columns]
        rows = self._connection.execute(query.sql).fetchall()
        return [[_shown(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in rows]

    def values(self, expression: str) -> list[Any]:
        """Return an expression's value for each row of ``t``."""
        return [value for _, value in self.query(f"SELECT id, {expression} FROM t ORDER BY id")]


def in_order(rows: list[list[Any]]) -> list[list[Any]]:
    """Return rows in one order, because queries without ORDER BY have none."""
    return sorted(rows, key=json.dumps)


def _shown(value: Any, kind: str) -> Any:
    return list_text(value, kind) if isinstance(value, list) else to_json(value)
