# SPDX-License-Identifier: Apache-2.0
"""Determine which source columns a job reads for each target column; performs no I/O."""

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
from airflow_provider_polaris.jobs.sql.ingestion.statement import find_statement


@dataclass(frozen=True)
class Flow:
    """
    The tables and columns that a job reads and writes.

    :param target: Table that the job changes; None if unknown.
    :param source: Table that the job reads; None if there is none, or if unknown.
    :param reads: Columns of the source, or fields of its files, by place in the job, such as ``mapping 'city'``; None
        if unknown.
    :param writes: Sources of each column of the target; None if unknown.
    :param creates_target: Whether the job may create its target.
    :param partitioned_by: Granularity of the partitions that the job writes; None if the spec doesn't set it.
    """

    target: str | None = None
    source: str | None = None
    reads: Mapping[str, tuple[ColumnSource, ...] | None] = field(default_factory=dict)
    writes: Mapping[str, tuple[ColumnSource, ...] | None] = field(default_factory=dict)
    creates_target: bool = False
    partitioned_by: str | None = None


def flow_of(wire: Mapping[str, Any], source_columns: Collection[str] | None) -> Flow:
    """
    Return the tables and columns that a job reads and writes.

    :param wire: The JSON object for Polaris.
    :param source_columns: Known columns of the source; None if unknown.
    """
    try:
        spec: JobSpec = parse_spec(wire)
    except PolarisSpecError:
        return Flow()  # a job type that this package does not support
    if isinstance(spec, SqlJobSpec):
        statement = statement_lineage(spec.query, source_columns)
        if statement is None:
            said = find_statement(spec.query, spec.context)
            partitioned_by = None if said is None else said.partitioned_by.value
            target = None if said is None else said.target
            return Flow(target, creates_target=spec.create_table_if_not_exists, partitioned_by=partitioned_by)
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
