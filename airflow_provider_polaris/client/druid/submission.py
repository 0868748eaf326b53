# SPDX-License-Identifier: Apache-2.0
"""
Submit a job exactly once, under an id that is derived from its marker and number.

Druid refuses a second task of the same id, so the same submission may be sent again after an unknown outcome. What an
id stands for is read from the task; the text of an error decides nothing. A refusal proves nothing either: a POST that
a broker still plans is not yet known to the overlord, and a used id with a statement that can't be planned is a 400
(OBSERVED(Druid 27)).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from airflow_provider_polaris.client.druid import endpoints
from airflow_provider_polaris.client.druid.calls import DruidCalls
from airflow_provider_polaris.client.druid.tasks import TasksApi
from airflow_provider_polaris.client.druid.translation.jobs import (
    NOOP,
    context_of,
    describe,
    is_block,
    is_same_work,
)
from airflow_provider_polaris.client.druid.translation.statement import TaskRequest
from airflow_provider_polaris.client.druid.translation.task_ids import query_id, random_marker, task_id
from airflow_provider_polaris.client.http.request import json_body
from airflow_provider_polaris.client.http.transport import Transport
from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisApiError,
    PolarisConflictError,
    PolarisError,
    PolarisNotFoundError,
)
from airflow_provider_polaris.jobs.spec.context import MARKER_KEY, number_in
from airflow_provider_polaris.jobs.spec.origin import origin_in
from airflow_provider_polaris.jobs.status.statuses import TERMINAL_STATUSES

log = logging.getLogger("airflow_provider_polaris.client")

#: Largest number of POSTs of one submission in one call.
MOST_POSTS: Final = 3

#: Seconds before the second POST; twice as many before the third.
_PAUSE: Final = 2.0

#: Ids of a marker whose statuses one request returns.
_NUMBERS: Final = 20

_AGAIN: Final = "Druid accepts that id only once, so the same job may be submitted again."


class Submission(DruidCalls):
    """
    Submits jobs to the broker.

    :param transport: The transport of the broker, or of the router.
    :param tasks: The overlord.
    :param sleep: Waits between two POSTs.
    """

    def __init__(self, transport: Transport, tasks: TasksApi, sleep: Callable[[float], None]) -> None:
        super().__init__(transport)
        self._tasks = tasks
        self._sleep = sleep

    def submit(self, work: TaskRequest, spec: Mapping[str, Any]) -> dict[str, Any]:
        """
        Submit the task of a job, or return the task that an earlier submission of the same marker and number made.

        The caller raises the number, and only after it has seen the end of the task with the number before.

        :param work: The task.
        :param spec: The job spec, for errors.
        :return: Description of the job, which may have ended.
        :raises PolarisAmbiguousSubmitError: It is unknown whether the task exists. A later call with the same marker
            and number sends the same id.
        :raises PolarisConflictError: The id belongs to a task with other work, or is blocked.
        :raises PolarisError: This call has created no task.
        """
        marker = work.context.get(MARKER_KEY)
        query = query_id(marker, number_in({"context": work.context})) if isinstance(marker, str) else _random_id()
        doubt: PolarisError | None = None
        since = ""
        for number in range(1, MOST_POSTS + 1):
            try:
                answer = self._post(query, work)
            except PolarisAmbiguousSubmitError as error:
                doubt, since = _cause(error), since or error.since or ""
            except PolarisError as error:
                if doubt is None and not _may_hide_task(error):
                    raise
                # The broker refused this POST. An earlier one may have arrived, or may still arrive.
                job = self._read(query, work)
                if job is not None:
                    return job
                if doubt is None:
                    raise
                doubt = error
                break
            else:
                return _accepted(answer, spec)
            job = self._read(query, work)
            if job is not None:
                return job
            if number < MOST_POSTS:
                log.info("It is unknown whether Druid accepted query %r; it is sent again under the same id.", query)
                self._sleep(_PAUSE * number)
        raise PolarisAmbiguousSubmitError(
            f"{doubt} It is unknown whether Druid accepted task {task_id(query)!r}; it may appear. {_AGAIN}",
            spec=dict(spec),
            since=since or None,
        ) from doubt

    def get_marked_job(self, marker: str) -> dict[str, Any] | None:
        """
        Return the description of the job with the highest number of a marker; None if Druid has none (yet).

        :param marker: The marker.
        """
        for number in sorted(self._statuses(marker), reverse=True):
            key = task_id(query_id(marker, number))
            try:
                task, status = self._tasks.task(key)
                if not is_block(task):
                    return self._tasks.describe_task(key, task, status)
            except PolarisNotFoundError:
                continue  # removed since
        return None

    def block(self, marker: str) -> None:
        """
        Make sure that no late submission of a marker creates a task: take its next id for a task that does nothing.

        OBSERVED(Druid 27): a noop task with the id ``query-ID`` blocks a submission of that id.

        :param marker: Marker of an epoch that is over.
        :raises PolarisConflictError: A task of the marker is active, which has to be canceled first.
        """
        statuses = self._statuses(marker)
        newest = max(statuses, default=0)
        if newest:
            key = task_id(query_id(marker, newest))
            if is_block(self._tasks.task(key)[0]):
                return
            if statuses[newest] not in TERMINAL_STATUSES:
                raise _conflict(key)
        taken = task_id(query_id(marker, newest + 1))
        body = json_body({"type": NOOP, "id": taken, "runTime": 1, "context": {MARKER_KEY: marker}}, "task")
        refusal: PolarisError | None = None
        try:
            self._tasks.native_task(body)
        except PolarisError as error:
            refusal = error
        status = self._tasks.get_job_statuses([taken]).get(taken)
        if status is None:
            raise refusal or PolarisConflictError(
                f"Druid accepted task {taken!r} and doesn't have it.",
                status=409,
                method="POST",
                path=endpoints.path_of(endpoints.SUBMIT_NATIVE_TASK),
            )
        # Any task that has the id keeps a late submission out. A task that has ended needs no cancel.
        if refusal is not None and status not in TERMINAL_STATUSES and not is_block(self._tasks.task(taken)[0]):
            raise _conflict(taken) from refusal

    def _statuses(self, marker: str) -> dict[int, str]:
        """Return the statuses of a marker's tasks by their numbers. Druid may have removed the first ones."""
        found: dict[int, str] = {}
        first = 1
        while True:
            ids = {task_id(query_id(marker, number)): number for number in range(first, first + _NUMBERS)}
            statuses = self._tasks.get_job_statuses(ids)
            found.update((ids[key], status) for key, status in statuses.items())
            first += _NUMBERS
            if first - 1 not in found:
                return found

    def _post(self, query: str, work: TaskRequest) -> dict[str, Any]:
        body = work.to_wire(query)
        request = self._transport.request(
            endpoints.SUBMIT_TASK, body=json_body(body, "job"), fresh_connection=True, repeat_throttled=False
        )
        return self._submit(request, body, required="taskId", doubt=lambda _: "")

    def _read(self, query: str, work: TaskRequest) -> dict[str, Any] | None:
        """
        Return the job that an id stands for; None if the overlord has no such task (yet).

        :raises PolarisConflictError: The task does other work.
        """
        key = task_id(query)
        try:
            task, status = self._tasks.task(key)
        except PolarisNotFoundError:
            return None
        except PolarisError as error:
            raise PolarisAmbiguousSubmitError(
                f"It is unknown whether Druid accepted task {key!r}, because it can't be read: {error} {_AGAIN}",
                spec=work.to_wire(query),
            ) from error
        if is_same_work(task, work.context):
            return describe(task, status, {})
        if is_block(task):
            raise PolarisConflictError(
                f"Task id {key!r} was blocked, because the epoch of the Airflow task that it belongs to is over: no "
                "job was submitted.",
                status=409,
                method="POST",
                path=endpoints.path_of(endpoints.SUBMIT_TASK),
            )
        raise _conflict(key, task)


def _random_id() -> str:
    """Return an id for a job without a marker. Only the call that made it can send the same job again."""
    return query_id(random_marker(), 1)


def _cause(error: PolarisAmbiguousSubmitError) -> PolarisError:
    """Return what went wrong, without the sentence that nothing is known."""
    return error.__cause__ if isinstance(error.__cause__, PolarisError) else error


def _may_hide_task(error: PolarisError) -> bool:
    """Return whether a refusal of a POST may come from a task that an earlier POST of the same id created."""
    return isinstance(error, PolarisApiError) and error.status not in (401, 403, 429)


def _conflict(key: str, task: Mapping[str, Any] | None = None) -> PolarisConflictError:
    origin = None if task is None else origin_in({"context": context_of(task)})
    maker = "" if origin is None else f", made by {origin},"
    return PolarisConflictError(
        f"Druid has a task {key!r}{maker} with another statement or context, so no job was submitted: cancel that "
        "task, or wait until it has ended.",
        status=409,
        method="POST",
        path=endpoints.path_of(endpoints.SUBMIT_TASK),
    )


def _accepted(answer: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of a job that Druid accepted and that can't be read yet."""
    return {"id": answer["taskId"], "type": spec.get("type"), "executionStatus": "running", "spec": dict(spec)}
