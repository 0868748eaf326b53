# SPDX-License-Identifier: Apache-2.0
"""Log lines of many tasks are written from a thread: the loop doesn't wait for the reader of a log."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_polaris.triggers.polling.pacing import LogThread

WHOSE: contextvars.ContextVar[str] = contextvars.ContextVar("whose", default="nobody's")
MANY = 200
#: Backstop in seconds of a wait that takes no time.
PATIENCE = 30


class Log:
    """A log whose reader may be away."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.threads: set[int] = set()
        self.reader = threading.Event()
        self.broken = False

    def log(self, level: int, text: str, *values: Any) -> None:
        if not self.reader.wait(PATIENCE):
            self.reader.set()  # one wait is enough to fail
            self.broken = True
        if self.broken:
            raise OSError("the reader is gone")
        self.threads.add(threading.get_ident())
        self.lines.append((WHOSE.get(), text % values))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Count the calls of a thread."""
    made: list[None] = []
    original = asyncio.to_thread

    async def to_thread(work: Callable[..., Any], *arguments: Any) -> Any:
        made.append(None)
        return await original(work, *arguments)

    monkeypatch.setattr(asyncio, "to_thread", to_thread)
    return made


async def task(thread: LogThread, log: Log, name: str) -> None:
    """Write two lines as a task does."""
    WHOSE.set(name)
    await thread.write(log, [(logging.INFO, f"first of {name}"), (logging.WARNING, f"second of {name}")])
    await thread.write(log, [])


def start(thread: LogThread, log: Log, count: int) -> list[asyncio.Task[None]]:
    """Start tasks that write."""
    return [asyncio.get_running_loop().create_task(task(thread, log, str(number))) for number in range(count)]


def test_lines_of_many_tasks_wait_in_a_thread_and_are_written_in_order(calls: list[None]) -> None:
    """The loop runs while nobody reads; afterwards each line is in its task's context, with a call for all of them."""
    log = Log()

    async def scenario() -> bool:
        tasks = start(LogThread(), log, MANY)
        for _ in range(10):  # the loop is free
            await asyncio.sleep(0)
        none_is_done = not any(each.done() for each in tasks)
        log.reader.set()
        await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE)
        return none_is_done

    assert asyncio.run(scenario())
    names = [str(number) for number in range(MANY)]
    assert log.lines == [(name, f"{place} of {name}") for name in names for place in ("first", "second")]
    assert threading.get_ident() not in log.threads
    assert len(calls) <= 2


def test_lines_of_a_task_that_is_canceled_are_written(calls: list[None]) -> None:
    """The task ends immediately, and the thread goes on."""
    log = Log()

    async def scenario() -> None:
        thread = LogThread()
        (canceled,) = start(thread, log, 1)
        await asyncio.sleep(0)
        canceled.cancel()
        assert await asyncio.gather(canceled, return_exceptions=True) != [None]
        log.reader.set()
        await asyncio.wait_for(task(thread, log, "next"), PATIENCE)

    asyncio.run(scenario())

    assert [text for _, text in log.lines] == ["first of 0", "second of 0", "first of next", "second of next"]


def test_line_that_cannot_be_written_ends_no_wait() -> None:
    """The wait for a job is worth more than its log."""
    log = Log()
    log.reader.set()
    log.broken = True

    async def scenario() -> None:
        await asyncio.wait_for(task(LogThread(), log, "a task"), PATIENCE)

    asyncio.run(scenario())

    assert log.lines == []
