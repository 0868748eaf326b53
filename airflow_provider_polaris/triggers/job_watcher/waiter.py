"""What the watcher knows of one waiter, and how it reaches him; performs no I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from airflow_provider_polaris.jobs.errors import PolarisError
from airflow_provider_polaris.jobs.status.state import JobState


class Observation(NamedTuple):
    """
    What one tick found out about one job; one of the first two is set, or only ``progress``.

    :param status: ``executionStatus``.
    :param error: Why there was no answer.
    :param state: The whole look, for a waiter that asked for it.
    :param progress: How much of the job is done, 0 to 1.
    """

    status: str | None = None
    error: PolarisError | None = None
    state: JobState | None = None
    progress: float | None = None


class WaiterOwner(Protocol):
    """Where waiters wait: the watcher."""

    def ring_at(self, waiter: Waiter, when: float) -> None:
        """Wake a waiter at a time of the event loop's clock."""

    def left(self, waiter: Waiter) -> None:
        """Take note that a waiter is gone."""


class Waiter:
    """
    One wait for one job.

    There may be ten thousand, so it is small. The upper half belongs to the event loop, the lower half to the thread
    that polls: ticks follow each other, and each sees what the one before left.

    :param job_id: The job.
    :param interval: Seconds between two looks that its owner wants.
    :param started: Start of the wait, epoch seconds.
    :param host: The watcher.
    """

    __slots__ = (
        "_future",
        "_host",
        "_inbox",
        "alarm",
        "asked",
        "attempted",
        "created",
        "failing",
        "interval",
        "job_id",
        "misses",
        "started",
        "status",
        "unlisted",
        "wants_state",
    )

    def __init__(self, job_id: str, interval: float, started: float, host: WaiterOwner) -> None:
        self.job_id = job_id
        self.interval = interval
        self.started = started
        #: Set by the owner: the next look shall bring the whole state.
        self.wants_state = False
        #: When to be woken on the event loop's clock, whatever happens; None for no alarm.
        self.alarm: float | None = None
        self._host = host
        self._inbox: list[Observation] | None = None
        self._future: asyncio.Future[None] | None = None
        #: When the last answer, and the last request for this job alone, was begun; None before the first.
        self.asked: float | None = None
        self.attempted = 0.0
        #: What the owner was told last.
        self.status: str | None = None
        self.failing = False
        #: Creation in epoch seconds, as the lists have it; None until seen in one.
        self.created: float | None = None
        #: How often neither list had it, since it was seen last.
        self.misses = 0
        #: Known to be active although the list of active jobs doesn't have it.
        self.unlisted = False

    def tell(self, observation: Observation) -> None:
        """Put an observation into the inbox and wake the owner."""
        if self._inbox is None:
            self._inbox = []
        self._inbox.append(observation)
        self.wake()

    def take(self) -> list[Observation]:
        """Empty the inbox."""
        inbox, self._inbox = self._inbox or [], None
        return inbox

    def next(self, seconds: float | None) -> asyncio.Future[None]:
        """
        Return what is done when there is something in the inbox or time is up, whichever comes first.

        No coroutine, and no timer of its own: both are larger than all the rest.

        :param seconds: None for no limit.
        """
        loop = asyncio.get_running_loop()
        self._future = future = loop.create_future()
        if self._inbox:
            self.wake()
        elif seconds is not None:
            self._host.ring_at(self, loop.time() + max(0.0, seconds))
        return future

    def wake(self) -> None:
        """Let the owner go on."""
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    def leave(self) -> None:
        """Tell the watcher that nobody waits here any more."""
        self._host.left(self)


#: Waiters for one job, at least one.
Group = tuple[Waiter, ...]


class WaitersByJob:
    """
    Waiters by the id of their job.

    Nearly always there is one for a job, and there may be ten thousand jobs, so a group is only made when it is needed.

    :param waiters: Those to sort.
    """

    def __init__(self, waiters: Iterable[Waiter]) -> None:
        self._first: dict[str, Waiter] = {}
        self._others: dict[str, list[Waiter]] = {}
        for waiter in waiters:
            if self._first.setdefault(waiter.job_id, waiter) is not waiter:
                self._others.setdefault(waiter.job_id, []).append(waiter)

    def __len__(self) -> int:
        """How many jobs there are."""
        return len(self._first)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._first

    def __iter__(self) -> Iterator[Group]:
        return map(self._group, self._first.values())

    def take(self, job_id: str) -> Group:
        """
        Remove the waiters of a job and return them.

        :param job_id: One that is there.
        """
        group = self._group(self._first.pop(job_id))
        self._others.pop(job_id, None)
        return group

    def _group(self, first: Waiter) -> Group:
        return (first, *self._others.get(first.job_id, ()))
