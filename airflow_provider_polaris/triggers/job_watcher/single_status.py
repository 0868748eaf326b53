# SPDX-License-Identifier: Apache-2.0
"""
Request the status of one job, and record the answer for its waiters.

:func:`request_status` runs in a thread. It shortens all texts, so that the event loop never formats a long one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import astuple
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from airflow_provider_polaris.jobs.errors import (
    PolarisError,
    PolarisProtocolError,
    PolarisServerError,
    PolarisTransportError,
)
from airflow_provider_polaris.jobs.shortening import LONGEST_TEXT, LONGEST_WORD, shorten, shorten_error
from airflow_provider_polaris.jobs.status.state import Health, JobState, LogEntry
from airflow_provider_polaris.jobs.status.statuses import is_known_status, normalize_status
from airflow_provider_polaris.triggers.job_watcher.waiter import Observation, Waiter

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import IngestionService
    from airflow_provider_polaris.triggers.job_watcher.poll_result import Group

#: Maximum number of job log lines in an observation. The job's page shows all of them.
_MOST_LOG_LINES: Final = 20


class Reply(NamedTuple):
    """
    Reply to one request for one job.

    :param job_id: The job.
    :param status: ``executionStatus``; None with an error.
    :param state: The whole state, if requested.
    :param error: Why there is no status.
    """

    job_id: str
    status: str | None = None
    state: JobState | None = None
    error: PolarisError | None = None


def request_status(client: IngestionService, job_id: str, *, whole: bool) -> Reply:
    """
    Request the status of a job. Errors are returned in the reply, also those of code that parses the answer.

    :param client: Client for the request.
    :param job_id: The job.
    :param whole: Whether to request the whole state.
    """
    try:
        if whole:
            state = brief_state(client.get_job(job_id))
            return Reply(job_id, state.status, state)
        return Reply(job_id, normalize_status(client.get_job_status(job_id)))
    except PolarisError as error:
        return Reply(job_id, error=shorten_error(error))
    except Exception as error:
        return Reply(job_id, error=unexpected_error(f"the answer about job {job_id!r} can't be read", error))


def brief_state(body: Mapping[str, Any]) -> JobState:
    """
    Parse the part of a job's state that waiters need, with shortened texts.

    :param body: The job as Polaris returns it.
    :raises PolarisProtocolError: It is not a job.
    """
    state = JobState.from_wire(body)
    health = state.health
    if health is not None:
        log = tuple(LogEntry(*(_cut(text) for text in astuple(entry))) for entry in health.log[:_MOST_LOG_LINES])
        health = Health(shorten(health.status, LONGEST_WORD), _cut(health.code), _cut(health.message), log)
    return JobState(state.job_id, shorten(state.type, LONGEST_WORD), state.status, health=health, created=state.created)


def _cut(text: str | None) -> str | None:
    return None if text is None else shorten(text, LONGEST_TEXT)


def unexpected_error(what: str, error: BaseException) -> PolarisProtocolError:
    """
    Return the error for an unexpected exception.

    :param what: What failed.
    :param error: The exception.
    """
    return PolarisProtocolError(f"{what}: {shorten(repr(error), LONGEST_TEXT // 2)}.")


def is_of_service(error: PolarisError) -> bool:
    """Whether other jobs may get the same error. A 404, for example, is an answer for one job only."""
    return isinstance(error, PolarisTransportError | PolarisServerError | PolarisProtocolError)


def record_status(
    group: Group, status: str, state: JobState | None, asked: float, *, plain: Observation | None = None
) -> Iterator[tuple[Waiter, Observation]]:
    """
    Record a status. Yield an observation only for waiters whose result may change.

    :param group: Waiters for the job.
    :param status: Status of the job.
    :param state: The whole state, if requested.
    :param asked: Start of the request, on the event loop's clock.
    :param plain: An observation of the same status, to be shared.
    """
    status = sys.intern(status)  # share one string between ten thousand waiters
    for waiter in group:
        waiter.asked = asked
        waiter.misses = 0
        wanted = state if waiter.needs_state else None
        if status == waiter.status and not waiter.failing and wanted is None and is_known_status(status):
            continue
        waiter.status, waiter.failing = status, False
        if wanted is None:
            yield waiter, plain or Observation(status)
        else:
            waiter.needs_state = False
            yield waiter, Observation(status, state=wanted)


def record_error(group: Group, error: PolarisError) -> Iterator[tuple[Waiter, Observation]]:
    """
    Record a failure that affects one job.

    :param group: Waiters for the job.
    :param error: Why there is no status.
    """
    observation = Observation(error=error)
    for waiter in group:
        waiter.failing = True
        yield waiter, observation
