# SPDX-License-Identifier: Apache-2.0
"""
Check requests to cancel, suspend or resume a job. Performs no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from airflow_provider_polaris.emulator.jobs.job import Job
from airflow_provider_polaris.emulator.status_machine import DESIRED_STATUSES, move
from airflow_provider_polaris.emulator.wire.errors import bad_request

_FIELD: Final = "desiredExecutionStatus"


_INGESTIONS: Final = ("batch", "sql", "streaming")


def check_desired(job: Job, desired: str) -> None:
    """
    Reject a status that a job can't get.

    DOCUMENTED polaris-sdk 20250425.14.0: an unsupported value is a 400; a deletion job can't be updated; suspending
    and resuming are for streaming jobs. GUESS: an update that isn't possible is a 400; a restore job and a job that has
    ended can't be updated either.

    :raises ApiError: 400.
    """
    if desired not in DESIRED_STATUSES:
        raise bad_request(
            f"field {_FIELD!r} has the value {desired!r}: it must be one of {', '.join(DESIRED_STATUSES)}.", _FIELD
        )
    if job.is_terminal:
        raise bad_request(f"job {job.id!r} is {job.status!r} and can no longer be {desired!r}.", _FIELD)
    if job.type not in _INGESTIONS:
        raise bad_request(f"job {job.id!r} is of type {job.type!r}: it can't be updated.", _FIELD)
    if job.type != "streaming" and (desired == "suspended" or (desired == "running" and job.desired != "running")):
        raise bad_request(
            f"job {job.id!r} is of type {job.type!r}: only streaming jobs can be suspended and resumed.", _FIELD
        )
    if job.desired == "canceled" and desired != "canceled":
        raise bad_request(f"job {job.id!r} is being canceled and can no longer be {desired!r}.", _FIELD)


def replaced_streams(spec: Mapping[str, Any], active: Iterable[Job]) -> list[Job]:
    """
    Return the streaming jobs that a new job replaces.

    DOCUMENTED polaris-sdk 20250425.14.0, ``replaceRunning``: a table has one streaming job.

    :param spec: The new job.
    :param active: All active jobs.
    :raises ApiError: 400 if the table already has one, and the new job doesn't replace it.
    """
    if spec["type"] != "streaming":
        return []
    table = spec["target"]["tableName"]
    running = [job for job in active if job.type == "streaming" and job.target_name == table]
    if running and not spec["replaceRunning"]:
        raise bad_request(
            f"table {table!r} has the streaming job {running[0].id!r} already; cancel it, or set 'replaceRunning' to "
            "true.",
            "replaceRunning",
        )
    return running


def steered(job: Job) -> Job:
    """Return a started streaming job in its desired status: suspended or running."""
    if job.status == "pending" or job.status == job.desired:
        return job
    return replace(job, status=move(job.status, "resume" if job.desired == "running" else "suspend"))
