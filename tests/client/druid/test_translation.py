# SPDX-License-Identifier: Apache-2.0
"""Druid's answers in the package's terms: statuses, jobs, supervisors, slots, ids."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.client.druid.translation.jobs import describe, kind_of_row, summarize
from airflow_provider_polaris.client.druid.translation.missing import is_missing_column, missing_object
from airflow_provider_polaris.client.druid.translation.slots import free_slots, needed_slots
from airflow_provider_polaris.client.druid.translation.states import execution_status
from airflow_provider_polaris.client.druid.translation.supervisors import describe_supervisor
from airflow_provider_polaris.client.druid.translation.task_ids import parse_task_id, query_id, task_id
from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.guards.conflicts import is_append, written_intervals
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.time.interval import Interval

STATUS = {
    "id": "query-airflow-m1-1",
    "type": "query_controller",
    "createdTime": "2024-06-01T12:00:00.000Z",
    "statusCode": "SUCCESS",
    "runnerStatusCode": "WAITING",
    "duration": 2005,
    "dataSource": "hourly",
    "errorMsg": None,
}


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ({"statusCode": "RUNNING", "runnerStatusCode": "PENDING"}, "pending"),
        ({"statusCode": "RUNNING", "runnerStatusCode": "WAITING"}, "pending"),
        ({"statusCode": "RUNNING", "runnerStatusCode": "RUNNING"}, "running"),
        ({"status": "RUNNING"}, "running"),
        ({"statusCode": "SUCCESS", "runnerStatusCode": "WAITING"}, "completed"),
        ({"statusCode": "FAILED", "errorMsg": "Shutdown request from user"}, "canceled"),
        ({"statusCode": "FAILED", "errorMsg": "Canceled: Query canceled by user or by task shutdown."}, "canceled"),
        ({"statusCode": "FAILED", "errorMsg": "WorkerRpcFailed: RPC call to task failed"}, "failed"),
        ({"statusCode": "FAILED", "runnerStatusCode": "PENDING", "errorMsg": None}, "failed"),
        ({"statusCode": "RESTING"}, "resting"),
        ({}, "unknown"),
    ],
)
def test_status_is_that_of_a_job(status: dict[str, Any], word: str) -> None:
    """An ended task may still be WAITING for the runner; a new word of Druid is kept and ends no wait."""
    assert execution_status(status) == word


def test_job_of_this_package_is_described_by_its_own_spec() -> None:
    """The spec is in the task's context, so every field of it comes back."""
    spec = {
        "type": "batch",
        "ingestionMode": "replace",
        "target": {"tableName": "hourly", "intervals": ["2024-06-01/P1D"]},
    }
    context = {"airflow": "m1", "airflowSpec": spec, "sqlQueryId": "airflow-m1-1", "queryId": "airflow-m1-1"}
    timed = {"status": "SUCCESS", "startTime": "2024-06-01T12:00:01.000Z", "durationMs": 1500}
    job = describe({"sqlQuery": "REPLACE ...", "sqlQueryContext": context}, STATUS, {"status": timed})
    assert job == {
        "id": "query-airflow-m1-1",
        "type": "batch",
        "executionStatus": "completed",
        "createdTimestamp": "2024-06-01T12:00:00.000Z",
        "startedTimestamp": "2024-06-01T12:00:01.000Z",
        "completedTimestamp": "2024-06-01T12:00:02.500Z",
        "health": {"status": "ok"},
        "query": "REPLACE ...",
        "target": spec["target"],
        "spec": {**spec, "context": {"airflow": "m1"}},
    }
    assert JobState.from_wire(job).seconds == 1.5


def test_sql_job_of_this_package_writes_the_table_of_its_task() -> None:
    """Its spec has no target; the intervals are those of its statement, in the zone of its context."""
    query = (
        "REPLACE INTO hourly OVERWRITE WHERE __time >= TIMESTAMP '2024-06-01' AND __time < TIMESTAMP '2024-06-02' "
        "SELECT * FROM raw PARTITIONED BY DAY"
    )
    context = {"airflow": "m1", "sqlTimeZone": "UTC", "airflowSpec": {"type": "sql", "query": query}}
    job = describe({"sqlQuery": query, "sqlQueryContext": context}, {**STATUS, "dataSource": "hourly"}, {})
    assert JobState.from_wire(job).target_table == "hourly"
    assert written_intervals(job, is_whole=True) == (Interval.parse("2024-06-01/2024-06-02"),)


def test_job_of_another_client_is_described_by_its_task() -> None:
    """Its table, intervals and SQL are known, so it counts among the conflicts."""
    destination = {"dataSource": "hourly", "replaceTimeChunks": ["2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"]}
    task = {"sqlQuery": "REPLACE INTO hourly ...", "spec": {"destination": destination}}
    job = describe(task, {**STATUS, "statusCode": "RUNNING", "runnerStatusCode": "RUNNING"}, {})
    state = JobState.from_wire(job)
    assert (state.type, state.target_table, state.is_replace, state.is_terminal) == ("sql", "hourly", True, False)
    assert written_intervals(job, is_whole=True) == (Interval.parse("2024-06-01/2024-06-02"),)


def test_job_without_bounds_and_a_compaction_change_everything() -> None:
    """Druid's eternity is no interval of the package; a compaction may be given by its segments."""
    eternity = "-146136543-09-08T08:23:32.096Z/146140482-04-24T15:36:27.903Z"
    whole = {"sqlQuery": "REPLACE", "spec": {"destination": {"dataSource": "t", "replaceTimeChunks": [eternity]}}}
    compaction = describe({"type": "compact"}, {**STATUS, "type": "compact"}, {})
    for job in (describe(whole, STATUS, {}), compaction):
        assert written_intervals(job, is_whole=True) == (Interval.ETERNITY,)
    assert JobState.from_wire(compaction).is_replace


def test_compaction_of_an_interval_changes_that_interval() -> None:
    """Those of auto-compaction have one, so they conflict with the jobs of the same partitions only."""
    spec = {"type": "interval", "interval": "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z", "sha256OfSorted": None}
    task = {"type": "compact", "dataSource": "hourly", "ioConfig": {"type": "compact", "inputSpec": spec}}
    job = describe(task, {**STATUS, "type": "compact"}, {})
    assert written_intervals(job, is_whole=True) == (Interval.parse("2024-06-01/2024-06-02"),)
    assert not is_append(job)


def test_canceled_job_is_described_as_canceled_whatever_its_report_says() -> None:
    """A report of a task that was shut down shows a consequence."""
    failed = {"errorReport": {"error": {"errorCode": "WorkerRpcFailed", "errorMessage": "RPC call failed"}}}
    status = {**STATUS, "statusCode": "FAILED", "errorMsg": "Shutdown request from user"}
    state = JobState.from_wire(describe({}, status, {"status": failed}))
    assert state.status == "canceled"
    assert state.health is not None
    assert (state.health.code, state.health.message) == ("canceled", "RPC call failed")


def test_summary_has_no_time_of_completion() -> None:
    """The list doesn't have it, and a time that is too early would hide a change from the age-out."""
    assert summarize(STATUS) == {
        "id": "query-airflow-m1-1",
        "type": "batch",
        "executionStatus": "completed",
        "createdTimestamp": "2024-06-01T12:00:00.000Z",
        "target": {"type": "table", "tableName": "hourly"},
    }


OURS = "query-airflow-m1-1"


@pytest.mark.parametrize(
    ("row", "types", "kind"),
    [
        ({"type": "query_controller", "dataSource": "t"}, (), "batch"),
        ({"type": "query_controller", "dataSource": "t"}, ("sql",), "sql"),
        ({"type": "query_controller", "dataSource": "t"}, ("batch", "sql"), "batch"),
        ({"type": "query_controller", "dataSource": "t"}, ("delete_data",), None),
        ({"type": "query_controller", "dataSource": "__query_select"}, (), None),
        ({"type": "query_worker", "dataSource": "t"}, (), None),
        ({"type": "compact", "dataSource": "t"}, ("batch",), "batch"),
        ({"type": "compact", "dataSource": "t"}, ("sql",), None),
        ({"type": "kill", "dataSource": "t"}, (), None),
        ({"type": "noop", "dataSource": "none"}, (), None),
        ({"type": "noop", "id": OURS, "groupId": OURS, "dataSource": "t"}, (), None),
        ({"type": "noop", "id": "other", "groupId": "airflow-delete_data", "dataSource": "t"}, (), None),
        ({"type": "noop", "id": OURS, "groupId": "airflow-delete_data", "dataSource": "t"}, (), "delete_data"),
        ({"type": "noop", "id": OURS, "groupId": "airflow-restore_data", "dataSource": "t"}, ("batch",), None),
        ({"type": "noop", "id": OURS, "groupId": "airflow-drop_table"}, ("sql", "drop_table"), "drop_table"),
        ({"type": "kill", "id": OURS, "groupId": OURS, "dataSource": "t"}, ("delete_data",), "delete_data"),
    ],
)
def test_tasks_that_write_rows_are_jobs(row: dict[str, Any], types: tuple[str, ...], kind: str | None) -> None:
    """So are the records of deletions. Workers, SELECTs, blocked ids and the kills of others are not."""
    assert kind_of_row(row, types) == kind


@pytest.mark.parametrize(
    ("entry", "status", "lateness"),
    [
        ({"id": "s", "state": "RUNNING", "spec": {"dataSchema": {"dataSource": "raw"}}}, "running", "P1000Y"),
        (
            {
                "id": "s",
                "suspended": True,
                "spec": {
                    "spec": {"dataSchema": {"dataSource": "raw"}, "ioConfig": {"lateMessageRejectionPeriod": "P1D"}}
                },
            },
            "suspended",
            "P1D",
        ),
    ],
)
def test_supervisor_is_a_stream_into_its_table(entry: dict[str, Any], status: str, lateness: str) -> None:
    """In both places of its spec; without a period it takes rows of any age."""
    stream = describe_supervisor(entry)
    state = JobState.from_wire(stream)
    assert (state.job_id, state.type, state.status, state.target_table) == ("supervisor:s", "streaming", status, "raw")
    assert stream["lateMessageRejectionPeriod"] == lateness


@pytest.mark.parametrize(
    ("capacity", "workers", "free"),
    [
        ({"currentClusterCapacity": 6, "usedClusterCapacity": 5}, [], 1),
        ({"currentClusterCapacity": 6}, [{"currCapacityUsed": 7}], 0),
        ({"currentClusterCapacity": 6}, [], None),
        ({"currentClusterCapacity": 6}, [{"currCapacityUsed": None}], None),
        ({"currentClusterCapacity": 6, "usedClusterCapacity": 6, "maximumCapacityWithAutoScale": 20}, [], None),
        ({}, [], None),
    ],
)
def test_free_slots_are_unknown_unless_all_numbers_are_there(
    capacity: dict[str, Any], workers: list[Any], free: int | None
) -> None:
    """A cluster that adds workers on demand is never too small."""
    assert free_slots(capacity, workers) == free


def test_job_needs_as_many_slots_as_its_tasks() -> None:
    """Two without a number, and with one that makes no sense."""
    assert [needed_slots({"maxNumTasks": number}) for number in (None, 4, 1, "7")] == [2, 4, 2, 2]


def test_errors_of_a_broker_that_lags_are_recognized() -> None:
    """By the two texts of Druid 27."""
    assert missing_object("Object 'big' not found (line [1], column [15])") == "big"
    assert missing_object("Column 'c' not found in any table") is None
    assert is_missing_column("Column 'newcol' not found in any table (line [1], column [37])")
    assert not is_missing_column(None)


def test_id_of_a_task_has_marker_and_number() -> None:
    """Only letters, digits, '-' and '_', at most 200 characters."""
    assert parse_task_id(task_id(query_id("5f-3a", 2))) == ("5f-3a", 2)
    assert parse_task_id("query-other-1") is None
    assert len(query_id("a" * 190, 1)) == 200
    for marker in ("a/b", "", "a" * 191):
        with pytest.raises(PolarisSpecError) as caught:
            query_id(marker, 1)
        assert str(caught.value) == (
            f"the marker {marker!r} can't be part of a task id: Druid accepts letters, digits, '_' and '-', and the id "
            "must not be longer than 200 characters."
        )
