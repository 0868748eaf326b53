# SPDX-License-Identifier: Apache-2.0
"""More active jobs than a poll may list, as ten triggerers of one project have them: ends are detected in time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from airflow_provider_polaris.triggers.job_watcher import request_budget
from tests.triggers.waiters import INTERVAL, MINUTE, wait_all

#: More than the pages that a poll may read here.
FOREIGN = 1_100
PAGES = 2
#: More than a poll requests one by one in a minute.
COUNT = 330
#: Ends are spread over a minute.
FIRST_END, LAST_END = 60.0, 120.0


def ends() -> list[float]:
    """Return when each job ends."""
    return [FIRST_END + (LAST_END - FIRST_END) * (7 * number % COUNT) / COUNT for number in range(COUNT)]


@pytest.fixture
def crowded(world: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A project whose active list has the jobs of others first, and is too long."""
    monkeypatch.setattr(request_budget, "most_pages", lambda waiting: PAGES)
    for number in range(FOREIGN):
        world.polaris.add(f"foreign-{number}", (-9000.0 + number / 10, "running"))
    return world


def start(world: Any, *, started: float, first_end: float | None = None) -> list[Any]:
    """Start a waiter for each job."""
    for number, end in enumerate(ends()):
        changes = [(-200.0, "running"), (end if first_end is None else first_end, "completed")]
        world.polaris.add(f"job-{number}", *changes)
    begin = world.epoch(started)
    return [world.watch(f"job-{number}", INTERVAL, started=begin, pending_warning=None) for number in range(COUNT)]


def test_ends_in_a_crowded_project_are_detected_within_an_interval(crowded: Any) -> None:
    """The lists of recently ended jobs have them, whatever the number of active jobs."""

    async def scenario() -> list[Any]:
        started = start(crowded, started=0.0)
        await wait_all(crowded, started, 5 * MINUTE)
        return started

    started = crowded.run(scenario())

    assert [heard.event["state"] for _, heard in started] == ["completed"] * COUNT
    assert max(heard.at - end for (_, heard), end in zip(started, ends(), strict=True)) <= INTERVAL + 2
    # One attempt to read the active list, then one page of recently ended jobs a poll.
    assert crowded.polaris.asked("page") <= PAGES + LAST_END / INTERVAL + 2


def test_jobs_that_ended_before_a_trigger_was_restarted_are_found(crowded: Any) -> None:
    """The first search goes back to the start of the wait, even if another one reached the present."""

    async def scenario() -> list[Any]:
        early = crowded.watch("foreign-0", INTERVAL, pending_warning=None)
        others = [crowded.watch(f"foreign-{number}", INTERVAL, pending_warning=None) for number in range(1, 10)]
        await asyncio.sleep(8 * MINUTE)
        late = start(crowded, started=0.0, first_end=30.0)
        await wait_all(crowded, late, 2 * INTERVAL)
        await crowded.finish(early[0], *(task for task, _ in others))
        return late

    late = crowded.run(scenario())

    assert [heard.event["state"] for _, heard in late if heard.event is not None] == ["completed"] * COUNT


def test_jobs_in_a_crowded_project_can_be_polled_again_after_an_outage(crowded: Any, trigger_log: Any) -> None:
    """A search for ended jobs that succeeds is an answer for all others: their failures don't add up."""
    refused = crowded.polaris.answer(401, {"error": {"code": "Unauthorized", "message": "who are you?"}})

    async def scenario() -> None:
        waiting = start(crowded, started=0.0, first_end=30 * MINUTE)
        await asyncio.sleep(70)  # every job was requested once
        crowded.polaris.failure = lambda method, path: refused
        await asyncio.sleep(2 * INTERVAL)
        crowded.polaris.failure = lambda method, path: None
        await wait_all(crowded, waiting, 2 * INTERVAL)

    crowded.run(scenario())

    assert sum("can be polled again after" in line for line in trigger_log()) == COUNT
