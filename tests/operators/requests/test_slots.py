# SPDX-License-Identifier: Apache-2.0
"""A deferrable task holds no worker slot while it waits before its job is submitted, whatever it waits for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_polaris.emulator.server import EmulatorServer
from airflow_provider_polaris.emulator.settings import EmulatorSettings
from airflow_provider_polaris.emulator.status_machine import Progression
from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.jobs.errors import PolarisGuardUnansweredError, PolarisServerError
from airflow_provider_polaris.operators.base import PolarisBaseOperator
from airflow_provider_polaris.operators.job_run.deferred_submission import wait_for_service
from airflow_provider_polaris.operators.submission.try_memory import TryMemory
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from airflow_provider_polaris.runtime.deadline import Deadline
from tests.operators.guards.conftest import _NUMBERS, FakeClock, clock  # noqa: F401  # the fixture
from tests.operators.requests.conftest import Recorder
from tests.operators.requests.slow import SECONDS, SlowTask, SlowWorld, waits
from tests.operators.requests.test_budget import END, LIST, LOOK, POST, START
from tests.operators.submission.conftest import STORES

#: Without a store, a resumed task searches for a job with its marker, and reads each job that may be it.
SEARCH: list[list[str]] = [] if AIRFLOW_VERSION >= (3, 3) else [[LIST], ["GET jobs/ID"]]


@pytest.fixture
def world(emulator_server: EmulatorServer, clock: FakeClock, connect: Any, monkeypatch: Any) -> Iterator[SlowWorld]:  # noqa: F811
    """Rows of the day in both tables, on an emulator whose jobs and queries take 20 s."""
    monkeypatch.setattr("airflow_provider_polaris.runtime.clock.CLOCK", clock)
    # Clients wait in real time.
    monkeypatch.setattr("airflow_provider_polaris.operators.new_job.CLIENT_RETRIES", 0.0)
    settings = EmulatorSettings(progression=Progression.parse(f"seconds={SECONDS}"))
    with emulator_server.emulator(settings, clock=clock.nanoseconds) as running:
        connect("polaris_default", host=running.base_url, password=running.settings.api_key)
        hook = PolarisHook()
        world = SlowWorld(running, clock, hook, next(_NUMBERS))
        world.load("2024-06-01T10:00:00Z")
        world.run(world.rollup())
        world.pass_time(660)  # so that no job can be mistaken for the task's
        clock.sleeps.clear()
        yield world
        hook.close()


@pytest.fixture
def lines(logged: Any) -> Any:
    """Return a function that returns the log lines of the task, as ``LEVEL text``."""
    return logged(PolarisBaseOperator, without=("has no task state store",))


def test_counts_of_twenty_seconds_cost_less_than_three_in_the_worker(world: SlowWorld, recorder: Recorder) -> None:
    """With 0.2 s a round trip. After the deferral, nothing is read or started again."""
    recorder.clock = world.clock
    task = SlowTask(world)
    state = task.begin()
    kind, queries = waits(state)
    assert (kind, len(queries)) == ("queries", 2)
    assert task.finish(state)
    tables = [f"GET tables/{world.target}", f"GET tables/{world.source}"]
    # The first look found the queries running.
    begin = [sorted([LIST, *tables]), [START] * 2, [LOOK] * 2]
    assert recorder.rounds == [*begin, *SEARCH, [LOOK] * 2, [POST], END]
    assert len(task.phases) == 3
    assert sum(task.phases) <= 3


def test_counts_that_take_longer_than_expected_are_waited_for_again(world: SlowWorld, recorder: Recorder) -> None:
    """An event says nothing: the worker looks, and leaves again. The pauses before the event grow."""
    task = SlowTask(world)
    first = task.begin()
    again = task.resume(first)
    assert waits(again) == waits(first)
    assert again.trigger.not_before - world.clock.now().timestamp() == 4
    assert first.trigger.deadline == again.trigger.deadline
    recorder.rounds.clear()
    assert task.finish(again)
    assert recorder.rounds[: len(SEARCH) + 1] == [*SEARCH, [LOOK] * 2]


def test_counts_have_one_limit_over_all_deferrals(world: SlowWorld) -> None:
    """Ten minutes from the start of the queries; then they are canceled."""
    world.running.emulator.queries._progression = Progression.parse("seconds=5000")
    task = SlowTask(world)
    state = task.begin()
    world.pass_time(601)
    with pytest.raises(PolarisGuardUnansweredError, match="couldn't count rows in time: query 'query-"):
        task.resume(state)
    assert world.asked("DELETE /query/sql/statements/{queryId}") == 2


def test_counts_from_long_ago_are_repeated_with_all_checks(world: SlowWorld, recorder: Recorder) -> None:
    """If no worker was free for a quarter of an hour, the tables may have changed."""
    task = SlowTask(world)
    state = task.begin()
    world.pass_time(901)
    recorder.rounds.clear()
    again = task.resume(state)
    tables = [f"GET tables/{world.target}", f"GET tables/{world.source}"]
    assert recorder.rounds == [*SEARCH, sorted([LIST, *tables]), [START] * 2, [LOOK] * 2]
    assert waits(again) != waits(state)
    assert task.finish(again)


def test_conflict_is_waited_for_in_the_triggerer(world: SlowWorld, recorder: Recorder, lines: Any) -> None:
    """By the trigger of a job, which neither cancels nor judges it. Afterwards everything is read again."""
    other = world.client.create_job(world.rollup())["id"]
    task = SlowTask(world)
    state = task.begin()
    assert waits(state) == ("job", [other])
    assert (state.trigger.cancel_on_kill, state.trigger.cancel_on_timeout) == (False, False)
    recorder.rounds.clear()
    assert task.finish(state)
    tables = sorted([f"GET tables/{world.target}", f"GET tables/{world.source}"])
    begin = recorder.rounds.index(sorted([LIST, *tables]))
    assert recorder.rounds[begin + 1 : begin + 3] == [tables, [START] * 2]
    working = f"job {other!r} (batch into {world.target!r}, 'pending', created by 'api-key-pok_...') works"
    assert [line for line in lines() if "Waiting" in line or "waits" in line or "No other" in line] == [
        f"INFO Waiting, because {working} on the same partitions of {world.target!r}.",
        f"INFO The task waits in the triggerer until job {other!r} has ended.",
        f"INFO No other job works on these partitions of {world.target!r} now.",
        *[line for line in lines() if "until queries" in line],
    ]


def test_conflict_has_one_limit_over_all_deferrals(world: SlowWorld) -> None:
    """An hour without a deadline, whatever the trigger reports."""
    other = world.client.create_job(world.rollup())["id"]
    world.running.emulator.jobs._progression = Progression.parse("seconds=50000")
    task = SlowTask(world)
    state = task.begin()
    world.clock.time += timedelta(seconds=3601)
    event = {"status": "timeout", "job_id": other, "state": "running", "message": "it still runs"}
    with pytest.raises(PolarisGuardUnansweredError, match=r"still after 3601 s\. Nothing was submitted\."):
        task.resume(state, event)


def test_source_that_is_loaded_is_waited_for_in_the_triggerer(world: SlowWorld) -> None:
    """Until the service can read it."""
    world.control("PATCH", f"/tables/{quote(world.source)}", {"availability": "unavailable"})
    task = SlowTask(world, on_empty_source="submit", on_shrink="submit")
    state = task.begin()
    assert waits(state) == ("table", [world.source])
    assert task.clock.sleeps == []
    world.control("PATCH", f"/tables/{quote(world.source)}", {"availability": "available"})
    assert task.finish(state)


def test_throttled_post_is_repeated_after_a_deferral(world: SlowWorld, recorder: Recorder) -> None:
    """The worker searches for a job that was accepted anyway, and sends the job; no guard asks again."""
    world.control(
        "POST",
        "/faults",
        {"effect": "status", "status": 429, "method": "POST", "path": "/jobs$", "retryAfter": "100"},
    )
    task = SlowTask(world, on_empty_source="submit", on_shrink="submit")
    state = task.begin()
    assert waits(state) == ("time", [])
    assert state.trigger.not_before - world.clock.now().timestamp() == 105
    recorder.rounds.clear()
    world.pass_time(106)
    state = task.resume(state)
    assert [request for request in recorder.requests if request != "GET jobs/ID"] == [LIST, POST]
    assert task.finish(state)
    assert task.clock.sleeps == []


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="there is no task state store")
def test_throttled_post_that_another_process_repeated_is_not_repeated(world: SlowWorld) -> None:
    """The record is no longer the one of that POST, so the job is found by its id, as a retry does."""
    world.control("POST", "/faults", {"effect": "status", "status": 429, "method": "POST", "path": "/jobs$"})
    task = SlowTask(world, on_empty_source="submit", on_shrink="submit")
    state = task.begin()
    world.pass_time(66)
    first = task.resume(state)
    second = task.resume(state)
    assert waits(first) == waits(second)
    jobs = [job for job in world.jobs if "airflow" in (job.spec.get("context") or {})]
    assert [job.id for job in jobs] == waits(first)[1]


@pytest.mark.parametrize("has_store", STORES)
def test_job_that_another_process_submitted_meanwhile_is_resumed(world: SlowWorld, has_store: bool) -> None:
    """The second worker has an old memory, but reads the record, or searches for the task's marker."""
    task = SlowTask(world, has_store=has_store)
    state = task.begin()
    world.pass_time()
    first = task.resume(state)
    second = task.resume(state)
    assert waits(first) == waits(second)
    jobs = [job for job in world.jobs if "airflow" in (job.spec.get("context") or {})]
    assert [job.id for job in jobs] == waits(first)[1]


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="there is no task state store")
def test_old_job_of_a_cleared_task_is_waited_for_in_the_triggerer(world: SlowWorld) -> None:
    """A kill meanwhile cancels it, as in the worker."""
    task = SlowTask(world, on_empty_source="submit", on_shrink="submit")
    waiting = task.begin()
    old = waits(waiting)[1]
    world.control("POST", "/faults", {"effect": "job_status", "jobStatus": "running", "times": None})
    task.ti.try_number, task.ti.max_tries = 2, 2
    state = task.begin()
    assert waits(state) == ("job", old)
    assert (state.trigger.cancel_on_kill, state.trigger.cancel_on_timeout) == (True, False)
    world.control("DELETE", "/faults")
    assert task.finish(state) != old[0]
    assert [job.status for job in world.jobs if job.id == old[0]] == ["canceled"]


def test_service_that_is_away_is_waited_for_in_the_triggerer(world: SlowWorld, lines: Any) -> None:
    """For as long as the client retries in a worker; the task has started nothing."""
    world.control("POST", "/faults", {"effect": "status", "status": 503, "times": None, "path": "/tables"})
    task = SlowTask(world)
    state = task.begin()
    assert waits(state) == ("time", [])
    assert state.trigger.not_before - world.clock.now().timestamp() == 20
    world.clock.time += timedelta(seconds=20)
    state = task.resume(state)
    assert isinstance(state, TaskDeferred)
    world.clock.time += timedelta(seconds=41)
    with pytest.raises(PolarisServerError):
        task.resume(state)
    assert len([line for line in lines() if line.startswith("WARNING The service gives no answer.")]) == 1


def test_resumed_task_keeps_the_job_that_it_planned(world: SlowWorld) -> None:
    """Airflow renders the templates again, with values that may have changed."""
    task = SlowTask(world)
    state = task.begin()
    task.arguments = {"dimensions": ["other"], "on_shrink": "submit"}
    assert task.finish(state)
    (job,) = [job for job in world.jobs if "airflow" in (job.spec.get("context") or {})]
    assert "city" in [mapping["columnName"] for mapping in job.spec["mappings"]]


def test_trigger_that_failed_is_replaced_by_the_worker(world: SlowWorld, lines: Any) -> None:
    """Airflow drops the saved state, so the task starts again and waits here."""
    task = SlowTask(world)
    task.begin()
    state = task.fail_trigger("the trigger broke")
    assert waits(state)[0] == "job"
    assert sum(task.clock.sleeps) > SECONDS
    assert "WARNING The trigger failed (the trigger broke), so the task starts again and waits in this worker." in (
        lines()
    )


def test_deadline_that_passed_without_an_event_ends_the_task(world: SlowWorld) -> None:
    """Nothing is submitted after it."""
    task = SlowTask(world, timeout=60)
    task.begin()
    world.clock.time += timedelta(seconds=180)
    with pytest.raises(PolarisGuardUnansweredError) as caught:
        task.fail_trigger("Trigger timeout")
    assert str(caught.value) == (
        "the task timed out before it submitted its job, and no trigger event arrived before. Nothing was submitted. "
        "Check that a triggerer is running. A retry of this task starts again."
    )


def test_task_that_lost_its_saved_state_waits_in_the_worker(world: SlowWorld) -> None:
    """``airflow dags test`` drops it."""
    task = SlowTask(world)
    state = task.begin()
    state.kwargs.clear()
    state = task.resume(state)
    assert waits(state)[0] == "job"
    assert sum(task.clock.sleeps) > SECONDS


def test_worker_that_may_not_defer_waits_as_before(world: SlowWorld) -> None:
    """Without ``deferrable`` nothing changes."""
    task = SlowTask(world, deferrable=False, poll_interval=5)
    assert isinstance(task.begin(), str)
    assert len(task.phases) == 1


@pytest.mark.parametrize("why", ["sent", "killed", "worker"])
def test_service_that_is_away_after_a_post_is_no_wait(why: str) -> None:
    """What became of the POST is found out by the next try. A task that is killed or may not defer raises, too."""
    time = FakeClock()
    run: Any = SimpleNamespace(
        waits_elsewhere=why != "worker",
        memory=TryMemory(sent=why == "sent"),
        kill=SimpleNamespace(is_killed=why == "killed"),
        hook=SimpleNamespace(settings=SimpleNamespace(retry_budget=60.0)),
        clock=time,
        limits=Deadline(time, lambda: False, None),  # type: ignore[arg-type]
        log=SimpleNamespace(warning=lambda *_: None),
    )
    error = PolarisServerError("GET /jobs answered 503.", status=503)
    assert wait_for_service(run, error) is None
    run.waits_elsewhere, run.memory.sent, run.kill.is_killed = True, False, False
    assert wait_for_service(run, error) is not None
    assert wait_for_service(run, PolarisGuardUnansweredError("no answer.")) is None
