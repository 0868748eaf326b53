# SPDX-License-Identifier: Apache-2.0
"""
Share one poll between all waiters of an event loop and a connection.

The watcher runs on the event loop; a thread sends its requests. Up to four more threads request jobs that would delay
the others, and up to eight cancel jobs. The watcher logs nothing, because its results concern many tasks. Each waiter
logs its own observations.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary, WeakValueDictionary

from airflow_provider_polaris.jobs.shortening import LONGEST_TEXT, shorten
from airflow_provider_polaris.jobs.status.state import CancelResult
from airflow_provider_polaris.triggers.cancellation.cancel_on_kill import cancel, status_of
from airflow_provider_polaris.triggers.job_watcher.poll import poll
from airflow_provider_polaris.triggers.job_watcher.poll_loop import POLL_RETRIES, Dependencies, PollLoop
from airflow_provider_polaris.triggers.job_watcher.waiter import Waiter
from airflow_provider_polaris.triggers.job_watcher.wake_timer import WakeTimer
from airflow_provider_polaris.triggers.polling.connection import SharedSettings, create_isolated_task

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import IngestionService

__all__ = ["DEPENDENCIES", "POLL_RETRIES", "Dependencies", "Watcher", "watcher_of"]


#: Retry budget of a cancel in seconds, because no later poll repeats it. Airflow limits ``on_kill`` to 30 s.
_CANCEL_RETRIES: Final = 10.0


_CANCEL_THREADS: Final = 8


DEPENDENCIES = Dependencies()


class Watcher:
    """
    Poll for all waiters; start with the first waiter, stop after the last.

    :param conn_id: The connection.
    :param tools: Dependencies.
    """

    def __init__(self, conn_id: str, tools: Dependencies) -> None:
        self._dependencies = tools
        self._settings = SharedSettings(conn_id, tools.read_settings)
        self._cancels = tools.threads("polaris-cancel", most=_CANCEL_THREADS, stay=False, retry_budget=_CANCEL_RETRIES)
        self._waiters: dict[Waiter, None] = {}
        self._intervals: Counter[float] = Counter()
        self._alarms = WakeTimer(self._waiters)
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def join(self, job_id: str, *, interval: float, started: float) -> Waiter:
        """
        Add a waiter for a job.

        :param job_id: The job.
        :param interval: Poll interval in seconds.
        :param started: Start of the wait, epoch seconds.
        """
        waiter = Waiter(job_id, interval, started, self)
        self._waiters[waiter] = None
        self._intervals[interval] += 1
        if self._task is None:
            self._task = create_isolated_task(self._watch())
        elif self._intervals[interval] == 1:
            self._changed.set()
        return waiter

    def remove(self, waiter: Waiter) -> None:
        """
        Remove a waiter. After the last one the poll stops.

        :param waiter: The waiter.
        """
        if waiter not in self._waiters:
            return
        del self._waiters[waiter]
        self._intervals[waiter.interval] -= 1
        if not self._intervals[waiter.interval]:
            del self._intervals[waiter.interval]
        if not self._waiters and self._task is not None:
            self._alarms.stop()
            self._task.cancel()
            self._task = None

    def wake_at(self, waiter: Waiter, when: float) -> None:
        """
        Wake a waiter at a given time, even without an observation.

        :param waiter: The waiter.
        :param when: Time on the event loop's clock.
        """
        self._alarms.set(waiter, when)

    async def cancel(self, job_id: str) -> CancelResult:
        """
        Request the cancellation of a job. Failures are in the result.

        At most eight requests run at the same time. If the caller is canceled, the request continues.

        :param job_id: The job.
        """
        return await self._call(partial(cancel, job_id=job_id))

    async def fetch_status(self, job_id: str) -> CancelResult:
        """
        Request the status of a job immediately. Failures are in the result.

        :param job_id: The job.
        """
        return await self._call(partial(status_of, job_id=job_id))

    async def _call(self, work: Callable[[IngestionService], CancelResult]) -> CancelResult:
        try:
            return await self._settings.call(self._cancels, work)
        except Exception as error:
            problem = shorten(str(error) or repr(error), LONGEST_TEXT)
            return CancelResult(problem=problem, again=getattr(error, "retryable", False))

    async def _watch(self) -> None:
        rounds = PollLoop(self._waiters, self._settings, self._dependencies, self._changed, poll)
        try:
            while True:
                await rounds.next(lambda: min(self._intervals))
        finally:
            rounds.close()


#: The inner values are weak because a watcher's task references its loop. Waiters keep their watcher alive.
_WATCHERS: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[str, Watcher]] = WeakKeyDictionary()


def watcher_of(conn_id: str) -> Watcher:
    """
    Return the watcher of the running event loop and a connection.

    :param conn_id: The connection.
    """
    watchers = _WATCHERS.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    watcher = watchers.get(conn_id)
    if watcher is None:
        watchers[conn_id] = watcher = Watcher(conn_id, DEPENDENCIES)
    return watcher
