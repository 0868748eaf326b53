# SPDX-License-Identifier: Apache-2.0
"""Record the requests of a task, and which of them it sent at the same time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from airflow_provider_polaris.client.http.session import PolarisSession
from airflow_provider_polaris.hooks import parallel
from airflow_provider_polaris.hooks.parallel import ParallelClients


class Recorder:
    """
    The rounds of requests: those of one call of ``ask`` are one round, and every other request is a round of its own.

    :param rounds: The requests of each round, sorted: method and path below the project, ids replaced.
    :param clock: A clock that each round advances.
    :param seconds: Seconds that a round takes on it.
    """

    def __init__(self) -> None:
        self.rounds: list[list[str]] = []
        self.clock: Any = None
        self.seconds = 0.2
        self._current: list[str] | None = None

    @property
    def requests(self) -> list[str]:
        """All requests, in the order of their rounds."""
        return [request for each in self.rounds for request in each]

    def add(self, method: str, url: str) -> None:
        path = unquote(urlsplit(url).path.partition("/projects/")[2].partition("/")[2])
        path = re.sub(r"(query-)?[0-9a-f]{8}-[0-9a-f-]{27}", "ID", path)
        if self._current is None:
            self._finish([f"{method} {path}"])
        else:
            self._current.append(f"{method} {path}")

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Put the requests of a block into one round."""
        self._current = []
        try:
            yield
        finally:
            if self._current:
                self._finish(sorted(self._current))
            self._current = None

    def _finish(self, requests: list[str]) -> None:
        self.rounds.append(requests)
        if self.clock is not None:
            self.clock.time += timedelta(seconds=self.seconds)


@pytest.fixture(autouse=True)
def requests_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send requests at once, as a task does."""
    monkeypatch.setattr(parallel, "MOST_AT_ONCE", 3)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Record the requests that the package sends from now on."""
    found = Recorder()
    send, ask = PolarisSession.send, ParallelClients.ask

    def recorded_send(self: Any, request: Any, **options: Any) -> Any:
        if "/__emulator__/" not in request.url:
            found.add(request.method, request.url)
        return send(self, request, **options)

    def recorded_ask(self: Any, requests: Sequence[Any], check_alive: Callable[[], None]) -> Any:
        with found.at_once():
            return ask(self, requests, check_alive)

    monkeypatch.setattr(PolarisSession, "send", recorded_send)
    monkeypatch.setattr(ParallelClients, "ask", recorded_ask)
    return found
