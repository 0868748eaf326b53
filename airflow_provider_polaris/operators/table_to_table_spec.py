# SPDX-License-Identifier: Apache-2.0
"""Build a checked job spec from the rendered arguments of ``PolarisTableToTableOperator``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.jobs.errors import PolarisNotFoundError, PolarisSpecError
from airflow_provider_polaris.jobs.spec.job_spec import parse_spec
from airflow_provider_polaris.jobs.sql.rollup import build_mappings
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.tables.name import check_table_name
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.instant import quote
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.jobs.validation.expressions import check_filter
from airflow_provider_polaris.jobs.validation.rules import check_spec
from airflow_provider_polaris.operators.dry_run.table_reader import TableNotSeenError
from airflow_provider_polaris.operators.table_to_table_arguments import TableToTableArguments
from airflow_provider_polaris.operators.table_to_table_intervals import JobIntervals, plan_intervals
from airflow_provider_polaris.runtime.arguments import (
    as_bool,
    as_count,
    as_list,
    as_mapping,
    as_optional_bool,
    as_optional_text,
    as_text,
    is_none,
)
from airflow_provider_polaris.runtime.run_interval import timetable_zone

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.hooks.task_reads import TaskReads


def build_spec(
    arguments: TableToTableArguments,
    context: Mapping[str, Any],
    hook: PolarisHook,
    log: Any,
    reads: TaskReads | None = None,
) -> dict[str, Any]:
    """
    Build the spec of a table-to-table job and check it.

    Makes at most two requests. Reads the target table in replace mode and if the run determines the interval. Reads the
    source table only if the job aggregates and ``source_is_rollup`` is not set.

    :param arguments: Rendered arguments.
    :param context: Airflow's context.
    :param hook: Hook for Polaris.
    :param log: Logger of the task.
    :param reads: Reads each table once, for the guards, too: both tables are read, at the same time. None reads with
        the hook.
    :return: The JSON object for Polaris.
    :raises PolarisSpecError: An argument is wrong, or the job would be.
    """
    source_name = as_text(arguments.source_table, "source_table")
    target_name = as_text(arguments.target_table, "target_table")
    check_table_name(source_name, "source_table")
    check_table_name(target_name, "target_table")
    filter_expression = as_optional_text(arguments.filter_expression, "filter_expression")
    check_filter(filter_expression, "filter_expression")
    mode = as_text(arguments.ingestion_mode, "ingestion_mode")
    if mode not in ("replace", "append"):
        raise PolarisSpecError(f"ingestion_mode {quote(mode)} is neither 'replace' nor 'append'.")
    replace_all = as_bool(arguments.replace_all, "replace_all")
    spans = plan_intervals(arguments, context, mode=mode, replace_all=replace_all)
    _log_interval(spans, log)

    if reads is not None:
        reads.read(source_name, target=target_name)
    find = hook if reads is None else reads
    target, is_target_absent = None, False
    if mode == "replace" or spans.run is not None:
        with suppress(TableNotSeenError):
            target = _read_table(find, target_name)
            is_target_absent = target is None
    known = target if target_name == source_name else None
    source = _source_facts(arguments, hook, find, source_name, known)
    body: dict[str, Any] = {
        "type": "batch",
        "source": {"type": "table", "tableName": source_name},
        "target": {"type": "table", "tableName": target_name},
        "ingestionMode": mode,
        "replaceAll": replace_all,
        "createTableIfNotExists": as_bool(arguments.create_table_if_not_exists, "create_table_if_not_exists"),
        "mappings": _mappings(arguments, source),
        "filterExpression": filter_expression,
        "partitionedBy": _granularity(arguments.partitioned_by, "partitioned_by"),
        "clusteringColumns": as_list(arguments.clustering_columns, "clustering_columns"),
        "maxParseExceptions": as_count(arguments.max_parse_exceptions, "max_parse_exceptions"),
        "context": as_mapping(arguments.context, "context"),
    }
    if spans.source is not None:
        body["source"]["interval"] = spans.source.to_wire()
    if spans.targets:
        body["target"]["intervals"] = [interval.to_wire() for interval in spans.targets]
    spec = parse_spec(body)
    facts: dict[str, Any] = {
        # Not checked here, because the guards wait for a source that is being loaded.
        "source": None if source is None else replace(source, availability=None),
        "target": target,
        "target_known_absent": is_target_absent,
        "allow_finer_partitions": as_bool(arguments.allow_finer_partitions, "allow_finer_partitions"),
        "allow_self_append": as_bool(arguments.allow_self_append, "allow_self_append"),
        "derived_interval": spans.run is not None,
        "interval_hint": timetable_zone(context),
    }
    try:
        check_spec(spec, **facts)
    except PolarisSpecError as error:
        if spans.lookback is None or spans.without is None or not _passes(body, spans.without, facts):
            raise
        raise PolarisSpecError(
            f"{error} Without lookback {quote(spans.lookback.text)} it does: use a lookback of whole partitions."
        ) from None
    return spec.to_wire()


def _log_interval(spans: JobIntervals, log: Any) -> None:
    """Log the origin of the interval, unless the user wrote it."""
    if spans.lookback is not None:
        origin = "the argument" if spans.run is None else spans.run.origin
        log.info("Interval %s, from %s and %s of lookback.", spans.source, origin, spans.lookback.text)
    elif spans.run is not None:
        log.info("Interval %s, from %s.", spans.run.interval, spans.run.origin)


def _passes(body: Mapping[str, Any], interval: Interval, facts: Mapping[str, Any]) -> bool:
    """Whether the job would pass the checks with another interval."""
    text = interval.to_wire()
    source, target = {**body["source"], "interval": text}, {**body["target"], "intervals": [text]}
    try:
        check_spec(parse_spec({**body, "source": source, "target": target}), **facts)
    except PolarisSpecError:
        return False
    return True


def _granularity(value: Any, field: str) -> str | None:
    return None if is_none(value) else Granularity.parse(value, field=field).value


def _mappings(arguments: TableToTableArguments, source: TableDescription | None) -> list[Any]:
    mappings = as_list(arguments.mappings, "mappings")
    shorthand = {
        "dimensions": arguments.dimensions,
        "measures": arguments.measures,
        "rollup_granularity": arguments.rollup_granularity,
    }
    given = [name for name, value in shorthand.items() if value is not None]
    if mappings is not None:
        if given:
            raise PolarisSpecError(
                f"mappings can't be combined with {' and '.join(given)}, because mappings define all columns. Omit "
                "one of the two. To round time in mappings, map '__time' to TIME_FLOOR(\"__time\", 'PT1H'), for "
                "example."
            )
        return [mapping.to_wire() if hasattr(mapping, "to_wire") else mapping for mapping in mappings]
    if arguments.dimensions is None and arguments.measures is None:
        raise PolarisSpecError(
            "the job has no columns: neither mappings nor dimensions and measures are set. Name the columns of the "
            "target, for example dimensions=['city'], measures={'sessions': 'COUNT(*)'}."
        )
    built = build_mappings(
        _columns(arguments.dimensions),
        as_mapping(arguments.measures, "measures"),
        None if is_none(arguments.rollup_granularity) else arguments.rollup_granularity,
        source is not None and source.type == "aggregate",
    )
    return [mapping.to_wire() for mapping in built]


def _columns(value: Any) -> Any:
    """Parse dimensions that a template rendered as JSON text."""
    if isinstance(value, str) and value.strip().startswith("{"):
        return as_mapping(value, "dimensions")
    if isinstance(value, str) and value.strip().startswith("["):
        return as_list(value, "dimensions")
    return value


def _source_facts(
    arguments: TableToTableArguments,
    hook: PolarisHook,
    find: PolarisHook | TaskReads,
    name: str,
    known: TableDescription | None,
) -> TableDescription | None:
    """Return a description of the source that includes whether it is rolled up; None if that makes no difference."""
    said = as_optional_bool(arguments.source_is_rollup, "source_is_rollup")
    if known is not None:
        return known
    if said is not None:
        return TableDescription(name, "aggregate" if said else "detail")
    if not _aggregates(arguments):
        return None
    try:
        facts = _read_table(find, name)
    except TableNotSeenError:
        return None
    if facts is None:
        raise PolarisSpecError(
            f"source_table {quote(name)} does not exist in {hook.place}. Check its name and connection "
            f"{hook.polaris_conn_id!r}."
        )
    return facts


def _aggregates(arguments: TableToTableArguments) -> bool:
    """Whether the job aggregates, so that the meaning of a source row matters."""
    if arguments.mappings is None:
        return bool(arguments.measures)
    mappings = as_list(arguments.mappings, "mappings") or []
    wire = [mapping.to_wire() if hasattr(mapping, "to_wire") else mapping for mapping in mappings]
    return any(isinstance(mapping, Mapping) and mapping.get("isAggregation") is True for mapping in wire)


def _read_table(find: PolarisHook | TaskReads, name: str) -> TableDescription | None:
    """Return the description of a table; None if it does not exist."""
    try:
        return TableDescription.from_wire(find.get_table(name))
    except PolarisNotFoundError:
        return None
