# SPDX-License-Identifier: Apache-2.0
"""
Request some jobs separately: their requests hang, or fail while other jobs get answers.

Each job has at most one open request, in one of a few threads. So a job that always fails doesn't delay other jobs.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Set
from functools import partial
from typing import TYPE_CHECKING, Final

from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisError, PolarisTransportError
from airflow_provider_polaris.triggers.job_watcher.poll_result import WaitersByJob
from airflow_provider_polaris.triggers.job_watcher.poll_thread import CHECK_SECONDS
from airflow_provider_polaris.triggers.job_watcher.single_status import (
    Reply,
    is_of_service,
    request_status,
    unexpected_error,
)
from airflow_provider_polaris.triggers.polling.schedule import LONGEST_HOLD, is_due

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import IngestionService
    from airflow_provider_polaris.triggers.job_watcher.waiter import Waiter
    from airflow_provider_polaris.triggers.polling.client_threads import ClientThreads
    from airflow_provider_polaris.triggers.polling.connection import SharedSettings

MOST_THREADS: Final = 4
#: A job is not requested twice within this share of the poll interval.
_SAME_TICK: Final = 0.1
#: Seconds after which an open request counts as a failed poll at each poll. Its answer is still awaited.
_LONGEST_SECONDS: Final = 60.0


class SeparateJobs:
    """
    The separately requested jobs of one watcher. Used only on the event loop.

    :param settings: The connection.
    :param threads: Threads for the requests.
    :param rng: Source of the jitter after ``Retry-After``.
    :param deliver: Called with each reply and the start time of its request.
    """

    def __init__(
        self,
        settings: SharedSettings,
        threads: ClientThreads,
        rng: random.Random,
        deliver: Callable[[Reply, float], None],
    ) -> None:
        self._settings = settings
        self._threads = threads
        self._rng = rng
        self._deliver = deliver
        #: Jobs, with the earliest time of the next request on the event loop's clock.
        self._jobs: dict[str, float] = {}
        self._requests: dict[str, asyncio.Task[None]] = {}
        #: Start time of each open request.
        self._began: dict[str, float] = {}

    @property
    def jobs(self) -> Set[str]:
        """Ids of the separately requested jobs."""
        return self._jobs.keys()

    def add(self, job_id: str, since: float, wait: float = 0.0) -> None:
        """
        Request a job separately from now on.

        :param job_id: The job.
        :param since: Time of the last request.
        :param wait: ``Retry-After`` in seconds, counted from ``since``; at most 10 min are respected.
        """
        self._jobs[job_id] = since + (min(wait, LONGEST_HOLD) + self._rng.uniform(0.0, 1.0) if wait else 0.0)

    def request(self, waiters: Iterable[Waiter], pace: float) -> None:
        """
        Start a request for each due job, and remove jobs without a waiter.

        :param waiters: All waiters.
        :param pace: Seconds to the next poll.
        """
        if not self._jobs:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        groups = {
            group[0].job_id: group for group in WaitersByJob(each for each in waiters if each.job_id in self._jobs)
        }
        self._jobs = {job_id: at for job_id, at in self._jobs.items() if job_id in groups}
        for job_id, group in groups.items():
            if job_id in self._requests:
                self._report_overdue(job_id, now)
            elif any(is_due(waiter, now, pace) and now - waiter.attempted > _SAME_TICK * pace for waiter in group):
                whole = any(waiter.needs_state for waiter in group)
                for waiter in group:
                    waiter.attempted = now
                self._requests[job_id] = loop.create_task(self._request(job_id, self._jobs[job_id], whole=whole))

    def stop(self) -> None:
        """Stop waiting for answers."""
        for request in self._requests.values():
            request.cancel()

    async def _request(self, job_id: str, at: float, *, whole: bool) -> None:
        loop = asyncio.get_running_loop()
        try:
            await asyncio.sleep(max(0.0, at - loop.time()))
            if job_id not in self._jobs:
                return
            began = self._began[job_id] = loop.time()
            reply = await self._settings.call(self._threads, partial(_work, job_id=job_id, whole=whole))
        except PolarisError as error:
            reply = Reply(job_id, error=error)
        except Exception as error:
            reply = Reply(job_id, error=unexpected_error("the poll for a single task failed", error))
        finally:
            del self._requests[job_id]
            self._began.pop(job_id, None)
        self._set_next_request(reply, began, loop.time())
        self._deliver(reply, began)

    def _set_next_request(self, reply: Reply, began: float, ended: float) -> None:
        """Schedule the next request; return a job to the shared poll after a quick answer."""
        error = reply.error
        if error is not None and is_of_service(error):
            asked = error.retry_after if isinstance(error, PolarisApiError) else None
            self.add(reply.job_id, began, asked or 0.0)
        elif ended - began < CHECK_SECONDS:
            self._jobs.pop(reply.job_id, None)

    def _report_overdue(self, job_id: str, now: float) -> None:
        seconds = now - self._began.get(job_id, now)
        if seconds >= _LONGEST_SECONDS:
            error = PolarisTransportError(
                f"The service has not answered a status request for job {job_id!r} for {seconds:.0f} s."
            )
            self._deliver(Reply(job_id, error=error), now)


def _work(client: IngestionService, job_id: str, *, whole: bool) -> Reply:
    reply = request_status(client, job_id, whole=whole)
    if reply.error is not None:
        raise reply.error
    return reply
