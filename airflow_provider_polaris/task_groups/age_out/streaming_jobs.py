# SPDX-License-Identifier: Apache-2.0
"""Find streaming jobs that may still add rows of a given age; cancels none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisNotFoundError, PolarisSpecError
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.time.instant import format_instant
from airflow_provider_polaris.jobs.time.period import Period

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook

#: Default lateMessageRejectionPeriod of a streaming job. Source: polaris-sdk 20250425.14.0.
_DEFAULT_LATENESS: Final = "P30D"


def check_streams(hook: PolarisHook, source: str, newest: datetime, now: datetime) -> None:
    """
    Refuse to age data while a stream may still add rows to it.

    A stream compares row times with its own clock, so the check uses the current time, even in a backfill. A suspended
    stream counts, because it may resume.

    :param hook: Hook for the requests.
    :param source: Table to move data from.
    :param newest: End of the aged data.
    :param now: Current time.
    :raises PolarisGuardError: There is such a stream.
    """
    for row in hook.iter_jobs(type=("streaming",), target_table=source):
        stream = JobState.from_wire(row)
        if stream.is_terminal:
            continue
        try:
            lateness = _lateness(hook.get_job(stream.job_id))
        except PolarisNotFoundError:
            continue
        oldest = _oldest(lateness, now)
        if oldest is None or oldest < newest:
            accepts = "of any age" if oldest is None else f"from {format_instant(oldest)} on"
            raise PolarisGuardError(
                f"streaming job {stream.job_id!r} into table {source!r} accepts rows {accepts} "
                f"(lateMessageRejectionPeriod {lateness!r}), and data up to {format_instant(newest)} would be aged: a "
                "late row would arrive after its partition was deleted. Nothing was changed. Set older_than to more "
                "than that period, or shorten the period. If no such rows will arrive, run the group with "
                "on_open_stream='continue' (on_open_stream='{{ params.on_open_stream }}' allows it for one run)."
            )


def _lateness(job: Mapping[str, Any]) -> str:
    spec = job.get("spec")
    inner = spec if isinstance(spec, Mapping) else {}
    return str(job.get("lateMessageRejectionPeriod") or inner.get("lateMessageRejectionPeriod") or _DEFAULT_LATENESS)


def _oldest(lateness: str, now: datetime) -> datetime | None:
    """Return the time of the oldest accepted row; None if it is unknown or unlimited."""
    try:
        return (-Period.parse(lateness)).add_to(now)
    except (PolarisSpecError, OverflowError):
        return None
