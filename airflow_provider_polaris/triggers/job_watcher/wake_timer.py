"""One timer for all waiters of a watcher: ten thousand of asyncio's own would take more room than the waiters."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Collection, Iterator
from itertools import islice

from airflow_provider_polaris.triggers.job_watcher.waiter import Waiter

#: So many waiters are woken at a time, so that the loop is never held up.
AT_A_TIME = 200


class WakeTimer:
    """
    Wakes each waiter when its ``alarm`` has come.

    :param waiters: Those who are there; the collection is the watcher's and changes.
    """

    def __init__(self, waiters: Collection[Waiter]) -> None:
        self._waiters = waiters
        self._timer: asyncio.TimerHandle | None = None

    def set(self, waiter: Waiter, when: float) -> None:
        """
        Set the alarm of a waiter; it has one at a time.

        :param waiter: The waiter.
        :param when: On the event loop's clock.
        """
        waiter.alarm = when
        if self._timer is None or when < self._timer.when():
            self._arm(when)

    def stop(self) -> None:
        """Ring no more, until another alarm is set."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, when: float) -> None:
        self.stop()
        # A fresh context, not that of the task that set the alarm.
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(when, self._ring, context=contextvars.Context())

    def _ring(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        due = []
        rest = []
        for waiter in self._waiters:
            if waiter.alarm is None:
                continue
            if waiter.alarm <= now:
                waiter.alarm = None
                due.append(waiter)
            else:
                rest.append(waiter.alarm)
        if rest:
            self._arm(min(rest))
        self._wake(iter(due))

    def _wake(self, due: Iterator[Waiter]) -> None:
        some = list(islice(due, AT_A_TIME))
        for waiter in some:
            waiter.wake()
        if len(some) == AT_A_TIME:
            asyncio.get_running_loop().call_soon(self._wake, due)
