# SPDX-License-Identifier: Apache-2.0
"""The Test button: its text for a connection that works, works in part, or doesn't work."""

from __future__ import annotations

import json
import socket
from dataclasses import replace

import pytest
import requests
from requests.adapters import HTTPAdapter

from airflow_provider_polaris.client import PolarisClient
from airflow_provider_polaris.client.http.exchange import BoundedAdapter
from airflow_provider_polaris.hooks.connections import check
from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.jobs.errors import PolarisError

PROJECT = "00000000-0000-4000-8000-000000000001"
KEY = "pok_0123456789abcdef"
JOBS = f"GET /v1/projects/{PROJECT}/jobs"
FORBIDDEN = {"code": "Forbidden", "message": "not allowed"}


@pytest.fixture
def hook(connect, server):
    """Return a hook on the scripted server, which allows everything until a test changes that."""
    connect(host=server.url)
    server.allow_everything()
    return PolarisHook()


def sentence_of_the_client(hook) -> str:
    """Return the client's own message for listing jobs once."""
    settings = replace(hook.settings, connect_timeout=30.0, retry_budget=0.0)
    with PolarisClient(settings) as client, pytest.raises(PolarisError) as caught:
        next(client.iter_jobs(page_size=1, limit=1))
    return str(caught.value)


def test_check_project_that_allows_everything_names_it_and_the_permissions(hook, server):
    """The text names the project and the permissions."""
    assert hook.test_connection() == (
        True,
        f"Reached project '{PROJECT}' at {server.url}: ManageIngestionJobs, ViewTables and AccessQueries work.",
    )


def test_check_makes_one_small_authenticated_call_for_each_permission(hook, server):
    """The check reads very little and changes nothing."""
    hook.test_connection()

    jobs, tables, sql = server.requests
    assert (jobs.method, jobs.path.partition("?")[0]) == ("GET", f"/v1/projects/{PROJECT}/jobs")
    assert "paginationLimit=1&" in jobs.path
    assert (tables.method, tables.path) == ("GET", f"/v1/projects/{PROJECT}/tables")
    assert (sql.method, sql.path) == ("POST", f"/v1/projects/{PROJECT}/query/sql")
    assert json.loads(sql.body)["query"] == "SELECT 1"
    assert all(request.headers["Authorization"].startswith("Basic ") for request in server.requests)


def test_check_missing_query_permission_passes_and_says_so(hook, server):
    """Jobs can run without SQL, so the test succeeds, but the user sees what is missing."""
    server.answer("POST", "/query/sql", 403, FORBIDDEN)

    assert hook.test_connection() == (
        True,
        (
            f"Reached project '{PROJECT}' at {server.url}: ManageIngestionJobs and ViewTables work. "
            "AccessQueries doesn't work (403 'not allowed'), so no SQL query can be run."
        ),
    )


def test_check_jobs_alone_pass_and_both_others_are_named(hook, server):
    """The minimum for a working connection."""
    server.answer("GET", "/tables", 403, {"message": "not yours"})
    server.answer("POST", "/query/sql", 403, FORBIDDEN)

    assert hook.test_connection() == (
        True,
        (
            f"Reached project '{PROJECT}' at {server.url}: ManageIngestionJobs works. ViewTables doesn't work (403 "
            "'not yours'), so tables can't be read. AccessQueries doesn't work (403 'not allowed'), so no SQL query "
            "can be run."
        ),
    )


def test_check_missing_job_permission_fails_and_says_what_works(hook, server):
    """Without jobs the connection is unusable; the other working permissions show that it isn't the network."""
    server.answer("GET", "/jobs", 403, FORBIDDEN)

    works, text = hook.test_connection()

    assert not works
    assert "ManageIngestionJobs permission" in text
    assert text == f"{sentence_of_the_client(hook)} ViewTables and AccessQueries work."


def test_check_everything_forbidden_fails_with_the_reasons(hook, server):
    """A key without permissions and a blocked address give the same answer: the text names both."""
    for method, path in (("GET", "/jobs"), ("GET", "/tables"), ("POST", "/query/sql")):
        server.answer(method, path, 403, FORBIDDEN)

    works, text = hook.test_connection()

    assert not works
    assert "network policy" in text
    assert text == sentence_of_the_client(hook)


REFUSALS = {
    "wrong key": (401, {"message": f"unknown key {KEY}"}, f"{JOBS} answered 401: unknown key ***. "),
    "unknown project": (
        404,
        {"code": "NotFound", "message": "project not found"},
        f"{JOBS} answered 404 'NotFound': project not found. Check project_id '{PROJECT}' and host ",
    ),
    "a proxy": (
        404,
        b"<html><title>Welcome</title></html>",
        f"{JOBS} answered 404, but this isn't Polaris' API: host '127.0.0.1:",
    ),
    "maintenance": (503, {"message": "maintenance"}, f"{JOBS} answered 503: maintenance. "),
    "not Polaris": (200, b"<html><title>Welcome</title></html>", f"{JOBS} answered 200 but the body is not JSON"),
}


@pytest.mark.parametrize(("status", "body", "beginning"), REFUSALS.values(), ids=REFUSALS)
def test_check_refusal_fails_with_the_clients_sentence(hook, server, status, body, beginning):
    """A wrong key, project or host is reported once, by the client; no other request follows."""
    server.answer("GET", "/jobs", status, body)

    works, text = hook.test_connection()

    # A key is tried in its two forms; everything else once, because a user is waiting.
    assert len(server.requests) == (2 if status == 401 else 1)
    assert not works
    assert text.startswith(beginning)
    assert text == sentence_of_the_client(hook)
    assert KEY not in text


def test_check_unknown_host_name_fails(connect, monkeypatch):
    """DNS."""

    def unknown(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    connect(host="https://acme.us-esat-1.aws.api.imply.io")
    hook = PolarisHook()

    works, text = hook.test_connection()

    assert not works
    assert text.startswith(f"{JOBS} was not sent: the name 'acme.us-esat-1.aws.api.imply.io' can't be resolved")
    assert text == sentence_of_the_client(hook)


def test_check_plain_http_behind_https_fails(connect, server):
    """TLS."""
    connect(host=server.url.replace("http://", "https://"))
    hook = PolarisHook()

    works, text = hook.test_connection()

    assert not works
    assert text.startswith(f"{JOBS} failed in TLS with '{server.url.removeprefix('http://')}'")
    assert text == sentence_of_the_client(hook)


def test_check_refused_connection_fails(connect):
    """No server listens there."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    connect(host=f"http://127.0.0.1:{port}")
    hook = PolarisHook()

    works, text = hook.test_connection()

    assert not works
    assert text.startswith(f"{JOBS} was not sent: '127.0.0.1:{port}' refused the connection.")
    assert text == sentence_of_the_client(hook)


def test_check_silent_server_fails_in_time(connect, monkeypatch):
    """A server that accepts the request and sends nothing is given up soon; request_timeout is not the cause."""
    monkeypatch.setattr(check, "READ_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        connect(host=url)

        answer = PolarisHook().test_connection()

    assert answer == (
        False,
        (
            f"{url} accepted the request but sent no answer within 0.05 s, the time limit of this check. Try again. If "
            "it fails again, check host and proxies in connection 'polaris_default'."
        ),
    )


class Clock:
    """Returns the given times, one per call, and then repeats the last one."""

    def __init__(self, *times):
        self.times = list(times)

    def __call__(self):
        return self.times.pop(0) if len(self.times) > 1 else self.times[0]


@pytest.fixture
def time_limits(monkeypatch):
    """Collect the time limits with which requests are sent."""
    limits = []
    send = requests.Session.send

    def record(self, request, **kwargs):
        exchange = kwargs["timeout"]
        limits.append((exchange.connect_timeout, exchange.read_timeout, exchange.allowed))
        return send(self, request, **kwargs)

    monkeypatch.setattr(requests.Session, "send", record)
    return limits


def test_check_gives_every_request_seconds_and_not_minutes(hook, time_limits):
    """A connection may allow minutes, and the client gives SQL more than a minute; the check waits for neither."""
    check.check_connection("polaris_default", lambda: hook._connection_settings, clock=Clock(100.0))

    assert time_limits == [(3.0, 5.0, 8.0)] * 3


def test_check_late_requests_get_what_is_left_of_the_time(hook, time_limits):
    """The limit is on the whole check; a request never gets less than a second."""
    clock = Clock(100.0, 100.0, 113.0, 113.0, 114.9)

    check.check_connection("polaris_default", lambda: hook._connection_settings, clock=clock)

    assert time_limits == [(3.0, 5.0, 8.0), (2.0, 2.0, 2.0), (1.0, 1.0, 1.0)]


def test_check_when_time_is_over_says_what_was_not_tried(hook, server):
    """Two slow answers use up the time; the known results are reported."""
    clock = Clock(100.0, 100.0, 100.0, 100.0, 115.0)

    assert check.check_connection("polaris_default", lambda: hook._connection_settings, clock=clock) == (
        True,
        (
            f"Reached project '{PROJECT}' at {server.url}: ManageIngestionJobs and ViewTables work. AccessQueries was "
            "not tested, because the service answers slowly."
        ),
    )


def test_check_unanswered_query_is_unknown_and_not_missing(hook, server, monkeypatch):
    """No answer proves nothing about a permission."""
    send = HTTPAdapter.send

    def silent_for_sql(self, request, **kwargs):
        if request.url.endswith("/query/sql"):
            kwargs["timeout"].sent = True
            raise requests.ReadTimeout("timed out")
        return send(self, request, **kwargs)

    monkeypatch.setattr(HTTPAdapter, "send", silent_for_sql)

    assert hook.test_connection() == (
        True,
        (
            f"Reached project '{PROJECT}' at {server.url}: ManageIngestionJobs and ViewTables work. AccessQueries is "
            f"unknown, because {server.url} accepted the request but sent no answer within 5 s, the time limit of this "
            "check. Try again. If it fails again, check host and proxies in connection 'polaris_default'."
        ),
    )


def test_check_answer_that_drips_is_given_up(connect, monkeypatch):
    """Bytes that arrive one by one don't keep the user waiting longer than the limit of one request."""
    monkeypatch.setattr(BoundedAdapter, "send", lambda self, request, **kwargs: drip(kwargs["timeout"]))

    def drip(exchange):
        exchange.sent = True
        raise exchange.expired()

    connect()

    assert PolarisHook().test_connection() == (
        False,
        (
            "https://acme.us-east-1.aws.api.imply.io accepted the request but sent no complete answer within 8 s, the "
            "time limit of this check. Try again. If it fails again, check host and proxies in connection "
            "'polaris_default'."
        ),
    )


def test_check_incomplete_connection_fails_with_the_hooks_sentence(connect):
    """A missing field is reported before any request."""
    connect(password=None)

    assert PolarisHook().test_connection() == (
        False,
        (
            "connection 'polaris_default' has no API key: put it into the password field "
            "(docs.imply.io/polaris/api-keys describes how to create one)."
        ),
    )


def test_check_unexpected_error_fails_without_its_text():
    """Never raises; the text of an unexpected error may quote the connection, so it isn't shown."""

    def broken():
        raise RuntimeError(f"can't parse {KEY}")

    assert check.check_connection("prod", broken) == (
        False,
        (
            "connection 'prod' can't be tested: RuntimeError while it was read or used. Run "
            "PolarisHook('prod').get_client() in Python to see the complete error."
        ),
    )


def test_check_does_not_shorten_the_time_limits_of_the_hook(hook):
    """A client that the hook has created keeps the connection's settings."""
    before = hook.settings.read_timeout

    hook.test_connection()

    assert hook.settings.read_timeout == before == 20.0


def test_check_reaches_an_emulator_behind_the_environments_proxy(hook, monkeypatch):
    """A proxy for external addresses is not used for an address on this machine."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    assert hook.test_connection()[0]
