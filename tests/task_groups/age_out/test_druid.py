# SPDX-License-Identifier: Apache-2.0
"""The age-out with a connection of type apache_druid, on a fake Druid; each task as on Polaris."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from tests.druid_service import DruidService
from tests.operators.guards.conftest import FakeClock
from tests.task_groups.age_out.run import Run

JUNE_1 = "2024-06-01T00:00:00.000Z"
COUNTED = [{"bucket": JUNE_1, "n": 3, "events": 3}]


@pytest.fixture
def druid(druid_service: DruidService, connect: Any, monkeypatch: pytest.MonkeyPatch) -> DruidService:
    """Point the default connection to a Druid with a table of three rows on 1 June."""
    clock = FakeClock()
    monkeypatch.setattr("airflow_provider_polaris.runtime.clock.CLOCK", clock)
    connect("polaris_default", conn_type="apache_druid", host=druid_service.url, password=None, extra={})
    druid_service.table("raw", columns={"city": "VARCHAR"}, days=("2024-06-01", "2024-06-02"))
    druid_service.rows["raw"] = list(COUNTED)
    druid_service.clock = clock  # type: ignore[attr-defined]
    return druid_service


def age_out(druid: DruidService) -> Run:
    """Return the run that ages 1 June out; its copy has all rows."""
    world = SimpleNamespace(source="raw", target="hourly", clock=druid.clock)  # type: ignore[attr-defined]
    run = Run(
        world,  # type: ignore[arg-type]
        datetime(2024, 6, 2, tzinfo=timezone.utc),
        older_than="P1D",
        mappings=None,
        rollup_granularity="hour",
        dimensions=["city"],
        measures={"sessions": "COUNT(*)"},
    )
    run.before["prove"] = lambda: druid.rows.update(hourly=list(COUNTED))
    return run


def test_age_out_proves_the_copy_and_marks_the_segment(druid):
    """As on Polaris: the aged day is in the target only."""
    druid.version = 33

    assert age_out(druid).go() == "success"

    assert druid.marked == [("raw", "markUnused", {"segmentIds": [f"raw_{JUNE_1}"]})]
    assert druid.rows == {"raw": [], "hourly": COUNTED}


def test_age_out_is_not_proven_by_a_cluster_that_cannot_show_what_was_removed(druid):
    """Druid 27 has no list of unused segments; nothing is deleted."""
    assert age_out(druid).go() == (
        "failed prove: this version of Druid has no list of unused segments, so nothing is known about replaced or "
        "deleted data of table 'raw'. Druid 27 lacks the list and Druid 33 has it: upgrade the cluster."
    )
    assert druid.marked == []
