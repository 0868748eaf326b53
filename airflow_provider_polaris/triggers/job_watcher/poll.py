# SPDX-License-Identifier: Apache-2.0
"""
Poll Polaris once for all waiters of a watcher, in as few requests as possible.

Runs in the poll thread, uses neither asyncio nor Airflow, and logs nothing. A job has ended only if Polaris returned a
terminal status. A job that is missing from a list may have ended, or the list may lag.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.jobs.errors import (
    CONNECTION_WIDE_ERRORS,
    PolarisApiError,
    PolarisError,
    PolarisProtocolError,
    PolarisTransportError,
)
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.status.statuses import normalize_status
from airflow_provider_polaris.triggers.job_watcher import request_budget
from airflow_provider_polaris.triggers.job_watcher.poll_lists import (
    ACTIVE,
    DATE_EVERY,
    ENDED,
    PollState,
    created_at,
    list_jobs,
)
from airflow_provider_polaris.triggers.job_watcher.poll_ownership import PollAbandonedError, PollOwnership
from airflow_provider_polaris.triggers.job_watcher.poll_result import PollResult, PollTime, fail, is_for_all
from airflow_provider_polaris.triggers.job_watcher.single_status import (
    brief_state,
    is_of_service,
    record_error,
    record_status,
    request_status,
    unexpected_error,
)
from airflow_provider_polaris.triggers.job_watcher.waiter import Observation, Waiter
from airflow_provider_polaris.triggers.job_watcher.waiters_by_job import Group, WaitersByJob
from airflow_provider_polaris.triggers.polling.schedule import is_due

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import IngestionService


#: Consecutive failed single requests that end the poll: before any job got an answer, and after one did.
_FAILURES_OF_ALL: Final = 2


_FAILURES_IN_A_ROW: Final = 5


def poll(
    client: IngestionService,
    waiters: Sequence[Waiter],
    poll_state: PollState,
    moment: PollTime,
    *,
    ownership: PollOwnership | None = None,
    apart: Collection[str] = (),
) -> PollResult:
    """
    Poll Polaris once. A failure that affects all waiters is returned in the result, not raised.

    :param client: Client for the requests.
    :param waiters: Waiters that joined before the poll.
    :param poll_state: State from the previous poll; updated in place.
    :param moment: Time of this poll.
    :param ownership: Ownership of the poll state. The event loop takes it to end a poll that hangs in a request. The
        thread then changes nothing more, and the loop uses the results up to that request.
    :param apart: Jobs that are requested separately. This poll only searches the lists for them.
    """
    poll_run = _PollRun(client, waiters, poll_state, moment, ownership or PollOwnership(), apart)
    try:
        poll_run.run()
    except PollAbandonedError:
        pass
    except PolarisError as error:
        poll_run.fail(error)
    except Exception as error:
        # A bug in this package. Deliver what was found before, and let no waiter wait forever.
        poll_run.fail(unexpected_error("the poll for all waiting tasks failed", error))
    return poll_run.result


class _PollRun:
    def __init__(
        self,
        client: IngestionService,
        waiters: Sequence[Waiter],
        poll_state: PollState,
        moment: PollTime,
        ownership: PollOwnership,
        apart: Collection[str],
    ) -> None:
        self.result = ownership.result
        self._client = client
        self._waiters = waiters
        self._poll_state = poll_state
        self._moment = moment
        self._now = moment.now
        self._ownership = ownership
        self._apart = apart
        self._requests = 0
        self._failed: set[str] = set()
        #: Failed single requests since the last answer, and whether any request was answered.
        self._in_a_row = 0
        self._has_answers = False
        #: Jobs whose requests failed before any request was answered.
        self._doubtful: list[str] = []
        self._plain: dict[str, Observation] = {}

    def run(self) -> None:
        due = WaitersByJob(waiter for waiter in self._waiters if self._is_due(waiter))
        jobs = len(due)
        if request_budget.requests_each_due(jobs, self._poll_state.list_pages or request_budget.pages_of(jobs)):
            self._poll_state.expire_list_pages()
            self._request_all(due, jobs)
        elif not self._poll_state.can_read_lists():
            self._request_all(due, request_budget.MOST_WITHOUT_LISTS)
        else:
            del due  # the lists cover all jobs; keeping both would double the memory
            self._read_lists()
        if request_budget.has_request_for_progress(len(self._waiters), jobs, self._requests):
            self._poll_state.progress.request(self._client, WaitersByJob(self._waiters), self.result, self._ownership)

    def fail(self, error: PolarisError) -> None:
        """
        Record a failure for all waiters that are still due. Waiters with an answer from this poll are not affected.
        """
        self._poll_state.resume_lists()  # the lists are not the cause
        others = (waiter for waiter in self._waiters if waiter.job_id not in self._failed)
        failed = fail((waiter for waiter in others if waiter.job_id not in self._apart), error, self._moment)
        self.result.failure = failed.failure
        self.result.news += failed.news
        self.result.record_retry_after(error)

    def _is_due(self, waiter: Waiter) -> bool:
        return waiter.job_id not in self._apart and is_due(waiter, self._now, self._moment.pace)

    def _request_all(self, groups: WaitersByJob, most: int) -> None:
        """Request at most this many jobs, those with the oldest request first, because any request may fail."""
        waiting = (group for group in groups if group[0].job_id not in self._apart)
        for group in sorted(waiting, key=lambda group: group[0].attempted)[:most]:
            self._request_one(group)

    def _request_one(self, group: Group) -> None:
        """Request one job. An error of this job alone goes to its waiters; any other error is raised."""
        job_id = group[0].job_id
        for waiter in group:
            waiter.attempted = self._now
        self._requests += 1
        with self._ownership.request(job_id, is_status=True):
            reply = request_status(self._client, job_id, whole=any(waiter.needs_state for waiter in group))
        error = reply.error
        if error is None:
            self._answered()
            self._record_status(group, str(reply.status), reply.state)
            return
        if is_for_all(error):
            raise error
        if is_of_service(error):
            self._in_a_row += 1
            if self._in_a_row >= (_FAILURES_IN_A_ROW if self._has_answers else _FAILURES_OF_ALL):
                raise error  # the job is not the cause
        self._failed.add(job_id)
        self.result.news += record_error(group, error)
        self._suspect(job_id, error)

    def _answered(self) -> None:
        self._in_a_row, self._has_answers = 0, True
        for job_id in self._doubtful:
            self.result.suspects.setdefault(job_id, 0.0)
        self._doubtful.clear()

    def _suspect(self, job_id: str, error: PolarisError) -> None:
        """Mark a job for separate requests if others get answers, or if Polaris sent ``Retry-After`` for it."""
        if not is_of_service(error):
            self._answered()
            return
        wait = error.retry_after if isinstance(error, PolarisApiError) else None
        if wait or self._has_answers:
            self.result.suspects[job_id] = wait or 0.0
        else:
            self._doubtful.append(job_id)

    def _record_status(self, group: Group, status: str, state: JobState | None) -> None:
        plain = self._plain.setdefault(status, Observation(status))
        self.result.news += record_status(group, status, state, self._now, plain=plain)

    def _read_lists(self) -> None:
        """Look up all jobs in the lists and request a few of the missing ones; request more if lists fail."""
        self.result.has_read_lists = True
        wanted = WaitersByJob(self._waiters)
        try:
            self._search_lists(wanted)
        except PolarisApiError as error:
            self._poll_state.lists_refused = 400 <= error.status < 500 and not isinstance(error, CONNECTION_WIDE_ERRORS)
            self.result.record_retry_after(error, of_all=True)
            raise
        except (PolarisTransportError, PolarisProtocolError):
            # The list is endless, malformed, or too slow. If single requests fail, too, that error is reported.
            self._poll_state.skip_lists()
            self._request_all(wanted, request_budget.MOST_WITHOUT_LISTS)
            return
        self._has_answers = True
        self._request_all(wanted, request_budget.singles_left(self._requests))
        for group in wanted:
            for waiter in group:
                waiter.unlisted = waiter.unlisted or waiter.asked == self._now

    def _search_lists(self, wanted: WaitersByJob) -> None:
        rows = self._find(wanted, self._list(ACTIVE, "ASC", request_budget.most_pages(len(self._waiters))))
        self._requests = request_budget.pages_of(rows)
        self._poll_state.record_list_pages(self._requests)
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

    def _list(self, statuses: Sequence[str], order: str, most_pages: int) -> Iterator[dict[str, Any]]:
        whole = any(waiter.needs_state for waiter in self._waiters)
        return list_jobs(self._client, statuses, order, most_pages, whole=whole)

    def _find(
        self,
        wanted: WaitersByJob,
        rows: Iterator[dict[str, Any]],
        *,
        oldest: float | None = None,
        most: int | None = None,
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
            if oldest is not None and count % DATE_EVERY == 0 and (created_at(row) or oldest) < oldest:
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
