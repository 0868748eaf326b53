# SPDX-License-Identifier: Apache-2.0
"""One task per marker, whatever happens to the requests: lost answers, late arrivals, used ids, full clusters."""

from __future__ import annotations

import itertools
import re

import pytest

from airflow_provider_polaris.client.druid.client import DruidClient
from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisApiError,
    PolarisConflictError,
    PolarisServerError,
    PolarisThrottledError,
    PolarisTransportError,
)
from airflow_provider_polaris.jobs.spec.context import marker_in, with_marker
from airflow_provider_polaris.jobs.spec.origin import JobOrigin, with_origin
from tests.client.conftest import NOON, Time
from tests.client.druid.conftest import batch
from tests.client.druid.fake import FakeDruid
from tests.client.druid.fake_tasks import Task

FIRST = "query-airflow-m1-1"
SECOND = "query-airflow-m1-2"
SUBMIT = "/druid/v2/sql/task"
#: What may happen to a submission so that its outcome is unknown.
FAULTS = [
    "planning",
    *(f"{what} {when}" for what in ("lost", "503", "404", "html") for when in ("before", "after", "planning")),
]
X = {"COLUMN_NAME": "x", "DATA_TYPE": "BIGINT"}


def ids_sent(druid: FakeDruid) -> list[str]:
    return [body["context"]["sqlQueryId"] for _, path, body in druid.seen if path == SUBMIT]


def test_job_becomes_a_task_under_an_id_of_its_marker(client: DruidClient, druid: FakeDruid) -> None:
    """The spec comes back with the task's description, so that a retry recognizes its job."""
    job = client.create_job(batch())
    assert job["id"] == FIRST
    described = client.get_job(FIRST)
    assert marker_in(described) == "m1"
    assert described["spec"]["mappings"] == batch()["mappings"]
    assert (described["type"], described["executionStatus"]) == ("batch", "running")


def test_same_job_again_while_it_runs_is_the_same_task(client: DruidClient, druid: FakeDruid) -> None:
    """A second try that knows nothing of the first gets its task."""
    client.create_job(batch())
    assert client.create_job(batch())["id"] == FIRST
    assert list(druid.tasks) == [FIRST]


@pytest.mark.parametrize("version", [27, 33])
@pytest.mark.parametrize("faults", list(itertools.product(FAULTS, repeat=2)))
def test_lost_answers_never_make_two_tasks(
    faults: tuple[str, ...], version: int, client: DruidClient, druid: FakeDruid
) -> None:
    """Whatever happened to two POSTs, the third has the same id, and late arrivals of the first ones are refused."""
    druid.version = version
    druid.faults = list(faults)
    assert client.create_job(batch())["id"] == FIRST
    druid.arrive()
    assert list(druid.tasks) == [FIRST]
    assert set(ids_sent(druid)) == {"airflow-m1-1"}


def test_three_lost_answers_are_an_unknown_outcome_and_the_next_call_sends_the_same_id(
    client: DruidClient, druid: FakeDruid, time: Time
) -> None:
    """The submissions that are still being planned are refused once one of them has arrived."""
    druid.faults = ["planning"] * 3
    with pytest.raises(PolarisAmbiguousSubmitError) as caught:
        client.create_job(batch())
    assert str(caught.value).endswith(
        ". It is unknown whether Druid accepted task 'query-airflow-m1-1'; it may appear. Druid accepts that id only "
        "once, so the same job may be submitted again."
    )
    assert time.delays == [2.0, 4.0]
    assert client.create_job(batch())["id"] == FIRST
    druid.arrive()
    assert list(druid.tasks) == [FIRST]
    assert ids_sent(druid) == ["airflow-m1-1"] * 4


def test_refusal_after_a_lost_answer_does_not_hide_the_task(client: DruidClient, druid: FakeDruid) -> None:
    """A used id with a statement that can't be planned any more is a 400, which says nothing about the task."""
    druid.faults = ["lost after", "unplannable"]
    assert client.create_job(batch())["id"] == FIRST


def test_refusal_while_an_earlier_post_is_planned_is_an_unknown_outcome(client: DruidClient, druid: FakeDruid) -> None:
    """The 400 is no proof that the first POST won't arrive."""
    druid.faults = ["planning", "unplannable"]
    with pytest.raises(PolarisAmbiguousSubmitError):
        client.create_job(batch())
    druid.arrive()
    assert client.create_job(batch())["id"] == FIRST
    assert list(druid.tasks) == [FIRST]


def test_first_refusal_is_the_error_of_the_job(client: DruidClient, druid: FakeDruid) -> None:
    """Nothing was sent before, so there is no task."""
    druid.faults = ["unplannable"]
    with pytest.raises(PolarisApiError) as caught:
        client.create_job(batch(marker=None))
    assert caught.value.vendor_message == "Column 'x' not found in any table"
    assert druid.tasks == {}


def test_request_that_was_not_sent_is_no_doubt(client: DruidClient, druid: FakeDruid) -> None:
    """A refused connection is an error of the connection, and no task is read."""
    druid.refuses_connections_to = SUBMIT
    with pytest.raises(PolarisTransportError):
        client.create_job(batch())
    assert [path for path in druid.paths("GET") if "/task/" in path] == []


def test_overlord_that_is_away_after_a_lost_answer_leaves_the_outcome_unknown(
    client: DruidClient, druid: FakeDruid
) -> None:
    """What the id stands for can't be read, so nothing is claimed."""
    druid.faults = ["lost after"]
    druid.answers["GET", f"/druid/indexer/v1/task/{FIRST}/status"] = [(503, "")] * 20
    with pytest.raises(PolarisAmbiguousSubmitError, match="because it can't be read"):
        client.create_job(batch())
    druid.answers.clear()
    assert client.create_job(batch())["id"] == FIRST


@pytest.mark.parametrize("status", ["RUNNING", "SUCCESS", "FAILED"])
def test_same_marker_and_number_are_the_same_task_after_its_end_too(
    status: str, client: DruidClient, druid: FakeDruid
) -> None:
    """A lost task may have ended before it is submitted again: a second one would add its rows twice."""
    client.create_job(batch())
    if status != "RUNNING":
        druid.tasks[FIRST].end(status)
    words = {"RUNNING": "running", "SUCCESS": "completed", "FAILED": "failed"}
    job = client.create_job(batch())
    assert (job["id"], job["executionStatus"]) == (FIRST, words[status])
    assert list(druid.tasks) == [FIRST]


def test_next_number_of_a_marker_is_the_next_task(client: DruidClient, druid: FakeDruid) -> None:
    """The caller has seen the end of the first one."""
    client.create_job(batch())
    druid.tasks[FIRST].end("FAILED")
    assert client.create_job(with_marker(batch(marker=None), "m1", 2))["id"] == SECOND


def test_job_is_recognized_although_its_target_has_changed(client: DruidClient, druid: FakeDruid) -> None:
    """The SQL depends on the columns of the target, which the task itself may have added."""
    segments = [{"is_available": 1, "segments": 1, "bytes": 9}]
    druid.tables["hourly"], druid.loaded = {"segments": segments, "columns": [X]}, {"raw", "hourly"}
    client.create_job(batch())
    first = druid.tasks[FIRST].payload["sqlQuery"]
    druid.tables["hourly"]["columns"].append({"COLUMN_NAME": "__count", "DATA_TYPE": "BIGINT"})
    assert client.create_job(batch())["id"] == FIRST
    assert [body["query"] == first for _, path, body in druid.seen if path == SUBMIT] == [True, False]


def test_newest_job_of_a_marker_is_found_among_many(client: DruidClient, druid: FakeDruid) -> None:
    """The statuses of twenty numbers come with one request; the first tasks may have been removed."""
    for number in range(3, 24):
        key = f"query-airflow-m1-{number}"
        druid.tasks[key] = Task(key, "query_controller", "hourly", NOON, {}, status="FAILED")
    job = client.get_marked_job("m1")
    assert job is not None
    assert job["id"] == "query-airflow-m1-23"
    assert druid.paths().count("/druid/indexer/v1/taskStatus") == 2
    assert client.get_marked_job("m2") is None


def test_active_task_of_the_id_with_other_work_is_a_conflict(client: DruidClient, druid: FakeDruid) -> None:
    """The spec of the try has changed; the task of the old one must end first."""
    client.create_job(batch())
    with pytest.raises(PolarisConflictError) as caught:
        client.create_job(batch(filterExpression='"length" > 1'))
    assert str(caught.value) == (
        "Druid has a task 'query-airflow-m1-1' with another statement or context, so no job was submitted: cancel that "
        "task, or wait until it has ended."
    )
    assert list(druid.tasks) == [FIRST]


def test_conflict_names_the_task_that_made_the_other_work(client: DruidClient, druid: FakeDruid) -> None:
    """Druid keeps the origin in the context of its task."""
    client.create_job(with_origin(batch(), JobOrigin("koalas", "rollup", "manual__1", -1, 2)))
    with pytest.raises(PolarisConflictError, match=r"'query-airflow-m1-1', made by task 'rollup' of DAG 'koalas', "):
        client.create_job(batch(filterExpression='"length" > 1'))


def test_blocked_marker_refuses_a_submission_that_arrives_late(client: DruidClient, druid: FakeDruid) -> None:
    """Before a new epoch submits, the old id is taken, so that its lost submission can't become a task."""
    druid.faults = ["planning"] * 3
    with pytest.raises(PolarisAmbiguousSubmitError):
        client.create_job(batch())
    client.block_marker("m1")
    druid.arrive()
    assert [task.type for task in druid.tasks.values()] == ["noop"]
    with pytest.raises(PolarisConflictError) as caught:
        client.create_job(batch())
    assert str(caught.value) == (
        "Task id 'query-airflow-m1-1' was blocked, because the epoch of the Airflow task that it belongs to is over: "
        "no job was submitted."
    )


def test_blocked_marker_stays_blocked_after_the_end_of_its_task(client: DruidClient, druid: FakeDruid) -> None:
    """A worker of the old epoch that is still alive creates no task either, and a second block changes nothing."""
    client.block_marker("m1")
    druid.tasks[FIRST].end("SUCCESS")
    client.block_marker("m1")
    assert list(druid.tasks) == [FIRST]
    with pytest.raises(PolarisConflictError, match="was blocked"):
        client.create_job(batch())
    assert client.get_marked_job("m1") is None


@pytest.mark.parametrize("status", ["SUCCESS", "FAILED"])
def test_block_takes_the_number_after_a_task_that_has_ended(status: str, client: DruidClient, druid: FakeDruid) -> None:
    """That is the one which may still arrive."""
    client.create_job(batch())
    druid.tasks[FIRST].end(status)
    client.block_marker("m1")
    assert druid.tasks[SECOND].payload == {
        "type": "noop",
        "id": SECOND,
        "runTime": 1,
        "context": {"airflow": "m1"},
        "dataSource": "none",
    }
    found = client.get_marked_job("m1")
    assert found is not None
    assert found["id"] == FIRST
    with pytest.raises(PolarisConflictError, match="was blocked"):
        client.create_job(with_marker(batch(marker=None), "m1", 2))


def test_block_finds_the_task_that_arrived_first(client: DruidClient, druid: FakeDruid) -> None:
    """A task that is active can't be blocked any more; the caller has to cancel it."""
    client.create_job(batch())
    with pytest.raises(PolarisConflictError, match="cancel that task, or wait until it has ended"):
        client.block_marker("m1")
    assert list(druid.tasks) == [FIRST]


@pytest.mark.parametrize("status", ["RUNNING", "SUCCESS"])
def test_block_that_loses_the_race_is_a_conflict_while_the_task_is_active(
    status: str, client: DruidClient, druid: FakeDruid
) -> None:
    """The submission arrives between the look at the ids and the noop task. A task that has ended keeps others out."""
    druid.faults = ["planning"] * 3
    with pytest.raises(PolarisAmbiguousSubmitError):
        client.create_job(batch())

    def arrive() -> None:
        druid.arrive()
        if status != "RUNNING":
            druid.tasks[FIRST].end(status)

    druid.before["POST", "/druid/indexer/v1/task"] = arrive
    if status == "RUNNING":
        with pytest.raises(PolarisConflictError, match="cancel that task, or wait until it has ended"):
            client.block_marker("m1")
    else:
        client.block_marker("m1")
    assert [task.type for task in druid.tasks.values()] == ["query_controller"]


def test_block_whose_answer_is_lost_is_a_block(client: DruidClient, druid: FakeDruid) -> None:
    """The repeated request is refused, because the id exists."""
    druid.native_faults = ["lost after"]
    client.block_marker("m1")
    assert [task.type for task in druid.tasks.values()] == ["noop"]


def test_job_without_a_marker_gets_a_new_id_each_time(client: DruidClient, druid: FakeDruid) -> None:
    """Nothing identifies it, so only one call can send it again."""
    ids = {client.create_job(batch(marker=None))["id"] for _ in range(2)}
    assert len(ids) == 2
    assert all(re.fullmatch("query-airflow-[0-9a-f]{32}-1", each) for each in ids)


@pytest.mark.parametrize("version", [27, 33])
def test_too_few_free_slots_are_throttling_before_the_post(version: int, client: DruidClient, druid: FakeDruid) -> None:
    """A controller that waits for its worker's slot keeps its own, so jobs could block each other."""
    druid.version, druid.used = version, 5
    with pytest.raises(PolarisThrottledError) as caught:
        client.create_job(batch(), repeat_throttled=False)
    assert str(caught.value) == (
        "Druid has 1 free task slot, and the job needs 2, so it was not submitted: jobs that wait for each other's "
        "slots block the cluster. Limit the number of jobs at a time with an Airflow pool, or add workers."
    )
    assert SUBMIT not in druid.paths()


def test_job_waits_for_free_slots_within_the_retry_budget(client: DruidClient, druid: FakeDruid, time: Time) -> None:
    """Without a caller that repeats it, the client does."""
    druid.used = 5
    with pytest.raises(PolarisThrottledError):
        client.create_job(batch())
    assert time.delays == [5.0] * 12


def test_asynchronous_query_needs_free_slots_too(client: DruidClient, druid: FakeDruid) -> None:
    """It runs as a job: without slots it would wait for them unseen, and keep one of them."""
    druid.used = 5
    with pytest.raises(PolarisThrottledError):
        client.start_query("SELECT 1")
    assert "/druid/v2/sql/statements" not in druid.paths()


def test_slots_that_may_not_be_counted_do_not_stop_the_job(client: DruidClient, druid: FakeDruid) -> None:
    """Without the right STATE READ the number is unknown."""
    druid.answers["GET", "/druid/indexer/v1/totalWorkerCapacity"] = [(403, {"Access-Check-Result": "Unauthorized"})]
    assert client.create_job(batch())["id"] == FIRST


def test_login_without_state_read_gets_the_statuses_from_the_list(client: DruidClient, druid: FakeDruid) -> None:
    """The job of a marker is found, too."""
    client.create_job(batch())
    druid.answers["POST", "/druid/indexer/v1/taskStatus"] = [(403, {"Access-Check-Result": "Unauthorized"})]
    job = client.get_marked_job("m1")
    assert job is not None
    assert job["id"] == FIRST


def test_table_that_the_broker_does_not_know_yet_is_transient(client: DruidClient, druid: FakeDruid) -> None:
    """The coordinator has it, so its segments will be loaded."""
    druid.loaded.clear()
    with pytest.raises(PolarisServerError) as caught:
        client.create_job(batch())
    assert caught.value.retryable
    assert str(caught.value) == (
        "POST /druid/v2/sql/task answered 400 'invalidInput': Object 'raw' not found (line [1], column [9]). Druid's "
        "broker does not know table 'raw', which the coordinator has yet: it plans from loaded segments, and a job's "
        "segments are loaded some seconds after its end. A retry may help."
    )


def test_table_that_the_coordinator_does_not_have_is_permanent(client: DruidClient, druid: FakeDruid) -> None:
    """A wrong name never becomes right."""
    druid.loaded.clear()
    druid.tables.clear()
    with pytest.raises(PolarisApiError) as caught:
        client.create_job(batch())
    assert not caught.value.retryable
