# SPDX-License-Identifier: Apache-2.0
"""A job is sent once: what is repeated, what is refused, and what is ambiguous."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from airflow_provider_polaris.client import PolarisClient
from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisApiError,
    PolarisAuthError,
    PolarisConflictError,
    PolarisError,
    PolarisServerError,
    PolarisSpecError,
    PolarisThrottledError,
    PolarisTransportError,
)
from tests.client.conftest import MakeClient, Reply, Script, Time, refusal

JOBS = "/v1/projects/p1/jobs"
SPEC: dict[str, Any] = {
    "type": "batch",
    "source": {"type": "table", "tableName": "Koalas Source"},
    "target": {"type": "table", "tableName": "Koalas Rollup"},
    "ingestionMode": "append",
}
CREATED = Reply(201, {"id": "0191", "type": "batch", "executionStatus": "pending"})
DOUBT = (
    "It is unknown whether Polaris accepted the job; it may be running. The client doesn't search for it. Before you "
    "submit it again, check the newest jobs of table 'Koalas Rollup' that were created since "
    "2024-06-01T12:00:00.000Z: if it is among them, its rows would be added twice."
)


def submit(client: PolarisClient, spec: dict[str, Any] = SPEC) -> PolarisError:
    with pytest.raises(PolarisError) as caught:
        client.create_job(spec)
    return caught.value


def test_submit_sends_the_spec_and_returns_the_job(client: PolarisClient, server: Script) -> None:
    """The body is the spec as JSON, with its type and length announced."""
    server.answer(CREATED)
    assert client.create_job(SPEC)["id"] == "0191"
    seen = server.seen[0]
    assert (seen.method, seen.path, seen.json) == ("POST", JOBS, SPEC)
    assert seen.headers["Content-Type"] == "application/json"
    assert seen.headers["Content-Length"] == str(len(seen.body))


def test_submit_opens_a_connection_of_its_own(client: PolarisClient, server: Script) -> None:
    """A kept connection may be closing, and then a lost answer would be ambiguous."""
    server.answer(Reply(body={"executionStatus": "running"}), CREATED)
    client.get_job_status("j1")
    client.create_job(SPEC)
    assert server.seen[0].port != server.seen[1].port


@pytest.mark.parametrize(
    ("reply", "happened", "cause"),
    [
        (
            Reply(act="hang"),
            (
                f"POST {JOBS} got no answer from NETLOC within 1 s. Raise request_timeout in connection "
                "'polaris_default' if it needs longer."
            ),
            PolarisTransportError,
        ),
        (
            Reply(act="drop"),
            (
                f"POST {JOBS} lost its connection to NETLOC before the answer was complete (Remote end closed "
                f"connection "
                "without response)."
            ),
            PolarisTransportError,
        ),
        (
            Reply(act="reset"),
            (
                f"POST {JOBS} lost its connection to NETLOC before the answer was complete ([Errno 104] Connection "
                f"reset "
                "by peer)."
            ),
            PolarisTransportError,
        ),
        (
            Reply(503, {"message": "upstream"}),
            f"POST {JOBS} answered 503: upstream. The service, or a proxy in front of it, failed.",
            PolarisServerError,
        ),
        (
            Reply(504),
            f"POST {JOBS} answered 504 with an empty body. The service, or a proxy in front of it, failed.",
            PolarisServerError,
        ),
        (Reply(408, {"message": "late"}), f"POST {JOBS} answered 408: late.", PolarisApiError),
        (
            Reply(201, b'{"id": "01'),
            (
                f"POST {JOBS} answered 201 but the body is not JSON, or is cut off. Check that URL is Polaris' API "
                "and that no proxy answers in its place."
            ),
            PolarisError,
        ),
        (
            Reply(200, b"<html>Welcome</html>"),
            (
                f"POST {JOBS} answered 200 but the body is not JSON, or is cut off. Check that URL is Polaris' API "
                "and that no proxy answers in its place."
            ),
            PolarisError,
        ),
    ],
    ids=["hang", "drop", "reset", "503", "504", "408", "cut-off", "html"],
)
def test_submit_with_an_unknown_outcome_is_ambiguous_and_sent_once(
    reply: Reply,
    happened: str,
    cause: type[PolarisError],
    make_client: MakeClient,
    server: Script,
    time: Time,
) -> None:
    """The service may have the job: one request, no retry, and a message that describes the search."""
    server.answer(reply)
    error = submit(make_client(read_timeout=1))
    assert isinstance(error, PolarisAmbiguousSubmitError)
    netloc = repr(server.url.removeprefix("http://"))
    happened = happened.replace("NETLOC", netloc).replace("URL", repr(server.url))
    assert str(error) == f"{happened} {DOUBT}"
    assert (error.spec, error.since, error.retryable) == (SPEC, "2024-06-01T12:00:00.000Z", False)
    assert datetime.fromisoformat((error.since or "").replace("Z", "+00:00")) == time.now()
    assert isinstance(error.__cause__, cause)
    assert (len(server.seen), time.delays) == (1, [])


@pytest.mark.parametrize(
    ("spec", "tail"),
    [
        (
            {**SPEC, "ingestionMode": "replace"},
            (
                "check the newest jobs of table 'Koalas Rollup' that were created since 2024-06-01T12:00:00.000Z: "
                "if it "
                "is among them, it would run twice."
            ),
        ),
        (
            {"type": "sql", "query": "INSERT INTO t SELECT 1"},
            (
                "check the newest jobs of type 'sql' that were created since 2024-06-01T12:00:00.000Z: if it is "
                "among "
                "them, it would run twice."
            ),
        ),
    ],
)
def test_submit_that_is_ambiguous_says_what_a_second_one_would_do(
    spec: dict[str, Any], tail: str, client: PolarisClient, server: Script
) -> None:
    """A second replace is a cost, a second append is wrong data; a SQL job names no target."""
    server.answer(Reply(500))
    assert str(submit(client, spec)).endswith(tail)


def test_submit_after_a_429_is_sent_again(client: PolarisClient, server: Script, time: Time) -> None:
    """429 is a refusal: nothing was accepted."""
    server.answer(Reply(429, headers={"Retry-After": "3"}), CREATED)
    assert client.create_job(SPEC)["id"] == "0191"
    assert time.delays == [3.5]
    assert server.seen[0].body == server.seen[1].body


def test_submit_with_429_to_the_end_is_refused_not_ambiguous(client: PolarisClient, server: Script) -> None:
    """After the budget, the refusal itself is reported."""
    server.answer(Reply(429, {"message": "API rate limit exceeded"}))
    error = submit(client)
    assert isinstance(error, PolarisThrottledError)
    assert str(error) == (
        f"POST {JOBS} answered 429: API rate limit exceeded. Too many requests for this project or key. "
        "Gave up after 8 attempts in 46 s."
    )


def test_submit_with_a_503_behind_a_429_is_ambiguous(client: PolarisClient, server: Script) -> None:
    """The last request that may have arrived counts."""
    server.answer(Reply(429), Reply(503))
    assert isinstance(submit(client), PolarisAmbiguousSubmitError)
    assert len(server.seen) == 2


def test_submit_to_nobody_is_tried_again_and_not_ambiguous(
    make_client: MakeClient, closed_url: str, time: Time
) -> None:
    """No byte was sent: safe to retry, and certain that nothing was submitted."""
    error = submit(make_client(base_url=closed_url, retry_budget=2))
    assert isinstance(error, PolarisTransportError)
    assert str(error).startswith(f"POST {JOBS} was not sent: ")
    assert time.delays == [0.5, 1.0]


@pytest.mark.parametrize(
    ("reply", "kind", "message"),
    [
        (
            Reply(
                400,
                {
                    "code": "BadArgument",
                    "message": "Invalid job.",
                    "details": [{"target": "target.intervals[0]", "message": "is not aligned", "code": "x"}],
                },
            ),
            PolarisApiError,
            (
                f"POST {JOBS} answered 400 'BadArgument': Invalid job (target.intervals[0]: is not aligned). Polaris "
                "created no job, and a retry would fail, too. Correct the field that Polaris names."
            ),
        ),
        (
            Reply(403, {"code": "AccessDenied", "message": "Access denied."}),
            PolarisAuthError,
            (
                f"POST {JOBS} answered 403 'AccessDenied': Access denied. The API key in connection 'polaris_default' "
                "needs the ManageIngestionJobs permission. If it has that, a network policy (IP allow list) may block "
                "this machine."
            ),
        ),
        (
            Reply(404, {"code": "NotFound", "message": "No such project"}),
            PolarisApiError,
            (
                f"POST {JOBS} answered 404 'NotFound': No such project. Check project_id 'p1' and host URL in "
                f"connection "
                "'polaris_default'."
            ),
        ),
        (
            Reply(409, {"code": "Conflict", "message": "Table is being deleted"}),
            PolarisConflictError,
            (
                f"POST {JOBS} answered 409 'Conflict': Table is being deleted. Another job or a table change "
                "conflicts with it: check the table's active jobs."
            ),
        ),
        (
            refusal(413, "too large"),
            PolarisApiError,
            (
                f"POST {JOBS} answered 413 'Refused': too large. The body is larger than "
                f"the service accepts. Send less data per request."
            ),
        ),
        (
            refusal(415, "not JSON"),
            PolarisApiError,
            (
                f"POST {JOBS} answered 415 'Refused': not JSON. A proxy may have changed the Content-Type header: "
                "check proxies in connection 'polaris_default'."
            ),
        ),
        (
            refusal(501, "streaming jobs"),
            PolarisApiError,
            f"POST {JOBS} answered 501 'Refused': streaming jobs. The service at URL does not offer this.",
        ),
        (
            Reply(307, headers={"Location": "https://elsewhere.example.org/jobs"}),
            PolarisApiError,
            (
                f"POST {JOBS} answered 307 with an empty body. The Polaris API does not redirect, so the redirect to "
                f"host "
                "'elsewhere.example.org' was not followed: check host in connection 'polaris_default'."
            ),
        ),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Reply) else "",
)
def test_submit_that_is_refused_says_why_and_is_not_sent_again(
    reply: Reply, kind: type[PolarisApiError], message: str, client: PolarisClient, server: Script
) -> None:
    """A refusal is a plain error of its own class."""
    server.answer(reply)
    error = submit(client)
    assert isinstance(error, kind)
    assert str(error) == message.replace("URL", repr(server.url))
    assert (error.status, error.method, error.path, error.retryable) == (reply.status, "POST", JOBS, False)
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("spec", "needs"),
    [
        ({"type": "delete_data"}, "needs the ManageIngestionJobs and ManageTables permissions."),
        (
            {**SPEC, "createTableIfNotExists": True},
            "needs the ManageIngestionJobs permission, and may need ManageTables because of createTableIfNotExists.",
        ),
    ],
)
def test_submit_that_is_forbidden_names_the_permissions_of_its_type(
    spec: dict[str, Any], needs: str, client: PolarisClient, server: Script
) -> None:
    """Deleting and creating tables need more permissions than submitting."""
    server.answer(Reply(403))
    assert needs in str(submit(client, spec))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ([], "a job spec is an object, not []."),
        (
            {"context": {"x": float("nan")}},
            "the job spec can't be written as JSON: Out of range float values are not JSON compliant: nan.",
        ),
        (
            {"at": datetime(2024, 6, 1)},  # noqa: DTZ001
            "the job spec can't be written as JSON: Object of type datetime is not JSON serializable.",
        ),
    ],
)
def test_submit_of_what_is_no_json_is_refused_before_a_request(
    spec: Any, message: str, client: PolarisClient, server: Script
) -> None:
    """Our own errors are raised before any request."""
    error = submit(client, spec)
    assert isinstance(error, PolarisSpecError)
    # Python 3.12 names the value, 3.10 does not.
    assert str(error).replace(": nan.", ".") == message.replace(": nan.", ".")
    assert server.seen == []


def test_start_query_with_a_lost_answer_is_ambiguous(client: PolarisClient, server: Script) -> None:
    """An INSERT that is sent twice adds its rows twice, also by this call."""
    server.answer(Reply(act="drop"))
    with pytest.raises(PolarisAmbiguousSubmitError) as caught:
        client.start_query("INSERT INTO t SELECT 1")
    assert str(caught.value) == (
        f"POST /v1/projects/p1/query/sql/statements lost its connection to '{server.url.removeprefix('http://')}' "
        "before the answer was complete (Remote end closed connection without response). It is unknown whether Polaris "
        "accepted the query; it may be running. If you send it again, it is billed again, and an INSERT adds its rows "
        "again."
    )
    assert len(server.seen) == 1


def test_create_table_with_a_lost_answer_says_to_look_first(client: PolarisClient, server: Script) -> None:
    """Other calls that must not happen twice are not repeated either."""
    server.answer(Reply(502))
    with pytest.raises(PolarisServerError) as caught:
        client.create_table({"name": "t"})
    assert str(caught.value) == (
        "POST /v1/projects/p1/tables answered 502 with an empty body. The service, or a proxy in front of it, failed. "
        "The request may have taken effect. Check that before you send it again."
    )
    assert len(server.seen) == 1
