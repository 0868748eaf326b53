# SPDX-License-Identifier: Apache-2.0
"""Determine the column lineage of a job from Polaris' description of it; performs no I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.idempotency.fingerprint import echoed_spec
from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec, ColumnMapping, parse_spec
from airflow_provider_polaris.jobs.sql.column_lineage import (
    ColumnSource,
    column_lineage,
    expression_lineage,
    statement_lineage,
    tables_read,
)
from airflow_provider_polaris.jobs.sql.ingestion.column_flow import TableColumn, query_columns
from airflow_provider_polaris.jobs.sql.ingestion.statement import find_statement
from airflow_provider_polaris.jobs.sql.statement import grouping_columns, job_statement, selected_columns
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.time.interval import Interval


@dataclass(frozen=True)
class Unread:
    """
    SQL whose columns are unknown.

    :param what: Name of the SQL, as the subject of a sentence.
    :param text: The SQL.
    :param number: Index of the SQL among the job's SQL expressions, from 0.
    """

    what: str
    text: str
    number: int


@dataclass(frozen=True)
class JobLineage:
    """
    The column lineage of a job.

    :param columns: Sources of each column of the target; empty if it has none. Omits columns with unknown sources. A
        source names its table if the job reads several.
    :param expressions: SQL expression of each column of the target, if the job has separate expressions.
    :param filters: Columns of the source that filter rows.
    :param groups: Columns of the source that group rows.
    :param unread: SQL that could not be parsed reliably.
    :param pieces: Number of SQL expressions.
    """

    columns: Mapping[str, Sequence[ColumnSource | TableColumn]] = field(default_factory=dict)
    expressions: Mapping[str, str] = field(default_factory=dict)
    filters: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    unread: tuple[Unread, ...] = ()
    pieces: int = 0


def statement_of(state: JobState) -> str | None:
    """
    Return the SQL of a job, from Polaris if available.

    :param state: The job.
    """
    return state.query or job_statement(echoed_spec(state.body))


def sources_of(state: JobState) -> tuple[str, ...]:
    """
    Return the tables that a job reads; empty if it reads none, or if its statement can't be parsed.

    :param state: The job.
    """
    if state.type == "sql" and state.query is not None:
        return tables_read(state.query) or ()
    return () if state.source_table is None else (state.source_table,)


def read_lineage(state: JobState, source_columns: Collection[str] | None = None) -> JobLineage:
    """
    Return the column lineage of a job; empty for a job without SQL.

    :param state: The job.
    :param source_columns: Known columns of the source; None if unknown.
    """
    if state.type == "sql" and state.query is not None:
        return _of_statement(state.query, source_columns)
    if state.type != "batch":
        return JobLineage()
    try:
        spec = parse_spec(echoed_spec(state.body))
    except PolarisSpecError:
        spec = None
    if isinstance(spec, BatchJobSpec):
        return _of_mappings(spec, source_columns)
    # The spec is newer than this package. Polaris' SQL for it is equivalent.
    return JobLineage() if state.query is None else _of_statement(state.query, source_columns)


def _of_mappings(spec: BatchJobSpec, source_columns: Collection[str] | None) -> JobLineage:
    columns = column_lineage(spec, source_columns)
    selected = selected_columns(spec)
    unread = [
        Unread(f"The expression of column {mapping.column_name!r}", mapping.expression, number)
        for number, mapping in enumerate(selected)
        if columns.get(mapping.column_name) is None
    ]
    filters: list[str] = []
    if spec.source.type == "table" and (spec.target.spans or Interval.parse(_interval(spec)) != Interval.ETERNITY):
        filters.append("__time")
    pieces = len(selected)
    if spec.filter_expression:
        conditions = expression_lineage(spec.filter_expression, source_columns=source_columns)
        if conditions is None:
            unread.append(Unread("The filter", spec.filter_expression, pieces))
        filters += [source.column for source in conditions or ()]
        pieces += 1
    return JobLineage(
        columns={name: sources for name, sources in columns.items() if sources is not None},
        expressions={mapping.column_name: mapping.expression for mapping in selected},
        filters=tuple(dict.fromkeys(filters)),
        groups=_groups(grouping_columns(selected), columns),
        unread=tuple(unread),
        pieces=pieces,
    )


def _interval(spec: BatchJobSpec) -> str:
    return str(getattr(spec.source, "interval", Interval.ETERNITY))


def _groups(grouping: Sequence[ColumnMapping], columns: Mapping[str, Sequence[ColumnSource] | None]) -> tuple[str, ...]:
    names = (source.column for mapping in grouping for source in columns.get(mapping.column_name) or ())
    return tuple(dict.fromkeys(names))


def _of_statement(query: str, source_columns: Collection[str] | None) -> JobLineage:
    statement = statement_lineage(query, source_columns)
    if statement is None:
        columns = _of_several_tables(query)
        if columns is not None:
            return _partly_read(columns, query)
        return JobLineage(unread=(Unread("The statement", query, 0),), pieces=1)
    return _partly_read(statement.columns, query)


def _of_several_tables(query: str) -> dict[str, tuple[TableColumn, ...] | None] | None:
    statement = find_statement(query)
    return None if statement is None else query_columns(statement.select)


def _partly_read(columns: Mapping[str, Sequence[ColumnSource | TableColumn] | None], query: str) -> JobLineage:
    return JobLineage(
        columns={name: sources for name, sources in columns.items() if sources is not None},
        unread=tuple(
            Unread(f"The expression of column {name!r}", query, number)
            for number, (name, sources) in enumerate(columns.items())
            if sources is None
        ),
        pieces=len(columns),
    )
