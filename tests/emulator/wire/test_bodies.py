# SPDX-License-Identifier: Apache-2.0
"""Bodies are read in pieces, up to a limit."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.formparsers import MultiPartException

from airflow_provider_polaris.emulator.wire import bodies
from airflow_provider_polaris.emulator.wire.bodies import LimitedBody, drain, read_whole
from airflow_provider_polaris.emulator.wire.errors import ApiError


class Endless:
    """A client that sends pieces of ten bytes until the reader stops, at most the given number."""

    def __init__(self, pieces: int = 1_000_000) -> None:
        self.pieces = pieces
        self.read = 0

    async def __call__(self) -> dict[str, Any]:
        self.read += 1
        return {"type": "http.request", "body": b"x" * 10, "more_body": self.read < self.pieces}


@pytest.fixture(autouse=True)
def small_limit(monkeypatch) -> None:
    """Set the limit to 100 bytes."""
    monkeypatch.setattr(bodies, "MOST_BYTES", 100)


def test_unwanted_body_is_read_to_its_end_or_to_the_limit() -> None:
    """A client that sends forever doesn't block the emulator."""
    short, endless = Endless(3), Endless()
    asyncio.run(drain(short))
    asyncio.run(drain(endless))
    assert (short.read, endless.read) == (3, 11)


def test_body_for_later_is_kept_up_to_the_limit() -> None:
    """A longer body is rejected; the emulator reads little more than twice the limit."""
    assert asyncio.run(read_whole(Endless(10))) == b"x" * 100
    endless = Endless()
    with pytest.raises(ApiError) as caught:
        asyncio.run(read_whole(endless))
    assert (caught.value.status, caught.value.message) == (
        413,
        "The body is longer than 100 bytes, and no more is kept for later.",
    )
    assert endless.read == 22


def test_form_is_read_up_to_the_limit() -> None:
    """The first piece beyond the limit ends the read."""
    endless = Endless()
    body = LimitedBody(endless, 30)

    async def read_all() -> None:
        for _ in range(100):
            await body()

    with pytest.raises(MultiPartException):
        asyncio.run(read_all())
    assert (endless.read, body.is_too_long) == (4, True)


def test_request_that_a_fault_keeps_for_later_has_a_limit(api) -> None:
    """The control plane can't be used to fill the memory, and the client receives the reason."""
    api.fault(effect="status", takesEffect="later", afterSeconds=5, method="POST", times=None)
    assert api.call("POST", "/jobs", {"x": "y" * 200}) == (
        413,
        {
            "code": "PayloadTooLarge",
            "message": "The body is longer than 100 bytes, and no more is kept for later.",
        },
    )
    assert api.control("GET", "/counters")[1]["lateRequests"] == 0
    assert api.call("POST", "/jobs", {})[0] == 503
    assert api.control("GET", "/counters")[1]["lateRequests"] == 1
