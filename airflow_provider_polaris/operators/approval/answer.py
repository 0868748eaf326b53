# SPDX-License-Identifier: Apache-2.0
"""Read the answer of a person; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisGuardUnansweredError
from airflow_provider_polaris.operators.approval.settings import APPROVE, REJECT


@dataclass(frozen=True)
class Answer:
    """
    An answer.

    :param is_approval: Whether it approves.
    :param by: Who answered, for messages.
    """

    is_approval: bool
    by: str


def is_answer(event: Any) -> bool:
    """Whether the event of a resumed task is from Airflow's human-in-the-loop mechanism."""
    return isinstance(event, Mapping) and ("chosen_options" in event or "error_type" in event)


def read_answer(event: Any, asked: str) -> Answer:
    """
    Return the answer in the event of a resumed task.

    Source: HITLTriggerEventSuccessPayload and HITLTriggerEventFailurePayload of apache-airflow-providers-standard
    1.21.0, and as_resume_event_payload of Airflow 3.3.2.

    :param event: The event.
    :param asked: What was asked, as the object of "whether".
    :raises PolarisGuardError: Nobody answered in time, or the answer is neither of the options.
    :raises PolarisGuardUnansweredError: Airflow can't tell the answer; a retry asks again.
    """
    if not is_answer(event):
        raise PolarisGuardUnansweredError(
            f"the task asked whether {asked}, and was resumed without an answer ({event!r}). Nothing was submitted. A "
            "retry of this task asks again."
        )
    if event.get("error_type") == "timeout":
        raise PolarisGuardError(
            f"nobody answered in time whether {asked} (response_timeout of approval). Nothing was submitted. Clear the "
            "task to ask again."
        )
    if "error_type" in event:
        raise PolarisGuardUnansweredError(
            f"the task asked whether {asked}, and Airflow can't tell the answer: {event.get('error')!r}. Nothing was "
            "submitted. A retry of this task asks again."
        )
    chosen = list(event["chosen_options"] or ())
    if chosen not in ([APPROVE], [REJECT]):
        raise PolarisGuardError(
            f"the answer whether {asked} is {chosen!r}, which is neither {APPROVE!r} nor {REJECT!r}. Nothing was "
            "submitted. Clear the task to ask again."
        )
    return Answer(chosen == [APPROVE], responder(event))


def responder(event: Mapping[str, Any]) -> str:
    """
    Return who answered, for messages.

    :param event: The answer in the form of Airflow.
    """
    user = event.get("responded_by_user")
    if not isinstance(user, Mapping):
        return "the default answer (nobody answered in time)"
    return f"{user.get('name')!r} (id {user.get('id')!r})"
