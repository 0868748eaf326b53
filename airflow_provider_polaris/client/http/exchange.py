"""The limits of one request and its answer, enforced on the socket: a deadline, a size, and whether it was sent."""

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

#: Each so many bytes, sent or received, extend the derived deadline by a second: a slow line may take its time for a
#: large file, and a service that sends a byte a second may not.
BYTES_PER_SECOND: Final = 64 * 1024
#: Room on the wire for headers, interim answers and the sizes of chunks, beyond the answer itself.
_OVERHEAD_BYTES: Final = 1024 * 1024


class DeadlineError(TimeoutError):
    """The exchange took longer than it may; the text is the number of seconds, such as ``45 s``."""


class AnswerError(OSError):
    """The answer arrived, or began to, and is not accepted; the text says why."""


class Exchange(Timeout):
    """
    The limits of one request and its answer, and how far the exchange has come.

    It is a time-out of urllib3, so any session of ``requests`` takes it as ``timeout``. A session whose adapters are
    :class:`BoundedAdapter` also enforces the deadline and the size. The deadline covers everything from the creation
    of this object to the last byte of the body, through proxies and TLS too. Two steps are bounded on their own: the
    resolver of the system decides how long a name look-up takes, and a TCP connect or TLS handshake that has begun
    may take up to ``connect`` seconds.

    :param connect: Seconds to connect to one address, and for the TLS handshake.
    :param read: Seconds without a byte of the answer.
    :param limit: Seconds for the whole exchange; None derives them: ``connect`` + 2 x ``read``, and one second more
        for each :data:`BYTES_PER_SECOND` bytes sent or received.
    :param answer_bytes: Largest body of a success, in bytes after decompression.
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
        #: Whether a byte of the request may have left; None as long as no bounded connection was asked.
        self.sent: bool | None = None
        #: Bytes that came over the connection, headers included.
        self.received = 0
        self._written = 0
        self._clock = clock
        self._started = clock()
        self._base = connect + 2 * read
        self._limit = limit

    def hasten(self, *, connect: float, read: float, limit: float) -> None:
        """Replace the limits by others, with the deadline counted from now."""
        super().__init__(connect=connect, read=read)
        self._limit = limit
        self._started = self._clock()

    @property
    def allowed(self) -> float:
        """Seconds that the whole exchange may take, as far as it has come."""
        if self._limit is not None:
            return self._limit
        return self._base + (self.received + self._written) / BYTES_PER_SECOND

    def seconds(self, granted: float | None) -> float:
        """
        Return how long the next step on the socket may take.

        :param granted: Seconds that urllib3 grants to it; None for no limit.
        :raises DeadlineError: The deadline is over.
        """
        left = self.allowed - (self._clock() - self._started)
        if left <= 0:
            raise self.expired()
        return left if granted is None else min(granted, left)

    def expired(self) -> DeadlineError:
        """Return the error for a deadline that is over."""
        return DeadlineError(f"{self.allowed:.3g} s")

    def too_large(self, size: int) -> AnswerError:
        """Return the error for an answer that is larger than so many bytes."""
        return AnswerError(f"it is larger than {size / 2**20:g} MiB, the most that this call reads")

    def write(self, count: int) -> None:
        """Count bytes that were sent."""
        self._written += count

    def receive(self, count: int) -> None:
        """
        Count bytes that came over the connection.

        :raises AnswerError: There are more than any answer of the accepted size needs.
        """
        self.received += count
        if self.received > 2 * self.answer_bytes + _OVERHEAD_BYTES:
            raise self.too_large(self.answer_bytes)


#: The exchange of the present thread; the connections look here, because urllib3 has no way to hand it down.
CURRENT: ContextVar[Exchange | None] = ContextVar("CURRENT", default=None)


class BoundedAdapter(HTTPAdapter):
    """An adapter whose connections keep to :data:`CURRENT`; through any proxy too."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools for direct connections."""
        super().init_poolmanager(*args, **kwargs)
        _bound(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pools for a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        _bound(manager)
        return manager


class _Answer(http.client.HTTPResponse):
    """An answer whose status line, headers, body and trailers are all read through :class:`_BoundedReader`."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        exchange = CURRENT.get()
        if exchange is not None:
            self.fp = io.BufferedReader(_BoundedReader(self.fp.detach(), sock, exchange))

    def begin(self) -> None:
        """Read status line and headers; without the cookies, which the standard library fails to parse if hostile."""
        super().begin()
        for name in ("Set-Cookie", "Set-Cookie2"):
            del self.headers[name]


class _BoundedConnection(HTTPConnection):
    """Base of the connections: each step on the socket gets no more time than the exchange has left."""

    #: http.client reads the answer of a proxy to CONNECT through it too.
    response_class = _Answer

    def connect(self) -> None:
        """Connect, to the proxy and through it if there is one."""
        exchange = CURRENT.get()
        if exchange is None:
            return super().connect()
        self.timeout = exchange.seconds(self.timeout)
        try:
            return super().connect()
        finally:
            exchange.sent = False  # what went to a proxy by now was not the request

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
        # For TLS within TLS, urllib3 does the inner handshake in Python, in many reads of this socket.
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
    Reads from a socket, each time for at most as long as the exchange has left.

    :param raw: Reads from the socket.
    :param sock: The socket, of TLS or not.
    :param exchange: Whose answer is read.
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
        """Read into a buffer what has come."""
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
        """Close it, and the file of the socket below."""
        if not self.closed:
            self._raw.close()
        super().close()


class _OptionsPerAddress:
    """
    Options of a socket that are only handed out in time.

    urllib3 grants the connect time-out to each address of a host in turn, however many there are, and sets these
    options on each new socket: the only place where it can be stopped between two addresses.
    """

    def __init__(self, options: Any) -> None:
        self._options = options

    def __iter__(self) -> Iterator[Any]:
        exchange = CURRENT.get()
        if exchange is not None:
            exchange.seconds(None)
        return iter(self._options)


def _bound(manager: PoolManager) -> None:
    """Let a pool manager make bounded connections, of whatever kind its own are."""
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
