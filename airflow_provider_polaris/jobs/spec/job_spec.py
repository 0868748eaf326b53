# SPDX-License-Identifier: Apache-2.0
"""
Models of the job specs of Jobs v1, which render exactly the JSON of the API; performs no I/O.

The models check only types and fields; :func:`~airflow_provider_polaris.jobs.validation.rules.check_spec` checks the
meaning of a job. Streaming jobs are not supported: they never end, so no task can wait for one.

Source: polaris-sdk 20250425.14.0 (fields, defaults), docs.imply.io/polaris/api-ingest-table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BeforeValidator,
    JsonValue,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    model_serializer,
    model_validator,
)

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.spec.base_model import WireModel, spec_error
from airflow_provider_polaris.jobs.spec.misspelling import bare, hint, misspelt
from airflow_provider_polaris.jobs.spec.sources import (
    InputField,
    OtherSource,
    Source,
    TableSource,
    UploadedSource,
    interval_text,
)
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.instant import quote
from airflow_provider_polaris.jobs.time.interval import Interval

__all__ = [
    "MAX_PARSE_EXCEPTIONS",
    "BatchJobSpec",
    "ColumnMapping",
    "DeleteDataJobSpec",
    "DropTableJobSpec",
    "InputField",
    "JobSpec",
    "OtherSource",
    "RestoreDataJobSpec",
    "SqlJobSpec",
    "SqlParameter",
    "TableSource",
    "TableTarget",
    "UploadedSource",
    "parse_spec",
]

#: Polaris' default for ``maxParseExceptions``, and the largest value. Source: polaris-sdk 20250425.14.0.
MAX_PARSE_EXCEPTIONS: Final = 2147483647


def _granularity_word(value: Any) -> Any:
    """Return Polaris' word; a period is refused, because the API refuses it."""
    if isinstance(value, Granularity):
        return value.value
    if isinstance(value, str) and value not in Granularity._value2member_map_:
        known = ", ".join(member.value for member in Granularity)
        raise PolarisSpecError(f"partitionedBy {quote(value)} is not a granularity of Polaris. Write one of {known}.")
    return value


def _interval_texts(values: Any) -> Any:
    if isinstance(values, list | tuple):
        return tuple(interval_text(value, f"target.intervals[{index}]") for index, value in enumerate(values))
    return values


class ColumnMapping(WireModel):
    """
    The mapping of one column of the target.

    :param column_name: Column of the target.
    :param expression: Druid SQL over the columns of the source, in double quotes: ``MAX("session_length")``.
    :param is_aggregation: Whether the column is a measure. If not set, Polaris uses the target's schema, and treats a
        column that is missing there as a dimension. Source: polaris-sdk 20250425.14.0.
    """

    column_name: StrictStr
    expression: StrictStr
    is_aggregation: StrictBool | None = None


class TableTarget(WireModel):
    """
    The table that a job writes to, or deletes from.

    :param table_name: The table.
    :param intervals: ISO 8601 intervals to replace or delete; None for none (the field is not sent).
    """

    type: Literal["table"] = "table"
    intervals: Annotated[tuple[StrictStr, ...], BeforeValidator(_interval_texts)] | None = None
    table_name: StrictStr

    @property
    def spans(self) -> tuple[Interval, ...]:
        """The parsed intervals; empty if there are none."""
        return tuple(
            Interval.parse(text, field=f"target.intervals[{index}]") for index, text in enumerate(self.intervals or ())
        )


class BatchJobSpec(WireModel):
    """
    Ingest from a table (rollup, age-out) or from files into a table.

    :param source: Source of the rows.
    :param target: Table to write to; ``intervals`` in replace mode only.
    :param context: Query context parameters.
    :param clustering_columns: Columns to sort by within a partition, instead of the table's own.
    :param create_table_if_not_exists: Let the job create the target.
    :param filter_expression: SQL condition over the columns of the source, without ``WHERE``.
    :param ingestion_mode: ``append`` is the default of the API.
    :param mappings: The columns of the target.
    :param max_parse_exceptions: Maximum number of unreadable rows; beyond it the job fails.
    :param partitioned_by: Granularity of the time partitions, instead of the table's own.
    :param replace_all: Replace all data of the table instead of ``target.intervals``.
    """

    type: Literal["batch"] = "batch"
    source: Source
    target: TableTarget
    context: dict[str, JsonValue] | None = None
    clustering_columns: tuple[StrictStr, ...] | None = None
    create_table_if_not_exists: StrictBool = False
    filter_expression: StrictStr | None = None
    ingestion_mode: Literal["append", "replace"] = "append"
    mappings: tuple[ColumnMapping, ...] = ()
    max_parse_exceptions: StrictInt = MAX_PARSE_EXCEPTIONS
    partitioned_by: Annotated[StrictStr, BeforeValidator(_granularity_word)] | None = None
    replace_all: StrictBool = False


class DeleteDataJobSpec(WireModel):
    """
    Delete segments of a table.

    :param target: Table and intervals; Polaris widens an interval to the whole segments that it overlaps.
    :param delete_all: Delete all data instead of intervals; the table itself is kept.
    :param soft_delete: Keep the data restorable for 30 days. The API's default deletes it permanently.
    :param versions: Delete only these versions of the segments.
    """

    type: Literal["delete_data"] = "delete_data"
    target: TableTarget
    delete_all: StrictBool = False
    soft_delete: StrictBool = False
    versions: tuple[StrictStr, ...] | None = None


class RestoreDataJobSpec(WireModel):
    """
    Restore soft-deleted segments of a table.

    :param target: Table, without intervals.
    :param interval: The single interval to restore.
    :param versions: Restore only these versions of the segments.
    """

    type: Literal["restore_data"] = "restore_data"
    target: TableTarget
    interval: Annotated[StrictStr, BeforeValidator(lambda value: interval_text(value, "interval"))]
    versions: tuple[StrictStr, ...] | None = None


class DropTableJobSpec(WireModel):
    """
    Drop a table with all its data.

    :param target: Table, without intervals.
    :param soft_delete: Keep the data restorable for 30 days.
    """

    type: Literal["drop_table"] = "drop_table"
    target: TableTarget
    soft_delete: StrictBool = False


class SqlParameter(WireModel):
    """
    A value for a ``?`` of a SQL job.

    :param type: SQL type name, such as ``VARCHAR`` or ``BIGINT``.
    :param value: The value; None is sent as null and means SQL's NULL.
    """

    type: StrictStr
    value: JsonValue

    @model_validator(mode="before")
    @classmethod
    def _drop_null(cls, data: Any) -> Any:
        return data

    @model_serializer(mode="plain")
    def _with_null(self) -> dict[str, Any]:
        return {"type": self.type, "value": self.value, **(self.model_extra or {})}


class SqlJobSpec(WireModel):
    """
    Ingest with ``INSERT INTO`` or ``REPLACE INTO``.

    :param query: The statement.
    :param context: Query context parameters.
    :param create_table_if_not_exists: Let the job create the target.
    :param parameters: Values for the ``?`` of the statement, in order.
    """

    type: Literal["sql"] = "sql"
    query: StrictStr
    context: dict[str, JsonValue] | None = None
    create_table_if_not_exists: StrictBool = False
    parameters: tuple[SqlParameter, ...] = ()


JobSpec = BatchJobSpec | SqlJobSpec | DeleteDataJobSpec | RestoreDataJobSpec | DropTableJobSpec

_MODEL_BY_TYPE: Final[Mapping[str, type[JobSpec]]] = {
    "batch": BatchJobSpec,
    "sql": SqlJobSpec,
    "delete_data": DeleteDataJobSpec,
    "restore_data": RestoreDataJobSpec,
    "drop_table": DropTableJobSpec,
}


def parse_spec(body: Mapping[str, Any]) -> JobSpec:
    """
    Parse a job spec in the API's form (API names), and check its fields and types.

    Unknown fields are kept and sent. A misspelt field (``soft_delete``, ``filterExpresion``) is refused: Polaris would
    ignore it, and a job without its filter replaces too much data. The meaning of the job is checked by
    :func:`~airflow_provider_polaris.jobs.validation.rules.check_spec`.

    >>> parse_spec({"type": "drop_table", "target": {"type": "table", "tableName": "old"}}).to_wire()["softDelete"]
    False

    :param body: The decoded JSON object.
    :raises PolarisSpecError: The message gives the field, its value, the rule and the fix.
    """
    if not isinstance(body, Mapping):
        raise PolarisSpecError(
            f"job spec {quote(body)} is a {type(body).__name__}, not an object. Write it as {{'type': 'batch', ...}}."
        )
    known = ", ".join(_MODEL_BY_TYPE)
    kind = body.get("type")
    if kind is None:
        raise PolarisSpecError(
            f"type of the job spec is missing, and Polaris may take it for a SQL job without one. Write one of "
            f"{known}. {hint('type', body)}".rstrip()
        )
    if kind == "streaming":
        raise PolarisSpecError(
            "type 'streaming' is a job that never ends, so no task can wait for it. Start it in the Polaris console."
        )
    model = _MODEL_BY_TYPE.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise PolarisSpecError(f"type {quote(kind)} is not a type of Polaris job. Write one of {known}.")
    try:
        spec = model.model_validate(body, by_alias=True, by_name=False)
    except ValidationError as error:
        raise spec_error(error, f"{kind} job") from None
    for name, wire_name in _misspelt(spec):
        raise PolarisSpecError(
            f"{name} of the {kind} job is not a field of Polaris, which would ignore it. Write {wire_name!r}."
        )
    return spec


def _misspelt(model: WireModel, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and the correct name of each unknown field that is a misspelt known field."""
    fields = type(model).model_fields
    wire_names = {bare(str(field.alias)): str(field.alias) for field in fields.values()}
    missing = [str(field.alias) for name, field in fields.items() if name not in model.model_fields_set]
    for name in model.model_extra or ():
        meant = wire_names.get(bare(name)) or misspelt(name, missing)
        if meant is not None:
            yield path + name, meant
    for name, field in fields.items():
        value = getattr(model, name)
        for index, part in enumerate(value if isinstance(value, tuple) else (value,)):
            if isinstance(part, WireModel):
                position = f"[{index}]" if isinstance(value, tuple) else ""
                yield from _misspelt(part, f"{path}{field.alias}{position}.")
