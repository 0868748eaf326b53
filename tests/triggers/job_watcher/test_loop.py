# SPDX-License-Identifier: Apache-2.0
"""The cost of waiting for Airflow's event loop, which all triggers share: work per callback, not seconds."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from airflow_provider_polaris.triggers.job_watcher import waiter, watcher
from airflow_provider_polaris.triggers.job_watcher import wake_timer as alarms
from tests.triggers.job_watcher.test_budget import INTERVAL, start_many

MANY = 1000
#: Maximum number of waiters per callback, with at most three function calls for each.
LIMIT = 3 * alarms.AT_A_TIME + 10
_FILES = {module.__file__ for module in (alarms, waiter, watcher)}
_CALLBACK = asyncio.Handle._run.__code__


class Calls:
    """Calls of functions of the watcher, its alarms and its waiters, counted for each callback of the loop."""

    def __init__(self) -> None:
        self.total = 0
        self.most = 0
        self._before = 0

    def note(self, frame: FrameType, event: str, _: Any) -> None:
        """Count a call; a profile function of Python."""
        if event != "call":
            return
        if frame.f_code is _CALLBACK:
            self._before = self.total
        elif frame.f_code.co_filename in _FILES:
            self.total += 1
            self.most = max(self.most, self.total - self._before)


@contextmanager
def counted() -> Iterator[Calls]:
    """Count until the block ends."""
    calls = Calls()
    before = sys.getprofile()
    sys.setprofile(calls.note)
    try:
        yield calls
    finally:
        sys.setprofile(before)


def test_watcher_of_many_jobs_that_end_at_once_never_holds_up_the_loop(world: Any) -> None:
    """No callback of the watcher handles more than a limited number of waiters, during the wait or at the end."""

    async def scenario() -> list[Any]:
        started = await start_many(world, MANY)
        for job in world.polaris.jobs.values():
            job.changes.append((35.0, "completed"))
        with counted() as calls:
            await asyncio.wait([task for task, _ in started], timeout=35.0 + 3 * INTERVAL)
        assert {heard.event["state"] for _, heard in started} == {"completed"}
        return [calls.total, calls.most]

    total, most = world.run(scenario())

    assert total >= 2 * MANY
    assert alarms.AT_A_TIME <= most <= LIMIT


def test_alarms_of_many_waiters_at_once_never_hold_up_the_loop(world: Any) -> None:
    """All reach their deadline at the same time."""

    async def scenario() -> list[Any]:
        started = []
        for number in range(MANY):
            world.polaris.add(f"job-{number}")
            started.append(world.watch(f"job-{number}", INTERVAL, deadline=world.epoch(35.0), cancel_on_timeout=False))
            if number % 100 == 0:
                await asyncio.sleep(0)
        with counted() as calls:
            await asyncio.wait([task for task, _ in started], timeout=35.0 + 3 * INTERVAL)
        assert {heard.event["status"] for _, heard in started} == {"timeout"}
        return [calls.total, calls.most]

    total, most = world.run(scenario())

    assert total >= 2 * MANY
    assert alarms.AT_A_TIME <= most <= LIMIT
