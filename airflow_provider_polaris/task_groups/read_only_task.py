"""What the tasks of an age-out that submit no job have in common: a connection, limits, and errors for Airflow."""

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
    Ask Polaris, change nothing; a retry or a clear asks again.

    :param polaris_conn_id: The connection. (templated)
    :param poll_interval: Seconds between two looks at what is waited for. (templated)
    :param timeout: Seconds from the start of this attempt after which the task gives up; None for no limit of its own.
        (templated)
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
    def work(self, survey: TableCounter, context: Context) -> Any:
        """Return what the next task needs, in plain JSON."""

    def execute(self, context: Context) -> Any:
        """
        Do the work.

        :raises AirflowFailException: A retry would meet the same error again.
        :raises AirflowSkipException: There is nothing to do.
        :raises PolarisError: Anything else that went wrong.
        """
        with fail_without_retry(self.log):
            survey = self._survey(context)
            with closing(survey.hook):
                return self.work(survey, context)

    def on_kill(self) -> None:
        """End whatever is waited for."""
        self._is_killed = True

    def _survey(self, context: Context) -> TableCounter:
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
