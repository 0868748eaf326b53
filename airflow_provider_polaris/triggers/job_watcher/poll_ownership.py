# SPDX-License-Identifier: Apache-2.0
"""
Ownership of the poll state: the poll thread has it, and the event loop takes it if a request hangs.

The thread releases the ownership during each request and reacquires it afterwards. The loop can take it only during a
request, and keeps it. The thread then raises :class:`PollAbandonedError` and changes nothing more.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_polaris.triggers.job_watcher.poll_result import PollResult


class PollAbandonedError(Exception):
    """Raised in the poll thread when the event loop has abandoned its poll."""


class PollOwnership:
    """Ownership of one poll; the poll thread has it first."""

    def __init__(self) -> None:
        #: Results of the poll so far.
        self.result = PollResult()
        #: Number of requests so far.
        self.number = 0
        #: The job of the current request; None for a list.
        self.job_id: str | None = None
        #: Whether the current request reads the job's status.
        self.is_status = False
        self._held = threading.Lock()
        self._held.acquire()

    @contextmanager
    def request(self, job_id: str | None = None, *, is_status: bool = False) -> Iterator[None]:
        """
        Release the ownership during a request.

        :param job_id: The requested job; None for a list.
        :param is_status: Whether the request reads the job's status.
        :raises PollAbandonedError: The loop has taken the ownership.
        """
        self.job_id, self.is_status = job_id, is_status
        self.number += 1
        self._held.release()
        try:
            yield
        finally:
            if not self._held.acquire(blocking=False):
                raise PollAbandonedError

    def take_away(self) -> bool:
        """Take the ownership permanently if the thread is in a request. Never blocks. Returns False if it isn't."""
        return self._held.acquire(blocking=False)
