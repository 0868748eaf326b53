# SPDX-License-Identifier: Apache-2.0
"""Each operation on the wire, as the vendor's SDK (polaris-sdk 20250425.14.0) sends it, and its errors."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest

from airflow_provider_polaris.client import PolarisClient
from airflow_provider_polaris.jobs.errors import (
    PolarisApiError,
    PolarisConflictError,
    PolarisNotFoundError,
    PolarisSpecError,
)
from tests.client.conftest import FILE, JOB, TABLE, MakeClient, P, Reply, Script, refusal

Call = Callable[[PolarisClient], Any]


@pytest.mark.parametrize(
    ("call", "answer", "line", "sent", "result"),
    [
        (lambda c: c.get_job("j1"), JOB, f"GET {P}/jobs/j1", None, JOB),
        (lambda c: c.get_job_status("j1"), {"executionStatus": "idle"}, f"GET {P}/jobs/j1/status", None, "idle"),
        (lambda c: c.get_job_progress("j1"), {"overallProgress": 0.25}, f"GET {P}/jobs/j1/progress", None, 0.25),
        (lambda c: c.get_job_progress("j1"), {"overallProgress": 1}, f"GET {P}/jobs/j1/progress", None, 1.0),
        (lambda c: c.get_job_progress("j1"), {}, f"GET {P}/jobs/j1/progress", None, None),
        (lambda c: c.get_job_progress("j1"), {"overallProgress": True}, f"GET {P}/jobs/j1/progress", None, None),
        (lambda c: c.get_job_logs("j1"), {"logs": [{"code": "x"}, 1]}, f"GET {P}/jobs/j1/logs", None, [{"code": "x"}]),
        (lambda c: c.get_job_logs("j1"), {"logs": None}, f"GET {P}/jobs/j1/logs", None, []),
        (
            lambda c: c.get_job_metrics("j1"),
            {"totals": {"numRowsProcessed": 5}},
            f"GET {P}/jobs/j1/metrics",
            None,
            {"numRowsProcessed": 5},
        ),
        (lambda c: c.get_job_metrics("j1"), {}, f"GET {P}/jobs/j1/metrics", None, {}),
        (
            lambda c: c.update_job_status("j1", "suspended"),
            {"executionStatus": "running"},
            f"POST {P}/jobs/j1/status",
            {"desiredExecutionStatus": "suspended"},
            "running",
        ),
        (
            lambda c: c.cancel_job("j1"),
            {"executionStatus": "running"},
            f"POST {P}/jobs/j1/status",
            {"desiredExecutionStatus": "canceled"},
            "running",
        ),
        (lambda c: c.reset_job("j1"), None, f"POST {P}/jobs/j1/reset", None, None),
        (lambda c: list(c.iter_tables()), {"values": [TABLE]}, f"GET {P}/tables", None, [TABLE]),
        (
            lambda c: list(c.iter_tables(partitioning_granularity="day", segment_count=0)),
            {"values": []},
            f"GET {P}/tables?partitioningGranularity=day&segmentCount=0",
            None,
            [],
        ),
        (lambda c: c.get_table("t"), TABLE, f"GET {P}/tables/t", None, TABLE),
        (lambda c: c.create_table(TABLE), TABLE, f"POST {P}/tables", TABLE, TABLE),
        (lambda c: c.update_table("t", TABLE), TABLE, f"PUT {P}/tables/t", TABLE, TABLE),
        (lambda c: c.get_file("f.json"), FILE, f"GET {P}/files/f.json", None, FILE),
        (lambda c: c.delete_file("f.json"), None, f"DELETE {P}/files/f.json", None, None),
        (
            lambda c: c.query("SELECT ?", parameters=[{"type": "INTEGER", "value": 1}], context={"sqlTimeZone": "UTC"}),
            [{"a": 1}],
            f"POST {P}/query/sql",
            {
                "query": "SELECT ?",
                "parameters": [{"type": "INTEGER", "value": 1}],
                "context": {"sqlTimeZone": "UTC"},
                "resultFormat": "object",
            },
            [{"a": 1}],
        ),
        (
            lambda c: c.start_query("SELECT 1"),
            {"queryId": "q1", "state": "ACCEPTED"},
            f"POST {P}/query/sql/statements",
            {"query": "SELECT 1"},
            {"queryId": "q1", "state": "ACCEPTED"},
        ),
        (
            lambda c: c.get_query("q1"),
            {"state": "RUNNING"},
            f"GET {P}/query/sql/statements/q1",
            None,
            {"state": "RUNNING"},
        ),
        (
            lambda c: c.get_query("q1", detail=True),
            {"state": "RUNNING"},
            f"GET {P}/query/sql/statements/q1?detail=true",
            None,
            {"state": "RUNNING"},
        ),
        (lambda c: c.cancel_query("q1"), None, f"DELETE {P}/query/sql/statements/q1", None, None),
    ],
)
def test_operation_sends_its_request_and_reads_its_answer(
    call: Call, answer: Any, line: str, sent: Any, result: Any, client: PolarisClient, server: Script
) -> None:
    """Method, path, query and body of each operation, and how it parses the response."""
    server.answer(Reply(body=answer))
    assert call(client) == result
    seen = server.seen[0]
    assert f"{seen.method} {seen.path}" == line
    assert (seen.json if seen.body else None) == sent


NAMES = ["Koalas Source", "a/b", "100%", "%2F", "ünï/☃", "a?b#c", "a;b=c&d", "...", "a/../b", "\\", '"', " ", "+"]


@pytest.mark.parametrize("name", NAMES)
def test_names_arrive_as_they_were_written(name: str, client: PolarisClient, server: Script) -> None:
    """One path segment, encoded as a whole, for jobs, tables, files and queries."""
    server.answer(Reply(body={**TABLE, **JOB, "state": "x"}))
    client.get_job(name)
    client.get_table(name)
    client.get_file(name)
    client.get_query(name)
    for seen, parent in zip(server.seen, ["jobs", "tables", "files", "query/sql/statements"], strict=True):
        prefix = f"{P}/{parent}/"
        assert seen.path.startswith(prefix)
        rest = seen.path.removeprefix(prefix)
        assert "/" not in rest
        assert unquote(rest) == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "a table needs a name that is a non-empty text, not ''."),
        (None, "a table needs a name that is a non-empty text, not None."),
        (".", "table '.' can't be addressed: in a URL it means another directory."),
        ("..", "table '..' can't be addressed: in a URL it means another directory."),
        ("a\ud800", "table 'a\\ud800' contains half a character (a lone surrogate)."),
    ],
)
def test_names_that_would_reach_another_endpoint_are_refused(
    name: Any, message: str, client: PolarisClient, server: Script
) -> None:
    """An empty name would list and '..' would address another directory: neither is sent."""
    with pytest.raises(PolarisSpecError) as caught:
        client.get_table(name)
    assert str(caught.value) == message
    assert server.seen == []


def test_project_id_is_encoded_too(make_client: MakeClient, server: Script) -> None:
    """A project id is user input from a form."""
    server.answer(Reply(body={"executionStatus": "x"}))
    make_client(project_id="a/../b").get_job_status("j1")
    assert server.seen[0].path == "/v1/projects/a%2F..%2Fb/jobs/j1/status"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda c: c.get_job("j1"),
            (
                f"GET {P}/jobs/j1 answered 404 'NotFound': gone. No job 'j1' in project 'p1': a job is visible in its "
                "own project only, and Polaris deletes finished jobs after 90 days once a project has more than 5000 "
                "of them."
            ),
        ),
        (
            lambda c: c.get_table("Koalas Source"),
            (
                f"GET {P}/tables/Koalas%20Source answered 404 'NotFound': gone. No table 'Koalas Source' in project "
                f"'p1': "
                "check the name and the project."
            ),
        ),
        (
            lambda c: list(c.iter_query_rows("q1")),
            (
                f"GET {P}/query/sql/statements/q1 answered 404 'NotFound': gone. Project 'p1' has no result of query "
                "'q1': it may still run, may have failed or been canceled, or no longer exists."
            ),
        ),
    ],
)
def test_not_found_says_what_and_where(call: Call, message: str, client: PolarisClient, server: Script) -> None:
    """404 names the object as the user wrote it."""
    server.answer(Reply(404, {"code": "NotFound", "message": "gone"}))
    with pytest.raises(PolarisNotFoundError) as caught:
        call(client)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("call", "needs"),
    [
        (lambda c: c.get_table("t"), "ViewTables permission."),
        (lambda c: c.create_table(TABLE), "ManageTables permission."),
        (lambda c: c.query("SELECT 1"), "AccessQueries permission."),
        (lambda c: c.start_query("SELECT 1"), "AccessQueries and ManageIngestionJobs permissions."),
        (lambda c: list(c.iter_files()), "ManageFiles permission."),
        (lambda c: list(c.iter_jobs()), "ManageIngestionJobs permission."),
    ],
)
def test_forbidden_names_the_permission(call: Call, needs: str, client: PolarisClient, server: Script) -> None:
    """403 names the permission to request from the administrator."""
    server.answer(Reply(403, {"code": "AccessDenied", "message": "no"}))
    with pytest.raises(PolarisApiError) as caught:
        call(client)
    assert str(caught.value).endswith(
        f" answered 403 'AccessDenied': no. The API key in connection 'polaris_default' needs the {needs} If it has "
        "that, a network policy (IP allow list) may block this machine."
    )


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (lambda c: c.create_table(TABLE), "A table of that name exists, or is being deleted."),
        (
            lambda c: c.update_table("t", TABLE),
            "The table has changed since it was read: read it again and send its new version.",
        ),
        (
            lambda c: c.upload_file(io.BytesIO(b"x"), name="f"),
            "A file of that name exists: delete it or choose another name.",
        ),
        (lambda c: c.delete_file("f"), "The request conflicts with the current state: check that state, then retry."),
    ],
)
def test_conflict_says_what_to_do(call: Call, advice: str, client: PolarisClient, server: Script) -> None:
    """409 has a different meaning for each operation."""
    server.answer(refusal(409, "x"))
    with pytest.raises(PolarisConflictError) as caught:
        call(client)
    assert str(caught.value).endswith(f" answered 409 'Refused': x. {advice}")


def test_unused_segments_are_walked_by_cursor(client: PolarisClient, server: Script) -> None:
    """The last id of a page is the cursor of the next page."""
    server.answer(Reply(body={"values": [{"id": "c"}, {"id": "b"}]}), Reply(body={"values": [{"id": "a"}]}))
    segments = client.iter_unused_segments("Koalas Source", interval="2024-06-01/2024-06-02", page_size=2)
    assert [segment["id"] for segment in segments] == ["c", "b", "a"]
    assert server.seen[0].path.startswith(f"{P}/tables/Koalas%20Source/unusedSegments?")
    assert server.seen[0].query == [("interval", "2024-06-01/2024-06-02"), ("limit", "2"), ("sortOrder", "DESC")]
    assert dict(server.seen[1].query)["lastSegmentId"] == "b"
