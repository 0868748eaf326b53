# SPDX-License-Identifier: Apache-2.0
"""Limits, delays and unusual answers: each ends a task with a message, or the task waits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisGuardError
from airflow_provider_polaris.task_groups.age_out.streaming_jobs import check_streams
from airflow_provider_polaris.task_groups.table_counts import TableCounter
from tests.task_groups.age_out.common import (
    AGAIN,
    DAY,
    EVENING,
    MORNING,
    NOON,
    RUN,
    aged,
    before_request,
    stream,
    unproven,
)
from tests.task_groups.age_out.run import Run
from tests.task_groups.age_out.world import MAPPINGS, World


def test_past_that_takes_too_many_questions_is_refused(world, monkeypatch) -> None:
    """The job list may lack the intervals of jobs."""
    monkeypatch.setattr("airflow_provider_polaris.task_groups.age_out.table_history._MOST_DESCRIBES", 1)
    aged(world)
    world.load(EVENING, EVENING)
    world.assume(summary_intervals="hide")
    assert Run(world, RUN).go() == (
        f"failed plan: it takes more than 1 requests to find out which jobs changed tables '{world.source}' and "
        f"'{world.target}', because the list of jobs doesn't show what each one changed; nothing was done. If you are "
        "sure that the source has all rows that the target's rows were built from, run the group with "
        "on_aged_target='replace' (on_aged_target='{{ params.on_aged_target }}' allows it for one run)."
    )


def test_past_with_too_many_segments_is_refused(world, monkeypatch) -> None:
    """The number of segments to check is limited."""
    monkeypatch.setattr("airflow_provider_polaris.task_groups.age_out.table_history._MOST_SEGMENTS", 1)
    world.load(MORNING, "2024-06-02T01:00")
    world.compact("2024-06-01/2024-06-03", "day")
    assert Run(world, RUN, RUN.replace(day=3)).go() == (
        f"failed prove: table '{world.source}' has more than 1 segments in "
        "'2024-06-01T00:00:00.000Z/2024-06-03T00:00:00.000Z' that were replaced or deleted, too many to check; nothing "
        "was done. Age shorter intervals, one run each."
    )


def test_list_of_jobs_that_does_not_reach_back_is_no_evidence(world, monkeypatch) -> None:
    """Removals before the oldest job in the list are unknown."""
    monkeypatch.setattr("airflow_provider_polaris.task_groups.age_out.table_history._MOST_JOBS", 1)
    world.load(MORNING)
    run = Run(world, RUN, mappings=MAPPINGS[:3])
    run.execute("plan")
    run.execute("copy")
    other = World(world.running, world.clock)
    other.load("2024-06-09T01:00")
    copy = world.jobs[-1]
    world.run(
        {
            "type": "batch",
            "source": {"type": "table", "tableName": other.source},
            "target": {"type": "table", "tableName": world.source},
            "mappings": [{"columnName": "city", "expression": '"city"'}],
        }
    )
    other.close()
    assert (
        f"could lose some: the newest 1 jobs into table '{world.source}' don't show what was removed from it since "
        f"job '{copy.id}' (batch into '{world.target}', 'completed') wrote them. "
    ) in Run(world, RUN, mappings=MAPPINGS[:3]).go()


def test_more_partitions_than_a_job_can_write_are_refused(world, monkeypatch) -> None:
    """Before anything is copied."""
    monkeypatch.setattr("airflow_provider_polaris.task_groups.age_out.planner._MOST_PARTITIONS", 1)
    world.load(MORNING, "2024-06-02T01:00")
    assert Run(world, RUN, RUN.replace(day=3)).go() == (
        "failed plan: 2 time partitions (day) would be aged at once, but a job can write at most 1. Nothing was "
        "changed. Use shorter run intervals, or lower catch_up."
    )


def test_table_without_segments_has_no_rows(world) -> None:
    """SQL can't query it; its description shows that it is empty."""
    fault = {"effect": "status", "status": 400, "method": "POST", "path": "/query/sql", "times": None}
    world.control("POST", "/faults", fault)
    assert Run(world, RUN).go().startswith(f"skipped: table '{world.source}' has no rows in '{DAY}'")


def test_stream_beside_synchronous_sql_is_no_evidence(world) -> None:
    """It counts rows that no job can read yet."""
    world.load(MORNING)
    world.has_no_asynchronous_sql()
    job = stream(world, "P1D")
    message = Run(world, RUN).go()
    assert message.startswith("failed plan: the rows that the job would read and replace can't be counted: ")
    assert (
        f"because streaming job '{job}' writes to table '{world.source}', so the count would include rows that no job "
        "can read yet. Nothing was submitted."
    ) in message


def test_stream_without_a_readable_limit_is_refused(world) -> None:
    """Its limit can't be parsed."""
    world.load(MORNING)
    job = stream(world, "P9000Y")
    assert (
        Run(world, RUN)
        .go()
        .startswith(
            f"failed plan: streaming job '{job}' into table '{world.source}' accepts rows of any age "
            "(lateMessageRejectionPeriod 'P9000Y'), and data up to 2024-06-02T00:00:00.000Z would be aged: "
        )
    )


def test_copy_that_has_not_ended_is_no_proof(world) -> None:
    """The task waits for it; here another job replaces it."""
    world.load(MORNING)
    run = Run(world, RUN)
    run.execute("plan")
    run.execute("copy")
    spec = {key: value for key, value in world.jobs[-1].spec.items() if key not in ("desiredExecutionStatus", "query")}
    other = world.hook.submit_job(spec)["id"]
    run.instances["copy"].xcom_push("return_value", other)
    assert run.go("prove") == unproven(world, f"copy job '{other}' is 'pending'")


@pytest.mark.parametrize("task, method", [("prove", "count_target"), ("delete", "count_source")])
def test_count_that_lags_is_repeated(world, monkeypatch, task, method) -> None:
    """Published or deleted rows may take a moment to appear."""
    world.load(MORNING)
    run = Run(world, RUN)
    real: Callable[..., Any] = getattr(TableCounter, method)
    seen: list[Any] = []

    def lag(counter: TableCounter, plan: Any) -> Any:
        counts = real(counter, plan)
        is_late = not counts if task == "delete" else not seen
        seen.append(counts)
        if is_late and len([each for each in seen if not each]) < 2:
            return seen[0] if task == "delete" else {}
        return counts

    run.before[task] = lambda: monkeypatch.setattr(TableCounter, method, lag)
    assert run.go() == "success"
    assert len(seen) > 1


def test_deletion_waits_for_a_job_that_changes_the_source(world, said) -> None:
    """The rows that it adds must be counted."""
    world.load(MORNING)
    other = World(world.running, world.clock)
    other.load(NOON)
    append = {
        "type": "batch",
        "source": {"type": "table", "tableName": other.source, "interval": DAY},
        "target": {"type": "table", "tableName": world.source},
        "mappings": [{"columnName": "city", "expression": '"city"'}],
    }
    run = Run(world, RUN)
    run.before["delete"] = lambda: world.hook.submit_job(append)
    assert run.go().startswith(f"failed delete: the copy is not proven: in '{DAY}' table '{world.source}' has 2 and ")
    assert any(line.startswith("INFO Waiting, because job") for line in said())
    other.close()


def test_deletion_of_a_part_of_a_partition_is_refused(world) -> None:
    """Even with a proof: Polaris would delete the whole segment."""
    world.load(MORNING)
    run = Run(world, RUN)
    for task in ("plan", "copy", "prove"):
        run.execute(task)
    proof = run.instances["prove"].xcom_pull("age_out.prove")
    proof["windows"][0]["interval"] = "2024-06-01T00:00:00.000Z/2024-06-01T12:00:00.000Z"
    run.instances["prove"].xcom_push("return_value", proof)
    assert run.go("delete").startswith(
        "failed delete: intervals[0] '2024-06-01T00:00:00.000Z/2024-06-01T12:00:00.000Z' does not fall on the "
        f"partitions of table '{world.source}' (day), which are deleted whole: "
    )


def test_restore_that_live_data_is_in_the_way_of_is_told(world) -> None:
    """Nothing is lost for 30 days, and the message describes how to restore it."""
    world.load(MORNING)
    path = f"tables/{world.source.replace(' ', '%20')}/unusedSegments"
    with (
        before_request(2, lambda: world.load(NOON), "POST", "jobs"),
        before_request(3, lambda: world.load(EVENING), "GET", path),
    ):
        message = Run(world, RUN).go()
    restore = world.jobs[-1]
    assert restore.type == "restore_data"
    assert (
        f" They could not be restored (job '{restore.id}' (restore_data to '{world.source}') is 'failed' with health "
        "'error' ('internal_error')). You can restore them manually for 30 days, once no live data overlaps them: "
        f"PolarisRestoreDataOperator(table_name='{world.source}', interval=..., versions=[...]). "
    ) in message
    assert AGAIN not in message


def test_deferred_tasks_do_the_same(world) -> None:
    """The deleted segments are checked after a deferral, too."""
    world.load(MORNING, "2024-06-10T01:00")
    world.compact("2024-06-01/2024-07-01", "month")
    run = Run(world, RUN, deferrable=True)
    assert run.go().startswith(f"failed delete: the deletion from table '{world.source}' took segments that exceed ")
    assert run.deferrals == 9  # one count of the plan, two of each other task, both jobs
    assert world.numbers(world.source) == {0: 1, 1: 1}


class SilentHook:
    """Lists one stream without its limit."""

    def iter_jobs(self, **_: Any) -> list[dict[str, Any]]:
        return [{"id": "stream", "type": "streaming", "executionStatus": "running"}]

    def get_job(self, job_id: str) -> dict[str, Any]:
        return {"id": job_id}


def test_stream_that_does_not_tell_accepts_thirty_days() -> None:
    """Polaris' own default."""
    now = datetime(2024, 7, 1, tzinfo=timezone.utc)
    check_streams(SilentHook(), "S", now - timedelta(days=30), now)  # type: ignore[arg-type]
    with pytest.raises(PolarisGuardError, match=r"lateMessageRejectionPeriod 'P30D'"):
        check_streams(SilentHook(), "S", now - timedelta(days=29), now)  # type: ignore[arg-type]
