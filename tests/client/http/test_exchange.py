# SPDX-License-Identifier: Apache-2.0
"""The deadline and the size of one exchange, counted in reads and bytes."""

from __future__ import annotations

import gzip
import io
import json
import random
import socket
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import urllib3.response
from urllib3.connection import HTTPSConnection

from airflow_provider_polaris.client import ClientSettings, PolarisClient
from airflow_provider_polaris.client.http.endpoint import LIST_BYTES, OBJECT_BYTES, ROWS_BYTES, STATUS_BYTES
from airflow_provider_polaris.client.http.exchange import (
    BYTES_PER_SECOND,
    CURRENT,
    BoundedAdapter,
    DeadlineError,
    Exchange,
)
from airflow_provider_polaris.client.http.session import ERROR_BYTES, PolarisSession
from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisApiError,
    PolarisError,
    PolarisForeignAnswerError,
    PolarisProtocolError,
    PolarisServerError,
    PolarisTransportError,
)
from tests.client.conftest import KEY, Time
from tests.client.wire import Sends, Wire, answer, drip

STATUS = "/v1/projects/p1/jobs/j1/status"
URL = "http://127.0.0.1:9"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"
RUNNING = {"executionStatus": "running"}
OAUTH = {
    "auth": "oauth",
    "api_key": None,
    "client_id": "me",
    "client_secret": "s3cret/s3cret+",
    "token_url": f"{URL}/token",
}

MakeWire = Callable[[Callable[[int], Sends]], Wire]


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def wire(time: Time, monkeypatch: pytest.MonkeyPatch) -> MakeWire:
    return lambda sends: Wire(time, sends).patch(monkeypatch)


def make_client(time: Time, **fields: Any) -> PolarisClient:
    values = {"base_url": URL, "project_id": "p1", "api_key": KEY, "retry_budget": 0.0, **fields}
    return PolarisClient(
        ClientSettings(**values), clock=time.clock, now=time.now, sleep=time.sleep, rng=random.Random(1)
    )


def too_late(what: str, seconds: str = "45 s") -> str:
    return (
        f"{what} failed: the answer from '127.0.0.1:9' was not complete after {seconds}. Raise request_timeout in "
        "connection 'polaris_default' if it needs longer."
    )


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


SIZES: dict[str, tuple[Callable[[PolarisClient], Any], int, str]] = {
    "status": (lambda client: client.get_job_status("j1"), STATUS_BYTES, "1 MiB"),
    "progress": (lambda client: client.get_job_progress("j1"), STATUS_BYTES, "1 MiB"),
    "job": (lambda client: client.get_job("j1"), OBJECT_BYTES, "16 MiB"),
}


@pytest.fixture
def decompressed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect the sizes of the decompressed pieces."""
    sizes: list[int] = []
    decompress = urllib3.response.GzipDecoder.decompress

    def count(self: Any, data: bytes, max_length: int = -1) -> bytes:
        piece = decompress(self, data, max_length)
        sizes.append(len(piece))
        return piece

    monkeypatch.setattr(urllib3.response.GzipDecoder, "decompress", count)
    return sizes


def bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(b" " * 2**20) for _ in range(megabytes)) + packer.flush()


@pytest.mark.parametrize(("call", "most", "shown"), SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("chunked", [False, True])
def test_answer_that_unpacks_to_too_much_is_refused(
    call: Callable[[PolarisClient], Any],
    most: int,
    shown: str,
    chunked: bool,
    time: Time,
    wire: MakeWire,
    decompressed: list[int],
) -> None:
    """At most the limit is decompressed, in small pieces, and the connection is not drained."""
    packed = bomb(4 * most // 2**20)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
    if chunked:
        whole = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(packed), packed)
    else:
        whole = head + b"Content-Length: %d\r\n\r\n" % len(packed) + packed
    network = wire(lambda _: iter([whole]))
    with pytest.raises(PolarisProtocolError) as caught:
        call(make_client(time, retry_budget=60.0))
    assert f"that can't be used: it is larger than {shown}, the most that this call reads. Check that" in str(
        caught.value
    )
    assert sum(decompressed) <= most + 2**17
    assert max(decompressed) <= 2**16
    assert len(network.sockets) == 1
    assert network.sockets[0].closed or not chunked


@pytest.mark.parametrize(("call", "most", "shown"), SIZES.values(), ids=SIZES)
def test_answer_without_end_is_refused(
    call: Callable[[PolarisClient], Any], most: int, shown: str, time: Time, wire: MakeWire
) -> None:
    """An endless body is read up to the limit of its call."""
    block = b" " * 2**17

    def endless() -> Sends:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while True:
            yield block

    network = wire(lambda _: endless())
    with pytest.raises(PolarisProtocolError, match=f"it is larger than {shown}, the most that this call reads"):
        call(make_client(time))
    assert network.read <= most + 2**17 + len(block)


@pytest.mark.parametrize(
    ("call", "most"),
    [
        (lambda client: client.get_job_status("j1"), STATUS_BYTES),
        (lambda client: client.update_job_status("j1", "canceled"), STATUS_BYTES),
        (lambda client: client.create_job({"type": "sql"}), OBJECT_BYTES),
        (lambda client: client.get_job_logs("j1"), OBJECT_BYTES),
        (lambda client: client.get_table("t"), OBJECT_BYTES),
        (lambda client: next(client.iter_jobs()), LIST_BYTES),
        (lambda client: next(client.iter_tables()), LIST_BYTES),
        (lambda client: next(client.iter_files()), LIST_BYTES),
        (lambda client: next(client.iter_unused_segments("t")), LIST_BYTES),
        (lambda client: client.query("SELECT 1"), ROWS_BYTES),
    ],
)
def test_call_has_the_bound_of_its_kind(
    call: Callable[[PolarisClient], Any], most: int, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists and results may be large; frequently polled responses may not."""
    limits: list[Exchange] = []

    def send(self: PolarisSession, request: requests.PreparedRequest, *, timeout: Exchange, **_: Any) -> None:
        limits.append(timeout)
        raise requests.ConnectionError("enough")

    monkeypatch.setattr(PolarisSession, "send", send)
    with pytest.raises(PolarisError):
        call(make_client(time))
    assert [exchange.answer_bytes for exchange in limits] == [most]


ENDLESS: dict[str, Callable[[], Iterator[bytes]]] = {
    "interim answers": lambda: iter(lambda: b"HTTP/1.1 100 Continue\r\n\r\n" * 100, b""),
    "negative chunk": lambda: iter(
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"] + [b" " * 2**20] * 50
    ),
    "trailers": lambda: iter(
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"] + [b"X: y\r\n" * 2**17] * 50
    ),
    "empty gzip": lambda: iter(
        [b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"] + [gzip.compress(b"", mtime=0) * 2**15] * 50
    ),
}


@pytest.mark.parametrize("sends", ENDLESS.values(), ids=ENDLESS)
def test_answer_that_is_fast_and_never_ends_is_refused(sends: Callable[[], Sends], time: Time, wire: MakeWire) -> None:
    """Headers and chunk sizes count, too, before the deadline."""
    network = wire(lambda _: sends())
    with pytest.raises(PolarisProtocolError, match="it is larger than 1 MiB, the most that this call reads"):
        make_client(time).get_job_status("j1")
    assert network.read <= 3 * STATUS_BYTES + 2**20
    assert time.elapsed == 0


def test_token_that_is_too_large_is_refused(time: Time, wire: MakeWire) -> None:
    """A token needs one or two kilobytes."""
    network = wire(lambda _: iter([answer({"access_token": "a" * 4 * 2**20})]))
    with pytest.raises(PolarisProtocolError, match=r"^POST /token got an answer .* larger than 1 MiB"):
        make_client(time, **OAUTH).get_job_status("j1")
    assert network.read <= STATUS_BYTES + 2**18


@pytest.mark.parametrize(
    ("status", "kind"),
    [("404 Not Found", PolarisForeignAnswerError), ("503 Busy", PolarisServerError), ("302 Found", PolarisApiError)],
)
def test_error_that_is_too_large_keeps_its_type(
    status: str, kind: type[PolarisApiError | PolarisForeignAnswerError], time: Time, wire: MakeWire
) -> None:
    """The status determines the error; a 404 with a truncated body can't be recognized as the service's own."""
    network = wire(lambda _: iter([answer({"code": "A" * 4 * 2**20}, status)]))
    with pytest.raises(kind) as caught:
        make_client(time).get_job_status("j1")
    assert type(caught.value) is kind
    assert caught.value.status == int(status[:3])
    assert len(str(caught.value)) < 1000
    assert network.read <= ERROR_BYTES + 2**18


def test_error_carries_nothing_that_is_long(time: Time, wire: MakeWire) -> None:
    """A code, a request id and a text of the service are shortened before they are logged."""
    body = {"code": "C" * 50_000, "message": "M" * 30_000}
    wire(lambda _: iter([answer(body, "500 Bad", f"X-Request-Id: {'R' * 60_000}\r\n")]))
    with pytest.raises(PolarisServerError) as caught:
        make_client(time).get_job_status("j1")
    error = caught.value
    assert error.code == f"{'C' * 200}… (50000 characters)"
    assert error.request_id == f"{'R' * 200}… (60000 characters)"
    assert error.vendor_message == f"{'M' * 10_000}… (30000 characters)"
    assert len(str(error)) < 4000


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "gzip,deflate", "compress", "x" * 10_000])
def test_encoding_that_was_not_asked_for_is_refused(encoding: str, time: Time, wire: MakeWire) -> None:
    """Nested encodings, or one without a limit, are not decompressed."""
    wire(lambda _: iter([answer(RUNNING, headers=f"Content-Encoding: {encoding}\r\n")]))
    with pytest.raises(PolarisProtocolError) as caught:
        make_client(time).get_job_status("j1")
    assert str(caught.value) == (
        f"GET {STATUS} got an answer from '127.0.0.1:9' that can't be used: its Content-Encoding is "
        f"{encoding[:100]!r}, and only gzip and deflate are accepted. Check that it is Polaris' API and that no "
        "proxy answers in its place."
    )


def test_error_with_an_encoding_that_was_not_asked_for_is_not_read(time: Time, wire: MakeWire) -> None:
    """The body is not read at all."""
    wire(lambda _: iter([answer(b"????", "404 Not Found", "Content-Encoding: br\r\n")]))
    with pytest.raises(PolarisForeignAnswerError) as caught:
        make_client(time).get_job_status("j1")
    assert str(caught.value) == (
        f"GET {STATUS} answered 404, but this isn't Polaris' API: host '127.0.0.1:9' sent no content type, and the "
        "body has no text. A proxy, an ingress or another service answered in its place: check host and proxies in "
        "connection 'polaris_default'."
    )


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("", bytes),
        ("Content-Encoding: identity\r\n", bytes),
        ("Content-Encoding: GZIP\r\n", gzip.compress),
        ("Content-Encoding: x-gzip\r\n", gzip.compress),
        ("Content-Encoding: deflate\r\n", zlib.compress),
        ("Content-Encoding: gzip\r\n", lambda raw: gzip.compress(raw[:9]) + gzip.compress(raw[9:])),
    ],
)
def test_encoding_that_was_asked_for_is_unpacked(
    encoding: str, pack: Callable[[bytes], bytes], time: Time, wire: MakeWire
) -> None:
    """The request offers gzip and deflate only, whatever is installed."""
    network = wire(lambda _: iter([answer(pack(json.dumps(RUNNING).encode()), headers=encoding)]))
    assert make_client(time).get_job_status("j1") == "running"
    assert b"\r\nAccept-Encoding: gzip, deflate\r\n" in network.sockets[0].sent


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
