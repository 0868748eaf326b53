"""Cancels a job from the triggerer: what Polaris is asked, and what is said about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisError
from airflow_provider_polaris.jobs.state import TERMINAL_STATUSES, normalize_status

if TYPE_CHECKING:
    from airflow_provider_polaris.client import PolarisClient


@dataclass(frozen=True)
class CancelResult:
    """
    What came of asking to cancel a job.

    :param status: ``executionStatus`` after that; None if Polaris didn't say.
    :param problem: Why Polaris didn't take the order; None if it did, or if the job had ended before.
    """

    status: str | None = None
    problem: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the job is over."""
        return self.status in TERMINAL_STATUSES


def cancel(client: PolarisClient, job_id: str) -> CancelResult:
    """
    Ask Polaris to cancel a job; no failure of that is raised.

    :param client: Asks.
    :param job_id: The job.
    """
    try:
        try:
            return CancelResult(normalize_status(client.cancel_job(job_id)))
        except PolarisApiError as error:
            # A job that has ended, or one that can't be canceled: its status tells which.
            status = normalize_status(client.get_job_status(job_id))
            return CancelResult(status, None if status in TERMINAL_STATUSES else str(error))
    except PolarisError as error:
        return CancelResult(problem=str(error))


def status_of(client: PolarisClient, job_id: str) -> CancelResult:
    """
    Look at a job without touching it, for someone who only wants to know whether it has ended.

    :param client: Asks.
    :param job_id: The job.
    """
    try:
        return CancelResult(normalize_status(client.get_job_status(job_id)))
    except PolarisError as error:
        return CancelResult(problem=str(error))
