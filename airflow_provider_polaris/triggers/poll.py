"""
One tick of the watcher: ask Polaris about all jobs that are waited for, in as few requests as possible.

Runs in the poll thread; knows neither asyncio nor Airflow, and logs nothing. Only a terminal status that was *seen* is
an end: a job that is missing from a list may have ended, or the list lags behind.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.jobs.errors import (
    EVERYBODYS_ERRORS,
    PolarisApiError,
    PolarisError,
    PolarisProtocolError,
    PolarisServerError,
)
from airflow_provider_polaris.jobs.instants import UnreadableInstantError, parse_instant
from airflow_provider_polaris.jobs.state import (
    ACTIVE_STATUSES,
    TERMINAL_STATUSES,
    JobState,
    is_known_status,
    normalize_status,
)
from airflow_provider_polaris.triggers import plan
from airflow_provider_polaris.triggers.connection import is_key_refused
from airflow_provider_polaris.triggers.findings import Findings, Memory, Moment, fail
from airflow_provider_polaris.triggers.groups import Group, Groups
from airflow_provider_polaris.triggers.waiter import Observation, Waiter

if TYPE_CHECKING:
    from airflow_provider_polaris.client import PolarisClient

#: Everything but streaming jobs, which don't end (polaris-sdk 20250425.14.0).
_TYPES: Final = ("batch", "sql", "delete_data", "restore_data", "drop_table")
_ACTIVE: Final = tuple(sorted(ACTIVE_STATUSES))
_ENDED: Final = tuple(sorted(TERMINAL_STATUSES))

#: A page has a whole number of these, so that the date is looked at just before the next page is asked for.
_DATE_EVERY: Final = plan.OVERLAP

#: What a tick needs of a row; whole rows only where somebody asked for the whole state.
_FIELDS: Final = ("id", "executionStatus", "createdTimestamp")


def poll(client: PolarisClient, waiters: Sequence[Waiter], memory: Memory, moment: Moment) -> Findings:
    """
    Ask Polaris; a failure that concerns all is a finding, not an exception.

    :param client: Asks.
    :param waiters: Those that had joined before.
    :param memory: From the tick before; is updated.
    :param moment: When this tick is.
    """
    tick = _Tick(client, waiters, memory, moment)
    try:
        tick.run()
    except PolarisError as error:
        tick.fail(error)
    except Exception as error:
        # Ours, then. What was found before must still be told, and nobody may wait for ever.
        tick.fail(PolarisProtocolError(f"the poll for all waiting tasks broke: {error!r}."))
    return tick.findings


class _Tick:
    def __init__(self, client: PolarisClient, waiters: Sequence[Waiter], memory: Memory, moment: Moment) -> None:
        self.findings = Findings()
        self._client = client
        self._waiters = waiters
        self._memory = memory
        self._moment = moment
        self._now = moment.now
        self._requests = 0
        self._failed: set[str] = set()
        self._server_failed = False
        self._plain: dict[str, Observation] = {}

    def run(self) -> None:
        due = Groups(waiter for waiter in self._waiters if plan.is_due(waiter, self._now, self._moment.pace))
        jobs = len(due)
        if self._memory.lists_refused:
            self._ask_all(due, plan.MOST_WITHOUT_LISTS)
        elif plan.asks_each(jobs, self._memory.list_pages or plan.pages_of(jobs)):
            self._memory.fade()
            self._ask_all(due, jobs)
        else:
            del due  # the lists are about all, and both together take twice the room
            try:
                self._read_lists()
            except PolarisApiError as error:
                self._memory.lists_refused = 400 <= error.status < 500 and not isinstance(error, EVERYBODYS_ERRORS)
                raise
        if plan.has_request_for_progress(len(self._waiters), jobs, self._requests):
            self._memory.progress.ask(self._client, Groups(self._waiters), self.findings)

    def fail(self, error: PolarisError) -> None:
        """Note a failure that concerns everybody who is still due; who has an answer of this tick is not."""
        others = (waiter for waiter in self._waiters if waiter.job_id not in self._failed)
        failed = fail(others, error, self._moment)
        failed.news = self.findings.news + failed.news
        self.findings = failed

    def _ask_all(self, groups: Groups, most: int) -> None:
        """Ask for each of so many; the turn is with those that had none for longest, for a request may always fail."""
        for group in sorted(groups, key=lambda group: group[0].attempted)[:most]:
            self._ask(group)

    def _ask(self, group: Group) -> None:
        """Ask for one job. What goes wrong with this job alone is its own failure, the rest is everybody's."""
        job_id = group[0].job_id
        for waiter in group:
            waiter.attempted = self._now
        self._requests += 1
        state = None
        try:
            if any(waiter.wants_state for waiter in group):
                state = JobState.from_wire(self._client.get_job(job_id))
                status = state.status
            else:
                status = normalize_status(self._client.get_job_status(job_id))
        except PolarisError as error:
            if isinstance(error, EVERYBODYS_ERRORS) or is_key_refused(error):
                raise
            broken = isinstance(error, PolarisServerError | PolarisProtocolError)
            if broken and self._server_failed:
                raise  # the second in a row: it isn't the job
            self._server_failed = broken
            self.findings.heed(error)
            self._failed.add(job_id)
            for waiter in group:
                waiter.failing = True
                self.findings.news.append((waiter, Observation(error=error)))
            return
        self._server_failed = False
        self._saw(group, status, state)

    def _saw(self, group: Group, status: str, state: JobState | None = None) -> None:
        """Note a status. The waiter hears of it only if that may change what he thinks."""
        status = sys.intern(status)  # one text for ten thousand waiters
        for waiter in group:
            waiter.asked = self._now
            waiter.misses = 0
            wanted = state if waiter.wants_state else None
            if status == waiter.status and not waiter.failing and wanted is None and is_known_status(status):
                continue
            waiter.status, waiter.failing = status, False
            if wanted is None:
                observation = self._plain.setdefault(status, Observation(status))
            else:
                waiter.wants_state = False
                observation = Observation(status, state=wanted)
            self.findings.news.append((waiter, observation))

    def _read_lists(self) -> None:
        wanted = Groups(self._waiters)
        rows = self._find(
            wanted,
            self._list(_ACTIVE, "ASC"),
        )
        self._requests = plan.pages_of(rows)
        self._memory.keep(self._requests)
        hinted = [group[0] for group in wanted if not group[0].unlisted]
        if hinted and not plan.follows_each(len(wanted), self._requests):
            self._read_ended(wanted, min(_creation(waiter, self._moment.today) for waiter in hinted))
        self._ask_all(wanted, plan.singles_left(self._requests))
        for group in wanted:
            for waiter in group:
                waiter.unlisted = waiter.unlisted or waiter.asked == self._now

    def _read_ended(self, wanted: Groups, oldest: float) -> None:
        """Look for the missing among the jobs that have ended, back to the oldest of them."""
        most_rows = plan.rows_of(plan.pages_left(len(self._waiters), self._requests))
        rows = self._find(
            wanted,
            self._list(_ENDED, "DESC"),
            oldest=oldest,
            most=most_rows,
        )
        self._requests += plan.pages_of(rows)
        for group in wanted:
            for waiter in group:
                waiter.misses += 1

    def _list(self, statuses: Sequence[str], order: str) -> Iterator[dict[str, Any]]:
        # What shifts past while jobs end by the hundred is found at the next tick; the tick keeps its budget.
        whole = any(waiter.wants_state for waiter in self._waiters)
        return self._client.iter_jobs(
            type=_TYPES,
            execution_status=statuses,
            sort_order=order,
            page_size=plan.PAGE_ROWS,
            complete=False,
            fields=None if whole else _FIELDS,
        )

    def _find(
        self,
        wanted: Groups,
        rows: Iterator[dict[str, Any]],
        *,
        oldest: float | None = None,
        most: int | None = None,
    ) -> int:
        """
        Take those out of ``wanted`` that a list has; stop when all are found.

        :return: Rows read.
        """
        count = 0
        for count, row in enumerate(rows, 1):
            status = row.get("executionStatus")
            if row["id"] in wanted and isinstance(status, str) and status:
                self._found(wanted.take(row["id"]), normalize_status(status), row)
                if not wanted:
                    break
            if count == most:
                break
            if oldest is not None and count % _DATE_EVERY == 0 and (_created(row) or oldest) < oldest:
                break
        return count

    def _found(self, group: Group, status: str, row: dict[str, Any]) -> None:
        for waiter in group:
            waiter.unlisted = False
            if waiter.created is None:
                waiter.created = _created(row)
        state = JobState.from_wire(row) if any(waiter.wants_state for waiter in group) else None
        self._saw(group, status, state)


def _creation(waiter: Waiter, today: float) -> float:
    if waiter.created is not None:
        return waiter.created
    return plan.oldest_creation(waiter.started, waiter.misses, today)


def _created(row: dict[str, Any]) -> float | None:
    text = row.get("createdTimestamp")
    try:
        return parse_instant(text).timestamp() if isinstance(text, str) else None
    except (UnreadableInstantError, OverflowError, ValueError):
        return None
