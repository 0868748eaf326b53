# SPDX-License-Identifier: Apache-2.0
"""
Validate an ingestion statement before it is sent, as a batch job is validated; performs no I/O.

Each rule raises a message with the value, the rule and the fix. A rule that needs the description of a table is skipped
if there is none.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.sql.ingestion.statement import IngestionStatement
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.tables.name import check_table_name
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.instant import quote
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.jobs.validation.alignment import Partition, partitions_to_align


@dataclass(frozen=True)
class StatementFacts:
    """
    What a statement doesn't say.

    :param target: Description of the target table, if known.
    :param target_known_absent: The target does not exist.
    :param creates_target: Whether the job creates a missing target.
    :param source_tables: Tables that the statement reads, by an argument; None to read them from the statement.
    :param interval: The interval that the statement has to replace; None for any.
    :param allow_finer_partitions: Allow intervals that are aligned only to a ``PARTITIONED BY`` finer than the table's
        own partitioning. Coarser segments that they overlap may be erased whole.
    :param allow_self_append: Allow an ``INSERT`` that reads its own target, which doubles the rows.
    """

    target: TableDescription | None = None
    target_known_absent: bool = False
    creates_target: bool = False
    source_tables: Collection[str] | None = None
    interval: Interval | None = None
    allow_finer_partitions: bool = False
    allow_self_append: bool = False


def check_statement(statement: IngestionStatement, facts: StatementFacts) -> None:
    """
    Refuse a statement that the service would refuse, that would fail, or that would do harm.

    :param statement: The statement.
    :param facts: The tables, and the arguments of the task.
    :raises PolarisSpecError: A rule is violated. The message gives the value, the rule and the fix.
    """
    check_table_name(statement.target, "the target table of sql")
    sources = tables_of(statement, facts.source_tables)
    _check_target(statement, facts)
    if statement.target in sources and not statement.replaces and not facts.allow_self_append:
        raise PolarisSpecError(
            f"sql reads table {quote(statement.target)}, which is also the target: INSERT would double its rows. Write "
            "REPLACE, or pass allow_self_append=True if that is what you mean."
        )
    _check_interval(statement, facts.interval)
    _check_reach(statement)
    _check_alignment(statement, facts)


def tables_of(statement: IngestionStatement, given: Collection[str] | None) -> tuple[str, ...]:
    """
    Return the tables that a statement reads, each once, sorted.

    :param statement: The statement.
    :param given: The tables by an argument; None to read them from the statement.
    :raises PolarisSpecError: They can't be read from the statement, or the argument omits one that can.
    """
    selection = statement.selection
    if given is None:
        if selection is None:
            raise PolarisSpecError(
                "sql has a SELECT that this package can't analyze, so the tables that it reads are unknown. Name them "
                "with source_tables=[...]; the service still checks the SQL."
            )
        return selection.tables
    missing = [table for table in (selection.tables if selection is not None else ()) if table not in given]
    if missing:
        raise PolarisSpecError(
            f"source_tables {quote(sorted(given))} lacks {', '.join(map(quote, missing))}, which sql reads. Add it, or "
            "omit source_tables."
        )
    return tuple(sorted(set(given)))


def _check_target(statement: IngestionStatement, facts: StatementFacts) -> None:
    if facts.target is not None and (facts.target.availability or "").lower() == "deleting":
        raise PolarisSpecError(
            f"target table {facts.target.name!r} of sql is {quote(facts.target.availability)}: what the job writes "
            "would be deleted too. Wait until it is deleted, then create it again."
        )
    if facts.target_known_absent and not facts.creates_target:
        raise PolarisSpecError(
            f"target table {quote(statement.target)} of sql does not exist, and create_table_if_not_exists is False. "
            "Set it to True, or create the table first."
        )


def _check_interval(statement: IngestionStatement, wanted: Interval | None) -> None:
    if wanted is None:
        return
    if not statement.replaces:
        raise PolarisSpecError(
            f"interval {quote(str(wanted))} has no effect on an INSERT, which replaces nothing. Write REPLACE INTO ... "
            "OVERWRITE WHERE, or omit interval."
        )
    if statement.intervals != (wanted,):
        raise PolarisSpecError(
            f"sql replaces {_shown(statement.intervals)}, and the task's interval is {quote(str(wanted))}. Write "
            "OVERWRITE WHERE {{ macros.polaris.within(data_interval_start, data_interval_end) }}, or change interval."
        )


def _check_reach(statement: IngestionStatement) -> None:
    """Refuse to replace time that the only source is not read for: the rows of the difference would be lost."""
    selection = statement.selection
    if selection is None or not selection.keeps_time or selection.reads[0].span is None or statement.replaces_all:
        return
    span = selection.reads[0].span
    for interval in statement.intervals:
        if not span.contains(interval):
            raise PolarisSpecError(
                f"sql replaces {quote(str(interval))} and reads only {quote(str(span))} of table "
                f"{selection.reads[0].table!r}: rows that it does not read would be erased. Use the same interval in "
                "OVERWRITE WHERE and in the WHERE of the SELECT."
            )


def _check_alignment(statement: IngestionStatement, facts: StatementFacts) -> None:
    if not statement.replaces or statement.replaces_all:
        return
    if facts.target is not None and facts.target.partitioning is None:
        raise PolarisSpecError(
            f"target table {facts.target.name!r} of sql has a time partitioning that this package does not support. "
            "OVERWRITE WHERE might erase more data than it names. Install a newer version of this package."
        )
    partitions = partitions_to_align(
        statement.partitioned_by,
        "PARTITIONED BY of sql",
        facts.target,
        facts.target_known_absent,
        facts.allow_finer_partitions,
    )
    if all(each.granularity is not statement.partitioned_by for each in partitions):
        # OBSERVED(Druid 27): whatever the table has, the interval has to align with PARTITIONED BY.
        partitions.append(Partition(statement.partitioned_by, "PARTITIONED BY of sql"))
    for interval in statement.intervals:
        for partition in partitions:
            _check_aligned(interval, partition, statement.partitioned_by)


def _check_aligned(interval: Interval, partition: Partition, written: Granularity) -> None:
    if partition.granularity is Granularity.ALL:
        raise PolarisSpecError(
            f"sql replaces {quote(str(interval))}, which can't be replaced by itself: with granularity 'all' "
            f"({partition.origin}) the table is one partition. Write OVERWRITE ALL, or partition by time."
        )
    if interval.is_aligned(partition.granularity):
        return
    finer = ""
    if partition.is_the_tables_own and interval.is_aligned(written):
        finer = (
            " Or pass allow_finer_partitions=True, if the table holds no segments coarser than "
            f"{written.value!r} there: those would be erased whole."
        )
    raise PolarisSpecError(
        f"sql replaces {quote(str(interval))}, which does not fall on {partition.granularity.value!r} boundaries "
        f"({partition.origin}): the service replaces whole partitions, so it would refuse, or erase rows that the "
        f"interval doesn't name. Use {quote(str(interval.align(partition.granularity)))}, the nearest aligned "
        f"interval.{finer}"
    )


def _shown(intervals: tuple[Interval, ...]) -> str:
    if Interval.ETERNITY in intervals:
        return "all of time"
    return ", ".join(quote(str(each)) for each in intervals)
