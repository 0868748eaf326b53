# SPDX-License-Identifier: Apache-2.0
"""Requests at once: a client for each thread, answers in order, and no wait for a request after a kill."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from airflow_provider_polaris.hooks import parallel
from airflow_provider_polaris.hooks.parallel import ParallelClients
from airflow_provider_polaris.jobs.errors import PolarisJobCanceledError

#: A limit for broken code; a test that passes never waits for it.
BACKSTOP = 60


@pytest.fixture(autouse=True)
def requests_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send requests at once, as a task does."""
    monkeypatch.setattr(parallel, "MOST_AT_ONCE", 3)


class Client:
    """A client that must not be used by two threads at the same time."""

    def __init__(self) -> None:
        self.is_closed = False
        self._lock = threading.Lock()

    def meet(self, barrier: threading.Barrier, result: Any) -> Any:
        assert self._lock.acquire(blocking=False)
        try:
            barrier.wait(BACKSTOP)
        finally:
            self._lock.release()
        if isinstance(result, BaseException):
            raise result
        return result

    def close(self) -> None:
        self.is_closed = True


class Clients(ParallelClients):
    """Clients in memory."""

    def __init__(self) -> None:
        self.main = Client()
        self.made: list[Client] = []
        super().__init__(lambda: self.main, self._make)  # type: ignore[arg-type,return-value]

    def _make(self) -> Any:
        self.made.append(Client())
        return self.made[-1]

    def meet(self, *results: Any) -> list[Any]:
        """Send requests that all wait for each other; those after the third are in the next rounds."""
        parties = [min(3, len(results) - start) for start in range(0, len(results), 3)]
        barriers = [threading.Barrier(number) for number in parties]
        requests = [
            lambda client, barrier=barriers[number // 3], result=result: client.meet(barrier, result)
            for number, result in enumerate(results)
        ]
        return self.ask(requests, lambda: None)


def test_ask_sends_three_requests_at_the_same_time_with_a_client_each() -> None:
    """The first is sent by the caller with its own client; the others keep theirs for the next requests."""
    clients = Clients()
    assert [answer.result() for answer in clients.meet(1, 2, 3)] == [1, 2, 3]
    assert [answer.result() for answer in clients.meet(4, 5)] == [4, 5]
    assert [answer.result() for answer in clients.meet(6)] == [6]
    assert len(clients.made) == 2
    clients.close()
    assert [client.is_closed for client in (*clients.made, clients.main)] == [True, True, False]


def test_ask_sends_at_most_three_at_the_same_time() -> None:
    """A fourth request waits for the first three."""
    clients = Clients()
    assert [answer.result() for answer in clients.meet(1, 2, 3, 4, 5)] == [1, 2, 3, 4, 5]
    assert len(clients.made) == 2


def test_ask_keeps_every_error_for_its_own_answer() -> None:
    """The order in which the caller reads the answers decides which error is raised."""
    first, third = ValueError("first"), KeyError("third")
    answers = Clients().meet(first, 2, third)
    assert [answer.exception() for answer in answers] == [first, None, third]
    assert answers[1].result() == 2


def test_ask_after_a_kill_doesnt_wait_for_a_request() -> None:
    """A request without an answer continues with its client, which nothing else uses from then on."""
    clients = Clients()
    answered = threading.Event()

    def killed() -> None:
        raise PolarisJobCanceledError("the task was killed.", job_id="")

    with pytest.raises(PolarisJobCanceledError):
        clients.ask([lambda _: 1, lambda _: answered.wait(BACKSTOP)], killed)
    assert [answer.result() for answer in clients.meet(1, 2)] == [1, 2]
    assert len(clients.made) == 2
    answered.set()


def test_ask_interrupted_in_its_own_request_raises_at_once() -> None:
    """Airflow's time-out is an exception of no usual kind; it isn't kept for later."""

    def interrupted(_: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Clients().ask([interrupted, lambda _: 2], lambda: None)
