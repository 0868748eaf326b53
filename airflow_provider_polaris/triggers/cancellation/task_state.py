# SPDX-License-Identifier: Apache-2.0
"""
Read the states of many tasks from Airflow in few requests.

Airflow also stops a trigger that only moves to another triggerer (after a restart, or 30 s without a heartbeat), and
gives no reason. ``on_kill`` is no proof either: a triggerer that was suspended during the move calls it, too. Source:
jobs/triggerer_job_runner.py of Airflow 2.11.2 to 3.3.2.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from airflow_provider_polaris.triggers.polling.connection import answer_within, create_isolated_task

#: Maximum duration of one request to Airflow, in seconds. Loaded machines need a minute; this limit is for requests
#: that hang.
STATE_SECONDS: Final = 300.0

#: Maximum pairs of run and task in a request. The answer covers all combinations, and URLs are limited in length.
_MOST_PAIRS: Final = 100


class TaskKey(NamedTuple):
    """Identity of a task instance. Requests are grouped in the order of these fields."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int

    @classmethod
    def of(cls, ti: Any) -> TaskKey:
        """Return the key of the task instance that Airflow gave a trigger."""
        return cls(ti.dag_id, ti.run_id, ti.task_id, ti.map_index if ti.map_index is not None else -1)

    def __str__(self) -> str:
        index = "" if self.map_index < 0 else f", map index {self.map_index}"
        return f"task {self.dag_id}.{self.task_id} (run {self.run_id}{index})"


#: State by task; None for "no status", the state of a cleared task. A missing task is unknown.
States = dict[TaskKey, str | None]
Query = Callable[[Sequence[TaskKey]], Coroutine[Any, Any, States]]


class NoAnswerError(Exception):
    """Raised when Airflow doesn't return the state of a task. The message gives the reason and is logged."""


class TaskStates:
    """
    Batch state requests: requests that arrive during an open one are sent together afterwards.

    :param query: Sends a request to Airflow.
    """

    def __init__(self, query: Query) -> None:
        self._query = query
        self._waiting: list[tuple[TaskKey, asyncio.Future[str | None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._is_warm = False

    async def state(self, key: TaskKey) -> str | None:
        """
        Return the state of a task; None if it has none, like a cleared task.

        :param key: The task instance.
        :raises NoAnswerError: Airflow gave no answer, or doesn't list the task.
        """
        return await self._request(key)

    def warm_up(self, key: TaskKey) -> None:
        """
        Send one request and drop the answer, so that everything is loaded when an answer is needed. Returns
        immediately.

        On the first request, the supervisor of an Airflow 3 triggerer loads the whole execution API, with FastAPI and
        ``starlette.testclient`` (which ``svcs.fastapi`` imports). Airflow 2 loads its models. That takes seconds, and
        more on a busy machine. Source: ``in_process_api_server`` in jobs/triggerer_job_runner.py.

        :param key: Any task instance.
        """
        if not self._is_warm:
            self._is_warm = True
            self._request(key).add_done_callback(asyncio.Future.exception)

    def _request(self, key: TaskKey) -> asyncio.Future[str | None]:
        future: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, future))
        if self._task is None:
            # This task is never canceled, see SharedSettings.
            self._task = create_isolated_task(self._answer_all())
        return future

    async def _answer_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                states, problem = await self._answer(sorted({key for key, _ in batch}))
                for key, future in batch:
                    if future.done():
                        continue
                    if key in states:
                        future.set_result(states[key])
                    else:
                        future.set_exception(NoAnswerError(problem))
        finally:
            self._task = None

    async def _answer(self, keys: Sequence[TaskKey]) -> tuple[States, str]:
        """Return the states that Airflow returned, and why the others are unknown."""
        try:
            return await answer_within(STATE_SECONDS, self._query(keys)), "Airflow didn't return the task's state"
        except Exception as error:
            return {}, f"Airflow could not return the task's state: {error!r}"


_BY_LOOP: WeakKeyDictionary[asyncio.AbstractEventLoop, TaskStates] = WeakKeyDictionary()


def task_states() -> TaskStates:
    """Return the shared state reader of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _BY_LOOP:
        _BY_LOOP[loop] = TaskStates(states_from_supervisor if AIRFLOW_VERSION >= (3, 0) else states_from_database)
    return _BY_LOOP[loop]


class StateQuery(NamedTuple):
    """One request: all combinations of some runs and tasks of a DAG."""

    dag_id: str
    run_ids: list[str]
    task_ids: list[str]
    keys: list[TaskKey]


def state_queries(keys: Sequence[TaskKey]) -> Iterator[StateQuery]:
    """
    Group tasks into requests; instances of a mapped task share one.

    :param keys: Sorted keys.
    """
    for dag_id, of_dag in groupby(keys, key=lambda key: key.dag_id):
        pairs = [(pair, list(of_pair)) for pair, of_pair in groupby(of_dag, key=lambda key: key[1:3])]
        for start in range(0, len(pairs), _MOST_PAIRS):
            some = pairs[start : start + _MOST_PAIRS]
            runs, tasks = ({pair[index] for pair, _ in some} for index in (0, 1))
            yield StateQuery(dag_id, sorted(runs), sorted(tasks), [key for _, of_pair in some for key in of_pair])


async def states_from_supervisor(keys: Sequence[TaskKey]) -> States:
    """
    Read task states from Airflow 3 over the triggerer's own connection.

    Doesn't use ``RuntimeTaskInstance.get_task_states``, which blocks and would need a thread. If a request fails, its
    tasks are missing from the answer. The imports are free: a triggerer has loaded these modules before its first
    trigger.

    :param keys: Sorted keys.
    :raises Exception: All requests failed.
    """
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import GetTaskStates

    states: States = {}
    problem: Exception | None = None
    for query in state_queries(keys):
        message = GetTaskStates(dag_id=query.dag_id, run_ids=query.run_ids, task_ids=query.task_ids)
        try:
            answer: Any = await task_runner.SUPERVISOR_COMMS.asend(message)
        except Exception as error:
            problem = error
            continue
        for key in query.keys:
            of_run = answer.task_states.get(key.run_id, {})
            # Airflow's name of an instance of a mapped task.
            name = key.task_id if key.map_index < 0 else f"{key.task_id}_{key.map_index}"
            if name in of_run:
                states[key] = of_run[name]
    if problem is not None and not states:
        raise problem
    return states


async def states_from_database(keys: Sequence[TaskKey]) -> States:
    """
    Read task states from the database of Airflow 2. Uses a daemon thread, which doesn't delay the exit.

    :param keys: Sorted keys.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[States] = loop.create_future()

    def answer(states: States) -> None:
        if not future.done():
            future.set_result(states)

    def work() -> None:
        states: States = {}
        with contextlib.suppress(Exception):
            states = _read_database(keys)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(answer, states)

    threading.Thread(target=work, name="polaris-task-states", daemon=True).start()
    return await future


def _read_database(keys: Sequence[TaskKey]) -> States:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    columns = (TaskInstance.dag_id, TaskInstance.run_id, TaskInstance.task_id, TaskInstance.map_index)
    states: States = {}
    with create_session() as session:
        for query in state_queries(keys):
            rows = session.query(*columns, TaskInstance.state).filter(
                TaskInstance.dag_id == query.dag_id,
                TaskInstance.run_id.in_(query.run_ids),
                TaskInstance.task_id.in_(query.task_ids),
            )
            states.update({TaskKey(*row[:4]): row[4] for row in rows})
    return states
