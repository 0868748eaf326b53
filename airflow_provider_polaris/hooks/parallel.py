# SPDX-License-Identifier: Apache-2.0
"""Send up to five requests at once from a worker, each with a client of its own. Reads no connection and no clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import IngestionService

Request = Callable[["IngestionService"], Any]

#: Maximum number of requests at the same time; a worker runs many tasks. A task reads two tables and one list: three
#: requests to Polaris, five to Druid.
MOST_AT_ONCE: Final = 5

#: Longest uninterrupted wait for the other threads in seconds. A kill takes effect within this time.
_SLICE: Final = 0.5


class ParallelClients:
    """
    Sends requests at once: the first one from the calling thread with its client, the others from other threads.

    A client is for one thread, so each of the others has its own. It keeps its connections for the next requests.

    :param client: Returns the client of the calling thread.
    :param new_client: Returns a new client for another thread. Called in the calling thread.
    """

    def __init__(self, client: Callable[[], IngestionService], new_client: Callable[[], IngestionService]) -> None:
        self._client = client
        self._new_client = new_client
        self._others: list[IngestionService] = []

    def ask(self, requests: Sequence[Request], check_alive: Callable[[], None]) -> list[Future[Any]]:
        """
        Send requests, at most five at the same time, and wait for all answers.

        The caller reads the answers in its own order, so it decides which of several errors is raised.

        :param requests: Each is called with a client that no other one uses at that time.
        :param check_alive: Called repeatedly during the wait; raises if the task was killed.
        :return: One future for each request, in the same order, with its result or its ``Exception``.
        :raises BaseException: What ``check_alive`` or a signal handler raised. Requests of other threads continue, and
            their answers are dropped.
        """
        answers: list[Future[Any]] = []
        for start in range(0, len(requests), MOST_AT_ONCE):
            answers += self._ask_at_once(requests[start : start + MOST_AT_ONCE], check_alive)
        return answers

    def close(self) -> None:
        """Close the clients of the other threads."""
        others, self._others = self._others, []
        for client in others:
            client.close()

    def _ask_at_once(self, requests: Sequence[Request], check_alive: Callable[[], None]) -> list[Future[Any]]:
        answers: list[Future[Any]] = [Future() for _ in requests]
        while len(self._others) < len(requests) - 1:
            self._others.append(self._new_client())
        # Taken back at the end. After an interruption a thread may still use its client.
        others, self._others = self._others, []
        for client, request, answer in zip(others, requests[1:], answers[1:], strict=False):
            # A daemon, so that a pending request never delays the end of the process.
            threading.Thread(target=_serve, args=(client, request, answer), name="polaris-request", daemon=True).start()
        try:
            answers[0].set_result(requests[0](self._client()))
        except Exception as error:
            answers[0].set_exception(error)
        while wait(answers, _SLICE).not_done:
            check_alive()
        self._others = others
        return answers


def _serve(client: IngestionService, request: Request, answer: Future[Any]) -> None:
    try:
        answer.set_result(request(client))
    except BaseException as error:  # otherwise the calling thread would wait forever
        answer.set_exception(error)
