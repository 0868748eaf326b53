# SPDX-License-Identifier: Apache-2.0
"""
One poll for all waiters of a watcher: requests for single jobs, failures, and the state that is kept between polls.

Runs in the poll thread, uses neither asyncio nor Airflow, and logs nothing. A job has ended only if the service
returned a terminal status. A job that is missing from a shared answer may have ended, or the answer may lag.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from airflow_provider_polaris.jobs.errors import (
    CONNECTION_WIDE_ERRORS,
    PolarisApiError,
    PolarisError,
    PolarisProtocolError,
    PolarisTransportError,
)
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.triggers.job_watcher import request_budget
from airflow_provider_polaris.triggers.job_watcher.poll_ownership import PollOwnership
from airflow_provider_polaris.triggers.job_watcher.poll_result import Group, PollTime, WaitersByJob, fail, is_for_all
from airflow_provider_polaris.triggers.job_watcher.progress import ProgressPoller
from airflow_provider_polaris.triggers.job_watcher.single_status import (
    is_of_service,
    record_error,
    record_status,
    request_status,
)
from airflow_provider_polaris.triggers.job_watcher.waiter import Observation, Waiter
from airflow_provider_polaris.triggers.polling.schedule import is_due

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import IngestionService

#: Consecutive failed single requests that end the poll: before any job got an answer, and after one did.
_FAILURES_OF_ALL: Final = 2

_FAILURES_IN_A_ROW: Final = 5

#: Number of polls after which a stored list length is outdated.
_POLLS_REMEMBERED: Final = 30

#: Number of polls that don't read the list of active jobs after it was too long.
_POLLS_WITHOUT_ACTIVE_LIST: Final = 30

#: Maximum number of polls that skip lists after lists failed.
_LONGEST_REST: Final = 32


@dataclass
class PollState:
    """
    State that is kept between polls, in addition to the state of each waiter.

    :param list_pages: Pages of the list of active jobs in the last poll that read it; None if unknown or outdated.
    :param lists_refused: The service rejected the list request as invalid, so it isn't sent again.
    :param updates_until: Start of the last complete search for recently ended jobs, in epoch seconds; None before it.
    :param progress: Polls the progress of jobs.
    """

    list_pages: int | None = None
    lists_refused: bool = False
    updates_until: float | None = None
    progress: ProgressPoller = field(default_factory=ProgressPoller)
    _polls: int = 0
    _rest: int = 0
    _next_rest: int = 1
    _without_active_list: int = 0

    def skip_active_list(self) -> None:
        """Don't read the list of active jobs for some polls, because it is too long."""
        self._without_active_list = _POLLS_WITHOUT_ACTIVE_LIST

    def can_read_active_list(self) -> bool:
        """Return whether this poll may read the list of active jobs. Call it once for each poll."""
        self._without_active_list -= 1
        return self._without_active_list < 0

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


class PollRun(ABC):
    """
    One poll. A subclass knows the requests that many jobs share.

    :param client: Client for the requests.
    :param waiters: Waiters that joined before the poll.
    :param poll_state: State from the previous poll.
    :param moment: Time of this poll.
    :param ownership: Ownership of the poll state.
    :param apart: Jobs that are requested separately. This poll only reads shared answers for them.
    """

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
        """Request the status of each due job."""
        due = WaitersByJob(waiter for waiter in self._waiters if self._is_due(waiter))
        jobs = len(due)
        if self._requests_each(jobs):
            self._request_all(due, jobs)
        elif not self._poll_state.can_read_lists():
            self._request_all(due, request_budget.MOST_WITHOUT_LISTS)
        else:
            del due  # a shared request covers all jobs; keeping both would double the memory
            self._read_lists()
        if request_budget.has_request_for_progress(len(self._waiters), jobs, self._requests):
            self._poll_state.progress.request(self._client, WaitersByJob(self._waiters), self.result, self._ownership)

    @abstractmethod
    def _requests_each(self, jobs: int) -> bool:
        """Return whether to request each due job, because that takes no more requests."""

    @abstractmethod
    def _wanted(self) -> WaitersByJob:
        """Return the waiters whose jobs a shared request covers."""

    @abstractmethod
    def _search(self, wanted: WaitersByJob) -> None:
        """Request many jobs at once, record their statuses, and remove those from ``wanted`` that need no more."""

    def _singles_left(self) -> int:
        """Return how many jobs that the shared answers lack may be requested one by one."""
        return request_budget.singles_left(self._requests)

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
        """Mark a job for separate requests if others get answers, or if the service sent ``Retry-After`` for it."""
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
        """Send the shared requests, and request a few of the missing jobs; request more if a shared request fails."""
        self.result.has_read_lists = True
        wanted = self._wanted()
        try:
            self._search(wanted)
        except PolarisApiError as error:
            self._poll_state.lists_refused = 400 <= error.status < 500 and not isinstance(error, CONNECTION_WIDE_ERRORS)
            self.result.record_retry_after(error, of_all=True)
            raise
        except (PolarisTransportError, PolarisProtocolError):
            # The answer is endless, malformed, or too slow. If single requests fail, too, that error is reported.
            self._poll_state.skip_lists()
            self._request_all(wanted, request_budget.MOST_WITHOUT_LISTS)
            return
        self._has_answers = True
        self._request_all(wanted, self._singles_left())
        for group in wanted:
            for waiter in group:
                waiter.unlisted = waiter.unlisted or waiter.asked == self._now
