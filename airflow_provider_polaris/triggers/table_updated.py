# SPDX-License-Identifier: Apache-2.0
"""The trigger for asset watchers: fires when any job has changed a table."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Mapping
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from airflow.triggers import base
from airflow.triggers.base import TriggerEvent

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.status.state import WRITING_TYPES
from airflow_provider_polaris.jobs.tables.name import check_table_name
from airflow_provider_polaris.runtime.arguments import as_bool, as_seconds, as_text
from airflow_provider_polaris.triggers.table_watcher.cursor import JobSelection
from airflow_provider_polaris.triggers.table_watcher.cursor_store import CursorStore
from airflow_provider_polaris.triggers.table_watcher.job_lists import DELETING_TYPE, describe
from airflow_provider_polaris.triggers.table_watcher.reported_jobs import ReportedJobs
from airflow_provider_polaris.triggers.table_watcher.watcher import SnapshotProducer, TableWatch, watch_of

if TYPE_CHECKING:
    from airflow_provider_polaris.jobs.status.state import JobState
    from airflow_provider_polaris.triggers.table_watcher.cursor import JobListSnapshot

#: Maximum number of jobs that an event describes; the newest ones.
_MOST_DETAILED: Final = 20

#: Base class for asset watchers. Airflow 2 has none, and there this is an ordinary trigger.
_EventTrigger: Any = getattr(base, "BaseEventTrigger", base.BaseTrigger)


class PolarisTableUpdatedTrigger(_EventTrigger):
    """
    Fire when a job has written to a table. The job may come from Airflow, the console, or another tool.

    For an asset watcher::

        trigger = PolarisTableUpdatedTrigger("events")
        Asset("polaris://…/events", watchers=[AssetWatcher(name="events", trigger=trigger)])

    Every completed job of type ``batch``, ``sql`` or ``restore_data`` counts, even if it stored no rows. Streaming
    jobs never complete, and dropping a table is no update. Rows of a stream therefore fire nothing. Wait for them with
    :class:`~airflow_provider_polaris.sensors.polaris.PolarisDataSensor`.

    **Event.** One event for all jobs that have completed since the last poll::

        {"table": …, "project": …, "job_id": …, "count": 2, "jobs": [{"id": …, "type": …, "intervals": […],
         "rows": …, "created": …, "completed": …}, …]}

    ``jobs`` are the last 20 jobs, in the order of their completion. ``count`` is the number of all jobs, and
    ``job_id`` is the last one. ``intervals`` are ISO 8601 in UTC, as Polaris writes them; None if the job may have
    changed the whole table or more than 100 intervals. ``rows`` is the number of stored rows, None if unknown. A DAG
    reads the event in ``triggering_asset_events[asset][i].extra["payload"]``.

    **Polling.** All watchers of a triggerer that use the same connection and interval share one poll. It sends one
    request for active jobs, one for completed jobs, and two for each reported job. If Polaris doesn't answer, polling
    continues, and the triggerer's log has one line at the start and one at the end of the outage. Jobs that completed
    meanwhile fire afterwards.

    **Once.** Since Airflow 3.3, the trigger stores the reported jobs in the state of the asset, after Airflow has
    stored the event. No event is lost if a triggerer stops, dies or hands the trigger to another one. An event is
    repeated, with the same job ids, only if the triggerer dies in the 1 to 2 s between the two writes. Jobs that
    complete while the DAG is paused fire in one event when it is unpaused.

    **Start.** At first, only jobs that complete after the start fire. Airflow 3.0 to 3.2 keep no state for assets.
    There this applies to each restart, jobs that completed while no triggerer ran fire nothing, and each watcher polls
    separately. Airflow 2 has no asset watchers.

    :param table: Name of the table.
    :param polaris_conn_id: The connection.
    :param poll_interval: Seconds between two polls.
    :param include_deletions: Also fire for ``delete_data`` jobs, which only remove rows, such as those of an age-out.
    :raises PolarisSpecError: An argument is wrong.
    """

    def __init__(
        self,
        table: str,
        polaris_conn_id: str = "polaris_default",
        poll_interval: float = 60.0,
        *,
        include_deletions: bool = False,
    ) -> None:
        super().__init__()
        self.table = as_text(table, "table")
        check_table_name(self.table, "table")
        self.polaris_conn_id = as_text(polaris_conn_id, "polaris_conn_id")
        self.poll_interval = _seconds(poll_interval)
        self.include_deletions = as_bool(include_deletions, "include_deletions")

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments: JSON scalars, no secret."""
        return (
            "airflow_provider_polaris.triggers.polaris.PolarisTableUpdatedTrigger",
            {
                "table": self.table,
                "polaris_conn_id": self.polaris_conn_id,
                "poll_interval": self.poll_interval,
                "include_deletions": self.include_deletions,
            },
        )

    def shared_stream_key(self) -> Hashable:
        """Return the key of the shared poll. Called by Airflow 3.3."""
        return ("polaris table updates", self.polaris_conn_id, self.poll_interval)

    @classmethod
    def create_shared_stream_producer(cls, kwargs: Mapping[str, Any]) -> SnapshotProducer:
        """
        Return the shared poll, which is notified when events are stored. Airflow 3.3 calls this once for each key.
        """
        return SnapshotProducer(watch_of(kwargs["polaris_conn_id"], kwargs["poll_interval"]))

    async def filter_shared_stream(self, shared_stream: AsyncIterator[JobListSnapshot]) -> AsyncIterator[TriggerEvent]:
        """
        Yield an event for each snapshot with new jobs of the table. Airflow 3.3 calls this instead of :meth:`run`.
        """
        watch = watch_of(self.polaris_conn_id, self.poll_interval)
        async with aclosing(self._events(shared_stream, watch)) as events:
            async for event in events:
                yield event

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll for this table only, and yield the events. Airflow before 3.3 calls this."""
        watch = TableWatch(self.polaris_conn_id, self.poll_interval, table=self.table)
        async with aclosing(watch.settled_snapshots()) as snapshots, aclosing(self._events(snapshots, watch)) as events:
            async for event in events:
                yield event

    async def _events(
        self, snapshots: AsyncIterator[JobListSnapshot], watch: TableWatch
    ) -> AsyncGenerator[TriggerEvent, None]:
        types = WRITING_TYPES | {DELETING_TYPE} if self.include_deletions else WRITING_TYPES
        interest = JobSelection(self.table, types)
        store = CursorStore(getattr(self, "asset_state_store", None), self.polaris_conn_id, interest)
        reported = ReportedJobs(interest, watch, store, self.log)
        try:
            async for snapshot in snapshots:
                jobs = await reported.take(snapshot)
                # Register before the event fires: when Airflow has stored it, the save runs, even if this stream is not
                # read again.
                reported.save_when_stored(snapshot)
                if jobs:
                    yield TriggerEvent(await self._payload(jobs, snapshot, watch))  # type: ignore[no-untyped-call]
        finally:
            reported.close()

    async def _payload(self, jobs: list[JobState], snapshot: JobListSnapshot, watch: TableWatch) -> dict[str, Any]:
        detailed = jobs[-_MOST_DETAILED:]
        return {
            "table": self.table,
            "project": snapshot.project,
            "job_id": jobs[-1].job_id,
            "count": len(jobs),
            "jobs": await watch.call(partial(describe, jobs=detailed)),
        }


def _seconds(value: Any) -> float:
    seconds = as_seconds(value, "poll_interval")
    if seconds is None:
        raise PolarisSpecError("poll_interval is None: it needs a number of seconds, such as 60.")
    return seconds
