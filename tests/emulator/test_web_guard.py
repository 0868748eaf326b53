# SPDX-License-Identifier: Apache-2.0
"""Requests to unknown hosts and requests of other sites' pages are refused before anything happens."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
from typing import Any

import pytest

from airflow_provider_polaris.emulator.hosts import Hosts, host_name
from airflow_provider_polaris.emulator.server import running_emulator
from airflow_provider_polaris.emulator.settings import EmulatorSettings
from airflow_provider_polaris.emulator.web_guard import WebGuard

#: One request for each part: the API, the control plane, the console, a path that is unknown.
PARTS = [
    ("GET", "{prefix}/jobs"),
    ("POST", "{prefix}/query/sql"),
    ("POST", "/auth/realms/emulator/protocol/openid-connect/token"),
    ("GET", "/__emulator__/counters"),
    ("POST", "/__emulator__/tables/Koalas Source/handoff"),
    ("DELETE", "/__emulator__/faults"),
    ("GET", "/__emulator__/tables/Koalas Source"),
    ("GET", "/__emulator__/health"),
    ("GET", "/nowhere"),
]
JSON = "application/json"
FORMS = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
NO_OTHER_SITES = "Web pages of other sites can't use the emulator."


def _unknown(name: str) -> str:
    return (
        f"Host {name!r} is not one that this emulator serves, so the request may come from a web page of another site. "
        f"Start the emulator with --allow-host {name}, or use the address 127.0.0.1 or localhost."
    )


def _ask(api: Any, method: str, path: str, headers: dict[str, str]) -> tuple[int, Any]:
    """Send a request with the key, and return the status and the body."""
    response = api.client.request(
        method, path.format(prefix=api.prefix), headers={**api.headers, **headers}, follow_redirects=False
    )
    return response.status_code, response.json() if "json" in response.headers.get("content-type", "") else None


@pytest.mark.parametrize(("method", "path"), PARTS)
def test_request_to_another_host_is_refused_everywhere(shared_koalas, method, path) -> None:
    """DNS rebinding: the browser uses the page's domain for the emulator; only Host reveals it."""
    headers = {"Host": "rebound.example:8099", "Origin": "http://rebound.example:8099", "Sec-Fetch-Site": "same-origin"}
    assert _ask(shared_koalas, method, path, headers) == (
        421,
        {"code": "MisdirectedRequest", "message": _unknown("rebound.example")},
    )


@pytest.mark.parametrize(("method", "path"), PARTS)
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:8080", "http://[bad", ""])
def test_request_of_another_origin_is_refused_everywhere(shared_koalas, method, path, origin) -> None:
    """Another port is another origin, too; reads are rejected like writes."""
    assert _ask(shared_koalas, method, path, {"Origin": origin, "Sec-Fetch-Site": "same-origin"}) == (
        403,
        {
            "code": "Forbidden",
            "message": f"The request comes from a page of {origin!r}, and this is '127.0.0.1:8099'. {NO_OTHER_SITES}",
        },
    )


@pytest.mark.parametrize(("method", "path"), PARTS)
@pytest.mark.parametrize("site", ["cross-site", "same-site", "Same-Origin", "", "new"])
def test_request_of_another_site_is_refused_everywhere(shared_koalas, method, path, site) -> None:
    """Images, scripts and prefetches have no Origin; browsers send Sec-Fetch-Site."""
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}
    assert _ask(shared_koalas, method, path, headers) == (
        403,
        {
            "code": "Forbidden",
            "message": f"The request comes from a page of another site (Sec-Fetch-Site is {site!r}). {NO_OTHER_SITES}",
        },
    )


@pytest.mark.parametrize("content_type", FORMS)
@pytest.mark.parametrize("origin", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {}])
def test_form_of_another_site_changes_nothing(koalas, content_type, origin) -> None:
    """A form needs no preflight, independent of its encoding; a top-level POST is not a link."""
    koalas.control("POST", "/tables/Koalas Source/realtime", {"rows": [{"__time": "2024-06-02T00:00:00Z"}]})
    before = koalas.segments("used"), koalas.segments("realtime"), koalas.state()
    headers = {
        **origin,
        "Content-Type": content_type,
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }
    for path in ("/__emulator__/tables/Koalas Source/handoff", "/__emulator__/faults", "{prefix}/files"):
        status, answer = _ask(koalas, "POST", path, headers)
        assert (status, answer["code"]) == (403, "Forbidden")
    assert (koalas.segments("used"), koalas.segments("realtime"), koalas.state()) == before


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("target", ["/", "/jobs", "/tables/Koalas Source", "/console//Koalas Source"])
def test_link_from_airflow_leads_to_the_console(shared_koalas, target, site) -> None:
    """A person who follows a link opens a page; redirects keep the site of the first page."""
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert _ask(shared_koalas, "GET", f"/__emulator__{target}", headers)[0] in (200, 307)


@pytest.mark.parametrize(
    "changes",
    [
        {"Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Dest": "embed"},
        {"Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Mode": ""},
        {"Origin": "https://evil.example"},
    ],
)
def test_what_only_looks_like_a_link_is_refused(shared_koalas, changes) -> None:
    """Frames navigate, too; requests of links have no Origin."""
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", **changes}
    assert _ask(shared_koalas, "GET", "/__emulator__/", headers)[0] == 403
    assert _ask(shared_koalas, "GET", "{prefix}/jobs", {**headers, "Sec-Fetch-Dest": "document"})[0] == 403


def test_link_to_the_api_is_refused(shared_koalas) -> None:
    """Only the console has pages for people."""
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert _ask(shared_koalas, "GET", "{prefix}/jobs", headers)[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://127.0.0.1:8099"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8099"},
        {"Sec-Fetch-Site": "none"},
        {"Host": "LocalHost.:1", "Origin": "http://localhost.:1"},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "{prefix}/jobs"), ("DELETE", "/__emulator__/faults")])
def test_clients_and_own_pages_pass(shared_koalas, headers, method, path) -> None:
    """The SDK, requests and curl send neither header; the console's pages send same-origin values."""
    assert _ask(shared_koalas, method, path, headers)[0] == 200


@pytest.mark.parametrize(
    ("authority", "name"),
    [
        ("localhost", "localhost"),
        ("LOCALHOST:8099", "localhost"),
        ("localhost.", "localhost"),
        ("127.0.0.1:8099", "127.0.0.1"),
        ("[::1]", "::1"),
        ("[0:0:0:0:0:0:0:1]:8099", "::1"),
        ("polaris_dev:80", "polaris_dev"),
        ("evil.example", "evil.example"),
        ("", None),
        (".", None),
        (":8099", None),
        ("localhost:", None),
        ("localhost:port", None),
        ("localhost:1:2", None),
        ("user@localhost", None),
        ("localhost@evil.example", None),
        ("localhost/evil.example", None),
        ("localhost, evil.example", None),
        ("http://localhost", None),
        ("[::1", None),
        ("[localhost]", None),
        ("[::1]evil.example", None),
        ("[127.0.0.1:1]", None),
        ("::1", None),
        ("evil\u0131.example", None),
        ("local host", None),
        ("localhost\n", None),
    ],
)
def test_host_header_is_read_strictly(authority, name) -> None:
    """Port, case, brackets and the trailing dot are ignored; another format has no name."""
    assert host_name(authority) == name


@pytest.mark.parametrize(
    ("configured", "name", "served"),
    [
        ((), "localhost", True),
        ((), "127.0.0.1", True),
        ((), "127.9.9.9", True),
        ((), "::1", True),
        ((), "0.0.0.0", False),
        ((), "192.168.1.5", False),
        ((), "127.0.0.1.evil.example", False),
        ((), "localhost.evil.example", False),
        ((), "notlocalhost", False),
        ((), "polaris", False),
        (("Polaris.",), "polaris", True),
        (("polaris",), "polaris.evil.example", False),
        (("polaris",), "192.168.1.5", False),
        (("192.168.1.5",), "192.168.1.5", True),
        (("192.168.1.5",), "192.168.1.6", False),
        (("0.0.0.0",), "172.17.0.2", True),
        (("::",), "172.17.0.2", True),
        (("0.0.0.0",), "fd00::1", True),
        (("0.0.0.0",), "polaris", False),
    ],
)
def test_hosts_that_are_served(configured, name, served) -> None:
    """Loopback is always served, a name if it is configured, another address if it is configured or the emulator
    listens on all addresses.
    """
    assert Hosts(configured).serves(name) is served


def test_allowed_host_is_served(make_api) -> None:
    """Clients use the name of a docker-compose service."""
    api = make_api(allowed_hosts=("0.0.0.0", "polaris"))
    headers = {"Host": "polaris:8099"}
    assert _ask(api, "GET", "{prefix}/jobs", headers)[0] == 200
    assert _ask(api, "GET", "{prefix}/jobs", {**headers, "Origin": "http://polaris:8099"})[0] == 200
    assert _ask(api, "GET", "{prefix}/jobs", {**headers, "Origin": "http://other:8099"})[0] == 403


def test_answers_can_be_neither_framed_nor_embedded(shared_koalas) -> None:
    """The headers are set in every reply, also errors; pages have their own policy."""
    for path, status in (("/__emulator__/counters", 200), ("/nowhere", 404), (f"{shared_koalas.prefix}/jobs", 401)):
        response = shared_koalas.client.get(path)
        assert (response.status_code, response.headers["content-security-policy"]) == (
            status,
            "default-src 'none'; frame-ancestors 'none'",
        )
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cross-origin-resource-policy"] == "same-origin"
    page = shared_koalas.client.get("/__emulator__/")
    assert "style-src 'sha256-" in page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["cross-origin-resource-policy"] == "same-origin"


def test_refused_requests_of_the_api_are_in_the_report(make_api) -> None:
    """The report of a failed test shows that the client uses a wrong host."""
    api = make_api()
    _ask(api, "GET", "{prefix}/jobs", {"Host": "polaris:8099"})
    ((refusal, times),) = api.app.state.emulator.refusals.values()
    assert (refusal.status, refusal.message, times) == (421, _unknown("polaris"), 1)


@pytest.fixture
def port():
    """An emulator on a socket; the port."""
    with running_emulator(EmulatorSettings()) as running:
        yield int(running.base_url.rpartition(":")[2])


def _send(port: int, method: str, target: str, headers: list[tuple[str, str]], body: bytes = b"") -> tuple[int, bytes]:
    """Send a raw request, and return the status and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("headers", [[], [("Host", "127.0.0.1"), ("Host", "evil.example")]])
def test_request_without_a_host_or_with_two_is_refused(port, headers) -> None:
    """It would be ambiguous which of two hosts applies."""
    assert _send(port, "GET", "/__emulator__/health", headers)[0] == 400


def test_two_hosts_are_refused_by_the_emulator_too() -> None:
    """Another server than uvicorn may accept them."""
    sent: list[Any] = []

    async def app(*_: object) -> None:
        raise AssertionError("let in")

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost"), (b"host", b"evil")]}
    asyncio.run(WebGuard(app, Hosts())(scope, receive, send))
    assert sent[0]["status"] == 400
    assert json.loads(sent[1]["body"])["message"] == "The request has 2 Host headers, but must have one."


def test_request_of_http_1_0_without_a_host_is_refused(port) -> None:
    """The server accepts it; no browser sends it."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(b"GET /__emulator__/health HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b'"The request has 0 Host headers, but must have one."}')


@pytest.mark.parametrize(
    ("host", "status", "message"),
    [
        ("", 400, "The Host header '' is not of the form NAME:PORT."),
        ("u@127.0.0.1", 400, "The Host header 'u@127.0.0.1' is not of the form NAME:PORT."),
        ("rebound.example.", 421, _unknown("rebound.example")),
    ],
)
def test_host_that_is_none_is_refused_on_the_socket(port, host, status, message) -> None:
    """The server passes the header on unchanged."""
    answer = _send(port, "GET", "/__emulator__/health", [("Host", host)])
    assert (answer[0], json.loads(answer[1])["message"]) == (status, message)


@pytest.mark.parametrize("target", ["http://evil.example/__emulator__/health", "http://127.0.0.1/__emulator__/health"])
def test_address_in_place_of_a_path_is_refused(port, target) -> None:
    """Proxies get such requests, and the address in it would apply instead of Host."""
    status, body = _send(port, "GET", target, [("Host", "127.0.0.1")])
    assert (status, json.loads(body)["message"]) == (
        400,
        f"The request target {target!r} is not a path. Don't use the emulator as a proxy.",
    )


def test_refusal_of_a_large_body_reaches_the_client(port) -> None:
    """A client that uploads to a host that isn't served receives the message with the option."""
    status, body = _send(port, "POST", "/v1/projects/p/files", [("Host", "polaris")], b"x" * 10_000_000)
    assert (status, json.loads(body)["message"]) == (421, _unknown("polaris"))
