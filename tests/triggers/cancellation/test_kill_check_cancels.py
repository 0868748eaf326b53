# SPDX-License-Identifier: Apache-2.0
"""After the proof that a task no longer waits: the cancel, and its requirements."""

from __future__ import annotations

import asyncio
import re
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_polaris.jobs.status.state import CancelResult
from airflow_provider_polaris.triggers.cancellation import kill_check
from tests.triggers.cancellation.kills import (
    CANCELED,
    SETTLES,
    STOPPED,
    Airflow,
    deferred,
    mark,
    stop,
)


def test_cancel_that_polaris_does_not_answer_is_repeated_while_airflow_proves_the_end(
    world: Any, airflow: Airflow, trigger_log: Any, triggerer_log: Any, has_on_kill: bool
) -> None:
    """A Polaris that is unavailable for a minute doesn't prevent the cancel."""
    trigger = deferred(world, airflow)
    world.polaris.failure = lambda method, path: (
        world.polaris.answer(503, {"message": "away"}) if world.time() > 20.0 and world.time() < 80.0 else None
    )

    async def scenario() -> None:
        task, _ = world.run_trigger(trigger)
        await asyncio.sleep(25.0)
        mark(airflow, trigger, "failed")
        await stop(task, trigger, has_on_kill)
        assert world.polaris.canceled == []
        await asyncio.sleep(120.0)

    world.run(scenario())

    assert world.polaris.canceled == ["job-0"]
    assert trigger_log()[-1].startswith(
        "WARNING The task no longer waits for job 'job-0', and the job is not canceled yet: the cancel request failed: "
    )
    assert trigger_log()[-1].endswith(
        ". The triggerer keeps trying; its own log has the result. If the triggerer ends before, the job may run on."
    )
    assert triggerer_log() == [CANCELED]


def test_cancel_that_polaris_never_answers_is_given_up_after_an_hour(
    world: Any, airflow: Airflow, triggerer_log: Any
) -> None:
    """The last line states that the job may continue, and why."""
    trigger = deferred(world, airflow)
    mark(airflow, trigger, "failed")
    world.polaris.failure = lambda method, path: world.polaris.answer(503, {"message": "away"})

    async def scenario() -> None:
        await trigger.on_kill()
        await asyncio.sleep(3700.0)

    world.run(scenario())

    (line,) = triggerer_log()
    assert re.sub(r"in \d+ s\)", "in N s)", line) == (
        f"WARNING {STOPPED}The task no longer waits for it, and job 'job-0' could not be canceled in 3600 s "
        "(the last: the cancel request failed: GET /v1/projects/00000000-0000-4000-8000-000000000001/jobs/job-0/status "
        "answered 503: away. The service, or a proxy in front of it, failed. Gave up after 6 attempts in N s). The job "
        "may run on; the next try or a clear of the task settles it."
    )


def test_cancel_that_needs_a_connection_which_airflow_fails_to_read_is_repeated(
    world: Any, airflow: Airflow, triggerer_log: Any
) -> None:
    """A trigger that never ran has read no connection yet."""
    trigger = deferred(world, airflow)
    mark(airflow, trigger, "failed")

    async def read(conn_id: str) -> Any:
        if world.time() < 20.0:
            raise OSError("database is locked")
        return await type(world).read_settings(world, conn_id)

    world.patch_reads(read)

    async def scenario() -> None:
        await trigger.on_kill()
        assert world.polaris.canceled == []
        await asyncio.sleep(60.0)

    world.run(scenario())

    assert world.polaris.canceled == ["job-0"]
    assert triggerer_log() == [CANCELED]


def test_proof_that_a_later_answer_takes_back_cancels_nothing(world: Any, airflow: Airflow, triggerer_log: Any) -> None:
    """While Polaris is unavailable the task is cleared and resumes its job: each cancel request needs a new proof."""
    trigger = deferred(world, airflow)
    mark(airflow, trigger, "failed")
    world.polaris.failure = lambda method, path: (
        world.polaris.answer(503, {"message": "away"}) if world.time() < 60.0 else None
    )

    async def scenario() -> None:
        await trigger.on_kill()
        mark(airflow, trigger, "running")
        await asyncio.sleep(3600.0)

    world.run(scenario())

    assert world.polaris.canceled == []
    (line,) = triggerer_log()
    assert line == (
        f"INFO {STOPPED}In 3600 s no answer proved that the task no longer waits for job 'job-0' (the last: "
        f"the task's state is 'running'). {SETTLES}"
    )


def test_failure_after_the_deadline_is_no_proof_where_the_job_outlives_it(
    world: Any, airflow: Airflow, triggerer_log: Any
) -> None:
    """With ``cancel_on_timeout=False`` the job of a task that failed by its timeout runs on."""
    trigger = deferred(world, airflow, deadline=world.epoch(100.0), cancel_on_timeout=False)
    airflow.failure = OSError("busy")

    async def scenario() -> None:
        await trigger.on_kill()
        await asyncio.sleep(100.0)
        airflow.failure = None
        mark(airflow, trigger, "failed")
        await asyncio.sleep(100.0)

    world.run(scenario())

    assert world.polaris.canceled == []
    (line,) = triggerer_log()
    assert line == (
        f"INFO {STOPPED}The task's deadline passed before it was known whether the task was killed; job "
        "'job-0' runs on, because cancel_on_timeout=False."
    )


@pytest.mark.parametrize("seconds, attended", [(1.0, True), (20.0, False)])
def test_failure_of_our_own_ends_the_check_with_a_line(
    world: Any, airflow: Airflow, trigger_log: Any, triggerer_log: Any, seconds: float, attended: bool
) -> None:
    """Neither ``on_kill`` nor the check that continues after it raises; they only log."""

    async def broken(job_id: str) -> CancelResult:
        raise ValueError(job_id)

    trigger = deferred(world, airflow)
    mark(airflow, trigger, "failed")
    airflow.seconds = seconds
    trigger._watcher = SimpleNamespace(cancel=broken)  # type: ignore[assignment]

    async def scenario() -> None:
        await trigger.on_kill()
        await asyncio.sleep(20.0)
        assert len(kill_check.kill_checks()) == 0

    world.run(scenario())

    line = "Job 'job-0' may not have been canceled: ValueError('job-0')"
    assert (f"WARNING {line}" in trigger_log()) is attended
    assert triggerer_log() == ([] if attended else [f"WARNING {STOPPED}{line}"])


def test_trigger_that_is_cut_off_during_its_cancel_says_so(
    world: Any, airflow: Airflow, trigger_log: Any, triggerer_log: Any
) -> None:
    """Only Polaris' answer is missing then."""
    trigger = deferred(world, airflow)
    mark(airflow, trigger, "failed")
    world.latency = 3.0

    async def scenario() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(trigger.on_kill(), 1.0)
        await asyncio.sleep(10.0)

    world.run(scenario())

    (line,) = trigger_log()
    assert line == (
        "INFO The task no longer waits for job 'job-0', and the job is not canceled yet: the service gave no "
        "answer yet. The triggerer keeps trying; its own log has the result. If the triggerer ends before, the job "
        "may run on."
    )
    assert triggerer_log() == [CANCELED]


def test_trigger_that_is_stopped_twice_asks_once(world: Any, airflow: Airflow) -> None:
    """Past its deadline it sends the request itself, and Airflow may call ``on_kill``, too."""
    trigger = deferred(world, airflow)
    mark(airflow, trigger, "failed")

    async def scenario() -> None:
        await trigger.on_kill()
        await trigger.on_kill()

    world.run(scenario())

    assert airflow.asked == [1]
