# SPDX-License-Identifier: Apache-2.0
"""The check of a killed task continues until its result is clear, whatever happens to its trigger."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import warnings
import weakref
from typing import Any

import pytest

from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from airflow_provider_polaris.triggers import polaris
from airflow_provider_polaris.triggers.cancellation import kill_check
from airflow_provider_polaris.triggers.cancellation.task_state import TaskKey
from tests.triggers.cancellation.kills import (
    CANCELED,
    DEFERRED,
    STOPPED,
    USER_ACTION,
    Airflow,
    deferred,
    end_triggerer,
    mark,
    still_open,
    stop,
    stop_waiting,
)


def test_state_that_takes_a_minute_cancels_the_job_after_its_trigger_has_ended(
    world: Any, airflow: Airflow, trigger_log: Any, triggerer_log: Any, has_on_kill: bool
) -> None:
    """The trigger returns within Airflow's limit, and a later answer counts."""
    trigger = deferred(world, airflow)

    async def scenario() -> None:
        task, _ = world.run_trigger(trigger)
        await asyncio.sleep(25.0)
        mark(airflow, trigger, "failed")
        airflow.seconds = 60.0
        began = world.time()
        await stop(task, trigger, has_on_kill)
        assert world.time() - began == pytest.approx(10.0)
        assert world.polaris.canceled == []
        await asyncio.sleep(60.0)

    world.run(scenario())

    assert world.polaris.canceled == ["job-0"]
    assert trigger_log()[-1] == still_open("Airflow gave no answer yet", "INFO")
    assert triggerer_log() == [CANCELED]


def test_answer_within_ten_seconds_is_logged_once_in_the_task(
    world: Any, airflow: Airflow, trigger_log: Any, triggerer_log: Any, has_on_kill: bool
) -> None:
    """The trigger still waits, so the line is not repeated in the triggerer's own log."""
    trigger = deferred(world, airflow)
    airflow.seconds = 9.0

    async def scenario() -> None:
        mark(airflow, trigger, "failed")
        await stop_waiting(world, trigger, has_on_kill)

    world.run(scenario())

    assert trigger_log()[-1] == CANCELED.replace(STOPPED, "")
    assert triggerer_log() == []


def test_state_that_fails_five_times_cancels_the_job_at_the_sixth(
    world: Any, airflow: Airflow, trigger_log: Any, triggerer_log: Any, has_on_kill: bool
) -> None:
    """An Airflow whose database is busy gets the request again, with growing pauses."""
    trigger = deferred(world, airflow)

    async def scenario() -> None:
        task, _ = world.run_trigger(trigger)
        await asyncio.sleep(25.0)
        airflow.asked.clear()
        mark(airflow, trigger, "failed")
        airflow.failure = OSError("database is locked")
        await stop(task, trigger, has_on_kill)
        while len(airflow.asked) < 5:
            await asyncio.sleep(0.5)
        await asyncio.sleep(0.1)
        airflow.failure = None
        await asyncio.sleep(60.0)

    world.run(scenario())

    assert len(airflow.asked) == 6
    assert world.polaris.canceled == ["job-0"]
    assert trigger_log()[-1] == still_open(
        "Airflow could not return the task's state: OSError('database is locked')", "WARNING"
    )
    assert triggerer_log() == [CANCELED]


def test_loop_that_is_blocked_for_twenty_seconds_loses_no_check(
    world: Any, airflow: Airflow, has_on_kill: bool
) -> None:
    """All limits pass while nothing runs, and the job is still canceled."""
    trigger = deferred(world, airflow)

    async def scenario() -> None:
        task, _ = world.run_trigger(trigger)
        await asyncio.sleep(25.0)
        mark(airflow, trigger, "failed")
        airflow.seconds = 5.0
        stopping = asyncio.ensure_future(stop(task, trigger, has_on_kill))
        await asyncio.sleep(1.0)
        world.loop._clock.now += 20.0
        await stopping
        await asyncio.sleep(30.0)

    world.run(scenario())

    assert world.polaris.canceled == ["job-0"]


@pytest.mark.parametrize("failure", [None, OSError("busy")])
def test_trigger_that_airflow_cancels_again_leaves_its_check_running(
    world: Any, airflow: Airflow, trigger_log: Any, triggerer_log: Any, failure: Exception | None, has_on_kill: bool
) -> None:
    """Airflow cancels a trigger in every loop until it has ended: the handler ends, its check doesn't."""
    trigger = deferred(world, airflow)

    async def scenario() -> None:
        task, _ = world.run_trigger(trigger)
        await asyncio.sleep(25.0)
        mark(airflow, trigger, "failed")
        airflow.seconds, airflow.failure = (3.0, None) if failure is None else (0.5, failure)
        stopping = asyncio.ensure_future(stop(task, trigger, has_on_kill))
        await asyncio.sleep(1.0)
        (stopping if has_on_kill else task).cancel(USER_ACTION)
        await asyncio.wait([stopping])
        assert world.polaris.canceled == []
        airflow.failure = None
        await asyncio.sleep(10.0)

    world.run(scenario())

    assert world.polaris.canceled == ["job-0"]
    assert trigger_log()[-1] == (
        still_open("Airflow gave no answer yet", "INFO")
        if failure is None
        else still_open("Airflow could not return the task's state: OSError('busy')", "WARNING")
    )
    assert triggerer_log() == [CANCELED]


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="without on_kill")
@pytest.mark.usefixtures("database_models")
def test_message_of_a_kill_is_that_of_airflow() -> None:
    """It is Airflow's own and may change; ``on_kill`` works without it, unless Airflow is interrupted before."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from airflow.jobs import triggerer_job_runner

    assert triggerer_job_runner._USER_ACTION_CANCEL_MSG == polaris._USER_ACTION == USER_ACTION


def test_trigger_that_airflow_cancels_again_before_on_kill_has_its_check_started(
    world: Any, airflow: Airflow, triggerer_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow 3.3 logs a line first and may be interrupted there; then ``on_kill`` is never called."""
    monkeypatch.setattr(polaris, "_HAS_ON_KILL", True)
    trigger = deferred(world, airflow)

    async def scenario() -> None:
        await stop_waiting(world, trigger, has_on_kill=False)
        mark(airflow, trigger, "failed")
        await asyncio.sleep(10.0)

    world.run(scenario())

    assert world.polaris.canceled == ["job-0"]
    assert triggerer_log() == [CANCELED]


def test_check_keeps_its_watcher_and_not_its_trigger(world: Any, airflow: Airflow, triggerer_log: Any) -> None:
    """The last trigger of a connection may have ended: the cancel needs the connection, which is read once."""
    airflow.failure = OSError("busy")
    here = contextvars.ContextVar("here", default="the triggerer")
    seen = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(here.get())

    async def scenario() -> None:
        trigger = deferred(world, airflow)
        key = TaskKey.of(trigger.task_instance)
        here.set("the trigger")
        await stop_waiting(world, trigger, has_on_kill=True)
        gone = weakref.ref(trigger)
        del trigger
        gc.collect()
        assert gone() is None
        airflow.failure, airflow.states[key] = None, "failed"
        await asyncio.sleep(60.0)

    listener = Listener()
    logging.getLogger(kill_check.__name__).addHandler(listener)
    try:
        world.run(scenario())
    finally:
        logging.getLogger(kill_check.__name__).removeHandler(listener)

    assert world.polaris.canceled == ["job-0"]
    assert world.reads == ["polaris_default"]
    assert triggerer_log() == [CANCELED]
    assert seen == ["the triggerer"]


def test_triggerer_that_ends_with_running_checks_names_the_jobs(
    world: Any, airflow: Airflow, triggerer_log: Any
) -> None:
    """Including mapped tasks; no job is canceled."""
    triggers = [deferred(world, airflow, number) for number in range(2)]
    triggers[1].task_instance.map_index = 3
    airflow.failure = OSError("busy")

    async def scenario() -> None:
        await asyncio.gather(*(stop_waiting(world, trigger, has_on_kill=True) for trigger in triggers))
        await end_triggerer()
        assert len(kill_check.kill_checks()) == 0

    world.run(scenario())

    assert world.polaris.canceled == []
    assert sorted(triggerer_log()) == [
        f"WARNING The triggerer ends, and job {job!r} of task rollup.hourly ({run}) may run on, because it is "
        "unknown whether the task still waits for it: Airflow could not return the task's state: OSError('busy'). The "
        "next try or a clear of the task settles it."
        for run, job in (("run run-0", "job-0"), ("run run-1, map index 3", "job-1"))
    ]


def test_triggerer_that_ends_while_a_trigger_waits_for_its_answer_names_the_job(
    world: Any, airflow: Airflow, triggerer_log: Any
) -> None:
    """The trigger's own handler is interrupted, too."""
    trigger = deferred(world, airflow)
    airflow.seconds = 60.0

    async def scenario() -> None:
        stopping = asyncio.ensure_future(trigger.on_kill())
        await asyncio.sleep(1.0)
        await end_triggerer()
        assert stopping.cancelled()

    world.run(scenario())

    (line,) = triggerer_log()
    assert line == (
        "WARNING The triggerer ends, and job 'job-0' of task rollup.hourly (run run-0) may run on, because it "
        "is unknown whether the task still waits for it: Airflow gave no answer yet. The next try or a clear of the "
        "task settles it."
    )


@pytest.mark.parametrize(
    "states, xcom, canceled, line",
    [
        (["scheduled", "queued", "running", "deferred"], {"id": "job-0"}, [], DEFERRED),
        (["scheduled", "queued", "running", "deferred"], {"id": "job-1"}, ["job-0"], CANCELED),
        (["queued", "running", "up_for_retry", "failed"], {"id": "job-0"}, ["job-0"], CANCELED),
        (["running", "up_for_reschedule", "success"], {"id": "job-0"}, ["job-0"], CANCELED),
        (["restarting", "awaiting_input", None], {"id": "job-0"}, ["job-0"], CANCELED),
    ],
)
def test_doubt_cancels_nothing_until_a_later_answer_settles_it(
    world: Any, airflow: Airflow, triggerer_log: Any, states: list[str], xcom: Any, canceled: list[str], line: str
) -> None:
    """A retry may resume the same job; a cleared task runs again and waits for another one."""
    trigger = deferred(world, airflow)
    airflow.xcom = xcom

    async def scenario() -> None:
        mark(airflow, trigger, states[0])
        await trigger.on_kill()
        for state in states[1:]:
            assert world.polaris.canceled == []
            mark(airflow, trigger, state)
            await asyncio.sleep(130.0)

    world.run(scenario())

    assert world.polaris.canceled == canceled
    assert triggerer_log() == [line]


@pytest.mark.parametrize("other", ["job-1", "job-0", None])
def test_job_of_the_task_that_airflow_fails_to_tell_is_asked_for_again(
    world: Any, airflow: Airflow, trigger_log: Any, triggerer_log: Any, other: str | None
) -> None:
    """The state deferred proves nothing without the job id: without an answer, nothing is canceled or stopped."""
    trigger = deferred(world, airflow)
    airflow.xcom = OSError("gone")

    async def scenario() -> None:
        await trigger.on_kill()
        assert world.polaris.canceled == []
        airflow.xcom = {"id": other}
        await asyncio.sleep(60.0)

    world.run(scenario())

    assert world.polaris.canceled == (["job-0"] if other == "job-1" else [])
    assert trigger_log() == [still_open("Airflow could not return the job of the task: OSError('gone')", "WARNING")]
    assert triggerer_log() == [CANCELED if other == "job-1" else DEFERRED]
