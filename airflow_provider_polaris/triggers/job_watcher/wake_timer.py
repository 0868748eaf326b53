# SPDX-License-Identifier: Apache-2.0
"""Use one event-loop timer for all waiters. Ten thousand separate timers would need more memory than the waiters."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Collection, Iterator
from itertools import islice

from airflow_provider_polaris.triggers.job_watcher.waiter import Waiter
from airflow_provider_polaris.triggers.polling.pacing import AT_A_TIME


class WakeTimer:
    """
    Wake each waiter when its ``alarm`` is due.

    :param waiters: The watcher's collection of waiters; it changes over time.
    """

    def __init__(self, waiters: Collection[Waiter]) -> None:
        self._waiters = waiters
        self._timer: asyncio.TimerHandle | None = None

    def set(self, waiter: Waiter, when: float) -> None:
        """
        Set the wake-up time of a waiter; replaces an earlier one.

        :param waiter: The waiter.
        :param when: Time on the event loop's clock.
        """
        waiter.alarm = when
        if self._timer is None or when < self._timer.when():
            self._arm(when)

    def stop(self) -> None:
        """Stop the timer until another time is set."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, when: float) -> None:
        self.stop()
        # Use an empty context instead of the caller's.
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(when, self._wake_due, context=contextvars.Context())

    def _wake_due(self) -> None:
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
