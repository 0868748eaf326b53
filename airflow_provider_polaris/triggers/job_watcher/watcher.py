"""
One poll for all waiters of an event loop and a connection.

The watcher lives on the loop and asks nothing itself: a thread does. Up to four more threads ask for jobs that would
hold up the others, and up to eight cancel. The watcher logs nothing, because what it learns concerns many tasks: each
waiter logs what it hears.
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
    from airflow_provider_polaris.client import PolarisClient

__all__ = ["DEPENDENCIES", "POLL_RETRIES", "Dependencies", "Watcher", "watcher_of"]


#: A cancel has no next tick. Airflow's own limit for a kill is 30 s.
_CANCEL_RETRIES: Final = 10.0


_CANCEL_THREADS: Final = 8


DEPENDENCIES = Dependencies()


class Watcher:
    """
    Polls for all who wait; begins with the first who joins, stops with the last who leaves.

    :param conn_id: The connection.
    :param tools: What it works with.
    """

    def __init__(self, conn_id: str, tools: Dependencies) -> None:
        self._tools = tools
        self._settings = SharedSettings(conn_id, tools.read_settings)
        self._cancels = tools.threads("polaris-cancel", most=_CANCEL_THREADS, stay=False, retry_budget=_CANCEL_RETRIES)
        self._waiters: dict[Waiter, None] = {}
        self._intervals: Counter[float] = Counter()
        self._alarms = WakeTimer(self._waiters)
        self._bell = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def join(self, job_id: str, *, interval: float, started: float) -> Waiter:
        """
        Begin to wait for a job.

        :param job_id: The job.
        :param interval: Seconds between two looks.
        :param started: Start of the wait, epoch seconds.
        """
        waiter = Waiter(job_id, interval, started, self)
        self._waiters[waiter] = None
        self._intervals[interval] += 1
        if self._task is None:
            self._task = create_isolated_task(self._watch())
        elif self._intervals[interval] == 1:
            self._bell.set()
        return waiter

    def left(self, waiter: Waiter) -> None:
        """
        Take note that a waiter is gone; with the last one the poll stops.

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

    def ring_at(self, waiter: Waiter, when: float) -> None:
        """
        Wake a waiter even if there is nothing to hear.

        :param waiter: The waiter.
        :param when: On the event loop's clock.
        """
        self._alarms.set(waiter, when)

    async def cancel(self, job_id: str) -> CancelResult:
        """
        Ask Polaris to cancel a job.

        Eight at once; whoever stops waiting for the result doesn't stop the cancel. Failures are in the result.

        :param job_id: The job.
        """
        return await self._call(partial(cancel, job_id=job_id))

    async def look(self, job_id: str) -> CancelResult:
        """
        Ask for the status of a job right now; failures are in the result.

        :param job_id: The job.
        """
        return await self._call(partial(status_of, job_id=job_id))

    async def _call(self, work: Callable[[PolarisClient], CancelResult]) -> CancelResult:
        try:
            return await self._settings.call(self._cancels, work)
        except Exception as error:
            problem = shorten(str(error) or repr(error), LONGEST_TEXT)
            return CancelResult(problem=problem, again=getattr(error, "retryable", False))

    async def _watch(self) -> None:
        rounds = PollLoop(self._waiters, self._settings, self._tools, self._bell, poll)
        try:
            while True:
                await rounds.next(lambda: min(self._intervals))
        finally:
            rounds.close()


#: The inner values are weak because a watcher's task knows its loop: those who wait keep their watcher alive.
_WATCHERS: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[str, Watcher]] = WeakKeyDictionary()


def watcher_of(conn_id: str) -> Watcher:
    """
    Return the watcher of the running loop and a connection.

    :param conn_id: The connection.
    """
    watchers = _WATCHERS.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    watcher = watchers.get(conn_id)
    if watcher is None:
        watchers[conn_id] = watcher = Watcher(conn_id, DEPENDENCIES)
    return watcher
