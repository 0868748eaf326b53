# SPDX-License-Identifier: Apache-2.0
"""Open the source of a batch job: a table's live rows in an interval, or the rows of uploaded files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from types import MappingProxyType

from airflow_provider_polaris.emulator.engine.jobs.uploaded_files import discard_staged, stage_files
from airflow_provider_polaris.emulator.engine.model import BatchPlan, FileInput, TableInput
from airflow_provider_polaris.emulator.engine.tables.tables import Tables
from airflow_provider_polaris.emulator.engine.time_chunks import timestamp_literal
from airflow_provider_polaris.emulator.sql import Column
from airflow_provider_polaris.emulator.sql.values.values import MULTI_VALUE

Interval = tuple[datetime, datetime]

NO_LISTS: Mapping[str, bool] = MappingProxyType({})
"""No string field of the files has a list."""


NO_LOWER_BOUND = datetime.min.replace(tzinfo=timezone.utc)


_NO_UPPER_BOUND = 5000


"""An end in this year or later means "no upper bound": the default interval of a source is -1000-01-01/5000-01-01."""


@dataclass(frozen=True)
class Source:
    """
    An opened source.

    :param relation_sql: SELECT of its rows.
    :param row_bytes: Estimated size of a row in bytes.
    :param parsed: Number of lines read from files; None for a table, whose rows are counted during the read.
    :param skipped: Number of unreadable lines in files.
    :param size_bytes: Decompressed size of files in bytes; None for a table.
    :param multi_value: Names of the string fields of files that have lists, each with whether one has no value.
    """

    relation_sql: str
    row_bytes: float = 0.0
    parsed: int | None = None
    skipped: int = 0
    size_bytes: int | None = None
    multi_value: Mapping[str, bool] = field(default_factory=dict)


def source_columns(plan: BatchPlan, tables: Tables, multi_value: Mapping[str, bool] = NO_LISTS) -> tuple[Column, ...]:
    """
    Return the columns that the job's expressions may use.

    :param multi_value: Names of the string fields of files that have lists, each with whether one has no value.
    :raises TableError: The source table doesn't exist.
    """
    if isinstance(plan.source, FileInput):
        return tuple(
            replace(column, data_type=MULTI_VALUE) if column.name in multi_value else column
            for column in plan.source.input_schema
        )
    return tables.stored(plan.source.name).query_columns


def open_source(plan: BatchPlan, tables: Tables) -> Source:
    """
    Open the source, in the caller's transaction.

    DOCUMENTED https://docs.imply.io/polaris/replace-data: the target's intervals limit what a replace reads. If the
    source is also the target, the job reads its state before the job, because the whole job is one DuckDB statement.

    :raises JobFault: A file can't be read.
    :raises TableError: The source table doesn't exist.
    """
    if isinstance(plan.source, FileInput):
        staged = stage_files(plan.source, tables.store, plan.max_parse_exceptions)
        return Source(staged.relation_sql, 0.0, staged.rows, staged.skipped, staged.size_bytes, staged.multi_value)
    return _open_table(plan, plan.source, tables)


def close_source(plan: BatchPlan, tables: Tables) -> None:
    """Release the resources of :func:`open_source`; a rollback does the same."""
    if isinstance(plan.source, FileInput):
        discard_staged(tables.store)


def _open_table(plan: BatchPlan, source: TableInput, tables: Tables) -> Source:
    stored = tables.stored(source.name)
    totals = tables.segments.totals(stored.number)
    row_bytes = totals.size_bytes / totals.rows if totals.rows else 0.0
    if source.snapshot is not None:
        return Source(f"SELECT * FROM {source.snapshot}", row_bytes)
    conditions = []
    if source.interval is not None:
        conditions += [within('"__time"', [source.interval])]
    if plan.mode == "replace" and not plan.replace_all:
        conditions += [within('"__time"', plan.intervals)]
    return Source(tables.relation_sql(stored, [c for c in conditions if c != "true"]), row_bytes)


def within(time_sql: str, intervals: Sequence[Interval]) -> str:
    """
    Build the SQL condition for an instant in one of the half-open intervals.

    :return: ``true`` if an interval has no bounds, ``false`` if there are no intervals.
    """
    alternatives = []
    for start, end in intervals:
        bounds = []
        if start > NO_LOWER_BOUND:
            bounds.append(f"{time_sql} >= {timestamp_literal(start)}")
        if end.year < _NO_UPPER_BOUND:
            bounds.append(f"{time_sql} < {timestamp_literal(end)}")
        if not bounds:
            return "true"
        alternatives.append(" AND ".join(bounds))
    if not alternatives:
        return "false"
    return "(" + " OR ".join(alternatives) + ")"


def take_snapshot(plan: BatchPlan, tables: Tables) -> str | None:
    """
    Copy the rows that the job would read now, in the caller's transaction.

    :return: The ``snapshot`` for :class:`TableInput`; None for files, which can't change.
    :raises TableError: The source table doesn't exist.
    """
    if isinstance(plan.source, FileInput):
        return None
    # Load numbers only have to increase; gaps are harmless.
    name = f"snapshot_{tables.segments.next_load()}"
    tables.store.execute(f"CREATE TABLE {name} AS {open_source(plan, tables).relation_sql}")
    return name


def drop_snapshot(name: str, tables: Tables) -> None:
    """Drop a snapshot, in the caller's transaction."""
    tables.store.execute(f"DROP TABLE {name}")
