# SPDX-License-Identifier: Apache-2.0
"""The task of an age-out that asks a person before the deletion. Imported only in Airflow 3.1 and newer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from airflow.providers.standard.operators.hitl import ApprovalOperator

from airflow_provider_polaris.operators.approval.answer import responder
from airflow_provider_polaris.operators.approval.question import store_question
from airflow_provider_polaris.operators.approval.settings import APPROVE, REJECT, PolarisApproval
from airflow_provider_polaris.runtime.compat import AirflowFailException
from airflow_provider_polaris.task_groups.age_out.proof_digest import digest_of

if TYPE_CHECKING:
    from airflow_provider_polaris.runtime.compat import Context

_PROOF: Final = "{{%- set proof = ti.xcom_pull(task_ids='{}') -%}}"
_ROWS: Final = "{{ '{:,}'.format(proof.windows | sum(attribute='rows')) }}"
_SUBJECT: Final = f"Delete {_ROWS} rows of table '{{{{ proof.source }}}}'?"
_BODY: Final = (
    f"""\
Table `{{{{ proof.source }}}}` has {_ROWS} rows that are proven to be in table `{{{{ proof.target }}}}` \
(copy job `{{{{ proof.job }}}}`):

| interval (UTC) | rows |
|---|---:|
"""
    """\
{% for window in proof.windows[:50] -%}
| {{ window.interval }} | {{ '{:,}'.format(window.rows) }} |
{% endfor %}{% if proof.windows | length > 50 -%}
| {{ proof.windows | length - 50 }} more | {{ '{:,}'.format(proof.windows[50:] | sum(attribute='rows')) }} |
{% endif %}
"""
    f"""\
**{APPROVE}** deletes these rows from `{{{{ proof.source }}}}`, after the proof was repeated. \
**{REJECT}** skips the deletion, and both tables keep the rows."""
)


class AgeOutApproveOperator(ApprovalOperator):
    """
    Ask a person whether the proven rows may be deleted: Airflow's ``ApprovalOperator``, with the numbers of the proof.

    If the person rejects, the task succeeds and the deletion is skipped. If nobody answers in time and there is no
    default answer, the task fails without a retry. Return value: that of ``ApprovalOperator``, and the digest of the
    proof, so that the deletion can compare it with its own.

    A retry, or a clear, asks again. Airflow shows the text of the first try then. If the proof has changed since, the
    task fails instead.

    :param approval: Whom to ask, and for how long.
    :param prove_task: Id of the task whose proof is approved.
    """

    def __init__(self, *, approval: PolarisApproval, prove_task: str, **kwargs: Any) -> None:
        proof = _PROOF.format(prove_task)
        super().__init__(
            subject=proof + _SUBJECT,
            body=proof + _BODY,
            defaults=approval.defaults,
            assigned_users=approval.users,
            notifiers=approval.all_notifiers,
            response_timeout=approval.response_timeout,
            # Airflow would take that of default_args for the time limit of the answer.
            execution_timeout=None,
            **kwargs,
        )
        self.approval = approval
        self.prove_task = prove_task

    def execute(self, context: Context) -> Any:
        """
        Ask, and wait for the answer without a worker.

        :raises AirflowFailException: Airflow shows the question of an earlier try, with another proof.
        """
        ti = context["ti"]
        # The first try stores the text that all tries show.
        if ti.try_number > 1 and store_question(ti, self.subject, self.body or "", self.approval) != self.body:
            raise AirflowFailException(
                "the task can't ask about this proof, because it asked about another one in an earlier try: Airflow "
                "keeps one question for a task instance and never changes its text. Nothing was deleted. Start a new "
                "DAG run for this interval, which asks again."
            )
        asked = digest_of(ti.xcom_pull(task_ids=self.prove_task))
        try:
            return super().execute(context)
        except BaseException as signal:
            # TaskAwaitingInput or TaskDeferred, which Airflow's operator raises without arguments.
            if getattr(signal, "method_name", None) == "execute_complete":
                signal.kwargs = {**(getattr(signal, "kwargs", None) or {}), "asked": asked}  # type: ignore[attr-defined]
            raise

    def execute_complete(self, context: Context, event: dict[str, Any], asked: str | None = None) -> Any:
        """
        Log who answered, and skip the deletion if the answer is a rejection.

        :param context: Airflow's context.
        :param event: The answer.
        :param asked: Digest of the proof that the question was about. ``airflow dags test`` may drop it.
        :raises AirflowFailException: Nobody answered in time.
        """
        if chosen := event.get("chosen_options"):
            # Before Airflow's method, which ends by an exception if the deletion is to be skipped.
            self.log.info("%s %s the deletion.", responder(event), "approved" if chosen == [APPROVE] else "rejected")
        answer = super().execute_complete(context, event)
        return {**answer, "proof": asked or digest_of(context["ti"].xcom_pull(task_ids=self.prove_task))}

    def process_trigger_event_error(self, event: dict[str, Any]) -> None:
        """Fail the task, after a timeout without a retry: it would wait for the same time again."""
        if event["error_type"] == "timeout":
            raise AirflowFailException(
                "nobody answered in time whether the proven rows may be deleted (response_timeout of approval). "
                "Nothing was deleted. Clear this task to ask again."
            )
        super().process_trigger_event_error(event)
