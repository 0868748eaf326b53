# SPDX-License-Identifier: Apache-2.0
"""The identity of a try: what is read from Airflow's context, and the markers derived from it."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_polaris.operators.submission.submit import count
from airflow_provider_polaris.operators.submission.task_identity import TaskIdentity

START = datetime(2026, 11, 20, tzinfo=timezone.utc)


def context(try_number: int, max_tries: int, **changes: Any) -> dict[str, Any]:
    ti = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": 4}
    return {
        "ti": SimpleNamespace(**ti, try_number=try_number, max_tries=max_tries),
        "dag_run": SimpleNamespace(start_date=START),
        **changes,
    }


@pytest.mark.parametrize(
    ("try_number", "max_tries", "was_cleared", "first_ever"),
    [
        (1, 2, False, True),
        (2, 2, False, False),
        (3, 2, False, False),
        (4, 5, True, False),  # cleared after try 3
        (5, 5, True, False),  # its retry
        (3, 4, True, False),  # cleared after try 2
        (2, 3, True, False),  # cleared after try 1
    ],
)
def test_from_context_tells_a_clear_from_a_retry(
    try_number: int, max_tries: int, was_cleared: bool, first_ever: bool
) -> None:
    """Airflow raises max_tries when a finished task is cleared, and not for a retry."""
    identity = TaskIdentity.from_context(context(try_number, max_tries), retries=2)
    assert (identity.epoch, identity.try_number) == (max_tries, try_number)
    assert (identity.was_cleared, identity.first_try_ever) == (was_cleared, first_ever)


@pytest.mark.parametrize("retries", [0, None])
@pytest.mark.parametrize(("max_tries", "was_cleared"), [(0, False), (1, True)])
def test_from_context_tells_a_clear_of_a_task_without_retries(
    max_tries: int, was_cleared: bool, retries: int | None
) -> None:
    """A single clear must not be taken for a retry."""
    identity = TaskIdentity.from_context(context(max_tries + 1, max_tries), retries)
    assert identity.was_cleared is was_cleared
    assert identity.starts_epoch


@pytest.mark.parametrize(
    ("try_number", "max_tries", "starts"),
    [(1, 2, True), (2, 2, False), (3, 2, False), (4, 5, True), (5, 5, False), (2, 3, True), (3, 3, False)],
)
def test_from_context_tells_the_first_try_after_a_clear(try_number: int, max_tries: int, starts: bool) -> None:
    """The tries of an epoch are those that the retries allow, so its first one is that many before the last."""
    assert TaskIdentity.from_context(context(try_number, max_tries), retries=2).starts_epoch is starts


def test_from_context_names_the_task_instance() -> None:
    """Includes the map index; without it mapped tasks would share a marker."""
    identity = TaskIdentity.from_context(context(1, 0), retries=None)
    assert (identity.dag_id, identity.run_id, identity.task_id, identity.map_index) == ("d", "r", "t", 4)
    assert identity.run_started == START


@pytest.mark.parametrize("run", [None, SimpleNamespace(start_date=START.replace(tzinfo=None))], ids=["no-run", "naive"])
def test_from_context_without_a_start_of_the_run_does_without(run: Any) -> None:
    """It only limits a search."""
    assert TaskIdentity.from_context(context(1, 0, dag_run=run), retries=0).run_started is None


def test_markers_are_those_of_every_epoch_so_far() -> None:
    """So that a cleared task recognizes its earlier jobs."""
    identity = TaskIdentity.from_context(context(1, 2), retries=2)
    markers = identity.markers("api", "P")
    assert sorted(markers.values()) == [0, 1, 2]
    assert markers[identity.marker("api", "p")] == 2


def test_markers_are_bounded() -> None:
    """The markers of a task that was cleared a thousand times are limited."""
    identity = TaskIdentity.from_context(context(1, 5000), retries=2)
    assert len(identity.markers("api", "p")) == 101


def test_count_increments_one_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    """One counter for each outcome."""
    from airflow.providers.common.compat.sdk import Stats

    counted: list[str] = []
    monkeypatch.setattr(Stats, "incr", counted.append, raising=False)
    count("adopted", SimpleNamespace())
    assert counted == ["polaris.submit.adopted"]


def test_count_that_fails_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Telemetry never fails a task."""
    from airflow.providers.common.compat.sdk import Stats

    def fail(name: str) -> None:
        raise OSError("no statsd")

    told: list[Any] = []
    monkeypatch.setattr(Stats, "incr", fail, raising=False)
    count("adopted", SimpleNamespace(debug=lambda *texts: told.append(texts)))
    assert told[0][0] == "The metric of this submission was not incremented: %r"
