# SPDX-License-Identifier: Apache-2.0
"""
Real-time rows of streaming: queries read them immediately, jobs only after their handover as segments.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_polaris.emulator.engine.jobs.batch import run_batch
from airflow_provider_polaris.emulator.engine.model import (
    DEFAULT_PARTITIONING,
    BatchPlan,
    FileInput,
    JobFault,
    MappingPlan,
)
from airflow_provider_polaris.emulator.engine.tables.segments import REALTIME, Chunk
from airflow_provider_polaris.emulator.engine.tables.stored_table import TIME
from airflow_provider_polaris.emulator.engine.tables.tables import Tables
from airflow_provider_polaris.emulator.engine.time_chunks import iso
from airflow_provider_polaris.emulator.sql import Column
from airflow_provider_polaris.emulator.sql.values.values import quote_name

_BLOB = "/realtime"
"""Blob key of the rows while they are read; no file can have this name."""


def add_realtime(name: str, rows: Sequence[Mapping[str, Any]], tables: Tables) -> None:
    """
    Add real-time rows, unchanged; all or none of them.

    Each needs ``__time``, ISO 8601 or milliseconds since 1970. A new column gets the type of its first value and
    becomes a discovered column.

    :param rows: Values by column.
    :raises TableError: ``missing``, ``restricted_column``.
    :raises JobFault: A row can't be stored; the codes are those of batch jobs.
    """
    known = {column.name: column for column in tables.columns(name)}
    columns = {TIME.name: TIME}
    for row in rows:
        for key, value in row.items():
            if value is not None and key not in columns:
                columns[key] = known.get(key) or Column(key, _type_of(value))
    names = tuple(columns)
    plan = BatchPlan(
        target=name,
        mode="append",
        source=FileInput((_BLOB,), tuple(columns.values())),
        mappings=tuple(MappingPlan(one, quote_name(one)) for one in names),
        max_parse_exceptions=0,
        realtime=True,
    )
    with tables.store.transaction():
        tables.store.put_blob(_BLOB, "\n".join(json.dumps(row) for row in rows).encode())
        run_batch(plan, tables, tables.store)
        tables.store.delete_blob(_BLOB)


def hand_over(name: str, tables: Tables) -> int:
    """
    Publish the real-time rows of a table as segments, like those of an append.

    :return: The number of segments.
    :raises TableError: ``missing``.
    :raises JobFault: ``internal_error`` if the table now has data in another granularity.
    """
    with tables.store.transaction():
        stored = tables.stored(name)
        rows = tables.store.execute(
            "SELECT id, start_ms, end_ms, num_rows, size_bytes, min_ms, max_ms FROM polaris_segment"
            f" WHERE table_number = ? AND {REALTIME} ORDER BY id",
            (stored.number,),
        )
        chunks = [Chunk(*row) for row in rows]
        granularity = stored.definition.partitioning or DEFAULT_PARTITIONING
        mixed = tables.segments.mixed_with(stored.number, granularity, chunks)
        if mixed is not None:
            chunk, (start, end) = mixed
            raise JobFault(
                "internal_error",
                f"the real-time rows of {iso(chunk.start_ms)}/{iso(chunk.end_ms)} can't be handed over: table {name!r} "
                f"has segment {iso(start)}/{iso(end)} of another granularity there.",
            )
        tables.segments.forget(stored.number, REALTIME)
        tables.segments.add(stored.number, chunks)
    return len(chunks)


def _type_of(value: Any) -> str:
    if isinstance(value, (bool, int)):
        return "long"
    if isinstance(value, float):
        return "double"
    return "string" if isinstance(value, str) else "json"
