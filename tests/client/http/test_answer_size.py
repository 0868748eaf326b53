# SPDX-License-Identifier: Apache-2.0
"""The size of an answer, counted in bytes after decompression."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import urllib3.response

from airflow_provider_polaris.client import PolarisClient
from airflow_provider_polaris.client.http.endpoint import LIST_BYTES, OBJECT_BYTES, ROWS_BYTES, STATUS_BYTES
from airflow_provider_polaris.client.http.exchange import Exchange
from airflow_provider_polaris.client.http.session import ERROR_BYTES, PolarisSession
from airflow_provider_polaris.jobs.errors import (
    PolarisApiError,
    PolarisError,
    PolarisForeignAnswerError,
    PolarisProtocolError,
    PolarisServerError,
)
from tests.client.conftest import Time
from tests.client.http.exchanges import OAUTH, RUNNING, STATUS, MakeWire, make_client, time, wire
from tests.client.wire import Sends, answer

__all__ = ["time", "wire"]


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
