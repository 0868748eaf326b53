# SPDX-License-Identifier: Apache-2.0
"""Store the cursor of a watched table in Airflow's asset state store, which exists since Airflow 3.3."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from hashlib import sha256
from typing import Any, Final, TypeVar

from airflow_provider_polaris.jobs.errors import PolarisTransportError
from airflow_provider_polaris.triggers.polling.connection import create_isolated_task
from airflow_provider_polaris.triggers.table_watcher.cursor import Cursor, JobSelection

T = TypeVar("T")

#: Maximum wait for the first read, in seconds. A triggerer that has just started takes a few seconds, more on a busy
#: machine.
_READ_SECONDS: Final = 60.0
#: Maximum wait for a write, in seconds. A triggerer that stops may never answer, and is delayed by this time.
_WRITE_SECONDS: Final = 10.0


class CursorStore:
    """
    The cursor of one watcher, stored in the state of each of its assets.

    :param store: The store from Airflow; None for none.
    :param conn_id: The connection.
    :param interest: The watched jobs. With the connection they form the key, so that several watchers of one asset
        don't conflict.
    """

    def __init__(self, store: Any, conn_id: str, interest: JobSelection) -> None:
        self._accessors = _accessors(store)
        identity = json.dumps([conn_id, interest.table, sorted(interest.types)])
        self._key = f"polaris_table_updated_{sha256(identity.encode()).hexdigest()[:16]}"

    @property
    def is_there(self) -> bool:
        """Whether a store exists."""
        return bool(self._accessors)

    async def read(self) -> Cursor | None:
        """
        Return the cursor; None if there is none yet. If there are several, return the latest.

        :raises PolarisProtocolError: The stored value is not a cursor.
        :raises PolarisTransportError: Airflow gave no answer.
        """
        values = [await _answer(accessor.aget(self._key), _READ_SECONDS) for accessor in self._accessors]
        cursors = [Cursor.from_json(value) for value in values if value is not None]
        return max(cursors, key=lambda cursor: cursor.until, default=None)

    async def write(self, cursor: Cursor) -> None:
        """
        Store a cursor.

        :raises PolarisTransportError: Airflow rejected it, or gave no answer.
        """
        for accessor in self._accessors:
            await _answer(accessor.aset(self._key, cursor.to_json()), _WRITE_SECONDS)


def _accessors(store: Any) -> list[Any]:
    """
    Return the state accessors of all assets.

    A trigger may belong to several assets and doesn't receive their names. The store has them, but no public method
    returns them. Source: AssetStateStoreAccessors of Airflow 3.3.2.
    """
    if store is None:
        return []
    several = [*getattr(store, "_by_name", {}).values(), *getattr(store, "_by_uri", {}).values()]
    return several or [store]


async def _answer(request: Awaitable[T], seconds: float) -> T:
    # A separate task that is never canceled, see SharedSettings.
    answer = create_isolated_task(_await(request))
    answer.add_done_callback(lambda task: task.cancelled() or task.exception())  # the caller may be gone
    await asyncio.wait([answer], timeout=seconds)
    if not answer.done():
        raise PolarisTransportError(f"Airflow gave no answer about the asset's state within {seconds:g} s.")
    if answer.cancelled() or (error := answer.exception()) is not None:
        cause = "it was canceled" if answer.cancelled() else repr(error)
        raise PolarisTransportError(f"Airflow can't read or write the asset's state: {cause}.")
    return answer.result()


async def _await(request: Awaitable[T]) -> T:
    return await request
