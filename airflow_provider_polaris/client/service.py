# SPDX-License-Identifier: Apache-2.0
"""
The protocol between the package and a service that runs ingestion jobs; performs no I/O.

Operators, guards, submission, watchers, sensors, age-out, lineage, dry run and commands call these methods only. A
folder beside this module implements them for one service. Callers never ask which service it is: if services differ,
:class:`~.capabilities.Capabilities` has a field for the difference.

The terms are those of ``airflow_provider_polaris.jobs``. A job, a table and a segment are JSON objects with the field
names that ``JobState.from_wire``, ``TableDescription.from_wire``, ``TableStorage.from_wire`` and
``airflow_provider_polaris.jobs.age_out`` read. They are the names of the Polaris API (polaris-sdk 20250425.14.0); an
adapter of another service translates its answers, and leaves out what its service doesn't report.

Modules that are imported when a DAG file is parsed import this module under ``TYPE_CHECKING`` only: its package loads
``requests``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Protocol

from airflow_provider_polaris.client.capabilities import Capabilities
from airflow_provider_polaris.client.joint_reads import JointReads
from airflow_provider_polaris.jobs.time.interval import Interval


class JobPreview(NamedTuple):
    """
    The request that submits a job.

    :param request: Method and URL.
    :param body: The JSON object.
    :param sql: The SQL of the job; None if it has none.
    """

    request: str
    body: dict[str, Any]
    sql: str | None


class IngestionService(JointReads, Protocol):
    """
    A connection to one service, for one thread.

    Methods that read, cancel or run a SELECT retry transient failures (no response, 408, 429, 5xx) within the time
    limit of the connection. :meth:`create_job` and :meth:`start_query` send nothing twice whose first request may have
    arrived, unless the service is known to refuse the second one.

    Every method may raise ``PolarisApiError`` or a subclass for an error status, ``PolarisTransportError`` if no
    response was received, and ``PolarisProtocolError`` for a response that can't be read. No message contains a secret.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this service can do; makes no request."""

    @property
    def project_id(self) -> str:
        """Id of the project; empty for a service without projects."""

    def close(self) -> None:
        """Close all connections. A later request opens new ones."""

    def __enter__(self) -> IngestionService: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def create_job(self, spec: Mapping[str, Any], *, repeat_throttled: bool = True) -> dict[str, Any]:
        """
        Submit a job.

        :param spec: The job spec as a JSON object, with its marker, if any, in its ``context``.
        :param repeat_throttled: Retry after a 429. If False, the caller has to retry.
        :return: Description of the job, including ``id``.
        :raises PolarisAmbiguousSubmitError: It is unknown whether the job was created.
        :raises PolarisSpecError: The spec can't be sent; no request was made.
        """

    def preview_job(self, spec: Mapping[str, Any]) -> JobPreview:
        """
        Return the request that :meth:`create_job` would send, and submit nothing.

        :param spec: The job spec.
        :raises PolarisSpecError: As :meth:`create_job`.
        """

    def get_job(self, job_id: str) -> dict[str, Any]:
        """
        Return the description of a job, including its spec and its health.

        :param job_id: Id of the job.
        :raises PolarisNotFoundError: The service has no such job, or no longer has it.
        """

    def get_job_status(self, job_id: str) -> str:
        """
        Return the execution status of a job with the cheapest request.

        :param job_id: Id of the job.
        :raises PolarisNotFoundError: As :meth:`get_job`.
        """

    def get_job_progress(self, job_id: str) -> float | None:
        """
        Return the progress of a job, 0 to 1; None if the service reports none for it.

        :param job_id: Id of the job.
        """

    def get_job_logs(self, job_id: str) -> list[dict[str, Any]]:
        """
        Return the log entries ``{timestamp, healthStatus, code, message}`` of a job; may be empty.

        :param job_id: Id of the job.
        """

    def get_job_metrics(self, job_id: str) -> dict[str, Any]:
        """
        Return the totals of a job (``numRowsProcessed``, ``numRowsPersisted`` ...); empty if there are none yet.

        :param job_id: Id of the job.
        """

    def iter_jobs(
        self,
        *,
        type: Sequence[str] = (),  # noqa: A002  # the job's own field
        execution_status: Sequence[str] = (),
        target_table: str | None = None,
        sort_column: str = "created_date_time",
        sort_order: str = "DESC",
        page_size: int = 1000,
        limit: int | None = None,
        complete: bool = True,
        most_pages: int | None = None,
        fields: Collection[str] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """
        Yield a summary of each job, newest first unless the order is given. A summary has no spec.

        :param type: Only these types; empty for all.
        :param execution_status: Only these statuses; empty for all.
        :param target_table: Only jobs that write this table.
        :param sort_column: Column of the order.
        :param sort_order: ``ASC`` or ``DESC``.
        :param page_size: Summaries per request.
        :param limit: Largest number of summaries to yield; None for all.
        :param complete: False limits requests and memory: jobs that shift in the list meanwhile may be missing.
        :param most_pages: Largest number of pages to request.
        :param fields: Names that the caller reads; an adapter may drop others. None keeps all.
        :raises PolarisProtocolError: The list continues after ``most_pages``.
        """

    def cancel_job(self, job_id: str) -> str:
        """
        Request the cancellation of a job. A job that has already ended raises no error.

        :param job_id: Id of the job.
        :return: Current execution status; wait until it is terminal.
        :raises PolarisApiError: The service refused, and the job has not ended.
        """

    def iter_tables(self) -> Iterator[dict[str, Any]]:
        """Yield a summary of each table."""

    def get_table(self, name: str) -> dict[str, Any]:
        """
        Return the description of a table.

        :param name: Name of the table.
        :raises PolarisNotFoundError: There is no such table.
        """

    def create_table(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """
        Create a table without data.

        :param body: Its description.
        :return: The service's description of the table.
        :raises PolarisConflictError: A table with that name exists.
        :raises PolarisSpecError: The service has no tables without data.
        """

    def iter_unused_segments(self, table: str, *, interval: str | None = None) -> Iterator[dict[str, Any]]:
        """
        Yield the segments of a table that are deleted and can still be restored.

        :param table: Name of the table.
        :param interval: Only segments in this ISO 8601 interval.
        """

    def query(
        self,
        sql: str,
        *,
        parameters: Sequence[Mapping[str, Any]] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """
        Run a SELECT and wait for its rows. It may not read segments that are in deep storage only.

        :param sql: Druid SQL.
        :param parameters: ``{"type": "VARCHAR", "value": "x"}`` for each ``?``.
        :param context: Query context.
        :return: One object per row.
        """

    def start_query(
        self,
        sql: str,
        *,
        parameters: Sequence[Mapping[str, Any]] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """
        Start an asynchronous query, which also reads deep storage; parameters as in :meth:`query`.

        :return: ``{queryId, state, ...}``; state is ``ACCEPTED``, ``RUNNING``, ``SUCCESS`` or ``FAILED``.
        :raises PolarisAmbiguousSubmitError: It is unknown whether the query was started.
        """

    def get_query(self, query_id: str) -> dict[str, Any]:
        """Return the state of an asynchronous query."""

    def iter_query_rows(self, query_id: str, *, state: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """
        Yield the rows of an asynchronous query that has succeeded.

        :param query_id: Its id.
        :param state: The result of :meth:`get_query` after the query's end, which saves a request; more if it contains
            the rows. None requests it.
        """

    def cancel_query(self, query_id: str) -> None:
        """Cancel an asynchronous query; no effect on one that has ended."""


class IdempotentService(IngestionService, Protocol):
    """
    A service that accepts a job's marker and number only once.

    :meth:`create_job` sends a job whose context has a marker under an id that is made from marker and number
    (``airflow_provider_polaris.jobs.spec.context``). If the service already has that job, it is returned, whatever its
    status is. ``PolarisConflictError`` is raised if the id stands for other work, or is blocked.
    """

    def get_marked_job(self, marker: str) -> dict[str, Any] | None:
        """
        Return the description of the job with the highest number of a marker; None if the service has none.

        None does not prove that there will be none: a submission may still arrive.

        :param marker: The marker.
        """

    def block_marker(self, marker: str) -> None:
        """
        Make sure that no late submission of a marker creates a job. No effect on a marker that is blocked already.

        :param marker: Marker of an epoch that is over.
        :raises PolarisConflictError: A job of the marker is active; cancel it first.
        """


class BulkStatusService(IngestionService, Protocol):
    """A service that returns the statuses of many jobs with one request."""

    def get_job_statuses(self, job_ids: Collection[str]) -> dict[str, str]:
        """
        Return the execution status of each job that the service has. One request for 1,000 jobs.

        A job that is missing in the result does not exist. A job that has succeeded is ``completed``, even if its rows
        can't be seen yet: :meth:`get_job_status` and :meth:`get_job` return that status when they can.

        :param job_ids: Ids of jobs.
        """


class SegmentService(IngestionService, Protocol):
    """
    A service that shows which segments a table has, and deletes exactly these.

    A ``delete_data`` job whose context names segments (``airflow_provider_polaris.jobs.spec.context``) deletes nothing
    if the intervals have others: ``PolarisGuardError`` names them.
    """

    def iter_current_segments(self, table: str, intervals: Sequence[Interval]) -> Iterator[dict[str, Any]]:
        """
        Yield ``{id, interval, version}`` of the segments that overlap some intervals and whose rows jobs read.

        A replaced or deleted segment is missing at once. A table without segments has none.

        :param table: Name of the table.
        :param intervals: The intervals; empty for all of time.
        """
