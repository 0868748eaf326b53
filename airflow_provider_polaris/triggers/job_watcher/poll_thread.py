# SPDX-License-Identifier: Apache-2.0
"""
Run the polls of a watcher in a thread, and in a new thread if a request hangs.

A thread can't be interrupted. It finishes its abandoned request, whose answer is dropped, and then ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.triggers.job_watcher.poll_ownership import PollOwnership

if TYPE_CHECKING:
    from airflow_provider_polaris.client import ServiceSettings
    from airflow_provider_polaris.triggers.job_watcher.poll_result import PollResult
    from airflow_provider_polaris.triggers.polling.client_threads import ClientThreads

#: Seconds between two checks of a running poll. A single-job request that is active at both checks is abandoned.
CHECK_SECONDS: Final = 1.0
#: Maximum duration of a poll in seconds. Twelve pages of a list take a few seconds in total.
POLL_SECONDS: Final = 120.0
#: Maximum number of abandoned threads. At this limit, a poll waits for its requests.
MOST_ABANDONED: Final = 8


class PollThread:
    """
    The poll thread, which is replaced if a request hangs.

    :param make_threads: Creates a thread.
    """

    def __init__(self, make_threads: Callable[[], ClientThreads]) -> None:
        self._make_threads = make_threads
        self._threads = make_threads()
        self._abandoned: set[asyncio.Task[Any]] = set()

    async def run(
        self, settings: ServiceSettings, work: Callable[..., PollResult], ownership: PollOwnership
    ) -> PollResult | None:
        """
        Run a poll.

        :param settings: Settings for the client.
        :param work: Called with the client and ``ownership``.
        :param ownership: Ownership of this poll.
        :return: The result. None if a request hangs: the caller now owns ``ownership`` and its results so far.
        """
        loop = asyncio.get_running_loop()
        call = loop.create_task(self._threads.call(settings, partial(work, ownership=ownership)))
        end = loop.time() + POLL_SECONDS
        number = 0
        try:
            while not (await asyncio.wait([call], timeout=CHECK_SECONDS))[0]:
                is_stuck = ownership.job_id is not None and ownership.number == number
                number = ownership.number
                if (is_stuck or loop.time() >= end) and len(self._abandoned) < MOST_ABANDONED and ownership.take_away():
                    self._abandon(call)
                    return None
        except asyncio.CancelledError:
            call.cancel()
            raise
        return call.result()

    def close(self) -> None:
        """Stop waiting for all threads."""
        self._threads.close()
        for call in self._abandoned:
            call.cancel()

    def _abandon(self, call: asyncio.Task[Any]) -> None:
        self._abandoned.add(call)
        call.add_done_callback(self._returned)
        self._threads.close()
        self._threads = self._make_threads()

    def _returned(self, call: asyncio.Task[Any]) -> None:
        self._abandoned.discard(call)
        if not call.cancelled():
            call.exception()  # mark it as retrieved
