# SPDX-License-Identifier: Apache-2.0
"""
The state of one emulator: its settings, its database and the objects that use it. Nothing is global but the DuckDB
instance in which each emulator in memory has its own database.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

from airflow_provider_polaris.emulator.auth import Authenticator
from airflow_provider_polaris.emulator.catalog.files import FileStore
from airflow_provider_polaris.emulator.catalog.maintenance import TableMaintenance
from airflow_provider_polaris.emulator.catalog.tables import Catalog
from airflow_provider_polaris.emulator.engine import Store, Tables
from airflow_provider_polaris.emulator.faults.rules import Faults
from airflow_provider_polaris.emulator.jobs.registry import JobRegistry
from airflow_provider_polaris.emulator.queries.statements import Queries
from airflow_provider_polaris.emulator.settings import EmulatorSettings
from airflow_provider_polaris.emulator.wire.identifiers import Clock
from airflow_provider_polaris.emulator.wire.rejected_requests import RejectedRequests

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Emulator:
    """
    The state of one application.

    :param settings: Settings of the emulator.
    :param clock: Nanoseconds since the epoch.
    :raises StoreError: The database file can't be used.
    """

    def __init__(self, settings: EmulatorSettings, clock: Clock = time.time_ns) -> None:
        self.settings = settings
        self.clock = clock
        self.store = Store(settings.db, now=lambda: _EPOCH + timedelta(microseconds=clock() // 1000))
        self.tables = Tables(self.store)
        self.maintenance = TableMaintenance(self.store, self.tables)
        self.catalog = Catalog(self.tables, clock, self.maintenance)
        self.file_store = FileStore(self.store, clock)
        self.faults = Faults(clock)
        self.refusals = RejectedRequests()
        self.jobs = JobRegistry(
            self.store, self.tables, self.catalog, self.file_store, self.faults, self.maintenance, settings, clock
        )
        self.queries = Queries(
            self.store,
            self.tables,
            settings.progression,
            clock,
            settings.query_page_rows,
            seen_by_sync=self.maintenance.seen_by_sync,
            seen_by_async=lambda _: self.maintenance.seen_by_async(self.jobs.assumed.realtime_async),
        )
        self.authenticator = Authenticator(settings, clock)

    def close(self) -> None:
        """End the background thread and close the database; the emulator can no longer be used."""
        self.jobs.close()
        self.store.close()
