"""
Streaming jobs as far as other jobs have to do with them: they are listed, they accept rows of an age, they end.

They ingest nothing: rows come through the control plane.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_polaris.emulator.catalog import Catalog
from airflow_provider_polaris.emulator.errors import bad_request, not_implemented
from airflow_provider_polaris.emulator.intervals import LATEST, IntervalError, before
from airflow_provider_polaris.emulator.job import Job
from airflow_provider_polaris.emulator.machine import move
from airflow_provider_polaris.emulator.models import PARTITIONINGS, ConnectionSource, StreamingJob
from airflow_provider_polaris.emulator.prepared import Prepared, echo_target, find_target
from airflow_provider_polaris.emulator.wire import parse


def prepare_stream(data: Mapping[str, Any], catalog: Catalog) -> Prepared:
    """
    Check a streaming job.

    DOCUMENTED polaris-sdk 20250425.14.0, CreateStreamingJobRequest. GUESS: connections exist, whatever their name;
    mappings and filter are echoed as they are.

    :raises ApiError: 400 for a job that breaks a rule, 501 for upserts.
    """
    job = parse(StreamingJob, data)
    if job.source.get("type") != "connection":
        kind = job.source.get("type")
        raise bad_request(
            f"field 'source.type' has the value {kind!r}: for a streaming job it must be 'connection'.", "source.type"
        )
    source = parse(ConnectionSource, job.source, "source")
    if job.target.intervals:
        raise bad_request("'target.intervals' can't be set for a job of type 'streaming'.", "target.intervals")
    if job.enable_upserts:
        raise not_implemented("upserts", "enableUpserts")
    if job.partitioned_by is not None and job.partitioned_by not in PARTITIONINGS:
        raise bad_request(
            f"field 'partitionedBy' has the value {job.partitioned_by!r}: it must be one of "
            f"{', '.join(PARTITIONINGS)}.",
            "partitionedBy",
        )
    _check_period(job.late_message_rejection_period, "lateMessageRejectionPeriod")
    _check_period(job.early_message_rejection_period, "earlyMessageRejectionPeriod")
    target = find_target(job.target, catalog, may_be_missing=job.create_table_if_not_exists)
    told = job.model_dump(by_alias=True, exclude_none=True, exclude={"desired_execution_status"})
    spec = {
        **told,
        "source": source.model_dump(by_alias=True, exclude_none=True),
        "target": echo_target(job.target),
        "filterExpression": job.filter_expression,
        "mappings": [one.model_dump(by_alias=True) for one in job.mappings],
    }
    return Prepared(spec, target, aggregations=tuple(one.is_aggregation is True for one in job.mappings))


def replaced_streams(spec: Mapping[str, Any], active: Iterable[Job]) -> list[Job]:
    """
    Return the streaming jobs that a new one takes the place of.

    DOCUMENTED polaris-sdk 20250425.14.0, ``replaceRunning``: a table has one streaming job.

    :param spec: The new job.
    :param active: All jobs that have not ended.
    :raises ApiError: 400 where the table has one already, and the new one isn't to replace it.
    """
    if spec["type"] != "streaming":
        return []
    table = spec["target"]["tableName"]
    running = [job for job in active if job.type == "streaming" and job.target_name == table]
    if running and not spec["replaceRunning"]:
        raise bad_request(
            f"table {table!r} has the streaming job {running[0].id!r} already; cancel it, or set 'replaceRunning' to "
            "true.",
            "replaceRunning",
        )
    return running


def steered(job: Job) -> Job:
    """Return a streaming job that has started as it is now: suspended or running, as somebody wants it."""
    if job.status == "pending" or job.status == job.desired:
        return job
    return replace(job, status=move(job.status, "resume" if job.desired == "running" else "suspend"))


def _check_period(period: str, field: str) -> None:
    try:
        before(LATEST, period)
    except IntervalError as error:
        raise bad_request(f"period {period!r} is not valid: {error}.", field) from None
