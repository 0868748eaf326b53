# SPDX-License-Identifier: Apache-2.0
"""
Ask a question in Airflow's UI, and wait for its answer without a worker.

Airflow keeps one question for a task instance over all its tries, and never changes its text: a retry or a clear finds
the question of the try before, without its answer. Sources: upsert_hitl_detail of Airflow's execution API, the foreign
key of HITLDetail, and prepare_db_for_next_try of TaskInstance, Airflow 3.1.8 and 3.3.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_polaris.operators.approval.findings import Finding
from airflow_provider_polaris.operators.approval.settings import APPROVE, REJECT, PolarisApproval
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION

if TYPE_CHECKING:
    from airflow_provider_polaris.runtime.compat import BaseOperator


def question_text(findings: Sequence[Finding]) -> str:
    """
    Return the body of a question, in Markdown. The same findings have the same text.

    :param findings: What the guards found.
    """
    found = "\n".join(f"- {one.sentence[:1].upper()}{one.sentence[1:]} (`{one.argument}`)" for one in findings)
    return (
        f"The checks of this task found:\n\n{found}\n\n**{APPROVE}** submits the job. **{REJECT}** fails the task: "
        "nothing is submitted, and the tables stay as they are. The checks are repeated after the answer. If they "
        "find more then, the task fails."
    )


def store_question(ti: Any, subject: str, body: str, approval: PolarisApproval) -> str | None:
    """
    Store a question in Airflow, or ask the stored one again. An earlier answer is dropped.

    :param ti: The task instance.
    :param subject: Its title.
    :param body: Its text, in Markdown.
    :param approval: Whom to ask.
    :return: The text that Airflow shows, which is that of the first try that asked.
    """
    # Airflow's own function, upsert_hitl_detail, doesn't return what is stored.
    from airflow.sdk.execution_time.comms import CreateHITLDetailPayload
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    question = {
        "ti_id": ti.id,
        "subject": subject,
        "body": body,
        "options": [APPROVE, REJECT],
        "defaults": approval.defaults,
        "multiple": False,
        "params": {},
        "assigned_users": approval.users,
    }
    stored = SUPERVISOR_COMMS.send(CreateHITLDetailPayload.model_validate(question))
    shown: str | None = getattr(stored, "body", None)
    return shown


def await_answer(
    task: BaseOperator, ti: Any, method_name: str, kwargs: Mapping[str, Any], approval: PolarisApproval, now: datetime
) -> NoReturn:
    """
    Free the worker until a person has answered the stored question or the time is over.

    :param task: The operator.
    :param ti: The task instance.
    :param method_name: The method that Airflow calls then, with the answer as ``event``.
    :param kwargs: Its other arguments.
    :param approval: How long to wait.
    :param now: Current time.
    :raises TaskAwaitingInput: Always, in Airflow 3.3 and newer.
    :raises TaskDeferred: Always, in Airflow 3.1 and 3.2.
    """
    timeout = approval.response_timeout
    if AIRFLOW_VERSION >= (3, 3):
        from airflow.sdk.exceptions import TaskAwaitingInput

        raise TaskAwaitingInput(method_name=method_name, kwargs=dict(kwargs), timeout=timeout)
    from airflow.providers.standard.triggers.hitl import HITLTrigger

    trigger = HITLTrigger(
        ti_id=ti.id,
        options=[APPROVE, REJECT],
        params={},
        defaults=approval.defaults,
        multiple=False,
        timeout_datetime=None if timeout is None else now + timeout,
    )
    task.defer(trigger=trigger, method_name=method_name, kwargs=dict(kwargs))
    raise AssertionError("unreachable: defer raises")


def notify(approval: PolarisApproval, context: Any, log: Any) -> None:
    """
    Call the notifiers. One that fails is logged: the question is in Airflow's UI in any case.

    :param approval: Has the notifiers.
    :param context: Airflow's context.
    :param log: Logger of the task.
    """
    for notifier in approval.all_notifiers:
        try:
            notifier(context)
        except Exception:
            log.exception("The notifier %r failed. The question is in Airflow's UI.", notifier)
