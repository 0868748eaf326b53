# SPDX-License-Identifier: Apache-2.0
"""The crash matrix on a service that accepts an id once: one job has an effect, or none after a clear."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisGuardError
from airflow_provider_polaris.runtime.compat import AirflowFailException
from tests.exactly_once.conftest import Airflow
from tests.exactly_once.crashes import Step, cells
from tests.exactly_once.druid import DruidTable
from tests.operators.submission.conftest import CONNECTION, Death, FakeClock

KINDS = ["append", "plain_replace"]
#: The submission is sent again under its id, and the late one is refused.
OUTCOMES = {"POST sent": "submitted"}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The clock of workers, triggerers and Druid."""
    clock = FakeClock()
    monkeypatch.setattr("airflow_provider_polaris.runtime.clock.CLOCK", clock)
    return clock


@pytest.fixture
def table(clock: FakeClock, connect: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[DruidTable]:
    """A separate cluster for each test."""
    connect(CONNECTION, host="https://druid.example.com", password="unused", extra={"project_id": "p"})
    table = DruidTable(clock)
    table.connect(monkeypatch)
    yield table
    table.wire.get_client().close()


def crashed(step: Step, airflow: Airflow, table: DruidTable, *, has_ended: bool) -> None:
    """Run the first try until its death; after the job's end, a late submission has arrived, too."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Death):
        step.run(airflow, patch)
    table.druid.faults = []
    if has_ended:
        table.finish()


every_cell = pytest.mark.parametrize(("step", "deferrable", "kind", "has_store", "has_ended"), cells(KINDS))


@every_cell
def test_crash_retry_leaves_one_job_with_effect(
    step: Step,
    deferrable: bool,
    kind: str,
    has_store: bool,
    has_ended: bool,
    clock: FakeClock,
    table: DruidTable,
    counted: list[str],
) -> None:
    """The retry resumes the existing job or submits the missing one, and ends as the first try would."""
    airflow = Airflow(clock, table, kind, deferrable, has_store)
    crashed(step, airflow, table, has_ended=has_ended)
    had_job = bool(table.jobs)
    counted.clear()

    result = airflow.retry().execute()

    (job,) = table.jobs
    assert result == job.id
    outcome = step.outcome if has_store else step.blind
    if step.name in OUTCOMES:
        outcome = "adopted" if had_job else OUTCOMES[step.name]
    assert counted == [f"polaris.submit.{outcome}"]
    assert airflow.ti.xcom("polaris_job")["adopted"] is (outcome != "submitted")
    table.finish()
    assert [(each.id, each.status) for each in table.jobs] == [(job.id, "completed")]
    assert table.count() == 3
    assert "/druid/indexer/v1/tasks" not in table.druid.paths("GET")


@every_cell
def test_crash_clear_leaves_one_job_with_effect_or_none(
    step: Step,
    deferrable: bool,
    kind: str,
    has_store: bool,
    has_ended: bool,
    clock: FakeClock,
    table: DruidTable,
) -> None:
    """A replace runs again, an append is refused if its rows are there or if it left no trace. None arrives late."""
    airflow = Airflow(clock, table, kind, deferrable, has_store)
    crashed(step, airflow, table, has_ended=has_ended)
    had_rows = any(job.status == "completed" for job in table.jobs)
    had_trace = bool(table.jobs) or (has_store and step.name != "before record")
    refusal: BaseException | None = None
    try:
        airflow.clear().execute()
    except AirflowFailException as error:
        refusal = error.__cause__
    if refusal is not None:
        assert isinstance(refusal, PolarisGuardError)
        assert kind == "append"
        assert had_rows or not had_trace
    table.finish()
    assert not [job for job in table.jobs if not job.is_terminal]
    assert table.count() in ((3,) if kind == "plain_replace" or had_trace else (0, 3))
