# SPDX-License-Identifier: Apache-2.0
"""A client whose socket is simulated: shared by the tests of one exchange."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_polaris.client import ClientSettings, PolarisClient
from tests.client.conftest import KEY, Time
from tests.client.wire import Sends, Wire

STATUS = "/v1/projects/p1/jobs/j1/status"
URL = "http://127.0.0.1:9"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"
RUNNING = {"executionStatus": "running"}
OAUTH = {
    "auth": "oauth",
    "api_key": None,
    "client_id": "me",
    "client_secret": "s3cret/s3cret+",
    "token_url": f"{URL}/token",
}

MakeWire = Callable[[Callable[[int], Sends]], Wire]


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def wire(time: Time, monkeypatch: pytest.MonkeyPatch) -> MakeWire:
    return lambda sends: Wire(time, sends).patch(monkeypatch)


def make_client(time: Time, **fields: Any) -> PolarisClient:
    values = {"base_url": URL, "project_id": "p1", "api_key": KEY, "retry_budget": 0.0, **fields}
    return PolarisClient(
        ClientSettings(**values), clock=time.clock, now=time.now, sleep=time.sleep, rng=random.Random(1)
    )


def too_late(what: str, seconds: str = "45 s") -> str:
    return (
        f"{what} failed: the answer from '127.0.0.1:9' was not complete after {seconds}. Raise request_timeout in "
        "connection 'polaris_default' if it needs longer."
    )
