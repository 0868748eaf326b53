# SPDX-License-Identifier: Apache-2.0
"""
Render the page of a job: its details, progress, metrics, log, SQL and specification.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from jinja2.filters import do_filesizeformat

from airflow_provider_polaris.emulator.jobs.job import Job, full
from airflow_provider_polaris.emulator.jobs.status_update import check_desired
from airflow_provider_polaris.emulator.pages.formats import grouped
from airflow_provider_polaris.emulator.pages.job_origin import origin_of
from airflow_provider_polaris.emulator.pages.job_row import ran_for
from airflow_provider_polaris.emulator.pages.layout import Site, render
from airflow_provider_polaris.emulator.status_machine import Progression
from airflow_provider_polaris.emulator.wire.errors import ApiError

_TOTALS: Final[Mapping[str, str]] = {
    "numRowsProcessed": "rows processed",
    "numRowsPersisted": "rows persisted",
    "numRowsSkippedByError": "rows skipped by error",
    "numRowsSkippedByFilter": "rows skipped by filter",
    "numRowsProcessedWithWarning": "rows with warnings",
    "numBytesProcessed": "processed",
}


def job_page(
    site: Site, job: Job, fraction: float, progression: Progression, known_tables: frozenset[str], now: int
) -> str:
    """
    Return the page of a job.

    :param site: Values of the frame.
    :param job: The job as replies show it.
    :param fraction: Completed share of the job, from 0 to 1.
    :param progression: How time advances for jobs.
    :param known_tables: Names of the tables that have a page.
    :param now: The time, in nanoseconds since the epoch.
    """
    log = job.health.get("log") or {}
    return render(
        "job.html",
        site,
        job=job,
        known_tables=known_tables,
        has_progress=job.type in ("batch", "sql") and not job.is_terminal,
        percent=round(fraction * 100),
        message=job.health.get("message") or log.get("message") or "",
        end_note=_end_note(job, progression),
        can_be_canceled=_can_be_canceled(job),
        ran_for=ran_for(job, now),
        origin=origin_of(job),
        context=[
            (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2))
            for name, value in job.spec.get("context", {}).items()
        ],
        totals=_totals(job.totals or {}),
        spec=json.dumps(full(job)["spec"], indent=2, ensure_ascii=False),
    )


def _end_note(job: Job, progression: Progression) -> str:
    """Return a sentence that states when an unfinished job ends."""
    if job.type == "streaming":
        return "It runs until it is canceled."
    if progression.kind == "seconds":
        return f"Here a job takes {progression.amount:g} s."
    if progression.is_immediate:
        return "Here a job ends at the next request to the API. This page doesn't count as a request."
    polls = f"{progression.amount:g} replies of the API have shown its status"
    return (
        f"Here a job ends when {polls}. This page doesn't count: without requests of a client, the job makes no "
        "progress."
    )


def _can_be_canceled(job: Job) -> bool:
    try:
        check_desired(job, "canceled")
    except ApiError:
        return False
    return job.desired != "canceled"


def _totals(totals: Mapping[str, int | None]) -> list[tuple[str, str]]:
    """Return the names and values of a job's totals."""
    counted = ((key, name, totals.get(key)) for key, name in _TOTALS.items())
    return [
        (name, do_filesizeformat(value) if key == "numBytesProcessed" else grouped(value))
        for key, name, value in counted
        if value is not None
    ]
