# SPDX-License-Identifier: Apache-2.0
"""Schedule polls on the event loop. An event ends the wait early when a waiter joins or leaves."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final, Protocol

from airflow_provider_polaris.jobs.errors import bounded_wait


async def wait_for_next_poll(schedule: PollSchedule, changed: asyncio.Event, shortest: Callable[[], float]) -> float:
    """
    Wait until the next poll is due.

    :param schedule: Computes the due time.
    :param changed: Set when a waiter joins or leaves, so that the interval is read again.
    :param shortest: Returns the shortest interval of all waiters, in seconds.
    :return: Seconds from this poll to the next one.
    """
    loop = asyncio.get_running_loop()
    while True:
        changed.clear()
        interval = shortest()
        seconds = schedule.next(loop.time(), interval) - loop.time()
        if seconds <= 0:
            return schedule.pace(interval)
        timer = loop.call_later(seconds, changed.set)
        await changed.wait()
        timer.cancel()


_SHORTEST_INTERVAL: Final = 0.1


_JITTER_SHARE: Final = 0.05


_JITTER_SECONDS: Final = 0.5


#: Delay of the first poll in seconds, so that other waiters can join.
_FIRST_POLL_DELAY: Final = 1.0


#: Maximum interval in seconds after a failure.
_FAILURE_INTERVAL: Final = 60.0


#: Maximum ``Retry-After`` in seconds. A longer one would hide that a failure budget runs out.
LONGEST_HOLD: Final = 600.0


class Pollable(Protocol):
    """A waiter: its interval in seconds, and the start of its last answered request."""

    interval: float
    asked: float | None


def is_due(waiter: Pollable, now: float, pace: float) -> bool:
    """
    Return whether the next poll would be too late for a waiter.

    :param waiter: The waiter.
    :param now: Current time on the event loop's clock.
    :param pace: Seconds to the next poll.
    """
    return waiter.asked is None or now + pace - waiter.asked > waiter.interval * 1.1


class PollSchedule:
    """
    Compute the times of polls, in seconds of any one clock.

    :param rng: Source of the jitter. The jitter is small, because the end of a job must be detected within one interval
        plus 2 s. It averages zero, so that the mean poll rate stays as configured.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._opened: float | None = None
        self._began: float | None = None
        self._ended = 0.0
        self._failed = False
        self._jitter = 0.0
        self._held_until = 0.0

    def pace(self, interval: float) -> float:
        """
        Return the seconds between two polls.

        :param interval: Shortest interval of all waiters.
        """
        return max(_SHORTEST_INTERVAL, min(interval, _FAILURE_INTERVAL) if self._failed else interval)

    def next(self, now: float, interval: float) -> float:
        """
        Return when the next poll is due; the time may be in the past.

        Intervals count from start to start. If a poll takes as long as the interval, there is still a pause.

        :param now: Current time.
        :param interval: Shortest interval of all waiters, in seconds.
        """
        pace = self.pace(interval)
        if self._began is None:
            self._opened = now if self._opened is None else self._opened
            return self._opened + min(_FIRST_POLL_DELAY, pace / 2)
        jitter = self._jitter * min(_JITTER_SHARE * pace, _JITTER_SECONDS)
        return max(self._began + pace + jitter, self._ended + pace / 10, self._held_until)

    def hold(self, now: float, seconds: float) -> None:
        """
        Postpone the next poll because the service sent ``Retry-After``.

        :param now: Current time.
        :param seconds: ``Retry-After``; at most 10 min are respected.
        """
        # The jitter prevents rejected clients from returning at the same time.
        wait = min(bounded_wait(seconds) or 0.0, LONGEST_HOLD) + self._rng.uniform(0.0, 1.0)
        self._held_until = max(self._held_until, now + wait)

    def record_poll(self, began: float, ended: float, *, failed: bool, hold: float | None) -> None:
        """
        Record a finished poll.

        :param began: Start of the poll.
        :param ended: End of the poll.
        :param failed: Whether any waiter got no answer.
        :param hold: ``Retry-After`` in seconds, if the service sent it.
        """
        self._began, self._ended, self._failed = began, ended, failed
        self._jitter = self._rng.uniform(-1.0, 1.0)
        if hold is not None:
            self.hold(ended, hold)
