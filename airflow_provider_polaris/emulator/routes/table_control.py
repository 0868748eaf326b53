# SPDX-License-Identifier: Apache-2.0
"""
``/__emulator__/tables/{name}``: operations on tables for tests, which Polaris doesn't offer.

They need no key and don't count as polls of a job.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from airflow_provider_polaris.emulator.catalog.tables import segment_payload
from airflow_provider_polaris.emulator.engine import (
    PUBLISHED,
    REALTIME,
    UNUSED,
    JobFault,
    TableError,
    add_realtime,
    hand_over,
)
from airflow_provider_polaris.emulator.routes.dependencies import TheEmulator
from airflow_provider_polaris.emulator.state import Emulator
from airflow_provider_polaris.emulator.wire.errors import bad_request, not_found
from airflow_provider_polaris.emulator.wire.requests import CONTROL_PREFIX, JsonBody, WireModel, parse, read_json

router = APIRouter(prefix=f"{CONTROL_PREFIX}/tables/{{name}}")


class Realtime(WireModel):
    """Rows to store unchanged."""

    rows: list[dict[str, Any]] = Field(min_length=1)


class TableControl(WireModel):
    """Control-plane settings of a table; an absent field stays unchanged."""

    availability: Literal["available", "unavailable", "deleting"] | None = None
    load_seconds: float = Field(0, ge=0, le=86_400)


async def the_body(request: Request, emulator: TheEmulator) -> JsonBody:
    """Return the JSON object in the body of a request."""
    return await read_json(request, emulator.settings.max_body_bytes)


@router.get("/segments")
def list_segments(name: str, emulator: TheEmulator) -> dict[str, Any]:
    """Return all segments of a table; Polaris lists only the unused ones."""
    _check(name, emulator)
    found = {"used": PUBLISHED, "realtime": REALTIME, "unused": UNUSED}
    return {
        state: [
            {**segment_payload(segment), "numRows": segment.rows}
            for segment in emulator.tables.used_segments(name, seen=seen)
        ]
        for state, seen in found.items()
    }


@router.post("/realtime", status_code=201)
def stream_rows(name: str, emulator: TheEmulator, body: Annotated[JsonBody, Depends(the_body)]) -> dict[str, Any]:
    """Add rows like a streaming job: queries read them, jobs don't."""
    rows = parse(Realtime, body.data).rows
    with emulator.jobs.lock:
        _check(name, emulator)
        try:
            add_realtime(name, rows, emulator.tables)
        except (JobFault, TableError) as error:
            raise bad_request(f"the rows can't be stored in table {name!r}: {error.message}", "rows") from None
        return {"rows": _count(name, emulator)}


@router.post("/handoff")
def hand_off(name: str, emulator: TheEmulator) -> dict[str, Any]:
    """Publish the real-time rows of a table as segments, which jobs read."""
    with emulator.jobs.lock:
        _check(name, emulator)
        rows = _count(name, emulator)
        try:
            with emulator.store.transaction():
                segments = hand_over(name, emulator.tables)
                emulator.maintenance.apply_policy(emulator.tables.stored(name).definition)
        except JobFault as fault:
            raise bad_request(fault.message) from None
    return {"rows": rows, "segments": segments}


@router.patch("")
def change_table(name: str, emulator: TheEmulator, body: Annotated[JsonBody, Depends(the_body)]) -> dict[str, Any]:
    """Make a table unavailable, or delay the loading of its segments."""
    changes = parse(TableControl, body.data).model_dump(by_alias=True, exclude_unset=True)
    with emulator.jobs.lock:
        _check(name, emulator)
        emulator.maintenance.change_control(name, changes)
        return emulator.maintenance.control(name)


def _check(name: str, emulator: Emulator) -> None:
    if emulator.catalog.find(name) is None:
        raise not_found("Table", name)


def _count(name: str, emulator: Emulator) -> int:
    return emulator.tables.stats(name, REALTIME).total_rows
