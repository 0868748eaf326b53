# SPDX-License-Identifier: Apache-2.0
"""
The emulator's data engine: tables, segments, documents and blobs in one DuckDB database; runs batch jobs and queries.

This module exports the whole interface. Write a job's rows and its final document in one transaction::

    with store.transaction():
        totals = run_batch(plan, tables, store)
        store.put_document("job", job_id, {**job, "executionStatus": "completed"})

If ``run_batch`` raises :class:`JobFault`, the transaction is unusable. Let the exception leave the ``with`` block,
which rolls back, and write the failed job in a separate transaction. The engine starts no threads, never sleeps, and
reads the time from ``Store(now=...)``.
"""

from __future__ import annotations

from airflow_provider_polaris.emulator.engine.jobs.batch import run_batch
from airflow_provider_polaris.emulator.engine.jobs.mappings import plan_columns
from airflow_provider_polaris.emulator.engine.jobs.realtime import add_realtime, hand_over
from airflow_provider_polaris.emulator.engine.jobs.source import drop_snapshot, take_snapshot
from airflow_provider_polaris.emulator.engine.jobs.sql_ingestion import new_columns, plan_ingestion, run_sql
from airflow_provider_polaris.emulator.engine.model import (
    BatchPlan,
    BatchTotals,
    FileInput,
    JobFault,
    MappingPlan,
    QueryFailed,
    QueryResult,
    Segment,
    SqlPlan,
    StorageError,
    StoreError,
    TableDef,
    TableError,
    TableInput,
    TableStats,
)
from airflow_provider_polaris.emulator.engine.query import plan_query, run_query
from airflow_provider_polaris.emulator.engine.store import Store
from airflow_provider_polaris.emulator.engine.tables.deletion import (
    delete_data,
    drop_table,
    expire,
    find_overlap,
    purge,
    restore_data,
)
from airflow_provider_polaris.emulator.engine.tables.segments import EVERYTHING, PUBLISHED, REALTIME, UNUSED, precached
from airflow_provider_polaris.emulator.engine.tables.tables import Tables
from airflow_provider_polaris.emulator.sql import Column, SqlInvalid, SqlNotSupported

__all__ = [
    "EVERYTHING",
    "PUBLISHED",
    "REALTIME",
    "UNUSED",
    "BatchPlan",
    "BatchTotals",
    "Column",
    "FileInput",
    "JobFault",
    "MappingPlan",
    "QueryFailed",
    "QueryResult",
    "Segment",
    "SqlInvalid",
    "SqlNotSupported",
    "SqlPlan",
    "StorageError",
    "Store",
    "StoreError",
    "TableDef",
    "TableError",
    "TableInput",
    "TableStats",
    "Tables",
    "add_realtime",
    "delete_data",
    "drop_snapshot",
    "drop_table",
    "expire",
    "find_overlap",
    "hand_over",
    "new_columns",
    "plan_columns",
    "plan_ingestion",
    "plan_query",
    "precached",
    "purge",
    "restore_data",
    "run_batch",
    "run_query",
    "run_sql",
    "take_snapshot",
]
