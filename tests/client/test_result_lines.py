# SPDX-License-Identifier: Apache-2.0
"""Typed results on the wire: the request, complete and incomplete answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_polaris.client import DruidSettings, PolarisClient
from airflow_provider_polaris.client.druid.client import DruidClient
from airflow_provider_polaris.jobs.errors import PolarisProtocolError, PolarisServerError, PolarisTransportError
from tests.client.conftest import P, Reply, Script, Time, refusal

HEADER = b'["a","b"]\n["LONG",null]\n["BIGINT","NULL"]\n'
BODY = HEADER + b"[9007199254740993,null]\n[1,null]\n\n"


def test_select_requests_lines_with_names_and_types(client: PolarisClient, server: Script) -> None:
    """One request, with parameters and context."""
    server.answer(Reply(body=BODY))
    found = client.select("SELECT ?", parameters=[{"type": "BIGINT", "value": 1}], context={"priority": 1})
    assert server.seen[0].path == f"{P}/query/sql"
    assert server.seen[0].json == {
        "query": "SELECT ?",
        "parameters": [{"type": "BIGINT", "value": 1}],
        "context": {"priority": 1},
        "resultFormat": "arrayLines",
        "header": True,
        "typesHeader": True,
        "sqlTypesHeader": True,
    }
    assert (found.columns, found.row_count) == ((("a", "BIGINT"), ("b", "NULL")), 2)
    assert list(found) == [[9007199254740993, None], [1, None]]


@pytest.mark.parametrize("end", range(-1, -len(BODY), -1))
def test_select_of_every_shorter_answer_is_an_error(end: int) -> None:
    """A complete HTTP answer without its last bytes never counts as fewer rows."""
    from tests.client.dbapi.conftest import result

    with pytest.raises(PolarisTransportError) as caught:
        list(result(BODY[:end]))
    assert str(caught.value) == "rows are missing"


def test_select_names_what_is_missing(client: PolarisClient, server: Script) -> None:
    """Druid ends such an answer with status 200."""
    server.answer(Reply(body=BODY[:-1]))
    with pytest.raises(PolarisTransportError) as caught:
        client.select("SELECT 1")
    assert str(caught.value) == (
        f"POST {P}/query/sql answered 200, but the answer has no end marker, so rows are missing: the service failed "
        "while it sent them, or the answer was cut off. Run the query again. If it fails again, the log of the service "
        "has the reason."
    )


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "the body is empty"),
        (b"<html>\n<h1>Welcome</h1>\n</html>\n\n", "the body does not begin with the names and types of its columns"),
        (b'[{"EXPR$0":1}]\n\n\n\n', "the body does not begin with the names and types of its columns"),
        (b'["a"]\n["LONG"]\n["BIGINT","DATE"]\n\n', "the body does not begin with the names and types of its columns"),
    ],
)
def test_select_of_another_form_is_no_result(body: bytes, problem: str, client: PolarisClient, server: Script) -> None:
    """A page with status 200, or a service that ignores the format."""
    server.answer(Reply(body=body))
    with pytest.raises(PolarisProtocolError) as caught:
        client.select("SELECT 1")
    assert str(caught.value) == (
        f"POST {P}/query/sql answered 200 but {problem}. Check that {server.url!r} is Polaris' API and that no proxy "
        "answers in its place."
    )


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (b"[1]", "row 1 is an array of 1, not an array of 2 values"),
        (b'{"error":"x"}', "row 1 is an object, not an array of 2 values"),
        (b"[1,", "row 1 can't be read: the body is not JSON, or is cut off"),
        (b"[1,NaN]", "row 1 can't be read: the body is not JSON, or is cut off"),
    ],
)
def test_select_row_of_another_form_is_an_error(row: bytes, problem: str) -> None:
    """It is found when the row is read."""
    from tests.client.dbapi.conftest import result

    with pytest.raises(PolarisProtocolError) as caught:
        list(result(HEADER + row + b"\n\n"))
    assert str(caught.value) == problem


def test_select_is_repeated_while_the_service_fails_or_the_connection_breaks(
    client: PolarisClient, server: Script
) -> None:
    """A SELECT is idempotent; half an answer is none."""
    page = Reply(502, b"<html>Bad gateway</html>", {"Content-Type": "text/html"})
    server.answer(refusal(503), page, Reply(body=BODY, act="half"), Reply(act="drop"), Reply(body=BODY))
    assert client.select("SELECT 1").row_count == 2
    assert len(server.seen) == 5


def test_select_gives_up_when_the_service_fails_for_long(client: PolarisClient, server: Script, time: Time) -> None:
    """After the time limit of the connection, on a clock that only the client's waits move."""
    server.answer(refusal(503))
    with pytest.raises(PolarisServerError):
        client.select("SELECT 1")
    assert 0 < time.elapsed <= 60


def test_select_on_druid_asks_the_broker(server: Script, time: Time) -> None:
    """The same body at Druid's path; a table that only the coordinator has may appear later."""
    settings = DruidSettings.from_host(server.url)
    with DruidClient(settings, clock=time.clock, now=time.now, sleep=time.sleep) as client:
        server.answer(Reply(body=BODY))
        assert list(client.select("SELECT 1")) == [[9007199254740993, None], [1, None]]
        assert (server.seen[0].path, server.seen[0].json["resultFormat"]) == ("/druid/v2/sql", "arrayLines")
        answer: dict[str, Any] = {
            "error": "druidException",
            "errorCode": "invalidInput",
            "persona": "USER",
            "category": "INVALID_INPUT",
            "errorMessage": "Object 'koalas' not found (line [1], column [15])",
        }
        server.answer(Reply(400, answer), Reply(body=json.loads('["koalas"]')))
        with pytest.raises(PolarisServerError) as caught:
            client.select("SELECT * FROM koalas")
        assert "Druid's broker does not know table 'koalas', which the coordinator has yet" in str(caught.value)
