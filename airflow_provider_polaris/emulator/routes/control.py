"""
``/__emulator__/``: what Polaris doesn't have. Nothing of it leaks into the emulated API, and it needs no key.

Looking at any of it is not a look at a job: no time passes. The pages are in :mod:`.console`.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastapi import APIRouter, Request

from airflow_provider_polaris import __version__
from airflow_provider_polaris.emulator.assumptions import AssumptionError
from airflow_provider_polaris.emulator.faults.fault import Fault, Freeze
from airflow_provider_polaris.emulator.routes.dependencies import TheEmulator
from airflow_provider_polaris.emulator.wire.errors import bad_request
from airflow_provider_polaris.emulator.wire.requests import CONTROL_PREFIX, parse, read_json

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


@router.get("/counters")
def counters(emulator: TheEmulator) -> dict[str, Any]:
    """
    Return how often each path was asked, and how many jobs each body (by its SHA-256) made.

    ``effectiveJobsByBody`` are those of them that completed with rows by now, ``lateRequests`` the requests that a
    fault keeps for later.
    """
    jobs = emulator.jobs.known()
    effective = Counter({job.body_sha256: 0 for job in jobs})
    effective.update(job.body_sha256 for job in jobs if job.had_effect)
    return {
        "requests": emulator.faults.requests(),
        "jobsByBody": dict(Counter(job.body_sha256 for job in jobs)),
        "effectiveJobsByBody": dict(effective),
        "lateRequests": emulator.faults.waiting(),
    }


@router.get("/faults")
async def list_faults(emulator: TheEmulator) -> dict[str, Any]:
    """Return all rules, each with how often it struck; of ``job_status`` what is left of it."""
    freeze = emulator.jobs.freeze
    frozen = [] if freeze is None or freeze.is_over else [freeze.value()]
    return {"values": emulator.faults.values() + frozen}


@router.post("/faults", status_code=201)
async def add_fault(request: Request, emulator: TheEmulator) -> dict[str, Any]:
    """Add a rule; see :class:`airflow_provider_polaris.emulator.faults.fault.Fault`."""
    body = await read_json(request, emulator.settings.max_body_bytes)
    fault = parse(Fault, body.data)
    fault.check()
    if fault.effect == "job_status":
        emulator.jobs.freeze = Freeze(fault.job_status, fault.times)
    else:
        emulator.faults.add(fault)
    return fault.model_dump(by_alias=True, exclude_unset=True)


@router.delete("/faults")
async def clear_faults(emulator: TheEmulator) -> dict[str, Any]:
    """Forget all rules and what they left for later; hidden jobs show."""
    emulator.faults.clear()
    emulator.jobs.freeze = None
    return {}


@router.get("/assumptions")
async def show_assumptions(emulator: TheEmulator) -> dict[str, str]:
    """Return how open questions are read."""
    return emulator.jobs.assumed.as_dict()


@router.patch("/assumptions")
async def change_assumptions(request: Request, emulator: TheEmulator) -> dict[str, str]:
    """Read some open questions in another way from now on; all or none of them."""
    body = await read_json(request, emulator.settings.max_body_bytes)
    try:
        emulator.jobs.assumed = emulator.jobs.assumed.changed(body.data)
    except AssumptionError as error:
        raise bad_request(str(error), error.key) from None
    return emulator.jobs.assumed.as_dict()


@router.delete("/assumptions")
async def reset_assumptions(emulator: TheEmulator) -> dict[str, str]:
    """Read open questions as at the start."""
    emulator.jobs.assumed = emulator.settings.assumptions
    return emulator.jobs.assumed.as_dict()
