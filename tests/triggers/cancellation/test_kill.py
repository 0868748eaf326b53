# SPDX-License-Identifier: Apache-2.0
"""Killing a deferred task cancels its job; everything else that stops a trigger doesn't."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_polaris.triggers import polaris
from airflow_provider_polaris.triggers.cancellation import task_job, task_state
from airflow_provider_polaris.triggers.cancellation.task_state import TaskKey, state_queries
from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger
from tests.triggers.cancellation.kills import Airflow, deferred, end_triggerer, stop


def kill(world: Any, airflow: Airflow, trigger: PolarisJobTrigger, state: str | None, has_on_kill: bool) -> float:
    """Let a trigger wait, change the state of its task, stop the trigger; return how long that took."""

    async def scenario() -> float:
        task, heard = world.run_trigger(trigger)
        await asyncio.sleep(25.0)
        if state == "unheard-of":
            airflow.states.clear()
        else:
            airflow.states[TaskKey.of(trigger.task_instance)] = state
        began = world.time()
        await stop(task, trigger, has_on_kill)
        assert heard.event is None
        seconds = float(world.time() - began)
        await end_triggerer()
        return seconds

    seconds: float = world.run(scenario())
    return seconds


@pytest.mark.parametrize("state", ["failed", "success", "skipped", "removed", None])
def test_task_that_is_no_longer_deferred_takes_its_job_along(
    world: Any, airflow: Airflow, trigger_log: Any, state: str | None, has_on_kill: bool
) -> None:
    """Marked with any state, removed or cleared: the cancel is sent within four seconds."""
    seconds = kill(world, airflow, deferred(world, airflow), state, has_on_kill)

    assert world.polaris.canceled == ["job-0"]
    assert seconds <= 4.0
    assert world.reads == ["polaris_default"]
    assert trigger_log()[-1] == (
        "INFO The task no longer waits for it; the cancellation of job 'job-0' was requested because "
        "cancel_on_kill=True. Its status is 'canceled'."
    )


@pytest.mark.parametrize(
    "state",
    ["scheduled", "queued", "running", "up_for_retry", "up_for_reschedule", "awaiting_input", "restarting", "new"],
)
def test_task_whose_next_try_may_resume_the_job_keeps_it(
    world: Any, airflow: Airflow, trigger_log: Any, state: str, has_on_kill: bool
) -> None:
    """A retry or an unknown state is no proof: the check continues and cancels nothing."""
    kill(world, airflow, deferred(world, airflow), state, has_on_kill)

    assert world.polaris.canceled == []
    assert trigger_log()[-1] == (
        "INFO The trigger was stopped, and nothing proves yet that the task no longer waits for job 'job-0': "
        f"the task's state is {state!r}. The triggerer keeps polling, for at most 1 h, and cancels the job on "
        "proof; its own log has the result. If the triggerer ends before, the job may run on."
    )


def test_task_that_is_still_deferred_keeps_its_job(
    world: Any, airflow: Airflow, trigger_log: Any, has_on_kill: bool
) -> None:
    """The triggerer restarts, or was suspended for forty seconds and lost its triggers to another one."""
    kill(world, airflow, deferred(world, airflow), "deferred", has_on_kill)

    assert world.polaris.canceled == []
    assert trigger_log()[-1] == ("INFO The trigger was stopped, but the task is still deferred; job 'job-0' runs on.")


def test_task_that_was_cleared_and_deferred_again_takes_its_old_job_along(
    world: Any, airflow: Airflow, has_on_kill: bool
) -> None:
    """Airflow stops a trigger a second or two after the clear; by then the next try may wait for its own job."""
    airflow.xcom = {"id": "job-of-the-next-try"}
    kill(world, airflow, deferred(world, airflow), "deferred", has_on_kill)

    assert world.polaris.canceled == ["job-0"]


@pytest.mark.parametrize("xcom", [None, {"id": "job-0"}, {"id": None}, "text", OSError("gone")])
def test_task_that_waits_for_this_job_or_nobody_knows_keeps_it(
    world: Any, airflow: Airflow, has_on_kill: bool, xcom: Any
) -> None:
    """A retry that resumed the same job, a task without that XCom, an Airflow that doesn't answer."""
    airflow.xcom = xcom
    kill(world, airflow, deferred(world, airflow), "deferred", has_on_kill)

    assert world.polaris.canceled == []


def test_ask_supervisor_for_the_job_names_the_task(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The XCom of this very task instance, mapped ones included."""
    task_runner = pytest.importorskip("airflow.sdk.execution_time.task_runner")
    sent = []

    class Comms:
        async def asend(self, message: Any) -> Any:
            sent.append(message.model_dump())
            return SimpleNamespace(value={"id": "job-7", "status": "pending"})

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Comms(), raising=False)

    async def ask() -> str | None:
        return await task_job.job_of(TaskKey("dag", "run-0", "mapped", 3))

    assert world.run(ask()) == "job-7"
    assert {name: sent[0][name] for name in ("key", "dag_id", "run_id", "task_id", "map_index")} == {
        "key": "polaris_job",
        "dag_id": "dag",
        "run_id": "run-0",
        "task_id": "mapped",
        "map_index": 3,
    }


def test_task_whose_state_nobody_knows_keeps_its_job(
    world: Any, airflow: Airflow, trigger_log: Any, has_on_kill: bool
) -> None:
    """A wrong cancel does more damage than a job that runs on."""
    kill(world, airflow, deferred(world, airflow), "unheard-of", has_on_kill)

    assert world.polaris.canceled == []
    assert trigger_log()[-1] == (
        "WARNING The trigger was stopped, and nothing proves yet that the task no longer waits for job "
        "'job-0': Airflow didn't return the task's state. The triggerer keeps polling, for at most 1 h, and cancels "
        "the job on proof; its own log has the result. If the triggerer ends before, the job may run on."
    )


def test_trigger_without_a_task_keeps_its_job(
    world: Any, airflow: Airflow, trigger_log: Any, has_on_kill: bool
) -> None:
    """Airflow passed no task instance, so there is no check to continue."""
    trigger = deferred(world, airflow)
    trigger.task_instance = None

    async def scenario() -> None:
        task, _ = world.run_trigger(trigger)
        await asyncio.sleep(25.0)
        await stop(task, trigger, has_on_kill)

    world.run(scenario())

    assert world.polaris.canceled == []
    assert airflow.asked == []
    assert trigger_log()[-1] == ("WARNING The trigger was stopped and Airflow gives no reason; job 'job-0' runs on.")


def test_airflow_that_fails_to_answer_is_no_reason_to_cancel_or_raise(
    world: Any, airflow: Airflow, has_on_kill: bool
) -> None:
    """The handler raises only the cancellation itself, and returns within Airflow's limit."""
    airflow.failure = RuntimeError("lost")
    seconds = kill(world, airflow, deferred(world, airflow), "failed", has_on_kill)

    assert world.polaris.canceled == []
    assert seconds == pytest.approx(10.0, abs=0.1)


def test_task_instance_that_makes_no_sense_raises_nothing(
    world: Any, airflow: Airflow, trigger_log: Any, has_on_kill: bool
) -> None:
    """For any task instance that Airflow passes."""
    trigger = deferred(world, airflow)
    trigger.task_instance = SimpleNamespace(task_id="hourly")

    async def scenario() -> None:
        task, _ = world.run_trigger(trigger)
        await asyncio.sleep(25.0)
        await stop(task, trigger, has_on_kill)

    world.run(scenario())

    assert world.polaris.canceled == []
    assert trigger_log()[-1].startswith("WARNING Job 'job-0' may not have been canceled: AttributeError(")


def test_airflow_that_never_answers_is_not_waited_for_for_ever(world: Any, airflow: Airflow, has_on_kill: bool) -> None:
    """A triggerer that stops must not hang."""
    airflow.seconds = 10_000.0
    seconds = kill(world, airflow, deferred(world, airflow), "failed", has_on_kill)

    assert world.polaris.canceled == []
    assert seconds == pytest.approx(10.0, abs=0.1)


@pytest.mark.parametrize("ti", ["there", None])
def test_job_of_a_sensor_or_a_bare_trigger_is_never_canceled(
    world: Any, airflow: Airflow, ti: str | None, has_on_kill: bool
) -> None:
    """No request to Airflow is sent."""
    trigger = deferred(world, airflow, cancel_on_kill=False, cancel_on_timeout=False)
    if ti is None:
        trigger.task_instance = None

    async def scenario() -> None:
        task, _ = world.run_trigger(trigger)
        await asyncio.sleep(25.0)
        airflow.states.clear()
        await stop(task, trigger, has_on_kill)

    world.run(scenario())

    assert world.polaris.canceled == []
    assert airflow.asked == []


def test_cancel_that_polaris_refuses_is_told_and_raises_nothing(
    world: Any, airflow: Airflow, trigger_log: Any, has_on_kill: bool
) -> None:
    """Jobs that delete data can't be canceled."""
    world.polaris.failure = lambda method, path: (
        world.polaris.answer(400, {"code": "BadRequest", "message": "not this type"}) if method == "POST" else None
    )
    kill(world, airflow, deferred(world, airflow), "failed", has_on_kill)

    assert trigger_log()[-1].startswith(
        "WARNING The task no longer waits for it, and job 'job-0' could not be canceled; its status is "
        "'running' and it may run on (jobs that delete data can't be canceled): POST "
    )
    assert "not this type" in trigger_log()[-1]


def rotate_key(world: Any) -> None:
    """Have Polaris reject the key of the first connection, and Airflow return a new one from second 20 on."""
    old = world.key

    async def read_new(conn_id: str) -> Any:
        if world.time() >= 20.0:
            world.key = "pok_brandnewbrandnew"
        return await type(world).read_settings(world, conn_id)

    world.patch_reads(read_new)
    world.polaris.failure = lambda method, path: (
        world.polaris.answer(401, {"message": "who are you?"}) if world.key == old and method == "POST" else None
    )


def test_cancel_whose_key_is_refused_reads_the_connection_once_more(
    world: Any, airflow: Airflow, trigger_log: Any, has_on_kill: bool
) -> None:
    """The key was changed after the last poll: the cancel is sent with the new one, and in time."""
    rotate_key(world)
    seconds = kill(world, airflow, deferred(world, airflow), "failed", has_on_kill)

    assert world.polaris.canceled == ["job-0"]
    assert seconds <= 4.0
    assert len(world.reads) == 2
    assert trigger_log()[-1].startswith(
        "INFO The task no longer waits for it; the cancellation of job 'job-0' was requested"
    )


def test_hundred_cancels_whose_key_is_refused_read_the_connection_once_more(
    world: Any, airflow: Airflow, has_on_kill: bool
) -> None:
    """Cancels that arrive during the read, or after it, use its result."""
    rotate_key(world)

    async def scenario() -> None:
        triggers = [deferred(world, airflow, number) for number in range(100)]
        tasks = [world.run_trigger(trigger)[0] for trigger in triggers]
        await asyncio.sleep(25.0)
        for key in airflow.states:
            airflow.states[key] = None
        await asyncio.gather(*(stop(task, trigger, has_on_kill) for task, trigger in zip(tasks, triggers, strict=True)))

    world.run(scenario())

    assert sorted(world.polaris.canceled) == sorted(world.polaris.jobs)
    assert len(world.reads) == 2


def test_cancel_that_hears_late_of_the_refused_key_takes_what_was_read_before(
    world: Any, airflow: Airflow, has_on_kill: bool
) -> None:
    """Another cancel has read the connection meanwhile, and it is not read again so soon."""
    rotate_key(world)
    triggers = [deferred(world, airflow, number) for number in range(2)]

    async def scenario() -> None:
        tasks = [world.run_trigger(trigger)[0] for trigger in triggers]
        await asyncio.sleep(25.0)
        for key in airflow.states:
            airflow.states[key] = None
        world.latency = 1.0
        stops = []
        for task, trigger in zip(tasks, triggers, strict=True):
            stops.append(asyncio.ensure_future(stop(task, trigger, has_on_kill)))
            await asyncio.sleep(0.7)
        await asyncio.gather(*stops)

    world.run(scenario())

    assert sorted(world.polaris.canceled) == ["job-0", "job-1"]
    assert len(world.reads) == 2


def test_cancel_whose_key_stays_refused_tells_what_polaris_said(
    world: Any, airflow: Airflow, trigger_log: Any, has_on_kill: bool
) -> None:
    """The connection is read once more, there is at most one request for each key, and nothing is raised."""
    world.polaris.failure = lambda method, path: (
        world.polaris.answer(401, {"message": "who are you?"}) if method == "POST" else None
    )
    kill(world, airflow, deferred(world, airflow), "failed", has_on_kill)

    assert len(world.reads) == 2
    assert "could not be canceled; its status is 'unknown'" in trigger_log()[-1]
    assert "answered 401: who are you?" in trigger_log()[-1]


def test_job_that_has_ended_meanwhile_needs_no_cancel(
    world: Any, airflow: Airflow, trigger_log: Any, has_on_kill: bool
) -> None:
    """No answer of Polaris to it raises an error."""
    trigger = deferred(world, airflow)
    world.polaris.jobs["job-0"].changes.append((24.0, "completed"))
    kill(world, airflow, trigger, "failed", has_on_kill)

    assert trigger_log()[-1] == "INFO Job 'job-0' had ended before it could be canceled, with 'completed'."


def test_airflows_own_time_out_cancels_too(world: Any, airflow: Airflow, has_on_kill: bool) -> None:
    """Airflow 3.3 doesn't call on_kill then; the trigger is past its own deadline and cancels the job."""
    trigger = deferred(world, airflow, deadline=world.epoch(20.0), cancel_on_kill=False)

    async def scenario() -> None:
        world.polaris.failure = lambda method, path: (
            setattr(world, "latency", 5.0) if method == "POST" else None  # type: ignore[func-returns-value]
        )
        task, _ = world.run_trigger(trigger)
        await asyncio.sleep(22.0)  # the cancel of the deadline is being sent
        airflow.states[TaskKey.of(trigger.task_instance)] = "failed"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    world.run(scenario())

    assert world.polaris.canceled == ["job-0", "job-0"]


def test_triggerer_that_stops_asks_nothing_where_airflow_says_kill(
    world: Any, airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow 3.3 calls on_kill for a kill; without it there is nothing to find out, and the process is ending."""
    monkeypatch.setattr(polaris, "_HAS_ON_KILL", True)
    trigger = deferred(world, airflow, deadline=world.epoch(1000.0))

    async def scenario() -> None:
        task, _ = world.run_trigger(trigger)
        await asyncio.sleep(25.0)
        before = len(airflow.asked)
        await world.finish(task)
        assert len(airflow.asked) == before

    world.run(scenario())


def test_triggers_that_are_killed_before_they_ran_cancel_too(world: Any, airflow: Airflow) -> None:
    """The connection is read for the cancels only, and once for all of them."""
    triggers = [deferred(world, airflow, number) for number in range(50)]
    for key in airflow.states:
        airflow.states[key] = "failed"

    async def scenario() -> None:
        await asyncio.gather(*(trigger.on_kill() for trigger in triggers))

    world.run(scenario())

    assert sorted(world.polaris.canceled) == sorted(world.polaris.jobs)
    assert world.reads == ["polaris_default"]


def test_thousand_that_are_cleared_at_once_cancel_a_thousand_jobs(
    world: Any, airflow: Airflow, has_on_kill: bool
) -> None:
    """Few requests to Airflow, one read of the connection, all within Airflow's limit for on_kill."""

    async def scenario() -> float:
        triggers = [deferred(world, airflow, number) for number in range(1000)]
        tasks = [world.run_trigger(trigger)[0] for trigger in triggers]
        await asyncio.sleep(25.0)
        for key in airflow.states:
            airflow.states[key] = None
        began = world.time()
        airflow.asked.clear()
        await asyncio.gather(*(stop(task, trigger, has_on_kill) for task, trigger in zip(tasks, triggers, strict=True)))
        return float(world.time() - began)

    seconds = world.run(scenario())

    assert sorted(world.polaris.canceled) == sorted(world.polaris.jobs)
    assert world.reads == ["polaris_default"]
    assert len(airflow.asked) <= 2
    assert seconds < 30.0


def test_queries_put_runs_tasks_and_mapped_instances_of_a_dag_together() -> None:
    """Each task is in exactly one of them, and none is too long for a URL."""
    keys = sorted(
        [TaskKey("a", f"run-{number}", "t", -1) for number in range(250)]
        + [TaskKey("a", "run-mapped", "m", index) for index in range(1000)]
        + [TaskKey("b", "run-0", task, -1) for task in ("x", "y")]
    )

    asked = list(state_queries(keys))

    assert [key for query in asked for key in query.keys] == keys
    assert [query.dag_id for query in asked] == ["a", "a", "a", "b"]
    assert max(len(query.run_ids) for query in asked) <= 100
    assert asked[-1].run_ids == ["run-0"]
    assert asked[-1].task_ids == ["x", "y"]


def test_ask_supervisor_reads_the_states_of_plain_and_mapped_tasks(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cleared task has no state; this differs from a task that Airflow doesn't list."""
    task_runner = pytest.importorskip("airflow.sdk.execution_time.task_runner")
    sent = []

    class Comms:
        async def asend(self, message: Any) -> Any:
            sent.append(message)
            return SimpleNamespace(task_states={"run-0": {"plain": "failed", "mapped_3": None}})

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Comms(), raising=False)
    keys = [TaskKey("dag", "run-0", *rest) for rest in (("gone", -1), ("mapped", 3), ("plain", -1))]

    states = world.run(task_state.states_from_supervisor(keys))

    assert states == {keys[1]: None, keys[2]: "failed"}
    assert [(message.dag_id, message.run_ids, message.task_ids) for message in sent] == [
        ("dag", ["run-0"], ["gone", "mapped", "plain"])
    ]


@pytest.mark.usefixtures("database_models")
def test_ask_database_reads_the_states_where_a_triggerer_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before Airflow 3; in a thread, and failures are "unknown"."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.orm import Session
    from sqlalchemy.pool import StaticPool

    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE task_instance (dag_id, run_id, task_id, map_index INTEGER, state)"))
        for row in ("'dag', 'run-0', 'plain', -1, 'failed'", "'dag', 'run-0', 'mapped', 3, NULL"):
            connection.execute(text(f"INSERT INTO task_instance VALUES ({row})"))
    monkeypatch.setattr("airflow.utils.session.create_session", lambda: Session(engine))
    keys = [TaskKey("dag", "run-0", *rest) for rest in (("gone", -1), ("mapped", 3), ("mapped", 4), ("plain", -1))]

    states = asyncio.run(task_state.states_from_database(keys))
    engine.dispose()

    assert states == {keys[1]: None, keys[3]: "failed"}
