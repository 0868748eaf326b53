# SPDX-License-Identifier: Apache-2.0
"""
Poll by lists: with two lists, of active and of ended jobs, one request returns the statuses of 1,000 jobs.

If a project has more active jobs than a poll may read, such as those of ten triggerers, the poll reads the jobs that
have ended since the previous poll, sorted by their last update. GUESS: the end of a job is an update of it. A job that
this list lacks is requested in its turn, 50 jobs in a poll.

Runs in the poll thread, uses neither asyncio nor Airflow, and logs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.jobs.status.statuses import ACTIVE_STATUSES, TERMINAL_STATUSES, normalize_status
from airflow_provider_polaris.jobs.time.instant import UnreadableInstantError, parse_instant
from airflow_provider_polaris.triggers.job_watcher import request_budget
from airflow_provider_polaris.triggers.job_watcher.poll_result import Group, WaitersByJob
from airflow_provider_polaris.triggers.job_watcher.poll_run import PollRun
from airflow_provider_polaris.triggers.job_watcher.single_status import brief_state
from airflow_provider_polaris.triggers.job_watcher.waiter import Waiter

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import IngestionService

#: All job types except streaming jobs, which don't end (polaris-sdk 20250425.14.0).
_TYPES: Final = ("batch", "sql", "delete_data", "restore_data", "drop_table")

#: Statuses of the list of active jobs.
ACTIVE: Final = tuple(sorted(ACTIVE_STATUSES))

#: Statuses of the list of ended jobs.
ENDED: Final = tuple(sorted(TERMINAL_STATUSES))

#: Rows between two checks of the creation date. Divides the page size, so that the check precedes the next page
#: request.
DATE_EVERY: Final = request_budget.OVERLAP

#: Fields that a poll reads from a row. Whole rows are requested only if a waiter needs the whole state.
_FIELDS: Final = ("id", "executionStatus", "createdTimestamp", "lastUpdatedTimestamp")

#: Seconds by which a search goes back before the previous one, because lists may lag and clocks differ.
_LAG: Final = 300.0


def list_jobs(
    client: IngestionService,
    statuses: Sequence[str],
    order: str,
    most_pages: int,
    *,
    whole: bool,
    column: str = "created_date_time",
) -> Iterator[dict[str, Any]]:
    """
    Yield the rows of a list. A row can shift between pages while jobs end; the next poll finds it.

    :param client: Client for the requests.
    :param statuses: Statuses of the jobs.
    :param order: ``ASC`` or ``DESC``.
    :param most_pages: Maximum number of pages, so that the poll keeps its request budget.
    :param whole: Whether to keep all fields of a row.
    :param column: What the list is sorted by.
    """
    return client.iter_jobs(
        type=_TYPES,
        execution_status=statuses,
        sort_column=column,
        sort_order=order,
        page_size=request_budget.PAGE_ROWS,
        most_pages=most_pages,
        complete=False,
        fields=None if whole else _FIELDS,
    )


def created_at(row: dict[str, Any]) -> float | None:
    """Return the creation time of a row in epoch seconds; None if it is missing or unreadable."""
    return _instant(row.get("createdTimestamp"))


def updated_at(row: dict[str, Any]) -> float | None:
    """Return the time of a row's last update in epoch seconds; None if it is missing or unreadable."""
    return _instant(row.get("lastUpdatedTimestamp"))


def _instant(text: Any) -> float | None:
    try:
        return parse_instant(text).timestamp() if isinstance(text, str) else None
    except (UnreadableInstantError, OverflowError, ValueError):
        return None


class ListPoll(PollRun):
    """A poll of a service that has no request for a set of jobs."""

    _searches_updates = False

    def _requests_each(self, jobs: int) -> bool:
        if not request_budget.requests_each_due(jobs, self._poll_state.list_pages or request_budget.pages_of(jobs)):
            return False
        self._poll_state.expire_list_pages()
        return True

    def _wanted(self) -> WaitersByJob:
        return WaitersByJob(self._waiters)

    def _search(self, wanted: WaitersByJob) -> None:
        if not self._poll_state.can_read_active_list():
            self._search_updates(wanted)
            return
        most = request_budget.most_pages(len(self._waiters))
        longest = request_budget.rows_of(most - 1)
        rows = self._find(wanted, self._list(ACTIVE, "ASC", most), most=longest)
        self._requests = request_budget.pages_of(rows)
        self._poll_state.record_list_pages(self._requests)
        if rows >= longest and wanted:
            self._poll_state.skip_active_list()
            self._search_updates(wanted)
            return
        hinted = [group[0] for group in wanted if not group[0].unlisted]
        if hinted and not request_budget.requests_each_missing(len(wanted), self._requests):
            self._search_ended(wanted, min(_creation(waiter, self._moment.today) for waiter in hinted))

    def _search_ended(self, wanted: WaitersByJob, oldest: float) -> None:
        """Look up the missing jobs among the ended jobs, back to the oldest creation."""
        most = request_budget.pages_left(len(self._waiters), self._requests)
        rows = self._find(wanted, self._list(ENDED, "DESC", most), oldest=oldest, most=request_budget.rows_of(most))
        self._requests += request_budget.pages_of(rows)
        for group in wanted:
            for waiter in group:
                waiter.misses += 1

    def _search_updates(self, wanted: WaitersByJob) -> None:
        """Look up the jobs that have ended since the previous search, or since the start of a wait."""
        self._searches_updates = True
        state, today = self._poll_state, self._moment.today
        starts = (waiter.started for group in wanted for waiter in group if not waiter.searched)
        oldest = min([today if state.updates_until is None else state.updates_until, *starts]) - _LAG
        waiting = len(self._waiters)
        is_first = not self._requests
        left = request_budget.pages_left(waiting, self._requests)
        most = request_budget.most_update_pages(waiting) if is_first else left
        longest = request_budget.rows_of(most)
        updates = self._list(ENDED, "DESC", most, column="last_updated_date_time")
        rows = self._find(wanted, updates, oldest=oldest, most=longest, time_of=updated_at)
        self._requests += request_budget.pages_of(rows)
        if rows < longest:
            state.updates_until = today
        elif is_first:
            state.skip_lists()  # the list may have no end
        for group in wanted:
            for waiter in group:
                waiter.searched = True
            if any(waiter.failing for waiter in group) and group[0].status is not None:
                self._record_status(group, group[0].status, None)  # the service answers, and the job has not ended

    def _singles_left(self) -> int:
        return request_budget.MOST_WITHOUT_LISTS if self._searches_updates else super()._singles_left()

    def _list(
        self, statuses: Sequence[str], order: str, most_pages: int, column: str = "created_date_time"
    ) -> Iterator[dict[str, Any]]:
        whole = any(waiter.needs_state for waiter in self._waiters)
        return list_jobs(self._client, statuses, order, most_pages, whole=whole, column=column)

    def _find(
        self,
        wanted: WaitersByJob,
        rows: Iterator[dict[str, Any]],
        *,
        oldest: float | None = None,
        most: int | None = None,
        time_of: Callable[[dict[str, Any]], float | None] = created_at,
    ) -> int:
        """
        Remove the jobs that a list contains from ``wanted``; stop when all are found.

        :return: Number of rows read.
        """
        count = 0
        for count, row in enumerate(self._in_turn(rows), 1):
            status = row.get("executionStatus")
            if row["id"] in wanted and isinstance(status, str) and status.strip():
                self._found(wanted.take(row["id"]), normalize_status(status), row)
                if not wanted:
                    break
            if count == most:
                break
            if oldest is not None and count % DATE_EVERY == 0 and (time_of(row) or oldest) < oldest:
                break
        return count

    def _in_turn(self, rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """
        Yield rows, and release the ownership during requests. Reads a fixed number of rows that divides the page size.
        """
        count = DATE_EVERY
        while count == DATE_EVERY:
            with self._ownership.request():
                some = list(islice(rows, DATE_EVERY))
            count = len(some)
            yield from some

    def _found(self, group: Group, status: str, row: dict[str, Any]) -> None:
        for waiter in group:
            waiter.unlisted = False
            if waiter.created is None:
                waiter.created = created_at(row)
        state = brief_state(row) if any(waiter.needs_state for waiter in group) else None
        self._record_status(group, status, state)


def _creation(waiter: Waiter, today: float) -> float:
    if waiter.created is not None:
        return waiter.created
    return request_budget.oldest_creation(waiter.started, waiter.misses, today)
