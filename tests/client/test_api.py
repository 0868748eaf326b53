"""Each operation on the wire, as the vendor's SDK (polaris-sdk 20250425.14.0) writes it."""

from __future__ import annotations

import io
from collections.abc import Callable
from email.parser import BytesParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from airflow_provider_polaris.client import PolarisClient
from airflow_provider_polaris.jobs.errors import (
    PolarisApiError,
    PolarisConflictError,
    PolarisNotFoundError,
    PolarisProtocolError,
    PolarisSpecError,
)
from tests.client.conftest import MakeClient, Reply, Script

P = "/v1/projects/p1"
JOB = {"id": "j1", "executionStatus": "running"}
TABLE = {"name": "t", "type": "detail"}
FILE = {"name": "f.json", "id": "1"}


def query_of(server: Script, index: int = 0) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(server.seen[index].path).query, keep_blank_values=True)


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
    """Method, path, query and body of each operation, and what it makes of the answer."""
    server.answer(Reply(body=answer))
    assert call(client) == result
    seen = server.seen[0]
    assert f"{seen.method} {seen.path}" == line
    assert (seen.json if seen.body else None) == sent


def test_progress_of_a_type_that_has_none_is_none(client: PolarisClient, server: Script) -> None:
    """400 means that this type of job does not say; anything else is an error."""
    server.answer(Reply(400), Reply(404))
    assert client.get_job_progress("j1") is None
    with pytest.raises(PolarisNotFoundError):
        client.get_job_progress("j1")


NAMES = ["Koalas Source", "a/b", "100%", "%2F", "ünï/☃", "a?b#c", "a;b=c&d", "...", "a/../b", "\\", '"', " ", "+"]


@pytest.mark.parametrize("name", NAMES)
def test_names_arrive_as_they_were_written(name: str, client: PolarisClient, server: Script) -> None:
    """One path segment, encoded whole, for jobs as for tables, files and queries."""
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
        ("", "a table must be named by a text that is not empty, not by ''."),
        (None, "a table must be named by a text that is not empty, not by None."),
        (".", "table '.' can't be addressed: in a URL it means another directory."),
        ("..", "table '..' can't be addressed: in a URL it means another directory."),
        ("a\ud800", "table 'a\\ud800' has half a character (a lone surrogate) in it."),
    ],
)
def test_names_that_would_reach_another_endpoint_are_refused(
    name: Any, message: str, client: PolarisClient, server: Script
) -> None:
    """An empty name would list, '..' would climb: neither leaves."""
    with pytest.raises(PolarisSpecError) as caught:
        client.get_table(name)
    assert str(caught.value) == message
    assert server.seen == []


def test_project_id_is_encoded_too(make_client: MakeClient, server: Script) -> None:
    """A project id comes from a form."""
    server.answer(Reply(body={"executionStatus": "x"}))
    make_client(project_id="a/../b").get_job_status("j1")
    assert server.seen[0].path == "/v1/projects/a%2F..%2Fb/jobs/j1/status"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda c: c.get_job("j1"),
            (
                f"GET {P}/jobs/j1 answered 404 'NotFound': gone. No job 'j1' in project 'p1': a job is known in its "
                f"own "
                "project only, and Polaris deletes finished jobs after 90 days once a project has more than 5000 of "
                "them."
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
                f"GET {P}/query/sql/statements/q1 answered 404 'NotFound': gone. Project 'p1' has nothing for query "
                f"'q1': "
                "it may still run, have failed or been canceled, or be gone."
            ),
        ),
    ],
)
def test_not_found_says_what_and_where(call: Call, message: str, client: PolarisClient, server: Script) -> None:
    """404 names the thing as the user wrote it."""
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
    """403 says what to ask the administrator for."""
    server.answer(Reply(403, {"code": "AccessDenied", "message": "no"}))
    with pytest.raises(PolarisApiError) as caught:
        call(client)
    assert str(caught.value).endswith(
        f" answered 403 'AccessDenied': no. The API key in connection 'polaris_default' needs the {needs} If it has "
        "that, a network policy (IP allow list) may keep this machine out."
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
        (lambda c: c.delete_file("f"), "It clashes with the present state: look at that, then try again."),
    ],
)
def test_conflict_says_what_to_do(call: Call, advice: str, client: PolarisClient, server: Script) -> None:
    """409 means something else for each operation."""
    server.answer(Reply(409, {"message": "x"}))
    with pytest.raises(PolarisConflictError) as caught:
        call(client)
    assert str(caught.value).endswith(f" answered 409: x. {advice}")


@pytest.mark.parametrize("refusal", [400, 409])
def test_cancel_of_a_job_that_has_ended_is_its_status(refusal: int, client: PolarisClient, server: Script) -> None:
    """Too late is no error: the status says how it ended."""
    server.answer(Reply(refusal), Reply(body={"executionStatus": "completed"}))
    assert client.cancel_job("j1") == "completed"


def test_cancel_that_is_refused_while_running_is_the_refusal(client: PolarisClient, server: Script) -> None:
    """Deletion jobs can't be canceled; that has to be heard."""
    server.answer(Reply(400, {"message": "cannot update deletion job"}), Reply(body={"executionStatus": "running"}))
    with pytest.raises(PolarisApiError, match="cannot update deletion job"):
        client.cancel_job("j1")


def test_cancel_is_repeated_after_a_lost_answer(client: PolarisClient, server: Script) -> None:
    """Asking twice to cancel is asking once."""
    server.answer(Reply(act="drop"), Reply(503), Reply(body={"executionStatus": "running"}))
    assert client.cancel_job("j1") == "running"
    assert [seen.json for seen in server.seen] == [{"desiredExecutionStatus": "canceled"}] * 3


def test_query_is_repeated_after_a_lost_answer(client: PolarisClient, server: Script) -> None:
    """A SELECT does no harm."""
    server.answer(Reply(act="drop"), Reply(body=[]))
    assert client.query("SELECT 1") == []


def test_query_that_is_wrong_gives_the_sql_error(client: PolarisClient, server: Script) -> None:
    """The SQL envelope has other names for code and text."""
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
    """Half a result is no result."""
    server.answer(Reply(body=body))
    with pytest.raises(PolarisProtocolError):
        client.query("SELECT 1")


def test_jobs_are_listed_with_every_filter(client: PolarisClient, server: Script) -> None:
    """Several values of a filter are repeated keys, and what is not given is not sent."""
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
    assert query_of(server) == [
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
    """The default order does not move while it is read."""
    server.answer(Reply(body={"values": []}))
    assert list(client.iter_jobs()) == []
    assert query_of(server) == [
        ("sortColumn", "created_date_time"),
        ("sortOrder", "DESC"),
        ("paginationLimit", "1000"),
        ("paginationOffset", "0"),
    ]


def test_jobs_with_fields_are_cut_down_to_them(client: PolarisClient, server: Script) -> None:
    """The id stays whatever is asked for, and paging goes on; nothing else is kept, inside or outside."""
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
    """What is cut off is still checked."""
    server.answer(Reply(body={"values": [{"executionStatus": "running"}], "moreResultsAvailable": False}))
    with pytest.raises(PolarisProtocolError, match="an entry of 'values' has no 'id'"):
        list(client.iter_jobs(fields=("executionStatus",)))


def test_jobs_are_paged_with_an_overlap(client: PolarisClient, server: Script) -> None:
    """Pages overlap; rows that come twice are yielded once."""
    rows = [{"id": f"j{number}"} for number in range(30)]
    server.answer(
        Reply(body={"values": rows[:20], "moreResultsAvailable": True}),
        Reply(body={"values": rows[10:], "moreResultsAvailable": False}),
    )
    assert list(client.iter_jobs(page_size=20)) == rows
    assert [dict(query_of(server, index))["paginationOffset"] for index in (0, 1)] == ["0", "10"]


@pytest.mark.parametrize("page_size", [0, 1001])
def test_jobs_with_an_impossible_page_size_are_refused(page_size: int, client: PolarisClient) -> None:
    """The API takes 1 to 1000; refused before the first row is asked for."""
    with pytest.raises(PolarisSpecError) as caught:
        client.iter_jobs(page_size=page_size)
    assert str(caught.value) == f"page_size {page_size} must be from 1 to 1000."


@pytest.mark.parametrize("body", [{}, {"values": None}, {"values": [{}]}, {"values": [1]}, [JOB]])
def test_jobs_with_an_answer_of_another_shape_are_a_protocol_error(
    body: Any, client: PolarisClient, server: Script
) -> None:
    """A list without ids can't be walked."""
    server.answer(Reply(body=body))
    with pytest.raises(PolarisProtocolError):
        list(client.iter_jobs())


def test_unused_segments_are_walked_by_cursor(client: PolarisClient, server: Script) -> None:
    """The last id of a page is where the next one starts."""
    server.answer(Reply(body={"values": [{"id": "c"}, {"id": "b"}]}), Reply(body={"values": [{"id": "a"}]}))
    segments = client.iter_unused_segments("Koalas Source", interval="2024-06-01/2024-06-02", page_size=2)
    assert [segment["id"] for segment in segments] == ["c", "b", "a"]
    assert server.seen[0].path.startswith(f"{P}/tables/Koalas%20Source/unusedSegments?")
    assert query_of(server) == [("interval", "2024-06-01/2024-06-02"), ("limit", "2"), ("sortOrder", "DESC")]
    assert dict(query_of(server, 1))["lastSegmentId"] == "b"


def test_files_are_paged_until_the_total(client: PolarisClient, server: Script) -> None:
    """The list of files counts instead of saying that there is more."""
    files = [{"name": f"f{number}"} for number in range(5)]
    server.answer(Reply(body={"files": files[:4], "totalCount": 5}), Reply(body={"files": files[2:], "totalCount": 5}))
    assert list(client.iter_files(page_size=4, search="f")) == files
    assert query_of(server) == [
        ("searchString", "f"),
        ("sortColumn", "uploaded_on_dt"),
        ("sortOrder", "DESC"),
        ("paginationLimit", "4"),
        ("paginationOffset", "0"),
    ]


def test_files_end_with_the_page_that_reaches_the_total(client: PolarisClient, server: Script) -> None:
    """A full last page needs no request behind it."""
    server.answer(Reply(body={"files": [{"name": "a"}, {"name": "b"}], "totalCount": 2}))
    assert len(list(client.iter_files(page_size=2))) == 2
    assert len(server.seen) == 1


def parts_of(server: Script) -> list[tuple[str, bytes]]:
    seen = server.seen[-1]
    head = f"Content-Type: {seen.headers['Content-Type']}\r\n\r\n".encode()
    message = BytesParser().parsebytes(head + seen.body)
    return [(part["Content-Disposition"], part.get_payload(decode=True)) for part in message.get_payload()]


def test_upload_of_a_path_streams_a_form(client: PolarisClient, server: Script, tmp_path: Path) -> None:
    """The part is called file, has the file's name, and the formats go into the query."""
    path = tmp_path / "koalas.json.gz"
    data = bytes(range(256)) * 1000
    path.write_bytes(data)
    server.answer(Reply(201, FILE))
    assert client.upload_file(path, data_format="nd-json", compression_format="gz") == FILE
    assert query_of(server) == [("dataFormat", "nd-json"), ("compressionFormat", "gz")]
    assert parts_of(server) == [('form-data; name="file"; filename="koalas.json.gz"', data)]
    assert server.seen[0].headers["Content-Length"] == str(len(server.seen[0].body))


def test_upload_after_a_429_starts_the_file_anew(client: PolarisClient, server: Script) -> None:
    """The second attempt sends the whole file, from where it stood."""
    file = io.BytesIO(b"skipped" + b"payload")
    file.seek(7)
    server.answer(Reply(429), Reply(201, FILE))
    client.upload_file(file, name='a "quoted" ü.json')
    assert server.seen[0].body == server.seen[1].body
    assert parts_of(server)[0][1] == b"payload"
    assert b'filename="a %22quoted%22 \xc3\xbc.json"' in server.seen[0].body


def test_upload_of_an_empty_file_is_sent(client: PolarisClient, server: Script) -> None:
    """Whether nothing is worth a file is the service's to say."""
    server.answer(Reply(201, FILE))
    client.upload_file(io.BytesIO(), name="empty.json")
    assert parts_of(server) == [('form-data; name="file"; filename="empty.json"', b"")]


def test_upload_with_a_lost_answer_is_not_repeated(client: PolarisClient, server: Script) -> None:
    """A second upload would meet its own first one."""
    server.answer(Reply(act="drop"))
    with pytest.raises(Exception, match="It may have been carried out all the same: look before you send it again"):
        client.upload_file(io.BytesIO(b"x"), name="x")
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("file", "name", "message"),
    [
        (
            io.StringIO("x"),
            "x",
            r"^upload_file needs a path or a seekable file in binary mode, not <_io.StringIO .*>\.$",
        ),
        (7, "x", r"^upload_file needs a path or a seekable file in binary mode, not 7\.$"),
        (io.BytesIO(b"x"), None, r"^upload_file needs a name for what is not a path\.$"),
    ],
)
def test_upload_of_what_is_no_file_is_refused(file: Any, name: str | None, message: str, client: PolarisClient) -> None:
    """Text mode would count characters and send bytes."""
    with pytest.raises(PolarisSpecError, match=message):
        client.upload_file(file, name=name)


def test_query_rows_are_read_page_by_page(client: PolarisClient, server: Script) -> None:
    """The status lists the pages."""
    server.answer(
        Reply(body={"state": "SUCCESS", "result": {"pages": [{"id": 0}, {"id": 1}]}}),
        Reply(body=[{"a": 1}]),
        Reply(body=[{"a": 2}]),
    )
    assert list(client.iter_query_rows("q1")) == [{"a": 1}, {"a": 2}]
    assert query_of(server, 1) == [("page", "0"), ("resultFormat", "object")]
    assert query_of(server, 2) == [("page", "1"), ("resultFormat", "object")]


def test_query_rows_without_pages_are_read_at_once(client: PolarisClient, server: Script) -> None:
    """Without a page number the service sends everything."""
    server.answer(Reply(body={"state": "SUCCESS"}), Reply(body=[{"a": 1}]))
    assert list(client.iter_query_rows("q1")) == [{"a": 1}]
    assert query_of(server, 1) == [("resultFormat", "object")]
