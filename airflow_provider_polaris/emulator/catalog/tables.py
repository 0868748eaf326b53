# SPDX-License-Identifier: Apache-2.0
"""
Tables in the form of the Tables API, built from the engine's definitions.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from airflow_provider_polaris.emulator.catalog.maintenance import TableMaintenance
from airflow_provider_polaris.emulator.catalog.table_definitions import read_definition
from airflow_provider_polaris.emulator.engine import Column, Segment, TableDef, TableError, Tables, TableStats
from airflow_provider_polaris.emulator.wire.errors import ApiError, bad_request, not_found
from airflow_provider_polaris.emulator.wire.identifiers import Clock, rfc3339
from airflow_provider_polaris.emulator.wire.intervals import Interval, format_instant
from airflow_provider_polaris.emulator.wire.models import Table
from airflow_provider_polaris.emulator.wire.names import table_name_fault
from airflow_provider_polaris.emulator.wire.requests import parse

_STATUS: Final[Mapping[str, int]] = {
    "missing": 404,
    "exists": 409,
    "stale_version": 409,
    "not_empty": 400,  # GUESS: 409 is documented for a stale version only
    "restricted_column": 400,
}


class Catalog:
    """
    The tables of the project.

    :param tables: The engine's tables.
    :param clock: For creation and modification times.
    :param maintenance: Which data is precached.
    """

    def __init__(self, tables: Tables, clock: Clock, maintenance: TableMaintenance) -> None:
        self._tables = tables
        self._clock = clock
        self._maintenance = maintenance
        self.being_dropped: set[str] = set()

    def find(self, name: str) -> TableDef | None:
        """Return a table's definition, or None; an invalid name is not looked up."""
        return None if table_name_fault(name) else self._tables.get(name)

    def availability(self, table: TableDef) -> str:
        """
        Return whether a table's data is available for queries.

        DOCUMENTED polaris-sdk 20250425.14.0, TableAvailability. GUESS: ``deleting`` while a job drops the table.
        """
        return "deleting" if table.name in self.being_dropped else self._maintenance.availability(table)

    def columns(self, table: TableDef) -> tuple[Column, ...]:
        """Return all columns that an expression can use, ``__time`` included."""
        return self._tables.columns(table.name)

    def create(self, data: Mapping[str, Any], user: Mapping[str, Any]) -> dict[str, Any]:
        """
        Create a table.

        :param data: Body of the request.
        :param user: User of the request.
        :return: The table in the form of the describe endpoint.
        :raises ApiError: 400 for an invalid definition, 409 for a name that exists.
        """
        table = parse(Table, data)
        if table.name is None:
            raise bad_request("field 'name' is required.", "name")
        fault = table_name_fault(table.name)
        if fault is not None:
            raise bad_request(f"table name {table.name!r} is not valid: {fault}.", "name")
        now = rfc3339(self._clock())
        stamps = {"createdByUser": dict(user), "createdOnTimestamp": now}
        definition = read_definition(
            table, table.name, str(uuid.uuid4()), {**stamps, **_modified(user, now)}, version=0
        )
        try:
            self._tables.create(definition)
        except TableError as error:
            raise _api_error(error) from None
        return self.payload(table.name)

    def create_for_job(
        self,
        name: str,
        *,
        partitioning: str,
        columns: Sequence[Column],
        measures: frozenset[str],
        clustering_columns: Sequence[str],
        user: Mapping[str, Any],
    ) -> TableDef:
        """
        Create the table that a job writes to.

        DOCUMENTED https://docs.imply.io/polaris/tables: the table is flexible, aggregate if the job aggregates, and
        partitioned like the job. GUESS: the columns that the job maps are declared.

        :param name: Name of the table.
        :param partitioning: Partitioning granularity of the job.
        :param columns: Columns that the job writes.
        :param measures: Names of the columns that are aggregations.
        :param clustering_columns: The job's clustering columns.
        :param user: User of the request.
        :return: The definition.
        :raises ApiError: 400 for an invalid column.
        """
        now = rfc3339(self._clock())
        kind: Literal["detail", "aggregate"] = "aggregate" if measures else "detail"
        schema: list[dict[str, str]] = [{"name": one.name, "dataType": one.data_type} for one in columns]
        if measures:
            for column in schema:
                column["type"] = "measure" if column["name"] in measures else "dimension"
        attributes: dict[str, Any] = {"schema": schema, "createdByUser": dict(user), "createdOnTimestamp": now}
        if clustering_columns:
            attributes["clusteringColumns"] = list(clustering_columns)
        definition = TableDef(
            name=name,
            id=str(uuid.uuid4()),
            type=kind,
            partitioning=partitioning,
            time_resolution="millisecond" if measures else None,
            columns=tuple(columns),
            attributes={**attributes, **_modified(user, now)},
            version=0,
        )
        try:
            return self._tables.create(definition)
        except TableError as error:
            raise _api_error(error) from None

    def update(
        self, name: str, data: Mapping[str, Any], user: Mapping[str, Any], *, has_active_jobs: Callable[[str], bool]
    ) -> dict[str, Any]:
        """
        Change a table.

        :param name: Its name.
        :param data: Body of the request: the whole table, with the version that was read.
        :param user: User of the request.
        :param has_active_jobs: Returns whether a job of the table is active.
        :return: The table in the form of the describe endpoint.
        :raises ApiError: 404, 400 for an impossible change, 409 for a stale version.
        """
        old = self.find(name)
        if old is None:
            raise not_found("Table", name)
        table = parse(Table, data)
        if table.name not in (None, name):
            raise bad_request(f"field 'name' has the value {table.name!r}: a table can't be renamed.", "name")
        if table.type != old.type:
            raise bad_request(f"table {name!r} is of type {old.type!r}, which can't change.", "type")
        if table.version is None:
            raise bad_request("field 'version' is required.", "version")
        stamps = {key: old.attributes[key] for key in ("createdByUser", "createdOnTimestamp")}
        modified = _modified(user, rfc3339(self._clock()))
        new = read_definition(table, name, old.id, {**stamps, **modified}, version=table.version)
        kept = {column.name: column.data_type for column in new.columns}
        changed = [column.name for column in old.columns if kept.get(column.name) != column.data_type]
        if changed and has_active_jobs(name):
            # DOCUMENTED polaris-sdk 20250425.14.0, update_table
            raise bad_request(
                f"column {changed[0]!r} of table {name!r} can't be changed or removed: the table has active jobs.",
                "schema",
            )
        try:
            self._maintenance.apply_policy(self._tables.update(new))
        except TableError as error:
            raise _api_error(error) from None
        return self.payload(name)

    def payload(self, name: str) -> dict[str, Any]:
        """
        Return a table in the form of the describe endpoint.

        DOCUMENTED polaris-sdk 20250425.14.0, DetailTablePayload and AggregateTablePayload.

        :raises ApiError: 404.
        """
        if table_name_fault(name):
            raise not_found("Table", name)
        try:
            stored = self._tables.stored(name)
        except TableError as error:
            raise not_found("Table", name) from error
        table, discovered = stored.definition, {column.name for column in stored.discovered}
        stats = self._tables.stats_of(stored)
        payload = {
            **self._summary(table, stats),
            "schema": table.attributes.get("schema", []),
            "queryableSchema": [
                {"name": column.name, "dataType": column.data_type, "isDiscovered": column.name in discovered}
                for column in stored.columns
            ],
            "segmentCompactedBytes": stats.total_bytes,
            "segmentTotalBytes": stats.total_bytes,
            "clusteringColumns": table.attributes.get("clusteringColumns", []),
        }
        if table.type == "aggregate":
            payload["timeResolution"] = table.time_resolution
            if "queryGranularity" in table.attributes:
                payload["queryGranularity"] = table.attributes["queryGranularity"]
        return payload

    def summaries(self, *, partitioning: str | None = None, segment_count: int | None = None) -> list[dict[str, Any]]:
        """
        Return all tables in the form of the list endpoint.

        :param partitioning: Only tables with this partitioning granularity.
        :param segment_count: Only tables with this number of segments.
        """
        rows = [self._summary(table, self._tables.stats(table.name)) for table in self._tables.list()]
        return [
            row
            for row in rows
            if partitioning in (None, row["partitioningGranularity"]) and segment_count in (None, row["segmentCount"])
        ]

    def unused_segments(
        self, name: str, *, interval: Interval | None, limit: int, last_segment_id: str | None, sort_order: str
    ) -> list[dict[str, Any]]:
        """
        Return the segments of a table that were replaced or softly deleted.

        :raises ApiError: 404.
        """
        if self.find(name) is None:
            raise not_found("Table", name)
        bounds = None if interval is None else (interval.start, interval.end)
        segments = self._tables.unused_segments(name, bounds, limit, last_segment_id, sort_order)
        return [segment_payload(segment) for segment in segments]

    def _summary(self, table: TableDef, stats: TableStats) -> dict[str, Any]:
        attributes = table.attributes
        row = {
            "name": table.name,
            "type": table.type,
            "id": table.id,
            "version": table.version,
            "availability": self.availability(table),
            "partitioningGranularity": table.partitioning or "day",
            "schemaMode": table.schema_mode,
            "createdByUser": attributes["createdByUser"],
            "createdOnTimestamp": attributes["createdOnTimestamp"],
            "modifiedByUser": attributes["modifiedByUser"],
            "modifiedOnTimestamp": attributes["modifiedOnTimestamp"],
            "segmentCount": stats.segment_count,
            "totalRows": stats.total_rows,
            "totalDataSizeBytes": stats.total_bytes,
            "precachedDataSizeBytes": self._maintenance.precached_bytes(table, stats),
        }
        optional = ("description", "storagePolicy")
        return {**row, **{key: attributes[key] for key in optional if attributes.get(key)}}


def segment_payload(segment: Segment) -> dict[str, Any]:
    """Return a segment in the form of the API. DOCUMENTED polaris-sdk 20250425.14.0, SegmentMetadataResponse."""
    return {
        "id": segment.id,
        "tableName": segment.table,
        "interval": f"{format_instant(segment.interval[0])}/{format_instant(segment.interval[1])}",
        "version": segment.version,
        "partitionNumber": segment.partition_number,
        "sizeBytes": segment.size_bytes,
        "createdOnTimestamp": format_instant(segment.created),
        "lastUpdatedOnTimestamp": format_instant(segment.last_updated),
    }


def _modified(user: Mapping[str, Any], now: str | None) -> dict[str, Any]:
    return {"modifiedByUser": dict(user), "modifiedOnTimestamp": now}


def _api_error(error: TableError) -> ApiError:
    return ApiError(_STATUS[error.reason], error.message)
