# SPDX-License-Identifier: Apache-2.0
"""
Run the effects of a job on tables, in the caller's transaction.

A job creates its target, copies its source, and writes, deletes or restores rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_polaris.emulator.assumptions import Assumptions
from airflow_provider_polaris.emulator.catalog.tables import Catalog
from airflow_provider_polaris.emulator.engine import (
    BatchTotals,
    Column,
    JobFault,
    Store,
    TableDef,
    TableError,
    TableInput,
    Tables,
    delete_data,
    drop_table,
    new_columns,
    plan_columns,
    plan_ingestion,
    restore_data,
    run_batch,
    run_sql,
    take_snapshot,
)
from airflow_provider_polaris.emulator.job_specs.batch import partitioning_of, plan_of
from airflow_provider_polaris.emulator.job_specs.normalized_spec import COUNT_COLUMN
from airflow_provider_polaris.emulator.job_specs.sql import sql_plan
from airflow_provider_polaris.emulator.job_specs.validated_job import Prepared
from airflow_provider_polaris.emulator.jobs.job import OK, Job
from airflow_provider_polaris.emulator.wire.identifiers import new_job_id
from airflow_provider_polaris.emulator.wire.intervals import parse_interval


def create_job(
    prepared: Prepared,
    body_sha256: str,
    user: Mapping[str, Any],
    *,
    number: int,
    now: int,
    doomed: str | None,
    assumed: Assumptions,
    catalog: Catalog,
    tables: Tables,
) -> Job:
    """
    Create a pending job, with its target table and the copy of its source; the caller stores the job.

    :param prepared: The validated job.
    :param body_sha256: Hash of the raw body of the POST.
    :param user: User of the request.
    :param number: Sequence number of the job.
    :param now: Time of its creation.
    :param doomed: Why the job will fail when it is due; None if no conflict was found.
    :param assumed: The assumptions.
    :param catalog: The catalog that gets a missing table.
    :param tables: The engine's tables.
    :raises ApiError: 400 for an invalid column.
    """
    target = prepared.target or create_target(prepared, user, catalog, tables)
    return Job(
        id=new_job_id(now),
        number=number,
        type=prepared.spec["type"],
        health=OK,
        created=now,
        updated=now,
        created_by=user,
        modified_by=user,
        spec=prepared.spec,
        query=prepared.query,
        aggregations=prepared.aggregations,
        table_id=target.id,
        body_sha256=body_sha256,
        snapshot=keep_source(prepared, assumed, tables),
        doomed=doomed,
    )


def create_target(prepared: Prepared, user: Mapping[str, Any], catalog: Catalog, tables: Tables) -> TableDef:
    """
    Create the table that a job writes to.

    :param prepared: The validated job.
    :param user: User of the request.
    :param catalog: The catalog that gets the table.
    :param tables: The engine's tables.
    :return: The table.
    :raises ApiError: 400 for an invalid column.
    """
    spec = prepared.spec
    if spec["type"] == "sql":
        return _create_sql_target(spec, user, catalog, tables)
    columns: tuple[Column, ...] = ()
    try:
        if spec["type"] == "batch":
            columns = plan_columns(plan_of(spec, prepared.aggregations), tables)
    except JobFault:
        pass  # the job will fail with this fault; its table exists nevertheless
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


def _create_sql_target(spec: Mapping[str, Any], user: Mapping[str, Any], catalog: Catalog, tables: Tables) -> TableDef:
    """
    Create the table that a SQL job writes to.

    DOCUMENTED https://docs.imply.io/polaris/sql-ingestion-reference: it has a column ``__count``, which is null unless
    the statement writes it. GUESS: only if the statement groups rows, which makes an aggregate table.
    """
    found = plan_ingestion(sql_plan(spec), tables)
    columns = new_columns(found)
    measures = found.measures
    if found.groups:
        measures |= {COUNT_COLUMN}
        if all(column.name != COUNT_COLUMN for column in columns):
            columns = (*columns, Column(COUNT_COLUMN, "long"))
    return catalog.create_for_job(
        spec["target"]["tableName"],
        partitioning=spec["partitionedBy"],
        columns=columns,
        measures=measures if found.groups else frozenset(),
        clustering_columns=(),
        user=user,
    )


def keep_source(prepared: Prepared, assumed: Assumptions, tables: Tables) -> str | None:
    """
    Copy the source of a job that reads its source as it is now.

    GUESS: a job reads its source as it is when the job ends, unless ``source_snapshot`` has another value.

    :param prepared: The validated job.
    :param assumed: The assumptions.
    :param tables: The engine's tables.
    :return: The engine's copy; None if there is none.
    """
    if assumed.source_snapshot == "end" or prepared.spec["type"] != "batch":
        return None
    return take_snapshot(plan_of(prepared.spec, prepared.aggregations), tables)


def run_job(job: Job, assumed: Assumptions, tables: Tables, store: Store) -> BatchTotals | int:
    """
    Run a job.

    :param job: The job, not a streaming one.
    :param assumed: The assumptions.
    :param tables: The engine's tables.
    :param store: The database.
    :return: The totals of an ingestion job; for other jobs the number of segments that they deleted or restored.
    :raises JobFault: The job failed; the transaction must be rolled back.
    """
    try:
        if job.type == "batch":
            return _run_batch(job, assumed, tables, store)
        if job.type == "sql":
            plan = replace(
                sql_plan(job.spec), empty_replace=assumed.empty_replace, partial_segment=assumed.partial_segment
            )
            return run_sql(plan, tables, store)
        if job.type == "delete_data":
            return _delete(job, assumed, tables)
        if job.type == "restore_data":
            return _restore(job, assumed, tables)
        segments = tables.stats(job.target_name).segment_count
        drop_table(job.target_name, tables, soft=job.spec["softDelete"])
        return segments
    except TableError as error:
        # GUESS: Polaris has no code for a table that was dropped before the job was due.
        raise JobFault("internal_error", error.message) from error


def _run_batch(job: Job, assumed: Assumptions, tables: Tables, store: Store) -> BatchTotals:
    plan = replace(
        plan_of(job.spec, job.aggregations),
        empty_replace=assumed.empty_replace,
        partial_segment=assumed.partial_segment,
    )
    if isinstance(plan.source, TableInput):
        plan = replace(plan, source=replace(plan.source, snapshot=job.snapshot))
    return run_batch(plan, tables, store)


def _delete(job: Job, assumed: Assumptions, tables: Tables) -> int:
    intervals = [parse_interval(text) for text in job.spec["target"]["intervals"]]
    versions = job.spec["versions"]
    return delete_data(
        job.target_name,
        None if job.spec["deleteAll"] else [(one.start, one.end) for one in intervals],
        tables,
        soft=job.spec["softDelete"],
        versions=versions,
        # DOCUMENTED https://docs.imply.io/polaris/api-delete-data: all segments in the interval, or those of some
        # versions. GUESS: "all" includes the softly deleted ones, unless 'permanent_delete' has another value.
        unused_too=versions is not None or assumed.permanent_delete == "all",
    )


def _restore(job: Job, assumed: Assumptions, tables: Tables) -> int:
    interval = parse_interval(job.spec["interval"])
    segments = restore_data(job.target_name, (interval.start, interval.end), tables, job.spec["versions"])
    if not segments and assumed.empty_restore == "fail":
        raise JobFault("no_rows_ingested", f"table {job.target_name!r} has nothing to restore in {interval}.")
    return segments
