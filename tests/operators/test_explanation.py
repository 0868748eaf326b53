# SPDX-License-Identifier: Apache-2.0
"""The log of a task that fails names the command that explains its error."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_polaris.jobs.errors import PolarisAuthError
from airflow_provider_polaris.operators.polaris import PolarisJobOperator
from airflow_provider_polaris.runtime.compat import AirflowFailException, AirflowSkipException
from airflow_provider_polaris.sensors.polaris import PolarisJobSensor
from airflow_provider_polaris.task_groups.backfill import BackfillPlanOperator
from airflow_provider_polaris.task_groups.read_only_task import ReadOnlyTask
from tests.operators.conftest import JOB, REPLACE


def line(name: str) -> str:
    return f"INFO What {name} means and what to do: python -m airflow_provider_polaris explain {name}"


def test_operator_that_fails_for_good_names_the_entry_of_the_cause(jobs, clock, context, task_log) -> None:
    """Airflow shows AirflowFailException; the line is about its cause."""
    with pytest.raises(AirflowFailException):
        PolarisJobOperator(task_id="job", spec={"type": "batch"}).execute(context)
    assert task_log()[-2:] == [
        "ERROR source of the batch job is missing, and Polaris requires it. Add it. There are 2 such mistakes in all.",
        line("PolarisSpecError"),
    ]


def test_operator_that_may_be_retried_names_the_entry(jobs, clock, context, task_log) -> None:
    """Errors that are raised unchanged are explained, too."""
    jobs.server.answer("POST", "/jobs", 401, {"message": "no"})
    with pytest.raises(PolarisAuthError) as caught:
        PolarisJobOperator(task_id="job", spec=REPLACE, durable=False).execute(context)
    assert task_log()[-2:] == [f"ERROR {caught.value}", line("PolarisAuthError")]


def test_sensor_of_a_failed_job_names_the_entry_of_the_cause(jobs, clock, context, task_log) -> None:
    """The sensor raises Airflow's exception itself."""
    jobs.is_now("failed", health={"status": "error", "code": "internal_error", "message": "boom"})
    with pytest.raises(AirflowFailException):
        PolarisJobSensor(task_id="wait", job_id=JOB).poke(context)
    assert task_log()[-1] == line("PolarisJobFailedError")


def test_plan_of_a_group_names_the_entry(jobs, clock, context, caplog, monkeypatch) -> None:
    """Tasks that submit no job have another base class."""
    monkeypatch.setattr(ReadOnlyTask, "log", property(lambda self: logging.getLogger("test.plan")))
    plan = BackfillPlanOperator(task_id="plan", interval="nonsense", job_arguments={})
    with caplog.at_level(logging.INFO, logger="test.plan"), pytest.raises(AirflowFailException):
        plan.execute(context)
    assert f"INFO {caplog.messages[-1]}" == line("PolarisSpecError")


def test_task_that_is_skipped_or_fails_otherwise_names_nothing(jobs, clock, context, task_log, monkeypatch) -> None:
    """Only errors of this package are explained there."""
    for error in (AirflowSkipException("nothing to do"), KeyError("a bug")):
        operator = PolarisJobOperator(task_id="job", spec={})
        monkeypatch.setattr(operator, "plan_job", lambda *_, error=error: (_ for _ in ()).throw(error))
        with pytest.raises(type(error)):
            operator.execute(context)
    assert not [text for text in task_log() if "means and what to do" in text]
