"""
What a trigger tells the task that waits: the event's shape and its check on arrival; performs no I/O.

The event crosses Airflow's database and may come from another version of this package, so nobody relies on it unread.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypedDict, cast, get_args

from airflow_provider_polaris.jobs.errors import PolarisProtocolError

EventStatus = Literal["ended", "timeout", "gave_up"]

#: Every status that an event can have.
EVENT_STATUSES: Final = frozenset(get_args(EventStatus))


class JobEvent(TypedDict):
    """
    Payload of the one event that a trigger fires.

    ``ended``: ``state`` is the terminal ``executionStatus``; describe and judge the job. ``timeout``: the deadline
    came; what the trigger did about the job is in ``message``. ``gave_up``: the poll-failure budget or the grace for
    unknown statuses is spent; ``message`` has the real text, and the job was left alone. ``state`` is the last status
    seen, None for none.
    """

    status: EventStatus
    job_id: str
    state: str | None
    message: str


def check_event(event: Mapping[str, Any] | None) -> JobEvent:
    """
    Return an event that can be relied on.

    :param event: What Airflow handed to the task.
    :raises PolarisProtocolError: It is none of ours, or not whole.
    """
    problem = _problem(event)
    if problem is not None:
        raise PolarisProtocolError(
            f"the trigger's event {event!r} {problem}. The triggerer may run another version of this provider; the "
            "job may still be running: a retry of the task resumes it."
        )
    return cast("JobEvent", event)


def _problem(event: Mapping[str, Any] | None) -> str | None:
    if not isinstance(event, Mapping):
        return "is no JSON object"
    if event.get("status") not in EVENT_STATUSES:
        return f"has the status {event.get('status')!r}, which is none of {sorted(EVENT_STATUSES)}"
    for name, optional in (("job_id", False), ("state", event["status"] != "ended"), ("message", False)):
        value = event.get(name)
        if not (isinstance(value, str) and value) and not (optional and value is None):
            return f"has {name} {value!r}"
    return None
