# SPDX-License-Identifier: Apache-2.0
"""
Jobs as tasks of the overlord: describe, list, cancel. Performs requests to the overlord only.

Source: druid.apache.org/docs/latest/api-reference/tasks-api, OBSERVED(Druid 27).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from airflow_provider_polaris.client.druid import endpoints
from airflow_provider_polaris.client.druid.calls import array_body
from airflow_provider_polaris.client.druid.supervisors import SupervisorsApi
from airflow_provider_polaris.client.druid.translation import reports
from airflow_provider_polaris.client.druid.translation.jobs import DATA_TYPES, describe, kind_of_row, summarize
from airflow_provider_polaris.client.druid.translation.states import execution_status
from airflow_provider_polaris.client.druid.translation.supervisors import PREFIX
from airflow_provider_polaris.client.http.calls import instant_text
from airflow_provider_polaris.client.http.endpoint import Endpoint
from airflow_provider_polaris.client.http.request import Body, json_body
from airflow_provider_polaris.jobs.errors import (
    PolarisAuthError,
    PolarisError,
    PolarisForeignAnswerError,
    PolarisNotFoundError,
    PolarisProtocolError,
    PolarisSpecError,
)
from airflow_provider_polaris.jobs.status.statuses import ACTIVE_STATUSES, TERMINAL_STATUSES

#: Tasks whose statuses one request returns. The endpoint has no limit of its own (OBSERVED(Druid 27)).
STATUSES_PER_REQUEST: Final = 1000

#: Ended tasks that the first request for a list returns, at least, and that a list may have at most.
_FIRST_TASKS: Final = 200
_MOST_TASKS: Final = 50_000

#: Ended tasks that are listed for a login that may not request many statuses.
_LISTED_TASKS: Final = 10_000

_RECENT: Final = "created_date_time"


class TasksApi(SupervisorsApi):
    """Describe, list and cancel tasks. The transport is that of the overlord, or of a router that proxies it."""

    def get_job(self, job_id: str) -> dict[str, Any]:
        """
        Return the description of a job: two requests, and a third for the report once it has ended.

        :param job_id: Id of the task, or of a streaming job.
        :raises PolarisNotFoundError: Druid has no such task, or has removed it with its log.
        """
        if job_id.startswith(PREFIX):
            return self._supervisor(job_id)
        task, status = self.task(job_id)
        return self.describe_task(job_id, task, status)

    def describe_task(
        self, job_id: str, task: dict[str, Any], status: dict[str, Any], report: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """
        Return the description of a job, as :meth:`get_job` does.

        :param job_id: Id of the task.
        :param task: Its payload.
        :param status: Its status.
        :param report: Payload of its report; None requests it once the task has ended.
        """
        word = execution_status(status)
        if report is None or word not in TERMINAL_STATUSES:
            report = self.task_report(job_id) if word in TERMINAL_STATUSES else {}
        if word == "completed" and not self._is_settled(job_id, task, report):
            return describe(task, {**status, "statusCode": "RUNNING", "runnerStatusCode": "RUNNING"}, {})
        return describe(task, status, report)

    def get_job_status(self, job_id: str) -> str:
        """
        Return the execution status of a job: one request, and the others of :meth:`get_job` once it has succeeded.

        :param job_id: Id of the task, or of a streaming job.
        :raises PolarisNotFoundError: As :meth:`get_job`.
        """
        if job_id.startswith(PREFIX):
            return str(self._supervisor(job_id)["executionStatus"])
        status = self.task_status(job_id)
        word = execution_status(status)
        if word != "completed":
            return word
        return str(self.describe_task(job_id, self.task_payload(job_id), status)["executionStatus"])

    def get_job_statuses(self, job_ids: Collection[str]) -> dict[str, str]:
        """
        Return the execution status of each job that Druid has; others are missing. One request for 1,000 jobs.

        The answer doesn't say whether an active task waits for a slot, so each active task is ``running``. A task that
        has succeeded is ``completed`` at once, even if its rows can't be seen yet: ask :meth:`get_job_status`. A login
        without the right STATE WRITE gets the statuses from one list of tasks, which has the newest 10,000 ended ones.

        :param job_ids: Ids of tasks.
        """
        found: dict[str, str] = {}
        wanted = list(dict.fromkeys(job_ids))
        for start in range(0, len(wanted), STATUSES_PER_REQUEST):
            body = array_body(wanted[start : start + STATUSES_PER_REQUEST])
            try:
                answer = self._object(endpoints.TASK_STATUSES, body=body)
            except PolarisAuthError as error:
                if error.status != 403:
                    raise
                rows = self._rows_of_tasks(None, _LISTED_TASKS)
                return {row["id"]: execution_status(row) for row in rows if row.get("id") in frozenset(wanted)}
            found.update((key, execution_status(value)) for key, value in answer.items() if isinstance(value, dict))
        return found

    def check_bulk_status(self) -> None:
        """
        Request the statuses of several tasks, of which none exists.

        :raises PolarisAuthError: The right STATE WRITE is missing, and :meth:`get_job_statuses` reads a list instead.
        """
        self._object(endpoints.TASK_STATUSES, body=array_body(["-"]))

    def get_job_progress(self, job_id: str) -> float | None:
        """Return the progress of a job, 0 to 1; None if its report has none, as at its start and its end."""
        return reports.progress(self.task_report(job_id))

    def get_job_logs(self, job_id: str) -> list[dict[str, Any]]:
        """Return the error and the warnings of a job's report; Druid's own log of the task is not read."""
        return reports.log_entries(self.task_report(job_id))

    def get_job_metrics(self, job_id: str) -> dict[str, Any]:
        """Return the totals of a job's report; empty if there is none."""
        return reports.metrics(self.task_report(job_id))

    def cancel_job(self, job_id: str) -> str:
        """
        Shut a task down. A task that has already ended raises no error.

        :param job_id: Id of the task.
        :return: Current execution status; wait until it is terminal.
        :raises PolarisNotFoundError: Druid has no such task.
        """
        if self._maybe(endpoints.SHUTDOWN_TASK, job_id, body=json_body({}, "request")) is None:
            raise self._absent(endpoints.SHUTDOWN_TASK, job_id)
        return self.get_job_status(job_id)

    def iter_jobs(
        self,
        *,
        type: Sequence[str] = (),  # noqa: A002  # the job's own field
        execution_status: Sequence[str] = (),
        target_table: str | None = None,
        sort_column: str = _RECENT,
        sort_order: str = "DESC",
        page_size: int = 1000,
        limit: int | None = None,
        complete: bool = True,
        most_pages: int | None = None,
        fields: Collection[str] | None = None,  # noqa: ARG002 (a summary has few fields)
    ) -> Iterator[dict[str, Any]]:
        """
        Yield a summary of each job, and of each supervisor if ``streaming`` is among the types.

        Druid's list has no pages. It returns all active tasks and the newest ended ones, workers included, so more are
        requested until there are enough jobs.

        :param type: Only these types; empty for all. A query's task counts as ``batch`` and as ``sql``.
        :param execution_status: Only these statuses; empty for all.
        :param target_table: Only jobs that write this table.
        :param sort_column: Only ``created_date_time``.
        :param sort_order: ``ASC`` or ``DESC``.
        :param page_size: With ``most_pages``, the largest number of ended tasks that are read.
        :param limit: Largest number of summaries to yield; None for all.
        :param complete: False reads the list once.
        :param most_pages: See ``page_size``.
        :raises PolarisProtocolError: Druid has more ended tasks than may be read.
        """
        if sort_column != _RECENT or sort_order not in ("ASC", "DESC"):
            raise PolarisSpecError(f"Druid's tasks can't be sorted by {sort_column!r} {sort_order!r}.")
        only = [type] if isinstance(type, str) else list(type)
        wanted = {execution_status} if isinstance(execution_status, str) else set(execution_status)
        if limit is not None and limit <= 0:
            return
        streams = self._supervisors(target_table) if not only or "streaming" in only else []
        found = [stream for stream in streams if not wanted or stream["executionStatus"] in wanted]
        is_cut = False
        if not only or ({"batch", "sql"} | DATA_TYPES) & set(only):
            most = _MOST_TASKS if most_pages is None else min(_MOST_TASKS, page_size * most_pages)
            jobs, is_cut = self._list_jobs(only, wanted, target_table, limit if sort_order == "DESC" else None, most)
            found += jobs if sort_order == "DESC" else jobs[::-1]
        yield from found[:limit]
        if is_cut and complete and (limit is None or len(found) < limit):
            raise PolarisProtocolError(
                f"Druid has more than {most} ended tasks{f' of table {target_table!r}' if target_table else ''}, too "
                "many to read. Let Druid remove old tasks (druid.indexer.logs.kill.enabled)."
            )

    def task(self, job_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return payload and status of a task: two requests; see :meth:`task_payload` and :meth:`task_status`."""
        status = self.task_status(job_id)
        return self.task_payload(job_id), status

    def task_payload(self, job_id: str) -> dict[str, Any]:
        """
        Return the payload of a task, as Druid wrote it.

        :raises PolarisNotFoundError: Druid has no such task.
        """
        answer = self._maybe(endpoints.GET_TASK, job_id)
        if answer is None:
            raise self._absent(endpoints.GET_TASK, job_id)
        task = answer.get("payload")
        return task if isinstance(task, dict) else {}

    def task_status(self, job_id: str) -> dict[str, Any]:
        """
        Return the status of a task, as Druid wrote it.

        :raises PolarisNotFoundError: Druid has no such task.
        """
        answer = self._maybe(endpoints.GET_TASK_STATUS, job_id)
        status = answer.get("status") if answer is not None else None
        if answer is None:
            raise self._absent(endpoints.GET_TASK_STATUS, job_id)
        if not isinstance(status, dict) or not isinstance(status.get("id"), str):
            raise PolarisProtocolError(f"Druid described the status of task {job_id!r} without an id.")
        return status

    def task_report(self, job_id: str, *, is_final: bool = False) -> dict[str, Any]:
        """Return the payload of a task's report; empty if there is none. A failure that is final is not retried."""
        endpoint = endpoints.TRY_TASK_REPORTS if is_final else endpoints.GET_TASK_REPORTS
        return dict(reports.payload_of(self._maybe(endpoint, job_id)))

    def native_task(self, body: Body) -> dict[str, Any]:
        """Submit a task of the overlord's own API; returns ``{task}``."""
        return self._object(endpoints.SUBMIT_NATIVE_TASK, body=body, required="task")

    def worker_capacity(self) -> dict[str, Any]:
        """Return the number of task slots; needs CONFIG READ."""
        return self._object(endpoints.WORKER_CAPACITY)

    def workers(self, *, is_final: bool = False) -> list[dict[str, Any]]:
        """Return the workers with their used slots; needs STATE READ. A failure that is final is not retried."""
        return self._rows(endpoints.TRY_WORKERS if is_final else endpoints.LIST_WORKERS)

    def _list_jobs(
        self, types: list[str], wanted: set[str], table: str | None, limit: int | None, most: int
    ) -> tuple[list[dict[str, Any]], bool]:
        """Return the jobs, newest first, and whether Druid may have more."""
        only_active = bool(wanted) and wanted <= ACTIVE_STATUSES
        size = 1 if only_active else min(most, max(_FIRST_TASKS, 3 * (limit or 0)))
        while True:
            rows = [row for row in self._rows_of_tasks(table, size) if isinstance(row.get("id"), str)]
            ended = sum(execution_status(row) in TERMINAL_STATUSES for row in rows)
            jobs = []
            for row in sorted(rows, key=lambda row: str(row.get("createdTime")), reverse=True):
                kind = kind_of_row(row, types)
                if kind is not None and (not wanted or execution_status(row) in wanted):
                    jobs.append(summarize(row, kind=kind))
            is_cut = ended >= size and not only_active
            if not is_cut or (limit is not None and len(jobs) >= limit) or size >= most:
                return jobs, is_cut
            size = min(most, size * 5)

    def _rows_of_tasks(self, table: str | None, size: int) -> list[dict[str, Any]]:
        # OBSERVED(Druid 27): without an interval only the ended tasks of the last 24 hours are listed; ``max`` counts
        # ended tasks, workers included, before a filter by type; active tasks are always listed.
        since = f"1970-01-01T00:00:00.000Z_{instant_text(self._transport.now())}"
        params = {"datasource": table, "max": size, "createdTimeInterval": since}
        return self._rows(endpoints.LIST_TASKS, params=params)

    def _is_settled(self, job_id: str, task: dict[str, Any], report: dict[str, Any]) -> bool:  # noqa: ARG002
        """Return whether a task that has succeeded has ended for its callers, too."""
        return True

    def _absent(self, endpoint: Endpoint, job_id: str) -> PolarisError:
        """
        Return the error for a 404 about one task.

        The 404 itself proves nothing: it is plain text, and a proxy's looks the same. The answer 200 without the id
        does.
        """
        request = self._transport.request(endpoint, name=job_id)
        if self.get_job_statuses([job_id]):
            return PolarisForeignAnswerError(
                f"{request.subject} answered 404, but Druid has task {job_id!r}. Check that no proxy answers in its "
                "place.",
                status=404,
            )
        return PolarisNotFoundError(
            f"Druid has no task {job_id!r}. It may have been removed: see druid.indexer.logs.kill.durationToRetain.",
            status=404,
            method=request.subject.method,
            path=request.subject.path,
        )
