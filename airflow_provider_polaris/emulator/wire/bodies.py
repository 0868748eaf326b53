"""
Bodies of requests, read in pieces and never beyond a limit.
"""

from __future__ import annotations

from typing import Final

from starlette.formparsers import MultiPartException
from starlette.types import Message, Receive

from airflow_provider_polaris.emulator.wire.errors import ApiError

#: Bytes of a body that are read where nobody wants it, and kept where it is wanted later. An unwanted body is read
#: because a connection that closes with unread data is reset, and the client doesn't get to see the answer.
MOST_BYTES: Final = 64 * 1024 * 1024


async def drain(receive: Receive) -> None:
    """Read a body to its end, or to where it has become too long, and keep nothing of it."""
    length = 0
    while length <= MOST_BYTES:
        message = await receive()
        length += len(message.get("body", b""))
        if not message.get("more_body"):
            return


async def read_whole(receive: Receive) -> bytes | None:
    """
    Return the body of a request; None if the client has gone before its end.

    :raises ApiError: 413 for a body of more than :data:`MOST_BYTES`; as much again is read, so that the client sees it.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MOST_BYTES:
            if more:
                await drain(receive)
            raise ApiError(413, f"The body is longer than {MOST_BYTES} bytes, and no more is kept for later.")
        if not more:
            return bytes(body)


class LimitedBody:
    """
    Passes the body of a form on in pieces until it is too long.

    :param receive: Where the pieces come from.
    :param limit: Most bytes.
    """

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._left = limit

    @property
    def is_too_long(self) -> bool:
        """Whether more than the limit has come."""
        return self._left < 0

    async def __call__(self) -> Message:
        """
        Return the next piece.

        :raises MultiPartException: The body is too long; the parser of forms then closes its temporary files.
        """
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self.is_too_long:
            raise MultiPartException("The body is too long.")
        return message
