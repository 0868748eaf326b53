# SPDX-License-Identifier: Apache-2.0
"""Asset watchers on Airflow 3.3 and their stored cursor in the asset's state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from airflow_provider_polaris.triggers.polaris import PolarisTableUpdatedTrigger
from tests.triggers.conftest import PROJECT
from tests.triggers.table_watcher.conftest import TABLE, Airflow, start

CANNOT = (
    f"WARNING Table {TABLE!r}: the reported jobs can't be stored. Airflow can't read or write the asset's state: "
    "RuntimeError('the API server is away')."
)


def test_state_that_cannot_be_read_waits_and_does_not_begin_anew(
    airflow: Airflow, lines: Callable[[], list[str]]
) -> None:
    """A new cursor would lose the jobs that completed since the watch ended."""
    airflow.job("during", (20.0, "running"), (400.0, "completed"))

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(100)
        await triggerer.stop()
        await asyncio.sleep(500)
        airflow.state.broken = RuntimeError("the API server is away")
        triggerer = start(airflow)
        await asyncio.sleep(500)
        assert airflow.fired == []
        airflow.state.broken = None
        await asyncio.sleep(100)
        await triggerer.stop()

    airflow.world.run(scenario())

    assert airflow.told() == [["during"]]
    assert lines()[1:] == [
        CANNOT,
        f"INFO Table {TABLE!r} is watched from the stored cursor on.",
    ]


def test_state_that_cannot_be_written_fires_and_is_written_later(
    airflow: Airflow, lines: Callable[[], list[str]]
) -> None:
    """Events continue without the store; the cursor is stored later, so that a restart repeats nothing."""
    airflow.job("job-1", (10.0, "running"), (150.0, "completed"))

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(100)
        airflow.state.broken = RuntimeError("the API server is away")
        await asyncio.sleep(500)
        airflow.state.broken = None
        await asyncio.sleep(100)
        await triggerer.stop()
        triggerer = start(airflow)
        await asyncio.sleep(100)
        await triggerer.stop()

    airflow.world.run(scenario())

    assert airflow.told() == [["job-1"]]
    assert lines()[1:] == [
        CANNOT,
        f"INFO Table {TABLE!r} is watched from the stored cursor on.",
    ]


def test_state_that_is_silent_holds_nobody_up(airflow: Airflow) -> None:
    """A request to Airflow that is never answered, as when the triggerer stops, ends after at most a minute."""
    airflow.job("job-1", (10.0, "running"), (150.0, "completed"))

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(100)
        airflow.state.silent = True
        await asyncio.sleep(200)
        await triggerer.stop()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()  # the requests whose answers are no longer awaited
        await asyncio.sleep(0)

    airflow.world.run(scenario())

    assert airflow.told() == [["job-1"]]


def test_quiet_table_keeps_its_cursor_near(airflow: Airflow) -> None:
    """A table without new jobs stores its cursor hourly, so that a restart doesn't read weeks of jobs."""
    for number in range(300):
        airflow.job(f"other-{number}", (60.0 * number, "running"), (60.0 * number + 30, "completed"), table="Other")

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(18_000)
        await triggerer.stop()

    airflow.world.run(scenario())

    assert airflow.fired == []
    assert 4 <= airflow.state.written <= 6


def test_cursor_of_another_project_is_left_alone(airflow: Airflow, lines: Callable[[], list[str]]) -> None:
    """The connection uses another project now: its history is not new."""
    airflow.job("old", (-5000.0, "running"), (-4000.0, "completed"))

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(100)
        await triggerer.stop()
        for values in airflow.state.values.values():
            for key in values:
                values[key] = values[key].replace(PROJECT, "another")
        triggerer = start(airflow)
        await asyncio.sleep(100)
        await triggerer.stop()

    airflow.world.run(scenario())

    assert airflow.fired == []
    assert lines() == [f"INFO Table {TABLE!r} is watched from now on."] * 2


def test_cursor_that_cannot_be_read_begins_anew_and_says_so(airflow: Airflow, lines: Callable[[], list[str]]) -> None:
    """A value from another version must not stop the trigger forever."""

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(100)
        await triggerer.stop()
        for values in airflow.state.values.values():
            for key in values:
                values[key] = '{"version": 7}'
        triggerer = start(airflow)
        await asyncio.sleep(100)
        await triggerer.stop()

    airflow.world.run(scenario())

    _, warning, begin = lines()
    assert warning == (
        f"WARNING Table {TABLE!r} is watched from now on: the cursor of a watched table can't be read from "
        "{'version': 7}: KeyError('project'). Another version of this provider may have written it."
    )
    assert begin == f"INFO Table {TABLE!r} is watched from now on."


@pytest.mark.parametrize("order", [1, -1])
def test_two_watchers_of_one_asset_keep_cursors_of_their_own(airflow: Airflow, order: int) -> None:
    """An asset that stands for two tables stores both cursors."""
    airflow.job("one", (10.0, "running"), (50.0, "completed"), table="One")
    airflow.job("two", (10.0, "running"), (400.0, "completed"), table="Two")

    async def scenario() -> None:
        for _ in range(2):
            triggerer = airflow.triggerer()
            for table in ("One", "Two")[::order]:
                triggerer.watch(PolarisTableUpdatedTrigger(table), "both")
            await asyncio.sleep(200)
            await triggerer.stop()
            await asyncio.sleep(300)

    airflow.world.run(scenario())

    assert airflow.told() == [["one"], ["two"]]
    assert len(airflow.state.values["both"]) == 2
