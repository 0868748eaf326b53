# SPDX-License-Identifier: Apache-2.0
"""Base class of the tasks that submit no job: connection, limits, and Airflow's exceptions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION, conf
from airflow_provider_polaris.runtime.deferral import restart_execution_timeout, restore_state
from airflow_provider_polaris.runtime.failure import fail_without_retry
from airflow_provider_polaris.runtime.rendering import RendersTexts

if TYPE_CHECKING:
    from airflow_provider_polaris.runtime.compat import Context
    from airflow_provider_polaris.runtime.waits import WaitElsewhere
    from airflow_provider_polaris.task_groups.table_counts import TableCounter


@dataclass(frozen=True)
class DeferredWork:
    """
    The saved state of a deferred task, in plain JSON.

    :param polaris_conn_id: Id of the connection.
    :param deadline: When the try times out, epoch seconds in UTC; None for never.
    :param waits: Fields of :class:`~airflow_provider_polaris.runtime.waits.WaitMemory`.
    """

    polaris_conn_id: str
    deadline: float | None
    waits: Mapping[str, Any]


class ReadOnlyTask(RendersTexts):
    """
    Read from Polaris, change nothing. A retry or a clear reads again.

    With ``deferrable``, a wait of more than a few seconds moves to the triggerer. The resumed task repeats its work,
    but uses the counts that have ended.

    :param polaris_conn_id: The connection. (templated)
    :param deferrable: Wait in the triggerer and free the worker slot. The default is Airflow's
        ``[operators] default_deferrable``. (templated)
    :param poll_interval: Seconds between two polls. (templated)
    :param timeout: Seconds from the start of this try until the task gives up; None for no own limit. (templated)
    """

    template_fields: Sequence[str] = ("polaris_conn_id", "deferrable", "poll_interval", "timeout")
    ui_color = "#eef6ea"

    def __init__(
        self,
        *,
        polaris_conn_id: str = "polaris_default",
        deferrable: bool | str = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | timedelta | str = 30,
        timeout: float | timedelta | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.polaris_conn_id = polaris_conn_id
        self.deferrable = deferrable
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
        :raises TaskDeferred: The task waits in the triggerer.
        """
        from airflow_provider_polaris.runtime.arguments import as_bool

        return self._attempt(context, None, waits_elsewhere=as_bool(self.deferrable, "deferrable"))

    def continue_work(self, context: Context, event: Any = None, wait: Any = None) -> Any:  # noqa: ARG002
        """
        Repeat the work after a deferral.

        :param context: Airflow's context.
        :param event: Event of the trigger, which only ends the wait.
        :param wait: The saved state. ``airflow dags test`` drops it. Then the task waits in this worker.
        """
        return self._attempt(context, wait, waits_elsewhere=wait is not None)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """
        Resume after a deferral; Airflow calls this. Without an event, the task starts again and waits in this worker.

        :param next_method: Name of the method to call.
        :param next_kwargs: Arguments of that method.
        :param context: Airflow's context.
        """
        from airflow_provider_polaris.runtime.deferral import TRIGGER_FAILED_METHOD

        if next_method == TRIGGER_FAILED_METHOD:
            self.log.warning(
                "No trigger event arrived (%s). The task starts again and waits in this worker.",
                (next_kwargs or {}).get("error"),
            )
            return self._attempt(context, None, waits_elsewhere=False)
        return super().resume_execution(next_method, next_kwargs, context)

    if AIRFLOW_VERSION < (3, 0):
        pre_execute = restart_execution_timeout

    def on_kill(self) -> None:
        """End all waits."""
        self._is_killed = True

    def _attempt(self, context: Context, wait: Any, *, waits_elsewhere: bool) -> Any:
        from airflow_provider_polaris.runtime.waits import WaitElsewhere

        with fail_without_retry(self.log):
            counter = self._counter(context, wait, waits_elsewhere=waits_elsewhere)
            with closing(counter.hook):
                try:
                    return self.work(counter, context)
                except WaitElsewhere as elsewhere:
                    deferral = self._deferral(counter, elsewhere)
        self.defer(**deferral)
        raise AssertionError("defer raises")

    def _deferral(self, counter: TableCounter, wait: WaitElsewhere) -> dict[str, Any]:
        from airflow_provider_polaris.operators.job_run.deferred_submission import deferral_of

        limits, conn_id = counter.limits, counter.hook.polaris_conn_id
        limits.memory.deferrals += 1
        deadline = None if limits.deadline is None else limits.deadline.timestamp()
        return deferral_of(
            wait,
            limits,
            self.log,
            conn_id=conn_id,
            method_name="continue_work",
            saved=asdict(DeferredWork(conn_id, deadline, asdict(limits.memory))),
            poll_interval=counter.poll_interval,
        )

    def _counter(self, context: Context, wait: Any, *, waits_elsewhere: bool) -> TableCounter:
        from airflow_provider_polaris.hooks.polaris import PolarisHook
        from airflow_provider_polaris.runtime.arguments import as_seconds, as_text
        from airflow_provider_polaris.runtime.clock import CLOCK
        from airflow_provider_polaris.runtime.deadline import Deadline, deadline_of, try_start
        from airflow_provider_polaris.runtime.waits import WaitMemory
        from airflow_provider_polaris.task_groups.table_counts import TableCounter

        memory = WaitMemory()
        if wait is None:
            conn_id = as_text(self.polaris_conn_id, "polaris_conn_id")
            seconds = as_seconds(self.timeout, "timeout")
            timeout = None if seconds is None else timedelta(seconds=seconds)
            deadline = deadline_of(try_start(context["ti"], CLOCK.now()), timeout, self.execution_timeout)
        else:
            saved = restore_state(DeferredWork, wait)
            conn_id, memory = saved.polaris_conn_id, WaitMemory.restore(saved.waits)
            deadline = None if saved.deadline is None else datetime.fromtimestamp(saved.deadline, timezone.utc)
        limits = Deadline(CLOCK, lambda: self._is_killed, deadline, memory, waits_elsewhere)
        poll_interval = as_seconds(self.poll_interval, "poll_interval") or 30.0
        return TableCounter(PolarisHook(conn_id), limits, log=self.log, poll_interval=poll_interval)
