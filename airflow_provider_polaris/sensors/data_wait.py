# SPDX-License-Identifier: Apache-2.0
"""
One wait for data, in one process: before a deferral, after it, or without one. Also parses the sensor's arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.hooks.job_result import log_messages
from airflow_provider_polaris.jobs.errors import PolarisSpecError, PolarisTransportError
from airflow_provider_polaris.jobs.sql.single_expression import check_expression
from airflow_provider_polaris.jobs.tables.name import check_table_name
from airflow_provider_polaris.jobs.time.instant import (
    OPEN_END,
    UnreadableInstantError,
    as_utc,
    format_instant,
    parse_instant,
    quote,
)
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.jobs.time.period import Period
from airflow_provider_polaris.jobs.validation.expressions import check_filter
from airflow_provider_polaris.runtime import clock
from airflow_provider_polaris.runtime.arguments import as_count, as_optional_text, as_text, is_none
from airflow_provider_polaris.runtime.compat import AirflowFailException, AirflowSensorTimeout
from airflow_provider_polaris.runtime.deadline import Deadline, deadline_of, try_start
from airflow_provider_polaris.runtime.run_interval import interval_of_run
from airflow_provider_polaris.triggers.data_watcher.condition import DataCondition
from airflow_provider_polaris.triggers.data_watcher.query import query_table
from airflow_provider_polaris.triggers.data_watcher.tracker import DataTracker, is_permanent

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.triggers.data import DataEvent

DATA_XCOM_KEY: Final = "polaris_data"


@dataclass(frozen=True)
class DeferredDataWait:
    """
    The parameters of the wait. The sensor stores them when it is deferred, so they are plain JSON.

    :param condition: The awaited data, as JSON.
    :param polaris_conn_id: The connection.
    :param poll_interval: Seconds between two queries.
    :param timeout: The sensor's own timeout in seconds.
    """

    condition: Mapping[str, Any]
    polaris_conn_id: str
    poll_interval: float
    timeout: float


class DataWait:
    """
    One wait for data.

    :param hook: Hook for the requests.
    :param memory: Parameters of the wait.
    :param ti: Task instance, for XCom.
    :param log: Logger of the task.
    """

    def __init__(self, hook: PolarisHook, memory: DeferredDataWait, ti: Any, log: Any) -> None:
        self._hook = hook
        self._memory = memory
        self._ti = ti
        self._log = log
        self._condition = DataCondition.from_json(memory.condition)
        self._tracker = DataTracker(self._condition)
        self._limits = Deadline(clock.CLOCK, lambda: False, None)

    def check(self) -> bool:
        """
        Query the table once.

        :return: Whether the data is there.
        :raises AirflowFailException: A permanent error: every query would fail.
        :raises PolarisError: The wait was given up.
        """
        found = query_table(self._hook.get_client, [self._condition], limits=self._limits, log=self._log)[0]
        self._hook.close()  # no open connection until the next query, a minute later
        verdict = self._tracker.take(found, clock.CLOCK.now())
        log_messages(self._log, verdict.messages)
        if verdict.error is not None:
            if is_permanent(verdict.error):
                raise AirflowFailException(str(verdict.error)) from verdict.error
            raise verdict.error
        if verdict.decision != "met":
            return False
        seen = self._tracker.seen
        assert seen is not None
        self._push(None if seen.newest is None else format_instant(seen.newest), seen.rows)
        return True

    def deferral(self, execution_timeout: timedelta | None) -> dict[str, Any]:
        """
        Return the arguments that defer the sensor.

        :param execution_timeout: Airflow's limit; applies if it ends before the sensor's own timeout.
        """
        from airflow_provider_polaris.triggers.data import PolarisDataTrigger

        memory, now = self._memory, clock.CLOCK.now()
        deadline = deadline_of(try_start(self._ti, now), timedelta(seconds=memory.timeout), execution_timeout)
        assert deadline is not None
        trigger = PolarisDataTrigger(
            polaris_conn_id=memory.polaris_conn_id, poll_interval=memory.poll_interval, **memory.condition
        )
        return {
            "trigger": trigger,
            "method_name": "execute_complete",
            "kwargs": {"wait": asdict(memory)},
            "timeout": max(deadline - now, timedelta()),
        }

    def complete(self, event: DataEvent) -> None:
        """
        End the wait after the deferral.

        :param event: The validated event of the trigger.
        :raises AirflowFailException: A permanent error: another wait would fail.
        :raises PolarisTransportError: The wait was given up.
        """
        if event["status"] == "met":
            self._push(event["newest"], event["rows"])
        elif event["is_lasting"]:
            raise AirflowFailException(event["message"])
        else:
            raise PolarisTransportError(event["message"])

    def time_out(self) -> None:
        """
        Raise the timeout error of the sensor.

        :raises AirflowSensorTimeout: Always.
        """
        raise AirflowSensorTimeout(self.timeout_message())

    def timeout_message(self) -> str:
        """Return the message for a timeout."""
        seen, failure = self._tracker.seen, self._tracker.failure
        what = "No query succeeded." if seen is None else self._condition.describe(seen)
        if failure is not None:
            what += f" The last query failed: {failure}"
        return (
            f"the data of table {self._condition.table!r} was not there when the sensor timed out. {what} Raise "
            "timeout= (or execution_timeout=), or find out why the data is late."
        )

    def _push(self, newest: str | None, rows: int | None) -> None:
        facts = {"table": self._condition.table, "newest": newest, "rows": rows}
        self._ti.xcom_push(key=DATA_XCOM_KEY, value=facts)


def read_condition(
    context: Any,
    *,
    table: Any,
    up_to: Any,
    slack: Any,
    min_rows: Any,
    interval: Any,
    filter_expression: Any,
    partition_grain: Any,
) -> DataCondition:
    """
    Return the condition that the rendered arguments of the sensor describe.

    :param context: Airflow's context.
    :param table: As in the sensor; so are the other arguments.
    :raises PolarisSpecError: An argument is wrong, or the run has no interval.
    """
    table = as_text(table, "table")
    check_table_name(table, "table")
    filter_expression = as_optional_text(filter_expression, "filter_expression")
    check_filter(filter_expression, "filter_expression")
    if filter_expression is not None:
        check_expression(filter_expression, "filter_expression")
    count = as_count(min_rows, "min_rows")
    if count == 0:
        raise PolarisSpecError("min_rows 0 is always met. Wait for 1 or more, or omit the sensor.")
    until = None if is_none(up_to) else _instant(up_to)
    span = None if is_none(interval) else _interval(interval)
    if until is not None and span is not None and count is None:
        raise PolarisSpecError(
            f"up_to {format_instant(until)!r} and interval {span.to_wire()!r} both set the time up to which data is "
            "required. Pass only one of them, or add min_rows, which is counted in the interval."
        )
    if span is None and (until is None or count is not None):
        span = interval_of_run(context, partition_grain=_grain(partition_grain)).interval
    if until is None and count is None and span is not None:
        until = span.end
    if until is not None:
        until = _before(until, as_text(slack, "slack"))
    return DataCondition(table, until, span if count is not None else None, count, filter_expression)


def _interval(value: Any) -> Interval:
    return value if isinstance(value, Interval) else Interval.parse(as_text(value, "interval"))


def _instant(value: Any) -> datetime:
    try:
        instant = as_utc(value) if isinstance(value, datetime) else parse_instant(as_text(value, "up_to").strip())
    except UnreadableInstantError as error:
        raise PolarisSpecError(f"up_to {quote(value)} {error}.") from None
    if instant >= OPEN_END:
        raise PolarisSpecError(f"up_to {quote(value)} lies after the year 4999: no table has such data.")
    return instant


def _before(up_to: datetime, slack: str) -> datetime:
    period = Period.parse(slack)
    try:
        earlier = (-period).add_to(up_to)
    except OverflowError:
        raise PolarisSpecError(
            f"up_to {format_instant(up_to)!r} less slack {slack!r} lies before the year 1."
        ) from None
    if earlier > up_to:
        raise PolarisSpecError(f"slack {slack!r} is negative. Write a period such as 'PT5M', or 'PT0S' for none.")
    return earlier


def _grain(value: Any) -> str | None:
    return as_optional_text(None if is_none(value) else value, "partition_grain")
