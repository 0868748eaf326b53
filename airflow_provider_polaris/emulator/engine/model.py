# SPDX-License-Identifier: Apache-2.0
"""
Data classes and exceptions of the engine's interface.

Instants are aware datetimes in UTC; intervals are half-open ``(start, end)`` pairs, where ``datetime.min`` (with a
zone) as the start means "no lower bound" and a year of 5000 or later as the end "no upper bound".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from airflow_provider_polaris.emulator.sql import Column

DEFAULT_PARTITIONING = "day"
"""DOCUMENTED https://docs.imply.io/polaris/partitioning: the partitioning of a table that names none."""


@dataclass(frozen=True)
class TableDef:
    """
    Definition of a table in the Tables API.

    :param name: Name, unique in the store.
    :param id: Identifier, set by the caller; never changes.
    :param type: ``detail`` or ``aggregate``.
    :param partitioning: Polaris granularity, or None for the default (``day``).
    :param time_resolution: Resolution of an aggregate table's ``__time``; stored, not applied (GUESS whether the
        service floors ``__time`` of a table-to-table job; map ``TIME_FLOOR`` to be safe).
    :param schema_mode: ``flexible`` (a job may bring new columns) or ``strict``.
    :param columns: Declared columns, in order.
    :param attributes: The rest of the wire payload, stored unchanged.
    :param version: Incremented by each update; an update has to pass the current version.
    """

    name: str
    id: str
    type: Literal["detail", "aggregate"] = "detail"
    partitioning: str | None = None
    time_resolution: str | None = None
    schema_mode: Literal["flexible", "strict"] = "flexible"
    columns: tuple[Column, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1


@dataclass(frozen=True)
class TableStats:
    """
    Size of a table's live data.

    :param total_rows: Number of stored rows in used segments.
    :param segment_count: Number of used segments.
    :param total_bytes: Estimated size in bytes; see
        :func:`airflow_provider_polaris.emulator.engine.jobs.publish.row_bytes`.
    :param interval: Smallest and largest ``__time`` (both inclusive), or None for an empty table.
    """

    total_rows: int
    segment_count: int
    total_bytes: int
    interval: tuple[datetime, datetime] | None


@dataclass(frozen=True)
class Segment:
    """
    One segment: the rows that one load wrote into one time chunk.

    :param id: ``TABLE_START_END_VERSION`` and, from the second partition of a chunk on, ``_PARTITION`` (the format of
        Druid's segment ids, https://druid.apache.org/docs/latest/design/segments).
    :param created: Time at which the segment was written.
    :param last_updated: Time at which it was last marked used or unused; for an unused segment the time of its soft
        deletion.
    """

    id: str
    table: str
    interval: tuple[datetime, datetime]
    version: str
    partition_number: int
    rows: int
    size_bytes: int
    used: bool
    created: datetime
    last_updated: datetime


@dataclass(frozen=True)
class TableInput:
    """
    A table as the source of a job.

    :param interval: Interval to read; None reads all.
    :param snapshot: Result of :func:`take_snapshot`, read instead of the current table.
    """

    name: str
    interval: tuple[datetime, datetime] | None = None
    snapshot: str | None = None


@dataclass(frozen=True)
class FileInput:
    """
    Uploaded files as the source of a job.

    :param names: Keys of blobs, see :meth:`Store.put_blob`; gzip, bzip2 and xz are detected by their first bytes.
    :param input_schema: Fields to read, with their Polaris data types; other fields are ignored.
    :param format_settings: ``{"format": "nd-json"}`` or None.
    """

    names: tuple[str, ...]
    input_schema: tuple[Column, ...]
    format_settings: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class MappingPlan:
    """One mapping of a job; ``is_aggregation`` is already resolved against the target's schema."""

    column: str
    expression: str
    is_aggregation: bool = False


@dataclass(frozen=True)
class BatchPlan:
    """
    A batch job, ready to run: names are valid, defaults are filled in, intervals are aligned.

    :param intervals: Intervals to replace; empty in append mode and with ``replace_all``.
    :param partitioned_by: Partitioning granularity, or None for that of the target.
    :param mappings: In the order of the job; a missing ``__time`` is mapped as ``"__time"`` for table sources.
    :param clustering_columns: Sort order of the rows within the load.
    :param max_parse_exceptions: Maximum number of unreadable input lines; one more fails the job.
    :param context: The job's query context; ``failOnEmptyInsert`` is applied.
    :param empty_replace: Effect of a replace without rows: the old data is hidden (``wipe``), stays (``keep``), or the
        job fails (``fail``).
    :param partial_segment: Which data a replace hides in a segment that it overlaps partially: the ``whole`` segment,
        or the ``part``.
    :param realtime: Whether the rows are real-time rows, which queries read and jobs don't.
    """

    target: str
    mode: Literal["append", "replace"]
    source: TableInput | FileInput
    mappings: tuple[MappingPlan, ...]
    intervals: tuple[tuple[datetime, datetime], ...] = ()
    replace_all: bool = False
    partitioned_by: str | None = None
    filter_expression: str | None = None
    clustering_columns: tuple[str, ...] = ()
    max_parse_exceptions: int = 2_147_483_647
    context: Mapping[str, Any] = field(default_factory=dict)
    empty_replace: Literal["wipe", "keep", "fail"] = "wipe"
    partial_segment: Literal["whole", "part"] = "whole"
    realtime: bool = False


@dataclass(frozen=True)
class SqlPlan:
    """
    A SQL job, ready to run; the other fields are those of :class:`BatchPlan`.

    :param select: The query of the statement, in Druid SQL.
    :param parameters: Values of its ``?``, in the form of the SQL API.
    :param clustered_by: Names or numbers of columns.
    """

    target: str
    mode: Literal["append", "replace"]
    select: str
    partitioned_by: str
    parameters: tuple[Mapping[str, Any], ...] = ()
    intervals: tuple[tuple[datetime, datetime], ...] = ()
    replace_all: bool = False
    clustered_by: tuple[str | int, ...] = ()
    context: Mapping[str, Any] = field(default_factory=dict)
    empty_replace: Literal["wipe", "keep", "fail"] = "wipe"
    partial_segment: Literal["whole", "part"] = "whole"


@dataclass(frozen=True)
class BatchTotals:
    """
    The totals of a finished batch job.

    :param rows_processed: Number of source rows that the job read: parsed lines of a file; rows of a table in the
        source interval (and, in replace mode, in a target interval) that pass the filter. GUESS for tables: the docs
        say "parsed" (https://docs.imply.io/polaris/ingestion-status-reference) and count filtered rows for streaming
        jobs only; without them, the number equals a COUNT(*) with the same conditions.
    :param rows_persisted: Number of stored rows.
    :param rows_skipped_by_error: Number of unreadable lines of a file.
    :param bytes_processed: Decompressed size of the files in bytes, or ``rows_processed`` times the estimated row size.
    """

    rows_processed: int
    rows_persisted: int
    rows_skipped_by_error: int = 0
    bytes_processed: int = 0


@dataclass(frozen=True)
class QueryResult:
    """
    Result of a query: columns with Polaris data types, rows as values that ``json.dumps`` accepts.

    Timestamps are ``YYYY-MM-DDTHH:MM:SS.mmmZ``; NaN and infinities are strings, as in Druid.

    :param truncated: Whether there were more rows than the caller's ``max_rows``.
    """

    columns: tuple[Column, ...]
    rows: list[tuple[Any, ...]]
    truncated: bool = False


class JobFault(Exception):  # noqa: N818  # the vendor's term
    """
    Raised if a job fails for a reason with a Polaris code.

    :param code: One of the vendor's health codes (https://docs.imply.io/polaris/ingestion-status-reference).
    :param message: One sentence for the job's health.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class TableError(Exception):
    """
    Raised if a table can't be created, found, changed or dropped.

    :param reason: ``missing``, ``exists``, ``stale_version``, ``not_empty`` or ``restricted_column``.
    :param message: One sentence.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class QueryFailed(Exception):  # noqa: N818  # names an event
    """Raised if a translated query fails while it runs (a cast, an overflow, a lack of memory)."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class StoreError(Exception):
    """Raised if the database file can't be opened: another process uses it, or it is not a database of this format."""


class StorageError(StoreError):
    """
    Raised if the database can't be read or written: its disk is full, or it is read-only or damaged.

    :param message: The file, the reason and the fix.
    :param is_final: Whether the database stays unusable until the emulator is restarted.
    """

    def __init__(self, message: str, *, is_final: bool = False) -> None:
        super().__init__(message)
        self.is_final = is_final
