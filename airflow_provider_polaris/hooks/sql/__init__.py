# SPDX-License-Identifier: Apache-2.0
"""
The hooks of Airflow's SQL operators, and of the connection forms.

Importing this module loads ``airflow.providers.common.sql`` with SQLAlchemy and sqlparse, which no DAG file needs. The
package's own operators, sensors and triggers use :class:`~airflow_provider_polaris.hooks.polaris.PolarisHook`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from airflow.providers.common.sql.hooks.sql import DbApiHook

from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.runtime.compat import FORM_COMES_FROM_PROVIDER_INFO

if TYPE_CHECKING:
    from airflow_provider_polaris.client.dbapi import Connection, QueryService

#: Statements that are kept for the lineage of a task.
_MOST_STATEMENTS: Final = 100


# DbApiHook has no types.
class PolarisSqlHook(PolarisHook, DbApiHook):  # type: ignore[misc]
    """
    Run queries from Airflow's SQL operators and sensors, on Imply Polaris or on a self-hosted Druid.

    ``SQLExecuteQueryOperator``, the check operators, ``SqlSensor`` and ``GenericTransfer`` (as its source) create it
    from the type of their connection. ``get_records``, ``get_first``, ``get_df`` and the other methods of Airflow's
    ``DbApiHook`` that read work in your own tasks, and so do all methods of :class:`PolarisHook`.

    Queries only read, and see precached and real-time data only (https://docs.imply.io/polaris/api-query, read
    2026-11-22); an INSERT or REPLACE is a job. Parameters are a list or tuple, with a ``?`` in the SQL for each, and
    are sent beside the SQL. ``TIMESTAMP`` columns are aware datetimes in UTC. Transient failures are retried within the
    time limits of the connection, and a retry of the task runs its queries again. If the task is killed, its query
    continues on the service until the service's own time limit.

    Errors are those of ``airflow_provider_polaris.client.dbapi``, each raised ``from`` the error of this package.

    :param polaris_conn_id: The connection.
    :param query_context: Context of all queries, such as ``{"useApproximateCountDistinct": False}``.
    :param log_sql: Whether to log each statement.
    :param extra: Ignored. Airflow's operators pass the whole extra of the connection, which this hook reads itself.
    """

    supports_autocommit = False
    strip_semicolon = True
    _placeholder = "?"

    def __init__(
        self,
        polaris_conn_id: str = PolarisHook.default_conn_name,
        *,
        query_context: Mapping[str, Any] | None = None,
        log_sql: bool = True,
        **extra: Any,  # noqa: ARG002
    ) -> None:
        super().__init__(polaris_conn_id)
        self.log_sql = log_sql
        self.query_context = query_context
        # A dict, because it keeps the order and has each statement once: a sensor runs the same one for days.
        self._statements: dict[str, None] = {}

    if not FORM_COMES_FROM_PROVIDER_INFO:
        # Newer Airflow versions warn about a hook that defines these methods.

        @classmethod
        def get_connection_form_widgets(cls) -> dict[str, Any]:
            """Return the fields of the connection form that are stored in the extra."""
            from airflow_provider_polaris.hooks.connections.polaris_form import POLARIS_FORM

            return POLARIS_FORM.widgets()

        @classmethod
        def get_ui_field_behaviour(cls) -> dict[str, Any]:
            """Return which fields the connection form hides and renames."""
            from airflow_provider_polaris.hooks.connections.polaris_form import POLARIS_FORM

            return POLARIS_FORM.behaviour()

    def get_conn(self) -> Connection:
        """
        Return a new connection of PEP 249. Its ``close`` also closes the HTTP connections of :meth:`get_client`.

        :raises PolarisSpecError: The connection is incomplete or malformed.
        """
        from airflow_provider_polaris.client.dbapi import Connection

        service = cast("QueryService", self.get_client())
        return Connection(service, context=self.query_context, on_execute=self._remember)

    def insert_rows(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """
        Raise ``NotSupportedError``: a query can't write rows.

        :param args: Ignored.
        :param kwargs: Ignored.
        """
        from airflow_provider_polaris.client.dbapi import NotSupportedError

        raise NotSupportedError(
            "insert_rows() is not supported: a query can't write rows. Write them with a job: PolarisSqlJobOperator of "
            "airflow_provider_polaris.operators.polaris submits an INSERT or REPLACE statement."
        )

    @staticmethod
    def split_sql_string(sql: str, strip_semicolon: bool = False) -> list[str]:  # noqa: ARG004
        """
        Split a text into statements.

        Airflow's own function takes a backslash before a quote as an escape, which Druid doesn't.

        :param sql: One or more statements with ``;`` between them.
        :param strip_semicolon: Ignored: Druid accepts no ``;``, so none is returned.
        """
        from airflow_provider_polaris.jobs.sql.queries import split_statements

        return split_statements(sql)

    def get_openlineage_database_info(self, connection: Any) -> None:  # noqa: ARG002
        """
        Return None, so that Airflow's parser names no tables.

        Its names would have a schema (``None.koalas``), and differ from those of the jobs that write the same tables.
        See :meth:`get_openlineage_database_specific_lineage`.

        :param connection: Ignored.
        """
        return

    def get_openlineage_database_specific_lineage(self, task_instance: Any) -> Any:  # noqa: ARG002
        """
        Return the lineage of the statements that this hook has run; never raises.

        - ``sql`` (job): the statements.
        - Inputs, the tables that are read, each with ``dataSource``. They have the same names as the assets of the
          tables and as in the lineage of jobs. Lookups and system tables are not inputs.

        :param task_instance: Ignored.
        :return: Airflow's ``OperatorLineage``; None without the OpenLineage provider, or if no statement was run.
        """
        from airflow_provider_polaris.hooks.sql.lineage import statements_lineage

        return statements_lineage(list(self._statements), lambda: self.settings, self.log)

    def _get_polars_df(self, sql: Any, parameters: Any = None, **kwargs: Any) -> Any:
        # Airflow's own drops a list. It passes a mapping on as keywords of execute().
        named = None if parameters is None else {"parameters": parameters}
        return super()._get_polars_df(sql, named, **kwargs)

    def _remember(self, statement: str) -> None:
        if len(self._statements) < _MOST_STATEMENTS:
            self._statements[statement] = None


class DruidSqlHook(PolarisSqlHook):
    """
    :class:`PolarisSqlHook` for connections of type ``apache_druid``, for which Airflow wants a class of their own.

    :param polaris_conn_id: The connection.
    :param options: The other arguments of :class:`PolarisSqlHook`.
    """

    default_conn_name = "apache_druid_default"
    conn_type = "apache_druid"
    hook_name = "Apache Druid"

    def __init__(self, polaris_conn_id: str = default_conn_name, **options: Any) -> None:
        super().__init__(polaris_conn_id, **options)

    if not FORM_COMES_FROM_PROVIDER_INFO:
        # Airflow reads these methods from the class itself, not from its bases.

        @classmethod
        def get_connection_form_widgets(cls) -> dict[str, Any]:
            """Return the fields of the connection form that are stored in the extra."""
            from airflow_provider_polaris.hooks.connections.druid_form import DRUID_FORM

            return DRUID_FORM.widgets()

        @classmethod
        def get_ui_field_behaviour(cls) -> dict[str, Any]:
            """Return which fields the connection form hides and renames."""
            from airflow_provider_polaris.hooks.connections.druid_form import DRUID_FORM

            return DRUID_FORM.behaviour()
