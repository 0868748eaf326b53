# SPDX-License-Identifier: Apache-2.0
"""Airflow's task states in a test world, and how Airflow stops triggers."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_polaris.triggers.cancellation.task_state import TaskKey
from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger

#: Argument with which Airflow cancels a trigger before it calls ``on_kill``.
USER_ACTION = "__airflow_user_action__"

#: Lines of the triggerer's own log about the first task.
STOPPED = "Stopped trigger of task rollup.hourly (run run-0): "
CANCELED = (
    f"INFO {STOPPED}The task no longer waits for it; the cancellation of job 'job-0' was requested because "
    "cancel_on_kill=True. Its status is 'canceled'."
)
DEFERRED = f"INFO {STOPPED}The trigger was stopped, but the task is still deferred; job 'job-0' runs on."
SETTLES = "The job may run on; the next try or a clear of the task settles it."


class Airflow:
    """Airflow's task states."""

    def __init__(self, world: Any) -> None:
        self._world = world
        self.states: dict[TaskKey, str | None] = {}
        #: Number of tasks of each request, and when it arrived.
        self.asked: list[int] = []
        self.asked_at: list[float] = []
        self.seconds = 0.05
        self.failure: Exception | None = None
        #: The job of every task.
        self.xcom: Any = None
        self.lookups = self.most_lookups = 0

    async def ask_job(self, key: TaskKey) -> Any:
        """Return an XCom."""
        self.lookups += 1
        self.most_lookups = max(self.most_lookups, self.lookups)
        await asyncio.sleep(self.seconds)
        self.lookups -= 1
        if isinstance(self.xcom, Exception):
            raise self.xcom
        return self.xcom

    async def read_states(self, keys: Any) -> dict[TaskKey, str | None]:
        """Return states as of the time of the answer."""
        self.asked.append(len(keys))
        self.asked_at.append(self._world.time())
        await asyncio.sleep(self.seconds)
        if self.failure is not None:
            raise self.failure
        return {key: self.states[key] for key in keys if key in self.states}


def deferred(world: Any, airflow: Airflow, number: int = 0, **options: Any) -> PolarisJobTrigger:
    """Return the trigger of a task that is deferred, waiting for a running job."""
    options = {"cancel_on_kill": True, "cancel_on_timeout": True, **options}
    world.polaris.add(f"job-{number}", (-5.0, "running"))
    trigger = PolarisJobTrigger(f"job-{number}", poll_interval=10.0, **options)
    trigger.task_instance = SimpleNamespace(dag_id="rollup", run_id=f"run-{number}", task_id="hourly", map_index=-1)
    airflow.states[TaskKey.of(trigger.task_instance)] = "deferred"
    return trigger


async def stop(task: asyncio.Task[None], trigger: PolarisJobTrigger, has_on_kill: bool) -> None:
    """Stop a trigger as Airflow does when the task no longer waits for it."""
    task.cancel(USER_ACTION)
    with pytest.raises(asyncio.CancelledError):
        await task
    if has_on_kill:
        await asyncio.wait_for(trigger.on_kill(), 30.0)


async def stop_waiting(world: Any, trigger: PolarisJobTrigger, has_on_kill: bool) -> None:
    """Let a trigger wait for a while, and stop it."""
    task, heard = world.run_trigger(trigger)
    await asyncio.sleep(25.0)
    await stop(task, trigger, has_on_kill)
    assert heard.event is None


async def end_triggerer() -> None:
    """Cancel everything on the loop, as :func:`asyncio.run` does at its end."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def mark(airflow: Airflow, trigger: PolarisJobTrigger, state: str | None) -> None:
    """Give the task of a trigger another state."""
    airflow.states[TaskKey.of(trigger.task_instance)] = state


def still_open(why: str, level: str) -> str:
    """Return the last line of a trigger whose check continues."""
    return (
        f"{level} The trigger was stopped, and nothing proves yet that the task no longer waits for job "
        f"'job-0': {why}. The triggerer keeps polling, for at most 1 h, and cancels the job on proof; its own log "
        "has the result. If the triggerer ends before, the job may run on."
    )
