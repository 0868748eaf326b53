"""
Who may change what a tick works on: the poll thread, or the event loop when a request of that thread doesn't end.

The thread gives its turn away for the time of each request, and takes it back afterwards. The loop can take the turn
only in between, and keeps it: the thread then finds out that its tick is over, and changes nothing any more.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_polaris.triggers.job_watcher.poll_result import PollResult


class PollAbandonedError(Exception):
    """The event loop goes on without this tick."""


class PollOwnership:
    """The turn of one tick; the thread that polls has it first."""

    def __init__(self) -> None:
        #: What the tick has found so far.
        self.findings = PollResult()
        #: Counts the requests.
        self.number = 0
        #: The job that the request is about; None for a list.
        self.job_id: str | None = None
        #: Whether the request asks for the job's status.
        self.is_status = False
        self._held = threading.Lock()
        self._held.acquire()

    @contextmanager
    def request(self, job_id: str | None = None, *, is_status: bool = False) -> Iterator[None]:
        """
        Give the turn away for the time of a request.

        :param job_id: The job that it is about; None for a list.
        :param is_status: Whether it asks for the job's status.
        :raises TurnOverError: The loop has taken the turn.
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
        """Take the turn for good if the thread is in a request. Never waits; False leaves everything as it is."""
        return self._held.acquire(blocking=False)
