# SPDX-License-Identifier: Apache-2.0
"""
Share one poll of the finished jobs between all watched tables of an event loop, a connection and an interval.

Each watcher sets how far back it needs the list, and processes each snapshot. Its cursor is written when Airflow has
stored the events of the snapshot, see :meth:`TableWatch.settle`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisError, PolarisTransportError
from airflow_provider_polaris.jobs.shortening import LONGEST_TEXT, shorten
from airflow_provider_polaris.triggers.job_watcher import watcher
from airflow_provider_polaris.triggers.job_watcher.single_status import unexpected_error
from airflow_provider_polaris.triggers.polling.client_threads import ClientThreads
from airflow_provider_polaris.triggers.polling.connection import SharedSettings
from airflow_provider_polaris.triggers.polling.schedule import PollSchedule
from airflow_provider_polaris.triggers.table_watcher.cursor import JobListSnapshot
from airflow_provider_polaris.triggers.table_watcher.job_lists import read_snapshot

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import IngestionService

T = TypeVar("T")
Save = Callable[[], Awaitable[None]]

#: Maximum duration of a snapshot, or of the requests for its jobs, in seconds.
_CALL_SECONDS: Final = 300.0

log = logging.getLogger(__name__)


class TableWatch:
    """
    The shared poll.

    :param conn_id: The connection.
    :param interval: Seconds between two polls.
    :param table: Read only the jobs of this table; None for all tables.
    """

    def __init__(self, conn_id: str, interval: float, *, table: str | None = None) -> None:
        #: Earliest creation time of completed jobs that each watcher needs.
        self.needs: dict[Hashable, datetime] = {}
        self._conn_id = conn_id
        self._interval = interval
        self._table = table
        self._dependencies = watcher.DEPENDENCIES
        self._settings = SharedSettings(conn_id, self._dependencies.read_settings)
        self._threads: ClientThreads | None = None
        self._saves: dict[int, list[Save]] = {}
        self._failing_since: float | None = None
        self._number = 0

    async def snapshots(self) -> AsyncGenerator[JobListSnapshot, None]:
        """Poll forever, and yield each snapshot. Never raises, because Polaris may be unavailable for days."""
        loop = asyncio.get_running_loop()
        schedule = PollSchedule(self._dependencies.rng)
        try:
            while True:
                await asyncio.sleep(max(0.0, schedule.next(loop.time(), self._interval) - loop.time()))
                began = loop.time()
                snapshot, hold = await self._read_snapshot()
                schedule.record_poll(began, loop.time(), failed=snapshot is None, hold=hold)
                if snapshot is not None:
                    yield snapshot
        finally:
            if self._threads is not None:
                self._threads.close()
                self._threads = None

    async def settled_snapshots(self) -> AsyncGenerator[JobListSnapshot, None]:
        """
        Yield snapshots. Each is settled when the next one is requested, because Airflow has stored its events then.
        """
        async for snapshot in self.snapshots():
            yield snapshot
            await self.settle([(snapshot.number, True)])

    async def call(self, work: Callable[[IngestionService], T]) -> T:
        """
        Send a request from the thread of this watch.

        :param work: Called with the client.
        :raises PolarisError: ``work`` raised it, or the connection can't be used.
        """
        threads = self._threads
        if threads is None:
            threads = self._dependencies.threads("polaris-tables", most=1, stay=True, retry_budget=watcher.POLL_RETRIES)
            self._threads = threads
        try:
            return await asyncio.wait_for(self._settings.call(threads, work), _CALL_SECONDS)
        except asyncio.TimeoutError:  # another class before Python 3.11
            threads.close()  # the thread ends after its request; the next call starts another
            if self._threads is threads:
                self._threads = None
            raise PolarisTransportError(f"The service has not answered for {_CALL_SECONDS:g} s.") from None

    def save_when_stored(self, snapshot: JobListSnapshot, save: Save) -> None:
        """
        Schedule a save for when Airflow has stored all events of a snapshot.

        :param snapshot: The snapshot.
        :param save: The save; must not raise.
        """
        self._saves.setdefault(snapshot.number, []).append(save)

    async def settle(self, snapshots: Sequence[tuple[int, bool]]) -> None:
        """
        Run the scheduled saves of snapshots.

        :param snapshots: Number of each snapshot, and whether Airflow has stored all of its events. If not, the saves
            of this snapshot and of later ones, which include it, are dropped. Watchers save again with the next
            snapshot. Airflow restarts the trigger whose event was not stored.
        """
        for number, is_stored in snapshots:
            if not is_stored:
                self._saves.clear()
            for save in self._saves.pop(number, []):
                await save()

    async def _read_snapshot(self) -> tuple[JobListSnapshot | None, float | None]:
        """Return the snapshot, None if there was no answer; and ``Retry-After`` in seconds, if it was sent."""
        since = min(self.needs.values(), default=None)
        self._number += 1
        error: PolarisError
        try:
            snapshot = await self.call(partial(read_snapshot, number=self._number, since=since, table=self._table))
        except PolarisError as known:
            error = known
        except Exception as unknown:
            error = unexpected_error("the poll for watched tables failed", unknown)
        else:
            self._log_outage(None)
            return snapshot, None
        self._log_outage(error)
        return None, error.retry_after if isinstance(error, PolarisApiError) else None

    def _log_outage(self, error: PolarisError | None) -> None:
        """Log the start and the end of an outage."""
        now = asyncio.get_running_loop().time()
        if error is not None and self._failing_since is None:
            self._failing_since = now
            log.warning(
                "Connection %r: the finished jobs can't be listed, so no watched table fires an event. Polling "
                "continues, and jobs that end meanwhile will be reported. %s",
                self._conn_id,
                shorten(str(error), LONGEST_TEXT),
            )
        elif error is None and self._failing_since is not None:
            log.info(
                "Connection %r: the finished jobs can be listed again, after %.0f s.",
                self._conn_id,
                now - self._failing_since,
            )
            self._failing_since = None


class SnapshotProducer:
    """
    Airflow 3.3's ``SharedStreamProducer``: returns snapshots and is notified when their events are stored.

    :param watch: The shared poll.
    """

    def __init__(self, watch: TableWatch) -> None:
        self._watch = watch

    async def open_stream(self) -> AsyncIterator[tuple[JobListSnapshot, int]]:
        """Yield each snapshot with its number, which Airflow passes to :meth:`advance`."""
        async for snapshot in self._watch.snapshots():
            yield snapshot, snapshot.number

    def get_advance_lane(self, number: int) -> None:
        """Use one lane for all snapshots, because the cursor of a later one includes the earlier ones."""

    async def advance(self, batch: Sequence[Any]) -> None:
        """Save the cursors of snapshots whose events are stored."""
        await self._watch.settle([(item.broker_payload, not item.outcome.failed) for item in batch])

    async def aclose(self) -> None:
        """Do nothing: the stream closes its own thread."""


#: The inner values are weak: watchers keep their watch alive.
_WATCHES: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[tuple[str, float], TableWatch]]
_WATCHES = WeakKeyDictionary()


def watch_of(conn_id: str, interval: float) -> TableWatch:
    """
    Return the watch of the running event loop, a connection and an interval.

    :param conn_id: The connection.
    :param interval: Seconds between two polls.
    """
    watches = _WATCHES.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    watch = watches.get((conn_id, interval))
    if watch is None:
        watches[conn_id, interval] = watch = TableWatch(conn_id, interval)
    return watch
