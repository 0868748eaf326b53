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


def age_out(druid: DruidService, **arguments: Any) -> Run:
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
        **arguments,
    )
    run.before["prove"] = lambda: druid.rows.update(hourly=list(COUNTED))
    return run


def replace_day(druid: DruidService) -> None:
    """Replace the segment of 1 June by one of another client; the numbers of rows stay."""
    used = druid.tables["raw"]["used"]
    used[0] = {**used[0], "identifier": "raw_of_others", "version": "v2"}


@pytest.mark.parametrize("version", [27, 33])
def test_age_out_proves_the_copy_and_marks_the_segment(druid, version):
    """As on Polaris: the aged day is in the target only. No list of unused segments is needed."""
    druid.version = version

    assert age_out(druid).go() == "success"

    assert druid.marked == [("raw", "markUnused", {"segmentIds": [f"raw_{JUNE_1}"]})]
    assert druid.rows == {"raw": [], "hourly": COUNTED}
    assert not [path for path in druid.paths("GET") if path.endswith("/unusedSegments")]


def test_source_without_other_segments_is_gone_after_the_deletion(druid):
    """Druid forgets a table with its last segment; a cleared deletion finds nothing to delete."""
    druid.table("raw", columns={"city": "VARCHAR"})
    run = age_out(druid)

    assert run.go() == "success"
    assert druid.rows == {"raw": [], "hourly": COUNTED}
    assert "raw" not in druid.tables
    assert run.clear("delete").go("delete") == (
        "skipped: table 'raw' no longer has rows in '2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z': it was aged "
        "already. Nothing was deleted."
    )


def test_source_that_was_replaced_since_it_was_planned_is_not_copied(druid):
    """The counts are equal, but the rows may differ."""
    run = age_out(druid)
    run.before["copy"] = lambda: replace_day(druid)

    assert run.go() == (
        "failed copy: table 'raw' has other segments (missing: 'raw_2024-06-01T00:00:00.000Z'; new: 'raw_of_others') "
        "than when this was planned. Nothing was submitted. Clear task 'age_out.plan' with its downstream tasks: it "
        "plans with the current segments."
    )
    assert "/druid/v2/sql/task" not in druid.paths()


@pytest.mark.parametrize("task", ["prove", "delete"])
def test_source_that_was_replaced_since_the_copy_is_not_deleted(druid, task):
    """Equal counts are no proof that the target has these rows."""
    run = age_out(druid)
    before = run.before.get(task, lambda: None)
    run.before[task] = lambda: (before(), replace_day(druid))  # type: ignore[func-returns-value]

    assert run.go() == (
        f"failed {task}: the copy is not proven: table 'raw' has other segments (missing: "
        "'raw_2024-06-01T00:00:00.000Z'; new: 'raw_of_others') than the copy read. Nothing was deleted. Clear task "
        "'age_out.plan' with its downstream tasks: it checks both tables and copies again."
    )
    assert druid.marked == []


def test_segment_that_appears_when_the_deletion_begins_stops_it(druid, monkeypatch):
    """The deletion names the proven segments, and Druid's adapter compares them with those that it is about to mark."""
    answers = []
    used = druid._used

    def used_later(table, params, body):
        answers.append(table)
        if len(answers) == 2:  # the first is the last of the proof
            replace_day(druid)
        return used(table, params, body)

    run = age_out(druid)
    run.before["delete"] = lambda: monkeypatch.setattr(druid, "_used", used_later)

    assert run.go() == (
        "failed delete: table 'raw' has other segments (missing: 'raw_2024-06-01T00:00:00.000Z'; new: 'raw_of_others') "
        "than the deletion was decided for, so nothing was deleted."
    )
    assert druid.marked == []


def test_segment_that_exceeds_the_aged_day_is_refused_before_the_copy(druid):
    """The deletion would be refused after the copy."""
    druid.tables["raw"]["used"][0]["interval"] = "2024-06-01T00:00:00.000Z/2024-06-03T00:00:00.000Z"

    assert age_out(druid).go() == (
        "failed plan: segment 'raw_2024-06-01T00:00:00.000Z' of table 'raw' exceeds the intervals "
        "('2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z'), and a deletion removes whole segments. Nothing was "
        "changed. Rewrite that part of the table with partitionedBy 'day' (a replace job whose source is its "
        "target), then run the group again."
    )


def test_run_that_is_cleared_after_its_copy_copies_the_same_segments_again(druid):
    """The job of the first copy says which segments it read, and the source has them."""
    run = age_out(druid)
    run.before["prove"] = lambda: druid.rows.update(hourly=[])
    assert run.go().startswith("failed prove: ")

    druid.rows["hourly"] = list(COUNTED)
    assert run.clear("plan").go() == "success"
    assert len(druid.marked) == 1


@pytest.mark.parametrize("is_recorded", [True, False])
def test_target_whose_rows_were_made_of_other_segments_is_not_replaced(druid, is_recorded):
    """The source may lack rows that the target has; so says the plan, before anything is copied."""
    run = age_out(druid)
    run.before["prove"] = lambda: druid.rows.update(hourly=[])
    assert run.go().startswith("failed prove: ")
    druid.rows["hourly"] = list(COUNTED)
    (copy,) = (task for task in druid.tasks.values() if task.type == "query_controller")
    if is_recorded:
        replace_day(druid)
        why = "table 'raw' has other segments (missing: 'raw_2024-06-01T00:00:00.000Z') than {job} read"
    else:
        copy.payload["sqlQueryContext"].pop("airflowSegments")
        why = "{job} doesn't show which segments of table 'raw' it read"

    told = run.clear("plan").go()

    assert told.startswith(
        "failed plan: table 'hourly' has rows in '2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z' already, and "
        "replacing them with the rows that 'raw' has there now could lose some: "
        + why.format(job=f"job '{copy.id}' (batch into 'hourly', 'completed')")
        + ". Nothing was changed."
    )
    assert told.endswith("allows it for one run).")


def test_person_may_let_the_target_be_replaced(druid):
    """With on_aged_target='replace' the segments of the target's writer don't matter."""
    run = age_out(druid, on_aged_target="replace")
    run.before["prove"] = lambda: druid.rows.update(hourly=[])
    assert run.go().startswith("failed prove: ")
    replace_day(druid)
    druid.rows["hourly"] = list(COUNTED)

    assert run.clear("plan").go() == "success"
    assert druid.marked == [("raw", "markUnused", {"segmentIds": ["raw_of_others"]})]
