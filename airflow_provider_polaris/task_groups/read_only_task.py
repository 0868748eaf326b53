# SPDX-License-Identifier: Apache-2.0
"""Base class of the tasks that submit no job: connection, limits, and Airflow's exceptions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.runtime.failure import fail_without_retry
from airflow_provider_polaris.runtime.rendering import RendersTexts

if TYPE_CHECKING:
    from airflow_provider_polaris.runtime.compat import Context
    from airflow_provider_polaris.task_groups.table_counts import TableCounter


class ReadOnlyTask(RendersTexts):
    """
    Read from Polaris, change nothing. A retry or a clear reads again.

    :param polaris_conn_id: The connection. (templated)
    :param poll_interval: Seconds between two polls. (templated)
    :param timeout: Seconds from the start of this try until the task gives up; None for no own limit. (templated)
    """

    template_fields: Sequence[str] = ("polaris_conn_id", "poll_interval", "timeout")
    ui_color = "#eef6ea"

    def __init__(
        self,
        *,
        polaris_conn_id: str = "polaris_default",
        poll_interval: float | timedelta | str = 30,
        timeout: float | timedelta | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.polaris_conn_id = polaris_conn_id
        self.poll_interval = poll_interval
        self.timeout = timeout
        self._is_killed = False

    @abstractmethod
    def work(self, counter: TableCounter, context: Context) -> Any:
        """Return the input of the next task, as plain JSON."""

    def execute(self, context: Context) -> Any:
        """
        Run the task.

        :raises AirflowFailException: A permanent error: a retry would fail, too.
        :raises AirflowSkipException: There is nothing to do.
        :raises PolarisError: Any other error.
        """
        with fail_without_retry(self.log):
            counter = self._counter(context)
            with closing(counter.hook):
                return self.work(counter, context)

    def on_kill(self) -> None:
        """End all waits."""
        self._is_killed = True

    def _counter(self, context: Context) -> TableCounter:
        from airflow_provider_polaris.hooks.polaris import PolarisHook
        from airflow_provider_polaris.runtime.arguments import as_seconds, as_text
        from airflow_provider_polaris.runtime.clock import CLOCK
        from airflow_provider_polaris.runtime.deadline import deadline_of, try_start
        from airflow_provider_polaris.task_groups.table_counts import TableCounter

        seconds = as_seconds(self.timeout, "timeout")
        start = try_start(context["ti"], CLOCK.now())
        return TableCounter(
            PolarisHook(as_text(self.polaris_conn_id, "polaris_conn_id")),
            clock=CLOCK,
            log=self.log,
            stop=lambda: self._is_killed,
            deadline=deadline_of(
                start, None if seconds is None else timedelta(seconds=seconds), self.execution_timeout
            ),
            poll_interval=as_seconds(self.poll_interval, "poll_interval") or 30.0,
        )
