# SPDX-License-Identifier: Apache-2.0
"""
Serve the console's pages under ``/__emulator__/``. They need no key, and reading them doesn't count as a poll of a job.

They change one thing: a person can cancel a job. The request is refused unless it
comes from one of these pages.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from airflow_provider_polaris import __version__
from airflow_provider_polaris.emulator.pages import (
    HEADERS,
    JobQuery,
    Site,
    error_page,
    index_page,
    job_page,
    jobs_page,
    table_page,
)
from airflow_provider_polaris.emulator.pages.job_labels import job_href, table_href
from airflow_provider_polaris.emulator.routes.dependencies import TheEmulator
from airflow_provider_polaris.emulator.state import Emulator
from airflow_provider_polaris.emulator.wire.errors import ApiError, envelope
from airflow_provider_polaris.emulator.wire.requests import CONTROL_PREFIX

log = logging.getLogger("airflow_provider_polaris.emulator")

router = APIRouter(prefix=CONTROL_PREFIX)

#: The user that the API's replies name for a job that was canceled here.
_USER: Final[Mapping[str, Any]] = {
    "username": "console-user",
    "userId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{CONTROL_PREFIX}/console")),
}


@router.get("/")
def show_index(emulator: TheEmulator) -> Response:
    """Show all tables and the newest jobs."""
    return _answer(
        emulator,
        lambda site: index_page(
            site,
            emulator.catalog.summaries(),
            [emulator.jobs.as_shown(job) for job in emulator.jobs.known()],
            emulator.jobs.fraction,
            emulator.clock(),
        ),
    )


@router.get("/jobs")
def show_jobs(request: Request, emulator: TheEmulator) -> Response:
    """Show a page of the jobs that match the filters."""
    query = JobQuery.from_parameters(request.query_params)
    return _answer(
        emulator,
        lambda site: jobs_page(
            site,
            [emulator.jobs.as_shown(job) for job in emulator.jobs.known()],
            [table.name for table in emulator.tables.list()],
            query,
            emulator.jobs.fraction,
            emulator.clock(),
        ),
    )


@router.get("/jobs/{job_id}")
def show_job(job_id: str, emulator: TheEmulator) -> Response:
    """Show one job."""

    def render(site: Site) -> str:
        job = emulator.jobs.as_shown(emulator.jobs.get(job_id))
        known = frozenset(table.name for table in emulator.tables.list())
        fraction = emulator.jobs.fraction(job)
        return job_page(site, job, fraction, emulator.settings.progression, known, emulator.clock())

    return _answer(emulator, render)


@router.post("/jobs/{job_id}/cancel")
def cancel_job(job_id: str, request: Request, emulator: TheEmulator) -> Response:
    """Cancel a job as the API does, without a key, and show it."""
    try:
        if not is_from_a_page(request.headers):
            raise ApiError(
                403,
                f"Job {job_id!r} was not canceled: the request doesn't come from a page of this console. Only these "
                "pages may cancel a job without a key. Open the job's page and use its button, or send the request to "
                "the API, with a key.",
            )
        emulator.jobs.update(job_id, "canceled", _USER)
        # As the next request to the API would: there may be no other client that sends one.
        emulator.jobs.advance(requested=job_id)
    except ApiError as error:
        return _refusal(emulator, error)
    return RedirectResponse(job_href(job_id), status_code=303)


@router.get("/tables/{name}")
def show_table(name: str, emulator: TheEmulator) -> Response:
    """Show one table."""
    return _answer(
        emulator,
        lambda site: table_page(
            site,
            emulator.catalog.payload(name),
            emulator.tables,
            emulator.store,
            has_active_jobs=emulator.jobs.has_active_jobs(name),
        ),
    )


@router.get("/console/{target:path}")
def show_console(target: str) -> RedirectResponse:
    """
    Redirect to the page of the job, otherwise of the table, otherwise to the index.

    One URL pattern serves links to jobs and links to tables.

    :param target: ``JOB_ID/TABLE``; each part may be empty. An id has no slash, a name may have some.
    """
    job, _, table = target.partition("/")
    return RedirectResponse(job_href(job) if job else table_href(table) if table else f"{CONTROL_PREFIX}/")


def is_from_a_page(headers: Mapping[str, str]) -> bool:
    """
    Return whether a browser sent a request from a page of the console.

    :class:`.WebGuard` refuses requests of other sites. This check also refuses clients that aren't browsers.

    :param headers: Headers of a request that the guard has accepted.
    """
    site = headers.get("sec-fetch-site")
    return "origin" in headers if site is None else site == "same-origin"


def show_storage_error(request: Request, error: Exception) -> Response:
    """Report a failure of the database: to browsers as a page, otherwise in the API's error envelope."""
    log.error("%s %s failed: %s", request.method, request.url.path, error)
    message = f"The emulator can't answer: {error}"
    if request.url.path.startswith(CONTROL_PREFIX) and "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(
            error_page(_site(request.app.state.emulator), "The database failed", message), 500, dict(HEADERS)
        )
    return JSONResponse(envelope(500, message), 500)


def _answer(emulator: Emulator, render: Callable[[Site], str]) -> Response:
    """Render a page from one state of the tables, without waiting for a job."""
    if emulator.settings.progression.kind == "seconds":
        # The clock moves these jobs, with or without requests to the API.
        emulator.jobs.advance()
    with emulator.store.snapshot():
        try:
            return HTMLResponse(render(_site(emulator)), headers=dict(HEADERS))
        except ApiError as error:
            return _refusal(emulator, error)


def _refusal(emulator: Emulator, error: ApiError) -> Response:
    title = "Not found" if error.status == 404 else "Refused"
    return HTMLResponse(error_page(_site(emulator), title, error.message), error.status, dict(HEADERS))


def _site(emulator: Emulator) -> Site:
    settings = emulator.settings
    return Site(settings.project_id, __version__, str(settings.progression), _notice(emulator))


def _notice(emulator: Emulator) -> str | None:
    """Return a sentence about the active faults; None if there are none."""
    sentences = []
    freeze = emulator.jobs.freeze
    if freeze is not None and not freeze.is_over:
        sentences.append(f"A fault stops all unfinished jobs; they show {freeze.status!r}.")
    rules = [one for one in emulator.faults.values() if (times := one.get("times", 1)) is None or one["struck"] < times]
    if rules:
        sentences.append(f"Active faults: {', '.join(one['effect'] for one in rules)}.")
    return " ".join(sentences) or None
