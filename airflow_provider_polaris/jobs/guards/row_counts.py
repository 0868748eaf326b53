"""
What to count before a replace, and as which SQL: rows per bucket of time in source and target; performs no I/O.

A bucket is a time partition of what the job replaces. Rows tell whether there is anything; *events* tell how much: the
sum of ``__count`` of a rolled-up table, the rows of another one. They are what a rollup keeps.

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
from airflow_provider_polaris.jobs.sql.expressions import Reading, quote_identifier, read_expression
from airflow_provider_polaris.jobs.sql.rollup import COUNT_OF_EVENTS
from airflow_provider_polaris.jobs.sql.single_expression import enclose
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.tables.storage_policy import TableStorage
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.instant import UnreadableInstantError, parse_instant, quote
from airflow_provider_polaris.jobs.time.interval import Interval

_COUNT: Final = "__count"
_ROWS: Final = "COUNT(*)"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
#: A job can't write more time partitions. Source: druid.apache.org/docs/latest/multi-stage-query/reference (limits).
_MOST_BUCKETS: Final = 5_000
#: Keys of a job's context that decide what it reads or what a time in its filter means.
_VIEW_KEYS: Final = ("sqlTimeZone", "includeSegmentSource")


@dataclass(frozen=True)
class Count:
    """
    What a bucket holds.

    :param rows: Stored rows.
    :param events: Events that they stand for; None if nobody knows.
    """

    rows: int
    events: int | None


@dataclass(frozen=True)
class RowCountQuery:
    """
    What to count, and how.

    :param granularity: Length of the buckets; ``all`` for a single one.
    :param spans: What the job replaces; all of time to replace all.
    :param reach: What may be erased: ``spans``, widened to the table's own partitions.
    :param compares_events: Whether events of both sides can be compared.
    :param source_sql: Counts what the job would read.
    :param target_sql: Counts what is there.
    :param context: Query context, so that the counts see what the job sees.
    :param source_words: What of ``source_sql`` the user wrote, by the name of the argument.
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
        Read the answer to one of the two queries.

        :param rows: ``{"bucket": instant, "n": rows, "events": events}`` each; ``bucket`` is missing for ``all``.
        :return: Count of each bucket that has rows.
        :raises PolarisProtocolError: It is no such answer.
        """
        counts = {}
        for row in rows:
            count = Count(_whole(row, "n"), _whole(row, "events") if "events" in row else _whole(row, "n"))
            if count.rows:
                counts[self._bucket(row)] = count
        return counts

    def _bucket(self, row: Mapping[str, Any]) -> Interval:
        if self.granularity is Granularity.ALL:
            return Interval.ETERNITY
        value = row.get("bucket")
        try:
            start = _EPOCH + timedelta(milliseconds=value) if isinstance(value, int) else parse_instant(str(value))
            return Interval(start, self.granularity.next(start))
        except (UnreadableInstantError, PolarisSpecError, OverflowError):
            raise PolarisProtocolError(
                f"Polaris answered a count by time with the bucket {quote(value)}, which is no instant."
            ) from None


def plan_counts(spec: BatchJobSpec, *, target: TableDescription | None, storage: TableStorage | None) -> RowCountQuery:
    """
    Decide what to count before a job replaces data.

    :param spec: A table-to-table job in replace mode.
    :param target: The target; None if it doesn't exist.
    :param storage: Likewise.
    :raises PolarisSpecError: The filter, or the expression of ``__time`` or ``__count``, is not one SQL expression.
    """
    assert isinstance(spec.source, TableSource)
    asked = None if spec.partitioned_by is None else Granularity(spec.partitioned_by)
    own = (target.partitioning if target is not None else None) or asked or Granularity.DAY
    spans = spec.target.spans if not spec.replace_all else (Interval.ETERNITY,)
    reach = tuple(span.widen(own) for span in spans)
    events = _events_of_job(spec)
    # A filter on a table that replaces itself says what shall go.
    is_weeding = spec.source.table_name == spec.target.table_name and spec.filter_expression is not None
    stored = None if target is None or is_weeding else _events_of_table(spec, target)
    compares = events is not None and stored is not None
    time = _Time.of(spec)
    granularity = _bucket(
        asked or own, spans, time, storage, refine=target is not None and not compares and not is_weeding
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
    """Return what the user wrote into the query over the source, by the name of the argument."""
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
    Where the times of the target come from.

    :param expression: SQL over the source.
    :param is_moved: They may lie in another bucket than the times that they come from.
    :param floor: What they are rounded down to; None if that is no granularity of Polaris.
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
    """Return the partition's granularity, or a finer one where rows alone must show what is missing."""
    is_everything = Interval.ETERNITY in spans
    candidates = [Granularity.DAY] if is_everything else [Granularity.HOUR, Granularity.DAY]
    if is_everything and Granularity.DAY.is_coarser_than(partition):
        return Granularity.DAY  # an answer of bounded length
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
    """Return how the job counts events, as SQL over the source; None if it doesn't."""
    for index, mapping in enumerate(spec.mappings):
        if mapping.column_name == _COUNT:
            if not mapping.is_aggregation or mapping.expression in (_ROWS, COUNT_OF_EVENTS.expression):
                return mapping.expression if mapping.is_aggregation else None
            return enclose(mapping.expression, f"mappings[{index}].expression", in_line=True)
    return _ROWS


def _events_of_table(spec: BatchJobSpec, target: TableDescription) -> str | None:
    """Return how many events the target's rows stand for, as SQL; None if nobody knows."""
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
    return "(" + " OR ".join(f"TIME_IN_INTERVAL({time}, '{span.to_wire()}')" for span in spans) + ")"


def _whole(row: Mapping[str, Any], name: str) -> int:
    value = row.get(name)
    if value is None and name == "events":
        return 0
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise PolarisProtocolError(f"Polaris answered a count with {name} {quote(value)}, which is no whole number.")
    return value
