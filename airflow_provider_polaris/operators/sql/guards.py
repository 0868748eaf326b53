# SPDX-License-Identifier: Apache-2.0
"""Run the guards of a SQL job: sources, conflicting jobs, storage policy, row counts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.hooks.row_count import RowCounter
from airflow_provider_polaris.hooks.tables import TableInfo, find_table
from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisGuardUnansweredError
from airflow_provider_polaris.jobs.guards.row_counts import RowCountQuery
from airflow_provider_polaris.jobs.guards.shrinkage import Shrinkage, find_shrinkage
from airflow_provider_polaris.jobs.guards.statement_counts import plan_statement_counts
from airflow_provider_polaris.jobs.tables.storage_policy import TableStorage
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval, merge
from airflow_provider_polaris.operators.guards.job_conflicts import ConflictGuard, WriteScope
from airflow_provider_polaris.operators.sql.messages import StatementMessages
from airflow_provider_polaris.runtime.deadline import Deadline

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import IngestionService
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.operators.guards.options import GuardOptions
    from airflow_provider_polaris.operators.sql.arguments import SqlJobArguments
    from airflow_provider_polaris.runtime.clock import Clock

#: Maximum wait for a source to become available. Its segments are loaded after the job that wrote them.
AVAILABILITY_LIMIT: Final = timedelta(minutes=10)
#: Maximum number of partitions checked against a storage policy. A job can't write more partitions.
#: Source: druid.apache.org/docs/latest/multi-stage-query/reference (limits).
_MOST_PARTITIONS: Final = 5_000


@dataclass(frozen=True)
class NoJob:
    """
    Why no job is submitted.

    :param reason: A sentence.
    :param skips: Whether the task is skipped; otherwise it succeeds.
    """

    reason: str
    skips: bool


class StatementGuards:
    """
    The guards of one SQL job.

    :param hook: The hook.
    :param job: Its arguments.
    :param sources: The tables that its statement reads.
    :param options: Parsed guard arguments.
    :param clock: Time and sleep.
    :param limits: Ends every wait.
    :param log: Logger of the task.
    :param poll_interval: Seconds between two polls of a source or of other jobs.
    """

    def __init__(
        self,
        hook: PolarisHook,
        job: SqlJobArguments,
        sources: Sequence[str],
        options: GuardOptions,
        *,
        clock: Clock,
        limits: Deadline,
        log: Any,
        poll_interval: float = 30.0,
    ) -> None:
        self._hook = hook
        self._job = job
        self._statement = job.statement
        self._sources = sources
        self._options = options
        self._clock = clock
        self._limits = limits
        self._log = log
        self._poll_interval = poll_interval
        self._messages = StatementMessages(job.statement)

    def check(self, own_jobs: Collection[str] = ()) -> NoJob | None:
        """
        Run all checks. Call this right before the POST.

        Reads all tables of the statement. In a REPLACE it counts the rows of the SELECT and those that are replaced,
        one query each, unless both ``on_empty_source`` and ``on_shrink`` are ``submit``.

        :param own_jobs: Ids of the jobs that the same task submitted before.
        :return: None if the job is to be submitted.
        :raises PolarisSpecError: The service rejects the SELECT. A retry would raise the same error.
        :raises PolarisGuardError: The job must not be submitted; the message gives the fix. A retry would raise the
            same error.
        :raises PolarisGuardUnansweredError: The wait timed out; a retry waits again.
        :raises PolarisJobCanceledError: The task was killed during the checks.
        :raises PolarisError: A request failed.
        """
        counts = self._statement.replaces and self._options.counts
        sources = self._await_sources()
        target = find_table(self._hook, self._statement.target)
        self._check_retention(target, self._partitions(), only_all=counts)
        if self._check_conflicts(target, own_jobs):
            # The other jobs may have changed the tables.
            sources = self._await_sources()
            target = find_table(self._hook, self._statement.target)
        if counts:
            return self._check_rows(sources, target)
        if self._statement.replaces:
            self._log.info(
                "The row-loss check is off for table %r, because on_empty_source='submit' and on_shrink='submit'. No "
                "rows were counted.",
                self._statement.target,
            )
        return None

    def _await_sources(self) -> list[TableStorage]:
        end = self._limits.limit(AVAILABILITY_LIMIT)
        return [self._await_source(name, end) for name in self._sources]

    def _await_source(self, name: str, end: datetime) -> TableStorage:
        is_logged = False
        while True:
            source = find_table(self._hook, name)
            if source is None:
                raise PolarisGuardError(
                    f"table {name!r}, which sql reads, does not exist in project {self._hook.project_id!r}. Check its "
                    f"name and the project of connection {self._hook.polaris_conn_id!r}."
                )
            if source.storage.availability == "deleting":
                raise PolarisGuardError(
                    f"table {name!r}, which sql reads, is being deleted. Nothing was submitted. Use another table."
                )
            if source.storage.availability != "unavailable":
                return source.storage
            if not is_logged:
                is_logged = True
                self._log.info("Waiting until table %r is available: its data is being loaded.", name)
            if not self._limits.sleep(self._poll_interval * self._clock.jitter(), end):
                raise PolarisGuardUnansweredError(
                    f"table {name!r}, which sql reads, is still 'unavailable': not all of its data is loaded. Nothing "
                    "was submitted. Check the table. A retry of this task waits again."
                )

    def _check_conflicts(self, target: TableInfo | None, own_jobs: Collection[str]) -> bool:
        """Wait for conflicting jobs, or refuse; return whether there were any."""
        statement = self._statement
        own = (target.facts.partitioning if target is not None else None) or statement.partitioned_by
        scope = WriteScope(
            table=statement.target,
            intervals=statement.intervals or (self._inserted_span(),),
            partition=max((statement.partitioned_by, own), key=list(Granularity).index),
            is_append=not statement.replaces,
        )
        guard = ConflictGuard(self._hook, scope, own_jobs, limits=self._limits, log=self._log)
        if self._options.on_conflict == "fail":
            guard.refuse()
            return False
        return guard.wait(self._poll_interval)

    def _inserted_span(self) -> Interval:
        """Return the interval into which an INSERT adds rows; all of time unless that is sure."""
        selection = self._statement.selection
        span = selection.reads[0].span if selection is not None and selection.keeps_time else None
        return Interval.ETERNITY if span is None else span

    def _check_rows(self, sources: Sequence[TableStorage], target: TableInfo | None) -> NoJob | None:
        plan = plan_statement_counts(
            self._statement, target=None if target is None else target.facts, context=self._job.context
        )
        source_counts = plan.read(self._count_sources(plan, sources))
        empty = find_shrinkage(plan, source_counts, {})
        if empty.is_empty and self._options.on_empty_source == "skip":
            reason = f"{self._messages.nothing_found} The task is skipped, because on_empty_source is 'skip'."
            return NoJob(reason, skips=True)
        if empty.is_empty and self._options.on_empty_source == "fail":
            raise self._messages.empty()
        written = self._statement.partitioned_by
        self._check_retention(target, [bucket.widen(written) for bucket in empty.occupied], only_all=False)
        may_succeed = empty.is_empty and self._options.on_empty_source == "succeed"
        if self._options.on_shrink == "submit" and not may_succeed:
            self._log_counts(plan, empty, is_compared=False)
            return None
        target_rows: list[dict[str, Any]] = []
        if target is not None:
            counter = RowCounter(self._hook.get_client, self._limits, self._log)
            target_rows = counter.rows(plan.target_sql, target.storage, context=plan.context, as_job=False)
        found = find_shrinkage(plan, source_counts, plan.read(target_rows))
        if may_succeed and not found.target_rows:
            reason = (
                f"{self._messages.nothing_found} The target has none to replace, so the task succeeds without a job."
            )
            return NoJob(reason, skips=False)
        if found.loses and self._options.on_shrink == "fail":
            raise self._messages.shrunk(found)
        self._log_counts(plan, found, is_compared=True)
        return None

    def _count_sources(self, plan: RowCountQuery, sources: Sequence[TableStorage]) -> list[dict[str, Any]]:
        # The one that errors are judged by: a table without data means that Druid doesn't have it.
        table = next((each for each in sources if not each.is_empty), None)
        client = _Parameterized(self._hook.get_client, plan.source_sql, self._job.parameters)
        counter = StatementCounter(lambda: client, self._limits, self._log, sources)
        return counter.rows(
            plan.source_sql,
            table or next(iter(sources), TableStorage(name=self._statement.target, availability="available")),
            context=plan.context,
            as_job=True,
            words=plan.source_words,
        )

    def _log_counts(self, plan: RowCountQuery, found: Shrinkage, *, is_compared: bool) -> None:
        what = f"the SELECT returns {found.source_rows:,} rows"
        if is_compared:
            what += f"; the job replaces {found.target_rows:,} rows of {self._statement.target!r}"
        else:
            what += f"; the rows that {self._statement.target!r} loses were not counted, because on_shrink='submit'"
        self._log.info("Counted by %s: %s.", plan.granularity.value, what)

    def _check_retention(self, target: TableInfo | None, written: Collection[Interval], *, only_all: bool) -> None:
        """Raise if a written partition would be dropped; with ``only_all``, if all of them would."""
        policy = target.storage.retain if target is not None else None
        if policy is None or self._options.on_retention == "submit":
            return
        now = self._clock.now()
        lost = [bucket for bucket in written if not policy.keeps(bucket, now)]
        if lost and (len(lost) == len(written) or not only_all):
            raise self._messages.dropped(policy, merge(lost), now)

    def _partitions(self) -> list[Interval]:
        """Return the partitions in the replaced intervals; empty if the intervals are unbounded."""
        partition = self._statement.partitioned_by
        buckets: list[Interval] = []
        for span in self._statement.intervals or (self._inserted_span(),):
            if span.start == Interval.ETERNITY.start or span.end == Interval.ETERNITY.end:
                return []
            if partition is Granularity.ALL:
                return []
            for bucket in span.buckets(partition):
                buckets.append(bucket)
                if len(buckets) > _MOST_PARTITIONS:
                    return []
        return buckets


class StatementCounter(RowCounter):
    """
    Count the rows of a SELECT over several tables.

    :param connect: Returns the client.
    :param limits: Time limits.
    :param log: Logger of the task.
    :param sources: The tables that it reads.
    """

    def __init__(self, connect: Callable[[], Any], limits: Deadline, log: Any, sources: Sequence[TableStorage]) -> None:
        super().__init__(connect, limits, log)
        self._sources = sources

    def _check_all_at_hand(self, table: TableStorage, *, as_job: bool) -> None:
        for each in self._sources or (table,):
            super()._check_all_at_hand(each, as_job=as_job)


class _Parameterized:
    """A client that sends values for the ``?`` of one query."""

    def __init__(
        self, connect: Callable[[], IngestionService], sql: str, parameters: Sequence[Mapping[str, Any]]
    ) -> None:
        self._connect = connect
        self._options: Mapping[str, Mapping[str, Any]] = {sql: {"parameters": parameters}} if parameters else {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connect(), name)

    def query(self, sql: str, **options: Any) -> list[dict[str, Any]]:
        return self._connect().query(sql, **options, **self._options.get(sql, {}))

    def start_query(self, sql: str, **options: Any) -> dict[str, Any]:
        return self._connect().start_query(sql, **options, **self._options.get(sql, {}))
