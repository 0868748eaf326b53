# SPDX-License-Identifier: Apache-2.0
"""Which Authorization header is sent, and the effect of a 401."""

from __future__ import annotations

import base64
import logging
import threading
from urllib.parse import parse_qs

import pytest

from airflow_provider_polaris.client import PolarisClient
from airflow_provider_polaris.client.http.auth import HeaderAuth, OAuthCredentials
from airflow_provider_polaris.client.polaris.auth import ApiKeyCredentials
from airflow_provider_polaris.client.polaris.settings import ClientSettings
from airflow_provider_polaris.client.redaction.redact import Redactor
from airflow_provider_polaris.jobs.errors import PolarisAuthError, PolarisProtocolError, PolarisTransportError
from tests.client.conftest import KEY, MakeClient, Reply, Script, Time, refusal

ENCODED = "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()
RAW = f"Basic {KEY}"
RUNNING = Reply(body={"executionStatus": "running"})
CREATED = Reply(201, {"id": "0191"})
UNAUTHORIZED = Reply(401, {"message": "Unauthorized"})
STATUS = "/v1/projects/p1/jobs/j1/status"
SECRET = "s3cret-s3cret"


def headers(server: Script) -> list[str]:
    return [seen.headers.get("Authorization", "-") for seen in server.seen]


@pytest.mark.parametrize(("auth", "forms"), [("api_key", [ENCODED, RAW]), ("raw_api_key", [RAW, ENCODED])])
def test_api_key_refused_in_one_form_is_sent_in_the_other(
    auth: str, forms: list[str], make_client: MakeClient, server: Script, caplog: pytest.LogCaptureFixture
) -> None:
    """After a 401 nothing was carried out: even a POST is repeated in the other form, which is kept and logged once."""
    client = make_client(auth=auth)
    server.answer(UNAUTHORIZED, CREATED, RUNNING, RUNNING)
    with caplog.at_level(logging.INFO, logger="airflow_provider_polaris"):
        assert client.create_job({"type": "batch"})["id"] == "0191"
        client.get_job_status("j1")
        client.get_job_status("j1")
    assert headers(server) == [forms[0], forms[1], forms[1], forms[1]]
    assert server.seen[0].body == server.seen[1].body == b'{"type": "batch"}'
    other = "raw_api_key" if auth == "api_key" else "api_key"
    assert caplog.messages == [
        (
            f"Polaris refused the API key of connection 'polaris_default' in the form of auth={auth!r} and "
            f"accepted it in "
            f"that of auth={other!r}, which is used from now on. Set the extra 'auth' to {other!r} to save the first "
            "request."
        )
    ]


def test_api_key_refused_in_both_forms_is_an_auth_error(
    client: PolarisClient, server: Script, caplog: pytest.LogCaptureFixture
) -> None:
    """Two requests, one message, and no statement that a form works."""
    server.answer(UNAUTHORIZED)
    with pytest.raises(PolarisAuthError) as caught:
        client.get_job_status("j1")
    assert str(caught.value) == (
        f"GET {STATUS} answered 401: Unauthorized. Polaris does not accept the API key in connection "
        "'polaris_default': it may be wrong, expired, revoked or of another organization."
    )
    assert headers(server) == [ENCODED, RAW]
    assert caplog.messages == []


def test_api_key_that_worked_and_is_revoked_is_not_tried_in_the_other_form(
    client: PolarisClient, server: Script
) -> None:
    """Once a form has worked, a 401 is caused by the key: each poll costs one request."""
    server.answer(RUNNING, UNAUTHORIZED)
    client.get_job_status("j1")
    with pytest.raises(PolarisAuthError):
        client.get_job_status("j1")
    assert headers(server) == [ENCODED, ENCODED]


def test_api_key_form_is_not_settled_by_a_failing_gateway(client: PolarisClient, server: Script) -> None:
    """A 503 proves nothing about the key: the other form is still tried afterwards."""
    server.answer(Reply(503), UNAUTHORIZED, RUNNING)
    assert client.get_job_status("j1") == "running"
    assert headers(server) == [ENCODED, ENCODED, RAW]


def test_api_key_known_but_not_allowed_is_a_known_form(client: PolarisClient, server: Script) -> None:
    """A 403 in the other form means that the form is right."""
    server.answer(UNAUTHORIZED, refusal(403), RUNNING)
    with pytest.raises(PolarisAuthError) as caught:
        client.get_job_status("j1")
    assert caught.value.status == 403
    client.get_job_status("j1")
    assert headers(server) == [ENCODED, RAW, RAW]


def token(value: str = "tok-1111-aaaa", seconds: object = 300) -> Reply:
    return Reply(body={"access_token": value, "expires_in": seconds, "token_type": "Bearer"})


@pytest.fixture
def oauth(make_client: MakeClient, server: Script) -> PolarisClient:
    return make_client(
        auth="oauth", api_key=None, client_id="airflow", client_secret=SECRET, token_url=f"{server.url}/token"
    )


def test_oauth_buys_a_token_and_keeps_it(oauth: PolarisClient, server: Script) -> None:
    """One token request with the client credentials in a form, then the bearer header."""
    server.answer(token(), RUNNING)
    oauth.get_job_status("j1")
    oauth.get_job_status("j1")
    first = server.seen[0]
    assert (first.method, first.path) == ("POST", "/token")
    assert parse_qs(first.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["airflow"],
        "client_secret": [SECRET],
    }
    assert headers(server) == ["-", "Bearer tok-1111-aaaa", "Bearer tok-1111-aaaa"]


@pytest.mark.parametrize(
    ("seconds", "good_until"), [(300, 240), (60, 30), (None, 240), (0, 240), ("x", 240), (True, 240)]
)
def test_oauth_renews_before_the_end(
    seconds: object, good_until: int, oauth: PolarisClient, server: Script, time: Time
) -> None:
    """One minute before the end, or at half of a short lifetime; five minutes if the answer has no lifetime."""
    server.answer(token("tok-1111", seconds), RUNNING, RUNNING, token("tok-2222"), RUNNING)
    oauth.get_job_status("j1")
    time.elapsed = good_until - 1
    oauth.get_job_status("j1")
    time.elapsed = good_until
    oauth.get_job_status("j1")
    assert headers(server) == ["-", "Bearer tok-1111", "Bearer tok-1111", "-", "Bearer tok-2222"]


def test_oauth_refused_token_is_renewed_once(oauth: PolarisClient, server: Script) -> None:
    """After a 401 one new token is requested, and the request, even a POST, is sent again."""
    server.answer(token("tok-1111"), UNAUTHORIZED, token("tok-2222"), CREATED)
    assert oauth.create_job({"type": "batch"})["id"] == "0191"
    assert headers(server) == ["-", "Bearer tok-1111", "-", "Bearer tok-2222"]


def test_oauth_refused_twice_is_an_auth_error(oauth: PolarisClient, server: Script) -> None:
    """A second 401 is final."""
    server.answer(token("tok-1111"), Reply(401), token("tok-2222"), Reply(401, {"message": "no access for tok-2222"}))
    with pytest.raises(PolarisAuthError) as caught:
        oauth.get_job_status("j1")
    assert str(caught.value) == (
        f"GET {STATUS} answered 401: no access for ***. Polaris does not accept the OAuth client 'airflow' in "
        "connection 'polaris_default': it may be wrong, expired, revoked or of another organization."
    )
    assert len(server.seen) == 4


@pytest.mark.parametrize("status", [400, 401])
def test_oauth_with_bad_client_credentials_has_its_sentence(status: int, oauth: PolarisClient, server: Script) -> None:
    """The refusal of the token endpoint names what to check; the job was not sent."""
    server.answer(Reply(status, {"error": "unauthorized_client", "error_description": f"Invalid secret {SECRET}"}))
    with pytest.raises(PolarisAuthError) as caught:
        oauth.create_job({"type": "batch"})
    assert str(caught.value) == (
        f"the token endpoint {server.url}/token answered {status} 'unauthorized_client': Invalid secret ***. Check "
        "client_id 'airflow' and client_secret in connection 'polaris_default'."
    )
    assert [seen.path for seen in server.seen] == ["/token"]


def test_oauth_token_endpoint_that_fails_is_asked_again(oauth: PolarisClient, server: Script, time: Time) -> None:
    """A token request is idempotent."""
    server.answer(Reply(503), token(), RUNNING)
    assert oauth.get_job_status("j1") == "running"
    assert time.delays == [0.5]


def test_oauth_token_endpoint_that_is_away_is_a_transport_error(
    make_client: MakeClient, closed_url: str, server: Script
) -> None:
    """No token, no request."""
    client = make_client(
        auth="oauth", client_id="airflow", client_secret=SECRET, token_url=f"{closed_url}/token", retry_budget=0
    )
    with pytest.raises(PolarisTransportError) as caught:
        client.create_job({"type": "batch"})
    assert str(caught.value) == (
        f"POST /token was not sent: '{closed_url.removeprefix('http://')}' refused the connection. Check host and port "
        "in connection 'polaris_default', and that the service (or the emulator) runs."
    )
    assert server.seen == []


@pytest.mark.parametrize(
    "body", [b"<html>", [], {}, {"access_token": ""}, {"access_token": 5}, {"access_token": "a\r\nX-Evil: 1"}]
)
def test_oauth_answer_without_a_token_is_a_protocol_error(body: object, oauth: PolarisClient, server: Script) -> None:
    """Only a valid token gets into a header."""
    server.answer(Reply(body=body))
    with pytest.raises(PolarisProtocolError) as caught:
        oauth.get_job_status("j1")
    assert str(caught.value) == (
        f"the token endpoint {server.url}/token answered without a usable access_token. Check token_url in connection "
        "'polaris_default'."
    )


def test_oauth_threads_share_one_token_request() -> None:
    """The first thread fetches; the others wait for its token."""
    entered, go = threading.Event(), threading.Event()
    fetched: list[int] = []

    def fetch() -> bytes:
        fetched.append(1)
        entered.set()
        assert go.wait(120)
        return b'{"access_token": "tok-1111", "expires_in": 300}'

    settings = ClientSettings(
        base_url="https://a.b.c.api.imply.io", project_id="p", auth="oauth", client_id="i", client_secret=SECRET
    )
    credentials = OAuthCredentials(settings, fetch=fetch, clock=lambda: 0.0, redact=Redactor())
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(credentials.header())) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert entered.wait(120)
    go.set()
    for thread in threads:
        thread.join(120)
    assert (found, fetched) == (["Bearer tok-1111"] * 4, [1])


def test_oauth_refusal_of_an_old_token_keeps_the_new_one() -> None:
    """A late 401 for a token that another thread has replaced causes no request."""
    tokens = iter([b'{"access_token": "tok-1111"}', b'{"access_token": "tok-2222"}'])
    settings = ClientSettings(
        base_url="https://a.b.c.api.imply.io", project_id="p", auth="oauth", client_id="i", client_secret=SECRET
    )
    credentials = OAuthCredentials(settings, fetch=lambda: next(tokens), clock=lambda: 0.0, redact=Redactor())
    old = credentials.header()
    credentials.refused(old)
    assert credentials.header() == "Bearer tok-2222"
    assert credentials.refused(old) is True
    assert credentials.header() == "Bearer tok-2222"


def test_auth_objects_show_no_secret() -> None:
    """Logs contain the repr."""
    settings = ClientSettings(base_url="https://a.b.c.api.imply.io", project_id="p", api_key=KEY)
    assert repr(ApiKeyCredentials(settings)) == "ApiKeyCredentials('polaris_default', auth='api_key')"
    assert repr(HeaderAuth(RAW)) == "HeaderAuth(***)"


@pytest.mark.parametrize(
    ("seconds", "life"),
    [(300, 240.0), (b"1e300", 86_340.0), (b"9" * 308, 86_340.0), (-1, 240.0), (b"true", 240.0), (b'"300"', 240.0)],
)
def test_oauth_token_lives_a_day_at_most(seconds: int | bytes, life: float) -> None:
    """A lifetime of 300 digits is ignored."""
    now = [0.0]
    fetched: list[float] = []

    def fetch() -> bytes:
        fetched.append(now[0])
        return (
            b'{"access_token": "tok-1111", "expires_in": '
            + (seconds if isinstance(seconds, bytes) else b"%d" % seconds)
            + b"}"
        )

    settings = ClientSettings(
        base_url="https://a.b.c.api.imply.io", project_id="p", auth="oauth", client_id="i", client_secret=SECRET
    )
    credentials = OAuthCredentials(settings, fetch=fetch, clock=lambda: now[0], redact=Redactor())
    for now[0] in (0.0, life - 1, life):
        credentials.header()
    assert fetched == [0.0, life]
