# SPDX-License-Identifier: Apache-2.0
"""
Translate and check the mappings and the filter of a batch job, without reading rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airflow_provider_polaris.emulator.engine.data_types import column_type
from airflow_provider_polaris.emulator.engine.errors import as_job_faults
from airflow_provider_polaris.emulator.engine.jobs.source import NO_LISTS, source_columns
from airflow_provider_polaris.emulator.engine.model import BatchPlan, FileInput, JobFault, MappingPlan
from airflow_provider_polaris.emulator.engine.tables.stored_table import TIME
from airflow_provider_polaris.emulator.engine.tables.tables import Tables
from airflow_provider_polaris.emulator.sql import Column, Expression, translate_expression, translate_filter
from airflow_provider_polaris.emulator.sql.translation.context import check_constant

MAX_COLUMNS = 2000
"""DOCUMENTED https://druid.apache.org/docs/latest/multi-stage-query/reference: maximum number of columns of an
ingestion job."""

_DEPENDING = re.compile(r"\b((?:MV|ARRAY)_(?:APPEND|PREPEND|CONCAT|CONTAINS|OVERLAP))\s*\(", re.IGNORECASE)
"""OBSERVED(Druid 27): functions whose result for a list without a value depends on the rest of the expression."""


@dataclass(frozen=True)
class Output:
    """A translated mapping."""

    column: str
    expression: Expression
    is_aggregation: bool


def plan_columns(plan: BatchPlan, tables: Tables) -> tuple[Column, ...]:
    """
    Return the columns of a table that a job creates: ``__time`` and the mapped columns, typed by their expressions.

    Checks all expressions of the plan, and reads no rows.

    :return: Columns in the order of the mappings, ``__time`` first.
    :raises JobFault: ``query_not_supported`` for an expression, ``internal_error`` for a source that doesn't exist.
    """
    columns = {TIME.name: TIME}
    outputs = translate_mappings(plan, tables)
    for output in outputs:
        columns[output.column] = Column(output.column, column_type(output.column, output.expression.data_type))
    translate_job_filter(plan, tables, outputs)
    return tuple(columns.values())


def translate_mappings(plan: BatchPlan, tables: Tables, multi_value: Mapping[str, bool] = NO_LISTS) -> list[Output]:
    """
    Translate the mappings, ``__time`` first.

    DOCUMENTED https://docs.imply.io/polaris/api-ingest-table: ``__time`` may be omitted for a table source, and is then
    mapped to itself. DOCUMENTED (``FieldMapping`` of polaris-sdk 20250425.14.0): a mapping is an aggregation only if it
    is declared as one, or its column is a measure.

    :param multi_value: Names of the string fields of files that have lists, each with whether one has no value.
    :raises JobFault: ``query_not_supported``, ``too_many_columns``.
    """
    with as_job_faults(f"job on table {plan.target!r}"):
        columns = source_columns(plan, tables, multi_value)
    mappings = list(plan.mappings)
    if not any(mapping.column == TIME.name for mapping in mappings):
        if isinstance(plan.source, FileInput):
            raise JobFault(
                "query_not_supported", "column '__time' is not mapped, which a job that reads files has to do."
            )
        mappings.insert(0, MappingPlan(TIME.name, '"__time"'))
    mappings.sort(key=lambda mapping: mapping.column != TIME.name)
    if len(mappings) > MAX_COLUMNS:
        raise JobFault("too_many_columns", f"the job maps {len(mappings)} columns; the limit is {MAX_COLUMNS}.")
    names = [mapping.column for mapping in mappings]
    outputs = []
    for position, mapping in enumerate(mappings):
        where = f"mapping of column {mapping.column!r}"
        if mapping.column in names[:position]:
            raise JobFault("query_not_supported", f"{where}: the column is mapped twice.")
        with as_job_faults(where):
            expression = translate_expression(mapping.expression, columns, storing=True, where=plan.filter_expression)
        _check_empty_lists(mapping, expression, multi_value)
        if expression.is_aggregate and not mapping.is_aggregation:
            raise JobFault(
                "query_not_supported",
                f"{where}: {mapping.expression!r} aggregates, and the mapping is not an aggregation. "
                "Set isAggregation to true.",
            )
        if mapping.is_aggregation and not expression.is_aggregate:
            raise JobFault(
                "query_not_supported",
                f"{where}: {mapping.expression!r} doesn't aggregate, and the mapping is an aggregation.",
            )
        outputs.append(Output(mapping.column, expression, mapping.is_aggregation))
    return outputs


def _check_empty_lists(mapping: MappingPlan, expression: Expression, multi_value: Mapping[str, bool]) -> None:
    """Refuse functions for which a list without a value has another result in a file than in a table."""
    called = _DEPENDING.search(mapping.expression)
    for name in sorted(expression.uses):
        if called is not None and multi_value.get(name):
            raise JobFault(
                "query_not_supported",
                f"mapping of column {mapping.column!r}: function {called[1].upper()!r} is not supported, because field "
                f"{name!r} has lists without a value.",
            )


def translate_job_filter(
    plan: BatchPlan, tables: Tables, outputs: Sequence[Output], multi_value: Mapping[str, bool] = NO_LISTS
) -> str | None:
    """
    Translate the filter.

    :param outputs: The translated mappings.
    :param multi_value: Names of the string fields of files that have lists, each with whether one has no value.
    :return: A DuckDB condition on the source's columns, or None if the job has none.
    :raises JobFault: ``query_not_supported``.
    """
    if plan.filter_expression is None:
        return None
    with as_job_faults("filterExpression"):
        condition = translate_filter(plan.filter_expression, source_columns(plan, tables, multi_value))
    for output in outputs:
        with as_job_faults(f"mapping of column {output.column!r}"):
            check_constant(sorted(condition.constants & output.expression.uses))
    return condition.sql
