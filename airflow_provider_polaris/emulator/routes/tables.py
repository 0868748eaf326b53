# SPDX-License-Identifier: Apache-2.0
"""
``/v1/projects/{projectId}/tables``: the Tables v1 API.

DOCUMENTED polaris-sdk 20250425.14.0, TablesOperations: methods, paths, parameters, statuses and bodies.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from airflow_provider_polaris.emulator.routes.dependencies import TheBody, TheEmulator, TheUser
from airflow_provider_polaris.emulator.wire.errors import bad_request
from airflow_provider_polaris.emulator.wire.intervals import IntervalError, parse_interval
from airflow_provider_polaris.emulator.wire.models import PARTITIONINGS
from airflow_provider_polaris.emulator.wire.requests import number, one_of

router = APIRouter(prefix="/v1/projects/{project_id}/tables")


@router.get("")
def list_tables(request: Request, emulator: TheEmulator, _: TheUser) -> dict[str, Any]:
    """Return all tables."""
    partitioning = None
    if "partitioningGranularity" in request.query_params:
        partitioning = one_of(request, "partitioningGranularity", (*PARTITIONINGS, "week"), "")
    count = number(request, "segmentCount", 0, 0) if "segmentCount" in request.query_params else None
    emulator.jobs.advance()
    with emulator.store.snapshot():  # doesn't wait for a job
        return {"values": emulator.catalog.summaries(partitioning=partitioning, segment_count=count)}


@router.post("", status_code=201)
def create_table(emulator: TheEmulator, user: TheUser, body: TheBody) -> dict[str, Any]:
    """Create a table."""
    emulator.jobs.advance()
    with emulator.jobs.lock:
        return emulator.catalog.create(body.data, user)


@router.get("/{table_name}")
def describe_table(table_name: str, emulator: TheEmulator, _: TheUser) -> dict[str, Any]:
    """Return a table."""
    emulator.jobs.advance()
    with emulator.store.snapshot():
        return emulator.catalog.payload(table_name)


@router.put("/{table_name}")
def update_table(table_name: str, emulator: TheEmulator, user: TheUser, body: TheBody) -> dict[str, Any]:
    """Change a table."""
    emulator.jobs.advance()
    with emulator.jobs.lock:
        return emulator.catalog.update(table_name, body.data, user, has_active_jobs=emulator.jobs.has_active_jobs)


@router.get("/{table_name}/unusedSegments")
def list_unused_segments(table_name: str, request: Request, emulator: TheEmulator, _: TheUser) -> dict[str, Any]:
    """Return the segments of a table that were replaced or softly deleted."""
    interval = None
    text = request.query_params.get("interval")
    if text is not None:
        try:
            interval = parse_interval(text)
        except IntervalError as error:
            raise bad_request(f"interval {text!r} is not valid: {error}.", "interval") from None
    emulator.jobs.advance()
    with emulator.store.snapshot():
        values = emulator.catalog.unused_segments(
            table_name,
            interval=interval,
            limit=number(request, "limit", 100, 1),
            last_segment_id=request.query_params.get("lastSegmentId"),
            sort_order=one_of(request, "sortOrder", ("ASC", "DESC"), "DESC"),
        )
    return {"values": values}
