# SPDX-License-Identifier: Apache-2.0
"""Asset watchers on Airflow 3.3 whose triggerer stops, dies or runs twice: no update is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from airflow_provider_polaris.triggers.polaris import PolarisTableUpdatedTrigger
from tests.triggers.table_watcher.conftest import TABLE, WATCHED, Airflow, start


def test_restart_repeats_nothing_and_loses_nothing(airflow: Airflow, lines: Callable[[], list[str]]) -> None:
    """An event that was fired is not fired again; jobs that completed while no triggerer ran are reported once."""
    airflow.job("before", (10.0, "running"), (50.0, "completed"))
    airflow.job("during", (20.0, "running"), (400.0, "completed"))
    airflow.job("short", (390.0, "running"), (410.0, "completed"))
    airflow.job("after", (30.0, "running"), (1000.0, "completed"))

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(300)
        await triggerer.stop()
        await asyncio.sleep(500)
        for _ in range(3):
            triggerer = start(airflow)
            await asyncio.sleep(300)
            await triggerer.stop()

    airflow.world.run(scenario())

    assert airflow.told() == [["before"], ["during", "short"], ["after"]]
    again = f"INFO Table {TABLE!r} is watched from the stored cursor on."
    assert lines() == [f"INFO Table {TABLE!r} is watched from now on.", again, again, again]


def test_restart_before_the_first_event_loses_nothing(airflow: Airflow) -> None:
    """The first snapshot is stored although no event fired."""
    airflow.job("during", (20.0, "running"), (400.0, "completed"))

    async def scenario() -> None:
        for _ in range(2):
            triggerer = start(airflow)
            await asyncio.sleep(100)
            await triggerer.stop()
            await asyncio.sleep(500)

    airflow.world.run(scenario())

    assert airflow.told() == [["during"]]


def test_death_before_the_event_is_stored_fires_it_again(airflow: Airflow) -> None:
    """An event that never reached the database doesn't count as fired."""
    airflow.job("job-1", (10.0, "running"), (50.0, "completed"))

    async def scenario() -> None:
        triggerer = start(airflow)
        triggerer.stores = False
        await asyncio.sleep(100)
        await triggerer.stop()
        assert airflow.fired == []
        triggerer = start(airflow)
        await asyncio.sleep(100)
        await triggerer.stop()

    airflow.world.run(scenario())

    assert airflow.told() == [["job-1"]]


def test_event_that_is_never_stored_ends_the_trigger_and_is_fired_by_the_next(airflow: Airflow) -> None:
    """Airflow gives up an event after five minutes and restarts the trigger; the cursors of others are unchanged."""
    airflow.job("job-1", (10.0, "running"), (50.0, "completed"))

    async def scenario() -> None:
        triggerer = airflow.triggerer()
        triggerer.stores = False
        task = triggerer.watch(PolarisTableUpdatedTrigger(TABLE), WATCHED)
        other = triggerer.watch(PolarisTableUpdatedTrigger("Other"), "Other asset")
        await asyncio.sleep(500)
        assert repr(task.exception()).startswith("AckTimeout(")
        assert not other.done()
        triggerer.stores = True
        triggerer.drop()
        triggerer.watch(PolarisTableUpdatedTrigger(TABLE), WATCHED)
        await asyncio.sleep(200)
        await triggerer.stop()

    airflow.world.run(scenario())

    assert airflow.told() == [["job-1"]]


def test_death_between_event_and_cursor_fires_it_again_with_the_same_ids(airflow: Airflow) -> None:
    """The remaining gap: the event is stored, and the process dies before it is notified."""
    airflow.job("job-1", (10.0, "running"), (50.0, "completed"))

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(30)
        triggerer.confirms = False
        await asyncio.sleep(70)
        assert airflow.told() == [["job-1"]]
        await triggerer.stop()
        for _ in range(2):
            triggerer = start(airflow)
            await asyncio.sleep(100)
            await triggerer.stop()

    airflow.world.run(scenario())

    assert airflow.told() == [["job-1"], ["job-1"]]


def test_two_triggerers_at_once_fire_once(airflow: Airflow) -> None:
    """A triggerer that was considered dead runs for a while beside the one that got its triggers."""
    airflow.job("job-1", (10.0, "running"), (100.0, "completed"))

    async def scenario() -> None:
        first = start(airflow)
        await asyncio.sleep(30)
        second = start(airflow)
        await asyncio.sleep(300)
        await first.stop()
        await second.stop()

    airflow.world.run(scenario())

    assert airflow.told() == [["job-1"]]
