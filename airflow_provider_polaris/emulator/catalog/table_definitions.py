# SPDX-License-Identifier: Apache-2.0
"""
Validate the table of a request and convert it to the engine's definition. Performs no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from airflow_provider_polaris.emulator.catalog.storage_policies import read_policy
from airflow_provider_polaris.emulator.engine import Column, TableDef
from airflow_provider_polaris.emulator.engine.data_types import stored_as
from airflow_provider_polaris.emulator.wire.errors import bad_request, not_implemented
from airflow_provider_polaris.emulator.wire.intervals import is_finer
from airflow_provider_polaris.emulator.wire.models import (
    COLUMN_TYPES,
    MEASURE_TYPES,
    PARTITIONINGS,
    TIME_RESOLUTIONS,
    Table,
)

_TIME: Final = "__time"


def measures_of(table: TableDef | None) -> frozenset[str]:
    """Return the names of a table's declared measures."""
    schema = table.attributes.get("schema") if table else None
    return frozenset(column["name"] for column in schema or () if column.get("type") == "measure")


def read_definition(table: Table, name: str, table_id: str, stamps: Mapping[str, Any], *, version: int) -> TableDef:
    """Validate the table of a request. DOCUMENTED polaris-sdk 20250425.14.0, TablePayload, unless tagged otherwise."""
    if table.partitioning_granularity not in PARTITIONINGS:
        raise bad_request(
            f"field 'partitioningGranularity' has the value {table.partitioning_granularity!r}: it must be one of "
            f"{', '.join(PARTITIONINGS)}.",
            "partitioningGranularity",
        )
    resolution = _time_resolution(table)
    schema = _schema(table)
    attributes: dict[str, Any] = {"schema": schema, **stamps}
    names = {column["name"] for column in schema} | {_TIME}
    for column in table.clustering_columns or ():
        if column not in names or column in {one["name"] for one in schema if one.get("type") == "measure"}:
            raise bad_request(f"column {column!r} is not a dimension of the table.", "clusteringColumns")
    optional = {
        "clusteringColumns": table.clustering_columns,
        "description": table.description,
        "queryGranularity": table.query_granularity,
    }
    attributes.update({key: value for key, value in optional.items() if value is not None})
    if table.storage_policy is not None:
        attributes["storagePolicy"] = read_policy(table.storage_policy, table.partitioning_granularity)
    return TableDef(
        name=name,
        id=table_id,
        type=table.type,
        partitioning=table.partitioning_granularity,
        time_resolution=resolution,
        schema_mode=table.schema_mode,
        columns=tuple(Column(column["name"], column["dataType"]) for column in schema),
        attributes=attributes,
        version=version,
    )


def _time_resolution(table: Table) -> str | None:
    if table.type == "detail":
        if table.time_resolution is not None or table.query_granularity is not None:
            raise bad_request("'timeResolution' and 'queryGranularity' are for aggregate tables.", "timeResolution")
        return None
    resolution = table.time_resolution or "millisecond"
    if resolution not in TIME_RESOLUTIONS:
        raise bad_request(
            f"field 'timeResolution' has the value {resolution!r}: it must be one of {', '.join(TIME_RESOLUTIONS)}.",
            "timeResolution",
        )
    if is_finer(table.partitioning_granularity, resolution):
        # DOCUMENTED https://docs.imply.io/polaris/partitioning
        raise bad_request(
            f"field 'timeResolution' has the value {resolution!r}: it can't be coarser than the partitioning "
            f"granularity {table.partitioning_granularity!r}.",
            "timeResolution",
        )
    return resolution


def _schema(table: Table) -> list[dict[str, str]]:
    schema: list[dict[str, str]] = []
    seen: set[str] = set()
    for index, column in enumerate(table.schema_ or ()):
        field = f"schema[{index}]"
        if column.name in seen:
            raise bad_request(f"column {column.name!r} occurs more than once.", f"{field}.name")
        seen.add(column.name)
        types = MEASURE_TYPES if column.type == "measure" else COLUMN_TYPES
        if column.data_type not in types:
            raise bad_request(
                f"column {column.name!r} has the data type {column.data_type!r}: it must be one of {', '.join(types)}.",
                f"{field}.dataType",
            )
        if stored_as(column.data_type) is None:
            raise not_implemented(f"columns of type {column.data_type!r}", f"{field}.dataType")
        if column.name == _TIME and (column.data_type != "timestamp" or column.type == "measure"):
            raise bad_request(f"column {_TIME!r} must be a dimension of type 'timestamp'.", f"{field}.dataType")
        if table.type == "detail" and column.type is not None:
            raise bad_request(f"field '{field}.type' is for aggregate tables.", f"{field}.type")
        entry = {"name": column.name, "dataType": column.data_type}
        if table.type == "aggregate":
            if column.type is None:
                raise bad_request(f"field '{field}.type' is required: 'dimension' or 'measure'.", f"{field}.type")
            entry["type"] = column.type
        schema.append(entry)
    return schema
