# SPDX-License-Identifier: Apache-2.0
"""
Run emulators on sockets: one in this thread for the command line, any number in a background thread for tests.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from weakref import WeakSet

import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from airflow_provider_polaris.emulator.app import create_app
from airflow_provider_polaris.emulator.connections import TimeoutProtocol
from airflow_provider_polaris.emulator.faults.middleware import DROP_REPLY
from airflow_provider_polaris.emulator.settings import EmulatorSettings
from airflow_provider_polaris.emulator.state import Emulator

log = logging.getLogger("airflow_provider_polaris.emulator")

#: Seconds that open requests get when their emulator stops.
_GRACE: Final = 5
#: Seconds that the server's thread gets to start, or to open or close a port; a backstop for a busy machine.
_LONGEST_SECONDS: Final = 120

_T = TypeVar("_T")


def bind(host: str, port: int) -> socket.socket:
    """
    Bind a port.

    :param host: Name or address.
    :param port: Port; 0 selects a free one.
    :return: A bound socket.
    :raises OSError: The address is in use or is not an address of this machine.
    """
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    listener = socket.create_server((host, port), family=family, backlog=2048)
    # Accepted connections inherit this option. asyncio sets it only on sockets that were created with
    # proto=IPPROTO_TCP. Without it, the body of a reply is delayed by about 40 ms until the client acknowledges the
    # headers.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def make_server(app: FastAPI, on_ready: Callable[[], None]) -> uvicorn.Server:
    """
    Return a server that logs only warnings and errors.

    :param app: The application.
    :param on_ready: Called once, when the server accepts requests.
    """

    async def outermost(scope: Scope, receive: Receive, send: Send) -> str | None:
        await app(scope, receive, send)
        return _dropped(scope)

    return _Server(_config(outermost), on_ready)


def _dropped(scope: Scope) -> str | None:
    # uvicorn closes the connection, and logs an error with this value, when an application returns a value.
    return "the reply, dropped by a fault" if DROP_REPLY in scope else None


def _config(outermost: Any, **options: Any) -> uvicorn.Config:
    return uvicorn.Config(
        outermost,
        interface="asgi3",
        http=TimeoutProtocol,
        ws="none",
        loop="asyncio",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_GRACE,
        **options,
    )


class _Server(uvicorn.Server):
    """A server that calls a function when it is ready."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()


@dataclass(frozen=True)
class RunningEmulator:
    """
    An emulator that accepts requests.

    :param base_url: ``http://127.0.0.1:PORT``.
    :param app: Its application; ``app.state.emulator`` is its state.
    :param settings: Its settings.
    """

    base_url: str
    app: FastAPI
    settings: EmulatorSettings

    @property
    def emulator(self) -> Emulator:
        """The state of the application."""
        emulator = self.app.state.emulator
        assert isinstance(emulator, Emulator)
        return emulator

    @property
    def project_url(self) -> str:
        """The URL with which all paths of the API begin."""
        return f"{self.base_url}/v1/projects/{self.settings.project_id}"


class EmulatorServer:
    """
    One server in a thread of this process with any number of emulators, each on its own port.

    A connection belongs to the emulator of its port. A late request, even on a kept-alive connection, never reaches
    another emulator. This is a context manager; leaving the block stops the thread.
    """

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server = _Server(_config(_nothing, lifespan="off"), self._on_ready)
        # Without a socket: each emulator has its own.
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": []}, name="polaris-emulator")

    def __enter__(self) -> EmulatorServer:
        """
        Start the thread.

        :raises RuntimeError: The thread isn't ready in time.
        """
        self._thread.start()
        if not self._ready.wait(_LONGEST_SECONDS):
            raise RuntimeError(f"the emulator did not start within {_LONGEST_SECONDS} seconds; its log has the reason.")
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the thread and wait for its end."""
        self._server.should_exit = True
        self._thread.join()

    @contextmanager
    def emulator(self, settings: EmulatorSettings | None = None, **options: Any) -> Iterator[RunningEmulator]:
        """
        Run a new emulator on a free port of 127.0.0.1 until the block ends.

        At the end the port is closed first, so that no more requests arrive. Open requests get five seconds; then the
        emulator's database is closed.

        :param settings: Settings of the emulator; None uses the defaults.
        :param options: Options of :func:`create_app`.
        :return: The running emulator.
        """
        settings = settings or EmulatorSettings()
        app = create_app(settings, **options)
        try:
            with bind("127.0.0.1", 0) as listener:
                port = _EmulatorPort(self._server, app)
                self._call(port.open(listener))
                try:
                    yield RunningEmulator(f"http://127.0.0.1:{listener.getsockname()[1]}", app, settings)
                finally:
                    self._call(port.close())
        finally:
            app.state.emulator.close()

    def _on_ready(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready.set()

    def _call(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine in the server's thread."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_LONGEST_SECONDS)


class _EmulatorPort:
    """
    The port of one emulator, with its connections and requests. Used only on the event loop.

    :param server: The server whose loop it uses.
    :param app: The application that handles the requests.
    """

    def __init__(self, server: uvicorn.Server, app: FastAPI) -> None:
        self._state = server.server_state
        self._app = app
        # The server's own configuration has set up the log.
        self._config = _config(self._outermost, lifespan="off", log_config=None)
        self._config.load()
        self._connections: WeakSet[Any] = WeakSet()
        self._requests: set[asyncio.Task[Any]] = set()
        self._listener: asyncio.Server | None = None
        self._closed = False

    async def open(self, listener: socket.socket) -> None:
        """Accept connections."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._connected, sock=listener, backlog=self._config.backlog)

    async def close(self) -> None:
        """Accept no more requests, and wait for the open ones for a limited time."""
        assert self._listener is not None
        self._closed = True
        # asyncio leaves a connection open if it accepts it while the listener is closed. So stop accepting first, and
        # let accepted sockets become connections, which takes two iterations of the loop.
        asyncio.get_running_loop().remove_reader(self._listener.sockets[0].fileno())
        for _ in range(3):
            await asyncio.sleep(0)
        self._listener.close()
        for connection in self._state.connections & set(self._connections):
            connection.shutdown()
        if self._requests:
            _, late = await asyncio.wait(self._requests, timeout=_GRACE)
            for request in late:
                request.cancel("the emulator has stopped")
            if late:
                log.error("%d requests did not end within %d seconds and were canceled.", len(late), _GRACE)

    def _connected(self) -> asyncio.Protocol:
        make: Any = self._config.http_protocol_class
        protocol: asyncio.Protocol = make(config=self._config, server_state=self._state, app_state={})
        self._connections.add(protocol)
        return protocol

    async def _outermost(self, scope: Scope, receive: Receive, send: Send) -> str | None:
        if self._closed:  # the connection was accepted while the port was closed
            return "nothing, because the emulator has stopped"
        request = asyncio.current_task()
        assert request is not None
        self._requests.add(request)
        request.add_done_callback(self._requests.discard)
        await self._app(scope, receive, send)
        return _dropped(scope)


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Do nothing: a server without sockets gets no requests."""


@contextmanager
def running_emulator(settings: EmulatorSettings | None = None, **options: Any) -> Iterator[RunningEmulator]:
    """
    Run an emulator in a thread of this process, on a free port of 127.0.0.1, until the block ends.

    :param settings: Settings of the emulator; None uses the defaults.
    :param options: Options of :func:`create_app`.
    :return: The running emulator.
    """
    with EmulatorServer() as server, server.emulator(settings, **options) as running:
        yield running
