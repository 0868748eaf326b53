# SPDX-License-Identifier: Apache-2.0
"""Deaths around a deferral before the submission, as data: what the task waits for, and when its process dies."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.jobs.errors import PolarisTransportError
from airflow_provider_polaris.runtime.waits import Condition
from tests.exactly_once.conftest import Airflow, die
from tests.operators.conftest import through_airflow
from tests.operators.submission.conftest import STORES, Death

Patch = pytest.MonkeyPatch


def counts(run: Any) -> None:
    """Wait for two queries, as a count does."""
    run.limits.memory.queries.update(a="query-1", b="query-2")
    _wait(run, Condition("queries", ("query-1", "query-2")))


def conflict(run: Any) -> None:
    """Wait for the end of another job."""
    _wait(run, Condition("job", ("other",)))


def unreachable(_: Any) -> None:
    """Get no answer from the service."""
    raise PolarisTransportError("no answer came.")


def _wait(run: Any, until: Condition) -> None:
    run.limits.sleep(30.0, run.clock.now() + timedelta(hours=1), until)


WAITS = [counts, conflict, unreachable]


def not_deferred(airflow: Airflow, patch: Patch) -> None:
    patch.setattr(airflow.operator, "defer", die)
    airflow.execute()


def never_resumed(airflow: Airflow, _: Patch) -> None:
    airflow.defer()
    raise Death


def resumed_and_recorded(airflow: Airflow, patch: Patch) -> None:
    """The resumed worker dies between its record and the POST."""
    deferred = airflow.defer()
    patch.setattr(PolarisHook, "submit_job", die)
    _resume(airflow, deferred)


def reply_lost(airflow: Airflow, patch: Patch) -> None:
    """The POST of the resumed worker takes effect, and the worker dies without the answer."""
    deferred = airflow.defer()
    airflow.table.lose_reply()
    airflow.table.die_after_the_loss(patch)
    _resume(airflow, deferred)


def resumed_twice(airflow: Airflow, _: Patch) -> None:
    """The trigger fires twice, so two workers, one after the other, continue from the same memory."""
    deferred = airflow.defer()
    for _number in range(2):
        with pytest.raises(TaskDeferred):
            _resume(airflow, deferred)
    raise Death


def _resume(airflow: Airflow, deferred: Any) -> None:
    # The event only ends the wait. Which one it is decides nothing.
    airflow.resume(deferred.method_name, through_airflow({**deferred.kwargs, "event": {"status": "due"}}))


#: Each death, and what the retry does: with a store, and without one.
DEATHS: list[tuple[Callable[[Airflow, Patch], None], tuple[str, str]]] = [
    (not_deferred, ("submitted", "submitted")),
    (never_resumed, ("submitted", "submitted")),
    (resumed_and_recorded, ("submitted", "submitted")),
    (reply_lost, ("adopted", "adopted")),
    (resumed_twice, ("resumed", "adopted")),
]


def die_around_a_deferral(
    airflow: Airflow, wait: Callable[[Any], None], death: Callable[[Airflow, Patch], None]
) -> None:
    """Let the first guard wait, and the process die."""
    kind = type(airflow.operator)
    guard_job = kind.guard_job
    waits = [wait]

    def guard(self: Any, spec: Any, run: Any, earlier_jobs: Any) -> None:
        if waits:
            waits.pop()(run)
        guard_job(self, spec, run, earlier_jobs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "guard_job", guard)
        with pytest.raises(Death):
            death(airflow, patch)
    assert waits == []


#: Parameters wait, death, outcome and has_store.
CELLS = [
    pytest.param(wait, death, outcomes[not store], store, id=f"{wait.__name__}-{death.__name__}-{name}")
    for wait, (death, outcomes), (name, store) in itertools.product(
        WAITS, DEATHS, [("store" if each else "no store", each) for each in STORES]
    )
]
