# SPDX-License-Identifier: Apache-2.0
"""
Build the queries that count the rows of an ingestion statement and those that it replaces; performs no I/O.

The statement's SELECT is counted as it is, in a subquery, so joins and conditions count as the job evaluates them.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from airflow_provider_polaris.jobs.guards.row_counts import RowCountQuery
from airflow_provider_polaris.jobs.sql.ingestion.statement import TIME_ZONE_KEY, IngestionStatement
from airflow_provider_polaris.jobs.sql.parsing import quote_identifier
from airflow_provider_polaris.jobs.sql.time_filter import inside_any
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval

_COUNT: Final = "__count"
_TIME: Final = '"__time"'
#: Maximum number of time partitions that a job can write.
#: Source: druid.apache.org/docs/latest/multi-stage-query/reference (limits).
_MOST_BUCKETS: Final = 5_000


def plan_statement_counts(
    statement: IngestionStatement, *, target: TableDescription | None, context: Mapping[str, Any]
) -> RowCountQuery:
    """
    Build the count queries to run before a statement replaces data.

    The numbers of both sides are compared only if they mean the same: the events of a rollup if the SELECT returns
    ``__count``, otherwise the rows of a SELECT that merges none. Else only empty buckets count, and they are as fine as
    an hour, because only rows can show missing data then.

    :param statement: A statement that replaces data.
    :param target: Description of the target; None if it does not exist.
    :param context: Query context of the job.
    """
    own = (target.partitioning if target is not None else None) or statement.partitioned_by
    reach = tuple(span.widen(own) for span in statement.intervals)
    events = _events(statement, target)
    compares = events is not None
    granularity = _bucket(statement, own, refine=target is not None and not compares and not _reads_target(statement))
    zone = context.get(TIME_ZONE_KEY, "UTC")
    bucket = _bucket_sql(granularity, is_utc=zone in ("UTC", "Etc/UTC", "Z"))
    within = "" if Interval.ETERNITY in reach else f"\nWHERE {inside_any(_TIME, reach)}"
    return RowCountQuery(
        granularity=granularity,
        spans=statement.intervals,
        reach=reach,
        compares_events=compares,
        source_sql=_count(f'(\n{statement.select}\n) AS "rows"', bucket, events, within),
        target_sql=_count(quote_identifier(statement.target), bucket, events, within),
        context={key: value for key, value in context.items() if key in _KEPT},
        source_words={"sql": statement.select},
    )


#: Keys of a job's context that affect which rows its SELECT returns, or whether it can be planned.
_KEPT: Final = (TIME_ZONE_KEY, "includeSegmentSource", "sqlJoinAlgorithm")


def _events(statement: IngestionStatement, target: TableDescription | None) -> str | None:
    """Return what counts the same events in the SELECT's rows and in the target's, as SQL; None if unknown."""
    selection = statement.selection
    if selection is None or target is None or _reads_target(statement):
        return None
    if selection.columns is not None and _COUNT in selection.columns:
        return f"SUM({quote_identifier(_COUNT)})" if target.columns is not None and _COUNT in target.columns else None
    return None if selection.groups or target.type == "aggregate" else "COUNT(*)"


def _reads_target(statement: IngestionStatement) -> bool:
    """Whether a statement rewrites its own table: fewer rows may be intended then."""
    return statement.selection is not None and statement.target in statement.selection.tables


def _bucket(statement: IngestionStatement, own: Granularity, *, refine: bool) -> Granularity:
    is_everything = statement.replaces_all
    if is_everything and Granularity.DAY.is_coarser_than(own):
        return Granularity.DAY  # limits the length of the answer
    partition = statement.partitioned_by
    if not refine or is_everything:
        return Granularity.DAY if is_everything and partition is Granularity.ALL else partition
    for finer in (Granularity.HOUR, Granularity.DAY):
        pieces = (piece for span in statement.intervals for piece in span.buckets(finer))
        fits = sum(1 for _ in islice(pieces, _MOST_BUCKETS + 1)) <= _MOST_BUCKETS
        if partition.is_coarser_than(finer) and _keeps_buckets(statement, finer) and fits:
            return finer
    return partition


def _keeps_buckets(statement: IngestionStatement, finer: Granularity) -> bool:
    """Whether rows that the statement returns again have the same bucket as before; False if that is not sure."""
    selection = statement.selection
    if selection is None or selection.time_granularity is None:
        return False
    return selection.time_granularity.divides(finer)


def _bucket_sql(granularity: Granularity, *, is_utc: bool) -> str:
    if granularity is Granularity.ALL:
        return ""
    zone = "" if is_utc else ", NULL, 'UTC'"
    return f"TIME_FLOOR({_TIME}, '{granularity.period}'{zone})"


def _count(relation: str, bucket: str, events: str | None, within: str) -> str:
    columns = ['COUNT(*) AS "n"']
    if events not in (None, "COUNT(*)"):
        columns.append(f'{events} AS "events"')
    if bucket:
        columns.insert(0, f'{bucket} AS "bucket"')
    return f"SELECT {', '.join(columns)}\nFROM {relation}{within}" + ("\nGROUP BY 1" if bucket else "")
