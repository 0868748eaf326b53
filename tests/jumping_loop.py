# SPDX-License-Identifier: Apache-2.0
"""An event loop that doesn't sleep. Its clock jumps to the next timer, unless a thread works for it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from airflow_provider_polaris.triggers.polling.client_threads import ClientThreads

T = TypeVar("T")


def run_without_sleeping(main: Coroutine[Any, Any, T], *, most: float = 300.0) -> T:
    """
    Run a coroutine as :func:`asyncio.run` does, on a :class:`JumpingLoop`.

    :param main: The coroutine.
    :param most: Seconds of the loop's clock that it may take.
    """
    loop = JumpingLoop()
    call = ClientThreads.call

    async def counted(*arguments: Any) -> Any:
        loop.working += 1
        try:
            return await call(*arguments)
        finally:
            loop.working -= 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClientThreads, "call", counted)
        try:
            return loop.run_until_complete(asyncio.wait_for(main, most))
        finally:
            loop.end()


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes in threads only."""

    def __init__(self) -> None:
        #: Number of threads that work for the loop.
        self.working = 0
        self._clock = _Selector(self)
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        done = super().run_in_executor(executor, func, *args)
        self.working += 1
        done.add_done_callback(self._ended)
        return done

    def end(self) -> None:
        """Cancel all tasks and close the loop."""
        tasks = asyncio.all_tasks(self)
        for task in tasks:
            task.cancel()
        if tasks:
            self.run_until_complete(asyncio.wait(tasks))
        self.run_until_complete(self.shutdown_default_executor())
        self.close()

    def _ended(self, _: Any) -> None:
        self.working -= 1


class _Selector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Advance the clock instead of sleeping."""

    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self.now = 0.0
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None or self._loop.working:
            # A thread ends this. The limit is a backstop.
            ready = super().select(120)
            assert ready, "nothing happened for two minutes"
        else:
            self.now += timeout
        return ready
