# SPDX-License-Identifier: Apache-2.0
"""Ends that need more than a death and a retry: bad results, lost triggerers, twin tasks."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airflow_provider_polaris.emulator.server import RunningEmulator
from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisJobCanceledError, PolarisJobFailedError
from airflow_provider_polaris.runtime.compat import AirflowFailException
from tests.exactly_once.conftest import Airflow, Table, die
from tests.exactly_once.crashes import reply_read
from tests.operators.submission.conftest import CONNECTION, STORES, Death, FakeClock

NOBODY = "\"city\" = 'nowhere'"


@pytest.mark.parametrize("has_store", STORES)
@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("kind", ["append", "replace"])
def test_job_completed_but_judged_failed_fails_at_once_and_again(
    kind: str, deferrable: bool, has_store: bool, clock: FakeClock, table: Table
) -> None:
    """The fix is a clear, not another job: a forced retry finds the same job and raises the same error."""
    options: dict[str, Any] = {"spec": table.append(filterExpression=NOBODY), "fail_on_warning": True}
    if kind == "replace":
        options = {"filter_expression": NOBODY, "on_empty_source": "submit", "on_shrink": "submit"}
    airflow = Airflow(clock, table, kind, deferrable, has_store, arguments=options)
    messages = []
    for _ in range(2):
        with pytest.raises(AirflowFailException) as caught:
            airflow.execute()
        assert isinstance(caught.value.__cause__, PolarisJobFailedError)
        messages.append(re.sub(r"after \d+ s", "after … s", str(caught.value)))
        airflow.retry()
    assert table.jobs[0].id in messages[0]
    assert messages[1] == messages[0]
    assert len(table.jobs) == 1


@pytest.mark.parametrize("kind", ["append", "replace", "delete"])
def test_triggerer_killed_in_the_wait_leaves_the_job_to_the_next_one(kind: str, clock: FakeClock, table: Table) -> None:
    """The loss of a triggerer is no retry: another one continues the wait, and the job is unchanged."""
    airflow = Airflow(clock, table, kind, True, False)
    result = airflow.resume(*airflow.trigger(airflow.defer(), dies=True))
    (job,) = table.jobs
    assert (job.id, job.status, job.desired) == (result, "completed", "running")
    assert [value["status"] for key, value in airflow.ti.pushed if key == "polaris_job"] == ["pending", "completed"]


@pytest.mark.parametrize("kind", ["append", "replace", "delete"])
def test_worker_that_took_over_from_a_broken_trigger_dies(kind: str, clock: FakeClock, table: Table) -> None:
    """The retry adopts the job of a task whose trigger failed, and then its worker."""
    airflow = Airflow(clock, table, kind, True, False)
    airflow.defer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "sleep", die)
        with pytest.raises(Death):
            airflow.resume("__fail__", {"error": "Trigger failure", "traceback": None})
    result = airflow.retry().execute()
    assert [job.id for job in table.jobs] == [result]


def twins(clock: FakeClock, table: Table, kind: str, has_store: bool) -> list[Airflow]:
    """Two mapped tasks and one of another DAG with equivalent specs."""
    who: list[dict[str, Any]] = [{"map_index": 0}, {"map_index": 1}, {"dag_id": "other"}]
    return [Airflow(clock, table, kind, False, has_store, **each) for each in who]


@pytest.mark.parametrize("has_store", STORES)
@pytest.mark.parametrize("kind", ["append", "plain_replace"])
def test_twins_that_die_at_once_take_up_their_own_jobs(
    kind: str, has_store: bool, clock: FakeClock, table: Table
) -> None:
    """Equal specs at the same moment are distinguished by their markers, whatever was recorded."""
    tasks = twins(clock, table, kind, has_store)
    for task in tasks:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Death):
            reply_read(task, patch)
    submitted = [job.id for job in table.jobs]
    assert [task.retry().execute() for task in tasks] == submitted
    assert [job.id for job in table.jobs if job.had_effect] == submitted


@pytest.mark.parametrize("has_store", STORES)
@pytest.mark.parametrize("kind", ["append", "plain_replace"])
def test_twins_without_markers_refuse_once_an_outcome_is_unknown(
    kind: str, has_store: bool, clock: FakeClock, table: Table, running: RunningEmulator, connect: Any
) -> None:
    """The owner of each job is unknown, so no rows are added twice, and no replace adopts one of two."""
    extra = {"project_id": running.settings.project_id, "submit_marker": "off"}
    connect(CONNECTION, host=running.base_url, password="pok_emulator", extra=extra)
    tasks = twins(clock, table, kind, has_store)
    for task in tasks:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Death):
            reply_read(task, patch)
    before = [job.id for job in table.jobs]
    for task in tasks:
        if kind == "plain_replace" and not has_store:
            continue  # without record and marker it runs again, which leaves the same rows
        with pytest.raises(AirflowFailException) as caught:
            task.retry().execute()
        assert isinstance(caught.value.__cause__, PolarisGuardError)
        assert [job_id for job_id in before if job_id in str(caught.value)] == (before if has_store else [])
    assert [job.id for job in table.jobs] == before


@pytest.mark.parametrize("kind", ["append", "replace"])
def test_task_cleared_while_it_runs_ends_its_job_and_submits_anew(kind: str, clock: FakeClock, table: Table) -> None:
    """Airflow treats that as a retry; the difference is that the kill had the job canceled."""
    airflow = Airflow(clock, table, kind, False, False)
    sleep = clock.sleep

    def killed(seconds: float, stop: Any) -> None:
        if table.jobs:
            airflow.operator.on_kill()
        sleep(seconds, stop)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "sleep", killed)
        with pytest.raises(PolarisJobCanceledError, match="the task was killed while job"):
            airflow.execute()
    result = airflow.retry().execute()
    assert [(job.status, job.id == result) for job in table.jobs] == [("canceled", False), ("completed", True)]


@pytest.mark.parametrize("kind", ["append", "replace"])
def test_task_whose_job_was_not_canceled_by_the_kill_resumes_it(kind: str, clock: FakeClock, table: Table) -> None:
    """With cancel_on_kill=False a clear of the running task resumes the running job."""
    airflow = Airflow(clock, table, kind, False, False, arguments={"cancel_on_kill": False})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PolarisHook, "get_job_status", lambda *_: airflow.operator.on_kill() or "running")
        with pytest.raises(PolarisJobCanceledError, match="it runs on, because cancel_on_kill=False"):
            airflow.execute()
    assert [job.id for job in table.jobs] == [airflow.retry().execute()]
