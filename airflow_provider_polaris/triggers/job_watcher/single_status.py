"""
The question about one job, and what its waiters are told of the answer.

:func:`ask` runs in a thread. It shortens what it found, so that the event loop never formats a long text.
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
from airflow_provider_polaris.jobs.status.state import Health, JobState, LogEntry, is_known_status, normalize_status
from airflow_provider_polaris.triggers.job_watcher.waiter import Observation, Waiter

if TYPE_CHECKING:
    from airflow_provider_polaris.client import PolarisClient
    from airflow_provider_polaris.triggers.job_watcher.waiter import Group

#: Lines of a job's log that a waiter gets; all of them are on the job's page.
_MOST_LOG_LINES: Final = 20


class Reply(NamedTuple):
    """
    What one request about one job brought.

    :param job_id: The job.
    :param status: ``executionStatus``; None with an error.
    :param state: The whole look, where it was asked for.
    :param error: Why there was no status.
    """

    job_id: str
    status: str | None = None
    state: JobState | None = None
    error: PolarisError | None = None


def ask(client: PolarisClient, job_id: str, *, whole: bool) -> Reply:
    """
    Ask for the status of a job; failures, those of the code that reads the answer included, are in the reply.

    :param client: Asks.
    :param job_id: The job.
    :param whole: Ask for the whole state.
    """
    try:
        if whole:
            state = brief_state(client.get_job(job_id))
            return Reply(job_id, state.status, state)
        return Reply(job_id, normalize_status(client.get_job_status(job_id)))
    except PolarisError as error:
        return Reply(job_id, error=shorten_error(error))
    except Exception as error:
        return Reply(job_id, error=broken(f"the answer about Polaris job {job_id!r} can't be read", error))


def brief_state(body: Mapping[str, Any]) -> JobState:
    """
    Read what a waiter needs of a job, its texts shortened.

    :param body: The job as Polaris sends it.
    :raises PolarisProtocolError: It is none.
    """
    state = JobState.from_wire(body)
    health = state.health
    if health is not None:
        log = tuple(LogEntry(*(_cut(text) for text in astuple(entry))) for entry in health.log[:_MOST_LOG_LINES])
        health = Health(shorten(health.status, LONGEST_WORD), _cut(health.code), _cut(health.message), log)
    return JobState(state.job_id, shorten(state.type, LONGEST_WORD), state.status, health=health, created=state.created)


def _cut(text: str | None) -> str | None:
    return None if text is None else shorten(text, LONGEST_TEXT)


def broken(what: str, error: BaseException) -> PolarisProtocolError:
    """
    Return the error for an exception that nobody expected.

    :param what: What failed.
    :param error: The exception.
    """
    return PolarisProtocolError(f"{what}: {shorten(repr(error), LONGEST_TEXT // 2)}.")


def is_of_service(error: PolarisError) -> bool:
    """Whether an error may meet the next job too; a 404, say, is an answer, and concerns its job alone."""
    return isinstance(error, PolarisTransportError | PolarisServerError | PolarisProtocolError)


def saw(
    group: Group, status: str, state: JobState | None, asked: float, *, plain: Observation | None = None
) -> Iterator[tuple[Waiter, Observation]]:
    """
    Note a status. A waiter is told only if that may change what it concludes.

    :param group: Waiters for the job.
    :param status: Its status.
    :param state: The whole look, if there was one.
    :param asked: When the request was begun, on the event loop's clock.
    :param plain: An observation of the same status, to be shared.
    """
    status = sys.intern(status)  # one text for ten thousand waiters
    for waiter in group:
        waiter.asked = asked
        waiter.misses = 0
        wanted = state if waiter.wants_state else None
        if status == waiter.status and not waiter.failing and wanted is None and is_known_status(status):
            continue
        waiter.status, waiter.failing = status, False
        if wanted is None:
            yield waiter, plain or Observation(status)
        else:
            waiter.wants_state = False
            yield waiter, Observation(status, state=wanted)


def missed(group: Group, error: PolarisError) -> Iterator[tuple[Waiter, Observation]]:
    """
    Note a failure that concerns one job.

    :param group: Waiters for the job.
    :param error: Why there was no status.
    """
    observation = Observation(error=error)
    for waiter in group:
        waiter.failing = True
        yield waiter, observation
