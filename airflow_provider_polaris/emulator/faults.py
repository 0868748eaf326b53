"""
Faults on demand, for testing clients: set, listed and cleared under ``/__emulator__/`` only.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal

from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_polaris.emulator.errors import bad_request, envelope
from airflow_provider_polaris.emulator.wire import WireModel

CONTROL_PREFIX: Final = "/__emulator__"
#: Key in the scope of a request whose connection the server has to close without an answer.
DROP_REPLY: Final = "polaris_emulator.drop_reply"


class Fault(WireModel):
    """
    One rule.

    :param effect: ``drop_reply``: the request has its effect, the connection closes without an answer. ``status``:
        the request has no effect and gets this HTTP status. ``latency``: the request waits first.
        ``job_status``: unfinished jobs make no progress and show ``job_status``.
    :param method: HTTP method that it applies to; None for all.
    :param path: Regular expression that is searched in the path; None for all.
    :param times: How often it strikes; None for always. For ``job_status`` replies that show a job's status count.
    """

    effect: Literal["drop_reply", "status", "latency", "job_status"]
    method: str | None = None
    path: str | None = None
    times: int | None = Field(1, ge=1)
    status: int = Field(503, ge=400, le=599)
    retry_after: str | None = None
    seconds: float = Field(1.0, ge=0, le=60)
    job_status: str = "unknown"


@dataclass
class Freeze:
    """
    While it lasts, unfinished jobs make no progress and show one status.

    :param status: What replies show.
    :param replies: Replies left that show it; None for no end.
    """

    status: str
    replies: int | None = None

    def shown(self) -> None:
        """Count a reply."""
        if self.replies is not None:
            self.replies -= 1

    @property
    def is_over(self) -> bool:
        """Whether it has been shown as often as it was to be."""
        return self.replies is not None and self.replies <= 0


class Faults:
    """The rules of one emulator, and a count of its requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[tuple[Fault, re.Pattern[str], list[int]]] = []
        self._requests: Counter[str] = Counter()

    def add(self, fault: Fault) -> None:
        """
        Add a rule; rules strike in the order in which they were added.

        :raises ApiError: 400 for a path that is no regular expression.
        """
        try:
            pattern = re.compile(fault.path or "")
        except re.error as error:
            raise bad_request(f"field 'path' has the value {fault.path!r}: {error}.", "path") from None
        with self._lock:
            self._rules.append((fault, pattern, []))

    def clear(self) -> None:
        """Forget all rules."""
        with self._lock:
            self._rules.clear()

    def strike(self, method: str, path: str) -> Fault | None:
        """
        Count a request and return the rule that strikes it.

        :param method: HTTP method.
        :param path: Path without the query.
        :return: None if no rule does.
        """
        with self._lock:
            self._requests[f"{method} {_route(path)}"] += 1
            for fault, pattern, struck in self._rules:
                applies = fault.method in (None, method) and pattern.search(path)
                if applies and (fault.times is None or len(struck) < fault.times):
                    struck.append(1)
                    return fault
        return None

    def requests(self) -> dict[str, int]:
        """Return how often each method and path was asked, ids left out."""
        with self._lock:
            return dict(self._requests)


class FaultMiddleware:
    """Lets the faults strike before and after the application."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        fault = None
        if scope["type"] == "http" and not scope["path"].startswith(CONTROL_PREFIX):
            fault = self._faults.strike(scope["method"], scope["path"])
        if fault is not None and fault.effect == "status":
            headers = {} if fault.retry_after is None else {"retry-after": fault.retry_after}
            body = envelope(fault.status, "The emulator was asked to fail this request.")
            await JSONResponse(body, fault.status, headers)(scope, receive, send)
            return
        if fault is not None and fault.effect == "latency":
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.effect == "drop_reply":
            scope[DROP_REPLY] = True
            send = _swallow
        await self._app(scope, receive, send)


async def _swallow(_: Message) -> None:
    return


def _route(path: str) -> str:
    """Return a path without the parts that name one thing."""
    pieces = path.split("/")
    if len(pieces) > 3:
        pieces[3] = "{projectId}"
    if len(pieces) > 5 and pieces[4] in ("jobs", "tables", "files"):
        pieces[5] = "{name}"
    if len(pieces) > 7 and pieces[4] == "query":
        pieces[7] = "{queryId}"
    return "/".join(pieces)
