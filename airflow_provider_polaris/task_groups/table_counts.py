# SPDX-License-Identifier: Apache-2.0
"""Read tables and count their rows by time partition. Counts include deep storage and exclude real-time rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

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
    from airflow_provider_polaris.runtime.clock import Clock

Counts = dict[Interval, Count]


class TableCounter:
    """
    Read tables and counts of one project, for one task.

    :param hook: Hook for the requests.
    :param clock: Time and sleep.
    :param log: Logger of the task.
    :param stop: Returns whether the task was killed.
    :param deadline: When the task gives up; None for never.
    :param poll_interval: Seconds between two polls.
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
            hook.get_client, self.limits, log, purpose=CountErrorAdvice(advice="")
        )  # never delete without a count

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
        rows = self._counter.rows(sql, table.storage, context=context, as_job=True, words=words)
        return read_counts(rows, granularity)

    def count_source(self, plan: AgingPlan) -> Counts:
        """Count the source rows of a plan."""
        source = self.source(plan.source)
        return self.count(source, plan.source_sql(), plan.granularity, plan.context, plan.source_words)

    def count_target(self, plan: AgingPlan, words: Mapping[str, str] | None = None) -> Counts:
        """
        Count the target rows of a plan.

        :param words: The plan's :attr:`~.AgingPlan.target_words` before the copy. After it, an unknown column may be
            one that the copy wrote and Polaris doesn't return yet, so a retry queries again.
        """
        return self.count(self.find(plan.target), plan.target_sql(), plan.granularity, plan.context, words)
