"""All guards of a table-to-table job in one call: what is read, what is replaced, what is in the way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from airflow_provider_polaris.hooks.row_count import RowCounter
from airflow_provider_polaris.hooks.tables import TableInfo, find_table
from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisGuardUnansweredError
from airflow_provider_polaris.jobs.guards.conflicts import written_intervals
from airflow_provider_polaris.jobs.guards.row_counts import Count, RowCountQuery, plan_counts
from airflow_provider_polaris.jobs.guards.shrinkage import Shrinkage, find_shrinkage
from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec, TableSource, parse_spec
from airflow_provider_polaris.jobs.sql.single_expression import check_expression
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval, merge
from airflow_provider_polaris.jobs.validation.expressions import misread_constants
from airflow_provider_polaris.operators.guards.job_conflicts import ConflictGuard, WriteScope
from airflow_provider_polaris.operators.guards.messages import GuardMessages
from airflow_provider_polaris.operators.guards.options import GuardOptions
from airflow_provider_polaris.runtime.deadline import Deadline

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.runtime.clock import Clock

#: So long a source may take to become available: its segments are loaded after the job that wrote them.
AVAILABILITY_LIMIT: Final = timedelta(minutes=10)
#: A policy is applied to partitions. A job can't write more of them.
#: Source: druid.apache.org/docs/latest/multi-stage-query/reference (limits).
_MOST_PARTITIONS: Final = 5_000


@dataclass(frozen=True)
class GuardDecision:
    """
    What to do.

    :param action: ``submit`` the job, ``skip`` the task, or let it ``succeed`` without a job.
    :param reason: Why there is no job, or what was found, as a sentence.
    :param source_rows: Rows that the job should process; None if they weren't counted.
    """

    action: Literal["submit", "skip", "succeed"]
    reason: str
    source_rows: int | None = None


class SourceGuards:
    """
    The guards of one job.

    :param hook: Asks Polaris.
    :param spec: The JSON object for Polaris: a batch job that reads a table.
    :param options: What may pass.
    :param clock: Time and sleep.
    :param log: Logger of the task.
    :param stop: Whether the task was killed; ends every wait.
    :param deadline: When the task gives up; None for never.
    :param poll_interval: Seconds between two looks at another job.
    :raises PolarisSpecError: It is no such job.
    """

    def __init__(
        self,
        hook: PolarisHook,
        spec: Mapping[str, Any],
        options: GuardOptions,
        *,
        clock: Clock,
        log: Any,
        stop: Callable[[], bool] = lambda: False,
        deadline: datetime | None = None,
        poll_interval: float = 30.0,
    ) -> None:
        parsed = parse_spec(spec)
        assert isinstance(parsed, BatchJobSpec)
        assert isinstance(parsed.source, TableSource)
        self._hook = hook
        self._wire = spec
        self._spec = parsed
        self._source_name = parsed.source.table_name
        self._options = options
        self._limits = Deadline(clock, stop, deadline)
        self._log = log
        self._poll_interval = poll_interval
        self._words = GuardMessages(
            source=self._source_name,
            target=parsed.target.table_name,
            spans=parsed.target.spans or (parsed.source.span,),
            has_filter=parsed.filter_expression is not None,
        )

    def check(self, own_jobs: Collection[str] = ()) -> GuardDecision:
        """
        Check everything; to be called right before the job is sent.

        Reads both tables; waits until the source is available, ten minutes at most, and as ``on_conflict`` says until
        no other job works on the same partitions. In replace mode it then counts the rows of source and target, one
        query each, unless both ``on_empty_source`` and ``on_shrink`` are ``submit``.

        :param own_jobs: Ids of the jobs that the same task submitted before.
        :return: Submit or skip.
        :raises PolarisSpecError: Polaris rejects filter_expression or a mapping, or the filter cannot stand in the
            queries, in which case nothing was asked. A retry would find the same.
        :raises PolarisGuardError: The job must not be sent; the sentence says what to do. A retry would find the same.
        :raises PolarisGuardUnansweredError: It was waited for in vain; a retry waits again.
        :raises PolarisJobCanceledError: The task was killed meanwhile.
        :raises PolarisError: A question wasn't answered.
        """
        replaces = self._spec.ingestion_mode == "replace"
        counts = replaces and self._options.counts
        if counts and self._spec.filter_expression is not None:
            check_expression(self._spec.filter_expression, "filter_expression")
        source = self._await_source()
        for sentence in misread_constants(self._spec, source.facts.columns or ()):
            if sentence not in misread_constants(self._spec):  # of those the operator has warned
                self._log.warning("%s", sentence)
        target = find_table(self._hook, self._spec.target.table_name)
        self._check_retention(target, self._partitions(target), only_all=counts)
        if self._check_conflicts(target, own_jobs):
            # The jobs that were waited for may have changed both.
            source = self._await_source()
            target = find_table(self._hook, self._spec.target.table_name)
        if not counts:
            if replaces:
                self._log.info(
                    "No rows were counted, because on_empty_source='submit' and on_shrink='submit' say so: nobody "
                    "looks what table %r loses.",
                    self._spec.target.table_name,
                )
            return GuardDecision("submit", "No rows were counted.")
        return self._check_rows(source, target)

    def _await_source(self) -> TableInfo:
        end = self._limits.limit(AVAILABILITY_LIMIT)
        is_told = False
        while True:
            source = find_table(self._hook, self._source_name)
            if source is None:
                raise PolarisGuardError(
                    f"source_table {self._source_name!r} does not exist in project {self._hook.project_id!r}. Check "
                    f"its name and the project of connection {self._hook.polaris_conn_id!r}."
                )
            availability = source.storage.availability
            if availability == "deleting":
                raise PolarisGuardError(
                    f"source_table {self._source_name!r} is being deleted, so nothing can be read from it. Nothing was "
                    "submitted. Use another table."
                )
            if availability != "unavailable":
                return source
            if not is_told:
                is_told = True
                self._log.info("Waiting until table %r is available: its data is being loaded.", self._source_name)
            if not self._limits.sleep(self._poll_interval * self._limits.clock.jitter(), end):
                raise PolarisGuardUnansweredError(
                    f"source_table {self._source_name!r} is still 'unavailable': not all of its data is loaded, and "
                    "Polaris refuses to read such a table. Nothing was submitted. Look at the table; a retry of this "
                    "task waits again."
                )

    def _check_conflicts(self, target: TableInfo | None, own_jobs: Collection[str]) -> bool:
        """Return whether there were other jobs in the way."""
        place = WriteScope(
            table=self._spec.target.table_name,
            intervals=written_intervals({**self._wire, "id": "-", "executionStatus": "pending"}, is_whole=True) or (),
            partition=max(self._partitions_of(target), key=list(Granularity).index),
            is_append=self._spec.ingestion_mode == "append",
        )
        guard = ConflictGuard(self._hook, place, own_jobs, limits=self._limits, log=self._log)
        if self._options.on_conflict == "fail":
            guard.refuse()
            return False
        return guard.wait(self._poll_interval)

    def _check_rows(self, source: TableInfo, target: TableInfo | None) -> GuardDecision:
        plan = plan_counts(
            self._spec,
            target=None if target is None else target.facts,
            storage=None if target is None else target.storage,
        )
        counter = RowCounter(self._hook.get_conn, self._limits, self._log)
        here = self._count(counter, plan, plan.source_sql, source, as_job=True, words=plan.source_words)
        empty = find_shrinkage(plan, here, {})
        if empty.is_empty and self._options.on_empty_source == "skip":
            return GuardDecision("skip", f"{self._words.nothing_found} The task is skipped, as on_empty_source says.")
        if empty.is_empty and self._options.on_empty_source == "fail":
            raise self._words.empty()
        written = self._partitions_of(target)[0]
        self._check_retention(target, [bucket.widen(written) for bucket in empty.occupied], only_all=False)
        may_succeed = empty.is_empty and self._options.on_empty_source == "succeed"
        if self._options.on_shrink == "submit" and not may_succeed:
            return self._submit(plan, empty, is_compared=False)
        there = self._count(counter, plan, plan.target_sql, target, as_job=False)
        found = find_shrinkage(plan, here, there)
        if may_succeed and not found.target_rows:
            reason = f"{self._words.nothing_found} Nor are there any to replace, so the task succeeds without a job."
            return GuardDecision("succeed", reason)
        if found.loses and self._options.on_shrink == "fail":
            raise self._words.shrunk(found)
        return self._submit(plan, found, is_compared=True)

    def _count(
        self,
        counter: RowCounter,
        plan: RowCountQuery,
        sql: str,
        table: TableInfo | None,
        *,
        as_job: bool,
        words: Mapping[str, str] | None = None,
    ) -> dict[Interval, Count]:
        if table is None:
            return {}
        return plan.read(counter.rows(sql, table.storage, context=plan.context, as_job=as_job, words=words))

    def _submit(self, plan: RowCountQuery, found: Shrinkage, *, is_compared: bool) -> GuardDecision:
        what = f"{self._source_name!r} has {found.source_rows:,} rows for the job"
        if is_compared:
            what += f", which replaces {found.target_rows:,} rows of {self._spec.target.table_name!r}"
        else:
            what += f"; what {self._spec.target.table_name!r} loses was not counted, because on_shrink='submit' says so"
        self._log.info("Counted by %s: %s.", plan.granularity.value, what)
        return GuardDecision("submit", f"{what}.", found.source_rows)

    def _check_retention(self, target: TableInfo | None, written: Collection[Interval], *, only_all: bool) -> None:
        """Refuse if something that is written would be dropped; with ``only_all``, if everything would."""
        policy = target.storage.retain if target is not None else None
        if policy is None or self._options.on_retention == "submit":
            return
        now = self._limits.clock.now()
        lost = [bucket for bucket in written if not policy.keeps(bucket, now)]
        if lost and (len(lost) == len(written) or not only_all):
            raise self._words.dropped(policy, merge(lost), now)

    def _partitions(self, target: TableInfo | None) -> list[Interval]:
        """Return the partitions that the job names; none if it names no bounds."""
        partition = self._partitions_of(target)[0]
        spans = self._spec.target.spans
        if not spans and not self._spec.replace_all and isinstance(self._spec.source, TableSource):
            spans = (self._spec.source.span,)
        buckets: list[Interval] = []
        for span in spans:
            if span == Interval.ETERNITY or partition is Granularity.ALL:
                return []
            for bucket in span.buckets(partition):
                buckets.append(bucket)
                if len(buckets) > _MOST_PARTITIONS:
                    return []
        return buckets

    def _partitions_of(self, target: TableInfo | None) -> tuple[Granularity, Granularity]:
        """Return the partitions that the job writes, and the table's own."""
        own = target.facts.partitioning if target is not None else None
        asked = Granularity(self._spec.partitioned_by) if self._spec.partitioned_by is not None else None
        written = asked or own or Granularity.DAY
        return written, own or written
