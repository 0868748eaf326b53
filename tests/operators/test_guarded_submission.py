# SPDX-License-Identifier: Apache-2.0
"""The calls of PolarisTableToTableOperator to its guards, and its reaction to their results."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.jobs.errors import PolarisGuardError
from airflow_provider_polaris.operators.guards.guarded_job import GuardDecision
from airflow_provider_polaris.operators.guards.options import GuardOptions
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION, AirflowFailException, AirflowSkipException
from tests.operators.table_to_table import operator


@pytest.fixture
def guards(monkeypatch):
    """Return the calls of the guards, and let a test set their results."""

    class Guards:
        answer = GuardDecision("submit", "all is well.")

    def init(self, hook, spec, options, **how):
        self.asked = (hook.polaris_conn_id, spec, options, how)

    def check(self, own_jobs):
        Guards.asked.append((*self.asked, tuple(own_jobs)))
        if isinstance(Guards.answer, Exception):
            raise Guards.answer
        return Guards.answer

    Guards.asked = []
    monkeypatch.setattr("airflow_provider_polaris.operators.guards.table_to_table.SourceGuards.__init__", init)
    monkeypatch.setattr("airflow_provider_polaris.operators.guards.table_to_table.SourceGuards.check", check)
    return Guards


def test_execute_asks_the_guards_about_the_job_as_it_will_be_sent(tables, clock, context, guards):
    """The rendered options, the task's own limits and kill handler."""
    task = operator(
        on_empty_source="Skip",
        on_shrink="submit",
        on_conflict="fail",
        on_retention="submit",
        timeout=60,
        poll_interval=7,
    )
    task.execute(context)
    ((connection, spec, options, how, own_jobs),) = guards.asked
    assert (connection, own_jobs) == ("polaris_default", ())
    assert [spec] == tables.submitted
    assert options == GuardOptions("skip", "submit", "fail", "submit")
    limits = how["limits"]
    assert (limits.clock, how["poll_interval"]) == (clock, 7.0)
    assert (limits.deadline - clock.now()).total_seconds() == 60
    assert limits.stop() is False
    task.on_kill()
    assert limits.stop() is True


def test_execute_that_a_guard_refuses_fails_without_retry(tables, clock, context, guards):
    """Nothing is sent, and the task fails with the guard's error."""
    guards.answer = PolarisGuardError("the source shrank.")
    with pytest.raises(AirflowFailException, match=r"^the source shrank\.$"):
        operator().execute(context)
    assert tables.posted == []


def test_execute_that_a_guard_skips_skips(tables, clock, context, guards, ti):
    """A skipped task pushes nothing."""
    guards.answer = GuardDecision("skip", "nothing to read.")
    with pytest.raises(AirflowSkipException, match=r"^nothing to read\.$"):
        operator(on_empty_source="skip").execute(context)
    assert tables.posted == []
    assert ti.pushed == []


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="there is no task state store")
def test_execute_that_resumes_a_job_asks_no_guard(tables, clock, context, guards, ti):
    """Guards check what would be submitted; a retry that resumes its job submits nothing."""
    ti.max_tries = 1
    operator().execute(context)
    ti.try_number = 2
    tables.is_now("running")
    operator().execute(context)
    assert len(guards.asked) == 1
    assert len(tables.posted) == 1


@pytest.mark.parametrize(
    "arguments, sent, may_go",
    [
        ({}, {"failOnEmptyInsert": True}, True),
        ({"on_empty_source": "submit"}, None, False),
        ({"context": {"failOnEmptyInsert": False}}, {"failOnEmptyInsert": False}, False),
        ({"ingestion_mode": "append"}, None, False),
    ],
    ids=["usual", "empty is meant", "the user's own", "append"],
)
def test_execute_lets_polaris_check_for_rows_too(tables, clock, context, guards, arguments, sent, may_go):
    """The source may lose its rows between the count and the start; only our own key may be omitted."""
    task = operator(**arguments)
    task.execute(context)
    assert tables.submitted[0].get("context") == sent
    assert list(task.optional_context) == (["failOnEmptyInsert"] if may_go else [])


def test_execute_with_a_wrong_word_fails_before_any_request(tables, clock, context, guards):
    """The message names the argument and its values."""
    with pytest.raises(AirflowFailException) as caught:
        operator(on_shrink="maybe").execute(context)
    assert str(caught.value) == "on_shrink 'maybe' is not a known value. Write 'fail', 'ask' or 'submit'."
    assert tables.asked == []
