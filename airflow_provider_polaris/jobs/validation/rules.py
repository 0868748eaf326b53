# SPDX-License-Identifier: Apache-2.0
"""
Validate a job before it is sent; performs no I/O.

Each rule raises a message with the field, its value, the rule and the fix. A rule that needs the description of a table
is skipped if there is none.

Sources: polaris-sdk 20250425.14.0 (documentation of the fields); docs.imply.io/polaris/api-ingest-table,
/api-replace-data, /api-delete-data, /api-restore-data, /tables, /partitioning and /ingest-with-filters.
"""

from __future__ import annotations

from itertools import pairwise

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.spec.job_spec import (
    MAX_PARSE_EXCEPTIONS,
    BatchJobSpec,
    DeleteDataJobSpec,
    DropTableJobSpec,
    JobSpec,
    RestoreDataJobSpec,
    SqlJobSpec,
    TableSource,
    UploadedSource,
)
from airflow_provider_polaris.jobs.sql.expressions import read_expression
from airflow_provider_polaris.jobs.sql.parsing import first_keyword
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.tables.name import check_table_name
from airflow_provider_polaris.jobs.time.instant import quote
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.jobs.validation.alignment import check_alignment
from airflow_provider_polaris.jobs.validation.deletion import _check_delete, _check_no_intervals
from airflow_provider_polaris.jobs.validation.expressions import check_filter, check_mappings

__all__ = ["TableDescription", "check_spec", "check_table_name"]


def check_spec(
    spec: JobSpec,
    *,
    source: TableDescription | None = None,
    target: TableDescription | None = None,
    target_known_absent: bool = False,
    allow_finer_partitions: bool = False,
    allow_self_append: bool = False,
    derived_interval: bool = False,
    interval_hint: str | None = None,
) -> None:
    """
    Refuse a job that Polaris would refuse, that would fail, or that would do harm.

    :param spec: The rendered job.
    :param source: Description of the source table, if known.
    :param target: Description of the target table, if known.
    :param target_known_absent: The target does not exist; its partitioning is ``partitionedBy``, otherwise by day.
    :param allow_finer_partitions: Allow replace intervals that are aligned only to a ``partitionedBy`` finer than the
        table's own partitioning. Coarser segments that they overlap are erased whole.
    :param allow_self_append: Allow an append job that reads its own target, which doubles the rows.
    :param derived_interval: The interval was derived from the run, not written by the user. It must be aligned in
        append mode, too.
    :param interval_hint: Time zone of the timetable (``Europe/Berlin`` or ``+02:00``). The message names it if it
        explains the misalignment.
    :raises PolarisSpecError: A rule is violated. The message gives the field, its value, the rule and the fix.
    """
    if isinstance(spec, SqlJobSpec):
        _check_sql(spec)
        return
    check_table_name(spec.target.table_name, "target.tableName")
    if isinstance(spec, DeleteDataJobSpec):
        _check_delete(spec)
    elif isinstance(spec, RestoreDataJobSpec | DropTableJobSpec):
        _check_no_intervals(spec)
    else:
        _check_source(spec, source)
        _check_target(spec, target, target_known_absent)
        _check_mode(spec, derived_interval)
        _check_same_table(spec, allow_self_append)
        check_filter(spec.filter_expression)
        check_mappings(spec, source=source, target=target)
        _check_settings(spec)
        _check_reach(spec)
        check_alignment(
            spec,
            target=target,
            target_known_absent=target_known_absent,
            allow_finer_partitions=allow_finer_partitions,
            derived_interval=derived_interval,
            interval_hint=interval_hint,
        )


def _check_source(spec: BatchJobSpec, facts: TableDescription | None) -> None:
    if isinstance(spec.source, TableSource):
        check_table_name(spec.source.table_name, "source.tableName")
    if isinstance(spec.source, UploadedSource) and not spec.source.file_list:
        raise PolarisSpecError(
            "source.fileList [] is empty: there is nothing to read. Name at least one uploaded file."
        )
    if isinstance(spec.source, UploadedSource) and not spec.source.input_schema:
        raise PolarisSpecError(
            "source.inputSchema [] is empty: Polaris reads only the fields that it names. "
            'Add each field, for example {"name": "city", "dataType": "string"}.'
        )
    availability = (facts.availability or "").lower() if facts is not None else ""
    if facts is not None and availability in ("unavailable", "deleting"):
        fix = (
            "Wait until it is available, then run the task again." if availability == "unavailable" else "Use another."
        )
        raise PolarisSpecError(
            f"source.tableName {facts.name!r} is {quote(facts.availability)}: "
            f"Polaris can't ingest from such a table. {fix}"
        )


def _check_target(spec: BatchJobSpec, facts: TableDescription | None, known_absent: bool) -> None:
    if facts is not None and (facts.availability or "").lower() == "deleting":
        raise PolarisSpecError(
            f"target.tableName {facts.name!r} is {quote(facts.availability)}: what the job writes would be deleted "
            "too. Wait until it is deleted, then create it again."
        )
    if known_absent and not spec.create_table_if_not_exists:
        raise PolarisSpecError(
            f"target.tableName {quote(spec.target.table_name)} does not exist and createTableIfNotExists is false. "
            "Set it to true, or create the table first."
        )


def _check_mode(spec: BatchJobSpec, derived_interval: bool) -> None:
    intervals = list(spec.target.intervals or ())
    if spec.ingestion_mode == "append":
        mode = "ingestionMode 'append'" + ("" if "ingestion_mode" in spec.model_fields_set else " (the default)")
        if intervals:
            raise PolarisSpecError(
                f"target.intervals {quote(intervals)} cannot be combined with {mode}, which replaces nothing. "
                "Set ingestionMode to 'replace', or leave them out."
            )
        if spec.replace_all:
            raise PolarisSpecError(
                f"replaceAll True cannot be combined with {mode}, which replaces nothing. "
                "Set ingestionMode to 'replace', or leave it out."
            )
        return
    if intervals and spec.replace_all:
        raise PolarisSpecError(
            f"replaceAll True cannot be combined with target.intervals {quote(intervals)}: a job replaces all "
            "data or those "
            "intervals. Leave one of the two out."
        )
    if not intervals and not spec.replace_all:
        raise PolarisSpecError(
            "target.intervals is missing or empty, and ingestionMode 'replace' needs the intervals to replace. Name "
            "the intervals. Set replaceAll to true only to discard all other data of the table."
        )
    if spec.replace_all and derived_interval and isinstance(spec.source, TableSource):
        raise PolarisSpecError(
            "replaceAll True would leave the table with nothing but the run's own interval "
            f"{quote(spec.source.interval)}. Replace that interval only, or set the source's interval yourself."
        )
    spans = sorted(zip(spec.target.spans, intervals, strict=True))
    for (span, text), (next_span, next_text) in pairwise(spans):
        if span.overlaps(next_span):
            raise PolarisSpecError(
                f"target.intervals {quote(text)} and {quote(next_text)} overlap. "
                f"Write {quote(Interval(span.start, max(span.end, next_span.end)).to_wire())} instead of the two."
            )


def _check_same_table(spec: BatchJobSpec, allow_self_append: bool) -> None:
    if not isinstance(spec.source, TableSource) or spec.source.table_name != spec.target.table_name:
        return
    if spec.ingestion_mode == "append" and not allow_self_append:
        raise PolarisSpecError(
            f"source.tableName {quote(spec.source.table_name)} is also the target: with ingestionMode 'append' its "
            "rows would be doubled. Set ingestionMode to 'replace', or pass "
            "allow_self_append=True if that is what you mean."
        )


def _check_settings(spec: BatchJobSpec) -> None:
    if not 0 <= spec.max_parse_exceptions <= MAX_PARSE_EXCEPTIONS:
        raise PolarisSpecError(
            f"maxParseExceptions {spec.max_parse_exceptions} is out of range. "
            f"Write a number from 0 to {MAX_PARSE_EXCEPTIONS}."
        )
    if spec.partitioned_by == "week":
        raise PolarisSpecError("partitionedBy 'week' is no longer a partitioning of Polaris. Use 'day' or 'month'.")
    if spec.partitioned_by == "millisecond":
        raise PolarisSpecError("partitionedBy 'millisecond' is not a partitioning of Polaris. Use 'second' or coarser.")
    measures = {mapping.column_name for mapping in spec.mappings if mapping.is_aggregation}
    for index, column in enumerate(spec.clustering_columns or ()):
        if column in measures:
            raise PolarisSpecError(
                f"clusteringColumns[{index}] {quote(column)} is a measure, and "
                "Polaris clusters by dimensions only. Remove it."
            )


def _check_reach(spec: BatchJobSpec) -> None:
    """Refuse a replace interval that exceeds the source interval: the rows of the difference would be lost."""
    if not isinstance(spec.source, TableSource) or spec.ingestion_mode != "replace" or _moves_time(spec):
        return
    for index, (text, span) in enumerate(zip(spec.target.intervals or (), spec.target.spans, strict=True)):
        if not spec.source.span.contains(span):
            raise PolarisSpecError(
                f"target.intervals[{index}] {quote(text)} reaches outside source.interval "
                f"{quote(spec.source.interval)}: rows that the job does not read would be erased. Let the source's "
                "interval cover it, or remove it from the target."
            )


def _moves_time(spec: BatchJobSpec) -> bool:
    """Whether ``__time`` may be computed from other columns, so that the two intervals cannot be compared."""
    for mapping in spec.mappings:
        if mapping.column_name == "__time":
            reading = read_expression(mapping.expression)
            if reading is None:
                return True
            return reading.column != "__time" and not (reading.time_floor and reading.time_floor.of_time)
    return False


def _check_sql(spec: SqlJobSpec) -> None:
    if not spec.query.strip():
        raise PolarisSpecError(f"query {quote(spec.query)} is blank. Write an INSERT INTO or REPLACE INTO statement.")
    keyword = first_keyword(spec.query)
    if keyword in ("SELECT", "WITH", "VALUES", "UPDATE", "DELETE", "DROP", "CREATE", "ALTER", "TRUNCATE", "MERGE"):
        raise PolarisSpecError(
            f"query {quote(spec.query)} begins with {keyword}, but a sql job ingests. "
            "Write INSERT INTO or REPLACE INTO, or send a SELECT with PolarisHook.query."
        )
