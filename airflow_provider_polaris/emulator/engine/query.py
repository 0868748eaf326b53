# SPDX-License-Identifier: Apache-2.0
"""Run SQL queries over the live rows of tables: translate, execute on a snapshot, and return JSON values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import duckdb

from airflow_provider_polaris.emulator.engine.array_text import list_text
from airflow_provider_polaris.emulator.engine.data_types import to_json, wide_time
from airflow_provider_polaris.emulator.engine.errors import NOT_PLANNED, duckdb_reason
from airflow_provider_polaris.emulator.engine.model import QueryFailed, QueryResult, TableDef
from airflow_provider_polaris.emulator.engine.store import Store
from airflow_provider_polaris.emulator.engine.tables.tables import Tables
from airflow_provider_polaris.emulator.sql import SqlNotSupported, translate_query
from airflow_provider_polaris.emulator.sql.values.values import ARRAYS, MULTI_VALUE

_BATCH = 10_000


def plan_query(
    sql: str,
    tables: Tables,
    store: Store,
    parameters: Sequence[Any] = (),
    seen: Callable[[TableDef], str] | None = None,
) -> None:
    """
    Check a SELECT without running it; the parameters are those of :func:`run_query`.

    :raises SqlInvalid: The query is invalid.
    :raises SqlNotSupported: The query uses a feature that the emulator doesn't support.
    """
    with store.snapshot():
        translate_query(sql, table=lambda name: tables.relation(name, seen), parameters=parameters)


def run_query(
    sql: str,
    tables: Tables,
    store: Store,
    parameters: Sequence[Any] = (),
    max_rows: int | None = None,
    seen: Callable[[TableDef], str] | None = None,
    *,
    native: bool = False,
    array_text: bool = True,
) -> QueryResult:
    """
    Run a SELECT in Druid SQL.

    The query reads the state that was committed at its start, and doesn't block writers.

    :param parameters: Values of the ``?`` in the query, in the form of the translation.
    :param max_rows: Maximum number of rows to return; None for all.
    :param seen: Returns the condition for the segments of a table; None uses that of jobs.
    :param native: Whether Druid's native engine runs it, see :func:`translate_query`.
    :param array_text: Whether an array is a string with JSON, otherwise a list.
    :raises SqlInvalid: The query is invalid.
    :raises SqlNotSupported: The query uses a feature that the emulator doesn't support.
    :raises QueryFailed: The query failed while it ran.
    :raises StorageError: The database file or its disk failed.
    """
    with store.snapshot() as execute:
        query = translate_query(
            sql, table=lambda name: tables.relation(name, seen), parameters=parameters, native=native
        )
        kinds = [column.data_type for column in query.columns]
        columns = tuple(replace(c, data_type="string") if c.data_type == MULTI_VALUE else c for c in query.columns)
        shown = partial(_shown, array_text=array_text)
        try:
            rows: list[tuple[Any, ...]] = []
            with store.failures_named():
                cursor = execute(query.sql, ())
                while (max_rows is None or len(rows) <= max_rows) and (batch := cursor.fetchmany(_BATCH)):
                    rows += (tuple(map(shown, row, kinds)) for row in batch)
        except NOT_PLANNED as error:
            raise SqlNotSupported(f"the query can't be planned: {duckdb_reason(error)}") from error
        except duckdb.Error as error:
            raise QueryFailed(f"the query failed: {duckdb_reason(error)}") from error
    truncated = max_rows is not None and len(rows) > max_rows
    return QueryResult(columns, rows[:max_rows] if truncated else rows, truncated)


def _shown(value: Any, kind: str, *, array_text: bool) -> Any:
    """Return the JSON value of a column in a result."""
    if isinstance(value, list) and (array_text or kind not in ARRAYS):
        return list_text(value, kind)
    return wide_time(value) if kind in ("timestamp", "date") and isinstance(value, str) else to_json(value)
