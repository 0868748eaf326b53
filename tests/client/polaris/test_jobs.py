# SPDX-License-Identifier: Apache-2.0
"""Jobs on the wire: lists of them, progress and cancel."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.client import PolarisClient
from airflow_provider_polaris.jobs.errors import (
    PolarisApiError,
    PolarisNotFoundError,
    PolarisProtocolError,
    PolarisSpecError,
)
from tests.client.conftest import JOB, Reply, Script, refusal


def test_progress_of_a_type_that_has_none_is_none(client: PolarisClient, server: Script) -> None:
    """400 means that this job type has no progress; anything else is an error."""
    server.answer(refusal(400), refusal(404))
    assert client.get_job_progress("j1") is None
    with pytest.raises(PolarisNotFoundError):
        client.get_job_progress("j1")


@pytest.mark.parametrize(
    ("value", "progress"),
    [(b"0.5", 0.5), (b"1", 1.0), (b"9" * 308, 1e308), (b"true", None), (b'"1"', None), (b"{}", None), (b"null", None)],
)
def test_progress_is_a_finite_number_or_none(
    value: bytes, progress: float | None, client: PolarisClient, server: Script
) -> None:
    """Any number that fits a double is returned; anything else means no progress."""
    server.answer(Reply(body=b'{"overallProgress": ' + value + b"}"))
    assert client.get_job_progress("j1") == progress


@pytest.mark.parametrize("status", [400, 409])
def test_cancel_of_a_job_that_has_ended_is_its_status(status: int, client: PolarisClient, server: Script) -> None:
    """A late cancel is no error: the status shows how the job ended."""
    server.answer(refusal(status), Reply(body={"executionStatus": "completed"}))
    assert client.cancel_job("j1") == "completed"


def test_cancel_that_is_refused_while_running_is_the_refusal(client: PolarisClient, server: Script) -> None:
    """Deletion jobs can't be canceled, which must be reported."""
    server.answer(refusal(400, "cannot update deletion job"), Reply(body={"executionStatus": "running"}))
    with pytest.raises(PolarisApiError, match="cannot update deletion job"):
        client.cancel_job("j1")


def test_cancel_is_repeated_after_a_lost_answer(client: PolarisClient, server: Script) -> None:
    """A repeated cancel request has no further effect."""
    server.answer(Reply(act="drop"), Reply(503), Reply(body={"executionStatus": "running"}))
    assert client.cancel_job("j1") == "running"
    assert [seen.json for seen in server.seen] == [{"desiredExecutionStatus": "canceled"}] * 3


def test_jobs_are_listed_with_every_filter(client: PolarisClient, server: Script) -> None:
    """Several values of a filter are repeated keys; missing filters are not sent."""
    server.answer(Reply(body={"values": [JOB], "moreResultsAvailable": False}))
    jobs = client.iter_jobs(
        type=["batch", "sql"],
        execution_status=["pending", "running"],
        health_status="ok",
        connection_name=["c 1"],
        search="x&y",
        target_table="Koalas Rollup",
        target_table_id="id-1",
        sort_order="ASC",
        page_size=500,
    )
    assert list(jobs) == [JOB]
    assert server.seen[0].query == [
        ("type", "batch"),
        ("type", "sql"),
        ("executionStatus", "pending"),
        ("executionStatus", "running"),
        ("healthStatus", "ok"),
        ("connectionName", "c 1"),
        ("searchString", "x&y"),
        ("targetTableName", "Koalas Rollup"),
        ("targetTableId", "id-1"),
        ("sortColumn", "created_date_time"),
        ("sortOrder", "ASC"),
        ("paginationLimit", "500"),
        ("paginationOffset", "0"),
    ]


def test_jobs_without_filters_are_all_newest_first(client: PolarisClient, server: Script) -> None:
    """The default order doesn't change while the list is read."""
    server.answer(Reply(body={"values": []}))
    assert list(client.iter_jobs()) == []
    assert server.seen[0].query == [
        ("sortColumn", "created_date_time"),
        ("sortOrder", "DESC"),
        ("paginationLimit", "1000"),
        ("paginationOffset", "0"),
    ]


def test_jobs_with_fields_are_cut_down_to_them(client: PolarisClient, server: Script) -> None:
    """The id is kept whatever is requested, and paging works; no other field is kept, at any level."""
    rows = [
        {"id": f"j{number}", "executionStatus": "running", "health": {"status": "ok"}, "type": "batch"}
        for number in range(30)
    ]
    server.answer(
        Reply(body={"values": rows[:20], "moreResultsAvailable": True}),
        Reply(body={"values": rows[10:], "moreResultsAvailable": False}),
    )
    assert list(client.iter_jobs(page_size=20, fields=("executionStatus",))) == [
        {"id": f"j{number}", "executionStatus": "running"} for number in range(30)
    ]


def test_jobs_with_fields_that_have_no_id_are_unreadable(client: PolarisClient, server: Script) -> None:
    """Dropped fields are still checked."""
    server.answer(Reply(body={"values": [{"executionStatus": "running"}], "moreResultsAvailable": False}))
    with pytest.raises(PolarisProtocolError, match="an entry of 'values' has no 'id'"):
        list(client.iter_jobs(fields=("executionStatus",)))


def test_jobs_are_paged_with_an_overlap(client: PolarisClient, server: Script) -> None:
    """Pages overlap; repeated rows are yielded once."""
    rows = [{"id": f"j{number}"} for number in range(30)]
    server.answer(
        Reply(body={"values": rows[:20], "moreResultsAvailable": True}),
        Reply(body={"values": rows[10:], "moreResultsAvailable": False}),
    )
    assert list(client.iter_jobs(page_size=20)) == rows
    assert [dict(server.seen[index].query)["paginationOffset"] for index in (0, 1)] == ["0", "10"]


@pytest.mark.parametrize("page_size", [0, 1001])
def test_jobs_with_an_impossible_page_size_are_refused(page_size: int, client: PolarisClient) -> None:
    """The API accepts 1 to 1000; refused before the first request."""
    with pytest.raises(PolarisSpecError) as caught:
        client.iter_jobs(page_size=page_size)
    assert str(caught.value) == f"page_size {page_size} must be from 1 to 1000."


@pytest.mark.parametrize("body", [{}, {"values": None}, {"values": [{}]}, {"values": [1]}, [JOB]])
def test_jobs_with_an_answer_of_another_shape_are_a_protocol_error(
    body: Any, client: PolarisClient, server: Script
) -> None:
    """A list without ids can't be read."""
    server.answer(Reply(body=body))
    with pytest.raises(PolarisProtocolError):
        list(client.iter_jobs())
