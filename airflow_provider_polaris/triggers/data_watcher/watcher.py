"""
One look at a table for all who wait for its data, on an event loop and through a connection.

The watch lives on the loop; threads ask, eight at most for a connection. It logs nothing: each waiter logs what it
hears. Who got no answer the last time is looked for apart, in two more threads, so that it holds up nobody else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary, WeakValueDictionary

from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisError
from airflow_provider_polaris.runtime.deadline import Deadline
from airflow_provider_polaris.triggers.data_watcher.condition import DataCondition, TableData
from airflow_provider_polaris.triggers.data_watcher.query import query_table
from airflow_provider_polaris.triggers.job_watcher import watcher
from airflow_provider_polaris.triggers.job_watcher.poll_result import is_for_all
from airflow_provider_polaris.triggers.job_watcher.single_status import unexpected_error
from airflow_provider_polaris.triggers.polling.connection import SharedSettings, create_isolated_task, is_unauthorized
from airflow_provider_polaris.triggers.polling.schedule import LONGEST_HOLD, PollSchedule, is_due, wait_for_next_poll

if TYPE_CHECKING:
    from airflow_provider_polaris.client import PolarisClient

_THREADS: Final = 8
_THREADS_APART: Final = 2

Found = list[TableData | PolarisError]


class SharedClient:
    """
    The way to Polaris that all watches of a connection share.

    :param conn_id: The connection.
    """

    def __init__(self, conn_id: str) -> None:
        tools = watcher.DEPENDENCIES
        self.rng = tools.rng
        self._settings = SharedSettings(conn_id, tools.read_settings)
        retries = watcher.POLL_RETRIES
        self._threads = tools.threads("polaris-data", most=_THREADS, stay=False, retry_budget=retries)
        self._apart = tools.threads("polaris-data-apart", most=_THREADS_APART, stay=False, retry_budget=retries)

    async def query(self, conditions: Sequence[DataCondition], *, apart: bool = False) -> Found:
        """
        Look at a table; failures are what was found.

        :param conditions: All on the same table.
        :param apart: Use the threads for those that got no answer the last time.
        """
        work = partial(_work, conditions=conditions)
        threads = self._apart if apart else self._threads
        try:
            settings = await self._settings.get()
            found: Found = await threads.call(settings, work)
            if any(is_unauthorized(each) for each in found):
                newer = await self._settings.get_newer(settings)
                found = found if newer is None else await threads.call(newer, work)
            return found
        except PolarisError as error:
            return [error for _ in conditions]
        except Exception as error:
            failure = unexpected_error("the look for all waiting tasks broke", error)
            return [failure for _ in conditions]


class DataWaiter:
    """
    One who waits.

    :param condition: What for.
    :param interval: Seconds between two looks that he wants.
    """

    def __init__(self, condition: DataCondition, interval: float) -> None:
        self.condition = condition
        self.interval = interval
        self.inbox: asyncio.Queue[TableData | PolarisError] = asyncio.Queue()
        self.asked: float | None = None
        #: The last look found no answer.
        self.is_failing = False


class DataWatch:
    """
    Looks at one table, at the interval of the most impatient; begins with the first who joins, stops with the last.

    :param line: The way to Polaris.
    """

    def __init__(self, line: SharedClient) -> None:
        self._line = line
        self._waiters: dict[DataWaiter, None] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        #: The look apart that is under way, and when the next one may begin.
        self._errand: asyncio.Task[None] | None = None
        self._errand_at = float("-inf")

    def join(self, condition: DataCondition, interval: float) -> DataWaiter:
        """
        Begin to wait.

        :param condition: What for.
        :param interval: Seconds between two looks.
        """
        waiter = DataWaiter(condition, interval)
        self._waiters[waiter] = None
        if self._task is None:
            self._task = create_isolated_task(self._watch())
        self._changed.set()
        return waiter

    def leave(self, waiter: DataWaiter) -> None:
        """Wait no more."""
        self._waiters.pop(waiter, None)
        if not self._waiters and self._task is not None:
            self._task.cancel()
            self._task = None
            if self._errand is not None:
                self._errand.cancel()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        schedule = PollSchedule(self._line.rng)
        while True:
            pace = await wait_for_next_poll(
                schedule, self._changed, lambda: min(waiter.interval for waiter in self._waiters)
            )
            began = loop.time()
            hold = await self._tick(began, pace)
            failed = any(waiter.is_failing for waiter in self._waiters)
            schedule.record_poll(began, loop.time(), failed=failed, hold=hold)

    async def _tick(self, now: float, pace: float) -> float | None:
        """Look for those whose turn it is, and tell them; return how many seconds Polaris asked to wait, if it did."""
        due = [waiter for waiter in self._waiters if is_due(waiter, now, pace)]
        failing = [waiter for waiter in due if waiter.is_failing]
        if failing and self._errand is None and now >= self._errand_at:
            self._errand = asyncio.get_running_loop().create_task(self._look_apart(failing, now))
        return await self._look([waiter for waiter in due if not waiter.is_failing], now)

    async def _look_apart(self, waiters: Sequence[DataWaiter], now: float) -> None:
        try:
            hold = await self._look(waiters, now, apart=True)
            self._errand_at = now + min(hold or 0.0, LONGEST_HOLD)
        finally:
            self._errand = None

    async def _look(self, waiters: Sequence[DataWaiter], now: float, *, apart: bool = False) -> float | None:
        conditions = list(dict.fromkeys(waiter.condition for waiter in waiters))
        if not conditions:
            return None
        found = dict(zip(conditions, await self._line.query(conditions, apart=apart), strict=True))
        for waiter in waiters:
            waiter.asked = now
            waiter.is_failing = isinstance(found[waiter.condition], PolarisError)
            waiter.inbox.put_nowait(found[waiter.condition])
        errors = [each for each in found.values() if isinstance(each, PolarisApiError)]
        # One failure among others is a matter of its condition.
        is_of_all = len(errors) == len(found)
        return max((each.retry_after or 0.0 for each in errors if is_of_all or is_for_all(each)), default=0.0) or None


def _work(client: PolarisClient, conditions: Sequence[DataCondition]) -> Found:
    from airflow_provider_polaris.runtime.clock import CLOCK

    log: Any = logging.getLogger(__name__)
    return query_table(lambda: client, conditions, limits=Deadline(CLOCK, lambda: False, None), log=log)


_Lines = WeakValueDictionary[str, SharedClient]
_Watches = WeakValueDictionary[tuple[str, str], DataWatch]
#: The inner values are weak: those who wait keep their watch alive, and a watch its line.
_BY_LOOP: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[_Lines, _Watches]] = WeakKeyDictionary()


def data_watch_of(conn_id: str, table: str) -> DataWatch:
    """
    Return the watch of the running loop, a connection and a table.

    :param conn_id: The connection.
    :param table: The table.
    """
    empty: tuple[_Lines, _Watches] = (WeakValueDictionary(), WeakValueDictionary())
    lines, watches = _BY_LOOP.setdefault(asyncio.get_running_loop(), empty)
    watch = watches.get((conn_id, table))
    if watch is None:
        line = lines.get(conn_id)
        if line is None:
            lines[conn_id] = line = SharedClient(conn_id)
        watches[conn_id, table] = watch = DataWatch(line)
    return watch
