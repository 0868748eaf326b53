# SPDX-License-Identifier: Apache-2.0
"""Another server answers instead of Polaris: no task ends because of it, and no other task is delayed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.triggers.conftest import Answer
from tests.triggers.waiters import INTERVAL, MINUTE, watch_many

PAGE = b"<html><h1>Under maintenance</h1></html>"


def page(status: int) -> Answer:
    return Answer(status, {"Content-Type": "text/html"}, PAGE)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
@pytest.mark.parametrize("count", [3, 30])
def test_wait_goes_on_while_a_proxy_answers(world: Any, count: int, status: int, trigger_log: Any) -> None:
    """After ten minutes of HTML pages for single requests and lists, every trigger still detects the end of its job."""
    world.polaris.failure = lambda method, path: page(status) if 35 <= world.time() < 10 * MINUTE else None
    started = watch_many(world, count, 15 * MINUTE, completed=60.0)
    assert [heard.event["state"] for _, heard in started] == ["completed"] * count
    assert not [line for line in trigger_log() if "Polaris doesn't know" in line or "404 'NotFound'" in line]


@pytest.mark.parametrize("status", [400, 403, 404])
def test_pages_in_place_of_one_job_hold_up_nobody_else(world: Any, status: int) -> None:
    """If another server answers for one job, the other jobs' ends are detected in time."""
    world.polaris.failure = lambda method, path: page(status) if path.startswith("/jobs/job-0") else None

    async def scenario() -> list[Any]:
        started = []
        for number in range(3):
            world.polaris.add(f"job-{number}", (-5.0, "running"), (60.0, "completed"))
            started.append(world.watch(f"job-{number}"))
        await asyncio.sleep(5 * MINUTE)
        await world.finish(*(task for task, _ in started))
        return [heard for _, heard in started]

    first, *others = world.run(scenario())
    assert first.event is None
    assert [heard.event["state"] for heard in others] == ["completed"] * 2
    assert max(heard.at for heard in others) <= 60 + INTERVAL + 2
