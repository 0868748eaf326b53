# SPDX-License-Identifier: Apache-2.0
"""Asset watchers on Airflow 3.3: each update of a table fires once, with the results of its jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from airflow_provider_polaris.triggers.polaris import PolarisTableUpdatedTrigger
from tests.triggers.conftest import PROJECT
from tests.triggers.table_watcher.conftest import TABLE, WATCHED, Airflow, start


def test_event_has_table_and_jobs_with_what_they_did(airflow: Airflow) -> None:
    """The list has the completion, the job its intervals, and the metrics the number of stored rows."""
    airflow.job(
        "job-1",
        (5.0, "pending"),
        (10.0, "running"),
        (100.0, "completed"),
        ingestionMode="replace",
        spec={"target": {"intervals": ["2024-06-01/2024-06-02"]}},
        completedTimestamp="2026-11-20T06:01:40.123456789Z",
        totals={"numRowsProcessed": 10, "numRowsPersisted": 7},
    )

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(130)
        await triggerer.stop()

    airflow.world.run(scenario())

    payload = {
        "table": TABLE,
        "project": PROJECT,
        "job_id": "job-1",
        "count": 1,
        "jobs": [
            {
                "id": "job-1",
                "type": "batch",
                "intervals": ["2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"],
                "rows": 7,
                "created": "2026-11-20T06:00:05.000Z",
                "completed": "2026-11-20T06:01:40.123Z",
            }
        ],
    }
    assert [(asset, payload) for _, asset, payload in airflow.fired] == [(WATCHED, payload)]
    assert airflow.fired[0][0] < 100 + 60 + 3


def test_first_start_fires_for_what_completes_from_then_on(airflow: Airflow, lines: Callable[[], list[str]]) -> None:
    """A project's history is not new; a job that is active at the start is new when it completes."""
    airflow.job("old", (-5000.0, "running"), (-4000.0, "completed"))
    airflow.job("recent", (-50.0, "running"), (-5.0, "completed"))
    airflow.job("running", (-3600.0, "running"), (200.0, "completed"))

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(300)
        await triggerer.stop()

    airflow.world.run(scenario())

    assert airflow.told() == [["running"]]
    assert lines() == [f"INFO Table {TABLE!r} is watched from now on."]


def test_completion_order_other_than_creation_order_loses_no_job(airflow: Airflow) -> None:
    """A job of many hours completes after a hundred that were created after it."""
    airflow.job("long", (10.0, "running"), (20_010.0, "completed"))
    for number in range(100):
        airflow.job(f"short-{number:02}", (20.0 + 180 * number, "running"), (90.0 + 180 * number, "completed"))

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(21_000)
        await triggerer.stop()

    airflow.world.run(scenario())

    assert airflow.told() == [*([f"short-{number:02}"] for number in range(100)), ["long"]]


def test_jobs_that_are_no_update_fire_nothing(airflow: Airflow) -> None:
    """Streams, drops, deletions, jobs that fail or are canceled, and other tables."""
    for number, kind in enumerate(("streaming", "drop_table", "delete_data")):
        airflow.job(kind, (10.0 + number, "running"), (50.0, "completed"), kind=kind)
    airflow.job("failed", (10.0, "running"), (100.0, "failed"))
    airflow.job("canceled", (10.0, "running"), (100.0, "canceled"))
    airflow.job("other", (10.0, "running"), (100.0, "completed"), table="Other")
    airflow.job("restored", (10.0, "running"), (400.0, "completed"), kind="restore_data")

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(500)
        await triggerer.stop()

    airflow.world.run(scenario())

    assert airflow.told() == [["restored"]]


def test_include_deletions_fires_for_deletions_too(airflow: Airflow) -> None:
    """For a DAG that reacts to deleted rows."""
    airflow.job("gone", (10.0, "running"), (50.0, "completed"), kind="delete_data")

    async def scenario() -> None:
        triggerer = start(airflow, include_deletions=True)
        await asyncio.sleep(100)
        await triggerer.stop()

    airflow.world.run(scenario())

    assert airflow.told() == [["gone"]]


def test_several_tables_share_one_poll_and_each_asset_hears_its_own(airflow: Airflow) -> None:
    """Twenty tables cost two requests per poll; an event goes to the assets of its table, one or two."""
    names = [f"table-{number:02}" for number in range(20)]
    for number, name in enumerate(names):
        airflow.job(name, (10.0, "running"), (70.0 + number, "completed"), table=name)

    async def scenario() -> None:
        triggerer = start(airflow, *names[1:])
        triggerer.watch(PolarisTableUpdatedTrigger(names[0]), "first asset", "second asset")
        await asyncio.sleep(601)
        await triggerer.stop()

    airflow.world.run(scenario())

    assert airflow.told("first asset") == airflow.told("second asset") == [[names[0]]]
    for name in names[1:]:
        assert airflow.told(f"{name} asset") == [[name]]
    assert airflow.world.polaris.asked("page") == 2 * 11
    assert airflow.world.reads == ["polaris_default"]
    assert set(airflow.state.values) == {"first asset", "second asset", *(f"{name} asset" for name in names[1:])}


def test_burst_of_jobs_is_one_event_with_the_newest(airflow: Airflow) -> None:
    """A thousand jobs that completed while no triggerer ran start one DAG run, not a thousand."""
    for number in range(1000):
        airflow.job(f"job-{number:04}", (1000.0 + number, "running"), (1500.0 + number, "completed"))

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(100)
        await triggerer.stop()
        await asyncio.sleep(5000)
        triggerer = start(airflow)
        await asyncio.sleep(200)
        await triggerer.stop()

    airflow.world.run(scenario())

    assert airflow.told() == [[f"job-{number:04}" for number in range(980, 1000)]]
    ((_, _, payload),) = airflow.fired
    assert (payload["count"], payload["job_id"]) == (1000, "job-0999")
