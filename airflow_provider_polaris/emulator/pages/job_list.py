# SPDX-License-Identifier: Apache-2.0
"""
Render the list of jobs with its filters, a page at a time; performs no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from airflow_provider_polaris.emulator.job_specs.job_types import JOB_TYPES
from airflow_provider_polaris.emulator.jobs.job import Job
from airflow_provider_polaris.emulator.pages.formats import plural
from airflow_provider_polaris.emulator.pages.job_labels import kind_of, title_of
from airflow_provider_polaris.emulator.pages.job_row import job_rows
from airflow_provider_polaris.emulator.pages.layout import Site, render
from airflow_provider_polaris.emulator.status_machine import EXECUTION_STATUSES
from airflow_provider_polaris.emulator.wire.requests import CONTROL_PREFIX

_PER_PAGE: Final = 25


@dataclass(frozen=True)
class JobQuery:
    """
    Select the jobs to show. All conditions must hold; an empty text is no condition.

    :param status: Status, or ``active`` for all jobs that have not ended.
    :param type: Job type.
    :param table: Name of a table that the jobs read or write.
    :param text: Text in the id, title, specification, SQL or health, in any case.
    :param page: Number of the page, from 1.
    """

    status: str = ""
    type: str = ""
    table: str = ""
    text: str = ""
    page: int = 1

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> JobQuery:
        """Parse a query string; an invalid page number means the first page."""
        fields = {name: parameters.get(name, "").strip() for name in ("status", "type", "table", "text")}
        number = parameters.get("page", "")
        return cls(**fields, page=int(number) if re.fullmatch("[0-9]{1,9}", number) else 1)

    def keeps(self, job: Job) -> bool:
        """Return whether to show a job."""
        return (
            self.status in ("", job.status, "" if job.is_terminal else "active")
            and self.type in ("", job.type)
            and self.table in ("", job.target_name, job.source.get("tableName"))
            and (not self.text or self.text.lower() in _searched(job))
        )

    def href(self, page: int) -> str:
        """Return the address of another page of the same jobs."""
        fields = {"status": self.status, "type": self.type, "table": self.table, "text": self.text}
        query = urlencode({**{key: value for key, value in fields.items() if value}, "page": page})
        return f"{CONTROL_PREFIX}/jobs?{query}"


def jobs_page(
    site: Site,
    jobs: Sequence[Job],
    tables: Sequence[str],
    query: JobQuery,
    fraction: Callable[[Job], float],
    now: int,
) -> str:
    """
    Return a page of the jobs that match a query, the newest first.

    :param site: Values of the frame.
    :param jobs: All jobs in the order of their creation.
    :param tables: Table names to suggest.
    :param query: The filters and the page; a page beyond the last one means the last one.
    :param fraction: Returns the completed share of a job, from 0 to 1.
    :param now: The time, in nanoseconds since the epoch.
    """
    found = [job for job in reversed(jobs) if query.keeps(job)]
    pages = max(1, -(-len(found) // _PER_PAGE))
    query = replace(query, page=min(max(query.page, 1), pages))
    first = (query.page - 1) * _PER_PAGE
    shown = found[first : first + _PER_PAGE]
    if not jobs:
        empty = "There are no jobs yet."
    else:
        empty = f"None of {plural(len(jobs), 'job')} fits these filters."
    return render(
        "jobs.html",
        site,
        query=query,
        pages=pages,
        jobs=job_rows(shown, fraction, now),
        empty=empty,
        heading=plural(len(found), "job") + ("" if len(found) == len(jobs) else f" of {len(jobs):,}"),
        note=f"{first + 1:,} to {first + len(shown):,}, the newest first." if pages > 1 else None,
        tables=sorted(tables),
        statuses=[("", "any"), ("active", "not ended"), *((word, word) for word in EXECUTION_STATUSES)],
        types=[("", "any"), *((word, kind_of(word)) for word in JOB_TYPES)],
        refreshes=any(not job.is_terminal for job in jobs),
    )


def _searched(job: Job) -> str:
    details = (job.health.get("code", ""), job.health.get("message", ""), job.created_by["username"])
    return "\n".join((job.id, title_of(job), job.query or "", str(job.spec), *map(str, details))).lower()
