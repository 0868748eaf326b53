"""The pause between two ticks on the event loop; a changed ends it early."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final, Protocol

from airflow_provider_polaris.jobs.errors import bounded_wait


async def wait_for_next_poll(schedule: PollSchedule, changed: asyncio.Event, shortest: Callable[[], float]) -> float:
    """
    Return when the next tick is due.

    :param schedule: Says when.
    :param changed: Rung when somebody has come or gone, so that the interval is looked at again.
    :param shortest: Returns the interval of the most impatient waiter, in seconds.
    :return: Seconds from this tick to the one after it.
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


#: The first tick waits so long for others to join.
_GATHERING: Final = 1.0


#: After a failure nobody waits longer than this for the next try.
_FAILURE_INTERVAL: Final = 60.0


#: A server that asks for more is asked again after this, or nobody would see a budget run out.
LONGEST_HOLD: Final = 600.0


class Pollable(Protocol):
    """Who waits for answers: the seconds between two that he wants, and when the last was asked for."""

    interval: float
    asked: float | None


def is_due(patron: Pollable, now: float, pace: float) -> bool:
    """
    Say whether the next tick would be too late for somebody's next look.

    :param patron: Who waits.
    :param now: The present, on the event loop's clock.
    :param pace: Seconds to the next tick.
    """
    return patron.asked is None or now + pace - patron.asked > patron.interval * 1.1


class PollSchedule:
    """
    The times of the ticks, in seconds of any one clock.

    :param rng: For the jitter. It is small, because an end must be seen within one interval plus two seconds, and zero
        on average, because nobody may ask more often than was agreed.
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
        Return the seconds between two ticks.

        :param interval: Of the most impatient waiter.
        """
        return max(_SHORTEST_INTERVAL, min(interval, _FAILURE_INTERVAL) if self._failed else interval)

    def next(self, now: float, interval: float) -> float:
        """
        Return when the next tick is due, maybe in the past.

        Counted from start to start. Where a tick takes as long as the interval, there is a pause all the same.

        :param now: The present.
        :param interval: Seconds, of the most impatient waiter.
        """
        pace = self.pace(interval)
        if self._began is None:
            self._opened = now if self._opened is None else self._opened
            return self._opened + min(_GATHERING, pace / 2)
        jitter = self._jitter * min(_JITTER_SHARE * pace, _JITTER_SECONDS)
        return max(self._began + pace + jitter, self._ended + pace / 10, self._held_until)

    def hold(self, now: float, seconds: float) -> None:
        """
        Put the next tick off because Polaris asked for it.

        :param now: The present.
        :param seconds: ``Retry-After``; ten minutes at most.
        """
        # Those that were sent away together shall not come back together.
        wait = min(bounded_wait(seconds) or 0.0, LONGEST_HOLD) + self._rng.uniform(0.0, 1.0)
        self._held_until = max(self._held_until, now + wait)

    def record_poll(self, began: float, ended: float, *, failed: bool, hold: float | None) -> None:
        """
        Take note of a tick.

        :param began: When it began.
        :param ended: When it ended.
        :param failed: Whether somebody got no answer.
        :param hold: ``Retry-After`` in seconds, if Polaris asked for it.
        """
        self._began, self._ended, self._failed = began, ended, failed
        self._jitter = self._rng.uniform(-1.0, 1.0)
        if hold is not None:
            self.hold(ended, hold)
