# SPDX-License-Identifier: Apache-2.0
"""No error, log line or repr of the client contains a secret, whatever fails."""

from __future__ import annotations

import base64
import logging
import traceback
from collections.abc import Callable, Iterable, Iterator, Set
from typing import Any
from urllib.parse import quote

import pytest

from airflow_provider_polaris.client import PolarisClient
from airflow_provider_polaris.client.redaction.spellings import Spellings
from airflow_provider_polaris.jobs.errors import PolarisError, PolarisForeignAnswerError, PolarisTransportError
from tests.client.conftest import KEY, MakeClient, Reply, Script

SECRET = "s3cret/s3cret+"
TOKEN = "tok-9f8e7d6c5b"
PROXY_PASSWORD = "hunter!22x"


def forms(secret: str) -> set[str]:
    """All spellings in which a secret could be read from a text."""
    plain = {secret, secret.lower(), quote(secret, safe=""), secret[:9]}
    encoded = {base64.b64encode(text.encode()).decode().rstrip("=") for text in (secret, f"{secret}:")}
    return plain | encoded | {form.replace("+", "-").replace("/", "_") for form in encoded}


FORBIDDEN = set().union(*(forms(secret) for secret in (KEY, SECRET, TOKEN, PROXY_PASSWORD)))


def texts(error: BaseException) -> Iterator[str]:
    """Everything that a logger, a debugger or an error tracker would show of an error and its causes."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        link = waiting.pop()
        if link is None or link in seen:
            continue
        seen.append(link)
        waiting += [link.__cause__, link.__context__]
        yield from (str(link), repr(link), repr(link.args), repr(vars(link)))
        yield "".join(traceback.format_exception(link))
        report = traceback.TracebackException.from_exception(link, capture_locals=True)
        for frame in report.stack:
            if "airflow_provider_polaris" in frame.filename:
                yield f"{frame.name}: {frame.locals}"


def assert_silent(parts: Iterable[str], forbidden: Set[str] = FORBIDDEN) -> None:
    for text in parts:
        found = [form for form in forbidden if form in text]
        assert not found, f"{found} in {text}"


ECHO = f"bad key {KEY} {base64.b64encode(f'{KEY}:'.encode()).decode()} {SECRET} {TOKEN}"
REPLIES = {
    "400": Reply(400, {"code": KEY, "message": ECHO, "details": [{"target": KEY, "message": ECHO}]}),
    "401": Reply(401, {"message": ECHO}, {"X-Request-Id": KEY}),
    "403": Reply(403, ECHO.encode(), {"Content-Type": "text/plain"}),
    "html": Reply(502, f"<html><title>{'x' * 290}{KEY}</title></html>".encode(), {"Content-Type": "text/html"}),
    "escaped": Reply(400, b'{"code": "x", "message": "\\u0070' + KEY[1:].encode() + b'"}'),
    "long": Reply(400, ("y" * 290 + KEY).encode(), {"Content-Type": "text/plain"}),
    "redirect": Reply(302, headers={"Location": f"https://{KEY}.example.org/?key={KEY}"}),
    "429": Reply(429, {"message": ECHO}, {"Retry-After": "999"}),
    "500": Reply(500, {"error": {"code": "x", "message": ECHO}}, {"X-Request-Id": KEY}),
    "not-json": Reply(200, f"<html>{ECHO}".encode()),
    "drop": Reply(act="drop"),
    "reset": Reply(act="reset"),
    "half": Reply(act="half"),
}
CALLS: dict[str, Callable[[PolarisClient], Any]] = {
    "get": lambda client: client.get_job_status("j1"),
    "submit": lambda client: client.create_job({"type": "batch", "target": {"tableName": "t"}}),
    "query": lambda client: client.query("SELECT 1"),
}


@pytest.fixture
def loud(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
@pytest.mark.parametrize("auth", ["api_key", "raw_api_key", "oauth"])
def test_errors_and_logs_of_answers_have_no_secret(
    auth: str,
    reply: Reply,
    call: Callable[[PolarisClient], Any],
    make_client: MakeClient,
    server: Script,
    loud: pytest.LogCaptureFixture,
) -> None:
    """Not even if the service echoes the request."""
    token = Reply(body={"access_token": TOKEN, "expires_in": 300})
    oauth = {"client_id": "i", "client_secret": SECRET, "token_url": f"{server.url}/token"}
    fields = oauth if auth == "oauth" else {"client_secret": SECRET}
    client = make_client(auth=auth, retry_budget=1, read_timeout=5, **fields)
    if reply.status == 401 and auth == "oauth":
        server.answer(token, reply, token, reply)
    else:
        server.answer(*([token] if auth == "oauth" else []), reply)
    with pytest.raises(Exception, match=r"^(GET|POST) /v1/projects/p1/") as caught:
        call(client)
    # Without OAuth, this is not recognized as a token.
    known = FORBIDDEN if auth == "oauth" else FORBIDDEN - forms(TOKEN)
    assert_silent(texts(caught.value), known)
    assert_silent(loud.messages)
    assert len(server.seen) >= 1


SPELLINGS: dict[str, Callable[[str], str]] = {
    "percent": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "base64-of-percent": lambda text: base64.b64encode(quote(f"{text}/{text}", safe="").encode()).decode(),
    "html": lambda text: "".join(f"&#{ord(character)};" for character in text),
    "json": lambda text: "".join(f"\\u{ord(character):04x}" for character in text),
    "twice": lambda text: quote("".join(f"%{byte:02X}" for byte in text.encode())),
    "half": lambda text: text[: len(text) // 2 + 2],
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("before", [0, 60, 290, 1990])
@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_errors_have_no_secret_in_any_spelling(
    status: int,
    before: int,
    spell: Callable[[str], str],
    make_client: MakeClient,
    server: Script,
    loud: pytest.LogCaptureFixture,
) -> None:
    """Wherever the secret is in an answer, and wherever our own message is truncated."""
    echo = f"{'x ' * (before // 2)}{spell(KEY)}"
    page = f"<html><title>{echo}</title><p>{echo}</p></html>".encode()
    client = make_client(retry_budget=0)
    secrets = Spellings([KEY])
    for reply in (
        Reply(status, {"code": echo, "message": echo, "details": [{"target": echo, "message": echo}]}),
        Reply(status, f'{{"code": "{echo}", "message": "{echo}"}}'.encode()),
        Reply(status, page, {"Content-Type": f"text/html; {echo[-80:]}", "X-Request-Id": echo[-80:]}),
        Reply(status, echo.encode(), {"Content-Type": "text/plain"}),
        Reply(302, headers={"Location": f"https://example.org/?key={echo[-80:]}".replace(" ", "")}),
    ):
        server.answer(reply)
        with pytest.raises(PolarisError) as caught:
            client.get_job("j1")
        assert [
            text for text in (str(caught.value), *map(str, vars(caught.value).values())) if secrets.find(text)
        ] == []
        assert_silent(texts(caught.value))
    assert_silent(loud.messages)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_errors_of_connections_have_no_secret(
    call: Callable[[PolarisClient], Any], make_client: MakeClient, closed_url: str, loud: pytest.LogCaptureFixture
) -> None:
    """Proxy URLs contain passwords; exceptions of requests contain the whole request."""
    password = quote(PROXY_PASSWORD, safe="")
    proxy = closed_url.replace("http://", f"http://me:{password}@")
    for fields in (
        {"base_url": closed_url},
        {"base_url": "https://polaris.example.org", "proxies": {"https": proxy}},
        {"base_url": "https://polaris.example.org", "proxies": {"https": f"gopher://me:{password}@x"}},
        {"base_url": "https://polaris.example.org", "verify": f"/no/{KEY}"},
    ):
        with pytest.raises(Exception, match="was not sent") as caught:
            call(make_client(retry_budget=0, **fields))
        shown = texts(caught.value)
        # A path is no secret: the test only checks that the request is not shown.
        assert_silent(text.replace(f"/no/{KEY}", "") for text in shown)
    assert_silent(loud.messages)


def test_errors_of_a_proxy_that_answers_have_no_secret(
    make_client: MakeClient, server: Script, closed_url: str, loud: pytest.LogCaptureFixture
) -> None:
    """A proxy may print an unknown user on its own page."""
    proxy = server.url.replace("http://", f"http://me:{quote(PROXY_PASSWORD, safe='')}@")
    server.answer(Reply(407, {"message": f"no user me:{PROXY_PASSWORD}"}))
    with pytest.raises(PolarisForeignAnswerError, match=r"begins '\{\"message\": \"no user \*\*\*\"\}'\.") as caught:
        make_client(base_url=closed_url, proxies={"http": proxy}).get_job("j1")
    assert_silent(texts(caught.value))
    assert_silent(loud.messages)


def test_errors_of_a_broken_proxy_in_the_environment_have_no_secret(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, loud: pytest.LogCaptureFixture
) -> None:
    """A proxy URL without a host makes requests raise a TypeError, which is reported as an address error, too."""
    monkeypatch.setenv("https_proxy", f"http://me:{quote(PROXY_PASSWORD, safe='')}@")
    with pytest.raises(PolarisTransportError, match="the address can't be used") as caught:
        make_client(base_url="https://polaris.example.org").get_job("j1")
    assert_silent(texts(caught.value))
    assert_silent(loud.messages)


def test_errors_of_the_environments_proxy_have_no_secret(
    make_client: MakeClient, closed_url: str, monkeypatch: pytest.MonkeyPatch, loud: pytest.LogCaptureFixture
) -> None:
    """The password of a proxy in the environment is masked, too."""
    monkeypatch.setenv("https_proxy", closed_url.replace("http://", f"http://me:{quote(PROXY_PASSWORD, safe='')}@"))
    with pytest.raises(Exception, match="the proxy of the environment can't be used") as caught:
        make_client(base_url="https://polaris.example.org", retry_budget=0).get_job("j1")
    assert_silent(texts(caught.value))
    assert_silent(loud.messages)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(401, {"error": "invalid_client", "error_description": f"no {SECRET}"}),
        Reply(500, {"message": SECRET}),
        Reply(200, {"access_token": f"{TOKEN} {TOKEN}"}),
        Reply(act="drop"),
    ],
    ids=["401", "500", "no-token", "drop"],
)
def test_errors_of_the_token_endpoint_have_no_secret(
    reply: Reply, make_client: MakeClient, server: Script, loud: pytest.LogCaptureFixture
) -> None:
    """Client credentials and tokens are masked like a key."""
    server.answer(reply)
    client = make_client(
        auth="oauth", client_id="i", client_secret=SECRET, token_url=f"{server.url}/token", retry_budget=0
    )
    with pytest.raises(Exception, match="/token") as caught:
        client.get_job("j1")
    assert_silent(texts(caught.value))
    assert_silent(loud.messages)


def test_reprs_have_no_secret(make_client: MakeClient, server: Script) -> None:
    """The repr of the client, its settings and all of their parts."""
    client = make_client(
        client_secret=SECRET, proxies={"https": f"http://me:{quote(PROXY_PASSWORD, safe='')}@proxy.example.org"}
    )
    server.answer(Reply(body={"executionStatus": "running"}))
    client.get_job_status("j1")
    transport = client._transport
    shown = [repr(client), str(client), repr(client.settings), repr(transport), *map(repr, vars(transport).values())]
    assert_silent(shown)
    assert repr(client) == f"PolarisClient({server.url!r}, project_id='p1')"
