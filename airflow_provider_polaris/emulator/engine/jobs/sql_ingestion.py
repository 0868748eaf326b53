# SPDX-License-Identifier: Apache-2.0
"""
Run SQL jobs: execute the SELECT of an ingestion statement, and publish its rows as segments, as batch jobs do.
"""

from __future__ import annotations

from typing import Final

from airflow_provider_polaris.emulator.engine.data_types import column_type
from airflow_provider_polaris.emulator.engine.errors import as_job_faults
from airflow_provider_polaris.emulator.engine.jobs.batch import insert_rows, prepare_target, publish_rows, select_sql
from airflow_provider_polaris.emulator.engine.jobs.mappings import MAX_COLUMNS, Output
from airflow_provider_polaris.emulator.engine.jobs.publish import SegmentPublisher
from airflow_provider_polaris.emulator.engine.jobs.source import Source
from airflow_provider_polaris.emulator.engine.model import BatchPlan, BatchTotals, SqlPlan, TableInput
from airflow_provider_polaris.emulator.engine.store import Store
from airflow_provider_polaris.emulator.engine.tables.stored_table import TIME
from airflow_provider_polaris.emulator.engine.tables.tables import Tables
from airflow_provider_polaris.emulator.engine.time_chunks import segment_number_sql
from airflow_provider_polaris.emulator.sql import (
    Column,
    Expression,
    Ingestion,
    SqlInvalid,
    SqlNotSupported,
    translate_ingestion,
)

#: OBSERVED(Druid 27): ``__time`` of rows without one, which only PARTITIONED BY ALL allows.
_NO_TIME: Final = "TIMESTAMP '1970-01-01'"
#: OBSERVED(Druid 27): with ``finalizeAggregations: false`` these store an intermediate value of their own type.
_INTERMEDIATE: Final = ("APPROX_", "COUNT_DISTINCT", "STDDEV", "VAR", "ANY_VALUE", "BLOOM", "STRING_AGG", "ARRAY_")


def plan_ingestion(plan: SqlPlan, tables: Tables) -> Ingestion:
    """
    Translate and check the statement of a SQL job, without reading rows.

    :raises SqlInvalid: Druid refuses the statement.
    :raises SqlNotSupported: The emulator doesn't support it.
    """
    with tables.store.transaction():
        found = translate_ingestion(
            plan.select,
            verb="INSERT" if plan.mode == "append" else "REPLACE",
            table=tables.relation,
            parameters=plan.parameters,
            is_all=plan.partitioned_by == "all",
            join_algorithm=str(plan.context.get("sqlJoinAlgorithm", "broadcast")),
        )
    if len(found.columns) > MAX_COLUMNS:
        raise SqlInvalid(f"Too many output columns (requested = {len(found.columns)}, max = {MAX_COLUMNS})")
    _check_rollup(found, plan)
    _clustering(found, plan)
    return found


def new_columns(found: Ingestion) -> tuple[Column, ...]:
    """Return the columns of a table that a SQL job creates, ``__time`` first."""
    typed = (Column(column.name, column_type(column.name, column.data_type)) for column in found.columns)
    return (TIME, *(column for column in typed if column.name != TIME.name))


def run_sql(plan: SqlPlan, tables: Tables, store: Store) -> BatchTotals:
    """
    Run a SQL job.

    It joins the caller's transaction and is always atomic, like :func:`~.batch.run_batch`. GUESS: the rows that it
    processed are those that the SELECT returned.

    :return: The totals of the job.
    :raises JobFault: The job failed; the transaction must be rolled back.
    """
    with store.transaction(), as_job_faults(f"job on table {plan.target!r}"):
        found = plan_ingestion(plan, tables)
        load = tables.segments.next_load()
        outputs = [
            Output(column.name, Expression(f"c{number}", column.data_type, False, frozenset()), False)
            for number, column in enumerate(found.columns, 1)
        ]
        outputs.sort(key=lambda output: output.column != TIME.name)
        if all(output.column != TIME.name for output in outputs):
            outputs.insert(0, Output(TIME.name, Expression(_NO_TIME, "timestamp", False, frozenset()), False))
        written = _as_batch(plan, _clustering(found, plan))
        target = prepare_target(tables.stored(plan.target), outputs, tables)
        select = select_sql(written, Source(found.sql), outputs, None, target)
        number = segment_number_sql(plan.partitioned_by, load, "o_time")
        persisted = insert_rows(written, outputs, select, number, target, store)
        publish_rows(written, SegmentPublisher(load, plan.partitioned_by, target, persisted), tables)
        stats = tables.segments.totals(target.number)
    return BatchTotals(persisted, persisted, 0, round(persisted * stats.size_bytes / stats.rows) if stats.rows else 0)


def _as_batch(plan: SqlPlan, clustering: tuple[str, ...]) -> BatchPlan:
    """Return the plan of a batch job that writes in the same way."""
    return BatchPlan(
        target=plan.target,
        mode=plan.mode,
        source=TableInput(plan.target),
        mappings=(),
        intervals=plan.intervals,
        replace_all=plan.replace_all,
        partitioned_by=plan.partitioned_by,
        clustering_columns=clustering,
        context=plan.context,
        empty_replace=plan.empty_replace,
        partial_segment=plan.partial_segment,
    )


def _check_rollup(found: Ingestion, plan: SqlPlan) -> None:
    is_final = plan.context.get("finalizeAggregations", True) not in (False, "false")
    for name in sorted(found.aggregates):
        if name.startswith(("LATEST", "EARLIEST")):
            # OBSERVED(Druid 27): stores NULL, or a pair.
            raise SqlNotSupported(f"function '{name}' in an ingestion statement is not supported")
        if not is_final and name.startswith(_INTERMEDIATE):
            raise SqlNotSupported(f"function '{name}' with finalizeAggregations: false is not supported")


def _clustering(found: Ingestion, plan: SqlPlan) -> tuple[str, ...]:
    names = [column.name for column in found.columns]
    columns = []
    for one in plan.clustered_by:
        if isinstance(one, int) and not 1 <= one <= len(names):
            raise SqlInvalid("Ordinal out of range in CLUSTERED BY")
        name = names[one - 1] if isinstance(one, int) else one
        if name not in names:
            raise SqlInvalid(f"Column '{name}' not found in any table")
        columns.append(name)
    return tuple(columns)
