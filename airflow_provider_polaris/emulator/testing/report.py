# SPDX-License-Identifier: Apache-2.0
"""
Summarize the jobs and rejected requests of one emulator. Performs no I/O and doesn't advance time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from airflow_provider_polaris.emulator.jobs.job import Job
from airflow_provider_polaris.emulator.state import Emulator
from airflow_provider_polaris.emulator.wire.rejected_requests import Refusal

#: Maximum number of jobs and of requests in the report.
_MOST: Final = 10


def report(emulator: Emulator, loads: Collection[str] = ()) -> str:
    """
    Return the newest jobs and the last rejected requests, the newest at the end of each list.

    :param emulator: The emulator.
    :param loads: Ids of the jobs that only loaded test data.
    """
    jobs = [emulator.jobs.as_shown(job) for job in emulator.jobs.known()]
    lines = _headed("jobs, the newest last:", [_job(job, job.id in loads) for job in jobs])
    if all(job.id in loads for job in jobs):
        lines.append("no job was submitted")
    project = f"/v1/projects/{emulator.settings.project_id}"
    refused = [_refusal(refusal, times, project) for refusal, times in emulator.refusals.values()]
    lines += _headed("rejected requests, the newest last:", refused)
    return "\n".join(lines)


def _headed(header: str, lines: Sequence[str]) -> list[str]:
    """Return the newest lines below a header; nothing if there are none."""
    if not lines:
        return []
    older = [f"  ({len(lines) - _MOST} older ones)"] if len(lines) > _MOST else []
    return [header, *older, *(f"  {line}" for line in lines[-_MOST:])]


def _job(job: Job, is_load: bool) -> str:
    kind = f"{job.type} by load()" if is_load else job.type
    rows = ""
    if job.totals is not None:
        rows = f", rows: {job.totals['numRowsProcessed']:,} read, {job.totals['numRowsPersisted']:,} stored"
    return f"{job.id}  {kind}  {_source(job)}{job.target_name!r}  {job.status}{rows}{_health(job)}"


def _source(job: Job) -> str:
    named = job.source.get("tableName") or job.source.get("connectionName")
    if named is not None:
        return f"{named!r} -> "
    return f"{job.source['type']} -> " if job.source else ""


def _health(job: Job) -> str:
    said = [str(job.health[key]) for key in ("code", "message") if key in job.health]
    return "".join(f": {text}" for text in said)


def _refusal(refusal: Refusal, times: int, project: str) -> str:
    often = f" ({times} times)" if times > 1 else ""
    message = f": {refusal.message}" if refusal.message else ""
    return f"{refusal.method} {refusal.path.removeprefix(project)}  {refusal.status}{often}{message}"
