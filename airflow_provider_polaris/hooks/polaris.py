# SPDX-License-Identifier: Apache-2.0
"""
The hook for both services: one connection, one client.

All HTTP code is in ``airflow_provider_polaris.client``. It is loaded when a method needs it, not when a DAG file
imports this module.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_polaris.hooks.parallel import ParallelClients, Request
from airflow_provider_polaris.runtime.compat import BaseHook

if TYPE_CHECKING:
    from airflow_provider_polaris.client import ServiceSettings
    from airflow_provider_polaris.client.capabilities import Capabilities
    from airflow_provider_polaris.client.service import IngestionService
    from airflow_provider_polaris.hooks.connections.settings import ConnectionSettings


class PolarisHook(BaseHook):
    """
    Call the API of one Imply Polaris project, or of a self-hosted Druid.

    The type of the connection decides; see :class:`~airflow_provider_polaris.hooks.druid.DruidHook` for
    ``apache_druid``. A connection of type ``polaris`` holds the regional API URL in *host*, the API key in *password*,
    and in *extra* ``project_id``, ``auth``, ``client_id``, ``client_secret``, ``token_url``, ``console_url``,
    ``submit_marker``, ``verify``, ``proxies`` and ``request_timeout``. It is read once, at the first request.

    Methods that read retry transient failures; see the client for the errors of each method. All methods raise
    ``PolarisSpecError`` if the connection is incomplete, ``PolarisAuthError`` on 401 and 403, and
    ``PolarisTransportError`` if no response was received. Use a hook in one thread only.

    :param polaris_conn_id: The connection.
    """

    conn_name_attr = "polaris_conn_id"
    default_conn_name = "polaris_default"
    conn_type = "polaris"
    hook_name = "Imply Polaris"

    def __init__(self, polaris_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.polaris_conn_id = polaris_conn_id
        self._client: IngestionService | None = None
        self._longest_retries: float | None = None
        self._parallel = ParallelClients(lambda: self.get_client(), lambda: self.get_client().sibling())

    def get_client(self) -> IngestionService:
        """
        Return the client; always the same object.

        :raises PolarisSpecError: The connection is incomplete or malformed.
        """
        if self._client is None:
            self._client = self.new_client()
        return self._client

    def get_conn(self) -> Any:
        """Return the client. Deprecated: in PolarisSqlHook, it is a connection of PEP 249."""
        warnings.warn(
            "PolarisHook.get_conn() is deprecated: call get_client(). In PolarisSqlHook, get_conn() returns a DB-API "
            "connection.",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.get_client()

    def new_client(self) -> IngestionService:
        """Return another client, for another thread. The caller closes it."""
        from airflow_provider_polaris.client import connect

        settings = self.settings
        if self._longest_retries is not None:
            settings = replace(settings, retry_budget=min(settings.retry_budget, self._longest_retries))
        return connect(settings)

    def limit_retries(self, seconds: float | None) -> None:
        """Limit the seconds for which clients retry a request; None for the connection's own limit."""
        if seconds != self._longest_retries:
            self._longest_retries = seconds
            self.close()

    def close(self) -> None:
        """Close the HTTP connections of all clients. The next request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            client.close()
        self._parallel.close()

    def ask_together(
        self, requests: Sequence[Request], check_alive: Callable[[], None] = lambda: None
    ) -> list[Future[Any]]:
        """Send requests at the same time, each with its own client; see :meth:`ParallelClients.ask`."""
        return self._parallel.ask(requests, check_alive)

    @property
    def settings(self) -> ServiceSettings:
        """
        The client settings of the connection; the repr contains no secret.

        :raises PolarisSpecError: The connection is incomplete or malformed.
        """
        return self._connection_settings.client

    @property
    def project_id(self) -> str:
        """Id of the project; empty for a service without projects."""
        return self.settings.project_id

    @property
    def place(self) -> str:
        """The project, or the cluster of a service without projects, as messages name it."""
        from airflow_provider_polaris.jobs.place import name_place

        return name_place(self.project_id, self.settings.base_url)

    @property
    def capabilities(self) -> Capabilities:
        """What the service behind the connection can do; makes no request."""
        return self.get_client().capabilities

    @property
    def submit_marker(self) -> Literal["auto", "off"]:
        """Whether operators mark submitted jobs, so that a retry can identify its job."""
        return self._connection_settings.submit_marker

    def job_url(self, job_id: str, table: str = "") -> str:
        """
        Return the URL of a job's page, without a request.

        :param job_id: The job.
        :param table: The table that it writes; used only by a ``console_url`` with ``{table}``.
        """
        return self._connection_settings.console.job_url(job_id, table)

    def table_url(self, name: str) -> str:
        """
        Return the URL of a table's page, without a request.

        :param name: The table's name.
        """
        return self._connection_settings.console.table_url(name)

    def submit_job(self, spec: Mapping[str, Any] | Any, *, repeat_throttled: bool = True) -> dict[str, Any]:
        """
        Submit a job. The request is never sent again if the first one may have arrived.

        :param spec: The API's JSON as a mapping, or a job spec of ``airflow_provider_polaris.jobs``.
        :param repeat_throttled: Retry after a 429, once ``Retry-After`` is over.
        :return: Polaris' description of the job, including ``id``.
        :raises PolarisAmbiguousSubmitError: It is unknown whether the job was created. Search for it before you retry.
        :raises PolarisApiError: The service rejected the job.
        """
        body = spec if isinstance(spec, Mapping) else spec.to_wire()
        return self.get_client().create_job(body, repeat_throttled=repeat_throttled)

    def get_job(self, job_id: str) -> dict[str, Any]:
        """
        Return the description of a job: spec, status, health. Its requests are sent at the same time.

        :param job_id: The job.
        :raises PolarisNotFoundError: There is no such job in the project.
        """
        job = self.get_client().job_reads(job_id)
        return job.join(self.get_client(), self.ask_together(job.requests))

    def get_job_status(self, job_id: str) -> str:
        """
        Return only a job's ``executionStatus``; the cheapest request about a job.

        :param job_id: The job.
        :return: The status as Polaris writes it; it may be unknown to this package.
        :raises PolarisNotFoundError: There is no such job in the project.
        """
        return self.get_client().get_job_status(job_id)

    def iter_jobs(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """
        Yield the summary of each job once; pages are fetched as needed.

        :param filters: Filters of ``PolarisClient.iter_jobs``: ``type``, ``execution_status``, ``health_status``,
            ``search``, ``target_table``, ``sort_column``, ``sort_order``, ``limit`` and others.
        """
        return self.get_client().iter_jobs(**filters)

    def cancel_job(self, job_id: str) -> str:
        """
        Request the cancellation of a job. The job may continue to run for a while.

        :param job_id: The job.
        :return: The ``executionStatus`` right after the request.
        """
        return self.get_client().cancel_job(job_id)

    def get_job_progress(self, job_id: str) -> float | None:
        """
        Return the progress of a job from 0 to 1; None for a job type without progress.

        :param job_id: The job.
        """
        return self.get_client().get_job_progress(job_id)

    def get_job_metrics(self, job_id: str) -> dict[str, Any]:
        """
        Return the totals of a job: rows read, stored and skipped, bytes; empty if there are none yet.

        :param job_id: The job.
        """
        return self.get_client().get_job_metrics(job_id)

    def get_job_logs(self, job_id: str) -> list[dict[str, Any]]:
        """
        Return the log entries of a job as Polaris wrote them.

        :param job_id: The job.
        """
        return self.get_client().get_job_logs(job_id)

    def get_table(self, name: str) -> dict[str, Any]:
        """
        Return the description of a table.

        :param name: The table's name.
        :raises PolarisNotFoundError: There is no such table in the project.
        """
        return self.get_client().get_table(name)

    def iter_tables(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """
        Yield the summaries of the tables.

        :param filters: Filters of ``PolarisClient.iter_tables``.
        """
        return self.get_client().iter_tables(**filters)

    def create_table(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """
        Create a table.

        :param body: The API's JSON.
        :return: Polaris' description of the table.
        :raises PolarisConflictError: A table with that name exists.
        """
        return self.get_client().create_table(body)

    def iter_unused_segments(self, table: str, **filters: Any) -> Iterator[dict[str, Any]]:
        """
        Yield the segments that a soft delete removed from a table.

        :param table: The table's name.
        :param filters: Filters of ``PolarisClient.iter_unused_segments``: ``interval``, ``sort_order`` and others.
        """
        return self.get_client().iter_unused_segments(table, **filters)

    def query(
        self,
        sql: str,
        *,
        parameters: Sequence[Mapping[str, Any]] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """
        Run a SELECT and return its rows. Polaris stops it after a minute.

        The query reads precached and real-time data only, so a count can be too low.
        Source: https://docs.imply.io/polaris/api-query (read 2026-11-22).

        :param sql: Druid SQL.
        :param parameters: Values for ``?`` in the SQL, each ``{"type": ..., "value": ...}``.
        :param context: Query context.
        :return: One dictionary per row, in the order of the response.
        """
        return self.get_client().query(sql, parameters=parameters, context=context)

    def test_connection(self) -> tuple[bool, str]:
        """
        Test the connection with one authenticated request each to the project's jobs, tables and SQL.

        It never raises, and takes seconds, not minutes, even without a response.

        :return: True if jobs can be managed; and a text with the project and the working permissions, or with the
            problem. It contains no secret.
        """
        from airflow_provider_polaris.hooks.connections.check import check_connection

        return check_connection(self.polaris_conn_id, lambda: self._connection_settings)

    @cached_property
    def _connection_settings(self) -> ConnectionSettings:
        from airflow_provider_polaris.hooks.connections.read import read_connection

        return read_connection(self.get_connection(self.polaris_conn_id), self.polaris_conn_id)
