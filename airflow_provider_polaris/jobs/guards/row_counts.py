# SPDX-License-Identifier: Apache-2.0
"""
Build the SQL that counts rows before a replace, per time bucket in source and target; performs no I/O.

A bucket is a time partition that the job replaces. Rows show whether a bucket has data, and *events* show how much:
the sum of ``__count`` in a rolled-up table, otherwise the number of rows. A rollup preserves the number of events.

Source: docs.imply.io/polaris/api-ingest-table (``__count``), /api-replace-data (whole segments are replaced, the target
interval filters the source).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import PolarisProtocolError, PolarisSpecError
from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec, TableSource
from airflow_provider_polaris.jobs.sql.expressions import Reading, read_expression
from airflow_provider_polaris.jobs.sql.parsing import quote_identifier
from airflow_provider_polaris.jobs.sql.rollup import COUNT_OF_EVENTS
from airflow_provider_polaris.jobs.sql.single_expression import enclose
from airflow_provider_polaris.jobs.sql.time_filter import inside_any
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.tables.storage_policy import TableStorage
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.instant import UnreadableInstantError, parse_instant, quote
from airflow_provider_polaris.jobs.time.interval import Interval

_COUNT: Final = "__count"
_ROWS: Final = "COUNT(*)"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
#: Maximum number of time partitions that a job can write.
#: Source: druid.apache.org/docs/latest/multi-stage-query/reference (limits).
_MOST_BUCKETS: Final = 5_000
#: Keys of a job's context that affect which rows it reads, or the meaning of a time in its filter.
_VIEW_KEYS: Final = ("sqlTimeZone", "includeSegmentSource")


@dataclass(frozen=True)
class Count:
    """
    Count of one bucket.

    :param rows: Number of stored rows.
    :param events: Number of events that the rows represent; None if unknown.
    """

    rows: int
    events: int | None


@dataclass(frozen=True)
class RowCountQuery:
    """
    The two queries that count source and target, and how to read their answers.

    :param granularity: Length of the buckets; ``all`` for a single bucket.
    :param spans: Intervals that the job replaces; all of time to replace all.
    :param reach: Intervals that may be erased: ``spans``, widened to the table's own partitions.
    :param compares_events: Whether the events of source and target can be compared.
    :param source_sql: Counts the rows that the job would read.
    :param target_sql: Counts the rows in the target.
    :param context: Query context, so that the counts read the same rows as the job.
    :param source_words: Parts of ``source_sql`` that the user wrote, by argument name.
    """

    granularity: Granularity
    spans: tuple[Interval, ...]
    reach: tuple[Interval, ...]
    compares_events: bool
    source_sql: str
    target_sql: str
    context: Mapping[str, Any]
    source_words: Mapping[str, str] = field(default_factory=dict)

    def read(self, rows: Iterable[Mapping[str, Any]]) -> dict[Interval, Count]:
        """
        Parse the answer to one of the two queries.

        :param rows: Objects ``{"bucket": instant, "n": rows, "events": events}``; without ``bucket`` for ``all``.
        :return: Count of each bucket with rows.
        :raises PolarisProtocolError: The answer has another format.
        """
        return read_counts(rows, self.granularity)


def read_counts(rows: Iterable[Mapping[str, Any]], granularity: Granularity) -> dict[Interval, Count]:
    """
    Parse the answer to a query that counts by time partition.

    :param rows: Objects ``{"bucket": instant, "n": rows, "events": events}``; without ``bucket`` for ``all``.
    :param granularity: The time partitions.
    :return: Count of each partition with rows.
    :raises PolarisProtocolError: The answer has another format.
    """
    counts = {}
    for row in rows:
        count = Count(_whole(row, "n"), _whole(row, "events") if "events" in row else _whole(row, "n"))
        if count.rows:
            counts[_read_bucket(row, granularity)] = count
    return counts


def _read_bucket(row: Mapping[str, Any], granularity: Granularity) -> Interval:
    if granularity is Granularity.ALL:
        return Interval.ETERNITY
    value = row.get("bucket")
    try:
        start = _EPOCH + timedelta(milliseconds=value) if isinstance(value, int) else parse_instant(str(value))
        return Interval(start, granularity.next(start))
    except (UnreadableInstantError, PolarisSpecError, OverflowError):
        raise PolarisProtocolError(
            f"The service answered a count by time with the bucket {quote(value)}, which is not an instant."
        ) from None


def plan_counts(spec: BatchJobSpec, *, target: TableDescription | None, storage: TableStorage | None) -> RowCountQuery:
    """
    Build the count queries to run before a job replaces data.

    :param spec: A table-to-table job in replace mode.
    :param target: Description of the target; None if it does not exist.
    :param storage: Storage of the target; None if it does not exist.
    :raises PolarisSpecError: The filter, or the expression of ``__time`` or ``__count``, is not one SQL expression.
    """
    assert isinstance(spec.source, TableSource)
    asked = None if spec.partitioned_by is None else Granularity(spec.partitioned_by)
    own = (target.partitioning if target is not None else None) or asked or Granularity.DAY
    spans = spec.target.spans if not spec.replace_all else (Interval.ETERNITY,)
    reach = tuple(span.widen(own) for span in spans)
    events = _events_of_job(spec)
    # If a table replaces itself, the filter selects the rows to keep: fewer rows are intended.
    is_self_filter = spec.source.table_name == spec.target.table_name and spec.filter_expression is not None
    stored = None if target is None or is_self_filter else _events_of_table(spec, target)
    compares = events is not None and stored is not None
    time = _Time.of(spec)
    granularity = _bucket(
        asked or own, spans, time, storage, refine=target is not None and not compares and not is_self_filter
    )
    where = [_within(time.expression, reach)]
    if time.is_moved or spec.replace_all:
        where.append(_within('"__time"', (spec.source.span,)))
    if spec.filter_expression is not None:
        where.append(enclose(spec.filter_expression, "filter_expression"))
    return RowCountQuery(
        granularity=granularity,
        spans=spans,
        reach=reach,
        compares_events=compares,
        source_sql=_select(spec.source.table_name, granularity, time.expression, events, where),
        target_sql=_select(spec.target.table_name, granularity, '"__time"', stored, [_within('"__time"', reach)]),
        context={
            "sqlTimeZone": "UTC",
            **{key: value for key, value in (spec.context or {}).items() if key in _VIEW_KEYS},
        },
        source_words=_words(spec, time),
    )


def _words(spec: BatchJobSpec, time: _Time) -> dict[str, str]:
    """Return the parts of the query over the source that the user wrote, by argument name."""
    words = {} if spec.filter_expression is None else {"filter_expression": spec.filter_expression}
    for mapping in spec.mappings:
        is_time = mapping.column_name == "__time" and time.is_moved
        is_count = mapping.column_name == _COUNT and mapping.is_aggregation
        if is_time or is_count:
            words[f"the mapping of {mapping.column_name!r}"] = mapping.expression
    return words


@dataclass(frozen=True)
class _Time:
    """
    How the job computes ``__time`` of the target.

    :param expression: SQL over the source.
    :param is_moved: A row may move to another bucket than that of its source row.
    :param floor: Granularity to which time is rounded down; None if it is not a granularity of Polaris.
    """

    expression: str
    is_moved: bool
    floor: Granularity | None

    @classmethod
    def of(cls, spec: BatchJobSpec) -> _Time:
        for index, mapping in enumerate(spec.mappings):
            if mapping.column_name == "__time":
                field = f"mappings[{index}].expression"
                return cls._of_expression(mapping.expression, field, read_expression(mapping.expression))
        return cls('"__time"', False, Granularity.MILLISECOND)

    @classmethod
    def _of_expression(cls, text: str, field: str, reading: Reading | None) -> _Time:
        if reading is not None and reading.column == "__time":
            return cls('"__time"', False, Granularity.MILLISECOND)
        floor = reading.time_floor if reading is not None else None
        if floor is None or not floor.of_time or floor.has_origin:
            return cls(enclose(text, field, in_line=True), True, None)
        try:
            return cls('"__time"', False, Granularity.parse(floor.period))
        except PolarisSpecError:
            return cls('"__time"', False, None)


def _bucket(
    partition: Granularity, spans: tuple[Interval, ...], time: _Time, storage: TableStorage | None, *, refine: bool
) -> Granularity:
    """Return the partition's granularity, or a finer one if only rows can show missing data."""
    is_everything = Interval.ETERNITY in spans
    candidates = [Granularity.DAY] if is_everything else [Granularity.HOUR, Granularity.DAY]
    if is_everything and Granularity.DAY.is_coarser_than(partition):
        return Granularity.DAY  # limits the length of the answer
    if not refine and partition is not Granularity.ALL:
        return partition
    resolution = storage.time_resolution if storage is not None else Granularity.MILLISECOND
    for finer in candidates:
        if (
            partition.is_coarser_than(finer)
            and time.floor is not None
            and time.floor.divides(finer)
            and resolution is not None
            and resolution.divides(finer)
            and (is_everything or _number_of_buckets(spans, finer) <= _MOST_BUCKETS)
        ):
            return finer
    return partition


def _number_of_buckets(spans: tuple[Interval, ...], granularity: Granularity) -> int:
    pieces = (piece for span in spans for piece in span.buckets(granularity))
    return sum(1 for _ in islice(pieces, _MOST_BUCKETS + 1))


def _events_of_job(spec: BatchJobSpec) -> str | None:
    """Return the job's count of events, as SQL over the source; None if it does not count them."""
    for index, mapping in enumerate(spec.mappings):
        if mapping.column_name == _COUNT:
            if not mapping.is_aggregation or mapping.expression in (_ROWS, COUNT_OF_EVENTS.expression):
                return mapping.expression if mapping.is_aggregation else None
            return enclose(mapping.expression, f"mappings[{index}].expression", in_line=True)
    return _ROWS


def _events_of_table(spec: BatchJobSpec, target: TableDescription) -> str | None:
    """Return the number of events in the target's rows, as SQL; None if unknown."""
    if target.type != "aggregate":
        return None if any(mapping.is_aggregation for mapping in spec.mappings) else _ROWS
    has_count = target.columns is not None and _COUNT in target.columns
    return f"SUM({quote_identifier(_COUNT)})" if has_count else None


def _select(table: str, granularity: Granularity, time: str, events: str | None, where: list[str]) -> str:
    columns = [f'{_ROWS} AS "n"']
    if events not in (None, _ROWS):
        columns.append(f'{events} AS "events"')
    group = ""
    if granularity is not Granularity.ALL:
        columns.insert(0, f"TIME_FLOOR({time}, '{granularity.period}') AS \"bucket\"")
        group = "\nGROUP BY 1"
    conditions = "\n  AND ".join(part for part in where if part)
    return (
        f"SELECT {', '.join(columns)}\nFROM {quote_identifier(table)}"
        + (f"\nWHERE {conditions}" if conditions else "")
        + group
    )


def _within(time: str, spans: tuple[Interval, ...]) -> str:
    if Interval.ETERNITY in spans:
        return ""
    return f"({inside_any(time, spans)})"


def _whole(row: Mapping[str, Any], name: str) -> int:
    value = row.get(name)
    if value is None and name == "events":
        return 0
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise PolarisProtocolError(
            f"The service answered a count with {name} {quote(value)}, which is not a whole number."
        )
    return value
