# SPDX-License-Identifier: Apache-2.0
"""
Decide which requests a poll sends. Pure: performs no I/O and reads no clock.

Polaris has no request for a set of jobs (polaris-sdk 20250425.14.0). A poll either sends one small request for each
job, or reads lists of active and of ended jobs, with 1000 jobs in a request. A service with ``bulk_status`` returns the
statuses of 1000 given jobs in a request.
"""

from __future__ import annotations

from typing import Final

#: Rows in a page of a list, and how many of them overlap with the next page.
PAGE_ROWS: Final = 1000


OVERLAP: Final = 10


#: Up to this many jobs are always requested one by one.
FEW: Final = 5


#: Maximum number of requests in a poll with at most 10,000 jobs; enough pages to read both lists.
MOST_REQUESTS: Final = 12


#: Maximum number of waiters for which the triggerer polls progress.
MOST_WITH_PROGRESS: Final = 10


#: Maximum number of jobs that are requested one by one if lists fail.
MOST_WITHOUT_LISTS: Final = 50


#: Assumed maximum time in seconds from the creation of a job to the start of the wait. The search extends it step by
#: step.
_USUAL_AGE: Final = 600.0


_YOUNG: Final = 120.0


def pages_of(rows: int) -> int:
    """
    Return the number of pages of a list with this many rows.

    >>> [pages_of(rows) for rows in (0, 1000, 1001, 9910, 10_000)]
    [1, 1, 2, 10, 11]
    """
    return max(1, -(-(rows - OVERLAP) // (PAGE_ROWS - OVERLAP)))


def rows_of(pages: int) -> int:
    """
    Return the number of rows in this many pages; overlaps count once.

    >>> [rows_of(pages) for pages in (1, 2, 11)]
    [1000, 1990, 10900]
    """
    return PAGE_ROWS + (pages - 1) * (PAGE_ROWS - OVERLAP)


def bulk_requests(jobs: int) -> int:
    """
    Return the number of requests for the statuses of this many jobs, for a service with ``bulk_status``.

    >>> [bulk_requests(jobs) for jobs in (1, 1000, 1001, 10_000)]
    [1, 1, 2, 10]
    """
    return max(1, -(-jobs // PAGE_ROWS))


def requests_each_due(jobs: int, list_pages: int) -> bool:
    """
    Return whether requesting each job takes fewer requests than reading lists.

    :param jobs: Number of due jobs.
    :param list_pages: Pages of the list of active jobs. One more page is for the jobs that are not in it.
    """
    return jobs <= max(FEW, list_pages + 1)


def requests_each_missing(missing: int, pages_read: int) -> bool:
    """
    Return whether to request each job that is missing from the active list, instead of reading the ended list.

    :param missing: Number of missing jobs.
    :param pages_read: Pages of the active list.
    """
    return missing <= FEW and pages_read + missing <= MOST_REQUESTS


def pages_left(waiting: int, requests_made: int) -> int:
    """
    Return how many pages of the ended list a poll may read; at least one.

    :param waiting: Number of all waiters.
    :param requests_made: Requests of this poll so far.
    """
    return max(1, max(MOST_REQUESTS, pages_of(waiting) + 1) - requests_made)


def most_pages(waiting: int) -> int:
    """
    Return how many pages of the active list a poll may read. Half of it is reserved for jobs without a waiter.

    >>> [most_pages(waiting) for waiting in (6, 1000, 10_000)]
    [12, 12, 22]

    :param waiting: Number of all waiters.
    """
    return max(MOST_REQUESTS, 2 * pages_of(waiting))


def singles_left(requests_made: int) -> int:
    """Return how many jobs that neither list contains may be requested one by one; at least one."""
    return min(FEW, max(1, MOST_REQUESTS - requests_made))


def most_update_pages(waiting: int) -> int:
    """
    Return how many pages of recently ended jobs a poll may read. Most of them may be jobs of nine other triggerers.

    Usually it reads one; it reads many if thousands of jobs end at once.

    >>> [most_update_pages(waiting) for waiting in (6, 1000, 10_000)]
    [12, 12, 101]

    :param waiting: Number of all waiters.
    """
    return max(MOST_REQUESTS, pages_of(10 * waiting))


def has_request_for_progress(waiting: int, jobs: int, requests_made: int) -> bool:
    """
    Return whether a poll may also request the progress of a job.

    On average, a poll sends at most one request for each job. So progress is requested only if a list saved a request.

    :param waiting: Number of all waiters.
    :param jobs: Number of jobs that were due.
    :param requests_made: Requests of this poll so far.
    """
    return waiting <= MOST_WITH_PROGRESS and requests_made < jobs


def oldest_creation(started: float, misses: int, today: float) -> float:
    """
    Estimate the earliest creation time of a job that was never found in a list. All times are epoch seconds.

    Most waits begin right after the submission. For other waits (adopted jobs, sensors), each failed search extends the
    next one. This finds them without reading years of history for a job that is only not listed yet.

    :param started: Start of the wait.
    :param misses: Number of failed searches.
    :param today: Current time.
    """
    if today - started < _YOUNG:
        misses = 0
    return started - _USUAL_AGE * 6.0 ** min(misses, 12)
