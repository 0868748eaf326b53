"""What goes into a tick of the watcher, and what comes out; plain data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisError
from airflow_provider_polaris.triggers.connection import is_key_refused
from airflow_provider_polaris.triggers.plan import is_due
from airflow_provider_polaris.triggers.progress import ProgressRounds
from airflow_provider_polaris.triggers.waiter import Observation, Waiter

_TICKS_REMEMBERED: Final = 30


@dataclass
class Memory:
    """
    What lasts from tick to tick, besides what each waiter keeps.

    :param list_pages: Pages that the list of active jobs took last; None if that is not known or long ago.
    :param lists_refused: Polaris finds fault with the question for a list, so it isn't asked again.
    :param progress: Asks how far jobs are.
    """

    list_pages: int | None = None
    lists_refused: bool = False
    progress: ProgressRounds = field(default_factory=ProgressRounds)
    _ticks: int = 0

    def keep(self, list_pages: int) -> None:
        """Note how long the list is."""
        self.list_pages, self._ticks = list_pages, 0

    def fade(self) -> None:
        """Forget in time how long it was: it may have become shorter."""
        self._ticks += 1
        if self._ticks >= _TICKS_REMEMBERED:
            self.list_pages = None


@dataclass
class Findings:
    """
    What a tick brought.

    :param news: What is worth telling whom: changes, failures and what was asked for.
    :param failure: Why nobody else got an answer; None for a tick that went well.
    :param hold: ``Retry-After`` in seconds, if Polaris asked for it.
    """

    news: list[tuple[Waiter, Observation]] = field(default_factory=list)
    failure: PolarisError | None = None
    hold: float | None = None

    @property
    def has_failures(self) -> bool:
        """Whether somebody got no answer."""
        return self.failure is not None or any(observation.error is not None for _, observation in self.news)

    def heed(self, error: PolarisError) -> None:
        """Note how long Polaris asked us to wait, if it did."""
        if isinstance(error, PolarisApiError) and error.retry_after is not None:
            self.hold = max(self.hold or 0.0, error.retry_after)

    @property
    def is_unauthorized(self) -> bool:
        """Whether Polaris doesn't know us (any more)."""
        return is_key_refused(self.failure)


@dataclass(frozen=True)
class Moment:
    """
    When a tick is.

    :param now: Its begin, on the watcher's clock.
    :param pace: Seconds to the next tick.
    :param today: Its begin in epoch seconds.
    """

    now: float
    pace: float
    today: float


def fail(waiters: Iterable[Waiter], error: PolarisError, moment: Moment) -> Findings:
    """
    Return the findings of a tick that could not even begin.

    :param waiters: All.
    :param error: Why.
    :param moment: When this tick is.
    """
    findings = Findings(failure=error)
    findings.heed(error)
    observation = Observation(error=error)
    for waiter in waiters:
        if is_due(waiter, moment.now, moment.pace):
            waiter.failing = True
            findings.news.append((waiter, observation))
    return findings
