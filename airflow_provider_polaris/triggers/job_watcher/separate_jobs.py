"""
Jobs that are asked for apart from the others, because their requests don't end, or fail while others are answered.

Each has one request under way at most, in one of a few threads, so a job that always fails costs the others nothing.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Set
from functools import partial
from typing import TYPE_CHECKING, Final

from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisError, PolarisTransportError
from airflow_provider_polaris.triggers.job_watcher.poll_thread import LOOK_SECONDS
from airflow_provider_polaris.triggers.job_watcher.single_status import Reply, ask, broken, is_of_service
from airflow_provider_polaris.triggers.job_watcher.waiter import WaitersByJob
from airflow_provider_polaris.triggers.polling.schedule import LONGEST_HOLD, is_due

if TYPE_CHECKING:
    from airflow_provider_polaris.client import PolarisClient
    from airflow_provider_polaris.triggers.job_watcher.waiter import Waiter
    from airflow_provider_polaris.triggers.polling.client_threads import ClientThreads
    from airflow_provider_polaris.triggers.polling.connection import SharedSettings

MOST_THREADS: Final = 4
#: What was asked for so short a share of the time between two ticks ago has had its turn.
_SAME_TICK: Final = 0.1
#: A request that takes longer counts as a failed poll at each tick, while its answer is still waited for.
_LONGEST_SECONDS: Final = 60.0


class SeparateJobs:
    """
    The jobs of one watcher that are asked for apart; belongs to the event loop.

    :param settings: The connection.
    :param threads: Where the requests are made.
    :param rng: For the jitter of waits that the service asks for.
    :param tell: Takes each reply, and when its request was begun.
    """

    def __init__(
        self,
        settings: SharedSettings,
        threads: ClientThreads,
        rng: random.Random,
        tell: Callable[[Reply, float], None],
    ) -> None:
        self._settings = settings
        self._threads = threads
        self._rng = rng
        self._tell = tell
        #: Each job, and when it may be asked for, on the event loop's clock.
        self._jobs: dict[str, float] = {}
        self._errands: dict[str, asyncio.Task[None]] = {}
        #: When the request of each errand was begun.
        self._began: dict[str, float] = {}

    @property
    def jobs(self) -> Set[str]:
        """Ids of the jobs."""
        return self._jobs.keys()

    def add(self, job_id: str, since: float, wait: float = 0.0) -> None:
        """
        Ask for a job apart from now on.

        :param job_id: The job.
        :param since: When it was asked for last.
        :param wait: Seconds from then that the service asks to wait; ten minutes at most are respected.
        """
        self._jobs[job_id] = since + (min(wait, LONGEST_HOLD) + self._rng.uniform(0.0, 1.0) if wait else 0.0)

    def ask(self, waiters: Iterable[Waiter], pace: float) -> None:
        """
        Begin to ask for each job that is due, and forget those that nobody waits for any more.

        :param waiters: All.
        :param pace: Seconds to the next tick.
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
            if job_id in self._errands:
                self._complain(job_id, now)
            elif any(is_due(waiter, now, pace) and now - waiter.attempted > _SAME_TICK * pace for waiter in group):
                whole = any(waiter.wants_state for waiter in group)
                for waiter in group:
                    waiter.attempted = now
                self._errands[job_id] = loop.create_task(self._ask(job_id, self._jobs[job_id], whole=whole))

    def stop(self) -> None:
        """Wait for no answer any more."""
        for errand in self._errands.values():
            errand.cancel()

    async def _ask(self, job_id: str, at: float, *, whole: bool) -> None:
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
            reply = Reply(job_id, error=broken("the poll for a single task broke", error))
        finally:
            del self._errands[job_id]
            self._began.pop(job_id, None)
        self._judge(reply, began, loop.time())
        self._tell(reply, began)

    def _judge(self, reply: Reply, began: float, ended: float) -> None:
        """Take a job back to the others once it is answered, and soon."""
        error = reply.error
        if error is not None and is_of_service(error):
            asked = error.retry_after if isinstance(error, PolarisApiError) else None
            self.add(reply.job_id, began, asked or 0.0)
        elif ended - began < LOOK_SECONDS:
            self._jobs.pop(reply.job_id, None)

    def _complain(self, job_id: str, now: float) -> None:
        seconds = now - self._began.get(job_id, now)
        if seconds >= _LONGEST_SECONDS:
            error = PolarisTransportError(
                f"Polaris has not answered for {seconds:.0f} s when it was asked for the status of job {job_id!r}."
            )
            self._tell(Reply(job_id, error=error), now)


def _work(client: PolarisClient, job_id: str, *, whole: bool) -> Reply:
    reply = ask(client, job_id, whole=whole)
    if reply.error is not None:
        raise reply.error
    return reply
