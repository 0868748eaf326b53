# SPDX-License-Identifier: Apache-2.0
"""A status counts only if the service itself sent it, in its own error format."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.client import PolarisClient
from airflow_provider_polaris.client.http.error_body import first_words, is_foreign
from airflow_provider_polaris.client.polaris.error_form import is_polaris_error, is_token_error
from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisApiError,
    PolarisAuthError,
    PolarisConflictError,
    PolarisForeignAnswerError,
    PolarisNotFoundError,
)
from airflow_provider_polaris.jobs.status.retryability import Retryability, retryability_of
from tests.client.conftest import JOB, KEY, MakeClient, P, Reply, Script, Time, refusal

PAGE = (
    b"<!DOCTYPE html><html><head><title>Down &amp; out</title><style>p {}</style></head><body><p>Back soon</p></body>"
)
HTML = {"Content-Type": "text/html; charset=utf-8"}
STATUSES = (400, 401, 403, 404, 405, 407, 409, 410, 413, 415, 422, 501, 505)
OTHERS: dict[str, tuple[Any, dict[str, str]]] = {
    "html": (PAGE, HTML),
    "html-as-json": (PAGE, {"Content-Type": "application/json"}),
    "text": (b"default backend - 404", {"Content-Type": "text/plain"}),
    "empty": (b"", {}),
    "null": (b"null", {}),
    "json-text": (b'"not found"', {}),
    "list": ([{"code": "NotFound", "message": "no"}], {}),
    "object": ({}, {}),
    "spring": ({"status": 404, "error": "Not Found", "message": "No message available", "path": "/"}, {}),
    "fastapi": ({"detail": "Not Found"}, {}),
    "grpc": ({"code": 5, "message": "Not Found", "details": []}, {}),
    "kubernetes": ({"kind": "Status", "message": "not found", "reason": "NotFound", "code": 404}, {}),
    "problem": ({"title": "Not Found", "type": "about:blank", "status": 404}, {}),
    "code-alone": ({"code": "NotFound"}, {}),
    "nested-text": ({"error": "not found"}, {}),
    "deep": (b"[" * 100_000, {}),
}
OWN: dict[str, Any] = {
    "jobs": {"code": "NotFound", "message": "no"},
    "jobs-details": {"code": "BadArgument", "message": "no", "target": "x", "details": [], "more": 1},
    "nested": {"error": {"code": "NotFound", "message": "no"}},
    "async": {"taskId": "q", "state": "FAILED", "error": {"errorCode": "notFound", "errorMessage": "no"}},
    "sql": {"error": "druidException", "errorCode": "invalidInput", "persona": "USER", "errorMessage": "no"},
    "sql-without-code": {"error": "Plan validation failed", "errorMessage": "no"},
}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
@pytest.mark.parametrize("body", OWN.values(), ids=OWN)
def test_error_in_a_form_of_polaris_is_polaris_word(
    status: int, body: Any, client: PolarisClient, server: Script
) -> None:
    """Every documented form counts immediately, with the class of its status."""
    server.answer(Reply(status, body))
    with pytest.raises(PolarisApiError) as caught:
        client.get_table("t")
    assert type(caught.value) is PolarisApiError.class_for(status)
    assert len(server.seen) == (2 if status == 401 else 1)  # a key is tried in both of its forms


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("name", OTHERS)
def test_error_in_another_form_is_retried_and_no_word_of_polaris(
    name: str, status: int, client: PolarisClient, server: Script
) -> None:
    """Whatever the status, it proves nothing about the table, and the next answer of the service is used."""
    body, headers = OTHERS[name]
    server.answer(Reply(status, body, headers), Reply(status, body, headers), Reply(body={"name": "t"}))
    assert client.get_table("t") == {"name": "t"}
    assert len(server.seen) == 3


def test_foreign_error_says_host_content_type_and_first_words(
    client: PolarisClient, server: Script, time: Time
) -> None:
    """The message names the sender and the number of requests."""
    server.answer(Reply(404, PAGE, HTML))
    with pytest.raises(PolarisForeignAnswerError) as caught:
        client.get_table("t")
    netloc = server.url.removeprefix("http://")
    assert str(caught.value) == (
        f"GET {P}/tables/t answered 404, but this isn't Polaris' API: host '{netloc}' sent 'text/html; charset=utf-8', "
        "and the text begins 'Down & out Back soon'. A proxy, an ingress or another service answered in its place: "
        "check host and proxies in connection 'polaris_default'. "
        f"Gave up after {len(server.seen)} attempts in {time.elapsed:.0f} s."
    )
    assert (caught.value.status, caught.value.retryable) == (404, True)
    assert retryability_of(caught.value) is Retryability.TRANSIENT
    assert not isinstance(caught.value, PolarisApiError)


def test_foreign_error_without_text_says_so(make_client: MakeClient, server: Script) -> None:
    """An empty body has no text and may have no content type."""
    server.answer(Reply(404, b"", {"Content-Type": ""}))
    with pytest.raises(PolarisForeignAnswerError, match=r"sent no content type, and the body has no text\. A proxy"):
        make_client(retry_budget=0).get_table("t")


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (
            401,
            (
                "Polaris does not accept the API key in connection 'polaris_default': it may be wrong, expired, "
                "revoked or of another organization."
            ),
        ),
        (
            403,
            (
                "The API key in connection 'polaris_default' needs the ViewTables permission. If it has that, a "
                "network policy (IP allow list) may block this machine."
            ),
        ),
        (413, "The body is larger than the service accepts. Send less data per request."),
    ],
)
def test_foreign_status_that_an_edge_of_polaris_may_send_says_what_it_would_mean(
    status: int, meaning: str, make_client: MakeClient, server: Script
) -> None:
    """An empty 401 may be caused by a wrong key, so the message names the key, too."""
    server.answer(Reply(status))
    with pytest.raises(PolarisForeignAnswerError) as caught:
        make_client(retry_budget=0).get_table("t")
    assert str(caught.value).endswith(f"in connection 'polaris_default'. It may also mean: {meaning}") or (
        status == 401 and f" It may also mean: {meaning} Gave up after 2 attempts" in str(caught.value)
    )


def test_key_in_the_wrong_form_is_found_out_although_the_401_is_empty(client: PolarisClient, server: Script) -> None:
    """A read is idempotent, so it is retried with the key in its other form."""
    server.answer(Reply(401), Reply(body={"name": "t"}))
    assert client.get_table("t") == {"name": "t"}
    first, second = (seen.headers["Authorization"] for seen in server.seen)
    assert first != second == f"Basic {KEY}"


@pytest.mark.parametrize("name", ["html", "empty", "fastapi"])
@pytest.mark.parametrize("status", STATUSES)
def test_submission_with_a_foreign_refusal_is_sent_once_and_ambiguous(
    name: str, status: int, client: PolarisClient, server: Script
) -> None:
    """A refusal by another server doesn't prove that Polaris has no job, not even a 401 or a 400."""
    body, headers = OTHERS[name]
    server.answer(Reply(status, body, headers), Reply(body=JOB))
    with pytest.raises(PolarisAmbiguousSubmitError) as caught:
        client.create_job({"type": "batch"})
    assert isinstance(caught.value.__cause__, PolarisForeignAnswerError)
    assert len(server.seen) == 1


def test_creation_with_a_foreign_refusal_says_that_it_may_have_happened(
    make_client: MakeClient, server: Script
) -> None:
    """Other requests that must not be repeated have the same doubt."""
    server.answer(Reply(409, PAGE, HTML))
    with pytest.raises(PolarisForeignAnswerError, match=r"The request may have taken effect\. Check that before"):
        make_client().create_table({"name": "t"})


def test_progress_is_unknown_rather_than_missing_after_a_foreign_400(make_client: MakeClient, server: Script) -> None:
    """Only Polaris may report that a job type has no progress."""
    server.answer(Reply(400, PAGE, HTML))
    with pytest.raises(PolarisForeignAnswerError):
        make_client(retry_budget=0).get_job_progress("j1")


def test_form_of_the_key_is_not_confirmed_by_a_foreign_answer(make_client: MakeClient, server: Script) -> None:
    """A proxy's 403 proves nothing about the key, so the other form is still tried after a 401."""
    client = make_client(retry_budget=0)
    server.answer(Reply(403, PAGE, HTML), refusal(401), Reply(body={"name": "t"}))
    with pytest.raises(PolarisForeignAnswerError):
        client.get_table("t")
    assert client.get_table("t") == {"name": "t"}


@pytest.fixture
def oauth(make_client: MakeClient, server: Script) -> PolarisClient:
    return make_client(
        auth="oauth",
        api_key=None,
        client_id="airflow",
        client_secret="s3cret-s3cret",
        token_url=f"{server.url}/token",
        retry_budget=0,
    )


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409])
def test_refusal_of_the_token_endpoint_is_no_answer_about_the_request(
    status: int, oauth: PolarisClient, server: Script
) -> None:
    """Its 404 is no missing table and its 400 is no rejected query: the caller gets a 401."""
    server.answer(Reply(status, {"error": "invalid_client"}))
    with pytest.raises(PolarisAuthError) as caught:
        oauth.get_table("t")
    assert caught.value.status == 401
    advice = "Check client_id 'airflow' and client_secret in connection 'polaris_default'."
    if status not in (400, 401, 403):
        advice = "Check token_url in connection 'polaris_default'."
    assert str(caught.value) == (f"the token endpoint {server.url}/token answered {status}: invalid_client. {advice}")


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_foreign_refusal_of_a_token_is_an_error_of_its_own(status: int, oauth: PolarisClient, server: Script) -> None:
    """A page in place of the token endpoint proves nothing about the client credentials or the table."""
    server.answer(Reply(status, PAGE, HTML))
    with pytest.raises(PolarisForeignAnswerError) as caught:
        oauth.get_table("t")
    meaning = " It may also mean: Check client_id 'airflow' and client_secret in connection 'polaris_default'."
    assert str(caught.value) == (
        f"the token endpoint {server.url}/token answered {status}, but this isn't an OAuth token endpoint: host "
        f"'{server.url.removeprefix('http://')}' sent 'text/html; charset=utf-8', and the text begins 'Down & out "
        "Back soon'. A proxy, an ingress or another service answered in its place: check token_url and proxies in "
        f"connection 'polaris_default'.{'' if status == 404 else meaning}"
    )


@pytest.mark.parametrize("status", [302, 408, 429, 500, 502, 503, 504])
def test_status_that_blames_nobody_is_never_foreign(status: int) -> None:
    """Their meaning doesn't depend on the sender."""
    assert not is_foreign(status, {}, PAGE, is_polaris_error)


def test_bare_message_of_the_gateway_counts_for_what_it_decides_itself() -> None:
    """A gateway handles keys and permissions, but no jobs and tables."""
    told = {status: is_polaris_error(status, {}, b'{"message": "no"}') for status in STATUSES}
    assert {status for status, counts in told.items() if counts} == {401, 403}


def test_number_counts_as_code_only_if_it_is_the_status() -> None:
    """Other services send numbers of their own there."""
    assert is_polaris_error(400, {}, b'{"code": 400, "message": "no"}')
    assert not is_polaris_error(404, {}, b'{"code": 400, "message": "no"}')
    assert not is_polaris_error(404, {}, b'{"code": true, "message": "no"}')


def test_token_error_needs_the_word_of_the_standard() -> None:
    """RFC 6749 requires error; the gateway in front of the endpoint may answer as Polaris does."""
    assert is_token_error(400, {}, b'{"error": "invalid_client"}')
    assert is_token_error(404, {}, b'{"code": "NotFound", "message": "no realm"}')
    assert is_token_error(401, {}, b'{"message": "no"}')
    assert not is_token_error(400, {}, b'{"message": "no"}')
    assert not is_token_error(400, {}, b"no")


def test_first_words_are_those_that_a_browser_shows() -> None:
    """Neither tags nor scripts, and at most one line."""
    assert first_words(PAGE) == "Down & out Back soon"
    assert first_words(b"<script>x()</script><!-- no --><h1>404</h1>\n<p>nginx") == "404 nginx"
    assert first_words(b"a < b > c") == "a < b > c"
    assert first_words(b"x" * 200) == f"{'x' * 100}… (200 characters)"
    assert first_words(b"") == ""


def test_foreign_errors_are_of_no_class_that_speaks_of_the_request() -> None:
    """Handlers of 'not found', 'conflict' and 'forbidden' never receive one."""
    assert not issubclass(PolarisForeignAnswerError, PolarisNotFoundError | PolarisConflictError | PolarisAuthError)
