"""Asset watchers on Airflow 3.3: each update of a table fires once, whatever becomes of triggerer and Polaris."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_polaris.triggers.polaris import PolarisTableUpdatedTrigger
from tests.provider.events.conftest import TABLE, Airflow, Triggerer
from tests.provider.triggers.conftest import PROJECT

WATCHED = f"{TABLE} asset"


def start(airflow: Airflow, *tables: str, **options: Any) -> Triggerer:
    """Start a triggerer that watches tables, each for an asset of its own."""
    triggerer = airflow.triggerer()
    for table in tables or (TABLE,):
        triggerer.watch(PolarisTableUpdatedTrigger(table, **options), f"{table} asset")
    return triggerer


def test_event_has_table_and_jobs_with_what_they_did(airflow: Airflow) -> None:
    """The list tells the end, a description where the job worked, its metrics how many rows it stored."""
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
    """A project's history is no news; a job that runs at the start is when it completes."""
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
    """For a DAG that wants to know that rows are gone."""
    airflow.job("gone", (10.0, "running"), (50.0, "completed"), kind="delete_data")

    async def scenario() -> None:
        triggerer = start(airflow, include_deletions=True)
        await asyncio.sleep(100)
        await triggerer.stop()

    airflow.world.run(scenario())

    assert airflow.told() == [["gone"]]


def test_several_tables_share_one_poll_and_each_asset_hears_its_own(airflow: Airflow) -> None:
    """Twenty tables cost two requests a poll; an event goes to the assets of its table, one or two."""
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


def test_restart_repeats_nothing_and_loses_nothing(airflow: Airflow, lines: Callable[[], list[str]]) -> None:
    """What was fired before is not fired again; what completed while no triggerer ran is, once."""
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
    again = f"INFO Table {TABLE!r} is watched from where the watch ended."
    assert lines() == [f"INFO Table {TABLE!r} is watched from now on.", again, again, again]


def test_restart_before_the_first_event_loses_nothing(airflow: Airflow) -> None:
    """The first look is remembered although nothing was fired."""
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
    """An event that never reached the database is not taken for fired."""
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
    """Airflow gives up an event after five minutes and starts the trigger again; what others remember isn't touched."""
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
    """The one window that is left: the event is stored, and the process dies before it hears of it."""
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
    """A triggerer that was taken for dead goes on for a while beside the one that got its triggers."""
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


def test_polaris_away_is_logged_once_and_nothing_is_lost(airflow: Airflow, lines: Callable[[], list[str]]) -> None:
    """Two hours without an answer: one line at the begin, one at the end, and the event of the job that ended then."""
    polaris = airflow.world.polaris
    airflow.job("job-1", (10.0, "running"), (1000.0, "completed"))

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(100)
        polaris.failure = lambda method, path: polaris.answer(503, {"code": "Unavailable", "message": "be back soon"})
        await asyncio.sleep(7200)
        polaris.failure = lambda method, path: None
        await asyncio.sleep(100)
        await triggerer.stop()

    airflow.world.run(scenario())

    assert airflow.told() == [["job-1"]]
    began, away, back = lines()
    assert began == f"INFO Table {TABLE!r} is watched from now on."
    assert away.startswith(
        "WARNING Connection 'polaris_default': the finished jobs can't be listed, so no watched table fires an event. "
        "Polls go on, and what ends meanwhile will be seen. "
    )
    assert "be back soon" in away
    assert back == "INFO Connection 'polaris_default': the finished jobs can be listed again, after 7200 s."


def test_polaris_away_while_jobs_are_described_fires_what_is_known(airflow: Airflow) -> None:
    """The event doesn't wait for its decoration."""
    polaris = airflow.world.polaris
    airflow.job("job-1", (10.0, "running"), (50.0, "completed"))
    polaris.failure = lambda method, path: (
        None if path == "/jobs" else polaris.answer(503, {"code": "x", "message": "y"})
    )

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(130)
        await triggerer.stop()

    airflow.world.run(scenario())

    ((_, _, payload),) = airflow.fired
    assert payload["jobs"] == [
        {
            "id": "job-1",
            "type": "batch",
            "intervals": None,
            "rows": None,
            "created": "2026-11-20T06:00:10.000Z",
            "completed": None,
        }
    ]


def test_key_that_is_refused_is_read_again(airflow: Airflow) -> None:
    """A key was exchanged in the connection: the watch goes on with the new one."""
    polaris, world = airflow.world.polaris, airflow.world
    airflow.job("job-1", (10.0, "running"), (500.0, "completed"))
    old = world.key
    no = polaris.answer(401, {"code": "Unauthorized", "message": "no"})
    polaris.failure = lambda method, path: no if world.time() > 100 and world.key == old else None

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(300)
        world.key = "pok_fedcba9876543210"
        await asyncio.sleep(300)
        await triggerer.stop()

    world.run(scenario())

    assert airflow.told() == [["job-1"]]
    assert 2 < len(world.reads) < 8  # once a minute while it is refused


def test_job_that_polaris_forgets_is_asked_for_once(airflow: Airflow) -> None:
    """Its history may be deleted while it is open in a cursor."""
    polaris = airflow.world.polaris
    airflow.job("gone", (10.0, "running"), (5000.0, "completed"))

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(100)
        del polaris.jobs["gone"]
        polaris.changed += 1
        await asyncio.sleep(500)
        await triggerer.stop()

    airflow.world.run(scenario())

    assert airflow.told() == []
    assert polaris.asked("describe") == 1


CANNOT = (
    f"WARNING Table {TABLE!r}: what was reported can't be remembered. Airflow can't read or write the asset's state: "
    "RuntimeError('the API server is away')."
)


def test_state_that_cannot_be_read_waits_and_does_not_begin_anew(
    airflow: Airflow, lines: Callable[[], list[str]]
) -> None:
    """Beginning anew would lose what completed since the watch ended."""
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
        f"INFO Table {TABLE!r} is watched from where the watch ended.",
    ]


def test_state_that_cannot_be_written_fires_and_is_written_later(
    airflow: Airflow, lines: Callable[[], list[str]]
) -> None:
    """Events go on without the store; when it is back, the cursor is written, so that a restart repeats nothing."""
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
        f"INFO Table {TABLE!r} is watched from where the watch ended.",
    ]


def test_state_that_is_silent_holds_nobody_up(airflow: Airflow) -> None:
    """A question to Airflow that is never answered, as when the triggerer stops, ends after a minute at most."""
    airflow.job("job-1", (10.0, "running"), (150.0, "completed"))

    async def scenario() -> None:
        triggerer = start(airflow)
        await asyncio.sleep(100)
        airflow.state.silent = True
        await asyncio.sleep(200)
        await triggerer.stop()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()  # the questions that nobody waits for any more
        await asyncio.sleep(0)

    airflow.world.run(scenario())

    assert airflow.told() == [["job-1"]]


def test_quiet_table_keeps_its_cursor_near(airflow: Airflow) -> None:
    """A table without news writes its cursor once an hour, so that a restart after weeks doesn't read weeks of jobs."""
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
    """The connection leads to another project now: its history is no news."""
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
    """What another version wrote is no reason to be silent for ever."""

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
    """An asset that stands for two tables remembers both."""
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
