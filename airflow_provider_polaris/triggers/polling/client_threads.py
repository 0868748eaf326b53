# SPDX-License-Identifier: Apache-2.0
"""
Daemon threads that run blocking requests for an event loop. Each thread has its own client.

:mod:`concurrent.futures` doesn't fit: it joins its threads at interpreter exit, and a stopping triggerer must not wait
    for a request. asyncio objects are used on the loop only.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from airflow_provider_polaris.client import ServiceSettings
    from airflow_provider_polaris.client.service import IngestionService

T = TypeVar("T")


def new_client(settings: ServiceSettings) -> IngestionService:
    """Return a client with its own session."""
    from airflow_provider_polaris.client import connect

    return connect(settings)


class ClientThreads:
    """
    A small pool of threads that processes work in order of arrival.

    :param name: Name of the threads.
    :param most: Maximum number of threads; each starts on demand.
    :param stay: Whether an idle thread keeps its connection and waits until :meth:`close`. Otherwise it ends.
    :param retry_budget: Seconds in which a client may retry a request.
    :param make_client: Creates the clients.
    """

    def __init__(
        self,
        name: str,
        *,
        most: int,
        stay: bool,
        retry_budget: float,
        make_client: Callable[[ServiceSettings], IngestionService] = new_client,
    ) -> None:
        self._name = name
        self._most = most
        self._stay = stay
        self._retry_budget = retry_budget
        self._make_client = make_client
        self._todo: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[Any], ServiceSettings, Callable[..., Any]]]
        self._todo = deque()
        self._something = threading.Condition()
        self._threads = 0
        self._idle = 0

    async def call(self, settings: ServiceSettings, work: Callable[[IngestionService], T]) -> T:
        """
        Run work in a thread. If the caller is canceled, it stops waiting, but the work is still done.

        :param settings: Settings for the client.
        :param work: Called with the client.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._something:
            self._todo.append((loop, future, settings, work))
            if self._idle < len(self._todo) and self._threads < self._most:
                self._threads += 1
                self._start()
            else:
                self._something.notify()
        return await future

    def close(self) -> None:
        """Let the threads end when no work is left; doesn't wait for them."""
        with self._something:
            self._stay = False
            self._something.notify_all()

    def _start(self) -> None:
        # Use an empty context: in some builds of Python a thread inherits the context of the task that started it.
        context = contextvars.Context()
        threading.Thread(target=context.run, args=(self._serve,), name=self._name, daemon=True).start()

    def _serve(self) -> None:
        client: IngestionService | None = None
        known: ServiceSettings | None = None
        while (item := self._next()) is not None:
            loop, future, settings, work = item
            result, error = None, None
            try:
                if client is None or known is not settings:
                    if client is not None:
                        client.close()
                    budget = min(settings.retry_budget, self._retry_budget)
                    client, known = self._make_client(replace(settings, retry_budget=budget)), settings
                result = work(client)
            except BaseException as exception:
                error = exception
            with contextlib.suppress(RuntimeError):  # the loop is closed, so no caller waits
                loop.call_soon_threadsafe(_answer, future, result, error)
            del item, future, loop, work, result, error
        if client is not None:
            client.close()

    def _next(self) -> Any:
        with self._something:
            while not self._todo:
                if not self._stay:
                    self._threads -= 1
                    return None
                self._idle += 1
                self._something.wait()
                self._idle -= 1
            return self._todo.popleft()


def _answer(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
