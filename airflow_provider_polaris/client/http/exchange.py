# SPDX-License-Identifier: Apache-2.0
"""Enforce the limits of a request on its socket (deadline, response size), and record whether it was sent."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import cache
from typing import Any, Final

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, PoolManager
from urllib3.connection import HTTPConnection
from urllib3.util import Timeout

#: The derived deadline grows by one second for each block of this many bytes sent or received. A slow line may thus
#: need longer for a large file, but a service that sends one byte a second exceeds the deadline.
BYTES_PER_SECOND: Final = 64 * 1024
#: Bytes allowed for headers, interim responses and chunk sizes, in addition to the response body.
_OVERHEAD_BYTES: Final = 1024 * 1024


class DeadlineError(TimeoutError):
    """Raised when the exchange exceeds its deadline; the text is the number of seconds, such as ``45 s``."""


class AnswerError(OSError):
    """Raised when a response, complete or not, is rejected; the text gives the reason."""


class Exchange(Timeout):
    """
    The limits of one request and its response, and the progress of the exchange.

    It is a urllib3 timeout, so any session of ``requests`` accepts it as ``timeout``. A session with
    :class:`BoundedAdapter` adapters also enforces the deadline and the size. The deadline covers everything from the
    creation of this object to the last byte of the body, including proxies and TLS. Two steps have their own limits:
    the system's resolver limits a DNS look-up, and a TCP connect or TLS handshake that has begun may take up to
    ``connect`` seconds.

    :param connect: Seconds to connect to one address, and for the TLS handshake.
    :param read: Longest time without a byte of the response, in seconds.
    :param limit: Seconds for the whole exchange. None derives it: ``connect`` + 2 x ``read``, plus one second for each
        :data:`BYTES_PER_SECOND` bytes sent or received.
    :param answer_bytes: Largest body of a successful response, in bytes after decompression.
    :param clock: Monotonic seconds.
    """

    def __init__(
        self,
        *,
        connect: float,
        read: float,
        limit: float | None = None,
        answer_bytes: int,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(connect=connect, read=read)
        self.answer_bytes = answer_bytes
        #: Whether a byte of the request may have been sent; None until a bounded connection is used.
        self.sent: bool | None = None
        #: Bytes received over the connection, including headers.
        self.received = 0
        self._written = 0
        self._clock = clock
        self._started = clock()
        self._base = connect + 2 * read
        self._limit = limit

    def set_limits(self, *, connect: float, read: float, limit: float) -> None:
        """Replace the limits; the new deadline starts now."""
        super().__init__(connect=connect, read=read)
        self._limit = limit
        self._started = self._clock()

    @property
    def allowed(self) -> float:
        """Seconds that the whole exchange may take, given the bytes sent and received so far."""
        if self._limit is not None:
            return self._limit
        return self._base + (self.received + self._written) / BYTES_PER_SECOND

    def seconds(self, granted: float | None) -> float:
        """
        Return how many seconds the next step on the socket may take.

        :param granted: urllib3's limit for the step in seconds; None for no limit.
        :raises DeadlineError: The deadline has passed.
        """
        left = self.allowed - (self._clock() - self._started)
        if left <= 0:
            raise self.expired()
        return left if granted is None else min(granted, left)

    def expired(self) -> DeadlineError:
        """Return the error for a deadline that has passed."""
        return DeadlineError(f"{self.allowed:.3g} s")

    def too_large(self, size: int) -> AnswerError:
        """Return the error for a response that is larger than ``size`` bytes."""
        return AnswerError(f"it is larger than {size / 2**20:g} MiB, the most that this call reads")

    def write(self, count: int) -> None:
        """Count sent bytes."""
        self._written += count

    def receive(self, count: int) -> None:
        """
        Count received bytes.

        :raises AnswerError: The count exceeds what a response of the accepted size needs.
        """
        self.received += count
        if self.received > 2 * self.answer_bytes + _OVERHEAD_BYTES:
            raise self.too_large(self.answer_bytes)


#: The exchange of the current thread. The connections read it here because urllib3 has no way to pass it on.
CURRENT: ContextVar[Exchange | None] = ContextVar("CURRENT", default=None)


class BoundedAdapter(HTTPAdapter):
    """An adapter whose connections enforce :data:`CURRENT`, also through a proxy."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the pools for direct connections."""
        super().init_poolmanager(*args, **kwargs)
        _bound(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pools for a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        _bound(manager)
        return manager


class _Answer(http.client.HTTPResponse):
    """A response that reads status line, headers, body and trailers through :class:`_BoundedReader`."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        exchange = CURRENT.get()
        if exchange is not None:
            self.fp = io.BufferedReader(_BoundedReader(self.fp.detach(), sock, exchange))

    def begin(self) -> None:
        """Read status line and headers, but no cookies: the standard library fails to parse hostile ones."""
        super().begin()
        for name in ("Set-Cookie", "Set-Cookie2"):
            del self.headers[name]


class _BoundedConnection(HTTPConnection):
    """Base of the connections; limits each step on the socket to the exchange's remaining time."""

    #: http.client also uses it to read a proxy's response to CONNECT.
    response_class = _Answer

    def connect(self) -> None:
        """Connect, through the proxy if there is one."""
        exchange = CURRENT.get()
        if exchange is None:
            return super().connect()
        self.timeout = exchange.seconds(self.timeout)
        try:
            return super().connect()
        finally:
            exchange.sent = False  # bytes sent to a proxy so far are not the request

    def send(self, data: Any) -> None:
        """Send the headers or a block of the body."""
        if self.sock is None:
            self.connect()
        exchange = CURRENT.get()
        if exchange is None or self.sock is None:
            return super().send(data)
        seconds = exchange.seconds(self.timeout)
        if seconds != self.sock.gettimeout():
            self.sock.settimeout(seconds)
        exchange.sent = True
        try:
            super().send(data)
        except TimeoutError:
            if seconds != self.timeout:
                raise exchange.expired() from None
            raise
        exchange.write(len(data))
        return None

    def _new_conn(self) -> socket.socket:
        options = self.socket_options
        per_address: Any = _OptionsPerAddress(options or ())
        self.socket_options = per_address
        try:
            return super()._new_conn()
        finally:
            self.socket_options = options

    def _connect_tls_proxy(self, hostname: str, sock: socket.socket) -> ssl.SSLSocket:
        # For TLS within TLS, urllib3 does the inner handshake in Python, with many reads of this socket.
        outer: Any = super()._connect_tls_proxy(hostname, sock)  # type: ignore[misc]
        receive = outer.recv

        def receive_in_time(*args: Any) -> bytes:
            exchange = CURRENT.get()
            if exchange is not None:
                outer.settimeout(exchange.seconds(outer.gettimeout()))
            data: bytes = receive(*args)
            return data

        outer.recv = receive_in_time
        return outer  # type: ignore[no-any-return]


class _BoundedReader(io.RawIOBase):
    """
    Read from a socket; each read is limited to the exchange's remaining time.

    :param raw: Reads from the socket.
    :param sock: The socket, with or without TLS.
    :param exchange: The exchange whose response is read.
    """

    def __init__(self, raw: io.RawIOBase, sock: Any, exchange: Exchange) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        self._exchange = exchange
        self._granted = self._set = sock.gettimeout()

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the available bytes into a buffer."""
        seconds = self._exchange.seconds(self._granted)
        if seconds != self._set:
            self._sock.settimeout(seconds)
            self._set = seconds
        try:
            count = self._raw.readinto(buffer) or 0
        except TimeoutError:
            if seconds != self._granted:
                raise self._exchange.expired() from None
            raise
        self._exchange.receive(count)
        return count

    def close(self) -> None:
        """Close the reader and the socket's file."""
        if not self.closed:
            self._raw.close()
        super().close()


class _OptionsPerAddress:
    """
    Socket options that are only returned before the deadline.

    urllib3 applies the connect timeout to each address of a host in turn. It sets these options on each new socket.
    That is the only place where it can be stopped between two addresses.
    """

    def __init__(self, options: Any) -> None:
        self._options = options

    def __iter__(self) -> Iterator[Any]:
        exchange = CURRENT.get()
        if exchange is not None:
            exchange.seconds(None)
        return iter(self._options)


def _bound(manager: PoolManager) -> None:
    """Make a pool manager create bounded connections of the same kind as its own."""
    manager.pool_classes_by_scheme = {
        scheme: _bounded_pool(pool) for scheme, pool in manager.pool_classes_by_scheme.items()
    }


@cache
def _bounded_pool(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    kind = pool.ConnectionCls
    if issubclass(kind, _BoundedConnection):
        return pool
    connection = type(f"Bounded{kind.__name__}", (_BoundedConnection, kind), {})
    return type(f"Bounded{pool.__name__}", (pool,), {"ConnectionCls": connection})
