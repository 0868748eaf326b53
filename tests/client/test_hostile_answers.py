# SPDX-License-Identifier: Apache-2.0
"""Generated answers of every shape for every public call: a result of its type, or a PolarisError."""

from __future__ import annotations

import collections.abc
import gzip
import inspect
import io
import json
import random
import types
import typing
import zlib
from itertools import islice
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_polaris.client import ClientSettings, PolarisClient
from airflow_provider_polaris.client.http.error_body import read_envelope
from airflow_provider_polaris.client.http.exchange import Exchange
from airflow_provider_polaris.client.http.json_body import LONGEST_TEXT
from airflow_provider_polaris.client.http.transport import Transport
from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisError
from tests.client.conftest import KEY, Time
from tests.client.wire import Sends, Wire, answer, drip

URL = "http://127.0.0.1:9"
OAUTH = {"auth": "oauth", "client_id": "me", "client_secret": "s3cret/s3cret+", "token_url": f"{URL}/token"}
#: Longest message: two vendor texts of 2000 characters, and our own sentences around them.
LONGEST_MESSAGE = 6000
#: Limit of every call, so that a small answer can exceed it.
MOST_BYTES = 4096

#: Arguments of a call, by the name of the parameter.
ARGUMENTS: dict[str, Any] = {
    "job_id": "j1",
    "spec": {"type": "sql"},
    "desired": "canceled",
    "name": "t",
    "table": "t",
    "body": {"name": "t"},
    "sql": "SELECT 1",
    "query_id": "q1",
}
#: Methods that send nothing.
SILENT = {"close", "end_reads", "job_reads", "sibling", "table_reads"}
CALLS = sorted(
    name
    for name, _ in inspect.getmembers(PolarisClient, inspect.isfunction)
    if not name.startswith("_") and name not in SILENT
)

FIELDS = st.sampled_from(
    [
        "id",
        "name",
        "executionStatus",
        "overallProgress",
        "logs",
        "totals",
        "values",
        "files",
        "moreResultsAvailable",
        "totalCount",
        "queryId",
        "state",
        "result",
        "pages",
        "error",
        "errorMessage",
        "code",
        "message",
        "details",
        "innererror",
        "access_token",
        "expires_in",
        "x",
    ]
)
NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([10**308, 10**309, -(10**400), 10**4299, 0, -1, 0.5, 1e308]),
)
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["running", "completed", "x" * 1000, "y" * 1001, "z" * 3000, "\x00\x1b[31m", "9" * 400, "[" * 200]),
)
JSONS = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(FIELDS, inner, max_size=6)),
    max_leaves=15,
)
DEEP = st.builds(
    lambda opening, depth, closing: opening.encode() * depth + b'"x"' + closing.encode() * depth,
    st.sampled_from(['{"error":', '{"details":[', "[", '{"innererror":', '{"values":[{"id":"a","x":', '["]",']),
    st.sampled_from([5, 99, 101, 300, 985]),
    st.sampled_from(["}", "]}", "]", "}]}"]),
)
RAW_NUMBERS = st.builds(
    lambda field, number: f'{{"{field}": {number}}}'.encode(),
    FIELDS,
    st.sampled_from(["1" + "0" * 400, "9" * 5000, "1e999", "-1e999", "NaN", "-Infinity", "1" * 309, "0." + "1" * 500]),
)
BODIES = st.one_of(
    st.one_of(JSONS, st.dictionaries(FIELDS, JSONS, max_size=6)).map(lambda data: json.dumps(data).encode()),
    DEEP,
    RAW_NUMBERS,
    st.binary(max_size=100),
    st.sampled_from([b"", b"<html><title>Sign in</title></html>", b"\xef\xbb\xbf{}", b"{}" * 100, b" " * 10_000]),
)
STATUSES = st.one_of(
    st.sampled_from([b"200 OK", b"201 Created", b"204 Empty", b"302 Found", b"400 Bad", b"404 Not Found", b"429 Slow"]),
    st.integers(100, 599).map(lambda status: b"%d X" % status),
    st.sampled_from([b"", b"OK", b"-200 OK", b"2" + b"0" * 400, b"200", b"\xff\x00 200", b"99 X", b"999 X"]),
)
HEADERS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"Content-Length: -1",
                b"Content-Length: 3",
                b"Content-Length: 3, 4",
                b"Content-Length: " + b"9" * 5000,
                b"Content-Length: 99999999999999999999",
                b"Content-Length: many",
                b"Content-Encoding: gzip, gzip",
                b"Content-Encoding: br",
                b"Content-Encoding: gzip",
                b"Transfer-Encoding: chunked",
                b"Transfer-Encoding: gzip, chunked",
                b"Content-Type: text/html",
                b"Content-Type: application/json; charset=\xff",
                b"Location: http://[",
                b"Location: //\x00\xff",
                b"Location: https://example.org:99999999/",
                b"Retry-After: 0",
                b"Retry-After: " + b"9" * 400,
                b"Retry-After: Sun, 99 Foo 99999 99:99:99 GMT",
                b"X-Request-Id: " + b"R" * 60_000,
                b"X-Request-Id: \xff\xfe\x00",
                b"Set-Cookie: a=b; Expires=Sun, 99 Foo 99999 99:99:99 GMT; Max-Age=" + b"9" * 400,
                b"Set-Cookie: ;;;=;\xff",
                b"Connection: close",
                b"X: " + b"y" * 70_000,
                b"no colon",
                b": no name",
                b" folded",
            ]
        ),
        st.binary(max_size=30).map(lambda raw: raw.replace(b"\n", b"")),
    ),
    max_size=4,
)
CHUNKS = st.sampled_from([b"5", b"-1", b"-5", b"zz", b"f" * 400, b"", b"3;x=" + b"y" * 70_000, b"1000"])


def framed(body: bytes, how: str) -> tuple[bytes, bytes]:
    """Return the header for the framing and encoding of a body, and its bytes."""
    if how == "gzip":
        body = gzip.compress(body, mtime=0)
    elif how == "deflate":
        body = zlib.compress(body)
    length = b"Content-Length: %d\r\n" % len(body)
    if how in ("gzip", "deflate"):
        return length + b"Content-Encoding: %b\r\n" % how.encode(), body
    if how == "chunked":
        return b"Transfer-Encoding: chunked\r\n", b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    return (length, body) if how == "length" else (b"", body)


@st.composite
def answers(draw: st.DrawFn) -> list[bytes | float]:
    """Draw the answer of a service on one connection: anything except a slow drip, which has its own test."""
    if draw(st.integers(0, 19)) == 0:
        return [draw(st.binary(max_size=200))]
    framing, body = framed(draw(BODIES), draw(st.sampled_from(["length", "chunked", "gzip", "deflate", "end"])))
    if draw(st.integers(0, 9)) == 0:
        framing, body = b"Transfer-Encoding: chunked\r\n", draw(CHUNKS) + b"\r\n" + body
    head = b"HTTP/1.1 " + draw(STATUSES) + b"\r\n" + framing + b"".join(line + b"\r\n" for line in draw(HEADERS))
    whole = b"HTTP/1.1 100 Continue\r\n\r\n" * draw(st.sampled_from([0, 0, 0, 1, 100])) + head + b"\r\n" + body
    cut = draw(st.one_of(st.none(), st.none(), st.none(), st.integers(0, len(whole))))
    pause: list[bytes | float] = draw(st.sampled_from([[], [], [], [1.0], [50.0]]))
    return [*pause, whole[:cut], *pause]


def sends(plan: list[bytes | float], *, without_end: bool) -> Sends:
    yield from plan
    if without_end:
        yield from drip(b" ", seconds=0.5, then=b" \r\n")


def call(client: PolarisClient, name: str) -> Any:
    """Make a call with its arguments; of an iterator, take the first items."""
    method = getattr(client, name)
    arguments = {
        parameter.name: io.BytesIO(b"x" * 100) if parameter.name == "file" else ARGUMENTS[parameter.name]
        for parameter in inspect.signature(method).parameters.values()
        if parameter.default is parameter.empty or parameter.name == "name"
    }
    result = method(**arguments)
    return list(islice(result, 50)) if isinstance(result, collections.abc.Iterator) else result


def is_of_type(value: Any, expected: Any) -> bool:
    """Whether a value has the annotated type of the call, as deep as the annotation goes."""
    origin = typing.get_origin(expected)
    if origin in (types.UnionType, typing.Union):
        return any(is_of_type(value, option) for option in typing.get_args(expected))
    if origin in (list, collections.abc.Iterator):
        return isinstance(value, list) and all(is_of_type(item, typing.get_args(expected)[0]) for item in value)
    return isinstance(value, origin or expected)


def assert_fit(error: PolarisError, *, sent: bool) -> None:
    """Assert that an error is suitable for a log, a database and an event loop, and is accurate."""
    assert not sent or "not sent" not in str(error)
    assert len(str(error)) <= LONGEST_MESSAGE
    assert "\n" not in str(error)
    if isinstance(error, PolarisApiError):
        for text, longest in ((error.code, 300), (error.request_id, 300), (error.vendor_message, 10_100)):
            assert len(text or "") <= longest


@pytest.fixture(scope="module")
def patch() -> typing.Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield monkeypatch


@pytest.fixture(scope="module")
def bodies(patch: pytest.MonkeyPatch) -> list[int]:
    """Limit every call to :data:`MOST_BYTES`, and errors to the same, and collect the sizes of the bodies."""
    sizes: list[int] = []
    attempt = Transport._attempt

    def count(self: Transport, *args: Any) -> Any:
        outcome = attempt(self, *args)
        sizes.append(len(getattr(outcome, "body", b"")))
        return outcome

    patch.setattr(Transport, "_attempt", count)
    patch.setattr("airflow_provider_polaris.client.http.session.ERROR_BYTES", MOST_BYTES)
    start = Exchange.__init__
    patch.setattr(Exchange, "__init__", lambda self, **fields: start(self, **{**fields, "answer_bytes": MOST_BYTES}))
    return sizes


@pytest.mark.parametrize("name", CALLS)
@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
@given(
    plan=answers(),
    token=st.one_of(st.none(), st.just([answer({"access_token": "t" * 20})]), answers()),
    without_end=st.integers(0, 9).map(lambda number: number == 0),
)
def test_any_answer_gives_a_result_or_a_polaris_error(
    name: str,
    plan: list[bytes | float],
    token: list[bytes | float] | None,
    without_end: bool,
    patch: pytest.MonkeyPatch,
    bodies: list[int],
) -> None:
    """For every answer: the right type, a short message, limited bytes and time, and no wrong "not sent"."""
    time = Time()

    def service(number: int) -> Sends:
        if token is not None and number == 0:
            return iter(token)
        return sends(plan, without_end=without_end)

    network = Wire(time, service).patch(patch)
    fields: dict[str, Any] = {"api_key": KEY} if token is None else OAUTH
    client = PolarisClient(
        ClientSettings(URL, "p1", retry_budget=0.0, **fields),
        clock=time.clock,
        now=time.now,
        sleep=time.sleep,
        rng=random.Random(1),
    )
    bodies.clear()
    try:
        result = call(client, name)
    except PolarisError as error:
        assert_fit(error, sent=bool(network.sockets) and b" /v1/projects/p1" in network.sockets[-1].sent)
    else:
        assert is_of_type(result, typing.get_type_hints(getattr(PolarisClient, name))["return"])
        assert not isinstance(result, str) or 0 < len(result) <= LONGEST_TEXT
    assert max(bodies, default=0) <= MOST_BYTES
    assert max((sock.read for sock in network.sockets), default=0) <= 2 * MOST_BYTES + 2**20 + 2**17
    assert len(network.sockets) <= 210
    assert time.elapsed <= 700 * max(1, len(network.sockets))


def test_every_call_gets_generated_answers() -> None:
    """The calls are found by introspection, so a new one can't be forgotten."""
    assert len(CALLS) >= 24
    assert {"create_job", "get_job_status", "iter_jobs", "upload_file", "query", "iter_query_rows"} <= set(CALLS)


@pytest.mark.parametrize(
    ("opening", "closing"),
    [('{"error":', "}"), ('{"x":', "}"), ('{"details":[', "]}"), ('{"innererror":', "}"), ("[", "]")],
)
def test_error_of_any_depth_is_read(opening: str, closing: str) -> None:
    """Just below the depth at which parsing fails, nothing else fails either."""
    for depth in range(700, 1100):
        body = f'{opening * depth}"x"{closing * depth}'.encode()
        assert len(read_envelope(body, "application/json").remark or "") < 1000
