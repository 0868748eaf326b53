# SPDX-License-Identifier: Apache-2.0
"""Answers that are broken, redirects and cookies."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.client.http.exchange import Exchange
from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisApiError,
    PolarisError,
    PolarisProtocolError,
    PolarisTransportError,
)
from tests.client.conftest import Time
from tests.client.http.exchanges import OAUTH, RUNNING, MakeWire, make_client, time, wire
from tests.client.wire import answer

__all__ = ["time", "wire"]


BROKEN: dict[str, bytes] = {
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\n{}",
    "two length headers": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "huge length": b"HTTP/1.1 200 OK\r\nContent-Length: 9" + b"9" * 400 + b"\r\n\r\n{}",
    "length of 5000 digits": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n{}",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}",
    "length in letters": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
    "broken chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    "negative chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-7\r\n{}",
    "huge chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 400 + b"\r\n{}",
    "broken gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "1000 headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n{}",
    "long header": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n{}",
    "no status": b"HTTP/1.1 OK\r\n\r\n{}",
    "status of 400 digits": b"HTTP/1.1 2" + b"0" * 400 + b" OK\r\n\r\n{}",
    "no HTTP": b"\x00\xff\xfe" * 100,
    "nothing": b"",
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN)
def test_answer_that_is_broken_is_not_called_unsent(raw: bytes, time: Time, wire: MakeWire) -> None:
    """The libraries raise the same exception as for a wrong address, but the request has been sent."""
    network = wire(lambda _: iter([raw]))
    with pytest.raises(PolarisError) as caught:
        make_client(time).get_job_status("j1")
    assert isinstance(caught.value, (PolarisTransportError, PolarisProtocolError))
    assert "not sent" not in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert network.sockets[0].sent.startswith(b"GET ")
    with pytest.raises(PolarisAmbiguousSubmitError, match=r"^POST /v1/projects/p1/jobs (?!was not sent)"):
        make_client(time).create_job({"type": "sql"})


@pytest.mark.parametrize(
    "location", ["http://[", "//[::1", "http://a b:c", "\x00\xff", "http://x:99999999/", "x" * 60_000]
)
def test_redirect_to_a_broken_place_is_told_as_a_redirect(location: str, time: Time, wire: MakeWire) -> None:
    """The target of a redirect that is not followed is not parsed."""
    wire(lambda _: iter([answer(b"", "302 Found", f"Location: {location}\r\n")]))
    with pytest.raises(PolarisApiError) as caught:
        make_client(time).create_job({"type": "sql"})
    assert str(caught.value).startswith("POST /v1/projects/p1/jobs answered 302 with an empty body. The Polaris API ")
    assert len(str(caught.value)) < 1000


def test_redirect_of_the_token_endpoint_is_not_followed(time: Time, wire: MakeWire) -> None:
    """The client secret goes to no other host."""
    network = wire(lambda _: iter([answer(b"", "307 Moved", "Location: http://127.0.0.1:9/other\r\n")]))
    with pytest.raises(PolarisApiError, match="The Polaris API does not redirect"):
        make_client(time, **OAUTH).get_job_status("j1")
    assert len(network.sockets) == 1


def test_cookies_are_neither_kept_nor_sent(time: Time, wire: MakeWire) -> None:
    """Cookies of load balancers and trackers are not stored."""
    cookies = "Set-Cookie: a=b; Path=/\r\nSet-Cookie: c=d; Domain=127.0.0.1; Max-Age=99999\r\n"
    network = wire(lambda _: iter([answer(RUNNING, headers=cookies)]))
    client = make_client(time)
    for _ in range(2):
        assert client.get_job_status("j1") == "running"
    assert len(network.sockets) == 2
    assert all(b"cookie" not in sock.sent.lower() for sock in network.sockets)


def test_foreign_session_gets_plain_time_limits(time: Time) -> None:
    """A session of the caller accepts the limits as a urllib3 timeout."""
    exchange = Exchange(connect=3.0, read=7.0, answer_bytes=1, clock=time.clock)
    assert (exchange.connect_timeout, exchange.read_timeout, exchange.sent) == (3.0, 7.0, None)
    assert exchange.clone().connect_timeout == 3.0
