# SPDX-License-Identifier: Apache-2.0
"""Many triggers that wait in a test world, and the duration of the wait."""

from __future__ import annotations

import asyncio
from typing import Any

INTERVAL = 10.0
MINUTE = 60.0


async def wait_all(world: Any, started: list[Any], seconds: float) -> None:
    """Let time pass until all triggers have fired or the time is up; then stop the rest."""
    await asyncio.wait([task for task, _ in started], timeout=seconds)
    await world.finish(*(task for task, _ in started))


def many(world: Any, count: int) -> list[Any]:
    """Start triggers for jobs that have been running for a while."""
    for number in range(count):
        world.polaris.add(f"job-{number}", (-1000.0 - number, "running"))
    return [world.watch(f"job-{number}", INTERVAL, pending_warning=None) for number in range(count)]


def watch_many(world: Any, count: int, seconds: float, completed: float | None = None) -> list[Any]:
    """
    Start triggers for jobs that have been running for a while, and let time pass.

    :param completed: When all jobs complete; None if they run on.
    :return: Task of each trigger, and what was heard of it.
    """

    async def scenario() -> list[Any]:
        started = many(world, count)
        if completed is not None:
            for job in world.polaris.jobs.values():
                job.changes.append((completed, "completed"))
        await wait_all(world, started, seconds)
        return started

    return list(world.run(scenario()))
