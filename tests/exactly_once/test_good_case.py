# SPDX-License-Identifier: Apache-2.0
"""If nothing goes wrong, exactly-once costs nothing: no request more than an operator makes that knows no protocol."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airflow_provider_polaris.emulator.server import RunningEmulator
from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator
from tests.exactly_once.conftest import Airflow, Table
from tests.operators.submission.conftest import STORES, FakeClock

POST, STATUS, PROGRESS, END = "POST jobs", "GET status", "GET progress", ["GET status", "GET job", "GET metrics"]


@pytest.fixture
def asked(running: RunningEmulator, table: Table, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what reaches Polaris over the network, in order."""
    names: list[str] = []
    strike = running.emulator.faults.strike

    def note(method: str, path: str) -> Any:
        place = path.split("/projects/")[1].partition("/")[2]
        names.append(f"{method} {re.sub('^jobs/[^/]+$', 'job', re.sub('^jobs/[^/]+/', '', place))}")
        return strike(method, path)

    monkeypatch.setattr(running.emulator.faults, "strike", note)
    return names


@pytest.mark.parametrize("has_store", STORES)
@pytest.mark.parametrize("kind", ["append", "delete"])
def test_first_try_in_the_worker_makes_one_post_and_its_looks(
    kind: str, has_store: bool, clock: FakeClock, table: Table, asked: list[str]
) -> None:
    """A look before the first sleep, two after it, and at the end what the result is made of."""
    Airflow(clock, table, kind, False, has_store).execute()
    assert asked == [POST, STATUS, STATUS, PROGRESS, *END]


@pytest.mark.parametrize("has_store", STORES)
@pytest.mark.parametrize("kind", ["append", "delete"])
def test_first_try_that_is_deferred_makes_one_post_and_one_look(
    kind: str, has_store: bool, clock: FakeClock, table: Table, asked: list[str]
) -> None:
    """The rest is the triggerer's, whose looks all tasks share; the worker that resumes asks for the result."""
    airflow = Airflow(clock, table, kind, True, has_store)
    deferred = airflow.defer()
    assert asked == [POST, STATUS]
    table.finish()
    event = {"status": "ended", "job_id": table.jobs[0].id, "state": "completed", "message": "it has ended"}
    asked.clear()
    airflow.resume(deferred.method_name, {**deferred.kwargs, "event": event})
    assert asked == END


@pytest.mark.parametrize("has_store", STORES)
@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("kind", ["append", "delete"])
def test_first_try_that_waits_for_nothing_makes_one_request(
    kind: str, deferrable: bool, has_store: bool, clock: FakeClock, table: Table, asked: list[str]
) -> None:
    """The whole task is the POST, and its answer is all that the XComs need."""
    airflow = Airflow(clock, table, kind, deferrable, has_store, arguments={"wait_for_completion": False})
    assert airflow.execute() == table.jobs[0].id
    assert asked == [POST]


@pytest.mark.parametrize("has_store", STORES)
@pytest.mark.parametrize("deferrable", [False, True])
def test_first_try_of_a_rollup_asks_about_jobs_only_after_its_post(
    deferrable: bool,
    has_store: bool,
    clock: FakeClock,
    table: Table,
    asked: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without guards, what comes before is the plan's question about the table; the protocol has none of its own."""
    monkeypatch.setattr(PolarisTableToTableOperator, "guard_job", lambda *_: None)
    airflow = Airflow(clock, table, "replace", deferrable, has_store)
    if deferrable:
        airflow.defer()
    else:
        airflow.execute()
    before, after = asked[: asked.index(POST)], asked[asked.index(POST) + 1 :]
    assert before == [f"GET tables/{table.name}"]
    assert after == ([STATUS] if deferrable else [STATUS, STATUS, PROGRESS, *END])
