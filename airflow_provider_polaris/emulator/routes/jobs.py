# SPDX-License-Identifier: Apache-2.0
"""
``/v1/projects/{projectId}/jobs``: the Jobs v1 API.

DOCUMENTED polaris-sdk 20250425.14.0, JobsOperations: methods, paths, parameters, statuses and bodies.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from airflow_provider_polaris.emulator.jobs.job import full, summary
from airflow_provider_polaris.emulator.jobs.listing import JobFilter
from airflow_provider_polaris.emulator.routes.dependencies import TheBody, TheEmulator, TheUser
from airflow_provider_polaris.emulator.wire.errors import bad_request
from airflow_provider_polaris.emulator.wire.models import StatusUpdate
from airflow_provider_polaris.emulator.wire.requests import parse

router = APIRouter(prefix="/v1/projects/{project_id}/jobs")


@router.get("")
def list_jobs(request: Request, emulator: TheEmulator, _: TheUser) -> Response:
    """Return a page of jobs."""
    page, more = emulator.jobs.page(JobFilter.from_query(request))
    intervals = emulator.jobs.assumed.summary_intervals == "show"
    values = [summary(job, intervals=intervals) for job in page]
    # FastAPI's own conversion of a long list takes several times longer than the rest of the request.
    return JSONResponse({"values": values, "moreResultsAvailable": more})


@router.post("", status_code=201)
def create_job(emulator: TheEmulator, user: TheUser, body: TheBody, response: Response) -> dict[str, Any]:
    """Create a job."""
    job = emulator.jobs.create(body, user)
    response.headers["location"] = f"/v1/projects/{emulator.settings.project_id}/jobs/{job.id}"
    return full(job)


@router.get("/{job_id}")
def describe_job(job_id: str, emulator: TheEmulator, _: TheUser) -> dict[str, Any]:
    """Return a job."""
    return full(emulator.jobs.get_for_reply(job_id))


@router.put("/{job_id}")
def update_job(job_id: str, emulator: TheEmulator, user: TheUser, body: TheBody) -> dict[str, Any]:
    """Request a status of a job, and return the job."""
    return full(emulator.jobs.update(job_id, parse(StatusUpdate, body.data).desired_execution_status, user))


@router.get("/{job_id}/status")
def describe_job_status(job_id: str, emulator: TheEmulator, _: TheUser) -> dict[str, Any]:
    """Return the status of a job."""
    return {"executionStatus": emulator.jobs.get_for_reply(job_id).status}


@router.post("/{job_id}/status")
def update_job_status(job_id: str, emulator: TheEmulator, user: TheUser, body: TheBody) -> dict[str, Any]:
    """Request a status of a job, and return its status."""
    desired = parse(StatusUpdate, body.data).desired_execution_status
    return {"executionStatus": emulator.jobs.update(job_id, desired, user).status}


@router.get("/{job_id}/progress")
def describe_job_progress(job_id: str, emulator: TheEmulator, _: TheUser) -> dict[str, Any]:
    """
    Return the progress of a job. The progress reveals the status, so the call counts as a poll.

    DOCUMENTED polaris-sdk 20250425.14.0: 400 for a job type without progress. GUESS: all but batch and sql jobs.
    """
    kind = emulator.jobs.get_for_reply(job_id, counts=False).type
    if kind not in ("batch", "sql"):
        raise bad_request(f"job {job_id!r} is of type {kind!r}, which has no progress.")
    return {"overallProgress": emulator.jobs.fraction(emulator.jobs.get_for_reply(job_id))}


@router.get("/{job_id}/logs")
def describe_job_logs(job_id: str, emulator: TheEmulator, _: TheUser) -> dict[str, Any]:
    """Return the log entries of a job. GUESS: a successful job has none."""
    return {"logs": [dict(entry) for entry in emulator.jobs.get_for_reply(job_id, counts=False).log]}


@router.get("/{job_id}/metrics")
def describe_job_metrics(job_id: str, emulator: TheEmulator, _: TheUser) -> dict[str, Any]:
    """Return the totals of a job. GUESS: a job that has not completed, or ingests nothing, has none."""
    totals = emulator.jobs.get_for_reply(job_id, counts=False).totals
    return {} if totals is None else {"totals": dict(totals)}


@router.post("/{job_id}/reset")
def reset_job(job_id: str, emulator: TheEmulator, _: TheUser) -> Response:
    """Accept the request without effect: streaming jobs of the emulator have no offsets. GUESS: 400 for other jobs."""
    job = emulator.jobs.get_for_reply(job_id, counts=False)
    if job.type != "streaming":
        raise bad_request(f"job {job_id!r} is of type {job.type!r}: only streaming jobs can be reset.")
    return Response(status_code=200)
