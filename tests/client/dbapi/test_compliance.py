# SPDX-License-Identifier: Apache-2.0
"""
The cases of the public compliance suite of PEP 249 that a service without DDL and INSERT can have.

Source: dbapi-compliance 1.15.0 (PyPI). Its other cases create tables and insert rows, or are about ``callproc`` and
``nextset``, which are optional. It also wants a second ``close`` to raise, and calls that a matter of taste.
"""

from __future__ import annotations

from datetime import date, datetime, time, timezone

import pytest

from airflow_provider_polaris.client import dbapi
from airflow_provider_polaris.client.dbapi import Connection, Cursor
from tests.client.dbapi.conftest import NAMES, FakeService, lines

SUBCLASSES = [
    "DataError",
    "OperationalError",
    "IntegrityError",
    "InternalError",
    "ProgrammingError",
    "NotSupportedError",
]


def test_module_has_the_globals() -> None:
    """Tools read them to choose a parameter style and to share connections."""
    assert (dbapi.apilevel, dbapi.threadsafety, dbapi.paramstyle) == ("2.0", 1, "qmark")


def test_exceptions_have_the_hierarchy_and_are_attributes_of_a_connection(connection: Connection) -> None:
    """Code that knows only the connection can catch its errors."""
    assert issubclass(dbapi.Warning, Exception)
    assert issubclass(dbapi.InterfaceError, dbapi.Error)
    assert issubclass(dbapi.DatabaseError, dbapi.Error)
    for name in ["Warning", "Error", "InterfaceError", "DatabaseError", *SUBCLASSES]:
        assert getattr(connection, name) is getattr(dbapi, name)
        assert name not in SUBCLASSES or issubclass(getattr(dbapi, name), dbapi.DatabaseError)


def test_commit_and_rollback_do_nothing(connection: Connection, service: FakeService) -> None:
    """There are no transactions; pandas rolls back after an error."""
    connection.commit()
    connection.rollback()
    assert service.asked == []


def test_closed_connection_closes_the_client_once_and_refuses_everything(
    connection: Connection, cursor: Cursor, service: FakeService
) -> None:
    """A cursor can't outlive its connection."""
    connection.close()
    connection.close()
    assert service.closed == 1
    for call in (connection.commit, connection.rollback, connection.cursor, lambda: cursor.execute("SELECT 1")):
        with pytest.raises(dbapi.InterfaceError) as caught:
            call()
        assert str(caught.value) == "the connection is closed."


def test_closed_cursor_refuses_everything(cursor: Cursor) -> None:
    """Its rows are gone."""
    cursor.execute("SELECT 1")
    cursor.close()
    for call in (cursor.fetchone, cursor.fetchmany, cursor.fetchall, lambda: cursor.execute("SELECT 1")):
        with pytest.raises(dbapi.InterfaceError) as caught:
            call()
        assert str(caught.value) == "the cursor is closed."


def test_context_managers_close(connection: Connection, service: FakeService) -> None:
    """After the block neither can be used."""
    with connection as entered, entered.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert (entered, service.closed) == (connection, 1)
    with pytest.raises(dbapi.InterfaceError):
        cursor.fetchone()


def test_description_and_rowcount_are_those_of_the_last_query(cursor: Cursor, service: FakeService) -> None:
    """None and -1 before a query and after one that failed."""
    assert (cursor.description, cursor.rowcount) == (None, -1)
    cursor.execute("SELECT 1")
    assert cursor.description == (("name", "VARCHAR", None, None, None, None, None),)
    assert cursor.description[0][1] == dbapi.STRING != dbapi.NUMBER
    assert cursor.rowcount == len(NAMES)
    service.answer = b""
    with pytest.raises(dbapi.OperationalError):
        cursor.execute("SELECT 2")
    assert (cursor.description, cursor.rowcount) == (None, -1)
    with pytest.raises(dbapi.ProgrammingError) as caught:
        cursor.fetchall()
    assert str(caught.value) == "there are no rows to fetch: no query has succeeded on this cursor."


def test_fetch_without_a_query_is_an_error(cursor: Cursor) -> None:
    """No rows and no query are different."""
    for call in (cursor.fetchone, cursor.fetchmany, cursor.fetchall, lambda: cursor.fetchmany(0), lambda: next(cursor)):
        with pytest.raises(dbapi.ProgrammingError):
            call()


def test_fetch_methods_continue_where_the_last_one_stopped(cursor: Cursor) -> None:
    """They can be mixed; after the last row they return nothing, again and again."""
    cursor.execute("SELECT 1")
    assert cursor.arraysize == 1
    found = [cursor.fetchone(), *cursor.fetchmany(), *cursor.fetchmany(2), *cursor.fetchall()]
    assert found == [(name,) for name in NAMES]
    assert (cursor.fetchone(), cursor.fetchmany(3), cursor.fetchall(), list(cursor)) == (None, [], [], [])
    cursor.arraysize = 4
    cursor.execute("SELECT 1")
    assert [len(cursor.fetchmany()) for _ in range(3)] == [4, 2, 0]
    cursor.execute("SELECT 1")
    assert list(cursor) == [(name,) for name in NAMES]


def test_result_without_rows_is_empty(cursor: Cursor, service: FakeService) -> None:
    """The columns are known nevertheless."""
    service.answer = lines({"name": "VARCHAR", "n": "BIGINT"})
    cursor.execute("SELECT 1")
    assert cursor.description is not None
    assert ([column[0] for column in cursor.description], cursor.rowcount) == (["name", "n"], 0)
    assert (cursor.fetchone(), cursor.fetchall()) == (None, [])


def test_sizes_are_accepted_and_executemany_is_not(cursor: Cursor, service: FakeService) -> None:
    """PEP 249 permits both."""
    cursor.setinputsizes((25,))
    cursor.setoutputsize(1000)
    cursor.setoutputsize(2000, 0)
    with pytest.raises(dbapi.NotSupportedError) as caught:
        cursor.executemany("INSERT INTO t VALUES (?)", [("a",), ("b",)])
    assert str(caught.value) == (
        "executemany() is not supported: it is for statements that write rows, and a query can't write. Submit a job."
    )
    assert service.asked == []


def test_constructors_and_type_objects() -> None:
    """Times are in UTC, so that they can be parameters."""
    ticks = 1717203661
    assert dbapi.Date(2002, 12, 25) == date(2002, 12, 25)
    assert dbapi.Time(13, 45, 30) == time(13, 45, 30)
    assert dbapi.Timestamp(2002, 12, 25, 13, 45, 30) == datetime(2002, 12, 25, 13, 45, 30, tzinfo=timezone.utc)
    assert dbapi.DateFromTicks(ticks) == date(2024, 6, 1)
    assert dbapi.TimeFromTicks(ticks) == time(1, 1, 1)
    assert dbapi.TimestampFromTicks(ticks) == datetime(2024, 6, 1, 1, 1, 1, tzinfo=timezone.utc)
    assert dbapi.Binary(b"x") == b"x"
    assert dbapi.NUMBER == "BIGINT" and dbapi.DATETIME == "TIMESTAMP" and dbapi.BINARY == "VARBINARY"  # noqa: PT018
    assert dbapi.ROWID != "VARCHAR"
    assert len({dbapi.STRING, dbapi.BINARY, dbapi.NUMBER, dbapi.DATETIME, dbapi.ROWID}) == 5
