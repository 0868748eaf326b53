# SPDX-License-Identifier: Apache-2.0
"""The client of Druid without a Druid: a process that is gone is no refusal of a query."""

from __future__ import annotations

import socket
from typing import Any

import pytest

URLS = ("http://broker", "http://coordinator", "http://historical")


@pytest.fixture
def client(load: Any) -> Any:
    return load("druid_client")


def druid(client: Any, monkeypatch: pytest.MonkeyPatch, category: str, *, gone: str | None) -> Any:
    """A Druid that refuses each query, and one of whose processes may not answer."""

    def call(url: str, body: Any = None) -> Any:
        if body is not None:
            raise client.DruidError(500, {"category": category, "errorMessage": "Channel disconnected"})
        if gone is not None and url.startswith(gone):
            raise client.DruidGone(gone, "Connection refused")
        return True

    monkeypatch.setattr(client, "call", call)
    return client.Druid(*URLS)


@pytest.mark.parametrize("gone", URLS)
def test_refusal_by_a_druid_without_a_process_is_none(client: Any, monkeypatch: Any, gone: str) -> None:
    """The emulator isn't lenient because it answers."""
    with pytest.raises(client.DruidGone) as raised:
        druid(client, monkeypatch, "RUNTIME_FAILURE", gone=gone).select("SELECT 1")
    assert str(raised.value) == f"Druid's process at {gone} doesn't answer: Connection refused"


@pytest.mark.parametrize(("category", "gone"), [("RUNTIME_FAILURE", None), ("INVALID_INPUT", URLS[2])])
def test_refusal_is_an_outcome(client: Any, monkeypatch: Any, category: str, gone: str | None) -> None:
    """All processes answer, or the error is about the query."""
    outcome = druid(client, monkeypatch, category, gone=gone).select("SELECT 1")
    assert (outcome.kind, outcome.message) == (category, "Channel disconnected")


def test_address_without_a_process_is_named(client: Any) -> None:
    """A broker that ended refuses the connection."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(client.DruidGone, match=f"^Druid's process at {url} doesn't answer: .*refused") as raised:
        client.call(f"{url}/status/health")
    assert isinstance(raised.value, OSError)
    assert not client.Druid(url, url, url).is_running()
