# SPDX-License-Identifier: Apache-2.0
"""Translate an expression and let DuckDB compute it: what every test here is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import duckdb
import pytest

from airflow_provider_polaris.emulator.sql import Column, SqlInvalid, SqlNotSupported, translate_expression
from tests.emulator.sql.observed_rows import ObservedRows, in_order

_TYPES = {str: "string", int: "long", float: "double", datetime: "timestamp"}
_DUCKDB = {
    "string": "VARCHAR",
    "long": "BIGINT",
    "double": "DOUBLE",
    "float": "FLOAT",
    "timestamp": "TIMESTAMP",
    "json": "JSON",
}


@pytest.fixture(scope="session")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in memory, pinned to UTC as the emulator's store is."""
    with duckdb.connect() as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


@pytest.fixture
def evaluate(connection: duckdb.DuckDBPyConnection) -> Callable[..., Any]:
    """Compute an expression over one row; a keyword is a column, ``(type, value)`` where the value doesn't tell."""

    def run(text: str, *, storing: bool = False, **columns: Any) -> Any:
        typed = {
            name: value if isinstance(value, tuple) else (_TYPES[type(value)], value) for name, value in columns.items()
        }
        known = [Column(name, kind) for name, (kind, _) in typed.items()]
        expression = translate_expression(text, known, storing=storing)
        row = ", ".join(f'CAST(? AS {_DUCKDB[kind]}) AS "{name}"' for name, (kind, _) in typed.items()) or "1"
        sql = f"SELECT {expression.sql} FROM (SELECT {row})"
        found = connection.execute(sql, [value for _, value in typed.values()]).fetchone()
        assert found is not None
        return found[0]

    return run


@pytest.fixture
def aggregate(connection: duckdb.DuckDBPyConnection) -> Callable[..., Any]:
    """
    Compute an aggregate over rows.

    ``again`` stores it for the first row and for the rest apart, as two jobs would, and rolls the two up with the
    expression ``again`` over the column ``m``.
    """

    def run(text: str, types: dict[str, str], rows: Sequence[Sequence[Any]], *, again: str | None = None) -> Any:
        columns = [Column(name, kind) for name, kind in types.items()]
        names = ", ".join(
            f'CAST(c{at} AS {_DUCKDB[kind]}) AS "{name}"' for at, (name, kind) in enumerate(types.items())
        )
        marks = f"({', '.join('?' for _ in types)})"
        places = ", ".join(f"c{at}" for at in range(len(types)))

        def over(some: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
            if not some:
                empty = ", ".join(f"NULL AS c{at}" for at in range(len(types)))
                return f"(SELECT {names} FROM (SELECT {empty}) WHERE false)", []
            values = ", ".join(marks for _ in some)
            return f"(SELECT {names} FROM (VALUES {values}) AS v({places}))", [item for row in some for item in row]

        if again is None:
            relation, values = over(rows)
            sql = f"SELECT {translate_expression(text, columns, storing=False).sql} FROM {relation}"
        else:
            stored = translate_expression(text, columns, storing=True)
            parts = [over(rows[:1]), over(rows[1:])]
            union = " UNION ALL ".join(f"SELECT {stored.sql} AS m FROM {relation}" for relation, _ in parts)
            values = [item for _, part in parts for item in part]
            rolled = translate_expression(again, [Column("m", stored.data_type)], storing=False)
            sql = f"SELECT {rolled.sql} FROM ({union})"
        found = connection.execute(sql, values).fetchone()
        assert found is not None
        return found[0]

    return run


@pytest.fixture
def refusal() -> Callable[..., str]:
    """Return the message with which an expression is refused."""

    def run(text: str, error: type[SqlInvalid] | type[SqlNotSupported], *, storing: bool = False, **types: str) -> str:
        with pytest.raises(error) as caught:
            translate_expression(text, [Column(name, kind) for name, kind in types.items()], storing=storing)
        assert isinstance(caught.value, (SqlInvalid, SqlNotSupported))
        return caught.value.message

    return run


@pytest.fixture(scope="session")
def observed(connection: duckdb.DuckDBPyConnection) -> ObservedRows:
    """The tables whose values were observed on a real Druid."""
    return ObservedRows(connection)


@pytest.fixture
def over_rows(observed: ObservedRows) -> Callable[[str], list[Any]]:
    """Compute an expression over the rows of table ``t``."""
    return observed.values


@pytest.fixture
def constant(observed: ObservedRows) -> Callable[[str], Any]:
    """Compute an expression without columns."""
    return lambda expression: observed.query(f"SELECT {expression}")[0][0]


@pytest.fixture
def rows_of(observed: ObservedRows) -> Callable[[str], list[list[Any]]]:
    """Return the rows of a query on the tables ``t`` and ``u``, in one order."""
    return lambda sql: in_order(observed.query(sql))


@pytest.fixture
def refused(observed: ObservedRows) -> Callable[[str], str]:
    """Return the kind and the message with which a query is refused; an expression is one over table ``t``."""

    def run(text: str) -> str:
        sql = text if text.startswith("SELECT ") else f"SELECT {text} FROM t"
        with pytest.raises((SqlInvalid, SqlNotSupported)) as caught:
            observed.query(sql)
        return f"{'invalid' if isinstance(caught.value, SqlInvalid) else 'not supported'}: {caught.value.message}"

    return run
