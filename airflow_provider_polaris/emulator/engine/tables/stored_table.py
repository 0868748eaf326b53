# SPDX-License-Identifier: Apache-2.0
"""
The stored form of a table: its definition and the engine's additional data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from airflow_provider_polaris.emulator.engine.data_types import stored_as
from airflow_provider_polaris.emulator.engine.model import TableDef, TableError
from airflow_provider_polaris.emulator.sql import Column
from airflow_provider_polaris.emulator.sql.values.types import canonical
from airflow_provider_polaris.emulator.sql.values.values import DUCKDB_TYPES, MULTI_VALUE, quote_name

SEGMENT_COLUMN = "__segment"
TIME = Column("__time", "timestamp")


@dataclass(frozen=True)
class StoredTable:
    """
    A table's definition with the engine's additional data.

    :param number: Number in the name of the DuckDB table.
    :param discovered: Undeclared columns that jobs brought to a flexible table, in order.
    :param physical: DuckDB types of the columns that exist in the DuckDB table.
    """

    definition: TableDef
    number: int
    discovered: tuple[Column, ...] = ()
    physical: Mapping[str, str] = field(default_factory=dict)

    @property
    def data_name(self) -> str:
        """Name of the DuckDB table."""
        return f"data_{self.number}"

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns for queries: ``__time``, the declared and the discovered columns."""
        declared = self.definition.columns
        time = () if any(column.name == TIME.name for column in declared) else (TIME,)
        return (*time, *declared, *self.discovered)

    @property
    def query_columns(self) -> tuple[Column, ...]:
        """All columns with the types that expressions have: a string column with lists is a multi-value string."""
        return tuple(
            replace(column, data_type=MULTI_VALUE) if self.is_multi_value(column) else column for column in self.columns
        )

    def is_multi_value(self, column: Column) -> bool:
        """Whether a job stored several values in a row of a string column."""
        return canonical(column.data_type) == "string" and self.physical.get(column.name) == DUCKDB_TYPES[MULTI_VALUE]

    def selected(self, column: Column) -> str:
        """Build the SQL that selects a column; a column that no job has written is null."""
        name = quote_name(column.name)
        return name if column.name in self.physical else f"CAST(NULL AS {stored_as(column.data_type)}) AS {name}"


def check_columns(table: str, columns: Sequence[Column]) -> None:
    """
    Reject columns that the engine can't store.

    :raises TableError: ``restricted_column``.
    """
    seen: dict[str, str] = {}
    for column in columns:
        twin = seen.get(column.name.lower())
        seen[column.name.lower()] = column.name
        if column.name.lower() == SEGMENT_COLUMN:
            why = "the emulator reserves this name"
        elif twin == column.name:
            why = "it already has a column of this name"
        elif twin is not None:
            why = f"it differs from column {twin!r} only by case"
        elif column.name == TIME.name and canonical(column.data_type) != TIME.data_type:
            why = f"its data type is {TIME.data_type!r}, not {column.data_type!r}"
        elif stored_as(column.data_type) is None:
            why = f"the emulator can't store data type {column.data_type!r}"
        else:
            continue
        raise TableError("restricted_column", f"table {table!r} can't have a column {column.name!r}: {why}.")


def taken_over(dropped: StoredTable, table: TableDef) -> StoredTable:
    """
    Build a new table from a softly dropped table of the same name, including its unused segments.

    DOCUMENTED https://docs.imply.io/polaris/api-delete-data: a softly dropped table can be restored. GUESS: into a
    table of the same name. DOCUMENTED https://docs.imply.io/polaris/manage-deleted-data: values that don't fit the
    schema become null; the emulator removes their column.
    """
    declared = {column.name.lower(): column for column in table.columns}

    def fits(name: str, duckdb_type: str) -> bool:
        column = declared.get(name.lower())
        if column is None:
            return True
        forms = {stored_as(column.data_type)}
        if canonical(column.data_type) == "string":
            forms.add(DUCKDB_TYPES[MULTI_VALUE])
        return column.name == name and duckdb_type in forms

    physical = {name: kind for name, kind in dropped.physical.items() if name == TIME.name or fits(name, kind)}
    others = tuple(c for c in dropped.columns if c.name != TIME.name and c.name.lower() not in declared)
    return StoredTable(table, dropped.number, others if table.schema_mode == "flexible" else (), physical)


def encode(stored: StoredTable) -> str:
    """Encode everything except the number as JSON."""
    definition = {**stored.definition.__dict__, "columns": _pairs(stored.definition.columns)}
    definition["attributes"] = dict(stored.definition.attributes)
    return json.dumps(
        {"definition": definition, "discovered": _pairs(stored.discovered), "physical": dict(stored.physical)}
    )


@lru_cache(maxsize=256)
def decode(number: int, body: str) -> StoredTable:
    """Decode a result of :func:`encode`."""
    read: dict[str, Any] = json.loads(body)
    definition = {**read["definition"], "columns": _columns(read["definition"]["columns"])}
    return StoredTable(TableDef(**definition), number, _columns(read["discovered"]), read["physical"])


def _pairs(columns: Sequence[Column]) -> list[tuple[str, str]]:
    return [(column.name, column.data_type) for column in columns]


def _columns(pairs: Sequence[Sequence[str]]) -> tuple[Column, ...]:
    return tuple(Column(name, data_type) for name, data_type in pairs)


def make_list_sql(table: str, column: str) -> str:
    """Build the statement that lets a string column of a DuckDB table have several values in a row."""
    name = quote_name(column)
    return (
        f"ALTER TABLE {table} ALTER COLUMN {name} SET DATA TYPE {DUCKDB_TYPES[MULTI_VALUE]}"
        f" USING CASE WHEN {name} IS NOT NULL THEN [{name}] END"
    )
