"""
One look at a table for all who wait for its data, on an event loop and through a connection.

The watch lives on the loop; threads ask, eight at most for a connection. It logs nothing: each waiter logs what he
hears.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary, WeakValueDictionary

from airflow_provider_polaris.counting import Limits
from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisError, PolarisProtocolError
from airflow_provider_polaris.triggers import watcher
from airflow_provider_polaris.triggers.connection import SharedSettings, is_key_refused, start_apart
from airflow_provider_polaris.triggers.data_condition import DataCondition, Seen
from airflow_provider_polaris.triggers.data_look import look
from airflow_provider_polaris.triggers.pause import pause
from airflow_provider_polaris.triggers.plan import Cadence, is_due

if TYPE_CHECKING:
    from airflow_provider_polaris.client import PolarisClient

_THREADS: Final = 8

Found = list[Seen | PolarisError]


class Line:
    """
    The way to Polaris that all watches of a connection share.

    :param conn_id: The connection.
    """

    def __init__(self, conn_id: str) -> None:
        tools = watcher.TOOLS
        self.rng = tools.rng
        self._settings = SharedSettings(conn_id, tools.read_settings)
        self._threads = tools.threads("polaris-data", most=_THREADS, stay=False, retry_budget=watcher.POLL_RETRIES)

    async def look(self, conditions: Sequence[DataCondition]) -> Found:
        """
        Look at a table; failures are what was found.

        :param conditions: All on the same table.
        """
        work = partial(_work, conditions=conditions)
        try:
            settings = await self._settings.get()
            found: Found = await self._threads.call(settings, work)
            if any(is_key_refused(each) for each in found):
                newer = await self._settings.get_newer(settings)
                found = found if newer is None else await self._threads.call(newer, work)
            return found
        except PolarisError as error:
            return [error for _ in conditions]
        except Exception as error:
            broken = PolarisProtocolError(f"the look for all waiting tasks broke: {error!r}.")
            return [broken for _ in conditions]


class DataWaiter:
    """
    One who waits.

    :param condition: What for.
    :param interval: Seconds between two looks that he wants.
    """

    def __init__(self, condition: DataCondition, interval: float) -> None:
        self.condition = condition
        self.interval = interval
        self.inbox: asyncio.Queue[Seen | PolarisError] = asyncio.Queue()
        self.asked: float | None = None


class DataWatch:
    """
    Looks at one table, at the interval of the most impatient; begins with the first who joins, stops with the last.

    :param line: The way to Polaris.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._waiters: dict[DataWaiter, None] = {}
        self._bell = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def join(self, condition: DataCondition, interval: float) -> DataWaiter:
        """
        Begin to wait.

        :param condition: What for.
        :param interval: Seconds between two looks.
        """
        waiter = DataWaiter(condition, interval)
        self._waiters[waiter] = None
        if self._task is None:
            self._task = start_apart(self._watch())
        self._bell.set()
        return waiter

    def leave(self, waiter: DataWaiter) -> None:
        """Wait no more."""
        self._waiters.pop(waiter, None)
        if not self._waiters and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        cadence = Cadence(self._line.rng)
        while True:
            pace = await pause(cadence, self._bell, lambda: min(waiter.interval for waiter in self._waiters))
            began = loop.time()
            errors = await self._tick(began, pace)
            hold = [error.retry_after for error in errors if isinstance(error, PolarisApiError) and error.retry_after]
            cadence.ticked(began, loop.time(), failed=bool(errors), hold=max(hold, default=None))

    async def _tick(self, now: float, pace: float) -> list[PolarisError]:
        """Look for those whose turn it is, and tell them; return what failed."""
        due = [waiter for waiter in self._waiters if is_due(waiter, now, pace)]
        conditions = list(dict.fromkeys(waiter.condition for waiter in due))
        if not conditions:
            return []
        found = dict(zip(conditions, await self._line.look(conditions), strict=True))
        for waiter in due:
            waiter.asked = now
            waiter.inbox.put_nowait(found[waiter.condition])
        return [each for each in found.values() if isinstance(each, PolarisError)]


def _work(client: PolarisClient, conditions: Sequence[DataCondition]) -> Found:
    from airflow_provider_polaris.clock import CLOCK

    log: Any = logging.getLogger(__name__)
    return look(lambda: client, conditions, limits=Limits(CLOCK, lambda: False, None), log=log)


_Lines = WeakValueDictionary[str, Line]
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
            lines[conn_id] = line = Line(conn_id)
        watches[conn_id, table] = watch = DataWatch(line)
    return watch
