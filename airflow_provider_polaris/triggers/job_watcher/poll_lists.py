# SPDX-License-Identifier: Apache-2.0
"""
Request the lists of active and ended jobs, and store between polls whether to read them.

Runs in the poll thread, uses neither asyncio nor Airflow, and logs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.jobs.status.statuses import ACTIVE_STATUSES, TERMINAL_STATUSES
from airflow_provider_polaris.jobs.time.instant import UnreadableInstantError, parse_instant
from airflow_provider_polaris.triggers.job_watcher import request_budget
from airflow_provider_polaris.triggers.job_watcher.progress import ProgressPoller

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
_FIELDS: Final = ("id", "executionStatus", "createdTimestamp")


#: Number of polls after which a stored list length is outdated.
_POLLS_REMEMBERED: Final = 30


#: Maximum number of polls that skip lists after lists failed.
_LONGEST_REST: Final = 32


def list_jobs(
    client: IngestionService, statuses: Sequence[str], order: str, most_pages: int, *, whole: bool
) -> Iterator[dict[str, Any]]:
    """
    Yield the rows of a list. A row can shift between pages while jobs end; the next poll finds it.

    :param client: Client for the requests.
    :param statuses: Statuses of the jobs.
    :param order: ``ASC`` or ``DESC``, by the time of creation.
    :param most_pages: Maximum number of pages, so that the poll keeps its request budget.
    :param whole: Whether to keep all fields of a row.
    """
    return client.iter_jobs(
        type=_TYPES,
        execution_status=statuses,
        sort_order=order,
        page_size=request_budget.PAGE_ROWS,
        most_pages=most_pages,
        complete=False,
        fields=None if whole else _FIELDS,
    )


def created_at(row: dict[str, Any]) -> float | None:
    """Return the creation time of a row in epoch seconds; None if it is missing or unreadable."""
    text = row.get("createdTimestamp")
    try:
        return parse_instant(text).timestamp() if isinstance(text, str) else None
    except (UnreadableInstantError, OverflowError, ValueError):
        return None


@dataclass
class PollState:
    """
    State that is kept between polls, in addition to the state of each waiter.

    :param list_pages: Pages of the list of active jobs in the last poll that read it; None if unknown or outdated.
    :param lists_refused: Polaris rejected the list request as invalid, so it isn't sent again.
    :param progress: Polls the progress of jobs.
    """

    list_pages: int | None = None
    lists_refused: bool = False
    progress: ProgressPoller = field(default_factory=ProgressPoller)
    _polls: int = 0
    _rest: int = 0
    _next_rest: int = 1

    def record_list_pages(self, list_pages: int) -> None:
        """Store the length of the list."""
        self.list_pages, self._polls, self._next_rest = list_pages, 0, 1

    def skip_lists(self) -> None:
        """Skip lists in the next poll, because they fail. Each call doubles the number of skipped polls."""
        self._rest, self._next_rest = self._next_rest, min(2 * self._next_rest, _LONGEST_REST)

    def resume_lists(self) -> None:
        """Read lists again in the next poll, because single requests fail, too."""
        self._rest = 0

    def can_read_lists(self) -> bool:
        """Return whether this poll may read lists. Call it once for each poll."""
        self._rest -= 1
        return not self.lists_refused and self._rest < 0

    def expire_list_pages(self) -> None:
        """Discard the stored list length after 30 polls, because the list may be shorter."""
        self._polls += 1
        if self._polls >= _POLLS_REMEMBERED:
            self.list_pages = None
