# SPDX-License-Identifier: Apache-2.0
"""
Validate the mappings, the filter and the clustering columns of a batch job, and add the mapping that Polaris adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from airflow_provider_polaris.emulator.assumptions import Assumptions
from airflow_provider_polaris.emulator.catalog.table_definitions import measures_of
from airflow_provider_polaris.emulator.engine import Column, SqlInvalid, SqlNotSupported, TableDef
from airflow_provider_polaris.emulator.job_specs.normalized_spec import COUNT_COLUMN, TIME_COLUMN
from airflow_provider_polaris.emulator.sql import translate_expression, translate_filter
from airflow_provider_polaris.emulator.wire.errors import bad_request
from airflow_provider_polaris.emulator.wire.models import BatchJob, Mapping_

_COUNT_MAPPING: Final = Mapping_.model_validate(
    {"columnName": COUNT_COLUMN, "expression": "COUNT(*)", "isAggregation": True}
)

#: Messages don't repeat longer expressions.
_LONGEST_SHOWN: Final = 200


def read_mappings(
    job: BatchJob, target: TableDef | None, columns: Sequence[Column], is_table: bool, assumed: Assumptions
) -> tuple[list[Mapping_], list[bool]]:
    """
    Validate the mappings of a job, and add the mapping that Polaris adds.

    :param job: The request.
    :param target: The target table; None if the job creates it.
    :param columns: Columns of the source.
    :param is_table: Whether the source is a table.
    :param assumed: The assumptions.
    :return: The mappings, and whether each is an aggregation.
    :raises ApiError: 400.
    """
    mappings = list(job.mappings)
    if not mappings:
        # GUESS: the effect of an empty list of mappings is not documented.
        raise bad_request("'mappings' is empty: every column has to be mapped.", "mappings")
    measures = measures_of(target)
    names = [one.column_name for one in mappings]
    aggregations: list[bool] = []
    for index, one in enumerate(mappings):
        field = f"mappings[{index}]"
        if names.count(one.column_name) > 1:
            raise bad_request(f"column {one.column_name!r} is mapped more than once.", f"{field}.columnName")
        aggregation = one.column_name in measures if one.is_aggregation is None else one.is_aggregation
        _check_mapping(one, aggregation, columns, field)
        _check_column(one, aggregation, target, field)
        aggregations.append(aggregation)
    if TIME_COLUMN not in names and not is_table:
        # DOCUMENTED https://docs.imply.io/polaris/ingestion-job; api-ingest-table lets table sources leave it out.
        raise bad_request(f"'mappings' has no {TIME_COLUMN!r}: it can be omitted for table sources only.", "mappings")
    if COUNT_COLUMN not in names and _counts(target, aggregations, assumed):
        mappings.append(_COUNT_MAPPING)
        aggregations.append(True)
    return mappings, aggregations


def _counts(target: TableDef | None, aggregations: Sequence[bool], assumed: Assumptions) -> bool:
    """
    Return whether Polaris adds ``__count``, the number of rolled-up rows.

    OBSERVED 2023-09-13 (api-ingest-table) for a new aggregate table. GUESS: for an existing table if it has the column,
    unless ``existing_count`` has another value; an explicit mapping replaces it.
    """
    if target is None:
        return any(aggregations)
    if target.type != "aggregate" or assumed.existing_count == "never":
        return False
    # A strict table has only declared columns, independent of the assumption.
    undeclared = assumed.existing_count == "always" and target.schema_mode == "flexible"
    return undeclared or COUNT_COLUMN in measures_of(target)


def _check_mapping(one: Mapping_, aggregation: bool, columns: Sequence[Column], field: str) -> None:
    """OBSERVED(Druid 27): the SQL is planned when the job is created, so invalid SQL is a 400."""
    try:
        expression = translate_expression(one.expression, columns, storing=True)
    except SqlNotSupported:
        return  # the job fails with query_not_supported
    except SqlInvalid as error:
        raise bad_request(f"{_shown(one.expression)} is not valid: {error}", f"{field}.expression") from None
    if expression.is_aggregate and not aggregation:
        raise bad_request(
            f"{_shown(one.expression)} aggregates, but column {one.column_name!r} is not a measure; "
            "set 'isAggregation' to true.",
            f"{field}.isAggregation",
        )
    if aggregation and not expression.is_aggregate:
        raise bad_request(
            f"{_shown(one.expression)} does not aggregate, but column {one.column_name!r} is a measure.",
            f"{field}.expression",
        )


def _check_column(one: Mapping_, aggregation: bool, target: TableDef | None, field: str) -> None:
    if aggregation and one.column_name == TIME_COLUMN:
        raise bad_request(f"column {TIME_COLUMN!r} can't be an aggregation.", f"{field}.isAggregation")
    if target is None or one.column_name == TIME_COLUMN:
        return
    if aggregation and target.type == "detail":
        # DOCUMENTED https://docs.imply.io/polaris/schema: detail tables have no measures. GUESS: hence a 400.
        raise bad_request(
            f"table {target.name!r} is a detail table, so column {one.column_name!r} can't be an aggregation.",
            f"{field}.isAggregation",
        )
    declared = {column["name"]: column for column in target.attributes.get("schema") or ()}
    if target.schema_mode == "strict" and one.column_name not in declared:
        # DOCUMENTED https://docs.imply.io/polaris/schema: a strict table has only declared columns.
        raise bad_request(
            f"table {target.name!r} is strict and has no column {one.column_name!r}.", f"{field}.columnName"
        )
    if declared.get(one.column_name, {}).get("type") == "dimension" and aggregation:
        raise bad_request(
            f"column {one.column_name!r} of table {target.name!r} is a dimension, not a measure.",
            f"{field}.isAggregation",
        )
    if one.column_name in measures_of(target) and not aggregation:
        raise bad_request(
            f"column {one.column_name!r} of table {target.name!r} is a measure, so it needs an aggregation.",
            f"{field}.isAggregation",
        )


def check_filter(text: str | None, columns: Sequence[Column]) -> None:
    """
    Validate the filter of a job.

    :param text: The condition; None if there is none.
    :param columns: Columns of the source.
    :raises ApiError: 400.
    """
    if text is None:
        return
    try:
        translate_filter(text, columns)
    except SqlNotSupported:
        return  # the job fails with query_not_supported
    except SqlInvalid as error:
        raise bad_request(f"{_shown(text)} is not valid: {error}", "filterExpression") from None


def check_clustering(job: BatchJob, mappings: Sequence[Mapping_], aggregations: Sequence[bool]) -> None:
    """
    Validate the clustering columns of a job.

    :raises ApiError: 400.
    """
    kinds = {one.column_name: aggregation for one, aggregation in zip(mappings, aggregations, strict=True)}
    for name in job.clustering_columns or ():
        # DOCUMENTED polaris-sdk 20250425.14.0: dimensions only. GUESS: the job has to map them.
        if name != TIME_COLUMN and kinds.get(name, True):
            raise bad_request(f"column {name!r} is not a mapped dimension.", "clusteringColumns")


def _shown(expression: str) -> str:
    """Format an expression for a message. A long expression is left out, so that the reason stays visible."""
    if len(expression) > _LONGEST_SHOWN:
        return f"expression of {len(expression)} characters"
    return f"expression {expression!r}"
