# SPDX-License-Identifier: Apache-2.0
"""
Read the bodies of requests in pieces, up to a limit.
"""

from __future__ import annotations

from typing import Final

from starlette.formparsers import MultiPartException
from starlette.types import Message, Receive

from airflow_provider_polaris.emulator.wire.errors import ApiError

#: Maximum number of bytes of a body that are discarded, or kept for a late request. An unneeded body is read, because a
#: connection that closes with unread data is reset, and the client doesn't receive the reply.
MOST_BYTES: Final = 64 * 1024 * 1024


async def drain(receive: Receive) -> None:
    """Read and discard a body, up to the limit."""
    length = 0
    while length <= MOST_BYTES:
        message = await receive()
        length += len(message.get("body", b""))
        if not message.get("more_body"):
            return


async def read_whole(receive: Receive) -> bytes | None:
    """
    Return the body of a request; None if the client disconnects before its end.

    :raises ApiError: 413 for a body of more than :data:`MOST_BYTES`; the same amount is then discarded, so that the
        client receives the error.
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
    Passes on the body of a form in pieces, and raises an error once it exceeds the limit.

    :param receive: Returns the next piece.
    :param limit: Maximum number of bytes.
    """

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._left = limit

    @property
    def is_too_long(self) -> bool:
        """Whether the body has exceeded the limit."""
        return self._left < 0

    async def __call__(self) -> Message:
        """
        Return the next piece.

        :raises MultiPartException: The body is too long; the form parser then closes its temporary files.
        """
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self.is_too_long:
            raise MultiPartException("The body is too long.")
        return message
