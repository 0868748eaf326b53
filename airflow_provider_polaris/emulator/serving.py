"""
Running an emulator on a socket: in this thread for the command line, in the background for tests.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from airflow_provider_polaris.emulator.app import create_app
from airflow_provider_polaris.emulator.connections import PatientProtocol
from airflow_provider_polaris.emulator.core import Emulator
from airflow_provider_polaris.emulator.fault_middleware import DROP_REPLY
from airflow_provider_polaris.emulator.settings import EmulatorSettings

#: Seconds that open requests get when the server stops.
_GRACE = 5


def bind(host: str, port: int) -> socket.socket:
    """
    Take a port.

    :param host: Name or address.
    :param port: Port; 0 takes a free one.
    :return: A bound socket.
    :raises OSError: The address is taken or isn't ours.
    """
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    listener = socket.create_server((host, port), family=family, backlog=2048)
    # Accepted connections inherit this. asyncio sets it only on sockets made with proto=IPPROTO_TCP, and without it the
    # body of an answer waits some 40 ms for the client's delayed acknowledgement of the headers.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def make_server(app: FastAPI, on_ready: Callable[[], None]) -> uvicorn.Server:
    """
    Return a server that logs warnings and worse only.

    :param app: What it serves.
    :param on_ready: Called once, when the server answers.
    """

    async def outermost(scope: Scope, receive: Receive, send: Send) -> str | None:
        await app(scope, receive, send)
        # uvicorn closes the connection, and logs an error, when an application returns something.
        return "the reply, dropped as it was asked to" if DROP_REPLY in scope else None

    config = uvicorn.Config(
        outermost,
        interface="asgi3",
        http=PatientProtocol,
        ws="none",
        loop="asyncio",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_GRACE,
    )
    return _Server(config, on_ready)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()


@dataclass(frozen=True)
class RunningEmulator:
    """
    An emulator that answers.

    :param base_url: ``http://127.0.0.1:PORT``.
    :param app: Its application; ``app.state.emulator`` is what is behind it.
    :param settings: What it was made with.
    """

    base_url: str
    app: FastAPI
    settings: EmulatorSettings

    @property
    def emulator(self) -> Emulator:
        """The state behind the application."""
        emulator = self.app.state.emulator
        assert isinstance(emulator, Emulator)
        return emulator

    @property
    def project_url(self) -> str:
        """The URL that all paths of the API start with."""
        return f"{self.base_url}/v1/projects/{self.settings.project_id}"


@contextmanager
def running_emulator(settings: EmulatorSettings | None = None, **options: Any) -> Iterator[RunningEmulator]:
    """
    Run an emulator in a thread of this process, on a free port of 127.0.0.1, until the block ends.

    :param settings: What it is made with; None takes the defaults.
    :param options: Passed on to :func:`create_app`.
    :return: The emulator, ready.
    """
    settings = settings or EmulatorSettings()
    app = create_app(settings, **options)
    ready = threading.Event()
    server = make_server(app, ready.set)
    with bind("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="polaris-emulator")
        thread.start()
        try:
            if not ready.wait(30):
                raise RuntimeError("the emulator did not start within 30 seconds; its log has the reason.")
            yield RunningEmulator(f"http://127.0.0.1:{listener.getsockname()[1]}", app, settings)
        finally:
            server.should_exit = True
            thread.join()
