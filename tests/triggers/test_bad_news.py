# SPDX-License-Identifier: Apache-2.0
"""Hundreds of waiters hear the same bad news: the loop stays responsive, and each task's log has its line."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import requests

from airflow_provider_polaris.triggers.data import PolarisDataTrigger
from airflow_provider_polaris.triggers.data_watcher.tracker import DataTracker
from airflow_provider_polaris.triggers.job_watcher.waiter import Waiter
from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger
from airflow_provider_polaris.triggers.polling.pacing import AT_A_TIME
from airflow_provider_polaris.triggers.wait import PolarisWaitTrigger
from airflow_provider_polaris.triggers.wait_watcher.watcher import SubjectWaiter
from tests.triggers.waiters import MINUTE, many, wait_all

COUNT = 4 * AT_A_TIME + 1
Woken = Callable[[type[Any], str], Counter[int]]
PAGE = b"<html><body>Under maintenance</body></html>"


def away(method: str, path: str) -> Any:
    """Refuse the connection."""
    raise requests.ConnectionError("Connection refused")


def answers(world: Any) -> dict[str, Callable[[str, str], Any]]:
    """Return what goes wrong, by name."""
    refused = world.polaris.answer(401, {"error": {"code": "Unauthorized", "message": "who are you?"}})
    failed = world.polaris.answer(500, {"error": {"code": "InternalError", "message": "try later"}})
    page = type(refused)(503, {"Content-Type": "text/html"}, PAGE)
    return {
        "401": lambda method, path: refused,
        "page": lambda method, path: page,
        "away": away,
        "lists": lambda method, path: failed if path == "/jobs" else None,
    }


class Lines(logging.Handler):
    """The warnings, and whether the loop wrote them itself."""

    def __init__(self, loop: Any) -> None:
        super().__init__(logging.WARNING)
        self._loop = loop
        self.texts: list[str] = []
        self.on_loop = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())
        self.on_loop += not self._loop.works_in_thread


@pytest.fixture
def lines(world: Any, monkeypatch: pytest.MonkeyPatch) -> Lines:
    """Collect the warnings of triggers."""
    collected = Lines(world.loop)
    logger = logging.getLogger("test.bad_news")
    monkeypatch.setattr(logger, "handlers", [collected])
    for trigger in (PolarisJobTrigger, PolarisDataTrigger, PolarisWaitTrigger):
        monkeypatch.setattr(trigger, "log", property(lambda self: logger))
    return collected


@pytest.fixture
def woken(world: Any, monkeypatch: pytest.MonkeyPatch) -> Woken:
    """Return a function that counts the calls of a method in each iteration of the loop."""

    def count(owner: type[Any], name: str) -> Counter[int]:
        seen: Counter[int] = Counter()
        original = getattr(owner, name)

        def counted(*arguments: Any) -> Any:
            seen[world.loop.iterations] += 1
            return original(*arguments)

        monkeypatch.setattr(owner, name, counted)
        return seen

    return count


@pytest.mark.parametrize("news", ["401", "page", "away", "lists"])
def test_waiters_for_jobs_that_hear_the_same_bad_news_leave_room_for_others(
    world: Any, woken: Woken, lines: Lines, news: str
) -> None:
    """One iteration of the loop wakes a limited number of them and writes no line; each task's log gets one line."""
    seen: list[Counter[int]] = []

    async def scenario() -> None:
        started = many(world, COUNT)
        await asyncio.sleep(35)
        world.polaris.failure = answers(world)[news]
        seen.append(woken(Waiter, "deliver"))
        await wait_all(world, started, 5 * MINUTE)

    world.run(scenario())

    assert len(lines.texts) == len(set(lines.texts)) == COUNT
    assert lines.on_loop == 0
    assert max(seen[0].values()) == AT_A_TIME


def test_waiters_for_data_that_hear_the_same_bad_news_leave_room_for_others(
    world: Any, woken: Woken, lines: Lines
) -> None:
    """The same for tasks that wait for the data of one table."""
    seen = woken(DataTracker, "take")

    async def scenario() -> None:
        world.polaris.failure = answers(world)["401"]
        triggers = (PolarisDataTrigger("Koalas", poll_interval=10, min_rows=1 + number) for number in range(COUNT))
        await wait_all(world, [world.run_trigger(each) for each in triggers], 5 * MINUTE)

    world.run(scenario())

    assert len(lines.texts) == COUNT
    assert lines.on_loop == 0
    assert max(seen.values()) == AT_A_TIME


def test_waiters_for_a_table_that_hear_the_same_bad_news_leave_room_for_others(
    world: Any, woken: Woken, lines: Lines
) -> None:
    """The same for tasks that wait before they submit their jobs."""
    seen = woken(SubjectWaiter, "take")

    async def scenario() -> None:
        world.polaris.failure = answers(world)["401"]
        triggers = (PolarisWaitTrigger("table", ["Koalas"], not_before=0, deadline=2**32) for _ in range(COUNT))
        await wait_all(world, [world.run_trigger(each) for each in triggers], 5 * MINUTE)

    world.run(scenario())

    assert len(lines.texts) == COUNT
    assert lines.on_loop == 0
    assert max(seen.values()) == AT_A_TIME
