# SPDX-License-Identifier: Apache-2.0
"""What a task keeps over its deferrals, as Airflow stores it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_polaris.operators.submission.try_memory import TryMemory
from airflow_provider_polaris.runtime.waits import WaitMemory

NOW = datetime(2026, 11, 20, 6, tzinfo=timezone.utc)


def test_memory_survives_a_deferral() -> None:
    """Every field, the waits included; one of another version is ignored."""
    memory = TryMemory(
        spec={"type": "batch"},
        optional_context=["a"],
        source_tables=["s"],
        guard_options={"on_empty_source": "fail"},
        counting={"source": "s"},
        reconciled={"record": None},
        passed=1.5,
        throttled={"v": 1},
        sent=True,
        waits=WaitMemory(
            since={"w": 1.0}, queries={"d": "q"}, logged={"w": "line"}, answers={"c": [1, 2]}, deferrals=3
        ),
        asks=False,
        question={"found": "x"},
        approved={"by": "y"},
    )
    saved = json.loads(json.dumps(memory.to_json()))
    assert TryMemory.restore({**saved, "later": 1}) == memory


def test_memory_of_an_older_version_has_the_defaults_of_what_it_lacks() -> None:
    """A task that was deferred before an upgrade."""
    assert TryMemory.restore({"sent": True}) == TryMemory(sent=True)


@pytest.mark.parametrize(("seconds", "has_passed"), [(0, True), (299.999, True), (300, False)])
def test_guards_have_passed_for_five_minutes(seconds: float, has_passed: bool) -> None:
    """Then they are asked again."""
    memory = TryMemory(passed=NOW.timestamp())
    assert memory.has_passed(NOW + timedelta(seconds=seconds)) is has_passed
    assert not TryMemory().has_passed(NOW)
