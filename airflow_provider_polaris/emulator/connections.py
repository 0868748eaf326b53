# SPDX-License-Identifier: Apache-2.0
"""
Connections that end when their client falls silent: uvicorn waits for ever for a request, its body, and its reader.
"""

from __future__ import annotations

import asyncio
from typing import Final, Literal

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

#: Seconds for the whole head of a request, and for each piece of a body or an answer.
PATIENCE: Final = 60


class PatientProtocol(H11Protocol):
    """
    One connection; it ends after :data:`PATIENCE` seconds of waiting for the client.

    The head of a request has to be complete by then: a client that sends a byte now and then holds nothing. While a
    request is worked on nobody waits for the client, however long it takes.
    """

    _awaited: Literal["head", "body", "reader"] | None = None
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what the client sends."""
        super().data_received(data)
        self._watch()

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """The client has read."""
        super().resume_writing()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        super().connection_lost(exc)
        self._stop()

    def _watch(self) -> None:
        """Look what the client has to do now, and give it a new deadline unless it is in the middle of a head."""
        awaited: Literal["head", "body", "reader"] | None = None
        if self.flow.write_paused:
            awaited = "reader"
        elif self.conn.their_state is h11.SEND_BODY:
            awaited = "body"
        elif self.conn.their_state is h11.IDLE:
            awaited = "head"
        if awaited == "head" == self._awaited:
            return
        self._stop()
        if awaited is not None:
            self._awaited = awaited
            self._deadline = self.loop.call_later(PATIENCE, self._end)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._awaited = self._deadline = None

    def _end(self) -> None:
        self._deadline = None
        if self._awaited == "body" and self.flow.read_paused:
            self._watch()  # the emulator reads nothing, so the client can't send
        else:
            self.transport.abort()  # close() would wait for a client that doesn't read
