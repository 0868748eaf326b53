# SPDX-License-Identifier: Apache-2.0
"""The hook of Airflow's SQL operators: how Airflow makes it, what it returns and what it refuses."""

from __future__ import annotations

import warnings
from datetime import datetime, timezone

import pytest

from airflow_provider_polaris.client.dbapi import Connection, NotSupportedError, OperationalError, ProgrammingError
from airflow_provider_polaris.client.druid.client import DruidClient
from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.hooks.sql import DruidSqlHook, PolarisSqlHook
from airflow_provider_polaris.jobs.errors import PolarisAuthError
from airflow_provider_polaris.runtime.compat import BaseHook
from tests.fixtures import PROJECT

pytestmark = pytest.mark.compat
UTC = timezone.utc


def test_airflow_makes_the_hook_with_the_whole_extra_as_keywords(connect, providers_manager):
    """As BaseSQLOperator does; the hook reads the connection itself."""
    extra = {"project_id": PROJECT, "request_timeout": 30, "verify": "true", "schema": "x", "team": "growth"}
    connect(extra=extra)
    connection = BaseHook.get_connection("polaris_default")

    hook = connection.get_hook(hook_params={**connection.extra_dejson, "query_context": {"priority": 1}})

    assert type(hook) is PolarisSqlHook
    assert (hook.polaris_conn_id, hook.get_conn_id()) == ("polaris_default", "polaris_default")
    assert (hook.project_id, hook.settings.read_timeout) == (PROJECT, 30)
    assert (hook.query_context, hook.placeholder) == ({"priority": 1}, "?")


def test_hook_of_a_druid_connection_is_made_by_its_type(connect, providers_manager):
    """Each type has a class of its own; the client follows from the type."""
    connect("druid", conn_type="apache_druid", host="http://127.0.0.1:8888", password=None, extra={"auth": "none"})

    hook = BaseHook.get_connection("druid").get_hook(hook_params={"auth": "none"})

    assert type(hook) is DruidSqlHook
    assert isinstance(hook.get_client(), DruidClient)
    assert (DruidSqlHook().polaris_conn_id, hook.conn_type) == ("apache_druid_default", "apache_druid")
    hook.close()


def test_get_conn_is_a_dbapi_connection_and_get_client_the_client(connect):
    """Closing the one closes the sockets of the other, which stays usable."""
    connect()
    hook = PolarisSqlHook()
    client = hook.get_client()

    with hook.get_conn() as connection:
        assert isinstance(connection, Connection)

    assert hook.get_client() is client
    hook.close()


def test_get_conn_of_the_plain_hook_still_returns_the_client_and_warns(connect):
    """Before, it was the only name."""
    connect()
    hook = PolarisHook()

    with pytest.warns(DeprecationWarning, match=r"get_conn\(\) is deprecated") as caught:
        client = hook.get_conn()

    assert client is hook.get_client()
    (warning,) = caught
    assert str(warning.message) == (
        "PolarisHook.get_conn() is deprecated: call get_client(). In PolarisSqlHook, get_conn() returns a DB-API "
        "connection."
    )
    hook.close()


def test_records_have_python_values(emulator):
    """Times are aware, numbers exact, texts unchanged."""
    hook = PolarisSqlHook()

    assert hook.get_records('SELECT "__time", "city", "n", "text" FROM "Koalas"') == [
        (datetime(2024, 6, 1, tzinfo=UTC), "Perth", 1, "C:\\dir\\"),
        (datetime(2024, 6, 1, 1, 0, 0, 123000, UTC), 'it\'s "q" * ?', 2, "🐨 Köln\nline"),
        (datetime(2024, 6, 2, tzinfo=UTC), None, 9007199254740993, ""),
    ]
    assert [column[:2] for column in hook.last_description] == [
        *(("__time", "TIMESTAMP"), ("city", "VARCHAR"), ("n", "BIGINT"), ("text", "VARCHAR"))
    ]
    assert hook.get_first('SELECT COUNT(*) FROM "Koalas" WHERE "n" > ?', [10**17]) == (0,)
    assert hook.get_first('SELECT "city" FROM "Koalas" WHERE "n" > ?', (10**17,)) is None


@pytest.mark.parametrize("value", ["Perth", 'it\'s "q" * ?', "C:\\dir\\", "🐨 Köln\nline", "", "' OR 1=1 --", "%"])
def test_parameter_finds_exactly_its_own_value(value, emulator):
    """Nothing of it is SQL."""
    condition = '"city" = ? OR "text" = ?'
    found = PolarisSqlHook().get_records(f'SELECT "city", "text" FROM "Koalas" WHERE {condition}', [value, value])

    assert len(found) == (0 if value in ("' OR 1=1 --", "%") else 1)
    assert all(value in row for row in found)


def test_times_find_their_rows(emulator):
    """An aware datetime, or the text of a template."""
    sql = 'SELECT "n" FROM "Koalas" WHERE "__time" >= ? AND "__time" < ?'
    day = datetime(2024, 6, 1, tzinfo=UTC), datetime(2024, 6, 2, tzinfo=UTC)

    assert PolarisSqlHook().get_records(sql, day) == [(1,), (2,)]
    assert PolarisSqlHook().get_records(sql, [str(moment) for moment in day]) == [(1,), (2,)]


def test_statements_are_split_as_druid_reads_them(emulator):
    """Airflow's function would take the backslash as an escape, and run the rest as a part of the first text."""
    hook = PolarisSqlHook()

    found = hook.run(
        """SELECT 'C:\\' FROM "Koalas" WHERE "n" = 1; -- a; b\nSELECT 'b;' FROM "Koalas" WHERE "n" = 1;""",
        handler=lambda cursor: cursor.fetchall(),
        split_statements=True,
        return_last=False,
    )

    assert found == [[("C:\\",)], [("b;",)]]


def test_query_context_reaches_the_service(server, connect):
    """In every query of the hook."""
    connect(host=server.url)
    server.answer("POST", "/query/sql", 200, b'["n"]\n["LONG"]\n["BIGINT"]\n[7]\n\n')

    assert PolarisSqlHook(query_context={"useApproximateCountDistinct": False}).get_first("SELECT 7") == (7,)
    assert b'"context": {"useApproximateCountDistinct": false}' in server.requests[0].body


def test_errors_are_dbapi_errors_from_the_packages_own(server, connect):
    """Airflow's operators raise them unchanged; a retry policy reads the cause."""
    connect(host=server.url)
    server.answer("POST", "/query/sql", 403, {"code": "Forbidden", "message": "no"})
    with pytest.raises(OperationalError) as caught:
        PolarisSqlHook().get_first("SELECT 1")
    assert isinstance(caught.value.__cause__, PolarisAuthError)
    assert str(caught.value) == str(caught.value.__cause__)

    body = {"error": "druidException", "errorCode": "invalidInput", "persona": "USER", "errorMessage": "Column 'x'"}
    server.answer("POST", "/query/sql", 400, body)
    with pytest.raises(ProgrammingError):
        PolarisSqlHook().get_first("SELECT x")


def test_rows_can_not_be_inserted(connect):
    """As the destination of GenericTransfer, for example; the message names what writes."""
    connect()

    with pytest.raises(NotSupportedError) as caught:
        PolarisSqlHook().insert_rows("Koalas", [(1,)])

    assert str(caught.value) == (
        "insert_rows() is not supported: a query can't write rows. Write them with a job: PolarisSqlJobOperator of "
        "airflow_provider_polaris.operators.polaris submits an INSERT or REPLACE statement."
    )


def test_pandas_reads_a_frame_with_types(emulator):
    """Through Airflow's own method."""
    pandas = pytest.importorskip("pandas")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas prefers SQLAlchemy
        frame = PolarisSqlHook().get_df('SELECT "__time", "n" FROM "Koalas" WHERE "n" < ?', [3])

    assert frame["n"].tolist() == [1, 2]
    assert frame["__time"].tolist() == [
        pandas.Timestamp("2024-06-01T00:00:00Z"),
        pandas.Timestamp("2024-06-01T01:00:00.123Z"),
    ]


def test_polars_reads_a_frame_with_types_and_parameters(emulator):
    """Airflow's own method drops a list of parameters."""
    pytest.importorskip("polars")

    frame = PolarisSqlHook().get_df('SELECT "__time", "n" FROM "Koalas" WHERE "n" < ?', [3], df_type="polars")

    assert frame.rows() == [
        (datetime(2024, 6, 1), 1),  # noqa: DTZ001
        (datetime(2024, 6, 1, 1, 0, 0, 123000), 2),  # noqa: DTZ001
    ]
