# SPDX-License-Identifier: Apache-2.0
"""
Build OpenLineage's datasets and facets for a job; performs no I/O.

Imported only if the OpenLineage provider is installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    DatasetFacet,
    InputDatasetFacet,
    OutputDatasetFacet,
    RunFacet,
    column_lineage_dataset,
    datasource_dataset,
    error_message_run,
    extraction_error_run,
    input_statistics_input_dataset,
    lifecycle_state_change_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)

from airflow_provider_polaris.assets import TableAddress
from airflow_provider_polaris.jobs.idempotency.fingerprint import echoed_spec
from airflow_provider_polaris.jobs.sql.column_lineage import ColumnSource, Kind
from airflow_provider_polaris.jobs.sql.ingestion.column_flow import TableColumn
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.operators.openlineage.job_lineage import JobLineage
from airflow_provider_polaris.operators.openlineage.table_columns import Column

#: Source: openlineage.io/docs/spec/facets/dataset-facets/column_lineage_facet.
_SUBTYPES: Final[Mapping[Kind, str]] = {
    "identity": "IDENTITY",
    "transformation": "TRANSFORMATION",
    "aggregation": "AGGREGATION",
}


def input_table(address: TableAddress, columns: Sequence[Column], facts: Mapping[str, Any] | None) -> InputDataset:
    """
    Return the dataset of the table that was read.

    ``inputStatistics`` are the rows and uncompressed bytes that the job has processed, if it has ended.

    :param address: The table.
    :param columns: Its columns; empty if unknown.
    :param facts: XCom ``polaris_job`` of a completed job; None of others.
    """
    statistics: dict[str, InputDatasetFacet] = {}
    rows, size = (facts or {}).get("rows_processed"), (facts or {}).get("bytes")
    if rows is not None or size is not None:
        statistics["inputStatistics"] = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
            rowCount=rows, size=size
        )
    return InputDataset(address.namespace, address.name, facets=_table_facets(address, columns), inputFacets=statistics)


def output_table(
    address: TableAddress, columns: Sequence[Column], facts: Mapping[str, Any] | None, change: str | None
) -> OutputDataset:
    """
    Return the dataset of the table that was written.

    ``outputStatistics`` are the stored rows. Polaris doesn't return their size in bytes.

    :param address: The table.
    :param columns: Its columns; empty if unknown.
    :param facts: XCom ``polaris_job`` of a completed job; None of others.
    :param change: Result of :func:`change_of`.
    """
    facets = _table_facets(address, columns)
    if change is not None:
        facets["lifecycleStateChange"] = lifecycle_state_change_dataset.LifecycleStateChangeDatasetFacet(
            lifecycle_state_change_dataset.LifecycleStateChange(change)
        )
    statistics: dict[str, OutputDatasetFacet] = {}
    rows = (facts or {}).get("rows_persisted")
    if rows is not None:
        statistics["outputStatistics"] = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            rowCount=rows
        )
    return OutputDataset(address.namespace, address.name, facets=facets, outputFacets=statistics)


def change_of(state: JobState) -> str | None:
    """
    Return OpenLineage's lifecycle state change for the table of a completed job; None if there is none.

    A replace of some intervals is also an ``OVERWRITE``. Appends, restores and partial deletions have no such change.

    :param state: The job.
    """
    if state.status != "completed":
        return None
    if state.type == "drop_table":
        return "DROP"
    if state.type == "delete_data":
        return "TRUNCATE" if echoed_spec(state.body).get("deleteAll") is True else None
    return "OVERWRITE" if state.type in ("batch", "sql") and state.is_replace else None


def column_lineage_facet(
    lineage: JobLineage, sources: Sequence[TableAddress]
) -> column_lineage_dataset.ColumnLineageDatasetFacet:
    """
    Return the source columns of the target's columns, and those that filter or group its rows.

    A column without source columns, such as a count of rows, is omitted. So is one whose sources are unknown.

    :param lineage: Lineage of the job.
    :param sources: The tables that were read, at least one.
    """
    addresses = {source.table: source for source in sources}

    def address_of(source: ColumnSource | TableColumn) -> TableAddress:
        return addresses[source.table] if isinstance(source, TableColumn) else sources[0]

    fields = {
        name: column_lineage_dataset.Fields(
            [_direct(address_of(one), one, lineage.expressions.get(name)) for one in found]
        )
        for name, found in lineage.columns.items()
        if found
    }
    return column_lineage_dataset.ColumnLineageDatasetFacet(fields, _indirect(lineage, sources[0]))


def extraction_error_facet(lineage: JobLineage) -> RunFacet:
    """
    Return the errors for SQL that could not be parsed, so that the lineage is marked as incomplete.

    :param lineage: Lineage of the job, with unread parts.
    """
    errors = [
        extraction_error_run.Error(
            errorMessage=f"{one.what} can't be parsed reliably, so the columns that it reads are unknown.",
            task=one.text,
            taskNumber=one.number,
        )
        for one in lineage.unread
    ]
    return extraction_error_run.ExtractionErrorRunFacet(lineage.pieces, len(errors), errors)


def error_facet(state: JobState) -> RunFacet | None:
    """
    Return Polaris' error for a failed job; None if it has not failed.

    If Airflow has the task's own error, it replaces this facet. That error quotes the same text.

    :param state: The job.
    """
    if not state.is_terminal or state.is_success():
        return None
    words = [] if state.health is None else [part for part in (state.health.code, state.health.message) if part]
    return error_message_run.ErrorMessageRunFacet(": ".join(words) or state.describe(), "SQL")


def _table_facets(address: TableAddress, columns: Sequence[Column]) -> dict[str, DatasetFacet]:
    facets: dict[str, DatasetFacet] = {
        "dataSource": datasource_dataset.DatasourceDatasetFacet(address.namespace, address.namespace)
    }
    if columns:
        facets["schema"] = schema_dataset.SchemaDatasetFacet(
            [schema_dataset.SchemaDatasetFacetFields(column.name, column.type) for column in columns]
        )
    return facets


def _direct(
    address: TableAddress, source: ColumnSource | TableColumn, expression: str | None
) -> column_lineage_dataset.InputField:
    how = column_lineage_dataset.Transformation("DIRECT", _SUBTYPES[source.kind], expression, masking=False)
    return column_lineage_dataset.InputField(address.namespace, address.name, source.column, [how])


def _indirect(lineage: JobLineage, address: TableAddress) -> list[column_lineage_dataset.InputField]:
    roles = {"FILTER": lineage.filters, "GROUP_BY": lineage.groups}
    return [
        column_lineage_dataset.InputField(
            address.namespace,
            address.name,
            column,
            [
                column_lineage_dataset.Transformation("INDIRECT", role, masking=False)
                for role, names in roles.items()
                if column in names
            ],
        )
        for column in dict.fromkeys((*lineage.filters, *lineage.groups))
    ]
