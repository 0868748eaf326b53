# SPDX-License-Identifier: Apache-2.0
"""The trigger that waits until a table holds data. Triggers for the same table share one query."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, Literal, TypedDict, cast

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_polaris.jobs.errors import PolarisProtocolError
from airflow_provider_polaris.jobs.shortening import LONGEST_TEXT, shorten
from airflow_provider_polaris.jobs.time.instant import format_instant
from airflow_provider_polaris.triggers.data_watcher.condition import DataCondition
from airflow_provider_polaris.triggers.data_watcher.tracker import DataTracker, is_permanent
from airflow_provider_polaris.triggers.data_watcher.watcher import data_watch_of
from airflow_provider_polaris.triggers.polling.pacing import log_from_thread

_STATUSES: Final = ("met", "gave_up")


class DataEvent(TypedDict):
    """
    Payload of the single event that the trigger fires.

    ``met``: the data is there; ``newest`` and ``rows`` are the found values, None if not requested. ``gave_up``:
    ``message`` gives the reason, and ``is_lasting`` is true if another wait would fail in the same way.
    """

    status: Literal["met", "gave_up"]
    newest: str | None
    rows: int | None
    message: str
    is_lasting: bool


class PolarisDataTrigger(BaseTrigger):
    """
    Wait in the triggerer until a table holds data, and fire one :class:`DataEvent`. Airflow enforces the deadline.

    All triggers of a process that wait for the same table through the same connection share one query, at their
    shortest interval.

    :param table: The table.
    :param polaris_conn_id: The connection.
    :param poll_interval: Seconds between two queries.
    :param up_to: Wait for a row of this instant or later, ISO 8601.
    :param interval: Interval in which ``min_rows`` are counted, ISO 8601.
    :param min_rows: Wait for at least this many rows.
    :param filter: Count only rows that meet this SQL condition.
    """

    def __init__(
        self,
        table: str,
        polaris_conn_id: str = "polaris_default",
        poll_interval: float = 60.0,
        *,
        up_to: str | None = None,
        interval: str | None = None,
        min_rows: int | None = None,
        filter: str | None = None,  # noqa: A002  # the name of the field
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self.polaris_conn_id = polaris_conn_id
        self.poll_interval = poll_interval
        self.condition = DataCondition.from_json(
            {"table": table, "up_to": up_to, "interval": interval, "min_rows": min_rows, "filter": filter}
        )

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments: JSON scalars, no secret."""
        return (
            "airflow_provider_polaris.triggers.data.PolarisDataTrigger",
            {
                "polaris_conn_id": self.polaris_conn_id,
                "poll_interval": self.poll_interval,
                **self.condition.to_json(),
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for the data, and yield one event."""
        from airflow_provider_polaris.runtime.clock import CLOCK

        tracker = DataTracker(self.condition)
        watch = data_watch_of(self.polaris_conn_id, self.condition.table)
        waiter = watch.join(self.condition, self.poll_interval)
        try:
            while True:
                found = await waiter.inbox.get()
                verdict = tracker.take(found, CLOCK.now())
                await log_from_thread(self.log, verdict.messages)
                if verdict.decision != "wait":
                    break
        finally:
            watch.leave(waiter)
        seen, error = tracker.seen, verdict.error
        message = f"the data of table {self.condition.table!r} is there" if error is None else str(error)
        event: DataEvent = {
            "status": verdict.decision,
            "newest": None if seen is None or seen.newest is None else format_instant(seen.newest),
            "rows": None if seen is None else seen.rows,
            "message": shorten(message, LONGEST_TEXT),
            "is_lasting": error is not None and is_permanent(error),
        }
        yield TriggerEvent(dict(event))  # type: ignore[no-untyped-call]  # Airflow's


def check_data_event(event: Mapping[str, Any] | None) -> DataEvent:
    """
    Validate an event and return it.

    :param event: The event from Airflow.
    :raises PolarisProtocolError: It is not an event of this trigger, or it is incomplete.
    """
    if (
        isinstance(event, Mapping)
        and event.get("status") in _STATUSES
        and isinstance(event.get("message"), str)
        and isinstance(event.get("is_lasting"), bool)
        and isinstance(event.get("newest"), str | None)
        and isinstance(event.get("rows"), int | None)
    ):
        return cast("DataEvent", event)
    raise PolarisProtocolError(
        f"the trigger's event {event!r} is not from a PolarisDataTrigger. The triggerer may run another version of "
        "this provider; a retry of the task waits again."
    )
