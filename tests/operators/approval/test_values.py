# SPDX-License-Identifier: Apache-2.0
"""Settings, findings and answers, which perform no I/O."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisGuardUnansweredError, PolarisSpecError
from airflow_provider_polaris.operators.approval import settings
from airflow_provider_polaris.operators.approval.answer import Answer, read_answer
from airflow_provider_polaris.operators.approval.findings import Finding, NeedsApproval, check_approved
from airflow_provider_polaris.operators.approval.question import question_text
from airflow_provider_polaris.operators.approval.settings import PolarisApproval, check_literals
from airflow_provider_polaris.operators.polaris import PolarisSqlJobOperator, PolarisTableToTableOperator
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION

DAY, NEXT, BOTH = "2024-06-01/P1D", "2024-06-02/P1D", "2024-06-01/P2D"
LOSS = Finding("on_shrink", "rows of 'b' would be lost.", {"fewer": [DAY]}, {"events": 3})
EMPTY = Finding("on_empty_source", "the source 'a' has no rows.")
ADMIN = {"id": "7", "name": "Ada"}


def success(**event):
    now = datetime(2024, 6, 1, tzinfo=timezone.utc)
    return {"chosen_options": ["Approve"], "params_input": {}, "responded_at": now, "responded_by_user": ADMIN, **event}


def test_settings_have_airflows_form():
    """Ids alone are names, too; a single user and a single notifier are lists of one."""
    hour = timedelta(hours=1)
    approval = PolarisApproval(["7", {"id": "8", "name": "Bob"}], hour, "reject", notifiers=print)
    assert approval.users == [{"id": "7", "name": "7"}, {"id": "8", "name": "Bob"}]
    assert (approval.defaults, approval.all_notifiers) == (["Reject"], [print])
    assert PolarisApproval("Ada").users == [{"id": "Ada", "name": "Ada"}]
    assert PolarisApproval(ADMIN).users == [ADMIN]
    plain = PolarisApproval()
    assert (plain.users, plain.defaults, plain.all_notifiers) == ([], None, [])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"default": "yes"}, "default 'yes' is not an answer. Write 'approve', 'reject' or None."),
        (
            {"default": "approve"},
            (
                "default 'approve' has no effect without response_timeout: the task waits without a limit. Set "
                "response_timeout."
            ),
        ),
        ({"response_timeout": timedelta()}, "response_timeout datetime.timedelta(0) is not positive."),
    ],
)
def test_settings_without_sense_are_refused(arguments, message):
    """When the DAG is parsed."""
    with pytest.raises(PolarisSpecError) as caught:
        PolarisApproval(**arguments)
    assert str(caught.value) == message


def test_ask_is_refused_by_an_older_airflow(monkeypatch):
    """The message names argument, versions and what to write; a template waits for the task's start."""
    monkeypatch.setattr(settings, "AIRFLOW_VERSION", (3, 0))
    check_literals(on_shrink="fail", on_retention="{{ params.on_retention }}")
    with pytest.raises(PolarisSpecError) as caught:
        check_literals(on_shrink=" Ask")
    assert str(caught.value) == (
        "on_shrink='ask' requires Airflow 3.1 or newer, which can ask a person; this is Airflow 3.0. Write "
        "on_shrink='fail'."
    )


@pytest.mark.parametrize(
    "other, is_covered",
    [
        (LOSS, True),
        (Finding("on_shrink", "fewer rows would be lost.", {"fewer": [DAY]}, {"events": 2}), True),
        (Finding("on_shrink", "more rows would be lost.", {"fewer": [DAY]}, {"events": 4}), False),
        (Finding("on_shrink", "other rows would be lost.", {"fewer": [NEXT]}, {"events": 3}), False),
        (Finding("on_shrink", "more time would be lost.", {"fewer": [BOTH]}, {"events": 3}), False),
        (Finding("on_shrink", "all rows would be lost.", {"emptied": [DAY]}, {"events": 3}), False),
        (Finding("on_retention", "they would be dropped.", {"fewer": [DAY]}, {"events": 3}), False),
    ],
    ids=["same", "less", "more", "elsewhere", "longer", "other kind", "other guard"],
)
def test_finding_covers_only_what_is_not_worse(other, is_covered):
    """An approval counts for a later finding only if a person saw at least that much."""
    assert LOSS.covers(other) is is_covered
    assert Finding(**LOSS.to_json()).covers(other) is is_covered


def test_findings_are_checked_against_the_approved_ones():
    """Nothing to ask, not asked yet, approved, and more than approved."""
    check_approved((), None)
    with pytest.raises(NeedsApproval) as needed:
        check_approved((LOSS, EMPTY), None)
    assert needed.value.findings == (LOSS, EMPTY)
    approved = {"findings": [LOSS.to_json()], "by": "'Ada' (id '7')"}
    check_approved((LOSS,), approved)
    with pytest.raises(PolarisGuardError) as caught:
        check_approved((LOSS, EMPTY), approved)
    assert str(caught.value) == (
        "the checks after the answer found more than 'Ada' (id '7') approved: the source 'a' has no rows. Nothing was "
        "submitted. Airflow keeps one question for a task instance and never changes its text. Start a new DAG run for "
        "this interval, which asks again, or run the task with on_empty_source='submit'."
    )


def test_question_lists_all_findings():
    """One question has the sentences of all guards, and says what the answers do."""
    assert question_text([EMPTY, LOSS]) == (
        "The checks of this task found:\n\n"
        "- The source 'a' has no rows. (`on_empty_source`)\n"
        "- Rows of 'b' would be lost. (`on_shrink`)\n\n"
        "**Approve** submits the job. **Reject** fails the task: nothing is submitted, and the tables stay as they "
        "are. The checks are repeated after the answer. If they find more then, the task fails."
    )


@pytest.mark.parametrize(
    "event, answer",
    [
        (success(), Answer(True, "'Ada' (id '7')")),
        (success(chosen_options=["Reject"]), Answer(False, "'Ada' (id '7')")),
        (
            success(responded_by_user=None, timedout=True),
            Answer(True, "the default answer (nobody answered in time)"),
        ),
    ],
    ids=["approved", "rejected", "default"],
)
def test_answer_is_read(event, answer):
    """Who answered what."""
    assert read_answer(event, "it may be") == answer


@pytest.mark.parametrize(
    "event, error, message",
    [
        (
            {"error": "too late", "error_type": "timeout"},
            PolarisGuardError,
            (
                "nobody answered in time whether it may be (response_timeout of approval). Nothing was submitted. "
                "Clear the task to ask again."
            ),
        ),
        (
            {"error": "broken", "error_type": "unknown"},
            PolarisGuardUnansweredError,
            (
                "the task asked whether it may be, and Airflow can't tell the answer: 'broken'. Nothing was submitted. "
                "A retry of this task asks again."
            ),
        ),
        (
            success(chosen_options=["Perhaps"]),
            PolarisGuardError,
            (
                "the answer whether it may be is ['Perhaps'], which is neither 'Approve' nor 'Reject'. Nothing was "
                "submitted. Clear the task to ask again."
            ),
        ),
        (
            success(chosen_options=["Approve", "Reject"]),
            PolarisGuardError,
            (
                "the answer whether it may be is ['Approve', 'Reject'], which is neither 'Approve' nor 'Reject'. "
                "Nothing was submitted. Clear the task to ask again."
            ),
        ),
        (
            None,
            PolarisGuardUnansweredError,
            (
                "the task asked whether it may be, and was resumed without an answer (None). Nothing was submitted. "
                "A retry of this task asks again."
            ),
        ),
    ],
    ids=["time is over", "airflow failed", "neither", "both", "no event"],
)
def test_event_that_does_not_approve_is_an_error(event, error, message):
    """Only one chosen option that is 'Approve' lets a job be submitted."""
    with pytest.raises(error) as caught:
        read_answer(event, "it may be")
    assert str(caught.value) == message


@pytest.mark.skipif(AIRFLOW_VERSION >= (3, 1), reason="this Airflow can ask a person")
@pytest.mark.parametrize("kind", [PolarisTableToTableOperator, PolarisSqlJobOperator])
def test_operator_that_asks_is_refused_when_it_is_parsed(kind):
    """A template may render to another value, so it is accepted."""
    arguments = {"sql": "…"} if kind is PolarisSqlJobOperator else {"source_table": "a", "target_table": "b"}
    kind(task_id="job", on_shrink="{{ params.on_shrink }}", **arguments)
    with pytest.raises(PolarisSpecError, match=r"^on_shrink='ask' requires Airflow 3\.1 or newer"):
        kind(task_id="job", on_shrink="ask", **arguments)
