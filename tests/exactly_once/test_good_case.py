# SPDX-License-Identifier: Apache-2.0
"""Without faults, exactly-once costs no additional request."""

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
    """Return the requests that reach Polaris over the network, in order."""
    names: list[str] = []
    take_fault = running.emulator.faults.take_fault

    def note(method: str, path: str) -> Any:
        place = path.split("/projects/")[1].partition("/")[2]
        names.append(f"{method} {re.sub('^jobs/[^/]+$', 'job', re.sub('^jobs/[^/]+/', '', place))}")
        return take_fault(method, path)

    monkeypatch.setattr(running.emulator.faults, "take_fault", note)
    return names


@pytest.mark.parametrize("has_store", STORES)
@pytest.mark.parametrize("kind", ["append", "delete"])
def test_first_try_in_the_worker_makes_one_post_and_its_looks(
    kind: str, has_store: bool, clock: FakeClock, table: Table, asked: list[str]
) -> None:
    """One poll before the first sleep, two after it, and at the end the requests for the result."""
    Airflow(clock, table, kind, False, has_store).execute()
    assert asked == [POST, STATUS, STATUS, PROGRESS, *END]


@pytest.mark.parametrize("has_store", STORES)
@pytest.mark.parametrize("kind", ["append", "delete"])
def test_first_try_that_is_deferred_makes_one_post(
    kind: str, has_store: bool, clock: FakeClock, table: Table, asked: list[str]
) -> None:
    """The triggerer does the rest, and all tasks share its polls; the resumed worker requests the result."""
    airflow = Airflow(clock, table, kind, True, has_store)
    deferred = airflow.defer()
    assert asked == [POST]
    table.finish()
    event = {"status": "ended", "job_id": table.jobs[0].id, "state": "completed", "message": "it has ended"}
    asked.clear()
    airflow.resume(deferred.method_name, {**deferred.kwargs, "event": event})
    assert asked == END[1:]


@pytest.mark.parametrize("has_store", STORES)
@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("kind", ["append", "delete"])
def test_first_try_that_waits_for_nothing_makes_one_request(
    kind: str, deferrable: bool, has_store: bool, clock: FakeClock, table: Table, asked: list[str]
) -> None:
    """The whole task is the POST, and its answer is sufficient for the XComs."""
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
    """The plan reads the tables and the active jobs for the guards before the POST; the protocol adds no request."""
    monkeypatch.setattr(PolarisTableToTableOperator, "guard_job", lambda *_: None)
    airflow = Airflow(clock, table, "replace", deferrable, has_store)
    if deferrable:
        airflow.defer()
    else:
        airflow.execute()
    before, after = asked[: asked.index(POST)], asked[asked.index(POST) + 1 :]
    assert before == ["GET tables/Koalas Source", f"GET tables/{table.name}", "GET jobs"]
    assert after == ([] if deferrable else [STATUS, STATUS, PROGRESS, *END])
