# SPDX-License-Identifier: Apache-2.0
"""One request on the wire: retries, time limits, redirects, proxies, and lost answers."""

from __future__ import annotations

import encodings.idna
import logging
import socket
from pathlib import Path

import pytest
import requests

from airflow_provider_polaris.client import ClientSettings, PolarisClient
from airflow_provider_polaris.client.http.exchange import BoundedAdapter
from airflow_provider_polaris.jobs.errors import (
    PolarisApiError,
    PolarisProtocolError,
    PolarisServerError,
    PolarisSpecError,
    PolarisThrottledError,
    PolarisTransportError,
)
from tests.client.conftest import MakeClient, Reply, Script, Time, refusal

RUNNING = Reply(body={"executionStatus": "running"})
STATUS = "/v1/projects/p1/jobs/j1/status"


def netloc(server: Script) -> str:
    return server.url.removeprefix("http://")


def test_get_sends_what_the_api_wants(client: PolarisClient, server: Script) -> None:
    """Path, accepted type, agent and the default form of the key."""
    server.answer(RUNNING)
    assert client.get_job_status("j1") == "running"
    seen = server.seen[0]
    assert (seen.method, seen.path, seen.body) == ("GET", STATUS, b"")
    assert seen.headers["Accept"] == "application/json"
    assert seen.headers["Authorization"] == "Basic cG9rX1pxN3NlY3JldFE5eFc6"
    assert seen.headers["User-Agent"].startswith("airflow-provider-polaris/")


def test_get_reuses_its_connection(client: PolarisClient, server: Script) -> None:
    """Polls share one connection."""
    server.answer(RUNNING)
    for _ in range(3):
        client.get_job_status("j1")
    assert len({seen.port for seen in server.seen}) == 1


@pytest.mark.parametrize(
    "failure",
    [
        Reply(503),
        Reply(500),
        Reply(502),
        Reply(504),
        Reply(408),
        Reply(429),
        Reply(act="drop"),
        Reply(act="reset"),
        Reply(act="half"),
    ],
    ids=lambda reply: f"{reply.status}-{reply.act}",
)
def test_get_after_a_passing_failure_is_sent_again(
    failure: Reply, client: PolarisClient, server: Script, time: Time
) -> None:
    """Server errors and broken connections are retried with growing delays."""
    server.answer(failure, failure, failure, RUNNING)
    assert client.get_job_status("j1") == "running"
    assert time.delays == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("value", ["7", "Sat, 01 Jun 2024 12:00:07 GMT"])
def test_get_with_retry_after_waits_that_long(value: str, client: PolarisClient, server: Script, time: Time) -> None:
    """Seconds and dates are both respected, and jitter is added."""
    server.answer(Reply(429, headers={"Retry-After": value}), RUNNING)
    client.get_job_status("j1")
    assert time.delays == [7.5]


def test_get_with_retry_after_beyond_the_budget_fails_at_once(
    client: PolarisClient, server: Script, time: Time
) -> None:
    """A wait of minutes is left to the caller; the error contains it."""
    server.answer(Reply(429, {"message": "API rate limit exceeded"}, {"Retry-After": "600"}))
    with pytest.raises(PolarisThrottledError) as caught:
        client.get_job_status("j1")
    assert str(caught.value) == (
        f"GET {STATUS} answered 429: API rate limit exceeded. Too many requests for this project or key. The service "
        "requests a wait of 600 s."
    )
    assert (caught.value.retry_after, time.delays) == (600.0, [])


def test_get_that_never_succeeds_gives_up_within_its_budget(client: PolarisClient, server: Script, time: Time) -> None:
    """The last answer is reported, with the number of attempts and the time."""
    server.answer(Reply(503, {"code": "Unavailable", "message": "maintenance"}, {"X-Request-Id": "r-1"}))
    with pytest.raises(PolarisServerError) as caught:
        client.get_job_status("j1")
    assert str(caught.value) == (
        f"GET {STATUS} answered 503 'Unavailable': maintenance. The service, or a proxy in front of it, failed. Gave "
        "up after 8 attempts in 46 s. Request id 'r-1'."
    )
    assert time.delays == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    assert caught.value.request_id == "r-1"


def test_get_with_zero_budget_is_sent_once(make_client: MakeClient, server: Script) -> None:
    """A budget of 0 turns retries off."""
    server.answer(Reply(503))
    with pytest.raises(PolarisServerError):
        make_client(retry_budget=0).get_job_status("j1")
    assert len(server.seen) == 1


def test_get_retry_is_logged_once_a_wait(
    client: PolarisClient, server: Script, caplog: pytest.LogCaptureFixture
) -> None:
    """Each wait is logged with its reason and length."""
    caplog.set_level(logging.INFO, logger="airflow_provider_polaris")
    page = Reply(404, body=b"<html><title>Sign in</title></html>", headers={"Content-Type": "text/html"})
    server.answer(Reply(503), Reply(act="drop"), page, RUNNING)
    client.get_job_status("j1")
    assert caplog.messages == [
        f"GET {STATUS} answered 503; attempt 2 follows in 0.5 s",
        f"GET {STATUS} got no answer (connection broken); attempt 3 follows in 1.0 s",
        f"GET {STATUS} answered 404, but not in the service's format; attempt 4 follows in 2.0 s",
    ]


@pytest.mark.parametrize("status", [400, 403, 404, 409, 415, 501])
def test_get_after_a_lasting_failure_is_not_sent_again(status: int, client: PolarisClient, server: Script) -> None:
    """Permanent errors are reported immediately."""
    server.answer(refusal(status))
    with pytest.raises(PolarisApiError) as caught:
        client.get_job_status("j1")
    assert len(server.seen) == 1
    assert caught.value.retryable is False


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(status: int, client: PolarisClient, server: Script) -> None:
    """The key is sent to no other host, and a POST doesn't become a GET."""
    server.answer(Reply(status, headers={"Location": "https://login.example.org/?next=x"}))
    with pytest.raises(PolarisApiError) as caught:
        client.update_job_status("j1", "canceled")
    assert str(caught.value) == (
        f"POST {STATUS} answered {status} with an empty body. The Polaris API does not redirect, so the redirect to "
        "host 'login.example.org' was not followed: check host in connection 'polaris_default'."
    )
    assert len(server.seen) == 1


def test_answer_that_is_a_login_page_is_a_protocol_error(client: PolarisClient, server: Script) -> None:
    """A captive portal answers 200 with HTML, which is not a status."""
    server.answer(Reply(body=b"<html><title>Sign in</title></html>", headers={"Content-Type": "text/html"}))
    with pytest.raises(PolarisProtocolError) as caught:
        client.get_job_status("j1")
    assert str(caught.value) == (
        f"GET {STATUS} answered 200 but the body is not JSON, or is cut off. Check that {server.url!r} is Polaris' API "
        "and that no proxy answers in its place."
    )


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ([], "the body is an array, not an object"),
        ("x", "the body is a text, not an object"),
        (b"null", "the body is null, not an object"),
        ({}, "the body has no 'executionStatus'"),
        ({"executionStatus": {"a": 1}}, "its 'executionStatus' is an object, not a text"),
        ({"executionStatus": "B" * 500_000}, "its 'executionStatus' has 500000 characters, more than 1000"),
        ({"executionStatus": "running", "n": 10**400}, "the body has a number that is too large to compute with"),
        (b'{"executionStatus": "running", "n": NaN}', "the body is not JSON, or is cut off"),
        (b"[" * 100_000, "the body is not JSON, or is cut off"),
        (b'{"executionStatus": "\xff"}', "the body is not JSON, or is cut off"),
    ],
)
def test_answer_of_another_shape_is_a_protocol_error(
    body: object, problem: str, client: PolarisClient, server: Script
) -> None:
    """A missing field is reported by the call that receives the response."""
    server.answer(Reply(body=body))
    with pytest.raises(PolarisProtocolError) as caught:
        client.get_job_status("j1")
    assert str(caught.value) == (
        f"GET {STATUS} answered 200 but {problem}. Check that {server.url!r} is Polaris' API and that no proxy "
        "answers in its place."
    )


def test_refused_connection_has_its_sentence(make_client: MakeClient, closed_url: str, time: Time) -> None:
    """No server listens: retried until the budget ends, then reported."""
    with pytest.raises(PolarisTransportError) as caught:
        make_client(base_url=closed_url, retry_budget=2).get_job_status("j1")
    assert str(caught.value) == (
        f"GET {STATUS} was not sent: '{closed_url.removeprefix('http://')}' refused the connection. Check host and "
        "port in connection 'polaris_default', and that the service (or the emulator) runs. "
        "Gave up after 3 attempts in 2 s."
    )
    assert time.delays == [0.5, 1.0]


def test_unknown_name_has_its_sentence(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS failures name the host and the resolver's own text."""

    def fail(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(PolarisTransportError) as caught:
        make_client(base_url="https://acme.us-east-1.aws.api.imply.io", retry_budget=0).get_job_status("j1")
    assert str(caught.value) == (
        f"GET {STATUS} was not sent: the name 'acme.us-east-1.aws.api.imply.io' can't be resolved (Name or service not "
        "known). Check host in connection 'polaris_default' and the DNS of this machine."
    )


def test_unreachable_network_has_its_sentence(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's text about the connection is included."""

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr("urllib3.util.connection.create_connection", fail)
    with pytest.raises(PolarisTransportError) as caught:
        make_client(base_url="https://acme.example.org", retry_budget=0).get_job_status("j1")
    assert str(caught.value) == (
        f"GET {STATUS} was not sent: 'acme.example.org' can't be reached ([Errno 101] Network is unreachable). "
        "Check host in connection 'polaris_default' and the network of this machine."
    )


def test_connect_timeout_has_its_sentence(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that drops packets is distinguished from one that answers slowly."""

    def fail(*args: object, **kwargs: object) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr("urllib3.util.connection.create_connection", fail)
    with pytest.raises(PolarisTransportError) as caught:
        make_client(base_url="https://acme.example.org", retry_budget=0).get_job_status("j1")
    assert str(caught.value) == (
        f"GET {STATUS} was not sent: no connection to 'acme.example.org' within 5 s. A firewall may drop the "
        "packets: check host and proxies in connection 'polaris_default'."
    )


def test_read_timeout_has_its_sentence(make_client: MakeClient, server: Script) -> None:
    """A service that accepts the request and sends nothing."""
    server.answer(Reply(act="hang"))
    with pytest.raises(PolarisTransportError) as caught:
        make_client(read_timeout=0.1, retry_budget=0).get_job_status("j1")
    assert str(caught.value) == (
        f"GET {STATUS} got no answer from {netloc(server)!r} within 0.1 s. Raise request_timeout in connection "
        "'polaris_default' if it needs longer."
    )


def test_broken_connection_has_its_sentence(make_client: MakeClient, server: Script) -> None:
    """A truncated answer is no answer."""
    server.answer(Reply(act="drop"))
    with pytest.raises(PolarisTransportError) as caught:
        make_client(retry_budget=0).get_job_status("j1")
    assert str(caught.value) == (
        f"GET {STATUS} lost its connection to {netloc(server)!r} before the answer was complete (Remote end closed "
        "connection without response)."
    )


def test_impossible_host_has_its_sentence(make_client: MakeClient) -> None:
    """A label that DNS can't have is an address error and is not retried."""
    host = f"{'a' * 70}.example.org"
    with pytest.raises(UnicodeError) as reason:
        encodings.idna.Codec().encode(host)
    with pytest.raises(PolarisTransportError) as caught:
        make_client(base_url=f"https://{host}").get_job_status("j1")
    assert str(caught.value) == (
        f"GET {STATUS} was not sent: the address can't be used ({reason.value}). Check host ({host!r}) and "
        "proxies in connection 'polaris_default'."
    )


def test_missing_ca_bundle_is_a_spec_error(make_client: MakeClient) -> None:
    """A path that does not exist on this worker is an error of the connection."""
    with pytest.raises(PolarisSpecError) as caught:
        make_client(base_url="https://acme.example.org", verify="/no/such.pem").get_job_status("j1")
    assert str(caught.value) == (
        f"GET {STATUS} was not sent: Could not find a suitable TLS CA certificate bundle, invalid path: /no/such.pem. "
        "Check verify in connection 'polaris_default' ('/no/such.pem') and REQUESTS_CA_BUNDLE in the environment."
    )


def test_proxy_of_the_connection_is_used(make_client: MakeClient, server: Script) -> None:
    """The proxy receives a CONNECT with its own credentials, not with those of Polaris."""
    server.answer(Reply(407))
    proxies = {"https": server.url.replace("http://", "http://me:hunter22@")}
    with pytest.raises(PolarisTransportError):
        make_client(base_url="https://polaris.example.org", proxies=proxies, retry_budget=0).get_job_status("j1")
    assert [(seen.method, seen.path) for seen in server.seen] == [("CONNECT", "polaris.example.org:443")]
    assert server.seen[0].headers["Proxy-Authorization"] == "Basic bWU6aHVudGVyMjI="
    assert "Authorization" not in server.seen[0].headers


def test_proxy_that_refuses_the_tunnel_has_its_sentence(make_client: MakeClient, server: Script) -> None:
    """407 from a proxy is neither Polaris' answer nor a broken connection; the password stays masked."""
    server.answer(Reply(407))
    proxy = server.url.replace("http://", "http://me:hunter22@")
    client = make_client(base_url="https://polaris.example.org", proxies={"https": proxy}, retry_budget=0)
    with pytest.raises(PolarisTransportError) as caught:
        client.get_job_status("j1")
    assert str(caught.value) == (
        f"GET {STATUS} was not sent: the proxy 'http://***@{netloc(server)}' can't be used (Tunnel connection failed: "
        "407 Proxy Authentication Required). Check proxies in connection 'polaris_default' and HTTPS_PROXY in the "
        "environment."
    )


def test_proxy_of_the_environment_is_not_used_for_loopback(
    make_client: MakeClient, server: Script, closed_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An emulator on this machine is reached although a company proxy is set."""
    monkeypatch.setenv("HTTP_PROXY", closed_url)
    server.answer(RUNNING)
    assert make_client().get_job_status("j1") == "running"


def test_proxy_of_the_environment_is_used_elsewhere(
    make_client: MakeClient, server: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without proxies in the connection, those of the environment are used."""
    monkeypatch.setenv("https_proxy", server.url)
    server.answer(Reply(407))
    with pytest.raises(PolarisTransportError):
        make_client(base_url="https://polaris.example.org", retry_budget=0).get_job_status("j1")
    assert [(seen.method, seen.path) for seen in server.seen] == [("CONNECT", "polaris.example.org:443")]


def test_netrc_does_not_replace_the_key(
    make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library would prefer a matching ~/.netrc entry to our header."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login wrong password wrong\n")
    monkeypatch.setenv("NETRC", str(netrc))
    sent: list[str | bytes | None] = []

    def send(self: BoundedAdapter, request: requests.PreparedRequest, **_: object) -> None:
        sent.append(request.headers["Authorization"])
        raise requests.ConnectionError("enough")

    monkeypatch.setattr(BoundedAdapter, "send", send)
    with pytest.raises(PolarisTransportError):
        make_client(base_url="https://polaris.example.org", retry_budget=0).get_job_status("j1")
    assert sent == ["Basic cG9rX1pxN3NlY3JldFE5eFc6"]


def test_client_in_with_statement_can_be_closed_twice(server: Script) -> None:
    """Closing is safe, and a closed client opens new connections."""
    server.answer(RUNNING)
    with PolarisClient(ClientSettings.from_host(server.url, project_id="p1", api_key="pok_key")) as client:
        client.get_job_status("j1")
    client.close()
    assert client.get_job_status("j1") == "running"
    client.close()
