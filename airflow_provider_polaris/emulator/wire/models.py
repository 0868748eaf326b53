# SPDX-License-Identifier: Apache-2.0
"""
Models of request bodies, as the vendor's SDK writes them; the wire names are the vendor's, in camelCase.

DOCUMENTED polaris-sdk 20250425.14.0 unless a field is tagged otherwise.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from airflow_provider_polaris.emulator.wire.requests import WireModel

MAX_INT32: Final = 2_147_483_647
DEFAULT_SOURCE_INTERVAL: Final = "-1000-01-01T00:00:00.000Z/5000-01-01T00:00:00.000Z"

PARTITIONINGS: Final = (
    "second",
    "minute",
    "five_minute",
    "ten_minute",
    "fifteen_minute",
    "thirty_minute",
    "hour",
    "six_hour",
    "eight_hour",
    "day",
    "month",
    "quarter",
    "year",
    "all",
)
TIME_RESOLUTIONS: Final = (
    "millisecond",
    "second",
    "minute",
    "fifteen_minute",
    "thirty_minute",
    "hour",
    "day",
    "week",
    "month",
    "quarter",
    "year",
    "all",
)
COLUMN_TYPES: Final = (
    "bigint",
    "complex<json>",
    "double",
    "float",
    "geo",
    "HLLSketch",
    "ipAddress",
    "ipPrefix",
    "json",
    "long",
    "longStringPair",
    "doubleArray",
    "floatArray",
    "longArray",
    "stringArray",
    "quantilesDoublesSketch",
    "string",
    "thetaSketch",
    "ingest_timeseries",
    "timestamp",
    "varchar",
    "variance",
)
MEASURE_TYPES: Final = (
    "bigint",
    "double",
    "float",
    "HLLSketch",
    "long",
    "longStringPair",
    "quantilesDoublesSketch",
    "string",
    "thetaSketch",
    "ingest_timeseries",
    "varchar",
    "variance",
)


class Mapping_(WireModel):  # noqa: N801  # ``Mapping`` is taken
    """One output column of a job."""

    column_name: str = Field(min_length=1, max_length=255)
    expression: str = Field(min_length=1)
    is_aggregation: bool | None = None


class TableSource(WireModel):
    """A table as the source of a job."""

    type: Literal["table"]
    table_name: str
    interval: str = DEFAULT_SOURCE_INTERVAL


class InputField(WireModel):
    """One field of a file."""

    name: str = Field(min_length=1)
    data_type: str


class UploadedSource(WireModel):
    """Uploaded files as the source of a job."""

    type: Literal["uploaded"]
    file_list: list[str] = Field(min_length=1)
    input_schema: list[InputField] = Field(min_length=1)
    format_settings: dict[str, Any] | None = None


class TableTarget(WireModel):
    """The table that a job writes to."""

    type: Literal["table"]
    table_name: str
    intervals: list[str] | None = None


class BatchJob(WireModel):
    """A batch ingestion job; the source is parsed separately, by its type."""

    type: Literal["batch"]
    source: dict[str, Any]
    target: TableTarget
    ingestion_mode: Literal["append", "replace"] = "append"
    replace_all: bool = False
    mappings: list[Mapping_] = Field(default_factory=list)
    filter_expression: str | None = None
    partitioned_by: str | None = None
    clustering_columns: list[str] | None = None
    create_table_if_not_exists: bool = False
    max_parse_exceptions: int = Field(MAX_INT32, ge=0, le=MAX_INT32)
    context: dict[str, Any] | None = None
    # DOCUMENTED polaris-sdk 20250425.14.0: ignored when a job is created.
    desired_execution_status: str | None = None


class SqlParameter(WireModel):
    """One parameter of a query."""

    type: str
    value: Any = None


class SqlJob(WireModel):
    """A SQL-based ingestion job."""

    type: Literal["sql"] = "sql"
    query: str = Field(min_length=1)
    context: dict[str, Any] | None = None
    create_table_if_not_exists: bool = False
    parameters: list[SqlParameter] = Field(default_factory=list)
    desired_execution_status: str | None = None


class DeleteDataJob(WireModel):
    """A job that deletes data of a table."""

    type: Literal["delete_data"]
    target: TableTarget
    delete_all: bool = False
    soft_delete: bool = False
    versions: list[str] | None = None
    desired_execution_status: str | None = None


class RestoreDataJob(WireModel):
    """A job that restores softly deleted data."""

    type: Literal["restore_data"]
    target: TableTarget
    interval: str
    versions: list[str] | None = None
    desired_execution_status: str | None = None


class DropTableJob(WireModel):
    """A job that deletes a table."""

    type: Literal["drop_table"]
    target: TableTarget
    soft_delete: bool = False
    desired_execution_status: str | None = None


class ConnectionSource(WireModel):
    """A stream as the source of a job."""

    type: Literal["connection"]
    connection_name: str = Field(min_length=1)
    format_settings: dict[str, Any] | None = None
    input_schema: list[InputField] | None = None


class StreamingJob(WireModel):
    """A streaming ingestion job; the source is parsed separately, by its type."""

    type: Literal["streaming"]
    source: dict[str, Any]
    target: TableTarget
    mappings: list[Mapping_] = Field(default_factory=list)
    filter_expression: str | None = None
    partitioned_by: str | None = None
    clustering_columns: list[str] | None = None
    create_table_if_not_exists: bool = False
    max_parse_exceptions: int = Field(MAX_INT32, ge=0, le=MAX_INT32)
    late_message_rejection_period: str = "P30D"
    early_message_rejection_period: str = "P2000D"
    read_from_point: Literal["earliest", "latest"] = "latest"
    replace_running: bool = False
    use_schema_discovery: bool = False
    dimension_exclusions: list[str] | None = None
    enable_upserts: bool = False
    upsert_key_columns: list[str] | None = None
    upsert_version_column: str | None = None
    desired_execution_status: str | None = None


class Policy(WireModel):
    """Which data of a table is retained or precached."""

    type: Literal["period", "intervals"]
    period: str | None = None
    intervals: list[str] | None = None


class StoragePolicy(WireModel):
    """Retention and precaching of a table's data."""

    retain: Policy | None = None
    cached: Policy | None = None


class StatusUpdate(WireModel):
    """The desired status of a job."""

    desired_execution_status: str


class TableColumn(WireModel):
    """A declared column; only aggregate tables use ``type``."""

    name: str = Field(min_length=1, max_length=255)
    data_type: str
    type: Literal["dimension", "measure"] | None = None


class Table(WireModel):
    """
    A table to create or update.

    Fields that only the server sets are accepted and ignored, so that a client can send back a table as it read it.
    """

    name: str | None = None
    type: Literal["detail", "aggregate"]
    version: int | None = None
    description: str | None = Field(None, max_length=1000)
    schema_: list[TableColumn] | None = Field(None, alias="schema")
    schema_mode: Literal["flexible", "strict"] = "flexible"
    partitioning_granularity: str = "day"
    clustering_columns: list[str] | None = None
    time_resolution: str | None = None
    query_granularity: dict[str, Any] | None = None
    storage_policy: dict[str, Any] | None = None
    id: Any = None
    availability: Any = None
    created_by_user: Any = None
    created_on_timestamp: Any = None
    modified_by_user: Any = None
    modified_on_timestamp: Any = None
    queryable_schema: Any = None
    segment_compacted_bytes: Any = None
    segment_count: Any = None
    segment_total_bytes: Any = None
    precached_data_size_bytes: Any = None
    total_data_size_bytes: Any = None
    total_rows: Any = None


class Sql(WireModel):
    """A query."""

    query: str = Field(min_length=1)
    result_format: Literal["object", "array", "objectLines", "arrayLines", "csv"] = "object"
    header: bool = False
    types_header: bool = False
    sql_types_header: bool = False
    context: dict[str, Any] | None = None
    parameters: list[SqlParameter] | None = None
