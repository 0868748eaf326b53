# SPDX-License-Identifier: Apache-2.0
"""Run all guards of a table-to-table job: source, row counts, conflicting jobs, storage policy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from airflow_provider_polaris.hooks.count_query import CountQuery
from airflow_provider_polaris.hooks.row_count import RowCounter
from airflow_provider_polaris.hooks.tables import TableInfo
from airflow_provider_polaris.hooks.task_reads import TaskReads
from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisGuardUnansweredError
from airflow_provider_polaris.jobs.guards.conflicts import written_intervals
from airflow_provider_polaris.jobs.guards.row_counts import RowCountQuery, plan_counts
from airflow_provider_polaris.jobs.guards.shrinkage import Shrinkage, find_shrinkage
from airflow_provider_polaris.jobs.spec.job_spec import BatchJobSpec, TableSource, parse_spec
from airflow_provider_polaris.jobs.sql.single_expression import check_expression
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval, merge
from airflow_provider_polaris.jobs.validation.expressions import misread_constants
from airflow_provider_polaris.operators.guards.counted_tables import CountedTables
from airflow_provider_polaris.operators.guards.job_conflicts import ConflictGuard, WriteScope
from airflow_provider_polaris.operators.guards.messages import GuardMessages
from airflow_provider_polaris.operators.guards.options import GuardOptions
from airflow_provider_polaris.runtime.deadline import Deadline
from airflow_provider_polaris.runtime.waits import Condition

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook

#: Maximum wait for a source to become available. Its segments are loaded after the job that wrote them.
AVAILABILITY_LIMIT: Final = timedelta(minutes=10)
#: Maximum number of partitions checked against a storage policy. A job can't write more partitions.
#: Source: druid.apache.org/docs/latest/multi-stage-query/reference (limits).
_MOST_PARTITIONS: Final = 5_000


@dataclass(frozen=True)
class GuardDecision:
    """
    Result of the guards.

    :param action: ``submit`` the job, ``skip`` the task, or let it ``succeed`` without a job.
    :param reason: A sentence: why there is no job, or what was counted.
    :param source_rows: Number of rows that the job should process; None if they were not counted.
    """

    action: Literal["submit", "skip", "succeed"]
    reason: str
    source_rows: int | None = None


class SourceGuards:
    """
    The guards of one job.

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
        self._hook = hook
        self._wire = spec
        self._spec = parsed
        self._source_name = parsed.source.table_name
        self._options = options
        self._limits = limits
        self._log = log
        self._poll_interval = poll_interval
        self._reads = reads or TaskReads(hook, limits.clock, lists_jobs=True, check_alive=limits.check_alive)
        self._counting = CountedTables({} if counting is None else counting, limits.clock)
        self._messages = GuardMessages(
            source=self._source_name,
            target=parsed.target.table_name,
            spans=parsed.target.spans or (parsed.source.span,),
            has_filter=parsed.filter_expression is not None,
        )

    def check(self, own_jobs: Collection[str] = ()) -> GuardDecision:
        """
        Run all checks. Call this right before the POST.

        Reads both tables and the list of active jobs together, unless the plan has just read them. Waits at most ten
        minutes until the source is available. Waits for other jobs on the same partitions, depending on
        ``on_conflict``. In replace mode it then counts the rows of source and target, one query each at the same time,
        unless both ``on_empty_source`` and ``on_shrink`` are ``submit``.

        :param own_jobs: Ids of the jobs that the same task submitted before.
        :return: The action: submit, skip or succeed.
        :raises PolarisSpecError: The service rejects filter_expression or a mapping, or the filter can't be used in a
            query, in which case no request was made. A retry would raise the same error.
        :raises PolarisGuardError: The job must not be submitted; the message gives the fix. A retry would raise the
            same error.
        :raises PolarisGuardUnansweredError: The wait timed out; a retry waits again.
        :raises PolarisJobCanceledError: The task was killed during the checks.
        :raises WaitElsewhere: The task is to be deferred. Its next call, with the same memory, goes on with the counts
            if they had begun, and otherwise repeats all checks.
        :raises PolarisError: A request failed.
        """
        replaces = self._spec.ingestion_mode == "replace"
        counts = replaces and self._options.counts
        if counts and self._spec.filter_expression is not None:
            check_expression(self._spec.filter_expression, "filter_expression")
        if counts and (tables := self._counting.restore(self._source_name, self._spec.target.table_name)) is not None:
            return self._check_rows(*tables)
        target_name = self._spec.target.table_name
        self._reads.read(self._source_name, target_name)
        source = self._await_source()
        for sentence in misread_constants(self._spec, source.facts.columns or ()):
            if sentence not in misread_constants(self._spec):  # the operator has already logged the others
                self._log.warning("%s", sentence)
        target = self._reads.find(target_name)
        self._check_retention(target, self._partitions(target), only_all=counts)
        if self._check_conflicts(target, own_jobs):
            # The other jobs may have changed both tables.
            self._reads.forget()
            self._reads.read(self._source_name, target_name)
            source = self._await_source()
            target = self._reads.find(target_name)
        if not counts:
            if replaces:
                self._log.info(
                    "The row-loss check is off for table %r, because on_empty_source='submit' and on_shrink='submit'. "
                    "No rows were counted.",
                    self._spec.target.table_name,
                )
            return GuardDecision("submit", "No rows were counted.")
        self._counting.keep(
            self._reads.known(self._source_name), self._reads.known(target_name) if target is not None else None
        )
        decision = self._check_rows(source, target)
        self._counting.clear()
        return decision

    def _await_source(self) -> TableInfo:
        name = f"availability of {self._source_name}"
        end = self._limits.limit(AVAILABILITY_LIMIT, name)
        while True:
            source = self._reads.find(self._source_name)
            if source is None:
                raise PolarisGuardError(
                    f"source_table {self._source_name!r} does not exist in {self._hook.place}. Check its name and "
                    f"connection {self._hook.polaris_conn_id!r}."
                )
            availability = source.storage.availability
            if availability == "deleting":
                raise PolarisGuardError(
                    f"source_table {self._source_name!r} is being deleted, so nothing can be read from it. Nothing was "
                    "submitted. Use another table."
                )
            if availability != "unavailable":
                self._limits.memory.end(name)
                return source
            if self._limits.memory.is_new_line(name, availability):
                self._log.info("Waiting until table %r is available: its data is being loaded.", self._source_name)
            pause = self._poll_interval * self._limits.clock.jitter()
            if not self._limits.sleep(pause, end, Condition("table", (self._source_name,))):
                raise PolarisGuardUnansweredError(
                    f"source_table {self._source_name!r} is still 'unavailable': not all of its data is loaded, and "
                    "the service refuses to read such a table. Nothing was submitted. Check the table. A retry of this "
                    "task waits again."
                )
            self._reads.forget()

    def _check_conflicts(self, target: TableInfo | None, own_jobs: Collection[str]) -> bool:
        """Wait for conflicting jobs, or refuse; return whether there were any."""
        scope = WriteScope(
            table=self._spec.target.table_name,
            intervals=written_intervals({**self._wire, "id": "-", "executionStatus": "pending"}, is_whole=True) or (),
            partition=max(self._partitions_of(target), key=list(Granularity).index),
            is_append=self._spec.ingestion_mode == "append",
        )
        guard = ConflictGuard(
            self._hook,
            scope,
            own_jobs,
            limits=self._limits,
            log=self._log,
            listed=lambda: self._reads.take_jobs(scope.table),
        )
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
        counter = RowCounter(
            self._hook.get_client,
            self._limits,
            self._log,
            ask=lambda requests: self._hook.ask_together(requests, self._limits.check_alive),
        )
        queries = [CountQuery(plan.source_sql, source.storage, plan.context, True, plan.source_words)]
        if target is not None:
            queries.append(CountQuery(plan.target_sql, target.storage, plan.context, as_job=False))
        # If the rows of the target matter only for an empty source, they are counted afterwards.
        at_once = queries if self._options.on_shrink == "fail" else queries[:1]
        rows = counter.start(at_once)
        source_counts = plan.read(rows[0]())
        empty = find_shrinkage(plan, source_counts, {})
        if empty.is_empty and self._options.on_empty_source == "skip":
            return GuardDecision(
                "skip", f"{self._messages.nothing_found} The task is skipped, because on_empty_source is 'skip'."
            )
        if empty.is_empty and self._options.on_empty_source == "fail":
            raise self._messages.empty()
        written = self._partitions_of(target)[0]
        self._check_retention(target, [bucket.widen(written) for bucket in empty.occupied], only_all=False)
        may_succeed = empty.is_empty and self._options.on_empty_source == "succeed"
        if self._options.on_shrink == "submit" and not may_succeed:
            return self._submit(plan, empty, is_compared=False)
        rows += counter.start(queries[len(at_once) :])
        target_counts = plan.read(rows[1]()) if target is not None else {}
        found = find_shrinkage(plan, source_counts, target_counts)
        if may_succeed and not found.target_rows:
            reason = (
                f"{self._messages.nothing_found} The target has none to replace, so the task succeeds without a job."
            )
            return GuardDecision("succeed", reason)
        if found.loses and self._options.on_shrink == "fail":
            raise self._messages.shrunk(found)
        return self._submit(plan, found, is_compared=True)

    def _submit(self, plan: RowCountQuery, found: Shrinkage, *, is_compared: bool) -> GuardDecision:
        what = f"{self._source_name!r} has {found.source_rows:,} rows for the job"
        if is_compared:
            what += f", which replaces {found.target_rows:,} rows of {self._spec.target.table_name!r}"
        else:
            what += (
                f"; the rows that {self._spec.target.table_name!r} loses were not counted, because on_shrink='submit'"
            )
        self._log.info("Counted by %s: %s.", plan.granularity.value, what)
        return GuardDecision("submit", f"{what}.", found.source_rows)

    def _check_retention(self, target: TableInfo | None, written: Collection[Interval], *, only_all: bool) -> None:
        """Raise if a written partition would be dropped; with ``only_all``, if all of them would."""
        policy = target.storage.retain if target is not None else None
        if policy is None or self._options.on_retention == "submit":
            return
        now = self._limits.clock.now()
        lost = [bucket for bucket in written if not policy.keeps(bucket, now)]
        if lost and (len(lost) == len(written) or not only_all):
            raise self._messages.dropped(policy, merge(lost), now)

    def _partitions(self, target: TableInfo | None) -> list[Interval]:
        """Return the partitions in the job's intervals; empty if the intervals are unbounded."""
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
        """Return the granularity of the partitions that the job writes, and the table's own."""
        own = target.facts.partitioning if target is not None else None
        asked = Granularity(self._spec.partitioned_by) if self._spec.partitioned_by is not None else None
        written = asked or own or Granularity.DAY
        return written, own or written
