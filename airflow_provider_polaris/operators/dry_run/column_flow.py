"""From which columns of which table a job makes which columns of which other; performs no I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec, JobSpec, SqlJobSpec, TableSource, parse_spec
from airflow_provider_polaris.jobs.sql.column_lineage import (
    ColumnSource,
    column_lineage,
    expression_lineage,
    statement_lineage,
)


@dataclass(frozen=True)
class Flow:
    """
    What goes from where to where.

    :param target: Table that the job changes; None if that can't be told.
    :param source: Table that it reads; None if it reads none, or that can't be told.
    :param reads: By place in the job, such as ``mapping 'city'``: the columns of the source that it names, or the
        fields of its files; None where that can't be told for sure.
    :param writes: By name of each column of the target: what it is made of, or None.
    :param creates_target: Whether the job may create its target.
    :param partitioned_by: Granularity of the partitions that the job writes, if it says.
    """

    target: str | None = None
    source: str | None = None
    reads: Mapping[str, tuple[ColumnSource, ...] | None] = field(default_factory=dict)
    writes: Mapping[str, tuple[ColumnSource, ...] | None] = field(default_factory=dict)
    creates_target: bool = False
    partitioned_by: str | None = None


def flow_of(wire: Mapping[str, Any], source_columns: Collection[str] | None) -> Flow:
    """
    Read a job.

    :param wire: The JSON object for Polaris.
    :param source_columns: Columns that the source is known to have; None if they aren't known.
    """
    try:
        spec: JobSpec = parse_spec(wire)
    except PolarisSpecError:
        return Flow()  # a type of job that this package doesn't know
    if isinstance(spec, SqlJobSpec):
        statement = statement_lineage(spec.query, source_columns)
        if statement is None:
            return Flow()
        reads = {f"the value of {name!r}": sources for name, sources in statement.columns.items()}
        return Flow(
            statement.target, statement.source, reads, statement.columns, creates_target=spec.create_table_if_not_exists
        )
    if not isinstance(spec, BatchJobSpec):
        return Flow(spec.target.table_name)
    writes = column_lineage(spec, source_columns)
    reads = {f"mapping {name!r}": sources for name, sources in writes.items()}
    if spec.filter_expression:
        reads["filter_expression"] = expression_lineage(spec.filter_expression, source_columns=source_columns)
    return Flow(
        spec.target.table_name,
        spec.source.table_name if isinstance(spec.source, TableSource) else None,
        reads,
        writes,
        creates_target=spec.create_table_if_not_exists,
        partitioned_by=spec.partitioned_by,
    )
