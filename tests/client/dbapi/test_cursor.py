# SPDX-License-Identifier: Apache-2.0
"""What a cursor sends and refuses, how it converts values, and which errors it raises."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_polaris.client import dbapi
from airflow_provider_polaris.client.dbapi import Connection, Cursor
from airflow_provider_polaris.jobs.errors import (
    PolarisApiError,
    PolarisAuthError,
    PolarisError,
    PolarisForeignAnswerError,
    PolarisProtocolError,
    PolarisServerError,
    PolarisSpecError,
    PolarisThrottledError,
    PolarisTransportError,
)
from tests.client.dbapi.conftest import FakeService, lines

UTC = timezone.utc
BERLIN = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("value", "kind", "sent"),
    [
        (None, "VARCHAR", None),
        ("", "VARCHAR", ""),
        ('it\'s "q" * ? % \\', "VARCHAR", 'it\'s "q" * ? % \\'),
        ("Köln 🐨\n", "VARCHAR", "Köln 🐨\n"),
        (True, "BOOLEAN", True),
        (2**63 - 1, "BIGINT", 2**63 - 1),
        (-(2**63), "BIGINT", -(2**63)),
        (1.5, "DOUBLE", 1.5),
        (Decimal("1.5"), "DOUBLE", 1.5),
        (datetime(2024, 6, 1, tzinfo=BERLIN), "TIMESTAMP", "2024-05-31T22:00:00.000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "TIMESTAMP", "0001-01-01T00:00:00.000Z"),
        (date(2024, 6, 1), "TIMESTAMP", "2024-06-01T00:00:00.000Z"),
    ],
)
def test_parameter_is_sent_beside_the_statement(
    value: Any, kind: str, sent: Any, cursor: Cursor, service: FakeService
) -> None:
    """No value becomes part of the SQL."""
    cursor.execute('SELECT * FROM "t" WHERE "a" = ?', [value])
    assert service.asked == [('SELECT * FROM "t" WHERE "a" = ?', [{"type": kind, "value": sent}], None)]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (2**63, "parameter 2 is 9223372036854775808, which does not fit into BIGINT, the 64 bits of Druid."),
        (math.nan, "parameter 2 is nan: the service accepts finite numbers only."),
        (Decimal("-Infinity"), "parameter 2 is -Infinity: the service accepts finite numbers only."),
        (
            b"x",
            (
                "parameter 2 is of type 'bytes'. A parameter can be None, str, bool, int, float, Decimal, an aware "
                "datetime or a date."
            ),
        ),
        (
            datetime(2024, 6, 1, 1, 0, 0, 123000, UTC),
            (
                "parameter 2 is '2024-06-01T01:00:00.123000+00:00', and some versions of Druid cut off the fraction of "
                "a second. Drop it, or pass the milliseconds since 1970 as a number and write MILLIS_TO_TIMESTAMP(?)."
            ),
        ),
        (
            datetime(2024, 6, 1),  # noqa: DTZ001
            (
                "parameter 2 can't be sent: datetime.datetime(2024, 6, 1, 0, 0) is not an instant: a datetime with a "
                "time zone is needed. Add tzinfo=timezone.utc, or write it as ISO 8601 text, where a missing zone "
                "means UTC."
            ),
        ),
    ],
)
def test_parameter_that_druid_would_change_or_misread_is_refused(
    value: Any, message: str, cursor: Cursor, service: FakeService
) -> None:
    """Druid turns 2**63 into a negative number, and Druid 27 drops milliseconds: the rows would be others."""
    with pytest.raises(dbapi.DataError) as caught:
        cursor.execute("SELECT ?, ?", ["x", value])
    assert (str(caught.value), service.asked) == (message, [])


def test_parameters_that_do_not_fit_the_statement_are_refused(cursor: Cursor, service: FakeService) -> None:
    """Druid ignores a value without a mark, and a mark in quotes is none."""
    with pytest.raises(dbapi.ProgrammingError) as caught:
        cursor.execute("SELECT '?' AS \"?\" FROM t WHERE a = ? /* ? */", ["x", "y"])
    assert str(caught.value) == (
        "the statement has 1 ? outside of quotes, but there are 2 parameters. Write an unquoted ? for each of them."
    )
    for values, kind in (({"a": 1}, "dict"), ("x", "str"), (7, "int")):
        with pytest.raises(dbapi.ProgrammingError) as caught:
            cursor.execute("SELECT ?", values)
        assert str(caught.value) == (
            f"the parameters are of type {kind!r}: a list or tuple is needed, with one value for each ? of the "
            "statement. Names such as :city or %(city)s are not supported."
        )
    assert service.asked == []


@pytest.mark.parametrize("sql", ["SELECT 1;", " SELECT 1 ; -- the end; really\n", "SELECT 1"])
def test_one_semicolon_may_end_a_statement(sql: str, cursor: Cursor, service: FakeService) -> None:
    """Files end with one, and Druid accepts none."""
    cursor.execute(sql, ())
    assert service.asked == [("SELECT 1", None, None)]


@pytest.mark.parametrize(
    ("sql", "kind", "message"),
    [
        ("", dbapi.ProgrammingError, "the statement is empty."),
        (" ; ", dbapi.ProgrammingError, "the statement is empty."),
        (
            r"SELECT 'a\'; SELECT 2",
            dbapi.ProgrammingError,
            (
                "the text has 2 statements, and the service runs one at a time. Pass them as a list, or set "
                "split_statements=True on Airflow's operator."
            ),
        ),
        (
            'insert into "t" SELECT 1 PARTITIONED BY ALL',
            dbapi.NotSupportedError,
            (
                "INSERT writes a table, which a query can't do: submit it as a job, with PolarisSqlJobOperator of "
                "airflow_provider_polaris.operators.polaris."
            ),
        ),
    ],
)
def test_text_that_is_not_one_query_is_refused(
    sql: str, kind: type[Exception], message: str, cursor: Cursor, service: FakeService
) -> None:
    """Before any request."""
    with pytest.raises(kind) as caught:
        cursor.execute(sql)
    assert (str(caught.value), service.asked) == (message, [])


def test_context_and_listener_get_each_statement(service: FakeService) -> None:
    """The hook sets both."""
    heard: list[str] = []
    connection = Connection(service, context={"sqlTimeZone": "UTC"}, on_execute=heard.append)
    connection.cursor().execute("SELECT 1;")
    assert service.asked == [("SELECT 1", None, {"sqlTimeZone": "UTC"})]
    assert heard == ["SELECT 1"]


def test_values_are_converted_by_the_type_of_their_column(cursor: Cursor, service: FakeService) -> None:
    """Times are aware, numbers exact; a text that looks like another type stays a text."""
    columns = {
        "t": "TIMESTAMP",
        "d": "DATE",
        "x": "DOUBLE",
        "n": "BIGINT",
        "s": "VARCHAR",
        "b": "BOOLEAN",
        "a": "ARRAY",
    }
    service.answer = lines(
        columns,
        ["2024-06-01T01:00:00.123Z", "2024-06-02T00:00:00.000Z", "NaN", 2**63 - 1, "C:\\dir\\", True, "[1]"],
        ["2024-06-01T02:00:00.000+02:00", None, "-Infinity", -(2**63), "2024-06-01T00:00:00.000Z", False, [1, None]],
        [None, "0001-01-01T00:00:00.000Z", 1.5, None, "NaN", None, None],
    )
    cursor.execute("SELECT 1")
    first, second, third = cursor.fetchall()
    assert math.isnan(first[2])
    assert (first[:2], first[3:]) == (
        (datetime(2024, 6, 1, 1, 0, 0, 123000, UTC), date(2024, 6, 2)),
        (2**63 - 1, "C:\\dir\\", True, "[1]"),
    )
    assert second == (
        *(datetime(2024, 6, 1, tzinfo=UTC), None, -math.inf, -(2**63)),
        *("2024-06-01T00:00:00.000Z", False, [1, None]),
    )
    assert second[0].tzinfo is UTC
    assert third == (None, date(1, 1, 1), 1.5, None, "NaN", None, None)


@pytest.mark.parametrize(
    ("kind", "value", "what"),
    [
        ("TIMESTAMP", "-146136543-09-08T08:23:32.096Z", "instant '-146136543-09-08T08:23:32.096Z'"),
        ("TIMESTAMP", "0001-01-01T00:00:00.000+02:00", "instant '0001-01-01T00:00:00.000+02:00'"),
        ("TIMESTAMP", 1717200000000, "instant 1717200000000"),
        ("DATE", "10000-01-01T00:00:00.000Z", "date '10000-01-01T00:00:00.000Z'"),
    ],
)
def test_time_that_python_does_not_have_is_an_error(
    kind: str, value: Any, what: str, cursor: Cursor, service: FakeService
) -> None:
    """Druid's times go further than Python's; no row is dropped and no value is guessed."""
    service.answer = lines({"t": kind}, [value])
    cursor.execute("SELECT 1")
    with pytest.raises(dbapi.DataError) as caught:
        cursor.fetchone()
    assert str(caught.value) == (
        f"column 't' has the {what}, which Python can't represent: only the years 1 to 9999 are. Select it as text, "
        "with CAST(... AS VARCHAR), or filter such rows."
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (PolarisSpecError("x"), dbapi.ProgrammingError),
        (PolarisApiError("x", status=400), dbapi.ProgrammingError),
        (PolarisApiError("x", status=501), dbapi.NotSupportedError),
        (PolarisAuthError("x", status=403), dbapi.OperationalError),
        (PolarisThrottledError("x", status=429), dbapi.OperationalError),
        (PolarisServerError("x", status=503), dbapi.OperationalError),
        (PolarisTransportError("x"), dbapi.OperationalError),
        (PolarisProtocolError("x"), dbapi.OperationalError),
        (PolarisForeignAnswerError("x", status=502), dbapi.OperationalError),
    ],
)
def test_error_of_the_client_is_the_cause(
    error: PolarisError, kind: type[Exception], cursor: Cursor, service: FakeService
) -> None:
    """A retry policy reads the cause."""
    service.answer = error
    with pytest.raises(dbapi.DatabaseError) as caught:
        cursor.execute("SELECT 1")
    assert (type(caught.value), str(caught.value), caught.value.__cause__) == (kind, "x", error)


def test_row_that_can_not_be_read_is_an_error_when_it_is_fetched(cursor: Cursor, service: FakeService) -> None:
    """Not the end of the rows."""
    service.answer = lines({"a": "BIGINT"}, [1])[:-1] + b'{"error": "Query timeout"}\n\n'
    cursor.execute("SELECT 1")
    assert cursor.fetchone() == (1,)
    with pytest.raises(dbapi.OperationalError) as caught:
        cursor.fetchone()
    assert str(caught.value) == "row 2 is an object, not an array of 1 values"
