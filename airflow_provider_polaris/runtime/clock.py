# SPDX-License-Identifier: Apache-2.0
"""The clock of the waiting operators, which tests can replace."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import datetime, timezone

#: Longest single sleep in seconds. A stop request of a signal handler takes effect within this time.
_SLICE = 0.5


class Clock:
    """Real time, in UTC."""

    def now(self) -> datetime:
        """Return the current time."""
        return datetime.now(timezone.utc)

    def sleep(self, seconds: float, stop: Callable[[], bool]) -> None:
        """
        Sleep, but return early once ``stop`` returns true.

        It sleeps in slices and doesn't wait on an event: Python resumes a sleep after a signal handler, and a signal
        handler can't safely set an event that the same thread waits on.

        :param seconds: Duration.
        :param stop: Returns whether to stop; called between slices.
        """
        end = time.monotonic() + seconds
        while not stop() and (rest := end - time.monotonic()) > 0:
            time.sleep(min(rest, _SLICE))

    def jitter(self) -> float:
        """Return a random factor around 1, so that tasks that started together don't poll together."""
        return random.uniform(0.9, 1.1)


#: The clock that the operators use. Tests replace it.
CLOCK = Clock()
