"""
The last requests of the API that one emulator refused, as the client was told, for whoever asks why a test failed.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_polaris.emulator.wire.requests import CONTROL_PREFIX

#: How many different ones are kept.
KEPT: Final = 10


@dataclass(frozen=True)
class Refusal:
    """
    An answer with an error status.

    :param path: Path of the request, without the query.
    :param message: What the body says; empty if it says nothing.
    """

    method: str
    path: str
    status: int
    message: str


class RejectedRequests:
    """Keeps the newest ones, each with how often it was met. Any thread may call any method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: Counter[Refusal] = Counter()

    def add(self, refusal: Refusal) -> None:
        """Count one, and forget the oldest if there are too many."""
        with self._lock:
            self._times[refusal] = self._times.pop(refusal, 0) + 1  # to the end
            if len(self._times) > KEPT:
                del self._times[next(iter(self._times))]

    def values(self) -> list[tuple[Refusal, int]]:
        """Return them with how often each was met, in the order in which they were met last."""
        with self._lock:
            return list(self._times.items())


class RefusalMiddleware:
    """
    Notes what leaves with an error status; a reply that a fault drops is none.

    :param app: What answers.
    :param refusals: Where to note it.
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
                    self._note(scope, status, _message(bytes(body)))  # before the client can go on
            await send(message)

        try:
            await self._app(scope, receive, listen)
        except Exception as error:
            # The answer to what nobody foresaw is made further out.
            self._note(scope, 500, f"The emulator failed: {error!r}")
            raise

    def _note(self, scope: Scope, status: int, message: str) -> None:
        self._refusals.add(Refusal(scope["method"], scope["path"], status, message))


def _message(body: bytes) -> str:
    """Return the text of an error, in the envelope or in the shape of the SQL endpoints."""
    try:
        answer: Any = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(answer, dict):
        return ""
    return str(answer.get("message") or answer.get("errorMessage") or "")
