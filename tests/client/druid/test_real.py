# SPDX-License-Identifier: Apache-2.0
"""
The adapter on a real Druid 27, and the fake held against it: ``pytest -m druid tests/client/druid/test_real.py``.

``python scripts/druid start 27`` starts the cluster; ``DRUID_URL`` names another router.
"""

from __future__ import annotations

import os
import time as clocks
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from airflow_provider_polaris.client.druid.client import DruidClient
from airflow_provider_polaris.client.druid.settings import DruidSettings
from airflow_provider_polaris.client.druid.translation.tables import stored_sql
from airflow_provider_polaris.client.http.session import PolarisSession
from airflow_provider_polaris.client.joint_reads import answer_of
from airflow_provider_polaris.client.sql import rows_of_state
from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisApiError,
    PolarisConflictError,
    PolarisGuardError,
    PolarisNotFoundError,
)
from airflow_provider_polaris.jobs.idempotency.fingerprint import contradictions, fingerprint
from airflow_provider_polaris.jobs.spec.context import number_in, with_marker
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.time.granularity import Granularity
from tests.client.druid.fake import FakeDruid
from tests.client.druid.fake_tasks import Task
from tests.client.druid.session import FakeSession

pytestmark = pytest.mark.druid

URL = os.environ.get("DRUID_URL", "http://127.0.0.1:18086")
NAME = f"t{uuid.uuid4().hex[:12]}"
VALUES = "VALUES ('2024-06-01T00:10:00Z', 'a', 1), ('2024-06-01T05:00:00Z', 'b', 2), ('2024-06-02T00:00:00Z', 'a', 3)"
FILL = (
    f'REPLACE INTO "{NAME}" OVERWRITE ALL SELECT TIME_PARSE(t) AS __time, city, length '
    f"FROM ({VALUES}) AS v(t, city, length) PARTITIONED BY DAY"
)


def wait(client: DruidClient, job_id: str) -> str:
    """Return the final status of a job."""
    while (status := client.get_job_status(job_id)) in ("pending", "running"):
        clocks.sleep(0.3)
    return status


def visible(client: DruidClient, table: str) -> None:
    """Return when the broker knows a table."""
    while not client._tables.columns(table) or client.get_table(table)["availability"] != "available":
        clocks.sleep(0.3)


@pytest.fixture(scope="module")
def real() -> Iterator[DruidClient]:
    with DruidClient(DruidSettings.from_host(URL, connection_name="real")) as client:
        job = client.create_job({"type": "sql", "query": FILL, "context": {"airflow": f"{NAME}-fill"}})
        assert wait(client, job["id"]) == "completed"
        visible(client, NAME)
        yield client
        for table in client._tables.names():
            if table.startswith(NAME):
                client.create_job({"type": "drop_table", "target": {"type": "table", "tableName": table}})


def rollup(marker: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": "batch",
        "source": {"type": "table", "tableName": NAME, "interval": "2024-06-01/2024-06-03"},
        "target": {"type": "table", "tableName": f"{NAME}_{marker}", "intervals": ["2024-06-01/2024-06-03"]},
        "mappings": [
            {"columnName": "__time", "expression": "TIME_FLOOR(\"__time\", 'P1D')"},
            {"columnName": "longest", "expression": 'MAX("length")', "isAggregation": True},
        ],
        "ingestionMode": "replace",
        "createTableIfNotExists": True,
        "context": {"airflow": f"{NAME}-{marker}"},
        **fields,
    }


def test_rollup_writes_its_rows_and_is_recognized(real: DruidClient) -> None:
    """Its spec, its totals and its table are right, and its rows can be queried as soon as it has ended."""
    spec = rollup("rows")
    job = real.create_job(spec)
    assert real.create_job(spec)["id"] == job["id"]
    assert wait(real, job["id"]) == "completed"
    described = real.get_job(job["id"])
    assert contradictions(fingerprint(spec), described) == ()
    assert JobState.from_wire(described).is_success(fail_on_warning=True)
    metrics = real.get_job_metrics(job["id"])
    assert (metrics["numRowsProcessed"], metrics["numRowsPersisted"]) == (3, 2)
    table = spec["target"]["tableName"]
    rows = real.query(f'SELECT __time, longest, __count FROM "{table}" ORDER BY 1')
    assert rows == [
        {"__time": "2024-06-01T00:00:00.000Z", "longest": 2, "__count": 2},
        {"__time": "2024-06-02T00:00:00.000Z", "longest": 3, "__count": 1},
    ]
    facts = TableDescription.from_wire(real.get_table(table))
    assert (facts.type, facts.partitioning, facts.measures) == ("aggregate", Granularity.DAY, {"longest", "__count"})
    assert [row["id"] for row in real.iter_jobs(target_table=table, type=("batch",))] == [job["id"]]


class LossySession(PolarisSession):
    """Sends the submissions, and loses the answers of the first ones."""

    def __init__(self, losses: int) -> None:
        super().__init__()
        self.losses = losses

    def request(self, method: Any, url: Any, *args: Any, **fields: Any) -> requests.Response:  # type: ignore[override]
        response = super().request(method, url, *args, **fields)
        if url.endswith("/sql/task") and self.losses:
            self.losses -= 1
            raise requests.exceptions.ConnectionError("Connection reset by peer")
        return response


@pytest.mark.parametrize("losses", [1, 2])
def test_lost_answer_leaves_one_task(losses: int, real: DruidClient) -> None:
    """The task is read, and its id stands for the same work."""
    spec = rollup(f"lost{losses}")
    with DruidClient(DruidSettings.from_host(URL), session=LossySession(losses)) as client:
        job = client.create_job(spec)
    assert wait(real, job["id"]) == "completed"
    assert [row["id"] for row in real.iter_jobs(target_table=spec["target"]["tableName"])] == [job["id"]]


def test_used_id_is_refused_whatever_the_statement_is(real: DruidClient) -> None:
    """Other work under an active id; the same work after its end; and the next number."""
    spec = rollup("used")
    job = real.create_job(spec)
    with pytest.raises(PolarisConflictError):
        real.create_job(rollup("used", filterExpression="\"city\" = 'a'"))
    assert real.cancel_job(job["id"]) in ("canceled", "running")
    assert wait(real, job["id"]) == "canceled"
    again = real.create_job(spec)
    assert (again["id"], again["executionStatus"]) == (job["id"], "canceled")
    second = real.create_job(with_marker(spec, spec["context"]["airflow"], 2))
    assert second["id"] == job["id"][:-1] + "2"
    assert wait(real, second["id"]) == "completed"
    newest = real.get_marked_job(spec["context"]["airflow"])
    assert newest is not None
    assert (newest["id"], number_in(newest)) == (second["id"], 2)
    third = real.create_job(with_marker(spec, spec["context"]["airflow"], 2))
    assert (third["id"], third["executionStatus"]) == (second["id"], "completed")
    assert contradictions(fingerprint(spec), newest) == ()


class HoldingSession(PolarisSession):
    """Keeps the submissions instead of sending them, as a broker that still plans them."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[bytes] = []

    def request(self, method: Any, url: Any, *args: Any, **fields: Any) -> requests.Response:  # type: ignore[override]
        if url.endswith("/sql/task"):
            self.held.append(b"".join(fields["data"]))
            raise requests.exceptions.ReadTimeout("timed out")
        return super().request(method, url, *args, **fields)


def hold(spec: dict[str, Any]) -> list[bytes]:
    """Return the bodies of the submissions of a job that have not arrived yet."""
    with (
        HoldingSession() as session,
        DruidClient(DruidSettings.from_host(URL), session=session, sleep=lambda _: None) as client,
    ):
        with pytest.raises(PolarisAmbiguousSubmitError):
            client.create_job(spec)
        return session.held


def arrive(body: bytes) -> int:
    """Send a submission that was held; return the status of the answer."""
    answer = requests.post(f"{URL}/druid/v2/sql/task", body, headers={"Content-Type": "application/json"}, timeout=60)
    return answer.status_code


def test_late_submission_after_the_retry_is_refused(real: DruidClient) -> None:
    """The retry has sent the same id."""
    spec = rollup("again")
    bodies = hold(spec)
    job = real.create_job(spec)
    assert [arrive(body) for body in bodies] == [500, 500, 500]
    assert wait(real, job["id"]) == "completed"
    assert [row["id"] for row in real.iter_jobs(target_table=spec["target"]["tableName"])] == [job["id"]]


def test_blocked_marker_refuses_the_late_submission(real: DruidClient) -> None:
    """A noop task takes the id, also after its end; a second block adds none."""
    spec = rollup("late")
    marker = spec["context"]["airflow"]
    bodies = hold(spec)
    real.block_marker(marker)
    assert arrive(bodies[0]) == 500
    assert wait(real, f"query-airflow-{marker}-1") == "completed"
    assert arrive(bodies[1]) == 500
    real.block_marker(marker)
    assert real.get_job_statuses([f"query-airflow-{marker}-{number}" for number in (1, 2)]).keys() == {
        f"query-airflow-{marker}-1"
    }
    assert real.get_marked_job(marker) is None
    with pytest.raises(PolarisConflictError, match="was blocked"):
        real.create_job(spec)


def test_block_of_an_active_job_is_a_conflict_and_takes_the_next_number_after_its_end(real: DruidClient) -> None:
    """The job must be canceled first."""
    spec = rollup("active")
    marker = spec["context"]["airflow"]
    job = real.create_job(spec)
    with pytest.raises(PolarisConflictError, match="cancel that task"):
        real.block_marker(marker)
    real.cancel_job(job["id"])
    assert wait(real, job["id"]) == "canceled"
    real.block_marker(marker)
    with pytest.raises(PolarisConflictError, match="was blocked"):
        real.create_job(with_marker(spec, marker, 2))


def test_statuses_of_many_jobs_come_with_a_request_for_a_thousand(real: DruidClient) -> None:
    """Absent ones are left out, and the answer's size is no problem."""
    known = [row["id"] for row in real.iter_jobs(limit=50)]
    absent = [f"{NAME}-absent-{number}" for number in range(2500)]
    statuses = real.get_job_statuses([*absent[:1200], *known, *absent[1200:]])
    assert statuses.keys() == set(known)
    assert set(statuses.values()) <= {"completed", "failed", "canceled", "running"}


def test_job_without_rows_and_job_that_can_not_be_planned(real: DruidClient) -> None:
    """Both with the code and the text of Druid."""
    empty = real.create_job(rollup("empty", filterExpression='"length" > 100'))["id"]
    assert wait(real, empty) == "failed"
    health = real.get_job(empty)["health"]
    assert (health["status"], health["code"]) == ("error", "no_rows_ingested")
    with pytest.raises(PolarisApiError) as caught:
        real.create_job({"type": "sql", "query": f'INSERT INTO "{NAME}_x" SELECT * FROM "nope" PARTITIONED BY DAY'})
    assert (caught.value.status, caught.value.retryable) == (400, False)


def test_deleted_day_comes_back(real: DruidClient) -> None:
    """Only whole segments; the table is new, so the coordinator may not have read it."""
    table = f"{NAME}_days"
    query = FILL.replace(f'"{NAME}"', f'"{table}"')
    assert wait(real, real.create_job({"type": "sql", "query": query})["id"]) == "completed"
    target = {"type": "table", "tableName": table, "intervals": ["2024-06-01/P1D"]}
    half = {**target, "intervals": ["2024-06-01T00:00Z/PT12H"]}
    with pytest.raises(PolarisGuardError):
        real.create_job({"type": "delete_data", "target": half, "softDelete": True})
    done = real.create_job({"type": "delete_data", "target": target, "softDelete": True})
    assert wait(real, done["id"]) == "completed"
    assert len(real._tables.used_segments(table, ())) == 1
    restore = {"type": "restore_data", "target": {"type": "table", "tableName": table}, "interval": "2024-06-01/P1D"}
    assert wait(real, real.create_job(restore)["id"]) == "completed"
    assert len(real._tables.used_segments(table, ())) == 2
    listed = real.iter_jobs(type=("batch", "delete_data", "restore_data"), target_table=table)
    assert [row["type"] for row in listed] == ["restore_data", "delete_data", "batch"]


def test_absence_is_proven(real: DruidClient) -> None:
    """Of a task, a table and a query."""
    for call in (
        lambda: real.get_job("nope"),
        lambda: real.cancel_job("nope"),
        lambda: real.get_table("nope"),
        lambda: real.get_query("nope"),
    ):
        with pytest.raises(PolarisNotFoundError):
            call()


def test_tables_are_described_together_as_one_by_one(real: DruidClient) -> None:
    """With three requests for all of them; one that doesn't exist is absent."""
    spec = rollup("joint")
    assert wait(real, real.create_job(spec)["id"]) == "completed"
    target = spec["target"]["tableName"]
    visible(real, target)
    read = real.table_reads([NAME, target, "nope"], target=target, will_submit=True)
    assert len(read.requests) == 4
    answers = read.join(real, [answer_of(lambda request=request: request(real)) for request in read.requests])
    assert {name: answers[name].result() for name in (NAME, target)} == {
        name: real.get_table(name) for name in (NAME, target)
    }
    assert [TableDescription.from_wire(answers[name].result()).type for name in (NAME, target)] == [
        "detail",
        "aggregate",
    ]
    with pytest.raises(PolarisNotFoundError):
        answers["nope"].result()


def test_end_of_a_job_is_read_with_three_requests(real: DruidClient) -> None:
    """As by single ones."""
    job = f"query-airflow-{NAME}-fill-1"
    read = real.end_reads(job)
    description, metrics = read.join(real, [answer_of(lambda each=each: each(real)) for each in read.requests])
    assert (description.result(), metrics.result()) == (real.get_job(job), real.get_job_metrics(job))
    assert len(read.requests) == 3


def test_workers_show_the_free_slots_of_the_cluster(real: DruidClient) -> None:
    """As the total does on newer versions."""
    assert real.cluster.free_slots(0) == real.cluster.slots().free


def test_asynchronous_query_has_the_rows_of_the_synchronous_one(real: DruidClient) -> None:
    """With timestamps as text in both; the state has the rows, too."""
    sql = f'SELECT __time, city FROM "{NAME}"'
    query = real.start_query(sql)["queryId"]
    while (state := real.get_query(query))["state"] in ("ACCEPTED", "RUNNING"):
        clocks.sleep(0.3)
    # So a count needs no request for its rows.
    assert len(rows_of_state(state) or ()) == 3
    rows = sorted(real.iter_query_rows(query), key=str)
    assert rows == sorted(real.query(sql), key=str)
    real.cancel_query(query)


STORED = stored_sql([NAME, "nope"])
#: Requests whose answers the fake and the real Druid must give in the same form. ``{job}`` is a task that has ended.
REQUESTS: list[tuple[str, str, Any]] = [
    ("GET", "/druid/indexer/v1/task/nope", None),
    ("GET", "/druid/indexer/v1/task/nope/status", None),
    ("GET", "/druid/indexer/v1/task/nope/reports", None),
    ("POST", "/druid/indexer/v1/task/nope/shutdown", {}),
    ("POST", "/druid/indexer/v1/taskStatus", ["nope"]),
    ("POST", "/druid/indexer/v1/taskStatus", ["{job}"]),
    ("POST", "/druid/indexer/v1/taskStatus", []),
    ("GET", "/druid/indexer/v1/task/{job}", None),
    ("GET", "/druid/indexer/v1/task/{job}/status", None),
    ("POST", "/druid/indexer/v1/task/{job}/shutdown", {}),
    ("POST", "/druid/indexer/v1/task", {"type": "noop", "id": "{job}"}),
    ("GET", "/druid/indexer/v1/totalWorkerCapacity", None),
    ("GET", "/druid/indexer/v1/workers", None),
    ("GET", "/druid/indexer/v1/supervisor?full=true", None),
    ("GET", "/druid/indexer/v1/tasks?max=5&createdTimeInterval=1970-01-01_2100-01-01", None),
    ("GET", "/druid/coordinator/v1/metadata/datasources", None),
    ("GET", "/druid/coordinator/v1/metadata/datasources/{table}/unusedSegments", None),
    ("GET", "/druid/coordinator/v1/rules/_default", None),
    ("GET", "/druid/coordinator/v1/rules/nope", None),
    ("POST", "/druid/coordinator/v1/metadata/datasources/nope/segments?full=true", ["2024-06-01/2024-06-03"]),
    ("POST", "/druid/coordinator/v1/metadata/datasources/{table}/segments?full=true", ["2024-06-01/2024-06-03"]),
    ("POST", "/druid/coordinator/v1/datasources/nope/markUnused", {"segmentIds": ["x"]}),
    ("POST", "/druid/indexer/v1/datasources/{table}/markUnused", {"segmentIds": ["x"]}),
    ("POST", "/druid/v2/sql", {"query": "SELECT 1 FROM nope", "resultFormat": "object"}),
    ("POST", "/druid/v2/sql", {"query": STORED[0], "parameters": STORED[1], "resultFormat": "object"}),
    (
        "POST",
        "/druid/v2",
        {
            "queryType": "segmentMetadata",
            "dataSource": {"type": "union", "dataSources": [NAME, "nope"]},
            "merge": False,
            "analysisTypes": ["rollup", "queryGranularity"],
            "toInclude": {"type": "none"},
        },
    ),
    ("GET", "/druid/v2/sql/statements/nope", None),
    ("POST", "/druid/v2/sql/statements", {"query": "SELECT 1"}),
    (
        "POST",
        "/druid/v2/sql/task",
        {"query": 'INSERT INTO "x" SELECT * FROM "nope" PARTITIONED BY DAY', "context": {"sqlQueryId": "x"}},
    ),
    ("POST", "/druid/v2/sql/task", {"query": FILL, "context": {"sqlQueryId": "{query}"}}),
]


def form(value: Any, *, of: Any = None) -> Any:
    """Return the types of a JSON value: of an object only another one's keys, of an array its first entry."""
    if isinstance(value, dict):
        keys = value if not isinstance(of, dict) else of
        return {key: form(value.get(key, "missing"), of=keys[key]) for key in keys}
    if isinstance(value, list):
        first = of[0] if isinstance(of, list) and of else None
        return [form(value[0], of=first)] if value and (of is None or first is not None) else []
    return "null" if value is None else type(value).__name__


def fake_send(session: FakeSession) -> Callable[[str, str, Any], requests.Response]:
    def send(method: str, path: str, body: Any) -> requests.Response:
        prepared = requests.Request(method, f"http://fake{path}", json=body).prepare()
        query = dict(pair.split("=", 1) for pair in path.partition("?")[2].split("&") if pair)
        data = None if body is None else [prepared.body]
        return session.request(method, f"http://fake{path}", params=query, data=data)

    return send


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS)
def test_fake_answers_in_the_form_of_the_real_one(method: str, path: str, body: Any, real: DruidClient) -> None:
    """Equal statuses, and every field of the fake's answer is one of the real answer, of the same type."""
    query = f"airflow-{NAME}-fill-1"
    names = {"{job}": f"query-{query}", "{query}": query, "{table}": NAME}

    def fill(value: Any) -> Any:
        if isinstance(value, str):
            for mark, name in names.items():
                value = value.replace(mark, name)
        elif isinstance(value, list):
            value = [fill(each) for each in value]
        elif isinstance(value, dict):
            value = {key: fill(each) for key, each in value.items()}
        return value

    context = {"sqlQueryId": query}
    payload = {"type": "query_controller", "id": names["{job}"], "sqlQuery": FILL, "sqlQueryContext": context}
    job = Task(names["{job}"], "query_controller", NAME, None, payload)  # type: ignore[arg-type]
    segment = {"identifier": "x", "interval": "2024-06-01/2024-06-02", "version": "v"}
    table = {
        "used": [segment],
        "segments": [{"is_available": 1, "segments": 2, "bytes": 99}],
        "metadata": [{"id": "merged", "rollup": False, "columns": {}, "aggregators": None}],
    }
    druid = FakeDruid(tables={NAME: table}, loaded={NAME})
    druid._add(job)
    job.end("SUCCESS")
    ours = fake_send(FakeSession(druid))(method, fill(path), fill(body))
    theirs = requests.request(method, f"{URL}{fill(path)}", json=fill(body), timeout=60)
    assert ours.status_code == theirs.status_code, theirs.text
    try:
        expected, found = ours.json(), theirs.json()
    except ValueError:
        # Texts differ in their details; an empty body is an empty body.
        assert bool(ours.text) == bool(theirs.text), theirs.text
        return
    assert form(found, of=expected) == form(expected)
