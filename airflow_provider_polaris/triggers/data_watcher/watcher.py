# SPDX-License-Identifier: Apache-2.0
"""
Share one query of a table between all waiters of an event loop and a connection.

The watch runs on the loop; at most eight threads of a connection send the queries. It logs nothing; each waiter logs
its own results. Waiters whose last query failed are queried separately, in two more threads, so that they don't delay
others.
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
from airflow_provider_polaris.triggers.polling.pacing import in_batches
from airflow_provider_polaris.triggers.polling.schedule import LONGEST_HOLD, PollSchedule, is_due, wait_for_next_poll

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import IngestionService

_THREADS: Final = 8
_THREADS_APART: Final = 2

Found = list[TableData | PolarisError]


class SharedClient:
    """
    The request threads that all watches of a connection share.

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
        Query a table. Errors are returned as results.

        :param conditions: All on the same table.
        :param apart: Use the threads for waiters whose last query failed.
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
            failure = unexpected_error("the query for all waiting tasks failed", error)
            return [failure for _ in conditions]


class DataWaiter:
    """
    One waiter.

    :param condition: The awaited data.
    :param interval: Seconds between two queries.
    """

    def __init__(self, condition: DataCondition, interval: float) -> None:
        self.condition = condition
        self.interval = interval
        self.inbox: asyncio.Queue[TableData | PolarisError] = asyncio.Queue()
        self.asked: float | None = None
        #: Whether the last query failed.
        self.is_failing = False


class DataWatch:
    """
    Query one table at the shortest interval of its waiters. Starts with the first waiter and stops after the last.

    :param client: The shared request threads.
    """

    def __init__(self, client: SharedClient) -> None:
        self._client = client
        self._waiters: dict[DataWaiter, None] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        #: The running separate query, and the earliest start of the next one.
        self._separate_query: asyncio.Task[None] | None = None
        self._next_separate_at = float("-inf")

    def join(self, condition: DataCondition, interval: float) -> DataWaiter:
        """
        Add a waiter.

        :param condition: The awaited data.
        :param interval: Seconds between two queries.
        """
        waiter = DataWaiter(condition, interval)
        self._waiters[waiter] = None
        if self._task is None:
            self._task = create_isolated_task(self._watch())
        self._changed.set()
        return waiter

    def leave(self, waiter: DataWaiter) -> None:
        """Remove a waiter."""
        self._waiters.pop(waiter, None)
        if not self._waiters and self._task is not None:
            self._task.cancel()
            self._task = None
            if self._separate_query is not None:
                self._separate_query.cancel()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        schedule = PollSchedule(self._client.rng)
        while True:
            pace = await wait_for_next_poll(
                schedule, self._changed, lambda: min(waiter.interval for waiter in self._waiters)
            )
            began = loop.time()
            hold = await self._poll(began, pace)
            failed = any(waiter.is_failing for waiter in self._waiters)
            schedule.record_poll(began, loop.time(), failed=failed, hold=hold)

    async def _poll(self, now: float, pace: float) -> float | None:
        """Query for the due waiters and deliver the results. Return ``Retry-After`` in seconds, if it was sent."""
        due = [waiter for waiter in self._waiters if is_due(waiter, now, pace)]
        failing = [waiter for waiter in due if waiter.is_failing]
        if failing and self._separate_query is None and now >= self._next_separate_at:
            self._separate_query = asyncio.get_running_loop().create_task(self._query_apart(failing, now))
        return await self._query([waiter for waiter in due if not waiter.is_failing], now)

    async def _query_apart(self, waiters: Sequence[DataWaiter], now: float) -> None:
        try:
            hold = await self._query(waiters, now, apart=True)
            self._next_separate_at = now + min(hold or 0.0, LONGEST_HOLD)
        finally:
            self._separate_query = None

    async def _query(self, waiters: Sequence[DataWaiter], now: float, *, apart: bool = False) -> float | None:
        conditions = list(dict.fromkeys(waiter.condition for waiter in waiters))
        if not conditions:
            return None
        found = dict(zip(conditions, await self._client.query(conditions, apart=apart), strict=True))
        async for waiter in in_batches(waiters):
            waiter.asked = now
            waiter.is_failing = isinstance(found[waiter.condition], PolarisError)
            waiter.inbox.put_nowait(found[waiter.condition])
        errors = [each for each in found.values() if isinstance(each, PolarisApiError)]
        # A single failure among other results concerns its condition only.
        is_of_all = len(errors) == len(found)
        return max((each.retry_after or 0.0 for each in errors if is_of_all or is_for_all(each)), default=0.0) or None


def _work(client: IngestionService, conditions: Sequence[DataCondition]) -> Found:
    from airflow_provider_polaris.runtime.clock import CLOCK

    log: Any = logging.getLogger(__name__)
    return query_table(lambda: client, conditions, limits=Deadline(CLOCK, lambda: False, None), log=log)


_Clients = WeakValueDictionary[str, SharedClient]
_Watches = WeakValueDictionary[tuple[str, str], DataWatch]
#: The inner values are weak: waiters keep their watch alive, and a watch keeps its shared client alive.
_BY_LOOP: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[_Clients, _Watches]] = WeakKeyDictionary()


def data_watch_of(conn_id: str, table: str) -> DataWatch:
    """
    Return the watch of the running event loop, a connection and a table.

    :param conn_id: The connection.
    :param table: The table.
    """
    empty: tuple[_Clients, _Watches] = (WeakValueDictionary(), WeakValueDictionary())
    clients, watches = _BY_LOOP.setdefault(asyncio.get_running_loop(), empty)
    watch = watches.get((conn_id, table))
    if watch is None:
        client = clients.get(conn_id)
        if client is None:
            clients[conn_id] = client = SharedClient(conn_id)
        watches[conn_id, table] = watch = DataWatch(client)
    return watch
