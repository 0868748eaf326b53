# SPDX-License-Identifier: Apache-2.0
"""
Apply storage policies, simulate segment loading, and purge deleted segments after 30 days.

Time advances when a request arrives. A round runs at most once a minute, as in Polaris.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from airflow_provider_polaris.emulator.catalog.storage_policies import kept_by
from airflow_provider_polaris.emulator.engine import (
    EVERYTHING,
    PUBLISHED,
    REALTIME,
    Store,
    TableDef,
    Tables,
    TableStats,
    expire,
    precached,
    purge,
)

_KIND: Final = "table_control"
#: DOCUMENTED https://docs.imply.io/polaris/data-lifecycle-management: policies are evaluated every minute.
_ROUND: Final = timedelta(minutes=1)
#: DOCUMENTED https://docs.imply.io/polaris/manage-deleted-data: up to 30 days. GUESS: exactly that; the service may
#: shorten it, and take up to 30 days more to delete.
GRACE: Final = timedelta(days=30)


class TableMaintenance:
    """
    Applies the storage policies of tables. Callers hold the lock of the jobs.

    :param store: The database and its clock.
    :param tables: The engine's tables.
    """

    def __init__(self, store: Store, tables: Tables) -> None:
        self._store = store
        self._tables = tables
        self._next: datetime | None = None
        self._controls = {one["table"]: one for one in store.documents(_KIND)}

    def is_due(self) -> bool:
        """Return whether a maintenance round is due; needs no lock."""
        return self._next is None or self._store.now() >= self._next

    def run_due(self) -> None:
        """Run the maintenance round if it is due."""
        if self.is_due():
            now = self._store.now()
            with self._store.transaction():
                for table in self._tables.list():
                    self.apply_policy(table)
                purge(now - GRACE, self._tables)
            self._next = now + _ROUND

    def apply_policy(self, table: TableDef) -> None:
        """Softly delete what a table doesn't retain, in the caller's transaction if there is one."""
        kept = kept_by(table, "retain", self._store.now())
        if kept is not None:
            expire(table.name, kept, self._tables)

    def job_ended(self, target: str) -> None:
        """
        Apply the policy after a job has completed, in the job's transaction.

        DOCUMENTED https://docs.imply.io/polaris/data-lifecycle-management: data outside of the retention is ingested
        and removed immediately.

        :param target: The table that the job wrote.
        """
        table = self._tables.get(target)
        if table is None:
            self._controls.pop(target, None)
            self._store.delete_document(_KIND, target)
        else:
            self.apply_policy(table)

    def control(self, name: str) -> dict[str, Any]:
        """Return the control-plane settings of a table: ``availability`` and ``loadSeconds``."""
        controls = self._controls.get(name, {})
        return {"availability": controls.get("availability"), "loadSeconds": controls.get("loadSeconds", 0)}

    def change_control(self, name: str, changes: Mapping[str, Any]) -> None:
        """Change the control-plane settings of a table."""
        self._controls[name] = {"table": name, **self.control(name), **changes}
        self._store.put_document(_KIND, name, self._controls[name])

    def precached_bytes(self, table: TableDef, published: TableStats) -> int:
        """Return the size of those published data of a table that synchronous queries read."""
        seen = self._precached(table)
        if seen == precached(None, None):  # all of it, which is the usual case and needs no query
            return published.total_bytes
        return self._tables.stats(table.name, seen).total_bytes

    def availability(self, table: TableDef) -> str:
        """
        Return whether a table's data is available for queries.

        DOCUMENTED https://docs.imply.io/polaris/api-ingest-table: it is unavailable until all of it is loaded. GUESS:
        "all" means the data to be precached; other data doesn't count.
        """
        forced = self.control(table.name)["availability"]
        if forced is not None:
            return str(forced)
        if not self.control(table.name)["loadSeconds"]:
            return "available"
        due = precached(kept_by(table, "cached", self._store.now()), None)
        waiting = self._tables.stats(table.name, f"({due} AND NOT {self._precached(table)})").segment_count
        return "unavailable" if waiting else "available"

    def seen_by_sync(self, table: TableDef) -> str:
        """
        Return the condition for segments that a synchronous query reads.

        DOCUMENTED https://docs.imply.io/polaris/api-query: precached and real-time data only.
        """
        return f"({REALTIME} OR {self._precached(table)})"

    def seen_by_async(self, realtime: str) -> str:
        """
        Return the condition for segments that an asynchronous query reads.

        DOCUMENTED https://docs.imply.io/polaris/query-async: everything in deep storage.

        :param realtime: The assumption ``realtime_async``.
        """
        return EVERYTHING if realtime == "show" else PUBLISHED

    def _precached(self, table: TableDef) -> str:
        now = self._store.now()
        seconds = self.control(table.name)["loadSeconds"]
        return precached(kept_by(table, "cached", now), now - timedelta(seconds=seconds) if seconds else None)
