# SPDX-License-Identifier: Apache-2.0
"""A simulated network in memory: what a service sends, when, and how much of it was read."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.client.conftest import Time

#: What a service sends on one connection: bytes, or the seconds that pass before the next bytes.
Sends = Iterator[bytes | float]


@dataclass
class Wire:
    """
    Every connection that is opened while it is patched in.

    :param time: Moves when a service takes its time, and never by itself.
    :param answer: Given the number of the connection, from 0, says what the service sends on it.
    """

    time: Time
    answer: Callable[[int], Sends]
    sockets: list[FakeSocket] = field(default_factory=list)

    @property
    def read(self) -> int:
        """Bytes that were read from all connections."""
        return sum(sock.read for sock in self.sockets)

    def connect(self, address: tuple[str, int], timeout: float | None = None, **_: Any) -> FakeSocket:
        """Replace ``urllib3.util.connection.create_connection``."""
        sock = FakeSocket(self.time, self.answer(len(self.sockets)), timeout)
        self.sockets.append(sock)
        return sock

    def patch(self, monkeypatch: pytest.MonkeyPatch) -> Wire:
        """Install the simulated network."""
        monkeypatch.setattr("urllib3.util.connection.create_connection", self.connect)
        # A kept connection counts as closed, so every request opens its own.
        monkeypatch.setattr("urllib3.connection.wait_for_read", lambda *_, **__: True)
        return self


class FakeSocket:
    """One connection."""

    def __init__(self, time: Time, sends: Sends, timeout: float | None) -> None:
        self.sent = b""
        self.read = 0
        self.reads = 0
        self.closed = False
        self._time = time
        self._sends = sends
        self._timeout = timeout
        self._held = b""

    def settimeout(self, seconds: float | None) -> None:
        """Refuse what a socket would refuse."""
        assert seconds is None or seconds > 0
        self._timeout = seconds

    def gettimeout(self) -> float | None:
        return self._timeout

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def makefile(self, mode: str, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_File(self))

    def close(self) -> None:
        self.closed = True

    def shutdown(self, how: int) -> None:
        """Do nothing except closing."""

    def take(self, most: int) -> bytes:
        """Receive available bytes, or wait for them until the timeout."""
        self.reads += 1
        while not self._held:
            event = next(self._sends, b"")
            if isinstance(event, bytes):
                self._held = event
                if not event:
                    return b""
            elif self._timeout is not None and event >= self._timeout:
                self._time.elapsed += self._timeout
                raise TimeoutError("timed out")
            else:
                self._time.elapsed += event
        data, self._held = self._held[:most], self._held[most:]
        self.read += len(data)
        return data


class _File(io.RawIOBase):
    def __init__(self, sock: FakeSocket) -> None:
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._sock.take(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def answer(body: Any = None, status: str = "200 OK", headers: str = "") -> bytes:
    """Write an answer; a body that isn't bytes is sent as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(raw)}\r\n{headers}\r\n".encode("latin-1") + raw


def drip(data: bytes, seconds: float = 1.0, then: bytes = b" ") -> Sends:
    """Send one piece immediately, then the same few bytes forever, each after some seconds."""
    yield data
    while True:
        yield seconds
        yield then
