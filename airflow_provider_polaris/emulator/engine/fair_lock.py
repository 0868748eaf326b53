# SPDX-License-Identifier: Apache-2.0
"""A reentrant lock that a busy thread can't keep from the others."""

from __future__ import annotations

import threading
import time
from types import TracebackType


class FairLock:
    """
    A reentrant lock. A thread that releases it and takes it again at once lets a waiting thread go first.

    With ``threading.RLock``, a thread that runs one job after the other takes the lock again before a waiting thread
    wakes up, and requests wait for all jobs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = threading.Lock()  # held by the thread that gets the lock next
        self._owner: int | None = None
        self._depth = 0

    def acquire(self, timeout: float = -1) -> bool:
        """
        Take the lock.

        :param timeout: Maximum number of seconds to wait; -1 for no limit.
        :return: Whether this thread has the lock.
        """
        if self._owner != threading.get_ident():
            began = time.monotonic()
            if not self._next.acquire(timeout=timeout):
                return False
            try:
                left = timeout if timeout < 0 else max(0.0, timeout - (time.monotonic() - began))
                if not self._lock.acquire(timeout=left):
                    return False
            finally:
                self._next.release()
            self._owner = threading.get_ident()
        self._depth += 1
        return True

    def release(self) -> None:
        """Release the lock; another thread gets it when it has been released as often as it was taken."""
        self._depth -= 1
        if not self._depth:
            self._owner = None
            self._lock.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()
