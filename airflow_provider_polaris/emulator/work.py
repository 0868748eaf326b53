"""
What a job does to tables: it creates its target, keeps its source, writes its rows. All in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_polaris.emulator.assumptions import Assumptions
from airflow_provider_polaris.emulator.batch import Prepared, partitioning_of, plan_of
from airflow_provider_polaris.emulator.catalog import Catalog
from airflow_provider_polaris.emulator.engine import (
    BatchTotals,
    JobFault,
    Store,
    TableDef,
    TableInput,
    Tables,
    plan_columns,
    run_batch,
    take_snapshot,
)
from airflow_provider_polaris.emulator.job import Job


def create_target(prepared: Prepared, user: Mapping[str, Any], catalog: Catalog, tables: Tables) -> TableDef:
    """
    Create the table that a job writes to.

    :param prepared: The job.
    :param user: Who asks.
    :param catalog: Where the table goes.
    :param tables: The engine's tables.
    :return: The table.
    :raises ApiError: 400 for a column that no table can have.
    """
    spec = prepared.spec
    try:
        columns = plan_columns(plan_of(spec, prepared.aggregations), tables)
    except JobFault:
        columns = ()  # the job will fail with this fault; its table is there all the same
    measures = {
        one["columnName"]
        for one, aggregation in zip(spec["mappings"], prepared.aggregations, strict=True)
        if aggregation
    }
    return catalog.create_for_job(
        spec["target"]["tableName"],
        partitioning=partitioning_of(spec, None),
        columns=columns,
        measures=frozenset(measures),
        clustering_columns=spec.get("clusteringColumns", ()),
        user=user,
    )


def keep_source(prepared: Prepared, assumed: Assumptions, tables: Tables) -> str | None:
    """
    Keep what a job will read, if it is to read its source as it is now.

    GUESS: that a job reads its source as it is when the job ends, unless ``source_snapshot`` says otherwise.

    :param prepared: The job.
    :param assumed: How open questions are read.
    :param tables: The engine's tables.
    :return: What the engine keeps; None if it keeps nothing.
    """
    if assumed.source_snapshot == "end":
        return None
    return take_snapshot(plan_of(prepared.spec, prepared.aggregations), tables)


def run_job(job: Job, assumed: Assumptions, tables: Tables, store: Store) -> BatchTotals:
    """
    Read, map and write the rows of a job.

    :param job: The job.
    :param assumed: How open questions are read.
    :param tables: The engine's tables.
    :param store: The database.
    :return: What was counted.
    :raises JobFault: The job failed; the transaction must be rolled back.
    """
    plan = replace(
        plan_of(job.spec, job.aggregations),
        empty_replace=assumed.empty_replace,
        partial_segment=assumed.partial_segment,
    )
    if isinstance(plan.source, TableInput):
        plan = replace(plan, source=replace(plan.source, snapshot=job.snapshot))
    return run_batch(plan, tables, store)
