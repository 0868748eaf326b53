# SPDX-License-Identifier: Apache-2.0
"""
Share the looks at queries and tables between all waiters of an event loop and a connection.

The watcher runs on the loop; up to four threads of a connection send its requests, one for each query or table, however
many tasks wait for it. It logs nothing; each waiter logs its own results.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakValueDictionary

from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisError
from airflow_provider_polaris.triggers.job_watcher import watcher
from airflow_provider_polaris.triggers.job_watcher.single_status import unexpected_error
from airflow_provider_polaris.triggers.polling.connection import SharedSettings, create_isolated_task, is_unauthorized
from airflow_provider_polaris.triggers.polling.pacing import in_batches
from airflow_provider_polaris.triggers.polling.schedule import PollSchedule, is_due, wait_for_next_poll
from airflow_provider_polaris.triggers.wait_watcher.look import Subject, look

_THREADS: Final = 4
#: Seconds between two looks: first, growth, and most. A query that has run for long is looked at less often.
_FIRST_INTERVAL: Final = 2.0
_GROWTH: Final = 1.5
_LONGEST_INTERVAL: Final = 15.0

Found = bool | PolarisError


class SubjectWaiter:
    """
    One task that waits.

    :param subjects: What it waits for; all of it.
    """

    def __init__(self, subjects: Sequence[Subject]) -> None:
        self.left = dict.fromkeys(subjects)
        self.interval = _FIRST_INTERVAL
        self.asked: float | None = None
        self.inbox: asyncio.Queue[PolarisError | None] = asyncio.Queue()

    def take(self, found: dict[Subject, Found], now: float) -> None:
        """
        Process the results of a poll, and wake the trigger.

        :param found: Result of each subject.
        :param now: Start of the poll on the event loop's clock.
        """
        self.asked = now
        self.interval = min(self.interval * _GROWTH, _LONGEST_INTERVAL)
        self.left = {subject: None for subject in self.left if found[subject] is not True}
        errors = [each for each in found.values() if isinstance(each, PolarisError)]
        self.inbox.put_nowait(errors[0] if errors else None)


class WaitWatcher:
    """
    Looks at the subjects of all waiters; starts with the first waiter and stops after the last.

    :param conn_id: The connection.
    """

    def __init__(self, conn_id: str) -> None:
        tools = watcher.DEPENDENCIES
        self._rng = tools.rng
        self._settings = SharedSettings(conn_id, tools.read_settings)
        self._threads = tools.threads("polaris-wait", most=_THREADS, stay=False, retry_budget=watcher.POLL_RETRIES)
        self._waiters: dict[SubjectWaiter, None] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def join(self, subjects: Sequence[Subject]) -> SubjectWaiter:
        """
        Add a waiter.

        :param subjects: What it waits for; at least one.
        """
        waiter = SubjectWaiter(subjects)
        self._waiters[waiter] = None
        if self._task is None:
            self._task = create_isolated_task(self._watch())
        self._changed.set()
        return waiter

    def leave(self, waiter: SubjectWaiter) -> None:
        """Remove a waiter."""
        self._waiters.pop(waiter, None)
        if not self._waiters and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        schedule = PollSchedule(self._rng)
        while True:
            pace = await wait_for_next_poll(
                schedule, self._changed, lambda: min(waiter.interval for waiter in self._waiters)
            )
            began = loop.time()
            due = [waiter for waiter in self._waiters if is_due(waiter, began, pace)]
            found = await self._look(list(dict.fromkeys(subject for waiter in due for subject in waiter.left)))
            async for waiter in in_batches(due):
                waiter.take({subject: found[subject] for subject in waiter.left}, began)
            errors = [each for each in found.values() if isinstance(each, PolarisError)]
            waits = [each.retry_after or 0.0 for each in errors if isinstance(each, PolarisApiError)]
            failed = bool(errors) and len(errors) == len(found)
            schedule.record_poll(began, loop.time(), failed=failed, hold=max(waits, default=0.0) or None)

    async def _look(self, subjects: Sequence[Subject]) -> dict[Subject, Found]:
        parts = [subjects[start::_THREADS] for start in range(min(_THREADS, len(subjects)))]
        answers = await asyncio.gather(*map(self._look_at, parts))
        return {
            subject: result
            for part, results in zip(parts, answers, strict=True)
            for subject, result in zip(part, results, strict=True)
        }

    async def _look_at(self, subjects: Sequence[Subject]) -> Sequence[Found]:
        work = partial(look, subjects=subjects)
        try:
            settings = await self._settings.get()
            found = await self._threads.call(settings, work)
            if any(is_unauthorized(each) for each in found):
                newer = await self._settings.get_newer(settings)
                found = found if newer is None else await self._threads.call(newer, work)
            return found
        except PolarisError as error:
            return [error for _ in subjects]
        except Exception as error:
            failure = unexpected_error("the request for all waiting tasks failed", error)
            return [failure for _ in subjects]


_WATCHERS: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[str, WaitWatcher]] = WeakKeyDictionary()


def wait_watcher_of(conn_id: str) -> WaitWatcher:
    """
    Return the watcher of the running event loop and a connection.

    :param conn_id: The connection.
    """
    empty: Any = WeakValueDictionary()
    watchers = _WATCHERS.setdefault(asyncio.get_running_loop(), empty)
    found = watchers.get(conn_id)
    if found is None:
        watchers[conn_id] = found = WaitWatcher(conn_id)
    return found
