# SPDX-License-Identifier: Apache-2.0
"""
Validate streaming jobs. They are listed, accept rows of a limited age, and can be suspended and canceled.

They ingest nothing: the control plane adds the rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_polaris.emulator.catalog.tables import Catalog
from airflow_provider_polaris.emulator.job_specs.validated_job import Prepared, echo_target, find_target
from airflow_provider_polaris.emulator.wire.errors import bad_request, not_implemented
from airflow_provider_polaris.emulator.wire.intervals import LATEST, IntervalError, before
from airflow_provider_polaris.emulator.wire.models import PARTITIONINGS, ConnectionSource, StreamingJob
from airflow_provider_polaris.emulator.wire.requests import parse


def prepare_stream(data: Mapping[str, Any], catalog: Catalog) -> Prepared:
    """
    Validate a streaming job.

    DOCUMENTED polaris-sdk 20250425.14.0, CreateStreamingJobRequest. GUESS: every connection name exists; mappings and
    filter are echoed unchanged.

    :raises ApiError: 400 for an invalid job, 501 for upserts.
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
    given = job.model_dump(by_alias=True, exclude_none=True, exclude={"desired_execution_status"})
    spec = {
        **given,
        "source": source.model_dump(by_alias=True, exclude_none=True),
        "target": echo_target(job.target),
        "filterExpression": job.filter_expression,
        "mappings": [one.model_dump(by_alias=True) for one in job.mappings],
    }
    return Prepared(spec, target, aggregations=tuple(one.is_aggregation is True for one in job.mappings))


def _check_period(period: str, field: str) -> None:
    try:
        before(LATEST, period)
    except IntervalError as error:
        raise bad_request(f"period {period!r} is not valid: {error}.", field) from None
