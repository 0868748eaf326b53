"""
When the watcher polls and which questions it asks; pure: performs no I/O, asks no clock.

Polaris has no question about a set of jobs (polaris-sdk 20250425.14.0). So there are two ways: one small request for
each job, or lists, a thousand jobs a request, of the active jobs and of those that have ended.
"""

from __future__ import annotations

from typing import Final

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
