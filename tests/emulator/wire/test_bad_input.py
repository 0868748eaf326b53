# SPDX-License-Identifier: Apache-2.0
"""Broken requests: each gets a clear 4xx in the envelope, and nothing changes."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def api(shared_koalas):
    """One emulator for all tests, because no test changes it."""
    return shared_koalas


JSON = {"Content-Type": "application/json"}
#: Every path with a JSON body.
POSTS = [
    ("POST", "/jobs"),
    ("PUT", "/jobs/x"),
    ("POST", "/jobs/x/status"),
    ("POST", "/tables"),
    ("PUT", "/tables/x"),
    ("POST", "/query/sql"),
    ("POST", "/query/sql/statements"),
]


@pytest.mark.parametrize(("method", "path"), POSTS)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "The body is not valid JSON: EOF while parsing a value at line 1 column 0."),
        (b'{"type": "batch",\n "so', "The body is not valid JSON: EOF while parsing a string at line 2 column 4."),
        (b"[1]", "The body must be a JSON object, not 'list'."),
        (b"null", "The body must be a JSON object, not 'NoneType'."),
        (b'{"a": NaN}', "The body is not valid JSON: expected value at line 1 column 7."),
        (b'{"a": "\\ud800"}', "The body is not valid JSON: unexpected end of hex escape at line 1 column 14."),
        (b'{"a": "\xff"}', "The body is not valid JSON: invalid unicode code point at line 1 column 8."),
        (b"[" * 100_000, "The body is not valid JSON: recursion limit exceeded at line 1 column 202."),
        (b'{"a": ' + b"9" * 5000 + b"}", "The body is not valid JSON: number out of range at line 1 column 4308."),
    ],
)
def test_body_that_is_no_json_object_is_refused(api, method, path, content, message) -> None:
    """Truncated, of another type, not Unicode, too deep, not a number: 400."""
    before = api.state()
    status, answer = api.call(method, path, content=content, headers=JSON)
    assert (status, answer["code"]) == (400, "BadRequest")
    assert answer["message"] == message
    assert api.state() == before


@pytest.mark.parametrize(("method", "path"), POSTS)
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_body_of_another_content_type_is_refused(api, method, path, content_type) -> None:
    """The 415 names the sent and the supported type."""
    status, answer = api.call(method, path, content=b"{}", headers={"Content-Type": content_type})
    assert (status, answer) == (
        415,
        {
            "code": "UnsupportedMediaType",
            "message": f"content type {content_type!r} is not supported; send 'application/json'.",
        },
    )


@pytest.mark.parametrize("charset", ["", "; charset=utf-8", ";charset=UTF-8"])
def test_body_with_a_charset_is_taken(make_api, charset) -> None:
    """A parameter of the media type is accepted."""
    api = make_api()
    headers = {"Content-Type": f"Application/JSON{charset}"}
    body = json.dumps({"name": "t", "type": "detail"}).encode()
    assert api.call("POST", "/tables", content=body, headers=headers)[0] == 201


@pytest.mark.parametrize(("method", "path"), POSTS)
def test_body_of_ten_megabytes_is_refused(api, method, path) -> None:
    """The 413 names the limit."""
    before = api.state()
    content = json.dumps({"type": "batch", "x": "y" * 10_000_000}).encode()
    assert api.call(method, path, content=content, headers=JSON) == (
        413,
        {"code": "PayloadTooLarge", "message": "The body is longer than 4194304 bytes."},
    )
    assert api.state() == before


@pytest.mark.parametrize(
    "body",
    [
        {"type": ["batch"]},
        {"type": "batch", "source": [], "target": {}},
        {"type": "batch", "source": {"type": {}}, "target": {"type": "table", "tableName": "t"}},
        {"type": "batch", "source": {"type": "table", "tableName": 7}, "target": {"type": "table", "tableName": "t"}},
        {"type": "batch", "source": {"type": "table", "tableName": "t"}, "target": {"type": "table", "tableName": {}}},
        {"type": "batch", "source": {"type": "table", "tableName": "t", "interval": 5}, "target": {}},
    ],
)
def test_job_of_wrong_types_is_refused(api, body) -> None:
    """Types are not converted: the reply is a 400 with a target."""
    status, answer = api.call("POST", "/jobs", body)
    assert (status, answer["code"]) == (400, "BadRequest")
    assert answer["target"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1", 404),
        ("GET", "/v1/projects", 404),
        ("GET", "/v2/jobs", 404),
        ("GET", "/docs", 404),
        ("GET", "/openapi.json", 404),
        ("GET", "{prefix}/jobs/", 404),
        ("GET", "{prefix}/jobs/a/b", 404),
        ("GET", "{prefix}/connections", 404),
        ("DELETE", "{prefix}/jobs/a", 405),
        ("PATCH", "{prefix}/jobs", 405),
        ("DELETE", "{prefix}/tables/a", 405),
    ],
)
def test_path_that_is_unknown_is_refused_in_the_envelope(api, method, path, status) -> None:
    """404 and 405 have the vendor's keys, too, not the framework's format."""
    path = path.format(prefix=api.prefix)
    response = api.client.request(method, path, headers=api.headers)
    verb = "is not a path of this API" if status == 404 else "is not allowed on"
    message = f"{method} {path!r} {verb}." if status == 404 else f"{method} {verb} {path!r}."
    code = {404: "NotFound", 405: "MethodNotAllowed"}[status]
    assert (response.status_code, response.json()) == (status, {"code": code, "message": message})


@pytest.mark.parametrize(
    "name", ["..%2F..%2Fetc%2Fpasswd", "%2e%2e", "%00", "a%00b", "%2F", "%5c..%5cx", "x%0d%0aSet-Cookie:y", "%ff%fe"]
)
@pytest.mark.parametrize("path", ["/tables/{}", "/files/{}", "/jobs/{}", "/jobs/{}/status", "/query/sql/statements/{}"])
def test_path_tricks_find_nothing(api, path, name) -> None:
    """Names in a path are looked up, never used as paths."""
    before = api.state()
    response = api.client.get(api.prefix + path.format(name), headers=api.headers)
    assert response.status_code in (404, 405)
    assert "message" in response.text or "errorMessage" in response.text
    assert api.state() == before


def test_failure_of_the_emulator_itself_has_an_envelope(api, monkeypatch) -> None:
    """An unexpected error is a 500 that names the path and reveals no internals."""

    def fail(_):
        raise RuntimeError("secret")

    monkeypatch.setattr(api.app.state.emulator.jobs, "page", fail)
    path = f"{api.prefix}/jobs"
    assert api.call("GET", "/jobs") == (
        500,
        {"code": "InternalServerError", "message": f"The emulator failed on GET {path!r}: RuntimeError."},
    )
