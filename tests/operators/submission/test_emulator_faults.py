# SPDX-License-Identifier: Apache-2.0
"""The protocol over a real network: whatever the emulator does to a POST, there is one job."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_polaris.emulator.assumptions import Assumptions
from airflow_provider_polaris.emulator.server import RunningEmulator
from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.jobs.errors import PolarisGuardError
from tests.operators.submission.conftest import (
    CONNECTION,
    JOB_SECONDS,
    FakeClock,
    MemoryStore,
    Polaris,
    Task,
    Wire,
)
from tests.operators.submission.koalas import koalas_emulator

FAULTS: dict[str, list[dict[str, Any]]] = {
    "reply dropped after the effect": [{"effect": "drop_reply"}],
    "reply dropped before the effect": [{"effect": "drop_reply", "takesEffect": "never"}],
    "effect later than the reply's loss": [{"effect": "drop_reply", "takesEffect": "later", "afterSeconds": 40}],
    "503 before the effect": [{"effect": "status", "status": 503}],
    "503 after the effect": [{"effect": "status", "status": 503, "takesEffect": "now"}],
    "503, effect later": [{"effect": "status", "status": 503, "takesEffect": "later", "afterSeconds": 40}],
    "429 before the effect": [{"effect": "status", "status": 429}],
    "429 after the effect": [{"effect": "status", "status": 429, "takesEffect": "now"}],
    "hidden from the list": [{"effect": "drop_reply"}, {"effect": "hide_job", "afterSeconds": 50}],
    "hidden from everything": [{"effect": "drop_reply"}, {"effect": "hide_job", "afterSeconds": 50, "describe": False}],
}


def fault(running: RunningEmulator, **rule: Any) -> None:
    """Set a fault of the emulator for the next POST of a job."""
    if rule["effect"] != "hide_job":
        rule = {"method": "POST", "path": "/jobs$", **rule}
    request = urllib.request.Request(
        f"{running.base_url}/__emulator__/faults",
        json.dumps(rule).encode(),
        {"Content-Type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201


@pytest.fixture
def real(wire: Wire, polaris: Polaris, store: MemoryStore) -> Iterator[Task]:
    """A task whose hook is the real one."""
    hook: Any = PolarisHook(CONNECTION)
    hook.clock, hook.asked, hook.sent = wire.clock, [], []
    yield Task(hook, polaris, store)
    hook.close()
    polaris.running.emulator.faults.clear()


@pytest.mark.parametrize("mode", ["append", "replace"])
@pytest.mark.parametrize("rules", FAULTS.values(), ids=FAULTS)
def test_submit_disturbed_leaves_one_job(rules: list[dict[str, Any]], mode: str, real: Task, polaris: Polaris) -> None:
    """Whatever happens to the answer of the POST, there is one job, and it is the task's."""
    for rule in rules:
        fault(polaris.running, **rule)
    submitted = real.submit(polaris.spec(mode))
    assert [job.id for job in polaris.jobs] == [submitted.job.job_id]
    assert polaris.rows() == 3


@pytest.fixture(params=["refuse", "drop"])
def other_reading(request: pytest.FixtureRequest, connect: Any) -> Iterator[tuple[str, Task, Polaris]]:
    """A task on a Polaris that rejects unknown keys of the context, or drops them."""
    clock = FakeClock()
    with koalas_emulator(clock, JOB_SECONDS, assumptions=Assumptions(unknown_context=request.param)) as running:
        polaris = Polaris(running, clock, "Koalas Rollup")
        connect(CONNECTION, host=running.base_url, password=running.settings.api_key)
        wire = Wire(clock)
        yield request.param, Task(wire, polaris, MemoryStore()), polaris
        wire.close()


def test_submit_under_another_reading_of_the_context(other_reading: tuple[str, Task, Polaris]) -> None:
    """Replace adopts, append refuses; neither runs twice. Without faults only rejections cost requests."""
    reading, task, polaris = other_reading
    task.submit(polaris.append())
    assert task.wire.asked == ["POST"] * (3 if reading == "refuse" else 1)
    replacing, appending = (Task(task.wire, polaris, MemoryStore(), dag_id=name) for name in ("r", "a"))
    outcomes = ["ok", "ok", "lost"] if reading == "refuse" else ["lost"]
    task.wire.posts = list(outcomes)
    polaris.table = "Replaced"
    assert replacing.submit(polaris.replace()).outcome == "adopted"
    assert len(polaris.jobs) == 1
    task.wire.posts = list(outcomes)
    polaris.table = "Appended"
    with pytest.raises(PolarisGuardError, match="no marker that identifies the task"):
        appending.submit(polaris.append())
    assert len(polaris.jobs) == 1
