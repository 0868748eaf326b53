# SPDX-License-Identifier: Apache-2.0
"""
Record the last requests that one emulator rejected, with the message of the reply, for reports of failed tests.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_polaris.emulator.wire.requests import CONTROL_PREFIX

#: Maximum number of different rejections.
KEPT: Final = 10


@dataclass(frozen=True)
class Refusal:
    """
    A reply with an error status.

    :param path: Path of the request, without the query.
    :param message: Message in the body; empty if it has none.
    """

    method: str
    path: str
    status: int
    message: str


class RejectedRequests:
    """Stores the newest rejections, each with its count. All methods are thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: Counter[Refusal] = Counter()

    def add(self, refusal: Refusal) -> None:
        """Count a rejection, and remove the oldest if there are too many."""
        with self._lock:
            self._times[refusal] = self._times.pop(refusal, 0) + 1  # to the end
            if len(self._times) > KEPT:
                del self._times[next(iter(self._times))]

    def values(self) -> list[tuple[Refusal, int]]:
        """Return the rejections and their counts, in the order of their last occurrence."""
        with self._lock:
            return list(self._times.items())


class RefusalMiddleware:
    """
    Records replies with an error status, except those that a fault drops.

    :param app: The application.
    :param refusals: Stores the rejections.
    """

    def __init__(self, app: ASGIApp, refusals: RejectedRequests) -> None:
        self._app = app
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL_PREFIX):
            await self._app(scope, receive, send)
            return
        status = 0
        body = bytearray()

        async def listen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif status >= 400:
                body.extend(message.get("body", b""))
                if not message.get("more_body"):
                    self._note(scope, status, _message(bytes(body)))  # before the client receives the reply
            await send(message)

        try:
            await self._app(scope, receive, listen)
        except Exception as error:
            # An outer layer builds the reply to an unexpected error.
            self._note(scope, 500, f"The emulator failed: {error!r}")
            raise

    def _note(self, scope: Scope, status: int, message: str) -> None:
        self._refusals.add(Refusal(scope["method"], scope["path"], status, message))


def _message(body: bytes) -> str:
    """Return the message of an error, in the envelope or in the format of the SQL endpoints."""
    try:
        answer: Any = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(answer, dict):
        return ""
    return str(answer.get("message") or answer.get("errorMessage") or "")
