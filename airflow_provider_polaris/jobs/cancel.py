"""What comes of asking Polaris to cancel a job; performs no I/O."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_polaris.jobs.state import TERMINAL_STATUSES, normalize_status


@dataclass(frozen=True)
class CancelResult:
    """
    What came of asking to cancel a job.

    :param status: ``executionStatus`` after that; None if Polaris didn't say.
    :param problem: Why Polaris didn't take the order; None if it did, or if the job had ended before.
    :param again: Whether the same request may succeed later: Polaris gave no answer, or throttled us.
    """

    status: str | None = None
    problem: str | None = None
    again: bool = False

    @property
    def has_ended(self) -> bool:
        """Whether the job is over."""
        return self.status is not None and normalize_status(self.status) in TERMINAL_STATUSES
