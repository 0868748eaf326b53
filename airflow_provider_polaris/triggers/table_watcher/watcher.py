"""
One poll of the finished jobs for all watched tables of an event loop, a connection and an interval.

Who watches a table says how far back he needs the list, and takes from each look what concerns him. What he wants to
remember is written when Airflow has stored the event that came of the look, see :meth:`TableWatch.settle`.
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
from airflow_provider_polaris.triggers.table_watcher.job_lists import read_look

if TYPE_CHECKING:
    from airflow_provider_polaris.client import PolarisClient

T = TypeVar("T")
Save = Callable[[], Awaitable[None]]

#: Seconds that a look, or the questions about its jobs, may take.
_CALL_SECONDS: Final = 300.0

log = logging.getLogger(__name__)


class TableWatch:
    """
    The poll, and what its watchers share.

    :param conn_id: The connection.
    :param interval: Seconds between two looks.
    :param table: Look at the jobs of this table only; None for those of all tables.
    """

    def __init__(self, conn_id: str, interval: float, *, table: str | None = None) -> None:
        #: How far back each watcher needs the completed jobs.
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

    async def looks(self) -> AsyncGenerator[JobListSnapshot, None]:
        """Look again and again, and yield what was seen. Never ends and never raises: Polaris may be away for days."""
        loop = asyncio.get_running_loop()
        schedule = PollSchedule(self._dependencies.rng)
        try:
            while True:
                await asyncio.sleep(max(0.0, schedule.next(loop.time(), self._interval) - loop.time()))
                began = loop.time()
                look, hold = await self._look()
                schedule.record_poll(began, loop.time(), failed=look is None, hold=hold)
                if look is not None:
                    yield look
        finally:
            if self._threads is not None:
                self._threads.close()
                self._threads = None

    async def settled_looks(self) -> AsyncGenerator[JobListSnapshot, None]:
        """Yield looks, and take each for settled when the next one is asked for: Airflow has the events by then."""
        async for look in self.looks():
            yield look
            await self.settle([(look.number, True)])

    async def call(self, work: Callable[[PolarisClient], T]) -> T:
        """
        Ask Polaris in the watch's thread.

        :param work: Given the client.
        :raises PolarisError: As ``work`` raises it, or the connection can't be used.
        """
        threads = self._threads
        if threads is None:
            threads = self._dependencies.threads("polaris-tables", most=1, stay=True, retry_budget=watcher.POLL_RETRIES)
            self._threads = threads
        try:
            return await asyncio.wait_for(self._settings.call(threads, work), _CALL_SECONDS)
        except asyncio.TimeoutError:  # another class before Python 3.11
            threads.close()  # the thread ends with its request, and the next call has a new one
            if self._threads is threads:
                self._threads = None
            raise PolarisTransportError(f"Polaris has not answered for {_CALL_SECONDS:g} s.") from None

    def save_when_stored(self, look: JobListSnapshot, save: Save) -> None:
        """
        Have something done as soon as Airflow has stored all events that came of a look.

        :param look: The look.
        :param save: What to do; raises nothing.
        """
        self._saves.setdefault(look.number, []).append(save)

    async def settle(self, looks: Sequence[tuple[int, bool]]) -> None:
        """
        Take note of what became of looks.

        :param looks: Number of each, and whether Airflow has stored every event that came of it. If it hasn't, nothing
            is remembered of that look, nor of those after it, for they include it. Who could have been remembered has
            his next turn with the next look; who fired the event is started again by Airflow.
        """
        for number, is_stored in looks:
            if not is_stored:
                self._saves.clear()
            for save in self._saves.pop(number, []):
                await save()

    async def _look(self) -> tuple[JobListSnapshot | None, float | None]:
        """Return the look, if Polaris answered, and the seconds that it asked to wait, if it did."""
        since = min(self.needs.values(), default=None)
        self._number += 1
        error: PolarisError
        try:
            look = await self.call(partial(read_look, number=self._number, since=since, table=self._table))
        except PolarisError as known:
            error = known
        except Exception as unknown:
            error = unexpected_error("the poll for watched tables broke", unknown)
        else:
            self._told_about(None)
            return look, None
        self._told_about(error)
        return None, error.retry_after if isinstance(error, PolarisApiError) else None

    def _told_about(self, error: PolarisError | None) -> None:
        """Log the begin and the end of a time without answers."""
        now = asyncio.get_running_loop().time()
        if error is not None and self._failing_since is None:
            self._failing_since = now
            log.warning(
                "Connection %r: the finished jobs can't be listed, so no watched table fires an event. Polls go on, "
                "and what ends meanwhile will be seen. %s",
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


class LookProducer:
    """
    What Airflow 3.3 asks for looks, and tells that their events are stored: its ``SharedStreamProducer``.

    :param watch: The poll.
    """

    def __init__(self, watch: TableWatch) -> None:
        self._watch = watch

    async def open_stream(self) -> AsyncIterator[tuple[JobListSnapshot, int]]:
        """Yield each look, with the number by which it comes back to :meth:`advance`."""
        async for look in self._watch.looks():
            yield look, look.number

    def get_advance_lane(self, number: int) -> None:
        """Put all looks into one lane: what is remembered of a later one includes the earlier."""

    async def advance(self, batch: Sequence[Any]) -> None:
        """Write what is to be remembered of looks whose events are stored."""
        await self._watch.settle([(item.broker_payload, not item.outcome.failed) for item in batch])

    async def aclose(self) -> None:
        """Nothing is left to close: the stream ends with its thread."""


#: The inner values are weak: those who watch keep their watch alive.
_WATCHES: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[tuple[str, float], TableWatch]]
_WATCHES = WeakKeyDictionary()


def watch_of(conn_id: str, interval: float) -> TableWatch:
    """
    Return the watch of the running loop, a connection and an interval.

    :param conn_id: The connection.
    :param interval: Seconds between two looks.
    """
    watches = _WATCHES.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    watch = watches.get((conn_id, interval))
    if watch is None:
        watches[conn_id, interval] = watch = TableWatch(conn_id, interval)
    return watch
