"""
What there is: tables and their rows by time partition, by evidence that covers deep storage and has no real-time rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.hooks.row_count import CountErrorAdvice, RowCounter
from airflow_provider_polaris.hooks.tables import TableInfo, find_table
from airflow_provider_polaris.jobs.age_out.plan import AgingPlan, read_counts
from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.guards.row_counts import Count
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.runtime.deadline import Deadline

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.runtime.clock import Clock

Counts = dict[Interval, Count]


class TableCounter:
    """
    Asks one project, for one task.

    :param hook: Asks Polaris.
    :param clock: Time and sleep.
    :param log: Logger of the task.
    :param stop: Whether the task was killed.
    :param deadline: When the task gives up; None for never.
    :param poll_interval: Seconds between two looks.
    """

    def __init__(
        self,
        hook: PolarisHook,
        *,
        clock: Clock,
        log: Any,
        stop: Callable[[], bool],
        deadline: datetime | None,
        poll_interval: float,
    ) -> None:
        self.hook = hook
        self.limits = Deadline(clock, stop, deadline)
        self.log = log
        self.poll_interval = poll_interval
        self._counter = RowCounter(
            hook.get_conn, self.limits, log, purpose=CountErrorAdvice(advice="")
        )  # no delete uncounted

    def find(self, name: str) -> TableInfo | None:
        """Describe a table; None if there is none of that name."""
        return find_table(self.hook, name)

    def source(self, name: str) -> TableInfo:
        """
        Describe the table that data is taken from.

        :raises PolarisSpecError: There is none.
        """
        table = self.find(name)
        if table is None:
            raise PolarisSpecError(
                f"source_table {name!r} does not exist in project {self.hook.project_id!r}. Check its name and the "
                f"project of connection {self.hook.polaris_conn_id!r}."
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

        :param table: What the query reads; None if it doesn't exist, which has no rows.
        :param words: What of the SQL the user wrote, by the name of the argument.
        :return: Count of each partition that has rows.
        :raises PolarisSpecError: Polaris finds these words wrong.
        :raises PolarisGuardError: There is no way to see all rows that jobs see, and only those.
        :raises PolarisError: There was no answer.
        """
        if table is None:
            return {}
        rows = self._counter.rows(sql, table.storage, context=context, as_job=True, words=words)
        return read_counts(rows, granularity)

    def count_source(self, plan: AgingPlan) -> Counts:
        """Count what a plan takes."""
        source = self.source(plan.source)
        return self.count(source, plan.source_sql(), plan.granularity, plan.context, plan.source_words)

    def count_target(self, plan: AgingPlan, words: Mapping[str, str] | None = None) -> Counts:
        """
        Count what is where the plan puts it.

        :param words: The plan's :attr:`~.AgingPlan.target_words` before the copy. After it a column that Polaris
            doesn't know is one that it doesn't know yet, because the copy wrote it, so a retry asks again.
        """
        return self.count(self.find(plan.target), plan.target_sql(), plan.granularity, plan.context, words)
