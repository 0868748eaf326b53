# SPDX-License-Identifier: Apache-2.0
"""
The event that a trigger sends to the waiting task: its fields, and the check on arrival. Performs no I/O.

The event passes through Airflow's database and may come from another version of this package, so it is always checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypedDict, cast, get_args

from airflow_provider_polaris.jobs.errors import PolarisProtocolError

EventStatus = Literal["ended", "timeout", "gave_up"]

#: All statuses of an event.
EVENT_STATUSES: Final = frozenset(get_args(EventStatus))


class JobEvent(TypedDict):
    """
    Payload of the single event that a trigger fires.

    ``ended``: the job has ended; ``state`` is the terminal ``executionStatus``. ``timeout``: the deadline passed;
    ``message`` states what the trigger did with the job. ``gave_up``: the budget for failed polls or for an unknown
    status is used up; ``message`` has the error, and the job was not changed. ``state`` is the last status, None if
    there was none.
    """

    status: EventStatus
    job_id: str
    state: str | None
    message: str


def check_event(event: Mapping[str, Any] | None) -> JobEvent:
    """
    Validate an event and return it.

    :param event: The event from Airflow.
    :raises PolarisProtocolError: It is not an event of this package, or it is incomplete.
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
