"""
Copies of what a job will read, for jobs that read their source as it was when they were posted.
"""

from __future__ import annotations

from airflow_provider_polaris.emulator.engine.model import BatchPlan, FileInput
from airflow_provider_polaris.emulator.engine.source import open_source
from airflow_provider_polaris.emulator.engine.tables import Tables


def take_snapshot(plan: BatchPlan, tables: Tables) -> str | None:
    """
    Copy the rows that a job would read now, in the caller's transaction.

    :return: What :class:`TableInput` takes as ``snapshot``; None for files, which can't change.
    :raises TableError: The source table doesn't exist.
    """
    if isinstance(plan.source, FileInput):
        return None
    # Numbers of loads only have to grow: a gap in them does no harm.
    name = f"snapshot_{tables.segments.next_load()}"
    tables.store.execute(f"CREATE TABLE {name} AS {open_source(plan, tables).relation_sql}")
    return name


def drop_snapshot(name: str, tables: Tables) -> None:
    """Remove a copy, in the caller's transaction."""
    tables.store.execute(f"DROP TABLE {name}")
