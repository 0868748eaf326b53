# SPDX-License-Identifier: Apache-2.0
"""The hook's client: one per hook, and a method for each operation."""

from __future__ import annotations

import json

import pytest

from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.jobs.errors import PolarisNotFoundError
from tests.fixtures import PROJECT

JOB = "0190aaaa-0000-7000-8000-00000000000a"


def test_get_client_reads_the_connection_once_and_keeps_the_client(connect, monkeypatch):
    """A wait of hours creates one client and reads the connection once."""
    connect()
    read = []
    original = PolarisHook.get_connection.__func__
    monkeypatch.setattr(
        PolarisHook, "get_connection", classmethod(lambda cls, name: read.append(name) or original(cls, name))
    )
    hook = PolarisHook()

    client = hook.get_client()

    assert hook.get_client() is client
    assert hook.project_id == PROJECT
    assert read == ["polaris_default"]
    hook.close()


def test_close_closes_the_client_once_and_may_be_called_at_any_time(connect, monkeypatch):
    """Closing is safe in a finally block, whatever happened before."""
    connect()
    hook = PolarisHook()
    hook.close()
    client = hook.get_client()
    closed = []
    monkeypatch.setattr(client, "close", lambda: closed.append(client))

    hook.close()
    hook.close()

    assert closed == [client]
    assert hook.get_client() is not client
    hook.close()


def test_submit_job_posts_a_mapping_unchanged(connect, server):
    """A dictionary is sent unchanged."""
    connect(host=server.url)
    server.answer("POST", "/jobs", 201, {"id": JOB, "executionStatus": "pending"})
    hook = PolarisHook()

    job = hook.submit_job({"type": "drop_table", "target": {"type": "table", "tableName": "old"}})

    hook.close()
    assert job == {"id": JOB, "executionStatus": "pending"}
    (request,) = server.requests
    assert json.loads(request.body) == {"type": "drop_table", "target": {"type": "table", "tableName": "old"}}


def test_submit_job_renders_a_spec_object(connect, server):
    """A job spec of this package is rendered."""

    class Spec:
        def to_wire(self):
            return {"type": "batch"}

    connect(host=server.url)
    server.answer("POST", "/jobs", 201, {"id": JOB, "executionStatus": "pending"})
    hook = PolarisHook()

    hook.submit_job(Spec())

    hook.close()
    assert [json.loads(request.body) for request in server.requests] == [{"type": "batch"}]


READS = {
    "get_job": (lambda hook: hook.get_job(JOB), "GET", f"/jobs/{JOB}", {"id": JOB, "executionStatus": "running"}, None),
    "get_job_status": (
        lambda hook: hook.get_job_status(JOB),
        "GET",
        f"/jobs/{JOB}/status",
        {"executionStatus": "running"},
        "running",
    ),
    "iter_jobs": (
        lambda hook: list(hook.iter_jobs(limit=1)),
        "GET",
        "/jobs",
        {"values": [{"id": JOB}], "moreResultsAvailable": False},
        [{"id": JOB}],
    ),
    "cancel_job": (
        lambda hook: hook.cancel_job(JOB),
        "POST",
        f"/jobs/{JOB}/status",
        {"executionStatus": "running"},
        "running",
    ),
    "get_job_progress": (
        lambda hook: hook.get_job_progress(JOB),
        "GET",
        f"/jobs/{JOB}/progress",
        {"overallProgress": 0.5},
        0.5,
    ),
    "get_job_metrics": (
        lambda hook: hook.get_job_metrics(JOB),
        "GET",
        f"/jobs/{JOB}/metrics",
        {"totals": {"numRowsProcessed": 7}},
        {"numRowsProcessed": 7},
    ),
    "get_job_logs": (
        lambda hook: hook.get_job_logs(JOB),
        "GET",
        f"/jobs/{JOB}/logs",
        {"logs": [{"message": "done"}]},
        [{"message": "done"}],
    ),
    "get_table": (lambda hook: hook.get_table("a b"), "GET", "/tables/a%20b", {"name": "a b"}, None),
    "iter_tables": (
        lambda hook: list(hook.iter_tables()),
        "GET",
        "/tables",
        {"values": [{"name": "koalas"}]},
        [{"name": "koalas"}],
    ),
    "create_table": (
        lambda hook: hook.create_table({"name": "koalas", "type": "detail"}),
        "POST",
        "/tables",
        {"name": "koalas", "type": "detail"},
        None,
    ),
    "query": (lambda hook: hook.query("SELECT 1 AS n"), "POST", "/query/sql", [{"n": 1}], None),
}


@pytest.mark.parametrize(("call", "method", "path", "body", "expected"), READS.values(), ids=READS)
def test_hook_method_asks_its_endpoint_and_returns_the_clients_answer(
    connect, server, call, method, path, body, expected
):
    """Each method sends one request to one path."""
    connect(host=server.url)
    server.answer(method, path, 200, body)
    hook = PolarisHook()

    answer = call(hook)

    hook.close()
    assert answer == (body if expected is None else expected)
    assert [(request.method, request.path.partition("?")[0]) for request in server.requests] == [
        (method, f"/v1/projects/{PROJECT}{path}")
    ]


def test_iter_unused_segments_asks_for_the_interval(connect, server):
    """Soft-deleted segments can be listed for one interval."""
    connect(host=server.url)
    server.answer("GET", "/tables/koalas/unusedSegments", 200, {"values": []})
    hook = PolarisHook()

    assert list(hook.iter_unused_segments("koalas", interval="2024-06-01/2024-06-02")) == []

    hook.close()
    assert "interval=2024-06-01%2F2024-06-02" in server.requests[0].path


def test_hook_error_of_the_client_passes_typed(connect, server):
    """Retries and retry policies receive the class of the error."""
    connect(host=server.url)
    server.answer("GET", f"/jobs/{JOB}", 404, {"code": "NotFound", "message": "no such job"})
    hook = PolarisHook()

    with pytest.raises(PolarisNotFoundError) as caught:
        hook.get_job(JOB)

    hook.close()
    assert (caught.value.status, caught.value.vendor_message) == (404, "no such job")
