# SPDX-License-Identifier: Apache-2.0
"""
Poll once for all waiters of a watcher, in as few requests as the service allows.

Runs in the poll thread, uses neither asyncio nor Airflow, and logs nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, cast

from airflow_provider_polaris.jobs.errors import PolarisError
from airflow_provider_polaris.jobs.status.statuses import normalize_status
from airflow_provider_polaris.triggers.job_watcher import request_budget
from airflow_provider_polaris.triggers.job_watcher.poll_lists import ListPoll
from airflow_provider_polaris.triggers.job_watcher.poll_ownership import PollAbandonedError, PollOwnership
from airflow_provider_polaris.triggers.job_watcher.poll_result import PollResult, PollTime, WaitersByJob
from airflow_provider_polaris.triggers.job_watcher.poll_run import PollRun, PollState
from airflow_provider_polaris.triggers.job_watcher.single_status import unexpected_error
from airflow_provider_polaris.triggers.job_watcher.waiter import Waiter
from airflow_provider_polaris.triggers.polling.schedule import is_due

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import BulkStatusService, IngestionService


class BulkPoll(PollRun):
    """
    A poll of a service that returns the statuses of many jobs with one request.

    A job whose rows can't be seen yet counts as completed. The worker that resumes the task waits until they can.
    """

    def _requests_each(self, jobs: int) -> bool:
        return jobs <= 1

    def _wanted(self) -> WaitersByJob:
        return WaitersByJob(each for each in self._waiters if is_due(each, self._now, self._moment.pace))

    def _search(self, wanted: WaitersByJob) -> None:
        ids = [group[0].job_id for group in wanted]
        with self._ownership.request():
            statuses = cast("BulkStatusService", self._client).get_job_statuses(ids)
        self._requests = request_budget.bulk_requests(len(ids))
        for job_id, status in statuses.items():
            if job_id not in wanted:
                continue
            group = wanted[job_id]
            # A waiter that needs the whole state gets it from a request for its job.
            if not any(waiter.needs_state for waiter in group):
                wanted.take(job_id)
            self._record_status(group, normalize_status(status), None)


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
    :param apart: Jobs that are requested separately. This poll only reads shared answers for them.
    """
    strategy: type[PollRun] = BulkPoll if client.capabilities.bulk_status else ListPoll
    poll_run = strategy(client, waiters, poll_state, moment, ownership or PollOwnership(), apart)
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
