# SPDX-License-Identifier: Apache-2.0
"""Models of a batch job's source: a table, uploaded files, or any other source of the API; performs no I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Discriminator, Field, JsonValue, StrictBool, StrictInt, StrictStr, Tag

from airflow_provider_polaris.jobs.spec.base_model import TAG, WireModel
from airflow_provider_polaris.jobs.time.interval import Interval

_SIDE: Final = r"(?:-?\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})?)?|P[0-9A-Z.]+)"
#: Forms of an interval in the vendor's documentation; they are sent unchanged.
_DOCUMENTED_INTERVAL: Final = re.compile(f"{_SIDE}/{_SIDE}")


def interval_text(value: Any, field: str) -> str:
    """
    Check an interval and return it as text for Polaris.

    :param value: Text in any form that :meth:`Interval.parse` accepts, or an :class:`Interval`.
    :return: The unchanged text if the vendor documents its form, otherwise both ends in UTC with milliseconds.
    :raises PolarisSpecError: The value is not an interval.
    """
    if isinstance(value, Interval):
        return value.to_wire()
    interval = Interval.parse(value, field=field)
    text = value.strip()
    return text if _DOCUMENTED_INTERVAL.fullmatch(text) else interval.to_wire()


class TableSource(WireModel):
    """
    Read from a Polaris table.

    :param table_name: The table.
    :param interval: ISO 8601 interval of ``__time``, half-open; all of time if not given.
        Source: docs.imply.io/polaris/api-ingest-table.
    """

    type: Literal["table"] = "table"
    interval: Annotated[str, BeforeValidator(lambda value: interval_text(value, "source.interval"))] = (
        Interval.ETERNITY.to_wire()
    )
    table_name: StrictStr

    @property
    def span(self) -> Interval:
        """The parsed interval."""
        return Interval.parse(self.interval, field="source.interval")


class InputField(WireModel):
    """
    A field of an uploaded file.

    :param name: Name in the file.
    :param data_type: Polaris' input type, such as ``string``, ``long``, ``double``, ``timestamp`` or ``json``.
    """

    data_type: StrictStr
    name: StrictStr


class JsonFormat(WireModel):
    """Newline-delimited JSON."""

    format: Literal["nd-json"] = "nd-json"
    flatten_spec: dict[str, JsonValue] | None = None


class CsvFormat(WireModel):
    """
    Delimiter-separated text.

    :param columns: Names of the columns; if empty, the first row that is not skipped contains them.
    :param delimiter: Delimiter of columns; Polaris' default is the comma.
    :param list_delimiter: Delimiter of the values in a multi-value column.
    :param skip_header_rows: Number of rows to skip at the top.
    """

    format: Literal["csv"] = "csv"
    columns: tuple[StrictStr, ...] = ()
    delimiter: StrictStr | None = None
    list_delimiter: StrictStr | None = None
    skip_header_rows: StrictInt = 0


class OrcFormat(WireModel):
    """ORC."""

    format: Literal["orc"] = "orc"
    binary_as_string: StrictBool = False
    flatten_spec: dict[str, JsonValue] | None = None


class ParquetFormat(WireModel):
    """Parquet."""

    format: Literal["parquet"] = "parquet"
    binary_as_string: StrictBool = False
    flatten_spec: dict[str, JsonValue] | None = None


class AvroFormat(WireModel):
    """Avro object container files."""

    format: Literal["avro_ocf"] = "avro_ocf"
    binary_as_string: StrictBool = False
    extract_unions_by_type: StrictBool = False
    flatten_spec: dict[str, JsonValue] | None = None
    # Has another name because pydantic's models have a method schema().
    reader_schema: dict[str, JsonValue] | None = Field(default=None, alias="schema")


class OtherFormat(WireModel):
    """A format without a model in this package; its settings are sent unchanged."""

    format: StrictStr


class UploadedSource(WireModel):
    """
    Read from uploaded files of one format.

    :param file_list: Names of the files.
    :param input_schema: Fields to read from the files.
    :param format_settings: Format; if not set, Polaris derives it from the file's extension.
    """

    type: Literal["uploaded"] = "uploaded"
    file_list: tuple[StrictStr, ...]
    input_schema: tuple[InputField, ...] = ()
    format_settings: (
        Annotated[
            Annotated[JsonFormat, Tag("<nd-json")]
            | Annotated[CsvFormat, Tag("<csv")]
            | Annotated[OrcFormat, Tag("<orc")]
            | Annotated[ParquetFormat, Tag("<parquet")]
            | Annotated[AvroFormat, Tag("<avro_ocf")]
            | Annotated[OtherFormat, Tag("<other")],
            Discriminator(lambda value: _tag(value, "format", ("nd-json", "csv", "orc", "parquet", "avro_ocf"))),
        ]
        | None
    ) = None


class OtherSource(WireModel):
    """A source without a model in this package (``s3``, ``azure``, ``inline`` ...); it is sent unchanged."""

    type: StrictStr


Source = Annotated[
    Annotated[TableSource, Tag("<table")]
    | Annotated[UploadedSource, Tag("<uploaded")]
    | Annotated[OtherSource, Tag("<other")],
    Discriminator(lambda value: _tag(value, "type", ("table", "uploaded"))),
]


def _tag(value: Any, key: str, known: tuple[str, ...]) -> str | None:
    """Return the tag of the model for ``value``, which is a JSON object or a model."""
    kind = value.get(key) if isinstance(value, Mapping) else getattr(value, key, None)
    if kind is None:
        return None
    return TAG + (kind if kind in known else "other")
