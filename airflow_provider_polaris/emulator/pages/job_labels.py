# SPDX-License-Identifier: Apache-2.0
"""
Return names, descriptions and addresses of jobs and tables; performs no I/O.
"""

from __future__ import annotations

from urllib.parse import quote

from airflow_provider_polaris.emulator.jobs.job import Job
from airflow_provider_polaris.emulator.pages.formats import short
from airflow_provider_polaris.emulator.wire.requests import CONTROL_PREFIX

_KINDS = {
    "batch": "Batch ingestion",
    "delete_data": "Delete data",
    "drop_table": "Drop table",
    "restore_data": "Restore data",
    "sql": "SQL",
    "streaming": "Streaming ingestion",
}


def kind_of(job_type: str) -> str:
    """Return a job type in words."""
    return _KINDS.get(job_type, job_type)


def job_href(job_id: str) -> str:
    """Return the address of a job's page."""
    return f"{CONTROL_PREFIX}/jobs/{quote(job_id, safe='')}"


def table_href(name: str) -> str:
    """Return the address of a table's page."""
    return f"{CONTROL_PREFIX}/tables/{quote(name, safe='')}"


def source_of(job: Job) -> str | None:
    """Return the source of a job's rows; None for a job without a source."""
    if job.source.get("type") == "uploaded":
        names = job.source["fileList"]
        return str(names[0]) if len(names) == 1 else f"{len(names)} files"
    named = ("tableName", "connectionName", "type")
    return next((str(job.source[key]) for key in named if key in job.source), None)


def title_of(job: Job) -> str:
    """Return a job's title: its source and target, or its action and table."""
    source = source_of(job)
    return f"{kind_of(job.type)}: {job.target_name}" if source is None else f"{source} → {job.target_name}"


def intervals_of(job: Job) -> list[str]:
    """Return the intervals of the table that a job replaces, deletes or restores; empty for all of time or none."""
    if adds_rows(job):
        return []
    if job.type == "restore_data":
        return [short(str(job.spec["interval"]))]
    return [short(str(each)) for each in job.spec["target"]["intervals"]]


def adds_rows(job: Job) -> bool:
    """Return whether a job adds rows and removes none."""
    return job.spec.get("ingestionMode") == "append" or job.type == "streaming"
