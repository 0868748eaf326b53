# SPDX-License-Identifier: Apache-2.0
"""The state of one waiter, and the delivery of observations to it. Performs no I/O."""

from __future__ import annotations

import asyncio
from typing import NamedTuple, Protocol

from airflow_provider_polaris.jobs.errors import PolarisError
from airflow_provider_polaris.jobs.status.state import JobState


class Observation(NamedTuple):
    """
    Result of one poll for one job. Either ``status`` or ``error`` is set, or only ``progress``.

    :param status: ``executionStatus``.
    :param error: Why there was no answer.
    :param state: The whole state, for a waiter that requested it.
    :param progress: Completed share of the job, 0 to 1.
    """

    status: str | None = None
    error: PolarisError | None = None
    state: JobState | None = None
    progress: float | None = None


class WaiterOwner(Protocol):
    """The owner of waiters; implemented by the watcher."""

    def wake_at(self, waiter: Waiter, when: float) -> None:
        """Wake a waiter at a time of the event loop's clock."""

    def remove(self, waiter: Waiter) -> None:
        """Remove a waiter."""


class Waiter:
    """
    One wait for one job.

    It is small, because there may be ten thousand. The first attributes belong to the event loop, the others to the
    poll thread. Polls don't overlap, so each one reads what the previous one stored.

    :param job_id: The job.
    :param interval: Poll interval in seconds.
    :param started: Start of the wait, epoch seconds.
    :param owner: The watcher.
    """

    __slots__ = (
        "_future",
        "_inbox",
        "_owner",
        "alarm",
        "asked",
        "attempted",
        "created",
        "failing",
        "interval",
        "job_id",
        "misses",
        "needs_state",
        "searched",
        "started",
        "status",
        "unlisted",
    )

    def __init__(self, job_id: str, interval: float, started: float, owner: WaiterOwner) -> None:
        self.job_id = job_id
        self.interval = interval
        self.started = started
        #: Set by the trigger to request the whole state in the next poll.
        self.needs_state = False
        #: Unconditional wake-up time on the event loop's clock; None for none.
        self.alarm: float | None = None
        self._owner = owner
        self._inbox: list[Observation] | None = None
        self._future: asyncio.Future[None] | None = None
        #: Start times of the last answered request and of the last request for this job alone; None before the first
        #: answer.
        self.asked: float | None = None
        self.attempted = 0.0
        #: The last delivered status.
        self.status: str | None = None
        self.failing = False
        #: Creation time in epoch seconds, as the lists return it; None until the job was in a list.
        self.created: float | None = None
        #: Number of failed list searches since the job was last found.
        self.misses = 0
        #: A search for recently ended jobs has gone back to the start of this wait.
        self.searched = False
        #: The job is active although it is missing from the active list.
        self.unlisted = False

    def deliver(self, observation: Observation) -> None:
        """Put an observation into the inbox and wake the trigger."""
        if self._inbox is None:
            self._inbox = []
        self._inbox.append(observation)
        self.wake()

    def take(self) -> list[Observation]:
        """Return the observations in the inbox, and empty it."""
        inbox, self._inbox = self._inbox or [], None
        return inbox

    def next(self, seconds: float | None) -> asyncio.Future[None]:
        """
        Return a future that is done when the inbox has an observation or the time is up.

        Creates neither a coroutine nor a timer, because each would be larger than the waiter.

        :param seconds: Maximum wait; None for no limit.
        """
        loop = asyncio.get_running_loop()
        self._future = future = loop.create_future()
        if self._inbox:
            self.wake()
        elif seconds is not None:
            self._owner.wake_at(self, loop.time() + max(0.0, seconds))
        return future

    def wake(self) -> None:
        """Wake the trigger."""
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    def leave(self) -> None:
        """Remove this waiter from the watcher."""
        self._owner.remove(self)
