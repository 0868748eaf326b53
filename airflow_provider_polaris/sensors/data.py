# SPDX-License-Identifier: Apache-2.0
"""The sensor that waits until a table holds data, so that a rollup doesn't run before its stream has arrived."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION, BaseSensorOperator, conf
from airflow_provider_polaris.runtime.deferral import restart_execution_timeout
from airflow_provider_polaris.runtime.failure import fail_without_retry
from airflow_provider_polaris.runtime.rendering import RendersTexts
from airflow_provider_polaris.sensors.timeout import soft_fail_skips, timeout_message

if TYPE_CHECKING:
    from airflow_provider_polaris.jobs.time.interval import Interval
    from airflow_provider_polaris.runtime.compat import Context
    from airflow_provider_polaris.sensors.data_wait import DataWait


class PolarisDataSensor(RendersTexts, BaseSensorOperator):
    """
    Wait until a table holds data up to an instant, or a minimum number of rows in an interval.

    The sensor counts the rows that a job would read. Streaming rows count after Polaris has published them as segments,
    which is later than queries show them (docs.imply.io/polaris/api-ingest-table: a job reads no streaming rows that
    arrive while it runs). It uses asynchronous SQL, which a project may have to enable and which is billed by query
    (docs.imply.io/polaris/query-async). It uses synchronous SQL only where that reads the same rows.

    **Condition.** By default, a row at most ``slack`` before the end of the run's interval. A table that is filled in
    time order has such a row when the interval is complete. ``up_to`` sets another instant. ``min_rows`` requires a
    number of rows in the run's interval, or in ``interval``; with ``up_to``, both conditions apply. Neither proves that
    no late rows follow. A single row with a future time meets ``up_to``: exclude such rows with ``filter_expression``.
    A table that doesn't exist (yet) has no rows.

    **Where it waits.** With ``deferrable``, after one query, in the triggerer: one query for all that wait for the same
    table through the same connection. Otherwise in the worker: continuously in ``poke`` mode, or in a separate process
    for each poke in ``reschedule`` mode. Each change of the result is one log line.

    **Failures.** Failed queries (including 401 and 403) are tolerated until all have failed for 15 min. In
    ``reschedule`` mode pokes share no state, so they are tolerated until the ``timeout``. A filter that the service
    rejects fails the sensor immediately and without a retry. So does a project in which published rows can't be
    distinguished from others. A retry starts from the beginning. A killed sensor leaves at most a query that ends by
    itself.

    **XCom.** No return value. ``polaris_data`` when the data is there: ``{"table": …, "newest": …, "rows": …}``, with
    the time of the newest row and the number of rows in the interval; None if not requested.

    :param table: The table. (templated)
    :param up_to: Wait for a row at most ``slack`` before this instant, or later: ISO 8601 or a datetime, UTC unless it
        has an offset. None for the end of ``interval``, unless ``min_rows`` is set. (templated)
    :param interval: ISO 8601. None for the run's data interval, or its partition. (templated)
    :param min_rows: Wait for at least this many stored rows in the interval. In a rolled-up table a row stands for
        several events. (templated)
    :param filter_expression: SQL condition over the columns, without ``WHERE``: only these rows count. (templated)
    :param slack: ISO 8601 period, how far before ``up_to`` the newest row may be, because not every minute has a row.
        (templated)
    :param partition_grain: Length of the run's partition, such as ``hour``, if the DAG doesn't define it. (templated)
    :param polaris_conn_id: The connection. (templated)
    :param deferrable: Wait in the triggerer and free the worker slot. The default is Airflow's ``[operators]
        default_deferrable``. (templated)
    :param poke_interval: Seconds between two queries, also in the triggerer.
    :param timeout: Airflow's own: seconds from the first poke, including reschedules. In the triggerer,
        ``execution_timeout`` less 30 s (at least half of it) applies, too.
    """

    template_fields: Sequence[str] = (
        "table",
        "up_to",
        "interval",
        "min_rows",
        "filter_expression",
        "slack",
        "partition_grain",
        "polaris_conn_id",
        "deferrable",
    )
    template_fields_renderers = {"filter_expression": "sql"}  # noqa: RUF012  # Airflow's own declaration
    ui_color = "#e8f0fb"

    def __init__(
        self,
        *,
        table: str,
        up_to: str | datetime | None = None,
        interval: str | Interval | None = None,
        min_rows: int | str | None = None,
        filter_expression: str | None = None,
        slack: str = "PT5M",
        partition_grain: str | None = None,
        polaris_conn_id: str = "polaris_default",
        deferrable: bool | str = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: float | timedelta = 60,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, **kwargs)
        self.table = table
        self.up_to = up_to
        self.interval = interval
        self.min_rows = min_rows
        self.filter_expression = filter_expression
        self.slack = slack
        self.partition_grain = partition_grain
        self.polaris_conn_id = polaris_conn_id
        self.deferrable = deferrable
        self._wait: DataWait | None = None

    def poke(self, context: Context) -> bool:
        """
        Query the table once.

        :param context: Airflow's context.
        :return: Whether the data is there.
        :raises AirflowFailException: An argument is wrong, or the query can't be answered.
        :raises PolarisError: The wait was given up.
        :raises TaskDeferred: The data isn't there, and the triggerer waits for it.
        """
        from airflow_provider_polaris.runtime.arguments import as_bool

        with fail_without_retry(self.log):
            defers = as_bool(self.deferrable, "deferrable")
            if self._wait is None:
                self._wait = self._begin(context)
            if self._wait.check():
                return True
        if defers:
            self.defer(**self._wait.deferral(self.execution_timeout))
        return False

    def execute(self, context: Context) -> Any:
        """
        Wait as Airflow's sensors do. On a timeout, log the last query result; Airflow logs only the duration.

        :param context: Airflow's context.
        :raises AirflowSensorTimeout: The timeout has passed.
        """
        with timeout_message(self.log, lambda: self._wait):
            return super().execute(context)

    def execute_complete(self, context: Context, event: Any = None, wait: Any = None) -> None:
        """
        End the wait after the deferral, as a poke would.

        A resumed task keeps the values it started with, although Airflow renders the templates again.

        :param context: Airflow's context.
        :param event: The event of the trigger.
        :param wait: The state that the sensor stored. None from ``airflow dags test``, which drops it (OBSERVED in
            Airflow 2.11.2 and 3.3.2); the arguments are then read again.
        :raises AirflowFailException: The query can't be answered.
        :raises AirflowSkipException: Raised instead with ``soft_fail``.
        :raises PolarisError: The wait was given up.
        """
        from airflow_provider_polaris.triggers.data import check_data_event

        with soft_fail_skips(self), fail_without_retry(self.log):
            (self._begin(context) if wait is None else self._recall(context, wait)).complete(check_data_event(event))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """
        Resume after a deferral; Airflow calls this.

        If no event arrived, because of the timeout, a missing triggerer or a failed trigger, the sensor queries once
        more.

        :param next_method: The method to resume with.
        :param next_kwargs: Its arguments.
        :param context: Airflow's context.
        """
        from airflow_provider_polaris.runtime.deferral import TRIGGER_FAILED_METHOD, is_timeout

        if next_method == TRIGGER_FAILED_METHOD:
            with soft_fail_skips(self), fail_without_retry(self.log):
                wait = self._begin(context)
                if wait.check():
                    return None
                if is_timeout(next_kwargs):
                    wait.time_out()
        return super().resume_execution(next_method, next_kwargs, context)

    if AIRFLOW_VERSION < (3, 0):
        pre_execute = restart_execution_timeout

    def _begin(self, context: Context) -> DataWait:
        from airflow_provider_polaris.hooks.polaris import PolarisHook
        from airflow_provider_polaris.runtime.arguments import as_text
        from airflow_provider_polaris.sensors.data_wait import DataWait, DeferredDataWait, read_condition

        conn_id = as_text(self.polaris_conn_id, "polaris_conn_id")
        memory = DeferredDataWait(
            condition=read_condition(
                context,
                table=self.table,
                up_to=self.up_to,
                slack=self.slack,
                min_rows=self.min_rows,
                interval=self.interval,
                filter_expression=self.filter_expression,
                partition_grain=self.partition_grain,
            ).to_json(),
            polaris_conn_id=conn_id,
            poll_interval=self.poke_interval,
            timeout=self.timeout,
        )
        return DataWait(PolarisHook(conn_id), memory, context["ti"], self.log)

    def _recall(self, context: Context, wait: Any) -> DataWait:
        from airflow_provider_polaris.hooks.polaris import PolarisHook
        from airflow_provider_polaris.runtime.deferral import restore_state
        from airflow_provider_polaris.sensors.data_wait import DataWait, DeferredDataWait

        memory = restore_state(DeferredDataWait, wait)
        return DataWait(PolarisHook(memory.polaris_conn_id), memory, context["ti"], self.log)
