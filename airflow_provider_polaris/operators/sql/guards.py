# SPDX-License-Identifier: Apache-2.0
"""The guards of a SQL job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.hooks.count_query import CountQuery
from airflow_provider_polaris.hooks.tables import TableInfo
from airflow_provider_polaris.jobs.guards.row_counts import RowCountQuery
from airflow_provider_polaris.jobs.guards.statement_counts import plan_statement_counts
from airflow_provider_polaris.jobs.sql.ingestion.statement import IngestionStatement, read_statement
from airflow_provider_polaris.jobs.tables.storage_policy import TableStorage
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.operators.guards.guarded_job import GuardedJob
from airflow_provider_polaris.operators.guards.job_guards import JobGuards
from airflow_provider_polaris.operators.guards.options import GuardOptions
from airflow_provider_polaris.operators.sql.messages import StatementMessages
from airflow_provider_polaris.runtime.deadline import Deadline

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.hooks.task_reads import TaskReads


class StatementGuards(JobGuards):
    """
    The guards of one SQL job.

    :param hook: Hook for Polaris.
    :param spec: The JSON object for Polaris: a SQL job.
    :param sources: Names of the tables that its statement reads.
    :param options: Parsed guard arguments.
    :param limits: Clock, kill and deadline of the task, and where it waits.
    :param log: Logger of the task.
    :param poll_interval: Seconds between two polls of a source or of other jobs.
    :param reads: What the plan of the job has read already; None if it has read nothing.
    :param counting: Plain JSON that the task keeps over its deferrals, for the counts. Changed here.
    :raises PolarisSpecError: The statement is invalid.
    """

    def __init__(
        self,
        hook: PolarisHook,
        spec: Mapping[str, Any],
        sources: Sequence[str],
        options: GuardOptions,
        *,
        limits: Deadline,
        log: Any,
        poll_interval: float = 30.0,
        reads: TaskReads | None = None,
        counting: dict[str, Any] | None = None,
    ) -> None:
        self._context = spec["context"]
        self._parameters = spec["parameters"]
        self._statement = statement = read_statement(spec["query"], self._context)
        written = statement.intervals or (_inserted_span(statement),)
        job = GuardedJob(
            sources=tuple(sources),
            target=statement.target,
            replaces=statement.replaces,
            partitioned_by=statement.partitioned_by,
            written=written,
            conflicting=written,
        )
        super().__init__(
            hook,
            job,
            StatementMessages(statement),
            options,
            limits=limits,
            log=log,
            poll_interval=poll_interval,
            reads=reads,
            counting=counting,
        )

    def plan_counts(self, target: TableInfo | None) -> RowCountQuery:
        """Return the queries for the rows of the SELECT and the target."""
        return plan_statement_counts(
            self._statement, target=None if target is None else target.facts, context=self._context
        )

    def source_query(self, plan: RowCountQuery, sources: Sequence[TableInfo]) -> CountQuery:
        """Return the count of the SELECT's rows, with the values for its ``?``."""
        tables = [source.storage for source in sources] or [TableStorage(self._job.target, "available")]
        # Errors are judged by a table with data: one without data means that Druid doesn't have it.
        tables.sort(key=lambda table: table.is_empty)
        return CountQuery(
            plan.source_sql,
            tables[0],
            plan.context,
            True,
            plan.source_words,
            other_tables=tables[1:],
            parameters=self._parameters,
        )


def _inserted_span(statement: IngestionStatement) -> Interval:
    """Return the interval into which an INSERT adds rows; all of time unless that is sure."""
    selection = statement.selection
    span = selection.reads[0].span if selection is not None and selection.keeps_time else None
    return Interval.ETERNITY if span is None else span
