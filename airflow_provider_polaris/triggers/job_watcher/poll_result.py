# SPDX-License-Identifier: Apache-2.0
"""Input and output of a poll: waiters grouped by job, its time, and its result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisAuthError, PolarisError, PolarisThrottledError
from airflow_provider_polaris.jobs.shortening import shorten_error
from airflow_provider_polaris.triggers.job_watcher.waiter import Observation, Waiter
from airflow_provider_polaris.triggers.polling.connection import is_unauthorized
from airflow_provider_polaris.triggers.polling.schedule import is_due

#: Waiters for one job, at least one.
Group = tuple[Waiter, ...]


class WaitersByJob:
    """
    Waiters grouped by job id.

    Nearly every job has one waiter, and there may be ten thousand jobs. So groups are created on demand.

    :param waiters: Waiters to group.
    """

    def __init__(self, waiters: Iterable[Waiter]) -> None:
        self._first: dict[str, Waiter] = {}
        self._others: dict[str, list[Waiter]] = {}
        for waiter in waiters:
            if self._first.setdefault(waiter.job_id, waiter) is not waiter:
                self._others.setdefault(waiter.job_id, []).append(waiter)

    def __len__(self) -> int:
        """Return the number of jobs."""
        return len(self._first)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._first

    def __iter__(self) -> Iterator[Group]:
        return map(self._group, self._first.values())

    def __getitem__(self, job_id: str) -> Group:
        return self._group(self._first[job_id])

    def take(self, job_id: str) -> Group:
        """
        Remove the waiters of a job and return them.

        :param job_id: A job that has waiters.
        """
        group = self._group(self._first.pop(job_id))
        self._others.pop(job_id, None)
        return group

    def _group(self, first: Waiter) -> Group:
        return (first, *self._others.get(first.job_id, ()))


@dataclass
class PollResult:
    """
    Result of a poll.

    :param news: Observations to deliver: changes, failures and requested states, each with its waiter.
    :param failure: Why all other waiters got no answer; None for a successful poll.
    :param hold: ``Retry-After`` in seconds, if the service sent it for all jobs.
    :param suspects: Jobs whose own request failed while others were answered, or had a ``Retry-After``; with the
        seconds to wait. They are requested separately from now on.
    :param has_read_lists: Whether single requests were sent only for jobs that the lists lack.
    :param has_reported_failures: Whether failures were already delivered and removed from ``news``.
    """

    news: list[tuple[Waiter, Observation]] = field(default_factory=list)
    failure: PolarisError | None = None
    hold: float | None = None
    suspects: dict[str, float] = field(default_factory=dict)
    has_read_lists: bool = False
    has_reported_failures: bool = False

    @property
    def has_failures(self) -> bool:
        """Whether any waiter got no answer."""
        return (
            self.has_reported_failures
            or self.failure is not None
            or any(observation.error is not None for _, observation in self.news)
        )

    def record_retry_after(self, error: PolarisError, *, of_all: bool = False) -> None:
        """
        Keep the longest ``Retry-After`` value of this poll, if it applies to all jobs.

        :param error: The answer of Polaris.
        :param of_all: The request was for all jobs. Otherwise only 429, 401 and 403 apply to more than one job.
        """
        if isinstance(error, PolarisApiError) and error.retry_after is not None and (of_all or is_for_all(error)):
            self.hold = max(self.hold or 0.0, error.retry_after)

    @property
    def is_unauthorized(self) -> bool:
        """Whether the service rejected the API key."""
        return is_unauthorized(self.failure)


def is_for_all(error: PolarisError) -> bool:
    """Whether an answer to a request for one job concerns all jobs of the connection."""
    return isinstance(error, PolarisThrottledError | PolarisAuthError) or is_unauthorized(error)


@dataclass(frozen=True)
class PollTime:
    """
    Time of a poll.

    :param now: Start of the poll, on the event loop's clock.
    :param pace: Seconds to the next poll.
    :param today: Start of the poll in epoch seconds.
    """

    now: float
    pace: float
    today: float


def fail(waiters: Iterable[Waiter], error: PolarisError, moment: PollTime) -> PollResult:
    """
    Return the result of a poll that failed for all due waiters.

    :param waiters: All waiters.
    :param error: The failure.
    :param moment: Time of this poll.
    """
    error = shorten_error(error)
    result = PollResult(failure=error)
    result.record_retry_after(error)
    observation = Observation(error=error)
    for waiter in waiters:
        if is_due(waiter, moment.now, moment.pace):
            waiter.failing = True
            result.news.append((waiter, observation))
    return result
