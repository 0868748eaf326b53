# SPDX-License-Identifier: Apache-2.0
"""Queries on the wire: answers, errors and pages of rows."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.client import PolarisClient
from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisProtocolError
from tests.client.conftest import P, Reply, Script


def test_query_is_repeated_after_a_lost_answer(client: PolarisClient, server: Script) -> None:
    """A SELECT is idempotent."""
    server.answer(Reply(act="drop"), Reply(body=[]))
    assert client.query("SELECT 1") == []


def test_query_that_is_wrong_gives_the_sql_error(client: PolarisClient, server: Script) -> None:
    """The SQL envelope has other field names for code and text."""
    body = {
        "error": "druidException",
        "errorCode": "invalidInput",
        "errorMessage": "Column 'x' not found",
        "persona": "USER",
    }
    server.answer(Reply(400, body))
    with pytest.raises(PolarisApiError) as caught:
        client.query("SELECT x")
    assert str(caught.value) == f"POST {P}/query/sql answered 400 'invalidInput': Column 'x' not found."
    assert (caught.value.code, caught.value.vendor_message) == ("invalidInput", "Column 'x' not found")


@pytest.mark.parametrize("body", [{}, [1], b'[{"a": 1}, {"a'])
def test_query_with_an_answer_that_is_cut_off_is_a_protocol_error(
    body: Any, client: PolarisClient, server: Script
) -> None:
    """A truncated result is no result."""
    server.answer(Reply(body=body))
    with pytest.raises(PolarisProtocolError):
        client.query("SELECT 1")


def test_query_rows_are_read_page_by_page(client: PolarisClient, server: Script) -> None:
    """The status lists the pages."""
    server.answer(
        Reply(body={"state": "SUCCESS", "result": {"pages": [{"id": 0}, {"id": 1}]}}),
        Reply(body=[{"a": 1}]),
        Reply(body=[{"a": 2}]),
    )
    assert list(client.iter_query_rows("q1")) == [{"a": 1}, {"a": 2}]
    assert server.seen[1].query == [("page", "0"), ("resultFormat", "object")]
    assert server.seen[2].query == [("page", "1"), ("resultFormat", "object")]


def test_query_rows_without_pages_are_read_at_once(client: PolarisClient, server: Script) -> None:
    """Without a page number the service sends everything."""
    server.answer(Reply(body={"state": "SUCCESS"}), Reply(body=[{"a": 1}]))
    assert list(client.iter_query_rows("q1")) == [{"a": 1}]
    assert server.seen[1].query == [("resultFormat", "object")]


def test_query_rows_of_too_many_pages_are_an_error(client: PolarisClient, server: Script) -> None:
    """A megabyte of page numbers doesn't cause a megabyte of requests."""
    server.answer(Reply(body={"state": "SUCCESS", "result": {"pages": [{"id": 0}] * 1001}}))
    with pytest.raises(PolarisProtocolError) as caught:
        next(client.iter_query_rows("q1"))
    assert str(caught.value) == "query 'q1' has 1001 pages, more than 1000."
    assert len(server.seen) == 1
