"""
Runs the ticks of a watcher in a thread, and in another one once a request of the first doesn't end.

Nothing interrupts a thread. So the thread keeps its request, whose answer nobody needs any more, and ends with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.triggers.job_watcher.poll_ownership import PollOwnership

if TYPE_CHECKING:
    from airflow_provider_polaris.client import ClientSettings
    from airflow_provider_polaris.triggers.job_watcher.poll_result import PollResult
    from airflow_provider_polaris.triggers.polling.client_threads import ClientThreads

#: Seconds between two looks at a tick. A request for one job that both looks find under way is left behind.
LOOK_SECONDS: Final = 1.0
#: Seconds that a tick may take. Twelve pages of a list take some seconds in all.
TICK_SECONDS: Final = 120.0
#: Threads that may be left behind at a time. While there are so many, a tick waits for its requests.
MOST_LEFT: Final = 8


class PollThread:
    """
    A thread that polls, and its successors.

    :param make_threads: Makes a thread.
    """

    def __init__(self, make_threads: Callable[[], ClientThreads]) -> None:
        self._make_threads = make_threads
        self._threads = make_threads()
        self._left: set[asyncio.Task[Any]] = set()

    async def run(
        self, settings: ClientSettings, work: Callable[..., PollResult], turn: PollOwnership
    ) -> PollResult | None:
        """
        Run a tick.

        :param settings: What the client is made with.
        :param work: Given the client and ``turn``.
        :param turn: Of this tick.
        :return: Its findings. None if a request doesn't end: the turn is the caller's now, and with it the findings so
            far.
        """
        loop = asyncio.get_running_loop()
        call = loop.create_task(self._threads.call(settings, partial(work, turn=turn)))
        end = loop.time() + TICK_SECONDS
        number = 0
        try:
            while not (await asyncio.wait([call], timeout=LOOK_SECONDS))[0]:
                is_stuck = turn.job_id is not None and turn.number == number
                number = turn.number
                if (is_stuck or loop.time() >= end) and len(self._left) < MOST_LEFT and turn.take_away():
                    self._leave(call)
                    return None
        except asyncio.CancelledError:
            call.cancel()
            raise
        return call.result()

    def close(self) -> None:
        """Wait for nothing any more."""
        self._threads.close()
        for call in self._left:
            call.cancel()

    def _leave(self, call: asyncio.Task[Any]) -> None:
        self._left.add(call)
        call.add_done_callback(self._returned)
        self._threads.close()
        self._threads = self._make_threads()

    def _returned(self, call: asyncio.Task[Any]) -> None:
        self._left.discard(call)
        if not call.cancelled():
            call.exception()  # nobody else looks at it
