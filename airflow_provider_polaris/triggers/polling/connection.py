"""Reads an Airflow connection on the event loop: once for all who need it, again when Polaris refuses its key."""

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
    from airflow_provider_polaris.client import ClientSettings, PolarisClient
    from airflow_provider_polaris.triggers.polling.client_threads import ClientThreads

T = TypeVar("T")

#: A key that was refused is looked up again at most so often, in seconds.
_REREAD_EVERY: Final = 60.0
#: How long to wait for Airflow; a triggerer that has just started takes some seconds.
_READ_SECONDS: Final = 60.0


def create_isolated_task(coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """
    Start a task in a fresh context: what it does for many must not land in the log of the one who came first.

    :param coroutine: What to run.
    """
    return contextvars.Context().run(asyncio.get_running_loop().create_task, coroutine)


async def answer_within(seconds: float, asking: Coroutine[Any, Any, T]) -> T:
    """
    Ask Airflow, and wait for its answer for a limited time.

    The request is never canceled, not even with the task that waits for it: up to Airflow 3.1 a call to Airflow that is
    canceled halfway breaks the whole triggerer, because the next call takes its answer. Source:
    TriggerCommsDecoder.asend of 3.1.8.

    :param seconds: The limit.
    :param asking: The request; it goes on in a context of its own when the time is up, and its answer is dropped.
    :raises TimeoutError: Airflow gave no answer in time, or lost the connection to the triggerer.
    :raises Exception: The request failed.
    """
    task = create_isolated_task(asking)
    task.add_done_callback(_retrieve)
    await asyncio.wait([task], timeout=seconds)
    if not task.done() or task.cancelled():
        raise TimeoutError(f"Airflow gave no answer within {seconds:g} s")
    return task.result()


def is_unauthorized(error: object) -> bool:
    """
    Return whether the error may mean that the key is no longer valid, so that the connection is worth reading again.

    A 401 that isn't in Polaris' form counts too: what Polaris answers to a wrong key is not documented for every case.
    """
    return isinstance(error, PolarisAuthError | PolarisForeignAnswerError) and error.status == 401


async def read_settings(conn_id: str) -> ClientSettings:
    """
    Read a connection without blocking the loop.

    :param conn_id: The connection.
    :raises PolarisSpecError: It is incomplete or malformed.
    """
    from asgiref.sync import sync_to_async

    from airflow_provider_polaris.hooks.connection import read_connection
    from airflow_provider_polaris.hooks.polaris import PolarisHook

    if hasattr(PolarisHook, "aget_connection"):  # since Airflow 3.0
        connection = await PolarisHook.aget_connection(conn_id)
    else:
        connection = await sync_to_async(PolarisHook.get_connection)(conn_id)
    # In asgiref's thread: it masks secrets, and to do so it calls Airflow in a way that must not block the loop.
    return (await sync_to_async(read_connection)(connection, conn_id)).client


class SharedSettings:
    """
    The settings of one connection.

    :param conn_id: The connection.
    :param read: Reads it.
    """

    def __init__(self, conn_id: str, read: Callable[[str], Awaitable[ClientSettings]]) -> None:
        self._conn_id = conn_id
        self._read = read
        self._settings: ClientSettings | None = None
        self._reading: asyncio.Task[ClientSettings] | None = None
        self._reread_at = float("-inf")

    async def call(self, threads: ClientThreads, work: Callable[[PolarisClient], T]) -> T:
        """
        Ask Polaris in a thread; once more with the newer key, if there is one and the old was refused.

        :param threads: Where to ask.
        :param work: Given the client.
        :raises PolarisError: As ``work`` raises it, or the connection can't be read, or not be used.
        """
        settings = await self.get()
        try:
            return await threads.call(settings, work)
        except PolarisError as error:
            if not is_unauthorized(error) or (newer := await self.get_newer(settings)) is None:
                raise
        return await threads.call(newer, work)

    async def get(self) -> ClientSettings:
        """
        Return the settings; whoever comes while they are being read waits for the same read.

        :raises PolarisError: The connection can't be read, or not be used.
        """
        if self._settings is not None:
            return self._settings
        return await self._get_new()

    async def get_newer(self, old: ClientSettings) -> ClientSettings | None:
        """
        Read the connection again, because Polaris refused its key; not too often, and once for all who ask.

        :param old: The settings with that key.
        :return: The settings if they are others than those, else None.
        :raises PolarisError: The connection can't be read, or not be used.
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
            self._settings = old  # the very same, so that nobody makes a new client
            return None
        return new

    async def _get_new(self) -> ClientSettings:
        if self._reading is None:
            self._reading = create_isolated_task(self._read_once())
            self._reading.add_done_callback(_retrieve)
        reading = self._reading
        # Waited for, but never canceled: up to Airflow 3.1 a call to Airflow that is canceled halfway breaks the whole
        # triggerer, because its answer is taken for that to the next call. Source: TriggerCommsDecoder.asend of 3.1.8.
        await asyncio.wait([reading], timeout=_READ_SECONDS)
        if not reading.done():
            raise PolarisTransportError(
                f"connection {self._conn_id!r} can't be read: Airflow gave no answer within {_READ_SECONDS:g} s."
            )
        return reading.result()

    async def _read_once(self) -> ClientSettings:
        try:
            self._settings = await self._read(self._conn_id)
        except PolarisError:
            raise
        except (Exception, asyncio.CancelledError) as error:
            # Nobody cancels this but Airflow that loses its line; for those who wait it is a failure like others.
            raise PolarisTransportError(f"connection {self._conn_id!r} can't be read: {error!r}.") from error
        finally:
            self._reading = None
        return self._settings


def _retrieve(task: asyncio.Task[Any]) -> None:
    """Look at what a task came to, so that asyncio doesn't complain where everybody has gone before."""
    if not task.cancelled():
        task.exception()
