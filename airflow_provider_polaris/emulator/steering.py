"""
What a job can be asked for once it is made: to be canceled, suspended or resumed; performs no I/O.
"""

from __future__ import annotations

from typing import Final

from airflow_provider_polaris.emulator.errors import bad_request
from airflow_provider_polaris.emulator.job import Job
from airflow_provider_polaris.emulator.machine import DESIRED_STATUSES

_FIELD: Final = "desiredExecutionStatus"
_INGESTIONS: Final = ("batch", "streaming")


def check_desired(job: Job, desired: str) -> None:
    """
    Refuse what a job can't do.

    DOCUMENTED polaris-sdk 20250425.14.0: an unsupported value is a 400; a deletion job can't be updated; suspending
    and resuming are for streaming jobs. GUESS: what can't be updated gets a 400, a job that restores data can't be
    either, and a job that has ended can't be asked for anything.

    :raises ApiError: 400.
    """
    if desired not in DESIRED_STATUSES:
        raise bad_request(
            f"field {_FIELD!r} has the value {desired!r}: it must be one of {', '.join(DESIRED_STATUSES)}.", _FIELD
        )
    if job.is_terminal:
        raise bad_request(f"job {job.id!r} is {job.status!r} and can't be {desired!r} any more.", _FIELD)
    if job.type not in _INGESTIONS:
        raise bad_request(f"job {job.id!r} is of type {job.type!r}: it can't be updated.", _FIELD)
    if job.type == "batch" and (desired == "suspended" or (desired == "running" and job.desired != "running")):
        raise bad_request(
            f"job {job.id!r} is of type {job.type!r}: only streaming jobs can be suspended and resumed.", _FIELD
        )
    if job.desired == "canceled" and desired != "canceled":
        raise bad_request(f"job {job.id!r} is being canceled and can't be {desired!r} any more.", _FIELD)
