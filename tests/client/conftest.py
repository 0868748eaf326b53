# SPDX-License-Identifier: Apache-2.0
"""A loopback server with scripted answers, and clients with a simulated clock."""

from __future__ import annotations

import json
import random
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from airflow_provider_polaris.client import ClientSettings, PolarisClient

KEY = "pok_Zq7secretQ9xW"
NOON = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)
#: URL of the project.
P = "/v1/projects/p1"
JOB = {"id": "j1", "executionStatus": "running"}
TABLE = {"name": "t", "type": "detail"}
FILE = {"name": "f.json", "id": "1"}


@dataclass(frozen=True)
class Reply:
    """One scripted answer; ``act`` other than ``answer`` breaks the connection instead."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    act: str = "answer"


def refusal(status: int, message: str = "no") -> Reply:
    """Return a refusal in Polaris' own form; without that form a status doesn't count as Polaris' answer."""
    return Reply(status, {"code": "Refused", "message": message})


@dataclass(frozen=True)
class Seen:
    """One received request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    port: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.path).query, keep_blank_values=True)


class Script:
    """A script of answers; the last one repeats."""

    def __init__(self, url: str) -> None:
        self.replies: list[Reply] = []
        self.seen: list[Seen] = []
        self.released = threading.Event()
        self.url = url
        self._lock = threading.Lock()

    def answer(self, *replies: Reply) -> None:
        self.replies = list(replies)

    def take(self, seen: Seen) -> Reply:
        with self._lock:
            self.seen.append(seen)
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    script: Script
    url: str

    def shutdown_request(self, request: Any) -> None:
        """Close without a FIN, so that SO_LINGER sends a reset."""
        self.close_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a connection that a test breaks."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = 120
    wbufsize = -1  # head and body in one packet: two would wait for a delayed acknowledgement

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        script = self.server.script
        reply = script.take(Seen(self.command, self.path, dict(self.headers), body, self.client_address[1]))
        data = reply.body
        raw = data if isinstance(data, bytes) else b"" if data is None else json.dumps(data).encode()
        if reply.act == "hang":
            script.released.wait(120)
        if reply.act == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if reply.act in ("hang", "reset", "drop"):
            self.close_connection = True
            return
        self.send_response(reply.status)
        length = len(raw) + 50 if reply.act == "half" else len(raw)
        headers = {"Content-Type": "application/json", "Content-Length": str(length), **reply.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)
        self.close_connection = self.close_connection or reply.act == "half"

    do_GET = do_POST = do_PUT = do_DELETE = do_CONNECT = handle_any  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""


@contextmanager
def serve(context: ssl.SSLContext | None = None) -> Iterator[_Server]:
    """Run a scripted server on a free port; with a context it uses TLS."""
    httpd = _Server(("127.0.0.1", 0), _Handler)
    if context is not None:
        httpd.socket = context.wrap_socket(httpd.socket, server_side=True, do_handshake_on_connect=False)
    httpd.url = f"{'https' if context else 'http'}://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield httpd
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join(120)


@contextmanager
def scripted(httpd: _Server) -> Iterator[Script]:
    """Give a server a new script, and release requests that hang in the old one."""
    httpd.script = script = Script(httpd.url)
    yield script
    script.released.set()


@pytest.fixture(scope="session")
def httpd() -> Iterator[_Server]:
    with serve() as server:
        yield server


@pytest.fixture
def server(httpd: _Server) -> Iterator[Script]:
    with scripted(httpd) as script:
        yield script


@pytest.fixture
def closed_url() -> str:
    """An address on which no server listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


class Time:
    """A clock that advances only by sleeping."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.delays: list[float] = []

    def clock(self) -> float:
        return 1000.0 + self.elapsed

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.elapsed)

    def sleep(self, seconds: float) -> None:
        self.delays.append(seconds)
        self.elapsed += seconds


class Longest(random.Random):
    """Jitter that is always at its maximum."""

    def uniform(self, a: float, b: float) -> float:
        return b


MakeClient = Callable[..., PolarisClient]


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def make_client(server: Script, time: Time, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeClient]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    clients: list[PolarisClient] = []

    def make(**fields: Any) -> PolarisClient:
        values: dict[str, Any] = {"base_url": server.url, "project_id": "p1", "api_key": KEY, "read_timeout": 2.0}
        client = PolarisClient(
            ClientSettings(**{**values, **fields}),
            clock=time.clock,
            now=time.now,
            sleep=time.sleep,
            rng=Longest(),
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(make_client: MakeClient) -> PolarisClient:
    return make_client()
