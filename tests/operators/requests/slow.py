# SPDX-License-Identifier: Apache-2.0
"""A task whose queries and jobs take a while, run from deferral to deferral as Airflow does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger
from airflow_provider_polaris.triggers.wait import PolarisWaitTrigger
from tests.operators.conftest import FakeTI, MemoryStore, through_airflow
from tests.operators.guards.conftest import DAY, World

#: Duration of a job or a query of :class:`SlowWorld` in seconds.
SECONDS = 20


def rollup_of_day(world: World, arguments: Mapping[str, Any]) -> PolarisTableToTableOperator:
    """
    Return a deferrable rollup of one day.

    :param world: Source and target.
    :param arguments: More arguments of the operator.
    """
    return PolarisTableToTableOperator(
        **{
            "task_id": "job",
            "retries": 1,
            "source_table": world.source,
            "target_table": world.target,
            "interval": DAY,
            "dimensions": ["city"],
            "measures": {"last": 'MAX("__time")'},
            "rollup_granularity": "hour",
            "create_table_if_not_exists": True,
            "deferrable": True,
            **arguments,
        }
    )


class SlowWorld(World):
    """Tables on an emulator whose jobs and queries take 20 s of fake time."""

    def run(self, spec: dict[str, Any]) -> dict[str, Any]:
        job_id = self.client.create_job(spec)["id"]
        self.pass_time()
        job = self.client.get_job(job_id)
        assert job["executionStatus"] == "completed", job
        return job

    def pass_time(self, seconds: float = SECONDS + 1) -> None:
        self.clock.time += timedelta(seconds=seconds)
        self.running.emulator.jobs.advance_due_jobs()


class SlowTask:
    """
    A deferrable rollup of one day.

    :param world: Source and target.
    :param has_store: Whether there is a task state store.
    :param arguments: More arguments of the operator.
    """

    def __init__(self, world: SlowWorld, *, has_store: bool = AIRFLOW_VERSION >= (3, 3), **arguments: Any) -> None:
        self.world = world
        self.has_store = has_store
        self.clock = world.clock
        self.ti = FakeTI(max_tries=1, start_date=world.clock.now())
        self.store = MemoryStore()
        self.arguments = arguments
        #: Seconds that each phase took in a worker.
        self.phases: list[float] = []
        self.new_operator()

    @property
    def context(self) -> Any:
        store = {"task_state_store": self.store} if self.has_store else {}
        return {"ti": self.ti, **store}

    def new_operator(self) -> PolarisTableToTableOperator:
        """Return the task as a new worker process has it."""
        self.operator = rollup_of_day(self.world, self.arguments)
        return self.operator

    def begin(self) -> Any:
        """Start the try; return the deferral, or the result."""
        return self._phase(lambda: self.new_operator().execute(self.context))

    def resume(self, deferred: Any, event: Any = None) -> Any:
        """Continue after a deferral in a new worker; return the next deferral, or the result."""
        if event is None:
            event = {"status": "due"}
            if isinstance(deferred.trigger, PolarisJobTrigger):
                job_id = deferred.trigger.job_id
                event = {"status": "ended", "job_id": job_id, "state": "completed", "message": "it has ended"}
        arguments = through_airflow({**deferred.kwargs, "event": event})
        return self._phase(lambda: self.new_operator().resume_execution(deferred.method_name, arguments, self.context))

    def fail_trigger(self, error: str) -> Any:
        """Continue as Airflow does without an event: it has dropped the saved state."""
        kwargs = {"error": error, "traceback": None}
        return self._phase(lambda: self.new_operator().resume_execution("__fail__", kwargs, self.context))

    def finish(self, state: Any) -> Any:
        """Continue until the task ends; time passes in the triggerer. Return the result."""
        for _ in range(20):
            if not isinstance(state, TaskDeferred):
                return state
            self.world.pass_time()
            state = self.resume(state)
        raise AssertionError("the task never ends")

    def _phase(self, work: Any) -> Any:
        begin = self.clock.now()
        try:
            return work()
        except TaskDeferred as deferred:
            return deferred
        finally:
            self.phases.append((self.clock.now() - begin).total_seconds())


def waits(deferred: Any) -> tuple[str, list[str]]:
    """Return what a deferred task waits for, as its trigger is stored."""
    classpath, arguments = deferred.trigger.serialize()
    if isinstance(deferred.trigger, PolarisWaitTrigger):
        return arguments["kind"], arguments["ids"]
    assert classpath.endswith(".PolarisJobTrigger")
    return "job", [arguments["job_id"]]
