"""What a job reads and writes, column by column, from Polaris' own description of it; performs no I/O."""

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
from airflow_provider_polaris.jobs.sql.statement import grouping_columns, job_statement, selected_columns
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.time.interval import Interval


@dataclass(frozen=True)
class Unread:
    """
    SQL whose columns are unknown.

    :param what: What it is, to begin a sentence with.
    :param text: The SQL.
    :param number: Which of the job's pieces of SQL, from 0.
    """

    what: str
    text: str
    number: int


@dataclass(frozen=True)
class JobLineage:
    """
    How columns become columns.

    :param columns: Sources of each column of the target, those that come from none included; without unknown ones.
    :param expressions: SQL of columns of the target, where there is one for each.
    :param filters: Columns of the source that decide which rows are read.
    :param groups: Columns of the source that decide which rows are merged.
    :param unread: What could not be read for sure.
    :param pieces: How many pieces of SQL there were to read.
    """

    columns: Mapping[str, Sequence[ColumnSource]] = field(default_factory=dict)
    expressions: Mapping[str, str] = field(default_factory=dict)
    filters: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    unread: tuple[Unread, ...] = ()
    pieces: int = 0


def statement_of(state: JobState) -> str | None:
    """
    Return the SQL of a job: Polaris' own where it gave some.

    :param state: The job.
    """
    return state.query or job_statement(echoed_spec(state.body))


def sources_of(state: JobState) -> tuple[str, ...]:
    """
    Return the tables that a job reads; empty if it reads none, or if its statement can't be read.

    :param state: The job.
    """
    if state.type == "sql" and state.query is not None:
        return tables_read(state.query) or ()
    return () if state.source_table is None else (state.source_table,)


def read_lineage(state: JobState, source_columns: Collection[str] | None = None) -> JobLineage:
    """
    Read how a job computes its columns; for a job that isn't made of SQL there is nothing to read.

    :param state: The job.
    :param source_columns: What the source is known to have; None if nobody knows.
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
    # Newer than this package; the SQL that Polaris made of it says the same.
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
        return JobLineage(unread=(Unread("The statement", query, 0),), pieces=1)
    return JobLineage(
        columns={name: sources for name, sources in statement.columns.items() if sources is not None},
        unread=tuple(
            Unread(f"The expression of column {name!r}", query, number)
            for number, (name, sources) in enumerate(statement.columns.items())
            if sources is None
        ),
        pieces=len(statement.columns),
    )
