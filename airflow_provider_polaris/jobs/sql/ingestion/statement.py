# SPDX-License-Identifier: Apache-2.0
"""
Read an ingestion statement into the facts that the checks of a job need; performs no I/O, changes no text.

A fact that can't be read for sure is refused or None, never assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.sql.ingestion.frame import split_statement
from airflow_provider_polaris.jobs.sql.ingestion.partitioning import clustering_columns, partition_granularity
from airflow_provider_polaris.jobs.sql.ingestion.sources import Selection, read_selection
from airflow_provider_polaris.jobs.sql.ingestion.time_condition import overwritten_intervals, read_zone
from airflow_provider_polaris.jobs.sql.ingestion.words import refuse, split_words
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval

#: Key of the query context with the time zone of ``TIMESTAMP`` literals.
#: Source: druid.apache.org/docs/latest/querying/sql-query-context.
TIME_ZONE_KEY: Final = "sqlTimeZone"


@dataclass(frozen=True)
class IngestionStatement:
    """
    What an ``INSERT INTO`` or ``REPLACE INTO`` says.

    :param text: The statement, without the semicolon at its end.
    :param target: Table that it writes.
    :param replaces: Whether it replaces data; otherwise it adds rows.
    :param intervals: The intervals that it replaces, in UTC, merged and in order; all of time for ``OVERWRITE ALL``,
        empty for ``INSERT``.
    :param partitioned_by: Granularity of the partitions that it writes.
    :param clustered_by: Parts of ``CLUSTERED BY``.
    :param select: The query.
    :param selection: What the query reads and returns; None if that can't be read for sure.
    :param parameters: Number of ``?``.
    """

    text: str
    target: str
    replaces: bool
    intervals: tuple[Interval, ...]
    partitioned_by: Granularity
    clustered_by: tuple[str, ...]
    select: str
    selection: Selection | None
    parameters: int

    @property
    def replaces_all(self) -> bool:
        """Whether it replaces all data of the table."""
        return self.intervals == (Interval.ETERNITY,)


def read_statement(query: str, context: Mapping[str, Any] | None = None) -> IngestionStatement:
    """
    Read a statement.

    >>> found = read_statement('''
    ...     REPLACE INTO "hourly" OVERWRITE WHERE __time >= TIMESTAMP '2024-06-01' AND __time < TIMESTAMP '2024-06-02'
    ...     SELECT r."__time", c."name" FROM "raw" r JOIN "cities" c ON r."city" = c."id"
    ...     PARTITIONED BY DAY CLUSTERED BY 2''')
    >>> found.target, str(found.intervals[0]), found.selection.tables
    ('hourly', '2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z', ('cities', 'raw'))

    :param query: The statement.
    :param context: Query context of the job; its ``sqlTimeZone`` is the time zone of ``TIMESTAMP`` literals.
    :raises PolarisSpecError: It is no ingestion statement, Druid refuses it, or it can't be read for sure. The message
        gives position, reason and fix.
    """
    zone = (context or {}).get(TIME_ZONE_KEY)
    return _read(query, None if zone is None else str(zone))


def find_statement(query: str | None, context: Mapping[str, Any] | None = None) -> IngestionStatement | None:
    """Return what a statement says, as :func:`read_statement`; None if it can't be read."""
    try:
        return None if query is None else read_statement(query, context)
    except PolarisSpecError:
        return None


def described_statement(job: Mapping[str, Any]) -> IngestionStatement | None:
    """
    Return what the statement of a described SQL job says.

    :param job: Description of a job, or a spec.
    :return: None for another job, for one without ``sqlTimeZone`` in its context, whose times depend on the service,
        and if the statement can't be read.
    """
    spec = job.get("spec")
    bodies = [body for body in (job, spec) if isinstance(body, Mapping)]
    if all(body.get("type") != "sql" for body in bodies):
        return None
    query = next((body["query"] for body in bodies if isinstance(body.get("query"), str)), None)
    contexts = [body["context"] for body in bodies if isinstance(body.get("context"), Mapping)]
    context: Mapping[str, Any] = contexts[0] if contexts else {}
    return find_statement(query, context) if TIME_ZONE_KEY in context else None


@lru_cache(maxsize=16)
def _read(query: str, zone_name: str | None) -> IngestionStatement:
    zone = read_zone(zone_name)
    frame = split_statement(query)
    for word in (*(frame.overwrite or ()), *frame.partitioned_by, *frame.clustered_by):
        if word.text == "?":
            refuse(
                frame.statement,
                word.start,
                "has a parameter outside of the SELECT, which Druid refuses",
                "Write the value with a template.",
            )
    intervals: tuple[Interval, ...] = ()
    if frame.replaces:
        intervals = (Interval.ETERNITY,)
        if frame.overwrite is not None:
            intervals = overwritten_intervals(frame.statement, frame.overwrite, zone)
    return IngestionStatement(
        text=frame.statement,
        target=frame.target,
        replaces=frame.replaces,
        intervals=intervals,
        partitioned_by=partition_granularity(frame.statement, frame.partitioned_by),
        clustered_by=clustering_columns(frame.statement, frame.clustered_by),
        select=frame.select_text,
        selection=read_selection(frame.select_text, zone),
        parameters=sum(word.text == "?" for word in split_words(frame.select_text)),
    )
