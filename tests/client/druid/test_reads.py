# SPDX-License-Identifier: Apache-2.0
"""Requests that a task sends at the same time, and what its clients remember of them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airflow_provider_polaris.client.druid.client import DruidClient
from airflow_provider_polaris.client.druid.translation.slots import workers_slots
from airflow_provider_polaris.client.druid.translation.tables import metadata_of, stored_sql
from airflow_provider_polaris.client.joint_reads import JointRead, answer_of
from airflow_provider_polaris.jobs.errors import (
    PolarisApiError,
    PolarisNotFoundError,
    PolarisServerError,
    PolarisThrottledError,
)
from tests.client.conftest import Time
from tests.client.druid.conftest import DAY, batch
from tests.client.druid.fake import FakeDruid
from tests.client.druid.fake_tasks import druid_error

SUBMIT, SQL, WORKERS = "/druid/v2/sql/task", "/druid/v2/sql", "/druid/indexer/v1/workers"
CAPACITY = "/druid/indexer/v1/totalWorkerCapacity"


def table(*columns: str, rollup: bool = False, metrics: str = "[]") -> dict[str, Any]:
    return {
        "segments": [{"is_available": 1, "segments": 1, "bytes": 9}],
        "newest": [{**DAY, "metrics": metrics}],
        "columns": [{"COLUMN_NAME": column, "DATA_TYPE": "BIGINT"} for column in ("__time", *columns)],
        "metadata": [{"id": "merged", "rollup": rollup, "queryGranularity": "HOUR" if rollup else None}],
    }


@pytest.fixture
def druid(druid: FakeDruid) -> FakeDruid:
    druid.tables = {"raw": table("length"), "hourly": table("longest", rollup=True, metrics='["longest"]')}
    druid.loaded = {"raw", "hourly"}
    druid.rules = [{"type": "dropBeforeByPeriod", "period": "P30D"}]
    return druid


def run(client: DruidClient, read: JointRead[Any]) -> Any:
    """Send the requests one after the other."""
    return read.join(client, [answer_of(lambda request=request: request(client)) for request in read.requests])


def read_tables(client: DruidClient, *names: str) -> Any:
    return run(client, client.table_reads(names, target="hourly", will_submit=False))


def statements(druid: FakeDruid) -> list[str]:
    return [body["query"] for _, path, body in druid.seen if path == SUBMIT]


def test_joint_description_is_that_of_a_single_table(client: DruidClient, druid: FakeDruid) -> None:
    """Except for the rules, which are read for the target only."""
    single = {name: client.get_table(name) for name in ("raw", "hourly")}
    druid.seen.clear()
    joint = {name: answer.result() for name, answer in read_tables(client, "raw", "hourly").items()}
    assert len(druid.seen) == 3
    assert single["raw"].pop("storagePolicy") == {"retain": {"type": "period", "period": "P30D"}}
    assert joint == single
    assert [each["type"] for each in joint["hourly"]["schema"]] == ["dimension", "measure"]


def test_error_of_one_table_is_not_that_of_the_other(client: DruidClient, druid: FakeDruid) -> None:
    """One is absent; the rules of the target can't be read."""
    druid.answers["GET", "/druid/coordinator/v1/rules/hourly"] = [(503, "")] * 20
    answers = read_tables(client, "nope", "raw", "hourly")
    assert isinstance(answers["nope"].exception(), PolarisNotFoundError)
    assert answers["raw"].result()["name"] == "raw"
    assert isinstance(answers["hourly"].exception(), PolarisServerError)


@pytest.mark.parametrize("names", [("raw",), ("raw", "hourly")])
def test_parts_of_the_statement_have_different_conditions(names: tuple[str, ...]) -> None:
    """OBSERVED(Druid 27): a UNION of two that read the same rows fails with status 500."""
    sql, parameters = stored_sql(names)
    values = iter(parameters)
    filled = re.sub(r"\?", lambda _: repr(next(values)["value"]), sql)
    conditions = [re.sub(r"IN \(('\w+')\)", r"= \1", part.split(" WHERE ")[1]) for part in filled.split(" UNION ALL ")]
    conditions = [re.split(r" GROUP BY | ORDER BY ", condition)[0] for condition in conditions]
    assert len(set(conditions)) == len(conditions) == len(names) + 2


def test_metadata_belongs_to_the_table_whose_name_is_complete() -> None:
    """One name may begin with the other; the segment of a table that is partitioned by ALL starts at Joda's minimum."""
    ids = ["a_2024-06-01T00:00:00.000Z_x", "a_b_2024-06-01T00:00:00.000Z_x", "a_-146136543-09-08T08:23:32.096Z_x"]
    metadata = [{"id": each} for each in ids]
    assert [each["id"] for each in metadata_of("a", metadata)] == [ids[0], ids[2]]
    assert [each["id"] for each in metadata_of("a_b", metadata)] == [ids[1]]


def test_statement_uses_the_description_that_was_just_read_once(client: DruidClient, druid: FakeDruid) -> None:
    """The next job of this client reads the target again, because the first one has changed it."""
    read_tables(client, "raw", "hourly")
    druid.tables["hourly"] = table("longest", "__count", rollup=True)
    client.create_job(batch("m1"))
    client.create_job(batch("m2"))
    assert ["__count" in statement for statement in statements(druid)] == [False, True]


def test_statement_uses_no_description_from_before_a_wait(client: DruidClient, druid: FakeDruid, time: Time) -> None:
    """After 10 s the target is read again."""
    read_tables(client, "raw", "hourly")
    druid.tables["hourly"] = table("longest", "__count", rollup=True)
    time.sleep(10.5)
    client.create_job(batch("m1"))
    assert ["__count" in statement for statement in statements(druid)] == [True]


def test_clients_of_one_task_share_what_they_read(client: DruidClient) -> None:
    """A sibling is used by another thread."""
    sibling = client.sibling()
    assert (sibling._recent, sibling.settings) == (client._recent, client.settings)
    sibling.close()


def test_queries_that_start_together_claim_different_slots(client: DruidClient, druid: FakeDruid) -> None:
    """A query that was accepted uses no slot for a moment, so a second look shows the same slots."""
    druid.used = 3
    client.start_query("SELECT 1")
    with pytest.raises(PolarisThrottledError, match="Druid has 1 free task slot, and the job needs 2"):
        client.start_query("SELECT 2")
    druid.used = 0
    client.start_query("SELECT 2")


def test_slots_of_a_query_that_has_ended_are_free(client: DruidClient, druid: FakeDruid) -> None:
    """So the job that follows the counts needs no second look."""
    druid.used = 4
    query = client.start_query("SELECT 1")["queryId"]
    druid.queries[query] = {"state": {"queryId": query, "state": "SUCCESS"}}
    client.get_query(query)
    client.create_job(batch())
    assert druid.paths("GET").count(WORKERS) == 1


def test_slots_of_a_start_that_failed_are_free(client: DruidClient, druid: FakeDruid) -> None:
    """A lost answer leaves a doubt, so they stay claimed."""
    druid.used = 4
    druid.answers["POST", "/druid/v2/sql/statements"] = [(400, druid_error("invalidInput", "no"))]
    with pytest.raises(PolarisApiError, match="no"):
        client.start_query("SELECT 1")
    client.start_query("SELECT 1")


def test_look_at_the_slots_is_used_for_ten_seconds(client: DruidClient, druid: FakeDruid, time: Time) -> None:
    """Others may have taken them since."""
    client._slots.look()
    client.start_query("SELECT 1")
    assert druid.paths("GET") == [WORKERS]
    time.sleep(10.5)
    druid.used = 6
    with pytest.raises(PolarisThrottledError, match="Druid has 0 free task slots"):
        client.start_query("SELECT 2")


@pytest.mark.parametrize("version", [27, 33])
def test_cluster_that_adds_workers_is_not_full(version: int, client: DruidClient, druid: FakeDruid) -> None:
    """The workers alone don't show it, so the total is asked before a job is held back."""
    druid.version, druid.used = version, 6
    druid.answers["GET", CAPACITY] = [(200, {"currentClusterCapacity": 6, "maximumCapacityWithAutoScale": 12})]
    client.start_query("SELECT 1")
    assert druid.paths("GET")[:2] == [WORKERS, CAPACITY]


def test_cluster_that_lists_no_workers_counts_its_slots(client: DruidClient, druid: FakeDruid, time: Time) -> None:
    """As one that runs tasks as Kubernetes jobs; it isn't asked twice."""
    druid.version, druid.used = 33, 6
    druid.answers["GET", WORKERS] = [(500, {"error": "Task runner does not support worker listing"})] * 9
    with pytest.raises(PolarisThrottledError, match="Druid has 0 free task slots"):
        client.start_query("SELECT 1")
    assert (druid.paths("GET"), time.delays) == ([WORKERS, CAPACITY], [])


@pytest.mark.parametrize("answer", [[], [{"worker": {"capacity": 2}}], [{"currCapacityUsed": 1}], ["x"]])
def test_workers_whose_slots_are_unknown_decide_nothing(answer: list[Any]) -> None:
    """The total does."""
    assert workers_slots(answer) is None


def test_end_of_a_job_is_described_as_by_single_requests(client: DruidClient, druid: FakeDruid) -> None:
    """The report is read once for both."""
    job = client.create_job(batch())["id"]
    druid.tasks[job].end("FAILED", "InsertCannotBeEmpty: no rows", {"counters": {}, "status": {"status": "FAILED"}})
    single = client.get_job(job), client.get_job_metrics(job)
    druid.seen.clear()
    description, metrics = run(client, client.end_reads(job))
    assert (description.result(), metrics.result()) == single
    assert len(druid.seen) == 3


def test_job_that_has_not_ended_is_running(client: DruidClient, druid: FakeDruid) -> None:
    """Whatever its report says already."""
    job = client.create_job(batch())["id"]
    druid.tasks[job].report = {"status": {"status": "SUCCESS", "startTime": "2024-06-01T12:00:00Z", "durationMs": 9}}
    description, _ = run(client, client.end_reads(job))
    assert description.result()["executionStatus"] == "running"
    assert "startedTimestamp" not in description.result()


def test_report_from_before_the_end_is_read_again(client: DruidClient, druid: FakeDruid) -> None:
    """The job ended between the requests for its report and for its status."""
    job = client.create_job(batch())["id"]
    status = {"startTime": "2024-06-01T12:00:00.000Z", "durationMs": 9}
    druid.tasks[job].end("SUCCESS", report={"status": {**status, "status": "SUCCESS"}})
    report = f"/druid/indexer/v1/task/{job}/reports"
    druid.answers["GET", report] = [(200, {"multiStageQuery": {"payload": {"status": {"status": "RUNNING"}}}})]
    described = run(client, client.job_reads(job))
    assert druid.paths("GET").count(report) == 2
    assert described == client.get_job(job)


@pytest.mark.parametrize("answer", [(500, "no route to the task"), (404, "")])
def test_report_of_a_running_job_is_only_tried(answer: Any, client: DruidClient, druid: FakeDruid, time: Time) -> None:
    """Its process may not answer."""
    job = client.create_job(batch())["id"]
    druid.answers["GET", f"/druid/indexer/v1/task/{job}/reports"] = [answer] * 9
    assert run(client, client.job_reads(job)) == client.get_job(job)
    assert time.delays == []


def test_job_that_is_absent_is_not_found(client: DruidClient) -> None:
    """Proven as for a single request."""
    with pytest.raises(PolarisNotFoundError, match="Druid has no task 'nope'"):
        run(client, client.job_reads("nope"))
