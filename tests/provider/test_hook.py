"""The hook: from an Airflow connection to a client, and the pages of jobs and tables."""

from __future__ import annotations

import base64
import json
import re
from types import SimpleNamespace

import pytest

from airflow_provider_polaris.hooks import settings as settings_module
from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.jobs.errors import PolarisNotFoundError, PolarisSpecError

PROJECT = "00000000-0000-4000-8000-000000000001"
KEY = "pok_0123456789abcdef"
JOB = "0190aaaa-0000-7000-8000-00000000000a"


def exactly(message: str) -> str:
    """Return a pattern for the whole message."""
    return f"^{re.escape(message)}$"


# --- what the connection says -----------------------------------------------------------------------------------------


def test_settings_from_form_fields_hold_every_field(connect, tmp_path):
    """Each key of the extra reaches the client."""
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    connect(
        password=None,
        extra={
            "project_id": PROJECT,
            "auth": "oauth",
            "client_id": "airflow",
            "client_secret": "s3cret-s3cret",
            "token_url": "https://id.example.com/token",
            "verify": str(bundle),
            "proxies": '{"https": "http://proxy:3128"}',
            "request_timeout": 45,
        },
    )

    settings = PolarisHook().settings

    assert settings.base_url == "https://acme.us-east-1.aws.api.imply.io"
    assert settings.project_id == PROJECT
    assert settings.auth == "oauth"
    assert (settings.client_id, settings.client_secret) == ("airflow", "s3cret-s3cret")
    assert settings.token_url == "https://id.example.com/token"
    assert settings.verify == str(bundle)
    assert settings.proxies == {"https": "http://proxy:3128"}
    assert settings.read_timeout == 45.0
    assert settings.connection_name == "polaris_default"


def test_settings_empty_form_fields_count_as_missing(connect):
    """The form stores what was left empty as null or as an empty text."""
    connect(
        extra={
            "project_id": f" {PROJECT} ",
            "auth": "",
            "client_id": None,
            "token_url": " ",
            "console_url": "",
            "verify": "",
            "proxies": "",
            "request_timeout": "",
        }
    )

    settings = PolarisHook().settings

    assert (settings.project_id, settings.auth, settings.client_id) == (PROJECT, "api_key", None)
    assert (settings.token_url, settings.verify, settings.proxies) == (None, True, None)
    assert settings.read_timeout == 20.0


def test_settings_pasted_project_url_needs_no_project_field(connect):
    """The first line of the console's curl sample is enough."""
    connect(host=f"https://acme.us-east-1.aws.api.imply.io/v1/projects/{PROJECT}/files", extra={})

    hook = PolarisHook()

    assert hook.settings.base_url == "https://acme.us-east-1.aws.api.imply.io"
    assert hook.project_id == PROJECT


@pytest.mark.parametrize(
    ("uri", "base_url"),
    [
        (f"polaris://:{KEY}@127.0.0.1:8099/?project_id={PROJECT}", "http://127.0.0.1:8099"),
        (f"polaris://:{KEY}@polaris.example.com:8443/http?project_id={PROJECT}", "http://polaris.example.com:8443"),
        (
            f"polaris://:{KEY}@acme.us-east-1.aws.api.imply.io?project_id={PROJECT}",
            "https://acme.us-east-1.aws.api.imply.io",
        ),
    ],
    ids=["loopback with port", "scheme in the path", "bare host"],
)
def test_settings_from_connection_uri_use_its_port_and_scheme(monkeypatch, uri, base_url):
    """A connection written as URI keeps its port and scheme, which Airflow stores in fields that the form hides."""
    monkeypatch.setenv("AIRFLOW_CONN_POLARIS_DEFAULT", uri)

    settings = PolarisHook().settings

    assert (settings.base_url, settings.project_id, settings.api_key) == (base_url, PROJECT, KEY)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (False, False),
        ("TRUE", True),
        ("false", False),
    ],
)
def test_settings_verify_takes_booleans_and_words(connect, value, expected):
    """JSON has booleans, the form has text."""
    connect(extra={"project_id": PROJECT, "verify": value})

    assert PolarisHook().settings.verify is expected


@pytest.mark.parametrize(
    "value",
    [
        "http://proxy:3128",
        '{"http": "http://proxy:3128", "https": "http://proxy:3128"}',
        {"http": "http://proxy:3128", "https": "http://proxy:3128"},
    ],
    ids=["one URL", "JSON text", "JSON object"],
)
def test_settings_proxies_take_a_url_or_json(connect, value):
    """All the ways of writing a proxy mean the same."""
    connect(extra={"project_id": PROJECT, "proxies": value})

    assert PolarisHook().settings.proxies == {"http": "http://proxy:3128", "https": "http://proxy:3128"}


@pytest.mark.parametrize("value", [90, "90", 90.0])
def test_settings_request_timeout_takes_numbers_and_their_text(connect, value):
    """A URI has text only."""
    connect(extra={"project_id": PROJECT, "request_timeout": value})

    assert PolarisHook().settings.read_timeout == 90.0


@pytest.mark.parametrize(
    "extra, marker",
    [
        ({}, "auto"),
        ({"submit_marker": ""}, "auto"),
        ({"submit_marker": "auto"}, "auto"),
        ({"submit_marker": "off"}, "off"),
        ({"submit_marker": False}, "off"),
    ],
)
def test_submit_marker_is_auto_unless_switched_off(connect, extra, marker):
    """A form leaves an empty text, a URI leaves nothing, YAML reads a bare off as false."""
    connect(extra={"project_id": PROJECT, **extra})

    assert PolarisHook().submit_marker == marker


WRONG_EXTRAS = {
    "submit_marker of another word": (
        {"project_id": PROJECT, "submit_marker": "on"},
        "extra 'submit_marker' of connection 'polaris_default' is 'on': it must be one of 'auto', 'off'.",
    ),
    "no project": (
        {},
        (
            "connection 'polaris_default' has no project id: set the extra 'project_id', or paste a host that goes on "
            "with /v1/projects/PROJECT_ID."
        ),
    ),
    "wrong auth word": (
        {"project_id": PROJECT, "auth": "basic"},
        "auth 'basic' of connection 'polaris_default' is unknown: use 'api_key', 'raw_api_key' or 'oauth'.",
    ),
    "oauth without secret": (
        {"project_id": PROJECT, "auth": "oauth", "client_id": "airflow"},
        "connection 'polaris_default' uses auth 'oauth' but has no client_secret: set both.",
    ),
    "secret that is a number": (
        {"project_id": PROJECT, "client_secret": 123456789},
        "extra 'client_secret' of connection 'polaris_default' must be text, and is of type 'int'. Put it in quotes.",
    ),
    "timeout in words": (
        {"project_id": PROJECT, "request_timeout": "soon"},
        (
            "extra 'request_timeout' of connection 'polaris_default' is 'soon': it must be a number of seconds from 1 "
            "to 600. Leave it empty for 20."
        ),
    ),
    "timeout of zero": (
        {"project_id": PROJECT, "request_timeout": 0},
        (
            "extra 'request_timeout' of connection 'polaris_default' is 0: it must be a number of seconds from 1 to "
            "600. Leave it empty for 20."
        ),
    ),
    "timeout that is true": (
        {"project_id": PROJECT, "request_timeout": True},
        (
            "extra 'request_timeout' of connection 'polaris_default' is True: it must be a number of seconds from 1 to "
            "600. Leave it empty for 20."
        ),
    ),
    "proxies that are broken JSON": (
        {"project_id": PROJECT, "proxies": '{"https": "http://user:hunter22@proxy:3128"'},
        (
            "extra 'proxies' of connection 'polaris_default' is not valid JSON (Expecting ',' delimiter: line 1 column "
            '44 (char 43)). Write {"https": "http://proxy:3128"} or one proxy URL.'
        ),
    ),
    "proxies that are a list": (
        {"project_id": PROJECT, "proxies": ["http://user:hunter22@proxy:3128"]},
        (
            "proxies of connection 'polaris_default' must be an object of texts such as "
            '{"https": "http://proxy.example.com:3128"}.'
        ),
    ),
    "missing CA file": (
        {"project_id": PROJECT, "verify": "/nowhere/ca.pem"},
        (
            "extra 'verify' of connection 'polaris_default' is '/nowhere/ca.pem', and there is no such file on this "
            "machine. Give 'true', 'false', or the path of a file with CA certificates that every worker has."
        ),
    ),
    "console_url without scheme": (
        {"project_id": PROJECT, "console_url": "acme.app.imply.io/{job_id}"},
        (
            "extra 'console_url' of connection 'polaris_default' is 'acme.app.imply.io/{job_id}', which is not a URL: "
            "it must begin with https:// or http://. Give the whole URL, or leave it empty."
        ),
    ),
    "console_url that is a script": (
        {"project_id": PROJECT, "console_url": "javascript:alert({job_id})"},
        (
            "extra 'console_url' of connection 'polaris_default' is 'javascript:alert({job_id})', which is not a URL: "
            "it must begin with https:// or http://. Give the whole URL, or leave it empty."
        ),
    ),
    "console_url with an unknown field": (
        {"project_id": PROJECT, "console_url": "https://acme.app.imply.io/{job}"},
        (
            "extra 'console_url' of connection 'polaris_default' is 'https://acme.app.imply.io/{job}', where {job} is "
            "unknown. Only {project_id}, {job_id} and {table} are filled in."
        ),
    ),
    "console_url with a stray brace": (
        {"project_id": PROJECT, "console_url": "https://acme.app.imply.io/{job_id"},
        (
            "extra 'console_url' of connection 'polaris_default' is 'https://acme.app.imply.io/{job_id', which has a "
            "brace too many. Only {project_id}, {job_id} and {table} are filled in."
        ),
    ),
}


@pytest.mark.parametrize(("extra", "message"), WRONG_EXTRAS.values(), ids=WRONG_EXTRAS)
def test_settings_wrong_extra_names_connection_field_and_mend(connect, extra, message):
    """A mistake in the extra is one sentence chain, before any request; no secret is in it."""
    connect(extra=extra)

    with pytest.raises(PolarisSpecError, match=exactly(message)):
        _ = PolarisHook().settings


WRONG_FIELDS = {
    "no key": (
        {"password": None},
        (
            "connection 'polaris_default' has no API key: put it into the password field "
            "(docs.imply.io/polaris/api-keys says how to make one)."
        ),
    ),
    "no host": (
        {"host": None},
        (
            "connection 'polaris_default' has no host: set it to the regional API. In the Polaris console, Sources > "
            "Create source > Upload via API shows it on the first line of its example: "
            "https://ORG.REGION.CLOUD.api.imply.io/v1/projects/PROJECT_ID."
        ),
    ),
    "odd scheme": (
        {"host": "acme.us-east-1.aws.api.imply.io", "schema": "ftp"},
        (
            "field schema of connection 'polaris_default' is 'ftp': it must be 'https' or 'http'. Leave it empty and "
            "write the whole URL into the host."
        ),
    ),
}


@pytest.mark.parametrize(("fields", "message"), WRONG_FIELDS.values(), ids=WRONG_FIELDS)
def test_settings_wrong_field_names_connection_field_and_mend(connect, fields, message):
    """So is a mistake in a standard field."""
    connect(**fields)

    with pytest.raises(PolarisSpecError, match=exactly(message)):
        _ = PolarisHook().settings


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (
            '{"project_id": ',
            (
                "the extra of connection 'polaris_default' is not valid JSON (Expecting value: line 1 column 16 "
                "(char 15)). "
                'Write an object such as {"project_id": "..."}.'
            ),
        ),
        (
            '["project_id"]',
            (
                "the extra of connection 'polaris_default' is not a JSON object. "
                'Write an object such as {"project_id": "..."}.'
            ),
        ),
    ],
    ids=["cut off", "a list"],
)
def test_settings_unreadable_extra_is_refused(monkeypatch, extra, message):
    """Airflow takes such an extra for an empty one; then the message would be about a field that is there."""
    # As it may stand in the database: some versions of Airflow refuse to make such a connection themselves.
    stored = SimpleNamespace(host="acme.us-east-1.aws.api.imply.io", password=KEY, extra=extra, extra_dejson={})
    monkeypatch.setattr(PolarisHook, "get_connection", lambda self, name: stored)

    with pytest.raises(PolarisSpecError, match=exactly(message)):
        _ = PolarisHook().settings


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_settings_hide_key_and_its_header_form_from_the_log(connect, monkeypatch):
    """Airflow knows the key, but not the form in which it stands in the Authorization header."""
    hidden = []
    monkeypatch.setattr(settings_module, "mask_secret", hidden.append)
    connect(extra={"project_id": PROJECT, "client_secret": "s3cret-s3cret"}, password=f" {KEY}\n")

    _ = PolarisHook().settings

    assert KEY in hidden
    assert base64.b64encode(f"{KEY}:".encode()).decode() in hidden
    assert "s3cret-s3cret" in hidden


def test_hook_repr_and_settings_repr_show_no_secret(connect):
    """A hook in a traceback or a rendered template gives nothing away."""
    connect(extra={"project_id": PROJECT, "client_secret": "s3cret-s3cret"})
    hook = PolarisHook()

    shown = f"{hook!r} {hook.settings!r} {hook.get_conn()!r}"
    hook.close()

    assert KEY not in shown
    assert "s3cret-s3cret" not in shown


# --- the client -------------------------------------------------------------------------------------------------------


def test_get_conn_reads_the_connection_once_and_keeps_the_client(connect, monkeypatch):
    """A wait of hours makes one client and one look-up."""
    connect()
    read = []
    original = PolarisHook.get_connection.__func__
    monkeypatch.setattr(
        PolarisHook, "get_connection", classmethod(lambda cls, name: read.append(name) or original(cls, name))
    )
    hook = PolarisHook()

    client = hook.get_conn()

    assert hook.get_conn() is client
    assert hook.project_id == PROJECT
    assert read == ["polaris_default"]
    hook.close()


def test_close_closes_the_client_once_and_may_be_called_at_any_time(connect, monkeypatch):
    """Closing is safe in a finally, whatever happened before."""
    connect()
    hook = PolarisHook()
    hook.close()
    client = hook.get_conn()
    closed = []
    monkeypatch.setattr(client, "close", lambda: closed.append(client))

    hook.close()
    hook.close()

    assert closed == [client]
    assert hook.get_conn() is not client
    hook.close()


def test_submit_job_posts_a_mapping_unchanged(connect, server):
    """A dictionary is the wire JSON already."""
    connect(host=server.url)
    server.answer("POST", "/jobs", 201, {"id": JOB, "executionStatus": "pending"})
    hook = PolarisHook()

    job = hook.submit_job({"type": "drop_table", "target": {"type": "table", "tableName": "old"}})

    hook.close()
    assert job == {"id": JOB, "executionStatus": "pending"}
    (request,) = server.requests
    assert json.loads(request.body) == {"type": "drop_table", "target": {"type": "table", "tableName": "old"}}


def test_submit_job_renders_a_spec_object(connect, server):
    """A job spec of ours is rendered on the way."""

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
    """Each method is one request to one place."""
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
    """What a soft delete took out can be listed for one interval."""
    connect(host=server.url)
    server.answer("GET", "/tables/koalas/unusedSegments", 200, {"values": []})
    hook = PolarisHook()

    assert list(hook.iter_unused_segments("koalas", interval="2024-06-01/2024-06-02")) == []

    hook.close()
    assert "interval=2024-06-01%2F2024-06-02" in server.requests[0].path


def test_hook_error_of_the_client_passes_typed(connect, server):
    """Retries and retry policies see what kind of error it was."""
    connect(host=server.url)
    server.answer("GET", f"/jobs/{JOB}", 404, {"code": "NotFound", "message": "no such job"})
    hook = PolarisHook()

    with pytest.raises(PolarisNotFoundError) as caught:
        hook.get_job(JOB)

    hook.close()
    assert (caught.value.status, caught.value.vendor_message) == (404, "no such job")


# --- pages ------------------------------------------------------------------------------------------------------------


def test_job_url_without_console_url_is_the_start_page_of_the_organization(connect):
    """No source says what the URL of a job's page is, so the link leads to where one can look for it."""
    connect()
    hook = PolarisHook()

    assert hook.job_url(JOB) == "https://acme.app.imply.io/"
    assert hook.table_url("koalas") == "https://acme.app.imply.io/"


def test_job_url_behind_another_host_is_the_resource_itself(connect):
    """Where no console is known, the link names the job in the API."""
    connect(host="http://127.0.0.1:8099")
    hook = PolarisHook()

    assert hook.job_url(JOB) == f"http://127.0.0.1:8099/v1/projects/{PROJECT}/jobs/{JOB}"
    assert hook.table_url("a b/c") == f"http://127.0.0.1:8099/v1/projects/{PROJECT}/tables/a%20b%2Fc"


@pytest.mark.parametrize(
    ("pattern", "job", "table"),
    [
        (
            "https://console.example.com/p/{project_id}/jobs/{job_id}",
            f"https://console.example.com/p/{PROJECT}/jobs/j%2F1",
            "https://acme.app.imply.io/",
        ),
        (
            "https://console.example.com/tables/{table}",
            "https://acme.app.imply.io/",
            "https://console.example.com/tables/a%20b",
        ),
        (
            "https://console.example.com/?job={job_id}&table={table}",
            "https://console.example.com/?job=j%2F1&table=a%20b",
            "https://console.example.com/?job=&table=a%20b",
        ),
        (
            "https://console.example.com/p/{project_id}",
            f"https://console.example.com/p/{PROJECT}",
            f"https://console.example.com/p/{PROJECT}",
        ),
    ],
    ids=["jobs only", "tables only", "both", "neither"],
)
def test_console_url_is_filled_in_url_encoded_where_it_fits(connect, pattern, job, table):
    """A pattern for jobs is used for jobs only, and no name can break out of its place in the URL."""
    connect(extra={"project_id": PROJECT, "console_url": pattern})
    hook = PolarisHook()

    assert hook.job_url("j/1", "a b") == job
    assert hook.table_url("a b") == table


def test_console_url_of_the_job_page_needs_no_request(connect, server):
    """A link costs nothing."""
    connect(host=server.url)

    PolarisHook().job_url(JOB)

    assert server.requests == []
