# SPDX-License-Identifier: Apache-2.0
"""Operations on jobs. Source: polaris-sdk 20250425.14.0 and docs.imply.io/polaris/api-manage-job."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_polaris.client.http.calls import Calls
from airflow_provider_polaris.client.http.paging import Page, iterate_offsets
from airflow_provider_polaris.client.http.request import json_body
from airflow_provider_polaris.client.polaris import endpoints
from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisConflictError, PolarisSpecError
from airflow_provider_polaris.jobs.status.statuses import TERMINAL_STATUSES

_LARGEST_PAGE = 1000


class JobsApi(Calls):
    """Create, list, describe and control jobs."""

    def create_job(self, spec: Mapping[str, Any], *, repeat_throttled: bool = True) -> dict[str, Any]:
        """
        Submit a job exactly once.

        The API has no idempotency key. The request is therefore retried only if the service can't have received all of
        it or rejected it (429; 401 with the other form of the key or a new token). It uses a new connection: the server
        may be closing a kept one, and then it would be unknown whether the job arrived.

        :param spec: The body, with the field names of the API. Always set ``type``.
        :param repeat_throttled: Retry after a 429. If False, the caller has to retry.
        :return: Polaris' description of the job, including ``id``.
        :raises PolarisAmbiguousSubmitError: Sent, and the outcome is unknown: the job may run.
        :raises PolarisApiError: Polaris rejected the job; nothing was submitted.
        :raises PolarisTransportError: The request was not sent; nothing was submitted.
        :raises PolarisSpecError: The spec has no JSON form.
        """
        if not isinstance(spec, Mapping):
            raise PolarisSpecError(f"a job spec is an object, not {spec!r}.")
        permissions, note = _create_permissions(spec)
        request = self._transport.request(
            endpoints.CREATE_JOB,
            body=json_body(spec, "job spec"),
            fresh_connection=True,
            repeat_throttled=repeat_throttled,
            permissions=permissions,
            permission_note=note,
        )
        return self._submit(request, spec, required="id", doubt=lambda since: _doubt(spec, since))

    def get_job(self, job_id: str) -> dict[str, Any]:
        """
        Return the description of a job; the only call that returns health and spec.

        :param job_id: Its id.
        :raises PolarisNotFoundError: The project has no such job, or deleted it from its history.
        """
        return self._object(endpoints.GET_JOB, job_id, required="executionStatus")

    def get_job_status(self, job_id: str) -> str:
        """Return a job's ``executionStatus`` as Polaris writes it; the cheapest status request."""
        return str(self._object(endpoints.GET_JOB_STATUS, job_id, required="executionStatus")["executionStatus"])

    def get_job_progress(self, job_id: str) -> float | None:
        """Return the progress of a job, 0 to 1; None for a job type without progress (Polaris returns 400)."""
        try:
            value = self._object(endpoints.GET_JOB_PROGRESS, job_id).get("overallProgress")
        except PolarisApiError as error:
            if error.status == 400:
                return None
            raise
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        return float(value)

    def get_job_logs(self, job_id: str) -> list[dict[str, Any]]:
        """Return a job's log entries ``{timestamp, healthStatus, code, message}`` in Polaris' order; may be empty."""
        logs = self._object(endpoints.GET_JOB_LOGS, job_id).get("logs")
        return [entry for entry in logs if isinstance(entry, dict)] if isinstance(logs, list) else []

    def get_job_metrics(self, job_id: str) -> dict[str, Any]:
        """Return a job's totals (``numRowsProcessed``, ``numRowsPersisted`` ...); empty if there are none yet."""
        totals = self._object(endpoints.GET_JOB_METRICS, job_id).get("totals")
        return totals if isinstance(totals, dict) else {}

    def iter_jobs(
        self,
        *,
        type: Sequence[str] = (),  # noqa: A002  # the API's own word
        execution_status: Sequence[str] = (),
        health_status: Sequence[str] = (),
        connection_name: Sequence[str] = (),
        search: str | None = None,
        target_table: str | None = None,
        target_table_id: str | None = None,
        sort_column: str = "created_date_time",
        sort_order: str = "DESC",
        page_size: int = _LARGEST_PAGE,
        limit: int | None = None,
        complete: bool = True,
        most_pages: int | None = None,
        fields: Collection[str] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """
        Yield the summary of each job once, even if jobs start or end meanwhile.

        The values of one filter are combined with OR, different filters with AND. A summary has no spec. The default
        order is newest first.

        :param type: ``batch``, ``sql``, ``delete_data`` ...
        :param execution_status: ``pending``, ``running`` ...
        :param health_status: ``ok``, ``warn``, ``error``.
        :param connection_name: Connection of the source.
        :param search: Text to find in the sortable fields.
        :param target_table: Name of the target table.
        :param target_table_id: Id of the target table.
        :param sort_column: Only ``created_date_time`` keeps its order while a list is read.
        :param sort_order: ``ASC`` or ``DESC``.
        :param page_size: Summaries per request, 1 to 1000.
        :param limit: Largest number of summaries to yield.
        :param complete: Read pages again if rows have shifted. False limits requests and memory instead: shifted jobs
            may be missing, and a job that moves by more than a page may come twice.
        :param most_pages: Largest number of pages to request; None for 1000.
        :param fields: Names to keep, besides ``id``, in each summary and in its nested objects. A thousand whole
            summaries take megabytes. None keeps all.
        :raises PolarisProtocolError: Polaris reports more pages after ``most_pages``.
        """
        _check_page_size(page_size)
        filters = {
            "type": _several(type),
            "executionStatus": _several(execution_status),
            "healthStatus": _several(health_status),
            "connectionName": _several(connection_name),
            "searchString": search,
            "targetTableName": target_table,
            "targetTableId": target_table_id,
            "sortColumn": sort_column,
            "sortOrder": sort_order,
        }

        keep = None if fields is None else frozenset((*fields, "id", "values", "moreResultsAvailable"))

        def fetch(offset: int, size: int) -> Page:
            params = {**filters, "paginationLimit": size, "paginationOffset": offset}
            rows, data = self._list(endpoints.LIST_JOBS, field="values", key="id", params=params, keep=keep)
            more = data.get("moreResultsAvailable")
            return Page(rows, more if isinstance(more, bool) else None)

        return iterate_offsets(
            fetch,
            page_size=page_size,
            key=lambda row: str(row["id"]),
            limit=limit,
            complete=complete,
            most_pages=most_pages,
        )

    def update_job_status(self, job_id: str, desired: str) -> str:
        """
        Request another status; idempotent.

        :param job_id: The job.
        :param desired: ``canceled``; for streaming jobs also ``suspended`` and ``running``.
        :return: The current ``executionStatus``, which may not be the desired one yet.
        """
        body = json_body({"desiredExecutionStatus": desired}, "status")
        answer = self._object(endpoints.UPDATE_JOB_STATUS, job_id, body=body, required="executionStatus")
        return str(answer["executionStatus"])

    def cancel_job(self, job_id: str) -> str:
        """
        Request the cancellation of a job. A job that has already ended raises no error.

        :param job_id: The job.
        :return: The current ``executionStatus``; wait until it is terminal.
        :raises PolarisApiError: Polaris refused although the job has not ended (deletion jobs can't be canceled).
        """
        try:
            return self.update_job_status(job_id, "canceled")
        except PolarisApiError as error:
            if error.status != 400 and not isinstance(error, PolarisConflictError):
                raise
            # The service's response for a job that has ended is not documented.
            status = self.get_job_status(job_id)
            if status not in TERMINAL_STATUSES:
                raise
            return status

    def reset_job(self, job_id: str) -> None:
        """Reset the offsets of a streaming job."""
        self._nothing(endpoints.RESET_JOB, job_id)


def _doubt(spec: Mapping[str, Any], since: str) -> str:
    """Return what an unknown outcome means for this job, and what to do."""
    target = spec.get("target")
    table = target.get("tableName") if isinstance(target, Mapping) else None
    kind = spec.get("type", "sql")
    which = f"of table {table!r}" if table else f"of type {kind!r}"
    appends = kind == "batch" and spec.get("ingestionMode", "append") != "replace"
    harm = "its rows would be added twice" if appends else "it would run twice"
    return (
        "It is unknown whether Polaris accepted the job; it may be running. The client doesn't search for it. "
        f"Before you submit it again, check the newest jobs {which} that were created since {since}: if it is among "
        f"them, {harm}."
    )


def _create_permissions(spec: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
    """Return the permissions that this job needs (docs.imply.io/polaris/api-delete-data, /api-restore-data)."""
    own = endpoints.CREATE_JOB.permissions
    if spec.get("type") in ("delete_data", "restore_data", "drop_table"):
        return (*own, "ManageTables"), ""
    if spec.get("createTableIfNotExists"):
        # The vendor's pages differ: api-ingest-table requires only the first, api-ingestion-job both.
        return own, ", and may need ManageTables because of createTableIfNotExists"
    return own, ""


def _several(values: Sequence[str]) -> list[str]:
    """Return a single text as a list of one value."""
    return [values] if isinstance(values, str) else list(values)


def _check_page_size(page_size: int) -> None:
    if not 1 <= page_size <= _LARGEST_PAGE:
        raise PolarisSpecError(f"page_size {page_size!r} must be from 1 to {_LARGEST_PAGE}.")
