"""
Imply Polaris for Airflow code: one connection, one client.

Everything that talks HTTP is in ``airflow_provider_polaris.client``, which is loaded when a method needs it and not
when a DAG file imports this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_polaris.runtime.compat import FORM_COMES_FROM_PROVIDER_INFO, BaseHook

if TYPE_CHECKING:
    from airflow_provider_polaris.client import ClientSettings, PolarisClient
    from airflow_provider_polaris.hooks.connection import ConnectionSettings
    from airflow_provider_polaris.hooks.console_urls import ConsoleUrls


class PolarisHook(BaseHook):
    """
    Talk to one Imply Polaris project.

    The connection (type ``polaris``) holds the regional API URL in *host*, the API key in *password*, and in *extra*
    ``project_id``, ``auth``, ``client_id``, ``client_secret``, ``token_url``, ``console_url``,
    ``submit_marker``, ``verify``, ``proxies`` and ``request_timeout``. It is read once, at the first call.

    Reading methods repeat a request that failed in passing; see the client for what each raises. All of them raise
    ``PolarisSpecError`` if the connection is incomplete, ``PolarisAuthError`` on 401 and 403,
    ``PolarisTransportError`` if no answer came. The client serves one thread; so does a hook.

    :param polaris_conn_id: The connection.
    """

    conn_name_attr = "polaris_conn_id"
    default_conn_name = "polaris_default"
    conn_type = "polaris"
    hook_name = "Imply Polaris"

    def __init__(self, polaris_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.polaris_conn_id = polaris_conn_id
        self._client: PolarisClient | None = None

    if not FORM_COMES_FROM_PROVIDER_INFO:
        # Newer Airflow warns about a hook that merely has these methods.

        @classmethod
        def get_connection_form_widgets(cls) -> dict[str, Any]:
            """Return the fields of the connection form that are stored in the extra."""
            from airflow_provider_polaris.hooks.connection_form import form_widgets

            return form_widgets()

        @classmethod
        def get_ui_field_behaviour(cls) -> dict[str, Any]:
            """Return what the connection form hides and renames."""
            from airflow_provider_polaris.hooks.connection_form import form_behaviour

            return form_behaviour()

    def get_conn(self) -> PolarisClient:
        """
        Return the client, the same one each time.

        :raises PolarisSpecError: The connection is incomplete or malformed.
        """
        if self._client is None:
            from airflow_provider_polaris.client import PolarisClient

            self._client = PolarisClient(self.settings)
        return self._client

    def close(self) -> None:
        """Close the client's HTTP connections; the next call opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    @property
    def settings(self) -> ClientSettings:
        """
        What the connection says, as the client takes it; its repr shows no secret.

        :raises PolarisSpecError: The connection is incomplete or malformed.
        """
        return self._connection.client

    @property
    def project_id(self) -> str:
        """Id of the project."""
        return self.settings.project_id

    @property
    def submit_marker(self) -> Literal["auto", "off"]:
        """Whether operators mark the jobs that they submit, so that a retry knows its job for certain."""
        return self._connection.submit_marker

    def job_url(self, job_id: str, table: str = "") -> str:
        """
        Return where to look at a job; makes no request.

        :param job_id: The job.
        :param table: The table it writes; needed only by a ``console_url`` that names ``{table}``.
        """
        return self._console.job_url(job_id, table)

    def table_url(self, name: str) -> str:
        """
        Return where to look at a table; makes no request.

        :param name: The table's name.
        """
        return self._console.table_url(name)

    def submit_job(self, spec: Mapping[str, Any] | Any, *, repeat_throttled: bool = True) -> dict[str, Any]:
        """
        Create a job; never sends the request twice when the first may have arrived.

        :param spec: The wire JSON as a mapping, or a job spec of ``airflow_provider_polaris.jobs``.
        :param repeat_throttled: Send it again after a 429, once the time is over for which Polaris asked.
        :return: The job as Polaris describes it, ``id`` included.
        :raises PolarisAmbiguousSubmitError: Nobody knows whether the job was created: look for it before trying again.
        :raises PolarisApiError: Polaris refused the job.
        """
        body = spec if isinstance(spec, Mapping) else spec.to_wire()
        return self.get_conn().create_job(body, repeat_throttled=repeat_throttled)

    def get_job(self, job_id: str) -> dict[str, Any]:
        """
        Describe a job: spec, status, health.

        :param job_id: The job.
        :raises PolarisNotFoundError: There is no such job in the project.
        """
        return self.get_conn().get_job(job_id)

    def get_job_status(self, job_id: str) -> str:
        """
        Return ``executionStatus`` alone, the cheapest question about a job.

        :param job_id: The job.
        :return: Polaris' word, one that this package doesn't know included.
        :raises PolarisNotFoundError: There is no such job in the project.
        """
        return self.get_conn().get_job_status(job_id)

    def iter_jobs(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """
        List jobs as summaries, page after page while they are consumed; each job once.

        :param filters: As ``PolarisClient.iter_jobs`` takes them: ``type``, ``execution_status``, ``health_status``,
            ``search``, ``target_table``, ``sort_column``, ``sort_order``, ``limit`` and others.
        """
        return self.get_conn().iter_jobs(**filters)

    def cancel_job(self, job_id: str) -> str:
        """
        Ask Polaris to cancel a job; it may run on for a while.

        :param job_id: The job.
        :return: ``executionStatus`` right after.
        """
        return self.get_conn().cancel_job(job_id)

    def get_job_progress(self, job_id: str) -> float | None:
        """
        Return how far a job is, from 0 to 1; None for a type of job that has no progress.

        :param job_id: The job.
        """
        return self.get_conn().get_job_progress(job_id)

    def get_job_metrics(self, job_id: str) -> dict[str, Any]:
        """
        Return the totals of a job: rows read, stored and skipped, bytes; empty while there are none.

        :param job_id: The job.
        """
        return self.get_conn().get_job_metrics(job_id)

    def get_job_logs(self, job_id: str) -> list[dict[str, Any]]:
        """
        Return the entries of a job's log as Polaris wrote them.

        :param job_id: The job.
        """
        return self.get_conn().get_job_logs(job_id)

    def get_table(self, name: str) -> dict[str, Any]:
        """
        Describe a table.

        :param name: The table's name.
        :raises PolarisNotFoundError: There is no such table in the project.
        """
        return self.get_conn().get_table(name)

    def iter_tables(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """
        List tables as summaries.

        :param filters: As ``PolarisClient.iter_tables`` takes them.
        """
        return self.get_conn().iter_tables(**filters)

    def create_table(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """
        Create a table.

        :param body: The wire JSON.
        :return: The table as Polaris describes it.
        :raises PolarisConflictError: There is a table of that name.
        """
        return self.get_conn().create_table(body)

    def iter_unused_segments(self, table: str, **filters: Any) -> Iterator[dict[str, Any]]:
        """
        List the segments that a soft delete took out of a table.

        :param table: The table's name.
        :param filters: As ``PolarisClient.iter_unused_segments`` takes them: ``interval``, ``sort_order`` and others.
        """
        return self.get_conn().iter_unused_segments(table, **filters)

    def query(
        self,
        sql: str,
        *,
        parameters: Sequence[Mapping[str, Any]] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """
        Run a SELECT and wait for its rows, a minute at most.

        It sees precached and real-time data only, so a count can be too low.
        Source: https://docs.imply.io/polaris/api-query (read 2026-11-22).

        :param sql: Druid SQL.
        :param parameters: Values for ``?`` in the text, each ``{"type": ..., "value": ...}``.
        :param context: Query context.
        :return: A dictionary a row, in the order of the answer.
        """
        return self.get_conn().query(sql, parameters=parameters, context=context)

    def test_connection(self) -> tuple[bool, str]:
        """
        Try the connection for real: one authenticated call each to the project's jobs, tables and SQL.

        Never raises; takes seconds, not minutes, also when nothing answers.

        :return: True if jobs can be managed, and a text: the project reached and which permissions work, or one
            sentence on what is wrong. No secret is in it.
        """
        from airflow_provider_polaris.hooks.connection_check import check_connection

        return check_connection(self.polaris_conn_id, lambda: self.settings)

    @cached_property
    def _connection(self) -> ConnectionSettings:
        from airflow_provider_polaris.hooks.connection import read_connection

        return read_connection(self.get_connection(self.polaris_conn_id), self.polaris_conn_id)

    @cached_property
    def _console(self) -> ConsoleUrls:
        from airflow_provider_polaris.hooks.console_urls import ConsoleUrls

        known = self._connection
        return ConsoleUrls(known.client.base_url, known.client.project_id, known.console_url)
