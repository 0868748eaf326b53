# SPDX-License-Identifier: Apache-2.0
"""
The control plane ``/__emulator__/``, which Polaris doesn't have. It is separate from the API, and needs no key.

Its requests don't count as polls of a job and don't advance time. The pages are in :mod:`.console`.
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
    """Return the status of the emulator, even while a job runs."""
    return {
        "status": "ready",
        "version": __version__,
        "projectId": emulator.settings.project_id,
        "progression": str(emulator.settings.progression),
    }


@router.get("/counters")
def counters(emulator: TheEmulator) -> dict[str, Any]:
    """
    Return the number of requests by path, and the number of jobs by body (SHA-256).

    ``effectiveJobsByBody`` counts the jobs that have completed with rows, ``lateRequests`` the requests that a fault
    postponed.
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
    """Return all rules with the number of times each was applied; for ``job_status`` the remaining replies."""
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
    """Remove all rules and postponed requests, and show hidden jobs."""
    emulator.faults.clear()
    emulator.jobs.freeze = None
    return {}


@router.get("/assumptions")
async def show_assumptions(emulator: TheEmulator) -> dict[str, str]:
    """Return the assumptions."""
    return emulator.jobs.assumed.as_dict()


@router.patch("/assumptions")
async def change_assumptions(request: Request, emulator: TheEmulator) -> dict[str, str]:
    """Change some assumptions; if one is invalid, change none."""
    body = await read_json(request, emulator.settings.max_body_bytes)
    try:
        emulator.jobs.assumed = emulator.jobs.assumed.changed(body.data)
    except AssumptionError as error:
        raise bad_request(str(error), error.key) from None
    return emulator.jobs.assumed.as_dict()


@router.delete("/assumptions")
async def reset_assumptions(emulator: TheEmulator) -> dict[str, str]:
    """Reset the assumptions to those of the start."""
    emulator.jobs.assumed = emulator.settings.assumptions
    return emulator.jobs.assumed.as_dict()
