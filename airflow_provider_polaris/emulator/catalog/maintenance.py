"""
What happens to tables as time passes, and what of them is precached: storage policies, loading, the end of the undo.

Time passes when somebody asks; a minute of it is a round, as with Polaris.
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
    Keeps tables as their policies say. Its methods belong under the lock of the jobs.

    :param store: The database, which also has the time.
    :param tables: The engine's tables.
    """

    def __init__(self, store: Store, tables: Tables) -> None:
        self._store = store
        self._tables = tables
        self._next: datetime | None = None
        self._controls = {one["table"]: one for one in store.documents(_KIND)}

    def pass_time(self) -> None:
        """Do the round if it is due."""
        now = self._store.now()
        if self._next is None or now >= self._next:
            with self._store.transaction():
                for table in self._tables.list():
                    self.apply_policy(table)
                purge(now - GRACE, self._tables)
            self._next = now + _ROUND

    def apply_policy(self, table: TableDef) -> None:
        """Delete softly what a table doesn't retain, in the caller's transaction, if there is one."""
        kept = kept_by(table, "retain", self._store.now())
        if kept is not None:
            expire(table.name, kept, self._tables)

    def job_ended(self, target: str) -> None:
        """
        Do what a job that completed brings with it, in its transaction.

        DOCUMENTED https://docs.imply.io/polaris/data-lifecycle-management: data outside of the retention is ingested,
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
        """Return what the control plane says of a table: ``availability`` and ``loadSeconds``."""
        told = self._controls.get(name, {})
        return {"availability": told.get("availability"), "loadSeconds": told.get("loadSeconds", 0)}

    def change_control(self, name: str, changes: Mapping[str, Any]) -> None:
        """Change what the control plane says of a table."""
        self._controls[name] = {"table": name, **self.control(name), **changes}
        self._store.put_document(_KIND, name, self._controls[name])

    def precached_bytes(self, table: TableDef) -> int:
        """Return the size of what synchronous queries see of the published data."""
        return self._tables.stats(table.name, self._precached(table)).total_bytes

    def availability(self, table: TableDef) -> str:
        """
        Return whether a table's data is there to be queried.

        DOCUMENTED https://docs.imply.io/polaris/api-ingest-table: it is unavailable while not all of it is. GUESS: all
        of what is to be precached; what never is doesn't count.
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
        Return what a synchronous query sees.

        DOCUMENTED https://docs.imply.io/polaris/api-query: precached and real-time data only.
        """
        return f"({REALTIME} OR {self._precached(table)})"

    def seen_by_async(self, realtime: str) -> str:
        """
        Return what an asynchronous query sees: DOCUMENTED https://docs.imply.io/polaris/query-async, all that lies in
        deep storage.

        :param realtime: The assumption ``realtime_async``.
        """
        return EVERYTHING if realtime == "show" else PUBLISHED

    def _precached(self, table: TableDef) -> str:
        now = self._store.now()
        seconds = self.control(table.name)["loadSeconds"]
        return precached(kept_by(table, "cached", now), now - timedelta(seconds=seconds) if seconds else None)
