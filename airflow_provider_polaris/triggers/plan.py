"""
When the watcher polls and which questions it asks; pure: performs no I/O, asks no clock.

Polaris has no question about a set of jobs (polaris-sdk 20250425.14.0). So there are two ways: one small request for
each job, or lists, a thousand jobs a request, of the active jobs and of those that have ended.
"""

from __future__ import annotations

import random
from typing import Final, Protocol

from airflow_provider_polaris.jobs.errors import bounded_wait

#: Rows of a page of a list, and how many of them are asked for again with the next one.
PAGE_ROWS: Final = 1000
OVERLAP: Final = 10

#: So many jobs are rather asked for one by one than looked for in a list.
FEW: Final = 5
#: What a tick may cost while there are at most 10,000 jobs: all of them fit into so many pages of the two lists.
MOST_REQUESTS: Final = 12
#: More waiters than this get no percent progress in the triggerer.
MOST_WITH_PROGRESS: Final = 10
#: Jobs that are asked for one by one where lists don't work at all.
MOST_WITHOUT_LISTS: Final = 50

_SHORTEST_INTERVAL: Final = 0.1
_JITTER_SHARE: Final = 0.05
_JITTER_SECONDS: Final = 0.5
#: The first tick waits so long for others to join.
_GATHERING: Final = 1.0
#: After a failure nobody waits longer than this for the next try.
_FAILURE_INTERVAL: Final = 60.0
#: A server that asks for more is asked again after this, or nobody would see a budget run out.
LONGEST_HOLD: Final = 600.0

#: A newcomer's job was created at most so long before the wait began, unless it isn't found there.
_USUAL_AGE: Final = 600.0
_YOUNG: Final = 120.0


def pages_of(rows: int) -> int:
    """
    Return how many pages a list of so many rows takes.

    >>> [pages_of(rows) for rows in (0, 1000, 1001, 9910, 10_000)]
    [1, 1, 2, 10, 11]
    """
    return max(1, -(-(rows - OVERLAP) // (PAGE_ROWS - OVERLAP)))


def rows_of(pages: int) -> int:
    """
    Return how many rows so many pages have, overlaps counted once.

    >>> [rows_of(pages) for pages in (1, 2, 11)]
    [1000, 1990, 10900]
    """
    return PAGE_ROWS + (pages - 1) * (PAGE_ROWS - OVERLAP)


def asks_each(jobs: int, list_pages: int) -> bool:
    """
    Say whether asking for each job is the cheaper way.

    :param jobs: How many are due.
    :param list_pages: Pages of the list of active jobs; one more is for the jobs that are not in it.
    """
    return jobs <= max(FEW, list_pages + 1)


def follows_each(missing: int, pages_read: int) -> bool:
    """
    Say whether to ask for each job that the list of active jobs doesn't have, rather than for those that have ended.

    :param missing: How many they are.
    :param pages_read: Pages that the list took.
    """
    return missing <= FEW and pages_read + missing <= MOST_REQUESTS


def pages_left(waiting: int, requests_made: int) -> int:
    """
    Return how many pages of the ended jobs a tick may read; at least one.

    :param waiting: All jobs that are waited for.
    :param requests_made: What the tick has cost so far.
    """
    return max(1, max(MOST_REQUESTS, pages_of(waiting) + 1) - requests_made)


def most_pages(waiting: int) -> int:
    """
    Return how many pages of the active jobs a tick may read: room for as many jobs that nobody waits for.

    >>> [most_pages(waiting) for waiting in (6, 1000, 10_000)]
    [12, 12, 22]

    :param waiting: All jobs that are waited for.
    """
    return max(MOST_REQUESTS, 2 * pages_of(waiting))


def singles_left(requests_made: int) -> int:
    """Return how many jobs that neither list has may be asked for one by one; at least one."""
    return min(FEW, max(1, MOST_REQUESTS - requests_made))


def has_request_for_progress(waiting: int, jobs: int, requests_made: int) -> bool:
    """
    Say whether a tick may also ask how far a job is.

    No job costs more than one request an interval, so there is one to spare only where a list has saved it.

    :param waiting: All waiters.
    :param jobs: Jobs that were due.
    :param requests_made: What the tick has cost so far.
    """
    return waiting <= MOST_WITH_PROGRESS and requests_made < jobs


class Patron(Protocol):
    """Who waits for answers: the seconds between two that he wants, and when the last was asked for."""

    interval: float
    asked: float | None


def is_due(patron: Patron, now: float, pace: float) -> bool:
    """
    Say whether the next tick would be too late for somebody's next look.

    :param patron: Who waits.
    :param now: The present, on the event loop's clock.
    :param pace: Seconds to the next tick.
    """
    return patron.asked is None or now + pace - patron.asked > patron.interval * 1.1


def oldest_creation(started: float, misses: int, today: float) -> float:
    """
    Guess the earliest creation of a job that was never in a list; all in epoch seconds.

    Most waits begin right after the submission. Those that don't (adopted jobs, sensors) are looked for farther back
    each time, and so sooner or later found, without reading years of history for a job that is merely not listed yet.

    :param started: Start of the wait.
    :param misses: How often it was looked for already.
    :param today: The present.
    """
    if today - started < _YOUNG:
        misses = 0
    return started - _USUAL_AGE * 6.0 ** min(misses, 12)


class Cadence:
    """
    The times of the ticks, in seconds of any one clock.

    :param rng: For the jitter. It is small, because an end must be seen within one interval plus two seconds, and zero
        on average, because nobody may ask more often than was agreed.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._opened: float | None = None
        self._began: float | None = None
        self._ended = 0.0
        self._failed = False
        self._sway = 0.0
        self._held_until = 0.0

    def pace(self, interval: float) -> float:
        """
        Return the seconds between two ticks.

        :param interval: Of the most impatient waiter.
        """
        return max(_SHORTEST_INTERVAL, min(interval, _FAILURE_INTERVAL) if self._failed else interval)

    def next(self, now: float, interval: float) -> float:
        """
        Return when the next tick is due, maybe in the past.

        Counted from start to start. Where a tick takes as long as the interval, there is a pause all the same.

        :param now: The present.
        :param interval: Seconds, of the most impatient waiter.
        """
        pace = self.pace(interval)
        if self._began is None:
            self._opened = now if self._opened is None else self._opened
            return self._opened + min(_GATHERING, pace / 2)
        sway = self._sway * min(_JITTER_SHARE * pace, _JITTER_SECONDS)
        return max(self._began + pace + sway, self._ended + pace / 10, self._held_until)

    def hold(self, now: float, seconds: float) -> None:
        """
        Put the next tick off because Polaris asked for it.

        :param now: The present.
        :param seconds: ``Retry-After``; ten minutes at most.
        """
        # Those that were sent away together shall not come back together.
        wait = min(bounded_wait(seconds) or 0.0, LONGEST_HOLD) + self._rng.uniform(0.0, 1.0)
        self._held_until = max(self._held_until, now + wait)

    def ticked(self, began: float, ended: float, *, failed: bool, hold: float | None) -> None:
        """
        Take note of a tick.

        :param began: When it began.
        :param ended: When it ended.
        :param failed: Whether somebody got no answer.
        :param hold: ``Retry-After`` in seconds, if Polaris asked for it.
        """
        self._began, self._ended, self._failed = began, ended, failed
        self._sway = self._rng.uniform(-1.0, 1.0)
        if hold is not None:
            self.hold(ended, hold)
