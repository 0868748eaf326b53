# SPDX-License-Identifier: Apache-2.0
"""
Close connections whose client neither sends nor reads; uvicorn itself has no limit for a request, its body, or a reply.
"""

from __future__ import annotations

import asyncio
from typing import Final, Literal

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

#: Seconds for the whole head of a request, and for each piece of a body or a reply.
CLIENT_TIMEOUT: Final = 60


class TimeoutProtocol(H11Protocol):
    """
    One connection; it ends after :data:`CLIENT_TIMEOUT` seconds of waiting for the client.

    The whole head of a request must arrive within that time, so a client that sends a byte now and then can't keep the
    connection open. There is no limit while the emulator handles a request.
    """

    _awaited: Literal["head", "body", "reader"] | None = None
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Set the deadline for the first request."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Process received bytes, and update the deadline."""
        super().data_received(data)
        self._watch()

    def pause_writing(self) -> None:
        """Set the deadline for the client to read the reply."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """Update the deadline, because the client has read the reply."""
        super().resume_writing()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove the deadline."""
        super().connection_lost(exc)
        self._stop()

    def _watch(self) -> None:
        """Determine what the client must do next, and set a new deadline unless a head is incomplete."""
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
            self._deadline = self.loop.call_later(CLIENT_TIMEOUT, self._end)

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
