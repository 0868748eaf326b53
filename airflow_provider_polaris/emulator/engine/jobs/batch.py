# SPDX-License-Identifier: Apache-2.0
"""
Run batch jobs: execute a plan as one INSERT ... SELECT, and publish the written rows as segments.

It joins the caller's transaction; without one, it opens its own to be atomic.
"""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_polaris.emulator.engine.data_types import column_type, convert, stored_as
from airflow_provider_polaris.emulator.engine.errors import as_job_faults
from airflow_provider_polaris.emulator.engine.jobs.mappings import Output, translate_job_filter, translate_mappings
from airflow_provider_polaris.emulator.engine.jobs.publish import SegmentPublisher
from airflow_provider_polaris.emulator.engine.jobs.source import Source, close_source, open_source, within
from airflow_provider_polaris.emulator.engine.model import (
    DEFAULT_PARTITIONING,
    BatchPlan,
    BatchTotals,
    FileInput,
    JobFault,
)
from airflow_provider_polaris.emulator.engine.store import Store
from airflow_provider_polaris.emulator.engine.tables.stored_table import SEGMENT_COLUMN, StoredTable
from airflow_provider_polaris.emulator.engine.tables.tables import Tables
from airflow_provider_polaris.emulator.engine.time_chunks import segment_number_sql
from airflow_provider_polaris.emulator.sql import Column
from airflow_provider_polaris.emulator.sql.values.types import canonical
from airflow_provider_polaris.emulator.sql.values.values import MULTI_VALUE, quote_name, quote_text


def run_batch(plan: BatchPlan, tables: Tables, store: Store) -> BatchTotals:
    """
    Run a batch job: read, filter, map, roll up if a mapping aggregates, and store; in replace mode, hide the old data.

    The job joins the caller's transaction, if there is one, and is always atomic. A repeated replace gives the same
    table; a repeated append adds the rows again.

    An append adds segments to the chunks it has rows for. A replace hides every used segment that overlaps its
    intervals, whole, even if a segment is coarser and extends beyond them (DOCUMENTED
    https://docs.imply.io/polaris/api-replace-data), unless the plan's ``partial_segment`` is ``part``. A replace
    without rows also hides them and completes (DOCUMENTED
    https://druid.apache.org/docs/latest/multi-stage-query/reference), unless the context has ``failOnEmptyInsert`` or
    the plan has another ``empty_replace``.

    :return: The totals of the job.
    :raises JobFault: The job failed; the transaction must be rolled back.
    """
    with store.transaction(), as_job_faults(f"job on table {plan.target!r}"):
        outputs = translate_mappings(plan, tables)
        filter_sql = translate_job_filter(plan, tables, outputs)
        target = tables.stored(plan.target)
        load = tables.segments.next_load()
        source = open_source(plan, tables)
        if source.multi_value:
            outputs = translate_mappings(plan, tables, source.multi_value)
            filter_sql = translate_job_filter(plan, tables, outputs, source.multi_value)
        target = prepare_target(target, outputs, tables)
        granularity = plan.partitioned_by or target.definition.partitioning or DEFAULT_PARTITIONING
        select = select_sql(plan, source, outputs, filter_sql, target)
        processed = source.parsed
        if processed is None and any(output.is_aggregation for output in outputs):
            where = f" WHERE {filter_sql}" if filter_sql else ""
            ((processed,),) = store.execute(f"SELECT count(*) FROM ({source.relation_sql}) AS source{where}")
        persisted = insert_rows(plan, outputs, select, segment_number_sql(granularity, load, "o_time"), target, store)
        close_source(plan, tables)
        if processed is None:
            processed = persisted
        publish_rows(plan, SegmentPublisher(load, granularity, target, persisted), tables)
    size = source.size_bytes if source.size_bytes is not None else round(processed * source.row_bytes)
    return BatchTotals(processed, persisted, source.skipped, size)


def publish_rows(plan: BatchPlan, publisher: SegmentPublisher, tables: Tables) -> None:
    """
    Publish the rows of a job, or do with a job without rows what its plan says.

    :raises JobFault: ``no_rows_ingested``, and those of :meth:`SegmentPublisher.publish`.
    """
    is_empty_replace = not publisher.rows and plan.mode == "replace"
    fails = plan.context.get("failOnEmptyInsert") in (True, "true")
    if not publisher.rows and (fails or (is_empty_replace and plan.empty_replace == "fail")):
        raise JobFault("no_rows_ingested", f"the job produced no rows for table {plan.target!r}.")
    if not (is_empty_replace and plan.empty_replace == "keep"):
        publisher.publish(plan, tables)


def prepare_target(target: StoredTable, outputs: Sequence[Output], tables: Tables) -> StoredTable:
    """Create the missing columns of the target."""
    known = {column.name: column for column in target.columns}
    missing = []
    multi_value = [output.column for output in outputs if output.expression.data_type == MULTI_VALUE]
    for output in outputs:
        column = known.get(output.column)
        if column is None:
            if target.definition.schema_mode == "strict":
                raise JobFault(
                    "query_not_supported",
                    f"table {target.definition.name!r} has a strict schema without column {output.column!r}.",
                )
            column = Column(output.column, column_type(output.column, output.expression.data_type))
        if column.name not in target.physical:
            duckdb_type = stored_as(column.data_type)
            if duckdb_type is None:
                raise JobFault(
                    "column_type_not_supported",
                    f"column {column.name!r}: the emulator can't store data type {column.data_type!r}.",
                )
            missing.append((column, duckdb_type))
    target = tables.add_columns(target, missing) if missing else target
    changing = [
        column.name
        for column in target.columns
        if column.name in multi_value and canonical(column.data_type) == "string" and not target.is_multi_value(column)
    ]
    return tables.add_columns(target, (), changing) if changing else target


def select_sql(
    plan: BatchPlan, source: Source, outputs: Sequence[Output], filter_sql: str | None, target: StoredTable
) -> str:
    """
    Build the SELECT for the rows to store.

    The output columns are ``o_time``, ``o1``, ``o2``, ..., because an output with the name of an input would shadow it.
    """
    types = {column.name: column.data_type for column in target.query_columns}
    groups = any(output.is_aggregation for output in outputs)
    items = []
    for position, output in enumerate(outputs):
        have, want = output.expression.data_type, types[output.column]
        sql = convert(output.expression.sql, have, want)
        if have == MULTI_VALUE and groups and sql is not None:
            sql = _one_value(sql, output.column)
        if sql is None:
            raise JobFault(
                "query_not_supported",
                f"mapping of column {output.column!r}: the expression has type {have}, but the column of table "
                f"{target.definition.name!r} has type {want}. CAST the expression.",
            )
        items.append(f"{sql} AS {_alias(position)}")
    conditions = [filter_sql] if filter_sql else []
    if isinstance(plan.source, FileInput) and plan.mode == "replace" and not plan.replace_all:
        # GUESS: a file has no __time before the mapping, so the mapped value is compared.
        conditions.append(within(f"({outputs[0].expression.sql})", plan.intervals))
    where = " WHERE " + " AND ".join(f"({condition})" for condition in conditions) if conditions else ""
    grouped = ""
    if groups:
        keys = [str(position) for position, output in enumerate(outputs, 1) if not output.is_aggregation]
        grouped = f" GROUP BY {', '.join(keys)}" if keys else ""
    return f"SELECT {', '.join(items)} FROM ({source.relation_sql}) AS source{where}{grouped}"


def _one_value(sql: str, column: str) -> str:
    """
    Let the job fail if a row has several values of a key.

    OBSERVED(Druid 27) with ``groupByEnableMultiValueUnnesting: false``, which Druid's documentation requires for jobs.
    """
    message = quote_text(
        f"Column [{column}] is a multi-value string. Please wrap the column using MV_TO_ARRAY() to proceed further."
    )
    return f"list_transform([{sql}], lambda __key: CASE WHEN len(__key) > 1 THEN error({message}) ELSE __key END)[1]"


def _alias(position: int) -> str:
    return f"o{position}" if position else "o_time"


def insert_rows(
    plan: BatchPlan,
    outputs: Sequence[Output],
    select: str,
    segment_sql: str,
    target: StoredTable,
    store: Store,
) -> int:
    """Insert the rows of a SELECT, with the number of their segment, and return how many there are."""
    names = [output.column for output in outputs]
    order = []
    for column in plan.clustering_columns:
        if column not in names:
            raise JobFault("query_not_supported", f"clustering column {column!r} is not mapped.")
        order.append(_alias(names.index(column)))
    columns = ", ".join([f'"{SEGMENT_COLUMN}"', *map(quote_name, names)])
    values = ", ".join([segment_sql, *map(_alias, range(len(names)))])
    ordered = f" ORDER BY {', '.join(order)}" if order else ""
    ((count,),) = store.execute(
        f"INSERT INTO {target.data_name} ({columns}) SELECT {values} FROM ({select}) AS output{ordered}"
    )
    return int(count)
