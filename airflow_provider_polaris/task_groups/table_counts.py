# SPDX-License-Identifier: Apache-2.0
"""Read tables and count their rows by time partition. Counts include deep storage and exclude real-time rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.hooks.count_query import CountQuery
from airflow_provider_polaris.hooks.row_count import CountErrorAdvice, RowCounter
from airflow_provider_polaris.hooks.tables import TableInfo, find_table
from airflow_provider_polaris.jobs.age_out.plan import AgingPlan
from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.guards.row_counts import Count, read_counts
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.runtime.deadline import Deadline

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook

Counts = dict[Interval, Count]

#: Maximum number of rows of a count that Airflow's database keeps over a deferral. After a longer count, the task waits
#: in its worker.
_MOST_KEPT: Final = 1_000


class TableCounter:
    """
    Read tables and counts of one project, for one task.

    In a deferrable task, a count that takes longer raises ``WaitElsewhere``. The resumed task repeats its work with the
    counts and checks that it has finished already, for up to 30 minutes.

    :param hook: Hook for the requests.
    :param limits: Clock, kill and deadline of the task, and where it waits.
    :param log: Logger of the task.
    :param poll_interval: Seconds between two polls.
    """

    def __init__(self, hook: PolarisHook, limits: Deadline, *, log: Any, poll_interval: float) -> None:
        self.hook = hook
        self.limits = limits
        self.log = log
        self.poll_interval = poll_interval
        self._counter = self._new_counter()

    def stay_in_worker(self) -> None:
        """Wait in the worker from now on."""
        self.limits = self.limits.in_worker
        self._counter = self._new_counter()

    def once(self, name: str, check: Callable[[], None]) -> None:
        """
        Run a check, unless it has passed before a deferral of this try.

        :param name: Its name.
        :param check: The check.
        """
        if self._recall(name) is None:
            check()
            self._keep(name, True)

    def forget(self) -> None:
        """Drop finished counts and checks, because another job has changed the tables since."""
        self.limits.memory.answers.clear()

    def _new_counter(self) -> RowCounter:
        purpose = CountErrorAdvice(advice="")  # never delete without a count
        return RowCounter(self.hook.get_client, self.limits, self.log, purpose=purpose)

    def _recall(self, name: str) -> Any:
        if not self.limits.is_deferrable:
            return None
        return self.limits.memory.recall(name, self.limits.clock.now().timestamp())

    def _keep(self, name: str, value: Any) -> None:
        if self.limits.is_deferrable:
            self.limits.memory.keep(name, value, self.limits.clock.now().timestamp())

    def find(self, name: str) -> TableInfo | None:
        """Return the description of a table; None if it doesn't exist."""
        return find_table(self.hook, name)

    def source(self, name: str) -> TableInfo:
        """
        Return the description of the source table.

        :raises PolarisSpecError: It doesn't exist.
        """
        table = self.find(name)
        if table is None:
            raise PolarisSpecError(
                f"source_table {name!r} does not exist in {self.hook.place}. Check its name and connection "
                f"{self.hook.polaris_conn_id!r}."
            )
        return table

    def count(
        self,
        table: TableInfo | None,
        sql: str,
        granularity: Granularity,
        context: Mapping[str, Any],
        words: Mapping[str, str] | None = None,
    ) -> Counts:
        """
        Count rows by time partition.

        :param table: The table of the query; None if it doesn't exist and so has no rows.
        :param words: The user's SQL fragments by argument name.
        :return: Count of each partition that has rows.
        :raises PolarisSpecError: The service rejects the user's SQL.
        :raises PolarisGuardError: No query returns exactly the rows that jobs read.
        :raises PolarisError: There was no answer.
        """
        if table is None:
            return {}
        key = CountQuery(sql, table.storage, context).digest
        rows = self._recall(key)
        if rows is None:
            rows = self._counter.rows(sql, table.storage, context=context, as_job=True, words=words)
            if len(rows) > _MOST_KEPT:
                self.stay_in_worker()
            self._keep(key, rows)
        return read_counts(rows, granularity)

    def count_source(self, plan: AgingPlan) -> Counts:
        """
        Count the source rows of a plan, which was made when the source existed.

        :raises PolarisSpecError: It doesn't exist, on a service that keeps tables without rows.
        """
        find = self.find if self.hook.capabilities.forgets_empty_tables else self.source
        source = find(plan.source)
        return self.count(source, plan.source_sql(), plan.granularity, plan.context, plan.source_words)

    def count_target(self, plan: AgingPlan, words: Mapping[str, str] | None = None) -> Counts:
        """
        Count the target rows of a plan.

        :param words: The plan's :attr:`~.AgingPlan.target_words` before the copy. After it, an unknown column may be
            one that the copy wrote and Polaris doesn't return yet, so a retry queries again.
        """
        return self.count(self.find(plan.target), plan.target_sql(), plan.granularity, plan.context, words)
