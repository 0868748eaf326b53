# SPDX-License-Identifier: Apache-2.0
"""Tasks as jobs: status, cancel, list, and the proof that a task is absent."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.client.druid.client import DruidClient
from airflow_provider_polaris.jobs.errors import (
    PolarisAuthError,
    PolarisForeignAnswerError,
    PolarisNotFoundError,
    PolarisProtocolError,
    PolarisSpecError,
)
from tests.client.conftest import NOON, Time
from tests.client.druid.conftest import batch
from tests.client.druid.fake import FakeDruid
from tests.client.druid.fake_tasks import Task, absent

STATUS = "/druid/indexer/v1/task/{}/status"
STATUSES = "/druid/indexer/v1/taskStatus"


def add(druid: FakeDruid, key: str, status: str = "SUCCESS", kind: str = "query_controller", table: str = "t") -> Task:
    druid._add(Task(key, kind, table, NOON, {}, status=status))
    return druid.tasks[key]


def ids(jobs: Any) -> list[str]:
    return [job["id"] for job in jobs]


@pytest.mark.parametrize("method", ["get_job", "get_job_status", "cancel_job"])
def test_task_is_absent_if_the_answer_for_many_lacks_it(method: str, client: DruidClient, druid: FakeDruid) -> None:
    """The 404 alone proves nothing; the 200 without the id does."""
    with pytest.raises(PolarisNotFoundError) as caught:
        getattr(client, method)("nope")
    assert str(caught.value) == (
        "Druid has no task 'nope'. It may have been removed: see druid.indexer.logs.kill.durationToRetain."
    )
    assert druid.seen[-1] == ("POST", STATUSES, ["nope"])


def test_404_of_a_task_that_exists_is_no_absence(client: DruidClient, druid: FakeDruid, time: Time) -> None:
    """A proxy answered, or a router that has just been started."""
    add(druid, "a")
    druid.answers["GET", STATUS.format("a")] = [absent("a")]
    with pytest.raises(PolarisForeignAnswerError) as caught:
        client.get_job_status("a")
    assert caught.value.retryable
    assert str(caught.value) == (
        "GET /druid/indexer/v1/task/a/status answered 404, but Druid has task 'a'. Check that no proxy answers in its "
        "place."
    )
    assert time.delays == []


def test_404_that_can_not_be_checked_is_the_error_of_the_check(client: DruidClient, druid: FakeDruid) -> None:
    """Without an answer nothing is known about the task."""
    druid.answers["POST", STATUSES] = [(401, {"servlet": "d", "message": "no", "url": "/", "status": "401"})]
    with pytest.raises(PolarisAuthError):
        client.get_job("nope")


def test_many_statuses_cost_one_request_for_a_thousand(client: DruidClient, druid: FakeDruid) -> None:
    """Ids that Druid doesn't have are missing."""
    for number in range(3):
        add(druid, f"a{number}", "RUNNING" if number else "SUCCESS")
    wanted = [f"a{number}" for number in range(2500)]
    assert client.get_job_statuses(wanted) == {"a0": "completed", "a1": "running", "a2": "running"}
    assert [len(body) for _, path, body in druid.seen if path == STATUSES] == [1000, 1000, 500]
    assert client.get_job_statuses([]) == {}


def test_job_that_runs_is_described_without_its_report(client: DruidClient, druid: FakeDruid) -> None:
    """The report has an error and times, which a running job doesn't have."""
    job = client.create_job(batch())["id"]
    druid.seen.clear()
    client.get_job(job)
    assert [path.rsplit("/", 1)[-1] for _, path, _ in druid.seen] == ["status", job]


TIMED = {"status": {"status": "SUCCESS", "startTime": "2024-06-01T12:00:00.000Z", "durationMs": 0}}


def test_job_ends_when_the_broker_knows_its_table_and_columns(
    client: DruidClient, druid: FakeDruid, time: Time
) -> None:
    """What follows the job finds its rows: a new table, and a new column of it."""
    job = client.create_job(batch())["id"]
    druid.tasks[job].payload["spec"]["columnMappings"] = [{"outputColumn": "__time"}, {"outputColumn": "longest"}]
    druid.tasks[job].end("SUCCESS", report=TIMED)
    for columns, status in ((None, "running"), (["__time"], "running"), (["__time", "longest"], "completed")):
        if columns is not None:
            druid.loaded.add("hourly")
            druid.tables["hourly"] = {"columns": [{"COLUMN_NAME": name} for name in columns]}
        described = client.get_job(job)
        assert (described["executionStatus"], client.get_job_status(job)) == (status, status)
        assert ("health" in described) == (status == "completed")


@pytest.mark.parametrize("seconds", [60.0, 61.0])
def test_wait_for_the_broker_is_bounded(seconds: float, client: DruidClient, druid: FakeDruid, time: Time) -> None:
    """Segments that are never loaded, by the time of the report."""
    job = client.create_job(batch())["id"]
    druid.tasks[job].end("SUCCESS", report=TIMED)
    time.elapsed = seconds
    assert client.get_job_status(job) == ("running" if seconds <= 60 else "completed")


def test_wait_for_the_broker_is_bounded_by_the_own_clock(client: DruidClient, druid: FakeDruid, time: Time) -> None:
    """Druid's clock may be an hour ahead."""
    job = client.create_job(batch())["id"]
    ahead = {"status": {**TIMED["status"], "startTime": "2024-06-01T13:00:00.000Z"}}
    druid.tasks[job].end("SUCCESS", report=ahead)
    assert client.get_job_status(job) == "running"
    time.elapsed = 61.0
    assert client.get_job_status(job) == "completed"


def test_job_without_a_broker_to_ask_has_ended(client: DruidClient, druid: FakeDruid) -> None:
    """The task has succeeded; that its rows can't be checked is no reason to wait."""
    job = client.create_job(batch())["id"]
    druid.tasks[job].end("SUCCESS", report=TIMED)
    druid.answers["POST", "/druid/v2/sql"] = [(503, "")] * 40
    assert client.get_job_status(job) == "completed"


def test_ended_job_has_totals_error_and_log(client: DruidClient, druid: FakeDruid) -> None:
    """From its report."""
    job = client.create_job(batch())["id"]
    error = {"errorCode": "InsertCannotBeEmpty", "errorMessage": "No rows to insert for dataSource [hourly]"}
    druid.tasks[job].end("FAILED", "InsertCannotBeEmpty: ...", {"status": {"errorReport": {"error": error}}})
    health = {"status": "error", "code": "no_rows_ingested", "message": error["errorMessage"]}
    assert client.get_job(job)["health"] == health
    assert client.get_job_logs(job)[0]["code"] == "no_rows_ingested"
    assert client.get_job_metrics(job) == {}


def test_missing_report_is_no_error(client: DruidClient, druid: FakeDruid, time: Time) -> None:
    """Not yet there, or never written: not repeated, and nothing is claimed."""
    job = client.create_job(batch())["id"]
    assert (client.get_job_progress(job), client.get_job_metrics(job), client.get_job_logs(job)) == (None, {}, [])
    druid.tasks[job].end("FAILED", "Shutdown request from user")
    assert client.get_job(job)["health"] == {
        "status": "error",
        "code": "canceled",
        "message": "Shutdown request from user",
    }
    assert time.delays == []


def test_cancel_shuts_the_task_down(client: DruidClient, druid: FakeDruid) -> None:
    """Once more for a task that has ended changes nothing."""
    job = client.create_job(batch())["id"]
    assert [client.cancel_job(job), client.cancel_job(job)] == ["canceled", "canceled"]
    add(druid, "done")
    assert client.cancel_job("done") == "completed"


def test_list_is_newest_first_and_has_jobs_only(client: DruidClient, druid: FakeDruid) -> None:
    """Active tasks are among the ended ones by their time of creation; workers and SELECTs are not jobs."""
    add(druid, "old", "RUNNING")
    add(druid, "done")
    add(druid, "done-worker0_0", kind="query_worker")
    add(druid, "select", table="__query_select")
    add(druid, "other", "RUNNING", table="u")
    assert ids(client.iter_jobs()) == ["other", "done", "old"]
    assert ids(client.iter_jobs(sort_order="ASC")) == ["old", "done", "other"]
    assert ids(client.iter_jobs(target_table="t", type=("sql",))) == ["done", "old"]
    assert ids(client.iter_jobs(limit=1)) == ["other"]
    assert ids(client.iter_jobs(limit=0)) == []
    assert ids(client.iter_jobs(type=("drop_table",))) == []


def test_list_of_active_jobs_reads_one_ended_task(client: DruidClient, druid: FakeDruid) -> None:
    """Druid lists all active tasks in any case, and refuses max=0."""
    for number in range(300):
        add(druid, f"a{number}")
    add(druid, "b", "RUNNING")
    assert ids(client.iter_jobs(type=("batch",), execution_status=("pending", "running"))) == ["b"]
    assert len(druid.seen) == 1


def test_list_is_read_until_there_are_enough_jobs(client: DruidClient, druid: FakeDruid) -> None:
    """Druid counts workers in its limit, so one answer may have few jobs."""
    add(druid, "first")
    for number in range(900):
        add(druid, f"w{number}", kind="query_worker")
    assert ids(client.iter_jobs(type=("batch",), limit=1)) == ["first"]
    assert len(druid.seen) == 2


def test_list_that_does_not_end_is_an_error_after_its_rows(client: DruidClient, druid: FakeDruid) -> None:
    """Nobody may take it for complete; a caller that reads it again soon may."""
    for number in range(30):
        add(druid, f"a{number}")
    rows = client.iter_jobs(page_size=10, most_pages=2)
    for _ in range(20):
        next(rows)
    with pytest.raises(PolarisProtocolError) as caught:
        next(rows)
    assert str(caught.value) == (
        "Druid has more than 20 ended tasks, too many to read. Let Druid remove old tasks "
        "(druid.indexer.logs.kill.enabled)."
    )
    assert len(ids(client.iter_jobs(page_size=10, most_pages=2, complete=False))) == 20


def test_order_that_druid_does_not_have_is_refused(client: DruidClient) -> None:
    """Its list has one order."""
    with pytest.raises(PolarisSpecError) as caught:
        list(client.iter_jobs(sort_column="name"))
    assert str(caught.value) == "Druid's tasks can't be sorted by 'name' 'DESC'."


def test_supervisors_are_the_streaming_jobs(client: DruidClient, druid: FakeDruid) -> None:
    """They are listed by table, and described by an id of their own."""
    druid.supervisors = [
        {"id": name, "state": "RUNNING", "spec": {"dataSchema": {"dataSource": name}}} for name in ("t", "u")
    ]
    assert ids(client.iter_jobs(type=("streaming",), target_table="t")) == ["supervisor:t"]
    assert ids(client.iter_jobs(type=("streaming",), execution_status=("suspended",))) == []
    assert client.get_job_status("supervisor:u") == "running"
    with pytest.raises(PolarisNotFoundError) as caught:
        client.get_job("supervisor:x")
    assert str(caught.value) == "Druid has no supervisor 'x'."
