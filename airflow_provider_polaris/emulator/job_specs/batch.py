# SPDX-License-Identifier: Apache-2.0
"""
Build a batch job from the body of a POST, and check every rule of the Jobs API that can be checked before the start.

A broken rule is a 400 that names field, value and rule, and changes nothing. Errors in the data, and SQL that the
emulator doesn't support, fail the job later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, cast

from airflow_provider_polaris.emulator.assumptions import Assumptions
from airflow_provider_polaris.emulator.catalog.files import FileStore
from airflow_provider_polaris.emulator.catalog.tables import Catalog
from airflow_provider_polaris.emulator.engine import BatchPlan, Column, FileInput, MappingPlan, TableDef, TableInput
from airflow_provider_polaris.emulator.job_specs.context import read_context
from airflow_provider_polaris.emulator.job_specs.mappings import check_clustering, check_filter, read_mappings
from airflow_provider_polaris.emulator.job_specs.normalized_spec import normalize_spec, query_text
from airflow_provider_polaris.emulator.job_specs.validated_job import (
    Prepared,
    check_table_name,
    find_target,
    read_interval,
)
from airflow_provider_polaris.emulator.wire.errors import bad_request, not_implemented
from airflow_provider_polaris.emulator.wire.intervals import EARLIEST, LATEST, Interval, parse_interval
from airflow_provider_polaris.emulator.wire.models import (
    COLUMN_TYPES,
    PARTITIONINGS,
    BatchJob,
    TableSource,
    UploadedSource,
)
from airflow_provider_polaris.emulator.wire.requests import parse

# DOCUMENTED polaris-sdk 20250425.14.0, JobSourceTypeV2
_OTHER_SOURCES: Final = ("azure", "connection", "inline", "s3")
_DEFAULT_PARTITIONING: Final = "day"


def prepare_batch(data: Mapping[str, Any], catalog: Catalog, file_store: FileStore, assumed: Assumptions) -> Prepared:
    """
    Validate the body of a POST and fill in the values that Polaris fills in.

    :param data: The body.
    :param catalog: The tables.
    :param file_store: The uploaded files.
    :param assumed: The assumptions.
    :return: The validated job, not yet stored.
    :raises ApiError: 400 for an invalid job, 501 for a job that the emulator can't run.
    """
    job = parse(BatchJob, data)
    job = job.model_copy(update={"context": read_context(job.context, assumed)})
    source, columns, source_interval = _read_source(job, catalog, file_store)
    target = find_target(job.target, catalog, may_be_missing=True)
    if target is None and not job.create_table_if_not_exists:
        raise bad_request(
            f"table {job.target.table_name!r} does not exist; create it, or set 'createTableIfNotExists' to true.",
            "target.tableName",
        )
    _check_partitioning(job)
    partitioning = partitioning_of({"partitionedBy": job.partitioned_by}, target)
    intervals = _check_mode(job, partitioning)
    mappings, aggregations = read_mappings(job, target, columns, source["type"] == "table", assumed)
    check_filter(job.filter_expression, columns)
    check_clustering(job, mappings, aggregations)
    spec = normalize_spec(job, source, intervals, mappings)
    query = query_text(
        spec,
        aggregations=aggregations,
        source_interval=source_interval,
        intervals=intervals,
        partitioning=partitioning,
    )
    return Prepared(spec, target, query, tuple(aggregations))


def partitioning_of(spec: Mapping[str, Any], target: TableDef | None) -> str:
    """
    Return the partitioning granularity of a job.

    :param spec: An echoed specification.
    :param target: The target table, if it exists.
    """
    return str(spec.get("partitionedBy") or (target.partitioning if target else None) or _DEFAULT_PARTITIONING)


def plan_of(spec: Mapping[str, Any], aggregations: Sequence[bool]) -> BatchPlan:
    """
    Return the engine's plan for an echoed specification.

    :param spec: Specification from :func:`prepare_batch`.
    :param aggregations: Whether each of its mappings is an aggregation.
    """
    source = spec["source"]
    mappings = [
        MappingPlan(one["columnName"], one["expression"], aggregation)
        for one, aggregation in zip(spec["mappings"], aggregations, strict=True)
    ]
    read: TableInput | FileInput
    if source["type"] == "table":
        interval = parse_interval(source["interval"])
        everything = interval.start == EARLIEST and interval.end >= LATEST
        read = TableInput(source["tableName"], None if everything else (interval.start, interval.end))
    else:
        fields = tuple(Column(one["name"], one["dataType"]) for one in source["inputSchema"])
        read = FileInput(tuple(source["fileList"]), fields, source.get("formatSettings"))
    return BatchPlan(
        target=spec["target"]["tableName"],
        mode=cast("Literal['append', 'replace']", spec["ingestionMode"]),
        source=read,
        mappings=tuple(mappings),
        intervals=tuple((one.start, one.end) for one in map(parse_interval, spec["target"]["intervals"])),
        replace_all=spec.get("replaceAll", False),
        partitioned_by=spec.get("partitionedBy"),
        filter_expression=spec["filterExpression"],
        clustering_columns=tuple(spec.get("clusteringColumns", ())),
        max_parse_exceptions=spec["maxParseExceptions"],
        context=spec.get("context", {}),
    )


def _read_source(
    job: BatchJob, catalog: Catalog, file_store: FileStore
) -> tuple[dict[str, Any], tuple[Column, ...], Interval | None]:
    kind = job.source.get("type")
    if kind == "table":
        table_source = parse(TableSource, job.source, "source")
        return _read_table_source(table_source, catalog)
    if kind == "uploaded":
        return _read_uploaded_source(parse(UploadedSource, job.source, "source"), file_store)
    if kind in _OTHER_SOURCES:
        raise not_implemented(f"sources of type {kind!r}", "source.type")
    words = _words(("table", "uploaded", *_OTHER_SOURCES))
    raise bad_request(f"field 'source.type' has the value {kind!r}: it must be one of {words}.", "source.type")


def _read_table_source(
    source: TableSource, catalog: Catalog
) -> tuple[dict[str, Any], tuple[Column, ...], Interval | None]:
    check_table_name(source.table_name, "source.tableName")
    table = catalog.find(source.table_name)
    if table is None:
        raise bad_request(f"table {source.table_name!r} does not exist.", "source.tableName")
    availability = catalog.availability(table)
    if availability != "available":
        # DOCUMENTED https://docs.imply.io/polaris/api-ingest-table: it can't be used. GUESS: rejected with a 400.
        raise bad_request(
            f"table {source.table_name!r} is {availability!r} and can't be a source now.", "source.tableName"
        )
    interval = read_interval(source.interval, "source.interval")
    echoed = {"interval": str(interval), "tableName": source.table_name, "type": "table"}
    return echoed, catalog.columns(table), interval


def _read_uploaded_source(
    source: UploadedSource, file_store: FileStore
) -> tuple[dict[str, Any], tuple[Column, ...], None]:
    for name in source.file_list:
        if file_store.find(name) is None:
            raise bad_request(f"file {name!r} does not exist.", "source.fileList")
    file_store.check_readable(source.file_list, source.format_settings)
    names = [field.name for field in source.input_schema]
    for field in source.input_schema:
        if field.data_type not in COLUMN_TYPES:
            raise bad_request(
                f"field {field.name!r} has the data type {field.data_type!r}: it must be one of "
                f"{_words(COLUMN_TYPES)}.",
                "source.inputSchema",
            )
        if names.count(field.name) > 1:
            raise bad_request(f"field {field.name!r} occurs more than once.", "source.inputSchema")
    echoed: dict[str, Any] = {
        "type": "uploaded",
        "fileList": list(source.file_list),
        "inputSchema": [{"name": field.name, "dataType": field.data_type} for field in source.input_schema],
    }
    if source.format_settings is not None:
        echoed["formatSettings"] = dict(source.format_settings)
    return echoed, tuple(Column(field.name, field.data_type) for field in source.input_schema), None


def _check_partitioning(job: BatchJob) -> None:
    if job.partitioned_by is not None and job.partitioned_by not in PARTITIONINGS:
        raise bad_request(
            f"field 'partitionedBy' has the value {job.partitioned_by!r}: it must be one of {_words(PARTITIONINGS)}.",
            "partitionedBy",
        )


def _check_mode(job: BatchJob, partitioning: str) -> list[Interval]:
    """DOCUMENTED polaris-sdk 20250425.14.0, CreateBatchJobRequest and JobTargetV2, except where tagged otherwise."""
    texts = job.target.intervals or []
    if job.ingestion_mode == "append":
        if texts:
            raise bad_request("'target.intervals' can only be set with ingestionMode 'replace'.", "target.intervals")
        if job.replace_all:
            raise bad_request("'replaceAll' can only be true with ingestionMode 'replace'.", "replaceAll")
        return []
    if job.replace_all and texts:
        raise bad_request("'replaceAll' can't be true when 'target.intervals' is set.", "replaceAll")
    if not job.replace_all and not texts:
        # OBSERVED(Druid 27): a REPLACE without OVERWRITE is rejected. The behavior of Polaris is not documented.
        raise bad_request(
            "ingestionMode 'replace' needs either 'target.intervals' or 'replaceAll': true.", "target.intervals"
        )
    intervals = [read_interval(text, "target.intervals") for text in texts]
    for text, interval in zip(texts, intervals, strict=True):
        if not interval.is_aligned(partitioning):
            raise bad_request(
                f"interval {text!r} is not aligned with the partitioning granularity {partitioning!r}"
                + ("; set 'replaceAll' to true instead." if partitioning == "all" else "."),
                "target.intervals",
            )
    return intervals


def _words(words: Sequence[str]) -> str:
    return ", ".join(words)
