# SPDX-License-Identifier: Apache-2.0
"""The guards of a table-to-table job."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.hooks.count_query import CountQuery
from airflow_provider_polaris.hooks.tables import TableInfo
from airflow_provider_polaris.jobs.guards.conflicts import written_intervals
from airflow_provider_polaris.jobs.guards.row_counts import RowCountQuery, plan_counts
from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec, TableSource, parse_spec
from airflow_provider_polaris.jobs.sql.single_expression import check_expression
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.validation.expressions import misread_constants
from airflow_provider_polaris.operators.guards.guarded_job import GuardDecision, GuardedJob
from airflow_provider_polaris.operators.guards.job_guards import JobGuards
from airflow_provider_polaris.operators.guards.messages import GuardMessages
from airflow_provider_polaris.operators.guards.options import GuardOptions
from airflow_provider_polaris.runtime.deadline import Deadline

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.hooks.task_reads import TaskReads


class SourceGuards(JobGuards):
    """
    The guards of one table-to-table job.

    :param hook: Hook for Polaris.
    :param spec: The JSON object for Polaris: a batch job that reads a table.
    :param options: Parsed guard arguments.
    :param limits: Clock, kill and deadline of the task, and where it waits.
    :param log: Logger of the task.
    :param poll_interval: Seconds between two polls of the source or of other jobs.
    :param reads: What the plan of the job has read already; None if it has read nothing.
    :param counting: Plain JSON that the task keeps over its deferrals, for the counts. Changed here.
    :raises PolarisSpecError: The spec is invalid.
    """

    def __init__(
        self,
        hook: PolarisHook,
        spec: Mapping[str, Any],
        options: GuardOptions,
        *,
        limits: Deadline,
        log: Any,
        poll_interval: float = 30.0,
        reads: TaskReads | None = None,
        counting: dict[str, Any] | None = None,
    ) -> None:
        parsed = parse_spec(spec)
        assert isinstance(parsed, BatchJobSpec)
        assert isinstance(parsed.source, TableSource)
        self._spec = parsed
        spans = parsed.target.spans or (parsed.source.span,)
        job = GuardedJob(
            sources=(parsed.source.table_name,),
            target=parsed.target.table_name,
            replaces=parsed.ingestion_mode == "replace",
            partitioned_by=None if parsed.partitioned_by is None else Granularity(parsed.partitioned_by),
            written=() if parsed.replace_all and not parsed.target.spans else spans,
            conflicting=written_intervals({**spec, "id": "-", "executionStatus": "pending"}, is_whole=True) or (),
        )
        messages = GuardMessages(
            source=parsed.source.table_name,
            target=job.target,
            spans=spans,
            has_filter=parsed.filter_expression is not None,
        )
        super().__init__(
            hook,
            job,
            messages,
            options,
            limits=limits,
            log=log,
            poll_interval=poll_interval,
            reads=reads,
            counting=counting,
        )

    def check(self, own_jobs: Collection[str] = ()) -> GuardDecision:
        """
        Run all checks, as :meth:`JobGuards.check`.

        :param own_jobs: As there.
        :raises PolarisSpecError: As there, or the filter can't be used in a query, in which case no request was made.
        """
        if self.counts and self._spec.filter_expression is not None:
            check_expression(self._spec.filter_expression, "filter_expression")
        return super().check(own_jobs)

    def warnings(self, sources: Sequence[TableInfo]) -> Iterable[str]:
        """Return a sentence for each constant that looks like a column, now that the columns are known."""
        logged = misread_constants(self._spec)  # by the operator
        found = misread_constants(self._spec, sources[0].facts.columns or ())
        return [sentence for sentence in found if sentence not in logged]

    def plan_counts(self, target: TableInfo | None) -> RowCountQuery:
        """Return the queries for the rows of the source and the target."""
        return plan_counts(
            self._spec,
            target=None if target is None else target.facts,
            storage=None if target is None else target.storage,
        )

    def source_query(self, plan: RowCountQuery, sources: Sequence[TableInfo]) -> CountQuery:
        """Return the count of the source's rows."""
        return CountQuery(plan.source_sql, sources[0].storage, plan.context, True, plan.source_words)
