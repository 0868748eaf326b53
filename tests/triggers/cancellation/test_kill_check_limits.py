# SPDX-License-Identifier: Apache-2.0
"""Questions about killed tasks are limited in number and age, and cause few requests."""

from __future__ import annotations

import asyncio
import gc
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_polaris.jobs.status.state import CancelResult
from airflow_provider_polaris.triggers import polaris
from airflow_provider_polaris.triggers.cancellation import kill_check, task_state
from airflow_provider_polaris.triggers.cancellation.kill_check import MOST_CHECKS, KillCheck
from airflow_provider_polaris.triggers.cancellation.task_state import NoAnswerError, TaskKey, TaskStates
from tests.triggers.cancellation.kills import (
    SETTLES,
    STOPPED,
    Airflow,
    deferred,
    mark,
)


def test_check_is_given_up_after_an_hour(world: Any, airflow: Airflow, triggerer_log: Any) -> None:
    """Requests after 1, 2, 4, … 60 seconds, then every minute; afterwards no task is left."""
    trigger = deferred(world, airflow)
    airflow.states.clear()
    airflow.seconds = 0.0

    async def scenario() -> None:
        await trigger.on_kill()
        await asyncio.sleep(3590.0)
        assert len(kill_check.kill_checks()) == 0

    world.run(scenario())

    pauses = [round(later - earlier) for earlier, later in zip(airflow.asked_at, airflow.asked_at[1:], strict=False)]
    assert pauses == [1, 2, 4, 8, 16, 32, *[60] * 58]
    assert world.polaris.canceled == []
    (line,) = triggerer_log()
    assert line == (
        f"WARNING {STOPPED}In 3600 s no answer proved that the task no longer waits for job 'job-0' (the last: "
        f"Airflow didn't return the task's state). {SETTLES}"
    )


def test_task_that_is_in_doubt_for_an_hour_is_no_warning(world: Any, airflow: Airflow, triggerer_log: Any) -> None:
    """A task that resumed its job in a worker may run for hours."""
    trigger = deferred(world, airflow)
    mark(airflow, trigger, "running")

    async def scenario() -> None:
        await trigger.on_kill()
        await asyncio.sleep(3600.0)

    world.run(scenario())

    (line,) = triggerer_log()
    assert line == (
        f"INFO {STOPPED}In 3600 s no answer proved that the task no longer waits for job 'job-0' (the last: "
        f"the task's state is 'running'). {SETTLES}"
    )


def test_ten_thousand_checks_run_at_most(world: Any, airflow: Airflow, trigger_log: Any) -> None:
    """One more is refused with a line that names its job; after answers there is room again."""
    canceled: list[str] = []

    async def cancel(job_id: str) -> CancelResult:
        canceled.append(job_id)
        return CancelResult("canceled")

    async def scenario() -> None:
        checks = kill_check.kill_checks()
        assert MOST_CHECKS == 10_000
        keys = [TaskKey("rollup", f"run-{number}", "hourly", -1) for number in range(MOST_CHECKS)]
        for number, key in enumerate(keys):
            check = KillCheck(key, f"job-{number}", cancel, "cancel_on_kill=True")
            assert checks.start(check) is not None
        trigger = deferred(world, airflow, MOST_CHECKS)
        await trigger.on_kill()
        airflow.states.update(dict.fromkeys(keys, "failed"))
        await asyncio.sleep(30.0)
        assert len(canceled) == MOST_CHECKS
        assert len(checks) == 0
        trigger = deferred(world, airflow, 0)
        mark(airflow, trigger, "failed")
        await trigger.on_kill()

    world.run(scenario())

    assert world.polaris.canceled == ["job-0"]
    assert trigger_log()[0] == (
        "WARNING The trigger was stopped, and the task's state is not polled: the limit of 10000 such checks is "
        "reached. Job 'job-10000' may run on; the next try or a clear of the task settles it."
    )
    assert len(airflow.asked) <= 4


def test_jobs_of_tasks_are_asked_for_eight_at_once(world: Any, airflow: Airflow) -> None:
    """A triggerer that has lost a thousand triggers must not flood its connection to Airflow."""
    triggers = [deferred(world, airflow, number) for number in range(100)]
    airflow.xcom = {"id": "job-of-the-next-try"}

    async def scenario() -> None:
        await asyncio.gather(*(trigger.on_kill() for trigger in triggers))

    world.run(scenario())

    assert airflow.most_lookups == 8
    assert len(world.polaris.canceled) == 100


def test_request_that_hangs_does_not_hold_up_the_next_one(world: Any, caplog: pytest.LogCaptureFixture) -> None:
    """After five minutes its tasks have no answer, newer ones are requested, and its late end has no effect."""
    asked = []
    keys = [TaskKey("rollup", f"run-{number}", "hourly", -1) for number in range(2)]

    async def query(wanted: Any) -> Any:
        asked.append(list(wanted))
        if len(asked) == 1:
            await asyncio.sleep(1000.0)
            raise OSError("too late")
        return dict.fromkeys(wanted, "failed")

    async def scenario() -> None:
        states = TaskStates(query)
        first = asyncio.ensure_future(states.state(keys[0]))
        await asyncio.sleep(1.0)
        second = asyncio.ensure_future(states.state(keys[1]))
        with pytest.raises(NoAnswerError, match=r"TimeoutError\('Airflow gave no answer within 300 s'\)"):
            await first
        assert await second == "failed"
        assert world.time() == pytest.approx(300.0)
        await asyncio.sleep(1000.0)
        gc.collect()

    world.run(scenario())

    assert asked == [[keys[0]], [keys[1]]]
    assert [record for record in caplog.records if record.name == "asyncio"] == []


def test_ask_supervisor_keeps_what_other_requests_answered(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed request affects only its own tasks; if all fail, the failure is raised."""
    task_runner = pytest.importorskip("airflow.sdk.execution_time.task_runner")

    class Comms:
        async def asend(self, message: Any) -> Any:
            if message.dag_id == "a":
                raise OSError("busy")
            return SimpleNamespace(task_states={"run-0": {"t": "failed"}})

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Comms(), raising=False)
    keys = [TaskKey(dag_id, "run-0", "t", -1) for dag_id in ("a", "b")]

    assert world.run(task_state.states_from_supervisor(keys)) == {keys[1]: "failed"}
    with pytest.raises(OSError, match="busy"):
        world.run(task_state.states_from_supervisor(keys[:1]))


def test_first_trigger_asks_once_so_that_airflow_has_loaded_what_a_kill_needs(
    world: Any, airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request for all triggers, none for those that never cancel, and no trigger waits for its answer."""
    monkeypatch.setattr(polaris, "_HAS_ON_KILL", True)
    airflow.seconds = 60.0
    free = deferred(world, airflow, 0, cancel_on_kill=False, cancel_on_timeout=False)
    triggers = [deferred(world, airflow, number) for number in range(1, 4)]

    async def scenario() -> None:
        tasks = [world.run_trigger(free)[0]]
        await asyncio.sleep(1.0)
        assert airflow.asked == []
        tasks += [world.run_trigger(trigger)[0] for trigger in triggers]
        await asyncio.sleep(15.0)
        assert airflow.asked == [1]
        assert world.polaris.asked(since=1.0) > 0
        await asyncio.sleep(60.0)
        await world.finish(*tasks)

    world.run(scenario())

    assert airflow.asked == [1]


def test_warm_up_that_fails_is_nobodys_concern(
    world: Any, airflow: Airflow, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is logged, not even when the answer is dropped."""
    monkeypatch.setattr(polaris, "_HAS_ON_KILL", True)
    airflow.failure = OSError("busy")

    async def scenario() -> None:
        task, _ = world.run_trigger(deferred(world, airflow))
        await asyncio.sleep(5.0)
        await world.finish(task)
        gc.collect()

    world.run(scenario())

    assert [record for record in caplog.records if record.name == "asyncio"] == []
