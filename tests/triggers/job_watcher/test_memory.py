# SPDX-License-Identifier: Apache-2.0
"""The memory of a waiter and of a poll: bytes that Python allocates, which are the same on any machine."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_polaris.client import ClientSettings, PolarisClient
from airflow_provider_polaris.jobs.status.pending_warning import PendingWarning
from airflow_provider_polaris.jobs.status.wait_tracker import WaitTracker
from airflow_provider_polaris.triggers.job_watcher.poll import poll
from airflow_provider_polaris.triggers.job_watcher.poll_result import PollTime
from airflow_provider_polaris.triggers.job_watcher.poll_run import PollState
from airflow_provider_polaris.triggers.job_watcher.waiter import Waiter
from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger

ROWS = 1000
#: Fields of a summary that a poll doesn't need. Source: docs.imply.io/polaris/api-ingest-table.
REST = {
    "createdBy": {"username": "api-key-pok_vipgj...bjjvyo", "userId": "a52cacf6-3ddc-48e5-8675-2f1c6f3c4a10"},
    "lastModifiedBy": {"username": "api-key-pok_vipgj...bjjvyo", "userId": "a52cacf6-3ddc-48e5-8675-2f1c6f3c4a10"},
    "createdTimestamp": "2026-11-20T06:00:00.123456789Z",
    "lastUpdatedTimestamp": "2026-11-20T06:00:00.123456789Z",
    "health": {"status": "ok"},
    "source": {"type": "table", "tableName": "Koalas Source"},
    "target": {"type": "table", "tableName": "Koalas Rollup", "intervals": []},
    "type": "batch",
}


@contextmanager
def traced() -> Iterator[Callable[[], tuple[int, int]]]:
    """Trace allocations; yields a function that returns the bytes kept and the maximum since the start."""
    gc.collect()
    tracemalloc.start(1)
    try:
        before = tracemalloc.get_traced_memory()[0]

        def measure() -> tuple[int, int]:
            gc.collect()
            kept, most = tracemalloc.get_traced_memory()
            return kept - before, most - before

        yield measure
    finally:
        tracemalloc.stop()


def client_of(pages: list[bytes]) -> PolarisClient:
    """Return a client for prepared pages."""

    def request(method: str, url: str, *, params: Any, **_: Any) -> Any:
        offset = int(dict(params)["paginationOffset"])
        headers = {"Content-Type": "application/json"}
        return SimpleNamespace(status_code=200, headers=headers, content=pages[offset // (ROWS - 10)])

    session: Any = SimpleNamespace(request=request, close=lambda: None)
    return PolarisClient(
        ClientSettings("https://polaris.example", "p", api_key="pok_0123456789abcdef"), session=session
    )


def test_tick_takes_about_as_much_as_one_page_has_text() -> None:
    """Neither a page of whole summaries nor a second page is ever in memory, however long the list."""
    count = 5 * (ROWS - 10) + 10
    ids = [f"018a90ac-0758-762b-b502-{number:012x}" for number in range(count)]
    rows = [{"id": job_id, "executionStatus": "running", **REST} for job_id in ids]
    pages = [
        json.dumps({"values": rows[start : start + ROWS], "moreResultsAvailable": start + ROWS < count}).encode()
        for start in range(0, count - 10, ROWS - 10)
    ]
    del rows
    host: Any = None
    waiters = [Waiter(job_id, 10.0, 1_790_000_000.0, host) for job_id in ids]
    client, memory = client_of(pages), PollState()
    poll(client, waiters, memory, PollTime(0.0, 10.0, 1_790_000_000.0))

    with traced() as measure:
        result = poll(client, waiters, memory, PollTime(10.0, 10.0, 1_790_000_010.0))
        _, most = measure()

    assert result.failure is None
    assert result.news == []
    assert {waiter.asked for waiter in waiters} == {10.0}
    assert most <= 2.3 * len(pages[0])


def test_waiter_takes_less_than_three_kilobytes(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of the trigger, Airflow's task, asyncio's task and the watcher's waiter."""
    count = 1000
    quiet = logging.getLogger("test.quiet")
    quiet.setLevel(logging.CRITICAL)
    monkeypatch.setattr(PolarisJobTrigger, "log", property(lambda self: quiet))
    for number in range(count):
        world.polaris.add(f"job-{number}", (-5.0 - number, "running"))

    async def consume(trigger: PolarisJobTrigger) -> None:
        async for _ in trigger.run():
            pass

    async def scenario() -> int:
        warm = asyncio.create_task(consume(PolarisJobTrigger("job-0", poll_interval=10.0, started=world.epoch(0.0))))
        await asyncio.sleep(25.0)
        with traced() as measure:
            tasks = [
                asyncio.create_task(consume(PolarisJobTrigger(job_id, poll_interval=10.0, started=world.epoch(0.0))))
                for job_id in list(world.polaris.jobs)
            ]
            await asyncio.sleep(25.0)
            kept, _ = measure()
        await world.finish(warm, *tasks)
        return kept

    assert world.run(scenario()) / count < 3000


@pytest.mark.parametrize(
    "each",
    [
        Waiter("job-1", 10.0, 0.0, None),  # type: ignore[arg-type]
        WaitTracker("job-1", now=datetime(2026, 11, 20, tzinfo=timezone.utc)),
        PendingWarning(600.0, 0.0),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_there_is_ten_thousand_times_has_slots(each: object) -> None:
    """A dict for each would take megabytes."""
    assert not hasattr(each, "__dict__")
