# SPDX-License-Identifier: Apache-2.0
"""Read an Airflow connection on the event loop: once for all callers, and again when the service rejects its key."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar

from airflow_provider_polaris.jobs.errors import (
    PolarisAuthError,
    PolarisError,
    PolarisForeignAnswerError,
    PolarisTransportError,
)

if TYPE_CHECKING:
    from airflow_provider_polaris.client import ServiceSettings
    from airflow_provider_polaris.client.service import IngestionService
    from airflow_provider_polaris.triggers.polling.client_threads import ClientThreads

T = TypeVar("T")

#: Minimum seconds between two reads of a connection whose key was rejected.
_REREAD_EVERY: Final = 60.0
#: Maximum wait for Airflow in seconds; a triggerer that has just started takes a few seconds.
_READ_SECONDS: Final = 60.0


def create_isolated_task(coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """
    Create an asyncio task in an empty context. It works for many triggers, so it must not log to the log of the first
    one.

    :param coroutine: The coroutine to run.
    """
    return contextvars.Context().run(asyncio.get_running_loop().create_task, coroutine)


async def answer_within(seconds: float, request: Coroutine[Any, Any, T]) -> T:
    """
    Send a request to Airflow, and wait for the answer for a limited time.

    The request is never canceled, even if the waiting task is. Up to Airflow 3.1, a canceled request breaks the whole
    triggerer, because the next request reads its answer. Source: TriggerCommsDecoder.asend of 3.1.8.

    :param seconds: The time limit.
    :param request: The request. After the limit it continues in its own context, and its answer is dropped.
    :raises TimeoutError: Airflow gave no answer in time, or lost the connection to the triggerer.
    :raises Exception: The request failed.
    """
    task = create_isolated_task(request)
    task.add_done_callback(_retrieve)
    await asyncio.wait([task], timeout=seconds)
    if not task.done() or task.cancelled():
        raise TimeoutError(f"Airflow gave no answer within {seconds:g} s")
    return task.result()


def is_unauthorized(error: object) -> bool:
    """
    Return whether the error may mean that the key is no longer valid. If so, read the connection again.

    A 401 that isn't in Polaris' format counts, too. The answer to a wrong key is not documented for every case.
    """
    return isinstance(error, PolarisAuthError | PolarisForeignAnswerError) and error.status == 401


async def read_settings(conn_id: str) -> ServiceSettings:
    """
    Read a connection without blocking the event loop.

    :param conn_id: The connection.
    :raises PolarisSpecError: It is incomplete or malformed.
    """
    from asgiref.sync import sync_to_async

    from airflow_provider_polaris.hooks.connections.read import read_connection
    from airflow_provider_polaris.hooks.polaris import PolarisHook

    if hasattr(PolarisHook, "aget_connection"):  # since Airflow 3.0
        connection = await PolarisHook.aget_connection(conn_id)
    else:
        connection = await sync_to_async(PolarisHook.get_connection)(conn_id)
    # Runs in asgiref's thread: masking secrets calls Airflow in a way that must not block the loop.
    return (await sync_to_async(read_connection)(connection, conn_id)).client


class SharedSettings:
    """
    Client settings of one connection, shared by all callers.

    :param conn_id: The connection.
    :param read: Reads the connection.
    """

    def __init__(self, conn_id: str, read: Callable[[str], Awaitable[ServiceSettings]]) -> None:
        self._conn_id = conn_id
        self._read = read
        self._settings: ServiceSettings | None = None
        self._reading: asyncio.Task[ServiceSettings] | None = None
        self._reread_at = float("-inf")

    async def call(self, threads: ClientThreads, work: Callable[[IngestionService], T]) -> T:
        """
        Send a request from a thread. If the service rejects the key, retry once with a newer key, if there is one.

        :param threads: Threads for the request.
        :param work: Called with the client.
        :raises PolarisError: ``work`` raised it, or the connection can't be read or used.
        """
        settings = await self.get()
        try:
            return await threads.call(settings, work)
        except PolarisError as error:
            if not is_unauthorized(error) or (newer := await self.get_newer(settings)) is None:
                raise
        return await threads.call(newer, work)

    async def get(self) -> ServiceSettings:
        """
        Return the settings. Concurrent callers share one read.

        :raises PolarisError: The connection can't be read or used.
        """
        if self._settings is not None:
            return self._settings
        return await self._get_new()

    async def get_newer(self, old: ServiceSettings) -> ServiceSettings | None:
        """
        Read the connection again, because the service rejected its key. At most once a minute, for all callers.

        :param old: The settings with that key.
        :return: The settings if they have changed, otherwise None.
        :raises PolarisError: The connection can't be read or used.
        """
        if self._settings is not None and self._settings is not old:
            return self._settings
        now = asyncio.get_running_loop().time()
        if self._reading is None:
            if now - self._reread_at < _REREAD_EVERY:
                return None
            self._reread_at = now
        new = await self._get_new()
        if new == old:
            self._settings = old  # keep the same object, so that the threads keep their clients
            return None
        return new

    async def _get_new(self) -> ServiceSettings:
        if self._reading is None:
            self._reading = create_isolated_task(self._read_once())
            self._reading.add_done_callback(_retrieve)
        reading = self._reading
        # Never canceled: up to Airflow 3.1, a canceled request breaks the whole triggerer, because the next request
        # reads its answer. Source: TriggerCommsDecoder.asend of 3.1.8.
        await asyncio.wait([reading], timeout=_READ_SECONDS)
        if not reading.done():
            raise PolarisTransportError(
                f"connection {self._conn_id!r} can't be read: Airflow gave no answer within {_READ_SECONDS:g} s."
            )
        return reading.result()

    async def _read_once(self) -> ServiceSettings:
        try:
            self._settings = await self._read(self._conn_id)
        except PolarisError:
            raise
        except (Exception, asyncio.CancelledError) as error:
            # Only Airflow cancels this task, when it loses its connection. Callers treat it like other failures.
            raise PolarisTransportError(f"connection {self._conn_id!r} can't be read: {error!r}.") from error
        finally:
            self._reading = None
        return self._settings


def _retrieve(task: asyncio.Task[Any]) -> None:
    """Retrieve the exception of a task, so that asyncio doesn't log it if no caller is left."""
    if not task.cancelled():
        task.exception()
