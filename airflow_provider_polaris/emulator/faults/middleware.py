# SPDX-License-Identifier: Apache-2.0
"""
Apply faults between the server and the application.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_polaris.emulator.faults.fault import Fault
from airflow_provider_polaris.emulator.faults.rules import Faults, LateRequest
from airflow_provider_polaris.emulator.wire.bodies import drain, read_whole
from airflow_provider_polaris.emulator.wire.errors import ApiError, envelope
from airflow_provider_polaris.emulator.wire.requests import CONTROL_PREFIX

log = logging.getLogger("airflow_provider_polaris.emulator")

#: Key in the scope of a request: the server closes its connection without a reply.
DROP_REPLY: Final = "polaris_emulator.drop_reply"
_HEALTH: Final = f"{CONTROL_PREFIX}/health"


class FaultMiddleware:
    """
    Applies faults before and after the application, and runs postponed requests when they are due.

    :param app: The application.
    :param faults: The rules.
    """

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["path"] == _HEALTH:
            await self._app(scope, receive, send)
            return
        for late in self._faults.take_due():
            await self._run_late(late)
        fault = None
        if not scope["path"].startswith(CONTROL_PREFIX):
            fault = self._faults.take_fault(scope["method"], scope["path"])
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.effect == "latency" and fault.takes_effect == "now":
            await self._hold_reply(fault.seconds, scope, receive, send)
        elif fault.effect == "latency":
            await asyncio.sleep(fault.seconds)
            await self._app(scope, receive, send)
        else:
            await self._replace_reply(fault, scope, receive, send)

    async def _hold_reply(self, seconds: float, scope: Scope, receive: Receive, send: Send) -> None:
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._app(scope, receive, keep)
        await asyncio.sleep(seconds)
        for message in answer:
            await send(message)

    async def _replace_reply(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.request_takes_effect == "now":
            await self._app(scope, receive, _discard)
        elif fault.request_takes_effect == "later":
            try:
                body = await read_whole(receive)
            except ApiError as error:
                await JSONResponse(error.envelope(), error.status, {"connection": "close"})(scope, receive, send)
                return
            if body is not None:
                self._faults.postpone(scope, body, fault)
        else:
            await drain(receive)
        if fault.effect == "drop_reply":
            scope[DROP_REPLY] = True
            return
        headers = {} if fault.retry_after is None else {"retry-after": fault.retry_after}
        answer = envelope(fault.status, "A fault of the emulator rejects this request.")
        await JSONResponse(answer, fault.status, headers)(scope, receive, send)

    async def _run_late(self, late: LateRequest) -> None:
        messages: list[Message] = [{"type": "http.request", "body": late.body, "more_body": False}]

        async def receive() -> Message:
            return messages.pop() if messages else {"type": "http.disconnect"}

        try:
            await self._app(late.scope, receive, _discard)
        except Exception:
            # A failed late request must not fail the current request.
            log.exception("the late request %s %s failed", late.scope["method"], late.scope["path"])


async def _discard(_: Message) -> None:
    return
