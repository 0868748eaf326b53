"""
What operators and sensor share about a wait in the triggerer: its deadline, what it leaves itself, what it comes to.

Cancels nothing. Sources: _defer_task, resume_execution and the timers of Airflow 2.11.2 to 3.3.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from airflow_provider_polaris.jobs.errors import (
    PolarisError,
    PolarisJobFailedError,
    PolarisProtocolError,
    PolarisTransportError,
)
from airflow_provider_polaris.jobs.state import is_known_status
from airflow_provider_polaris.jobs.waiting import same_kind
from airflow_provider_polaris.outcome import look_at_job
from airflow_provider_polaris.waiting import WaitResult

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.triggers.event import JobEvent

#: The method that Airflow names when it resumes a task without an event.
NO_EVENT: Final = "__fail__"

#: Airflow's own limit strikes in the middle of whatever runs; ours comes before it, by this much or by half of it.
_RESERVE: Final = timedelta(seconds=30)

#: So long after our deadline Airflow's own ends a deferral, in case no triggerer is there to keep ours.
_BACKSTOP: Final = timedelta(minutes=2)

T = TypeVar("T")


def attempt_start(ti: Any, now: datetime) -> datetime:
    """
    Return when this attempt of a task began, by which Airflow 2 counts ``execution_timeout``.

    :param ti: The task instance.
    :param now: The present; what to return if Airflow doesn't tell.
    """
    start = getattr(ti, "start_date", None)
    return min(start, now) if isinstance(start, datetime) and start.tzinfo is not None else now


def deadline_of(started: datetime, timeout: timedelta | None, execution_timeout: timedelta | None) -> datetime | None:
    """
    Return when to give up a job; None for never.

    :param started: Start of this attempt.
    :param timeout: The operator's own limit.
    :param execution_timeout: Airflow's limit; what comes before it leaves time to cancel the job.
    """
    limits = [] if timeout is None else [timeout]
    if execution_timeout is not None:
        limits.append(max(execution_timeout - _RESERVE, execution_timeout / 2))
    return started + min(limits) if limits else None


def backstop(deadline: datetime | None, now: datetime) -> timedelta | None:
    """
    Return after what time Airflow itself shall end a deferral; None for never.

    :param deadline: Ours, which the trigger keeps.
    :param now: The present.
    """
    return None if deadline is None else max(deadline - now, timedelta()) + _BACKSTOP


def is_timeout(next_kwargs: Mapping[str, Any] | None) -> bool:
    """
    Whether Airflow resumes a task without an event because its time is up; else the trigger broke.

    :param next_kwargs: What Airflow resumes it with: ``error`` is ``Trigger/execution timeout`` in 2.11,
        ``Trigger timeout`` since 3.0.
    """
    return "timeout" in str((next_kwargs or {}).get("error")).lower()


def recall(memory: type[T], wait: Any) -> T:
    """
    Return what a task left itself when it was deferred; unknown names are ignored.

    :param memory: A dataclass.
    :param wait: Its fields, as Airflow kept them.
    :raises PolarisProtocolError: A field is missing.
    """
    left = wait if isinstance(wait, Mapping) else {}
    names = [field.name for field in fields(memory)]  # type: ignore[arg-type]
    missing = [name for name in names if name not in left]
    if missing:
        raise PolarisProtocolError(
            f"the task can't go on after its deferral, because it left itself {wait!r}, without {', '.join(missing)}. "
            "Another version of this provider may have deferred it, and its job may still be running: a retry of the "
            "task goes on with it."
        )
    return memory(**{name: left[name] for name in names})


def look_after_giving_up(hook: PolarisHook, event: JobEvent, url: str) -> WaitResult:
    """
    Look once more at a job that the trigger gave up: it may have ended, or the worker sees why it can't be seen.

    One whose status was last seen as ``unknown``, by either of them, is no case for a retry: nobody knows what it does.

    :param hook: Asks Polaris.
    :param event: What the trigger said; its message stays the error's.
    :param url: Page of the job.
    """
    job_id, status, message = event["job_id"], event["state"], event["message"]
    failure: PolarisError = PolarisTransportError(message)
    try:
        look = look_at_job(hook, job_id)
        if look.state is not None:
            return WaitResult(look.state)
        status = look.status
    except PolarisError as error:
        failure = same_kind(error, message)
    if status is None or is_known_status(status):
        return WaitResult(error=failure)
    return WaitResult(error=PolarisJobFailedError(message, job_id=job_id, state=status, console_url=url))
