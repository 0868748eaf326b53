"""The clock of the waiting operators, in one place so that tests can bring their own."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import datetime, timezone

#: Longest single sleep: a signal handler that asks the wait to stop is heeded within it.
_SLICE = 0.5


class Clock:
    """Real time, in UTC."""

    def now(self) -> datetime:
        """Return the present instant."""
        return datetime.now(timezone.utc)

    def sleep(self, seconds: float, stop: Callable[[], bool]) -> None:
        """
        Sleep, but end early once ``stop`` says so.

        In slices and not on an event: Python goes back to sleep after a signal handler, and an event can't be set
        from one safely while the same thread waits on it.

        :param seconds: How long.
        :param stop: Asked between slices.
        """
        end = time.monotonic() + seconds
        while not stop() and (rest := end - time.monotonic()) > 0:
            time.sleep(min(rest, _SLICE))

    def jitter(self) -> float:
        """Return a factor around 1, so that tasks that started together don't poll together."""
        return random.uniform(0.9, 1.1)


#: What the operators ask. Tests replace it.
CLOCK = Clock()
