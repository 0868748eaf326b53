"""What goes into a tick of the watcher, and what comes out; plain data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisAuthError, PolarisError, PolarisThrottledError
from airflow_provider_polaris.jobs.shortening import shorten_error
from airflow_provider_polaris.triggers.job_watcher.waiter import Observation, Waiter
from airflow_provider_polaris.triggers.polling.connection import is_unauthorized
from airflow_provider_polaris.triggers.polling.schedule import is_due

_TICKS_REMEMBERED: Final = 30


#: The longest rest of lists that don't work, in ticks.
_LONGEST_REST: Final = 32


@dataclass
class PollResult:
    """
    What a tick brought.

    :param news: What is worth telling whom: changes, failures and what was asked for.
    :param failure: Why nobody else got an answer; None for a tick that went well.
    :param hold: ``Retry-After`` in seconds, if Polaris asked for it and meant everybody.
    :param suspects: Jobs whose own request failed though others were answered, or that were asked to wait; with the
        seconds to wait. Each is asked for apart from the others from now on.
    :param has_read_lists: Whether single requests were only for the jobs that lists don't have.
    :param has_told_failures: Whether failures were told and taken out of ``news`` already.
    """

    news: list[tuple[Waiter, Observation]] = field(default_factory=list)
    failure: PolarisError | None = None
    hold: float | None = None
    suspects: dict[str, float] = field(default_factory=dict)
    has_read_lists: bool = False
    has_told_failures: bool = False

    @property
    def has_failures(self) -> bool:
        """Whether somebody got no answer."""
        return (
            self.has_told_failures
            or self.failure is not None
            or any(observation.error is not None for _, observation in self.news)
        )

    def heed(self, error: PolarisError, *, of_all: bool = False) -> None:
        """
        Note how long Polaris asked us to wait, if it did and meant everybody.

        :param error: What it answered.
        :param of_all: The request was for everybody. Otherwise only 429, 401 and 403 concern more than one job.
        """
        if isinstance(error, PolarisApiError) and error.retry_after is not None and (of_all or is_for_all(error)):
            self.hold = max(self.hold or 0.0, error.retry_after)

    @property
    def is_unauthorized(self) -> bool:
        """Whether Polaris doesn't know us (any more)."""
        return is_unauthorized(self.failure)


def is_for_all(error: PolarisError) -> bool:
    """Whether an answer to a request for one job concerns all jobs of the connection."""
    return isinstance(error, PolarisThrottledError | PolarisAuthError) or is_unauthorized(error)


@dataclass(frozen=True)
class PollTime:
    """
    When a tick is.

    :param now: Its begin, on the watcher's clock.
    :param pace: Seconds to the next tick.
    :param today: Its begin in epoch seconds.
    """

    now: float
    pace: float
    today: float


def fail(waiters: Iterable[Waiter], error: PolarisError, moment: PollTime) -> PollResult:
    """
    Return the findings of a tick in which something failed for all who are due.

    :param waiters: All.
    :param error: Why.
    :param moment: When this tick is.
    """
    error = shorten_error(error)
    findings = PollResult(failure=error)
    findings.heed(error)
    observation = Observation(error=error)
    for waiter in waiters:
        if is_due(waiter, moment.now, moment.pace):
            waiter.failing = True
            findings.news.append((waiter, observation))
    return findings
