# SPDX-License-Identifier: Apache-2.0
"""Run the task group as an Airflow whose workers may die at any request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import requests
from airflow.providers.common.compat.sdk import DAG, TaskDeferred

from airflow_provider_polaris.jobs.errors import PolarisError
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION, AirflowFailException, AirflowSkipException
from airflow_provider_polaris.task_groups.polaris import PolarisAgeOutTaskGroup
from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger
from tests.operators.conftest import through_airflow
from tests.operators.submission.conftest import MemoryStore
from tests.task_groups.age_out.world import FIRST, MAPPINGS, NUMBERS, World

TASKS = ("plan", "copy", "prove", "delete")
RETRIES = 3


@dataclass
class TaskInstance:
    """One task of one run, with the attributes that tasks use."""

    run: Run
    task_id: str
    dag_id: str = "koalas"
    run_id: str = ""
    map_index: int = -1
    try_number: int = 0
    max_tries: int = RETRIES
    start_date: datetime | None = None
    store: MemoryStore | None = None

    def get_relevant_upstream_map_indexes(self, *_: Any, **__: Any) -> None:
        """Answer the question of Airflow 2.11 to a task instance: nothing is mapped here."""

    def xcom_push(self, key: str, value: Any) -> None:
        self.run.xcoms[self.task_id, key] = json.dumps(value)

    def xcom_pull(self, task_ids: str, key: str = "return_value", default: Any = None, **_: Any) -> Any:
        value = self.run.xcoms.get((task_ids, key))
        return default if value is None else json.loads(value)


class Run:
    """
    One DAG run with the task group in it.

    :param world: Its tables.
    :param start: Begin of its data interval.
    :param end: End of it; None for a day.
    :param arguments: Of the group.
    """

    def __init__(
        self, world: World, start: datetime, end: datetime | None = None, *, has_store: bool = True, **arguments: Any
    ) -> None:
        self.world = world
        self.start, self.end = start, end or start + timedelta(days=1)
        self.has_store = has_store and AIRFLOW_VERSION >= (3, 3)
        self.arguments = arguments
        self.started = world.clock.now()
        self.xcoms: dict[tuple[str, str], str] = {}
        run_id = f"run-{next(NUMBERS)}"
        self.instances = {name: TaskInstance(self, f"age_out.{name}", run_id=run_id) for name in TASKS}
        #: How often a task was deferred.
        self.deferrals = 0
        #: The task that ran last.
        self.current = "plan"
        #: Called right before a task runs.
        self.before: dict[str, Callable[[], None]] = {}

    def operator(self, name: str) -> Any:
        """Parse the DAG file, as every worker does."""
        with DAG("koalas", schedule=None, start_date=FIRST):
            group = PolarisAgeOutTaskGroup(
                "age_out",
                **{
                    "source_table": self.world.source,
                    "target_table": self.world.target,
                    "older_than": "P30D",
                    "mappings": MAPPINGS,
                    "partitioned_by": "day",
                    "create_table_if_not_exists": True,
                    "poll_interval": 30,
                    "default_args": {"retries": RETRIES},
                    **self.arguments,
                },
            )
        return getattr(group, name)

    def context(self, name: str) -> dict[str, Any]:
        """Return the context that Airflow passes to the task."""
        instance = self.instances[name]
        context = {
            "ti": instance,
            "task_instance": instance,
            "dag_run": SimpleNamespace(start_date=self.started),
            "data_interval_start": self.start,
            "data_interval_end": self.end,
            "expanded_ti_count": None,
        }
        if not self.has_store:
            return context
        instance.store = instance.store or MemoryStore()
        return {**context, "task_state_store": instance.store}

    def execute(self, name: str) -> Any:
        """Run the next try of one task."""
        instance = self.instances[name]
        instance.try_number += 1
        instance.start_date = self.world.clock.now()
        for key in [key for key in self.xcoms if key[0] == instance.task_id]:
            del self.xcoms[key]
        if name in self.before:
            self.before.pop(name)()
        operator = self.operator(name)
        context = self.context(name)
        operator.render_template_fields(context)
        try:
            result = operator.execute(context)
        except TaskDeferred as deferred:
            result = self.resume(name, deferred)
        instance.xcom_push("return_value", result)
        return result

    def resume(self, name: str, deferred: Any) -> Any:
        """Let the queries or the job end, and continue in a new worker."""
        self.deferrals += 1
        self.world.clock.advance(60)
        event: dict[str, Any] = {"status": "due"}
        if isinstance(deferred.trigger, PolarisJobTrigger):
            job_id = deferred.trigger.job_id
            status = self.world.hook.get_job_status(job_id)
            event = {"status": "ended", "job_id": job_id, "state": status, "message": "it has ended"}
        operator = self.operator(name)
        context = self.context(name)
        operator.render_template_fields(context)
        arguments = through_airflow({**deferred.kwargs, "event": event})
        try:
            return operator.resume_execution(deferred.method_name, arguments, context)
        except TaskDeferred as again:
            return self.resume(name, again)

    def go(self, since: str = "plan") -> str:
        """
        Run the tasks in order, each with its retries.

        :return: ``success``; ``skipped`` and why; ``failed``, task and message.
        """
        for name in TASKS[TASKS.index(since) :]:
            self.current = name
            for _ in range(RETRIES + 1):
                try:
                    self.execute(name)
                    break
                except AirflowSkipException as why:
                    return f"skipped: {why}"
                except AirflowFailException as why:
                    return f"failed {name}: {why}"
                except PolarisError as why:
                    last = f"gave up {name}: {why}"
                    self.world.clock.advance(300)
            else:
                return last
        return "success"

    def clear(self, name: str) -> Run:
        """Clear a task and all downstream tasks."""
        self.started = self.world.clock.now()
        for each in TASKS[TASKS.index(name) :]:
            instance = self.instances[each]
            if instance.try_number:
                instance.max_tries = instance.try_number + RETRIES
        return self


@contextmanager
def disturbed(before: Callable[[str, str], None], after: Callable[[str, str], None]) -> Iterator[None]:
    """
    Have functions called around each request of the worker, with method and path.

    What they ask Polaris themselves isn't disturbed.
    """
    send = requests.Session.send
    is_inside = False

    def disturb(session: Any, request: Any, **options: Any) -> Any:
        nonlocal is_inside
        if is_inside:
            return send(session, request, **options)
        path = request.url.split("/projects/")[-1].partition("/")[2]
        is_inside = True
        try:
            before(request.method, path)
            answer = send(session, request, **options)
            after(request.method, path)
            return answer
        finally:
            is_inside = False

    requests.Session.send = disturb  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        requests.Session.send = send  # type: ignore[method-assign]
