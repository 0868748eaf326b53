# SPDX-License-Identifier: Apache-2.0
"""
Keep the event loop responsive when a thousand waiters have work at the same time.

Two things block it: all waiters that run in one iteration of the loop, and log lines. Airflow's triggerer writes a log
line to a socket that its parent process reads. While the parent is busy, for example with the database, the socket is
full after some hundred lines, and the next line blocks. Source: ``_configure_logs_over_json_channel`` of Airflow 3.3.2.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from airflow_provider_polaris.hooks.job_result import log_messages
from airflow_provider_polaris.triggers.polling.connection import create_isolated_task

if TYPE_CHECKING:
    from airflow_provider_polaris.jobs.status.wait_tracker import Message

T = TypeVar("T")

#: Maximum number of waiters that run in one iteration of the loop.
AT_A_TIME: Final = 50


async def in_batches(items: Iterable[T]) -> AsyncIterator[T]:
    """
    Yield all items. After each 50 items the loop runs what they have scheduled, and everything else that is due.

    :param items: Items, each of which wakes one waiter.
    """
    for number, item in enumerate(items, 1):
        yield item
        if number % AT_A_TIME == 0:
            await asyncio.sleep(0)


class LogThread:
    """Write log lines of many tasks from one thread at a time. Lines that come while it is busy are one more call."""

    def __init__(self) -> None:
        self._lines: list[_Lines] = []
        self._task: asyncio.Task[None] | None = None

    async def write(self, log: Any, messages: Sequence[Message]) -> None:
        """
        Write messages in order, and return when they are written.

        If the caller is canceled, it stops waiting, but the messages are still written. They are written in the
        caller's context, which tells Airflow whose log it is.

        :param log: Logger of the trigger.
        :param messages: Any number; without any, this returns immediately.
        """
        if not messages:
            return
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.append(_Lines(contextvars.copy_context(), log, messages, written))
        if self._task is None:
            self._task = create_isolated_task(self._write_all())
        await written

    async def _write_all(self) -> None:
        try:
            while self._lines:
                lines, self._lines = self._lines, []
                await asyncio.to_thread(_write, lines)
                async for each in in_batches(lines):
                    if not each.written.done():
                        each.written.set_result(None)
        finally:
            self._task = None


class _Lines(NamedTuple):
    context: contextvars.Context
    log: Any
    messages: Sequence[Message]
    written: asyncio.Future[None]


def _write(lines: Sequence[_Lines]) -> None:
    for each in lines:
        with contextlib.suppress(Exception):  # the wait matters more than a line
            each.context.run(log_messages, each.log, each.messages)


_LOG_THREADS: WeakKeyDictionary[asyncio.AbstractEventLoop, LogThread] = WeakKeyDictionary()


async def log_from_thread(log: Any, messages: Sequence[Message]) -> None:
    """
    Write messages to the log of a task with the :class:`LogThread` of the running event loop.

    :param log: Logger of the trigger.
    :param messages: Any number.
    """
    await _LOG_THREADS.setdefault(asyncio.get_running_loop(), LogThread()).write(log, messages)
