# SPDX-License-Identifier: Apache-2.0
"""The event passes through Airflow's database and is checked when it arrives."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisProtocolError
from airflow_provider_polaris.triggers.event import EVENT_STATUSES, check_event

GOOD = {"status": "ended", "job_id": "job-1", "state": "completed", "message": "over"}


@pytest.mark.parametrize(
    "event",
    [GOOD, {**GOOD, "status": "timeout", "state": None}, {**GOOD, "status": "gave_up", "state": "unknown"}],
)
def test_check_event_returns_what_a_trigger_fires(event: dict[str, Any]) -> None:
    """A valid event is unchanged."""
    assert check_event(event) == event


@pytest.mark.parametrize(
    "event, problem",
    [
        (None, "is no JSON object"),
        ("ended", "is no JSON object"),
        ({}, "has the status None, which is none of ['ended', 'gave_up', 'timeout']"),
        ({**GOOD, "status": "success"}, "has the status 'success', which is none of ['ended', 'gave_up', 'timeout']"),
        ({**GOOD, "job_id": ""}, "has job_id ''"),
        ({**GOOD, "state": None}, "has state None"),
        ({**GOOD, "message": 7}, "has message 7"),
    ],
)
def test_check_event_refuses_what_no_trigger_of_this_version_fires(event: Any, problem: str) -> None:
    """The message contains the event and the fix."""
    with pytest.raises(PolarisProtocolError) as caught:
        check_event(event)

    assert str(caught.value) == (
        f"the trigger's event {event!r} {problem}. The triggerer may run another version of this provider; the job may "
        "still be running: a retry of the task resumes it."
    )


def test_event_statuses_are_the_three() -> None:
    """They are stored data: tasks that an older version deferred must be understood."""
    assert frozenset({"ended", "timeout", "gave_up"}) == EVENT_STATUSES


def test_event_module_loads_neither_airflow_nor_http() -> None:
    """An operator imports it when a task resumes, and it should import nothing else."""
    script = (
        "import sys; import airflow_provider_polaris.triggers.event; "
        "print([name for name in ('airflow', 'requests', 'sqlglot', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
