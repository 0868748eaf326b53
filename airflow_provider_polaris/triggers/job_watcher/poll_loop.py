# SPDX-License-Identifier: Apache-2.0
"""
The poll loop of a watcher. Each poll requests the jobs of all waiters and delivers the results.

During a poll, the poll thread owns the state of the waiters. Replies to separate requests are held until it ends.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from airflow_provider_polaris.jobs.errors import PolarisError, PolarisThrottledError
from airflow_provider_polaris.triggers.job_watcher.poll_ownership import PollOwnership
from airflow_provider_polaris.triggers.job_watcher.poll_result import PollResult, PollTime, fail
from airflow_provider_polaris.triggers.job_watcher.poll_run import PollState
from airflow_provider_polaris.triggers.job_watcher.poll_thread import PollThread
from airflow_provider_polaris.triggers.job_watcher.separate_jobs import MOST_THREADS, SeparateJobs
from airflow_provider_polaris.triggers.job_watcher.single_status import (
    Reply,
    record_error,
    record_status,
    unexpected_error,
)
from airflow_provider_polaris.triggers.job_watcher.waiter import Waiter
from airflow_provider_polaris.triggers.polling.client_threads import ClientThreads
from airflow_provider_polaris.triggers.polling.connection import SharedSettings, read_settings
from airflow_provider_polaris.triggers.polling.pacing import in_batches
from airflow_provider_polaris.triggers.polling.schedule import PollSchedule, wait_for_next_poll

if TYPE_CHECKING:
    from airflow_provider_polaris.client import ServiceSettings
    from airflow_provider_polaris.triggers.job_watcher.waiter import Observation


#: Retry budget of a poll in seconds. Enough to reconnect once; the next poll retries everything else.
POLL_RETRIES: Final = 2.0


class PollLoop:
    """
    Run polls, one after the other.

    :param waiters: The watcher's collection of waiters; it changes during the loop.
    :param settings: The connection.
    :param tools: Dependencies of the watcher.
    :param changed: Set when an interval was added.
    :param poll: Polls Polaris; runs in a thread.
    """

    def __init__(
        self,
        waiters: Collection[Waiter],
        settings: SharedSettings,
        tools: Dependencies,
        changed: asyncio.Event,
        poll: Callable[..., PollResult],
    ) -> None:
        self._waiters = waiters
        self._settings = settings
        self._changed = changed
        self._poll = poll
        self._schedule = PollSchedule(tools.rng)
        self._poll_state = PollState()
        self._poll_thread = PollThread(
            partial(tools.threads, "polaris-poll", most=1, stay=True, retry_budget=POLL_RETRIES)
        )
        threads = tools.threads("polaris-apart", most=MOST_THREADS, stay=False, retry_budget=0.0)
        self._apart = SeparateJobs(settings, threads, tools.rng, self._take_reply)
        #: Replies that arrived during a poll; None between polls.
        self._replies: list[tuple[Reply, float]] | None = None

    async def next(self, shortest: Callable[[], float]) -> None:
        """
        Wait until the next poll is due, poll Polaris, and deliver the results.

        :param shortest: Returns the shortest interval of all waiters, in seconds.
        """
        loop = asyncio.get_running_loop()
        pace = await wait_for_next_poll(self._schedule, self._changed, shortest)
        began = loop.time()
        self._replies = []
        result = await self._tick(pace)
        self._schedule.record_poll(began, loop.time(), failed=result.has_failures, hold=result.hold)
        await _spread(result.news)
        replies, self._replies = self._replies, None
        for reply, asked in replies:
            self._take_reply(reply, asked)
        if result.hold is None:
            self._apart.request(self._waiters, pace)

    def close(self) -> None:
        """Stop waiting for answers."""
        self._apart.stop()
        self._poll_thread.close()

    async def _tick(self, pace: float) -> PollResult:
        from airflow_provider_polaris.runtime.clock import CLOCK

        moment = PollTime(asyncio.get_running_loop().time(), pace, CLOCK.now().timestamp())
        waiters = list(self._waiters)
        try:
            settings = await self._settings.get()
            result = await self._run(settings, waiters, moment)
            if result.is_unauthorized and (newer := await self._settings.get_newer(settings)) is not None:
                answered = [news for news in result.news if news[1].error is None]
                result = await self._run(newer, waiters, moment)
                result.news = answered + result.news
            return result
        except PolarisError as error:
            return fail(waiters, error, moment)
        except Exception as error:
            return fail(waiters, unexpected_error("the poll for all waiting tasks failed", error), moment)

    async def _run(self, settings: ServiceSettings, waiters: list[Waiter], moment: PollTime) -> PollResult:
        """Run a poll. If a request hangs, abandon it, deliver the results so far, and continue the poll."""
        failed: set[str] = set()
        while True:
            ownership = PollOwnership()
            apart = self._apart.jobs | failed
            work = partial(self._poll, waiters=waiters, poll_state=self._poll_state, moment=moment, apart=apart)
            result = await self._poll_thread.run(settings, work, ownership)
            is_over = True
            if result is None:
                result = ownership.result
                is_over = self._abandon_request(ownership, moment)
            for job_id, wait in result.suspects.items():
                self._apart.add(job_id, moment.now, wait)
            result.has_reported_failures = bool(failed)
            if is_over:
                return result
            failed |= {waiter.job_id for waiter, observation in result.news if observation.error is not None}
            await _spread(result.news)

    def _abandon_request(self, ownership: PollOwnership, moment: PollTime) -> bool:
        """Abandon a request that hangs. Return whether the poll is over."""
        if ownership.job_id is None:
            self._poll_state.skip_lists()
            return False
        if ownership.is_status:
            self._apart.add(ownership.job_id, moment.now)
            for waiter in self._waiters:
                if waiter.job_id == ownership.job_id:
                    waiter.attempted = float("-inf")  # no answer yet, so request it at once
            self._apart.request(self._waiters, moment.pace)
        return not ownership.is_status or ownership.result.has_read_lists

    def _take_reply(self, reply: Reply, asked: float) -> None:
        """Deliver the reply to a separate request; during a poll, keep it until the poll ends."""
        if self._replies is not None:
            self._replies.append((reply, asked))
            return
        group = tuple(waiter for waiter in self._waiters if waiter.job_id == reply.job_id)
        error = reply.error
        if error is None:
            news = record_status(group, str(reply.status), reply.state, asked)
        else:
            news = record_error(group, error)
            if isinstance(error, PolarisThrottledError) and error.retry_after is not None:
                self._schedule.hold(asyncio.get_running_loop().time(), error.retry_after)
                self._changed.set()
        for waiter, observation in news:
            waiter.deliver(observation)


async def _spread(news: list[tuple[Waiter, Observation]]) -> None:
    async for waiter, observation in in_batches(news):
        waiter.deliver(observation)


@dataclass
class Dependencies:
    """
    Dependencies of the watcher. Tests replace them.

    :param read_settings: Reads a connection.
    :param threads: Creates threads.
    :param rng: Source of the jitter.
    """

    read_settings: Callable[[str], Awaitable[ServiceSettings]] = read_settings
    threads: Callable[..., ClientThreads] = ClientThreads
    rng: random.Random = field(default_factory=random.Random)
