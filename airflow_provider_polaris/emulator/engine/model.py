"""
What the engine is asked and what it answers: plain data and the exceptions, nothing else.

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
    Definition of a table as the Tables API knows it.

    :param name: Name, unique in the store.
    :param id: Identifier given by the caller; never changes.
    :param type: ``detail`` or ``aggregate``.
    :param partitioning: Polaris' granularity word, or None for the default (``day``).
    :param time_resolution: Resolution of an aggregate table's ``__time``; stored, not applied (GUESS whether the
        service floors ``__time`` of a table-to-table job; map ``TIME_FLOOR`` to be safe).
    :param schema_mode: ``flexible`` (a job may bring new columns) or ``strict``.
    :param columns: Declared columns, in order.
    :param attributes: The rest of the wire payload, kept as it is.
    :param version: Counts up with each update; an update has to bring the current one.
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

    :param total_rows: Stored rows of used segments.
    :param segment_count: Used segments.
    :param total_bytes: Estimated size; see :func:`airflow_provider_polaris.emulator.engine.jobs.publish.row_bytes`.
    :param interval: Smallest and largest ``__time`` (both inclusive), or None for an empty table.
    """

    total_rows: int
    segment_count: int
    total_bytes: int
    interval: tuple[datetime, datetime] | None


@dataclass(frozen=True)
class Segment:
    """
    One segment: the rows of one time chunk that one load wrote.

    :param id: ``TABLE_START_END_VERSION`` and, from the second partition of a chunk on, ``_PARTITION`` (the form
        that Druid gives its segment ids, https://druid.apache.org/docs/latest/design/segments).
    :param created: When the segment was written.
    :param last_updated: When it was last marked used or unused; for an unused segment the time of its soft deletion.
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

    :param interval: What is read of it; None reads all.
    :param snapshot: What :func:`take_snapshot` made, read in place of the table as it is now.
    """

    name: str
    interval: tuple[datetime, datetime] | None = None
    snapshot: str | None = None


@dataclass(frozen=True)
class FileInput:
    """
    Uploaded files as the source of a job.

    :param names: Keys of blobs, see :meth:`Store.put_blob`; gzip, bzip2 and xz are recognised by their first bytes.
    :param input_schema: Fields to read, with the Polaris data type each is read as; other fields are ignored.
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
    A batch job, ready to run: names are checked, defaults are filled in, intervals are aligned.

    :param intervals: What a replace replaces; empty in append mode and with ``replace_all``.
    :param partitioned_by: Granularity word, or None for the target's own.
    :param mappings: In the order of the job; a missing ``__time`` is mapped as ``"__time"`` for table sources.
    :param clustering_columns: Order in which rows are stored within the load.
    :param max_parse_exceptions: Number of unreadable input lines from which on the job fails, exclusive.
    :param context: The job's query context; ``failOnEmptyInsert`` is honoured.
    :param empty_replace: What a replace without rows does to what it replaces: it is hidden (``wipe``), stays
        (``keep``), or the job fails (``fail``).
    :param partial_segment: What a replace hides of a segment that it overlaps in part: the ``whole`` segment, or the
        ``part``.
    :param realtime: The rows are not published yet: queries see them, jobs don't.
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
class BatchTotals:
    """
    What a finished batch job counted.

    :param rows_processed: Source rows that the job read: parsed lines of a file; rows of a table that lie in the
        source interval (and, in replace mode, in a target interval) and pass the filter. GUESS for tables: the docs
        say "parsed" (https://docs.imply.io/polaris/ingestion-status-reference) and count filtered rows for streaming
        jobs only; leaving them out makes the number comparable with a COUNT(*) under the same conditions.
    :param rows_persisted: Rows stored.
    :param rows_skipped_by_error: Lines of a file that could not be read.
    :param bytes_processed: Decompressed bytes of the files, or ``rows_processed`` times the estimated row size.
    """

    rows_processed: int
    rows_persisted: int
    rows_skipped_by_error: int = 0
    bytes_processed: int = 0


@dataclass(frozen=True)
class QueryResult:
    """
    Answer of a query: columns with Polaris data types, rows as values that ``json.dumps`` takes.

    Timestamps are ``YYYY-MM-DDTHH:MM:SS.mmmZ``; NaN and infinities are the strings that Druid writes.

    :param truncated: More rows than the caller's ``max_rows`` existed.
    """

    columns: tuple[Column, ...]
    rows: list[tuple[Any, ...]]
    truncated: bool = False


class JobFault(Exception):  # noqa: N818  # the vendor's word for it
    """
    A job failed for a reason that Polaris has a code for.

    :param code: One of the vendor's health codes (https://docs.imply.io/polaris/ingestion-status-reference).
    :param message: One sentence for the job's health.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class TableError(Exception):
    """
    A table can't be created, found, changed or dropped.

    :param reason: ``missing``, ``exists``, ``stale_version``, ``not_empty`` or ``restricted_column``.
    :param message: One sentence.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class QueryFailed(Exception):  # noqa: N818  # reads as what happened
    """A query was understood and translated, and failed while it ran (a cast, an overflow, a lack of memory)."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class StoreError(Exception):
    """The database file can't be opened: in use by another process, not a database, of another format."""


class StorageError(StoreError):
    """
    The database can't be read or written: its disk is full, it is read-only or damaged.

    :param message: One sentence: which file, why, what to do.
    :param is_final: Whether nothing can be read or written any more until the emulator starts again.
    """

    def __init__(self, message: str, *, is_final: bool = False) -> None:
        super().__init__(message)
        self.is_final = is_final
