# SPDX-License-Identifier: Apache-2.0
"""A client that neither sends nor reads loses its connection; one that waits for the emulator doesn't."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from uvicorn.server import ServerState

from airflow_provider_polaris.emulator.connections import CLIENT_TIMEOUT, TimeoutProtocol
from airflow_provider_polaris.emulator.server import make_server

HEAD = b"POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"


class Timer:
    """A scheduled callback."""

    def __init__(self, delay: float, callback: Callable[[], None]) -> None:
        self.delay = delay
        self.callback = callback
        self.is_canceled = False

    def cancel(self) -> None:
        self.is_canceled = True


class Loop:
    """An event loop in which no time passes and no task runs."""

    def __init__(self) -> None:
        self.timers: list[Timer] = []

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        self.timers.append(Timer(delay, callback))
        return self.timers[-1]

    def create_task(self, work: Any, **_: Any) -> Any:
        work.close()
        return Task()

    @property
    def due(self) -> list[Timer]:
        """The deadlines that are set for the connection."""
        return [timer for timer in self.timers if timer.delay == CLIENT_TIMEOUT and not timer.is_canceled]


class Task:
    """A task that never ends."""

    def add_done_callback(self, _: Any) -> None:
        return


class Transport:
    """A transport without a peer."""

    def __init__(self) -> None:
        self.aborted = 0

    def abort(self) -> None:
        self.aborted += 1

    def is_closing(self) -> bool:
        return False

    def __getattr__(self, _: str) -> Any:
        return lambda *_: None


@pytest.fixture
def connection() -> tuple[TimeoutProtocol, Loop, Transport]:
    """A connection that a client has just opened."""
    loop, transport = Loop(), Transport()
    config = uvicorn.Config(FastAPI(), log_config=None)
    protocol = TimeoutProtocol(config, ServerState(), {}, _loop=loop)  # type: ignore[arg-type]
    protocol.connection_made(transport)  # type: ignore[arg-type]
    return protocol, loop, transport


def test_connection_without_a_request_ends(connection) -> None:
    """Nothing was ever sent."""
    _, loop, transport = connection
    (timer,) = loop.due
    timer.callback()
    assert transport.aborted == 1


def test_head_that_drips_gets_no_more_time(connection) -> None:
    """The first deadline stays, however many bytes arrive."""
    protocol, loop, transport = connection
    for position in range(len(HEAD) - 1):
        protocol.data_received(HEAD[position : position + 1])
    assert len([timer for timer in loop.timers if timer.delay == CLIENT_TIMEOUT]) == 1
    (timer,) = loop.due
    timer.callback()
    assert transport.aborted == 1


def test_each_piece_of_a_body_gets_its_time(connection) -> None:
    """A large upload may take long; a pause in it ends the connection."""
    protocol, loop, transport = connection
    protocol.data_received(HEAD)
    for _ in range(3):
        before = loop.due
        protocol.data_received(b"x")
        assert len(loop.due) == 1
        assert loop.due != before
    loop.due[0].callback()
    assert transport.aborted == 1


def test_request_that_is_worked_on_has_no_deadline(connection) -> None:
    """A job may take minutes, and a fault may delay the reply."""
    protocol, loop, _ = connection
    protocol.data_received(HEAD + b"x" * 10)
    assert loop.due == []


def test_body_that_the_emulator_does_not_read_is_not_the_clients_fault(connection) -> None:
    """The connection waits on."""
    protocol, loop, transport = connection
    protocol.data_received(HEAD)
    protocol.flow.pause_reading()
    (timer,) = loop.due
    timer.callback()
    assert transport.aborted == 0
    assert timer not in loop.due[-1:]
    protocol.flow.resume_reading()
    loop.due[-1].callback()
    assert transport.aborted == 1


def test_client_that_does_not_read_its_answer_loses_it(connection) -> None:
    """A client that reads in time gets a new deadline."""
    protocol, loop, transport = connection
    protocol.data_received(HEAD + b"x" * 10)
    protocol.pause_writing()
    assert len(loop.due) == 1
    protocol.resume_writing()
    assert loop.due == []
    protocol.pause_writing()
    (timer,) = loop.due
    timer.callback()
    assert transport.aborted == 1


def test_lost_connection_has_no_deadline(connection) -> None:
    """No deadline remains."""
    protocol, loop, _ = connection
    protocol.connection_lost(None)
    assert loop.due == []


def test_server_uses_it(api) -> None:
    """For the command line and for tests."""
    config = make_server(api.app, lambda: None).config
    assert (config.http, config.timeout_keep_alive) == (TimeoutProtocol, 5)
