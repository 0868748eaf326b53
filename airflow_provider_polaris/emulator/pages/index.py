# SPDX-License-Identifier: Apache-2.0
"""
Render the first page: all tables and the newest jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from airflow_provider_polaris.emulator.jobs.job import Job
from airflow_provider_polaris.emulator.pages.job_row import job_rows
from airflow_provider_polaris.emulator.pages.layout import Site, render

_MOST_JOBS: Final = 10


def index_page(
    site: Site, tables: Sequence[Mapping[str, Any]], jobs: Sequence[Job], fraction: Callable[[Job], float], now: int
) -> str:
    """
    Return the page with all tables and the newest jobs.

    :param site: Values of the frame.
    :param tables: Summaries of tables.
    :param jobs: All jobs in the order of their creation.
    :param fraction: Returns the completed share of a job, from 0 to 1.
    :param now: The time, in nanoseconds since the epoch.
    """
    return render(
        "index.html",
        site,
        tables=sorted(tables, key=lambda one: str(one["name"])),
        jobs=jobs,
        newest=job_rows(list(reversed(jobs))[:_MOST_JOBS], fraction, now),
        active=sum(not job.is_terminal for job in jobs),
        failed=sum(job.status == "failed" for job in jobs),
    )
