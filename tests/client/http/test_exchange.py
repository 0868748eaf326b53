# SPDX-License-Identifier: Apache-2.0
"""The deadline of one exchange, counted in reads."""

from __future__ import annotations

import gzip
import io
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
from urllib3.connection import HTTPSConnection

from airflow_provider_polaris.client.http.exchange import (
    BYTES_PER_SECOND,
    CURRENT,
    BoundedAdapter,
    DeadlineError,
    Exchange,
)
from airflow_provider_polaris.jobs.errors import PolarisAmbiguousSubmitError, PolarisTransportError
from tests.client.conftest import Time
from tests.client.http.exchanges import HEAD, OAUTH, RUNNING, STATUS, MakeWire, make_client, time, too_late, wire
from tests.client.wire import Sends, answer, drip

__all__ = ["time", "wire"]


DRIPS: dict[str, Callable[[], Sends]] = {
    "status line": lambda: drip(b"HTTP/1.1 ", then=b"2"),
    "interim answers": lambda: drip(b"HTTP/1.1 100 Continue\r\n\r\n", then=b"HTTP/1.1 100 Continue\r\n\r\n"),
    "header lines": lambda: drip(HEAD, then=b"X: y\r\n", seconds=0.9),
    "one header": lambda: drip(HEAD + b"X-Header: ", then=b"y"),
    "body": lambda: drip(HEAD + b"\r\n"),
    "chunks": lambda: drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", then=b"1\r\n \r\n"),
    "size of a chunk": lambda: drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", then=b"0"),
    "trailers": lambda: drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", then=b"X: y\r\n"),
    "body until the end": lambda: drip(b"HTTP/1.1 200 OK\r\n\r\n"),
    "empty gzip": lambda: drip(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", then=gzip.compress(b"", mtime=0)),
}


@pytest.mark.parametrize("sends", DRIPS.values(), ids=DRIPS)
def test_answer_that_drips_ends_at_the_deadline(sends: Callable[[], Sends], time: Time, wire: MakeWire) -> None:
    """Each byte arrives within the read timeout, but the whole response doesn't arrive before the deadline."""
    network = wire(lambda _: sends())
    with pytest.raises(PolarisTransportError) as caught:
        make_client(time).get_job_status("j1")
    assert str(caught.value) == too_late(f"GET {STATUS}")
    assert 44 <= time.elapsed <= 46
    assert len(network.sockets) == 1
    assert network.sockets[0].reads <= 60
    assert network.sockets[0].closed


def test_submit_whose_answer_drips_is_ambiguous(time: Time, wire: MakeWire) -> None:
    """The job was sent, so it may run."""
    wire(lambda _: drip(HEAD + b"\r\n"))
    with pytest.raises(PolarisAmbiguousSubmitError) as caught:
        make_client(time).create_job({"type": "sql"})
    assert str(caught.value).startswith(too_late("POST /v1/projects/p1/jobs"))


def test_exchange_timeout_bounds_the_whole_exchange(time: Time, wire: MakeWire) -> None:
    """A caller with less time sets its own limit, which no byte extends."""
    wire(lambda _: drip(HEAD + b"\r\n", seconds=3.0, then=b" " * 10_000))
    with pytest.raises(PolarisTransportError) as caught:
        make_client(time, exchange_timeout=7.0).get_job_status("j1")
    assert str(caught.value) == too_late(f"GET {STATUS}", "7 s")
    assert time.elapsed == 7.0


def test_token_that_drips_ends_at_the_deadline(time: Time, wire: MakeWire) -> None:
    """The token endpoint has its own deadline, and no request follows."""
    network = wire(lambda _: drip(HEAD + b"\r\n"))
    with pytest.raises(PolarisTransportError) as caught:
        make_client(time, **OAUTH).get_job_status("j1")
    assert str(caught.value) == too_late("POST /token")
    assert len(network.sockets) == 1


def test_answer_that_drips_is_asked_for_again_within_the_budget(time: Time, wire: MakeWire) -> None:
    """A read is retried as after any timeout."""
    network = wire(lambda number: iter([answer(RUNNING)]) if number else drip(HEAD + b"\r\n"))
    assert make_client(time, retry_budget=60.0).get_job_status("j1") == "running"
    assert len(network.sockets) == 2


def test_large_answer_over_a_slow_line_arrives(time: Time, wire: MakeWire) -> None:
    """Every 64 KiB extend the deadline by one second: a transfer that progresses is not interrupted."""
    body = json.dumps([{"x": "a" * 100}] * 100_000).encode()

    def sends() -> Sends:
        yield answer(body)[: -len(body)]
        for start in range(0, len(body), BYTES_PER_SECOND):
            yield 1.9
            yield body[start : start + BYTES_PER_SECOND]

    wire(lambda _: sends())
    assert len(make_client(time, read_timeout=200.0).query("SELECT 1")) == 100_000
    assert time.elapsed > 200


def test_service_that_takes_the_upload_slowly_is_left(time: Time, wire: MakeWire) -> None:
    """Sending has the same deadline as reading: a block that takes a minute is too slow."""
    network = wire(lambda _: iter([answer({"name": "f"})]))
    connect = network.connect

    def slow(*args: Any, **kwargs: Any) -> Any:
        sock = connect(*args, **kwargs)

        def sendall(data: bytes) -> None:
            sock.sent += data
            time.elapsed += 60.0

        sock.sendall = sendall  # type: ignore[method-assign]
        return sock

    network.connect = slow  # type: ignore[method-assign]
    with pytest.MonkeyPatch.context() as patch:
        network.patch(patch)
        with pytest.raises(PolarisTransportError) as caught:
            make_client(time).upload_file(io.BytesIO(b"x" * 4_000_000), name="f.json")
    assert str(caught.value).startswith("POST /v1/projects/p1/files failed: the answer from '127.0.0.1:9' was not ")
    assert len(network.sockets[0].sent) < 1_000_000


def test_upload_that_moves_on_is_not_cut_off(time: Time, wire: MakeWire) -> None:
    """Two gigabytes may take long on a slow line, as long as the transfer progresses."""
    exchange = Exchange(connect=5.0, read=300.0, answer_bytes=1, clock=time.clock)
    for _ in range(2 * 2**30 // BYTES_PER_SECOND):
        time.elapsed += 0.99
        exchange.write(BYTES_PER_SECOND)
        exchange.seconds(300.0)
    assert time.elapsed > 30_000


def test_host_with_many_addresses_ends_at_the_deadline(time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each address gets the connect timeout, but within the deadline: a name may have hundreds of addresses."""
    tried: list[str] = []

    class Silent:
        def __init__(self, *_: Any) -> None:
            self.timeout = 0.0

        def setsockopt(self, *_: Any) -> None:
            """Accept any data."""

        def settimeout(self, seconds: float) -> None:
            self.timeout = seconds

        def connect(self, address: tuple[str, int]) -> None:
            tried.append(address[0])
            time.elapsed += self.timeout
            raise TimeoutError("timed out")

        def close(self) -> None:
            """Do nothing on close."""

    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"10.0.0.{number}", 443)) for number in range(200)]
    monkeypatch.setattr("urllib3.util.connection.socket.getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr("urllib3.util.connection.socket.socket", Silent)
    with pytest.raises(PolarisTransportError) as caught:
        make_client(time, base_url="https://polaris.example.org").get_job_status("j1")
    assert str(caught.value) == (
        f"GET {STATUS} was not sent: the connection to 'polaris.example.org' was not complete after 45 s. Check host "
        "and proxies in connection 'polaris_default'."
    )
    assert len(tried) == 9


def test_proxy_that_drips_its_answer_to_connect_ends_at_the_deadline(time: Time, wire: MakeWire) -> None:
    """A tunnel is part of the exchange; no request for Polaris was sent."""
    network = wire(lambda _: drip(b"HTTP/1.1 200 OK\r\n", then=b"X: y\r\n"))
    client = make_client(
        time, base_url="https://polaris.example.org", proxies={"https": "http://127.0.0.1:3128"}, exchange_timeout=20.0
    )
    unsent = (
        "was not sent: the connection to 'polaris.example.org' was not complete after 20 s. Check host and proxies in "
        "connection 'polaris_default'."
    )
    with pytest.raises(PolarisTransportError) as caught:
        client.create_job({"type": "sql"})
    assert str(caught.value) == f"POST /v1/projects/p1/jobs {unsent}"
    assert time.elapsed <= 20.0
    with pytest.raises(PolarisTransportError) as caught:
        client.get_job_status("j1")
    assert str(caught.value) == f"GET {STATUS} {unsent}"
    assert all(sock.sent.startswith(b"CONNECT polaris.example.org:443 HTTP/1.") for sock in network.sockets)


def test_tls_within_tls_is_read_within_the_deadline(time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    """urllib3 does the inner handshake in many reads of the connection to the proxy."""

    class Outer:
        timeout = 20.0

        def settimeout(self, seconds: float) -> None:
            self.timeout = seconds

        def gettimeout(self) -> float:
            return self.timeout

        def recv(self, size: int) -> bytes:
            time.elapsed += 1.0
            return b"x"

    monkeypatch.setattr(HTTPSConnection, "_connect_tls_proxy", lambda self, hostname, sock: sock)
    pool = BoundedAdapter().poolmanager.connection_from_url("https://polaris.example.org")
    exchange = Exchange(connect=5.0, read=20.0, limit=10.0, answer_bytes=1, clock=time.clock)
    token = CURRENT.set(exchange)
    try:
        sock = pool.ConnectionCls("proxy")._connect_tls_proxy("proxy", Outer())
        for _ in range(10):
            sock.recv(1)
        with pytest.raises(DeadlineError, match=r"^10 s$"):
            sock.recv(1)
    finally:
        CURRENT.reset(token)
    assert (time.elapsed, sock.timeout) == (10.0, 1.0)
