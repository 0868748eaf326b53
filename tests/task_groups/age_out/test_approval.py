# SPDX-License-Identifier: Apache-2.0
"""The approval of an age-out, without an Airflow that runs."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_polaris.jobs.age_out.plan import AgingPlan, ProofMethod, Window
from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisSpecError
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.operators.approval import settings
from airflow_provider_polaris.operators.approval.settings import PolarisApproval
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION, AirflowFailException
from airflow_provider_polaris.task_groups.age_out.proof_digest import check_digest, digest_of
from tests.task_groups.age_out.test_group import group

pytestmark = pytest.mark.filterwarnings(
    "ignore:The `airflow.operators.branch.BranchMixIn`"
)  # in Airflow's own provider, on 3.1
can_ask = pytest.mark.skipif(AIRFLOW_VERSION < (3, 1), reason="this Airflow can't ask a person")
DAYS = [f"2024-06-{day:02}T00:00:00.000Z/2024-06-{day + 1:02}T00:00:00.000Z" for day in (1, 3)]


def proof(*rows: int, job: str = "j1") -> dict[str, Any]:
    windows = tuple(Window(day, count, count) for day, count in zip(DAYS, rows, strict=True))
    way = ProofMethod("measure")
    return AgingPlan("Source", "Archive", Granularity.DAY, windows, way, None, {}, job=job).to_json()


def task_instance(result: Any, try_number: int = 1) -> SimpleNamespace:
    return SimpleNamespace(id=uuid.uuid4(), try_number=try_number, xcom_pull=lambda task_ids: result)


def rendered(result: Any, try_number: int = 1) -> tuple[Any, dict[str, Any]]:
    """Return an approval as Airflow renders it, and its context."""
    task = group(approval=True).approve
    context = {"ti": task_instance(result, try_number)}
    context["task_instance"] = context["ti"]
    task.render_template_fields(context)
    return task, context


@can_ask
def test_group_with_approval_has_five_tasks_in_a_row() -> None:
    """The deletion waits for the approval, which has the arguments of the group and no timeout of jobs."""
    hour = timedelta(hours=1)
    approval = PolarisApproval("7", hour, "reject")
    made = group(approval=approval, default_args={"execution_timeout": timedelta(minutes=5), "retries": 3})
    task = made.approve
    assert (task.task_id, task.retries, task.execution_timeout) == ("age_out.approve", 3, None)
    assert (made.prove.downstream_task_ids, task.downstream_task_ids) == (
        {"age_out.approve", "age_out.delete"},
        {"age_out.delete"},
    )
    assert (task.assigned_users, task.response_timeout, task.defaults) == (
        [{"id": "7", "name": "7"}],
        hour,
        ["Reject"],
    )
    assert made.copy.approval is approval
    assert group().approve is None
    assert group(approval=False).delete.approved is None


@can_ask
def test_question_has_the_numbers_of_the_proof() -> None:
    """Tables, rows of each interval, copy job, and what the answers do."""
    task, _ = rendered(proof(1200, 34))
    assert task.subject == "Delete 1,234 rows of table 'Source'?"
    assert task.body == (
        "Table `Source` has 1,234 rows that are proven to be in table `Archive` (copy job `j1`):\n\n"
        "| interval (UTC) | rows |\n|---|---:|\n"
        f"| {DAYS[0]} | 1,200 |\n| {DAYS[1]} | 34 |\n\n"
        "**Approve** deletes these rows from `Source`, after the proof was repeated. **Reject** skips the deletion, "
        "and both tables keep the rows."
    )


@can_ask
def test_later_try_with_another_proof_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow shows the text of the first try, so a person would approve other rows than those that are deleted."""
    comms = SimpleNamespace(send=lambda msg: SimpleNamespace(body="the text of the first try"))
    monkeypatch.setattr("airflow.sdk.execution_time.task_runner.SUPERVISOR_COMMS", comms, raising=False)
    task, context = rendered(proof(1200, 34), try_number=2)
    with pytest.raises(AirflowFailException) as caught:
        task.execute(context)
    assert str(caught.value) == (
        "the task can't ask about this proof, because it asked about another one in an earlier try: Airflow keeps one "
        "question for a task instance and never changes its text. Nothing was deleted. Start a new DAG run for this "
        "interval, which asks again."
    )


@can_ask
def test_answer_is_for_the_proof_that_was_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof may change while the task waits; what it returns is the digest of the shown one."""
    comms = SimpleNamespace(send=lambda msg: msg)
    monkeypatch.setattr("airflow.sdk.execution_time.task_runner.SUPERVISOR_COMMS", comms, raising=False)
    task, context = rendered(proof(1200, 34))
    with pytest.raises(BaseException) as caught:
        task.execute(context)
    assert caught.value.kwargs == {"asked": digest_of(proof(1200, 34))}
    later, changed = rendered(proof(1200, 35))
    event = {
        "chosen_options": ["Approve"],
        "params_input": {},
        "responded_at": datetime(2024, 7, 1, tzinfo=timezone.utc),
        "responded_by_user": {"id": "7", "name": "Ada"},
    }
    answer = later.execute_complete(changed, event, **caught.value.kwargs)
    assert answer == {**event, "proof": digest_of(proof(1200, 34))}
    with pytest.raises(PolarisGuardError) as refused:
        check_digest(proof(1200, 35), answer["proof"])
    assert str(refused.value) == (
        "the proof has changed since its deletion was approved. Nothing was deleted. Start a new DAG run for this "
        "interval, which asks again."
    )


@can_ask
def test_no_answer_in_time_fails_without_retry() -> None:
    """Another try would wait for the same time again."""
    task, context = rendered(proof(1200, 34))
    with pytest.raises(AirflowFailException) as caught:
        task.execute_complete(context, {"error": "too late", "error_type": "timeout"})
    assert str(caught.value) == (
        "nobody answered in time whether the proven rows may be deleted (response_timeout of approval). Nothing was "
        "deleted. Clear this task to ask again."
    )


def test_digest_is_that_of_the_same_proof_only() -> None:
    """An approval that was set by hand, without a digest, is no other proof."""
    same = digest_of(proof(1200, 34))
    check_digest(proof(1200, 34), same)
    check_digest(proof(1200, 34), "")
    check_digest(proof(1200, 34), None)
    assert same != digest_of(proof(1200, 34, job="j2"))


def test_group_with_approval_is_refused_by_an_older_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the DAG is parsed."""
    monkeypatch.setattr(settings, "AIRFLOW_VERSION", (2, 11))
    with pytest.raises(PolarisSpecError) as caught:
        group(approval=True)
    assert str(caught.value) == (
        "approval requires Airflow 3.1 or newer, which can ask a person; this is Airflow 2.11. Omit it."
    )
