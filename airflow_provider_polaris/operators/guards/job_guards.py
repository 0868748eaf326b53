# SPDX-License-Identifier: Apache-2.0
"""Run all guards of a job in order: its sources, the storage policy, conflicting jobs, row counts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.hooks.count_query import CountQuery
from airflow_provider_polaris.hooks.row_count import RowCounter
from airflow_provider_polaris.hooks.tables import TableInfo
from airflow_provider_polaris.hooks.task_reads import TaskReads
from airflow_provider_polaris.jobs.guards.row_counts import RowCountQuery
from airflow_provider_polaris.jobs.guards.shrinkage import find_shrinkage
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval, merge
from airflow_provider_polaris.operators.approval.findings import Finding
from airflow_provider_polaris.operators.guards import findings
from airflow_provider_polaris.operators.guards.counted_tables import CountedTables
from airflow_provider_polaris.operators.guards.guarded_job import GuardDecision, GuardedJob
from airflow_provider_polaris.operators.guards.job_conflicts import ConflictGuard, WriteScope
from airflow_provider_polaris.operators.guards.messages import JobMessages
from airflow_provider_polaris.operators.guards.options import GuardOptions
from airflow_provider_polaris.runtime.deadline import Deadline
from airflow_provider_polaris.runtime.waits import Condition

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook

#: Maximum wait for all sources to become available. Segments are loaded after the job that wrote them.
AVAILABILITY_LIMIT: Final = timedelta(minutes=10)


class JobGuards(ABC):
    """
    The guards of one job.

    :param hook: Hook for Polaris.
    :param job: What the job reads and writes.
    :param messages: Texts for errors and the log.
    :param options: Parsed guard arguments.
    :param limits: Clock, kill and deadline of the task, and where it waits.
    :param log: Logger of the task.
    :param poll_interval: Seconds between two polls of a source or of other jobs.
    :param reads: What the plan of the job has read already; None if it has read nothing.
    :param counting: Plain JSON that the task keeps over its deferrals, for the counts. Changed here.
    """

    def __init__(
        self,
        hook: PolarisHook,
        job: GuardedJob,
        messages: JobMessages,
        options: GuardOptions,
        *,
        limits: Deadline,
        log: Any,
        poll_interval: float,
        reads: TaskReads | None,
        counting: dict[str, Any] | None,
    ) -> None:
        self._hook = hook
        self._job = job
        self._messages = messages
        self._options = options
        self._limits = limits
        self._log = log
        self._poll_interval = poll_interval
        self._reads = reads or TaskReads(hook, limits.clock, lists_jobs=True, check_alive=limits.check_alive)
        self._counting = CountedTables({} if counting is None else counting, limits.clock)
        #: What a person has to approve.
        self._findings: list[Finding] = []

    @abstractmethod
    def plan_counts(self, target: TableInfo | None) -> RowCountQuery:
        """
        Return the queries for the rows that the job reads and replaces.

        :param target: The target; None if it doesn't exist.
        """

    @abstractmethod
    def source_query(self, plan: RowCountQuery, sources: Sequence[TableInfo]) -> CountQuery:
        """
        Return the count of the rows that the job reads.

        :param plan: The plan of the counts.
        :param sources: The sources.
        """

    def warnings(self, sources: Sequence[TableInfo]) -> Iterable[str]:  # noqa: ARG002
        """
        Return sentences on what is wrong according to the sources.

        :param sources: The sources, which are available.
        """
        return ()

    @property
    def counts(self) -> bool:
        """Whether rows are counted."""
        return self._job.replaces and self._options.counts

    def check(self, own_jobs: Collection[str] = ()) -> GuardDecision:
        """
        Run all checks. Call this right before the POST.

        Reads all tables and the list of active jobs together, unless the plan has just read them. Waits at most ten
        minutes until the sources are available. Waits for other jobs on the same partitions, depending on
        ``on_conflict``. If the job replaces rows, it then counts the rows that the job reads and those that it
        replaces, one query each at the same time, unless both ``on_empty_source`` and ``on_shrink`` are ``submit``.
        What a guard with the value ``ask`` finds is part of the decision.

        :param own_jobs: Ids of the jobs that the same task submitted before.
        :return: The action: submit, skip or succeed.
        :raises PolarisSpecError: The service rejects SQL of the user. A retry would raise the same error.
        :raises PolarisGuardError: The job must not be submitted; the message gives the fix. A retry would raise the
            same error.
        :raises PolarisGuardUnansweredError: The wait timed out; a retry waits again.
        :raises PolarisJobCanceledError: The task was killed during the checks.
        :raises WaitElsewhere: The task is to be deferred. Its next call, with the same memory, goes on with the counts
            if they had begun, and otherwise repeats all checks.
        :raises PolarisError: A request failed.
        """
        self._findings.clear()
        tables = self._counting.restore(self._job.sources, self._job.target) if self.counts else None
        if tables is None:
            tables = self._check_tables(own_jobs)
            self._keep(*tables)
        if not self.counts:
            if self._job.replaces:
                self._log.info(
                    "The row-loss check is off for table %r, because on_empty_source='submit' and on_shrink='submit'. "
                    "No rows were counted.",
                    self._job.target,
                )
            return GuardDecision("submit", "No rows were counted.", findings=tuple(self._findings))
        decision = self._check_rows(*tables)
        # Guards that run again after a later deferral repeat all checks.
        self._counting.clear()
        return decision

    def _check_tables(self, own_jobs: Collection[str]) -> tuple[list[TableInfo], TableInfo | None]:
        """Run the checks before the counts; return the sources and the target."""
        sources, target = self._read_tables()
        for sentence in self.warnings(sources):
            self._log.warning("%s", sentence)
        self._check_retention(target, self._job.partitions(_own(target)), only_all=self.counts)
        if self._check_conflicts(target, own_jobs):
            # The other jobs may have changed the tables.
            self._reads.forget()
            sources, target = self._read_tables()
        return sources, target

    def _read_tables(self) -> tuple[list[TableInfo], TableInfo | None]:
        """Return the sources, once all of them are available, and the target."""
        self._reads.read(*self._job.sources, target=self._job.target)
        wait = f"availability of {', '.join(self._job.sources)}"
        end = self._limits.limit(AVAILABILITY_LIMIT, wait)
        sources = [self._await_source(name, wait, end) for name in self._job.sources]
        self._limits.memory.end(wait)
        return sources, self._reads.find(self._job.target)

    def _await_source(self, name: str, wait: str, end: datetime) -> TableInfo:
        while True:
            source = self._reads.find(name)
            if source is None:
                raise self._messages.absent(name, self._hook.place, self._hook.polaris_conn_id)
            if source.storage.availability == "deleting":
                raise self._messages.deleting(name)
            if source.storage.availability != "unavailable":
                return source
            if self._limits.memory.is_new_line(wait, name):
                self._log.info("Waiting until table %r is available: its data is being loaded.", name)
            pause = self._poll_interval * self._limits.clock.jitter()
            if not self._limits.sleep(pause, end, Condition("table", (name,))):
                raise self._messages.unavailable(name)
            self._reads.forget()

    def _keep(self, sources: Sequence[TableInfo], target: TableInfo | None) -> None:
        """Store the descriptions for a deferral during the counts, unless a wait has made them old."""
        names = self._job.sources if target is None else (*self._job.sources, self._job.target)
        known = [each for each in map(self._reads.known, names) if each is not None]
        if self.counts and len(known) == len(names):
            self._counting.keep(known[: len(sources)], None if target is None else known[-1])

    def _check_conflicts(self, target: TableInfo | None, own_jobs: Collection[str]) -> bool:
        """Wait for conflicting jobs, or refuse; return whether there were any."""
        scope = WriteScope(
            table=self._job.target,
            intervals=self._job.conflicting,
            partition=max(self._job.granularities(_own(target)), key=list(Granularity).index),
            is_append=not self._job.replaces,
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

    def _check_rows(self, sources: Sequence[TableInfo], target: TableInfo | None) -> GuardDecision:
        plan = self.plan_counts(target)
        counter = RowCounter(
            self._hook.get_client,
            self._limits,
            self._log,
            ask=lambda requests: self._hook.ask_together(requests, self._limits.check_alive),
        )
        queries = [self.source_query(plan, sources)]
        if target is not None:
            queries.append(CountQuery(plan.target_sql, target.storage, plan.context, as_job=False))
        # If the rows of the target matter only for an empty source, they are counted afterwards.
        at_once = queries[:1] if self._options.on_shrink == "submit" else queries
        rows = counter.start(at_once)
        source_counts = plan.read(rows[0]())
        empty = find_shrinkage(plan, source_counts, {})
        if empty.is_empty and self._options.on_empty_source == "skip":
            return GuardDecision(
                "skip", f"{self._messages.nothing_found} The task is skipped, because on_empty_source is 'skip'."
            )
        if empty.is_empty and self._options.on_empty_source == "fail":
            raise self._messages.empty()
        if empty.is_empty and self._options.on_empty_source == "ask":
            self._findings.append(findings.empty_source(self._messages))
        written = self._job.granularities(_own(target))[0]
        self._check_retention(target, [bucket.widen(written) for bucket in empty.occupied], only_all=False)
        may_succeed = empty.is_empty and self._options.on_empty_source == "succeed"
        if self._options.on_shrink == "submit" and not may_succeed:
            return self._submit(plan, self._messages.counted(empty), empty.source_rows)
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
        if found.loses and self._options.on_shrink == "ask":
            self._findings.append(findings.lost_rows(self._messages, found))
        return self._submit(plan, self._messages.compared(found), found.source_rows)

    def _submit(self, plan: RowCountQuery, what: str, source_rows: int) -> GuardDecision:
        self._log.info("Counted by %s: %s.", plan.granularity.value, what)
        return GuardDecision("submit", f"{what}.", source_rows, tuple(self._findings))

    def _check_retention(self, target: TableInfo | None, written: Collection[Interval], *, only_all: bool) -> None:
        """Refuse, or ask, if a written partition would be dropped; with ``only_all``, if all of them would."""
        policy = target.storage.retain if target is not None else None
        if policy is None or self._options.on_retention == "submit":
            return
        now = self._limits.clock.now()
        lost = [bucket for bucket in written if not policy.keeps(bucket, now)]
        if not lost or (only_all and len(lost) < len(written)):
            return
        if self._options.on_retention == "fail":
            raise self._messages.dropped(policy, merge(lost), now)
        if not only_all or not self.counts:  # otherwise the check after the counts finds them again
            self._findings.append(findings.dropped_rows(self._messages, policy, merge(lost)))


def _own(target: TableInfo | None) -> Granularity | None:
    """Return the granularity of a table's own partitions; None if unknown."""
    return None if target is None else target.facts.partitioning
