"""
One emulator: its settings, its database and everything that works on it. Nothing of it is global.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any

from fastapi import Depends, Request

from airflow_provider_polaris.emulator.auth import Authenticator
from airflow_provider_polaris.emulator.catalog import Catalog
from airflow_provider_polaris.emulator.engine import Store, Tables
from airflow_provider_polaris.emulator.errors import not_found
from airflow_provider_polaris.emulator.fault_rules import Faults
from airflow_provider_polaris.emulator.identity import Clock
from airflow_provider_polaris.emulator.queries import Queries
from airflow_provider_polaris.emulator.refusals import Refusals
from airflow_provider_polaris.emulator.registry import JobRegistry
from airflow_provider_polaris.emulator.settings import EmulatorSettings
from airflow_provider_polaris.emulator.shelf import Shelf
from airflow_provider_polaris.emulator.upkeep import Upkeep
from airflow_provider_polaris.emulator.wire import JsonBody, read_json

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Emulator:
    """
    The state behind one application.

    :param settings: What it is made with.
    :param clock: Nanoseconds since the epoch.
    :raises StoreError: The database file can't be used.
    """

    def __init__(self, settings: EmulatorSettings, clock: Clock = time.time_ns) -> None:
        self.settings = settings
        self.clock = clock
        self.store = Store(settings.db, now=lambda: _EPOCH + timedelta(microseconds=clock() // 1000))
        self.tables = Tables(self.store)
        self.upkeep = Upkeep(self.store, self.tables)
        self.catalog = Catalog(self.tables, clock, self.upkeep)
        self.shelf = Shelf(self.store, clock)
        self.faults = Faults(clock)
        self.refusals = Refusals()
        self.jobs = JobRegistry(
            self.store, self.tables, self.catalog, self.shelf, self.faults, self.upkeep, settings, clock
        )
        self.queries = Queries(
            self.store,
            self.tables,
            settings.progression,
            clock,
            settings.query_page_rows,
            seen_by_sync=self.upkeep.seen_by_sync,
            seen_by_async=lambda _: self.upkeep.seen_by_async(self.jobs.assumed.realtime_async),
        )
        self.authenticator = Authenticator(settings, clock)

    def close(self) -> None:
        """Close the database; the emulator can't be used afterwards."""
        self.store.close()


def the_emulator(request: Request) -> Emulator:
    """
    Return the emulator that a request came to.

    :raises StorageError: Its database failed for good: what is in memory may be more than what is stored.
    """
    emulator = request.app.state.emulator
    assert isinstance(emulator, Emulator)
    emulator.store.check()
    return emulator


def the_user(request: Request, project_id: str) -> dict[str, Any]:
    """
    Return who asks for something of the project.

    GUESS: a project that doesn't exist is a 404, and credentials are checked first.

    :raises ApiError: 401, 404.
    """
    emulator = the_emulator(request)
    user = emulator.authenticator.authenticate(request.headers.get("authorization"))
    if project_id.lower() != emulator.settings.project_id.lower():
        raise not_found("Project", project_id)
    return user


# The user is a parameter so that it is known before a body is read.
async def the_body(request: Request, _: Annotated[dict[str, Any], Depends(the_user)]) -> JsonBody:
    """Return the JSON object that came with a request."""
    return await read_json(request, the_emulator(request).settings.max_body_bytes)


TheEmulator = Annotated[Emulator, Depends(the_emulator)]
TheUser = Annotated[dict[str, Any], Depends(the_user)]
TheBody = Annotated[JsonBody, Depends(the_body)]
