"""
``/__emulator__/``: what Polaris doesn't have. Nothing of it leaks into the emulated API, and it needs no key.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from airflow_provider_polaris import __version__
from airflow_provider_polaris.emulator.core import TheEmulator
from airflow_provider_polaris.emulator.errors import bad_request
from airflow_provider_polaris.emulator.faults import CONTROL_PREFIX, Fault, Freeze
from airflow_provider_polaris.emulator.machine import EXECUTION_STATUSES
from airflow_provider_polaris.emulator.pages import index_page, job_page
from airflow_provider_polaris.emulator.wire import parse, read_json

router = APIRouter(prefix=CONTROL_PREFIX)


@router.get("/health")
async def health(emulator: TheEmulator) -> dict[str, Any]:
    """Answer, even while a job runs."""
    return {
        "status": "ready",
        "version": __version__,
        "projectId": emulator.settings.project_id,
        "progression": str(emulator.settings.progression),
    }


@router.get("/")
def show_index(emulator: TheEmulator) -> HTMLResponse:
    """Show all tables and jobs. Looking at a page is not a look at a job."""
    return HTMLResponse(index_page(emulator.catalog.summaries(), emulator.jobs.known()))


@router.get("/jobs/{job_id}")
def show_job(job_id: str, emulator: TheEmulator) -> HTMLResponse:
    """Show one job. Looking at a page is not a look at a job."""
    return HTMLResponse(job_page(emulator.jobs.get(job_id)))


@router.get("/counters")
def counters(emulator: TheEmulator) -> dict[str, Any]:
    """Return how often each path was asked, and how many jobs each body (by its SHA-256) made."""
    bodies = Counter(job.body_sha256 for job in emulator.jobs.known())
    return {"requests": emulator.faults.requests(), "jobsByBody": dict(bodies)}


@router.post("/faults", status_code=201)
async def add_fault(request: Request, emulator: TheEmulator) -> dict[str, Any]:
    """Add a rule; see :class:`airflow_provider_polaris.emulator.faults.Fault`."""
    body = await read_json(request, emulator.settings.max_body_bytes)
    fault = parse(Fault, body.data)
    if fault.effect == "job_status":
        if fault.job_status not in EXECUTION_STATUSES:
            raise bad_request(f"field 'jobStatus' has the value {fault.job_status!r}: no such status.", "jobStatus")
        emulator.jobs.freeze = Freeze(fault.job_status, fault.times)
    else:
        emulator.faults.add(fault)
    return fault.model_dump(by_alias=True)


@router.delete("/faults")
async def clear_faults(emulator: TheEmulator) -> dict[str, Any]:
    """Forget all rules."""
    emulator.faults.clear()
    emulator.jobs.freeze = None
    return {}
