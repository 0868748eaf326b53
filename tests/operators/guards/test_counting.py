# SPDX-License-Identifier: Apache-2.0
"""Counts include every row that a job can read, and no others; without such evidence a guard refuses."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_polaris.hooks.row_count import RowCounter
from airflow_provider_polaris.jobs.errors import (
    PolarisConflictError,
    PolarisGuardError,
    PolarisGuardUnansweredError,
    PolarisJobCanceledError,
)
from airflow_provider_polaris.jobs.tables.storage_policy import TableStorage
from airflow_provider_polaris.runtime.deadline import Deadline
from tests.operators.guards.conftest import DAY, LOG, TWO_DAYS, World

STATEMENTS = "POST /query/sql/statements"
SYNCHRONOUS = "POST /query/sql"


def counter(world: World) -> RowCounter:
    return RowCounter(world.hook.get_client, Deadline(world.clock, lambda: world.stop(), world.deadline), LOG)


def storage(world: World, **changes: Any) -> TableStorage:
    return TableStorage.from_wire({**world.client.get_table(world.source), **changes})


def count(world: World, *, as_job: bool = True, **changes: Any) -> Any:
    sql = f'SELECT COUNT(*) AS "n" FROM "{world.source}"'
    return counter(world).rows(sql, storage(world, **changes), as_job=as_job)


def refused(world: World, why: str, status: int = 403) -> str:
    path = "/v1/projects/00000000-0000-4000-8000-000000000001/query/sql/statements"
    return (
        "the rows that the job would read and replace can't be counted: asynchronous SQL is unavailable (ASYNC), and "
        f"synchronous SQL is not reliable, because {why}. Nothing was submitted. Enable asynchronous SQL for the "
        "project and the API key, or precache all data of the table. If you are sure that the source has all rows, run "
        "the task with on_empty_source='submit' and on_shrink='submit', which turns the counts off "
        "(on_shrink='{{ params.on_shrink }}' allows it for one run)."
    ).replace("ASYNC", _answer(world, path, status))


def _answer(world: World, path: str, status: int) -> str:
    """Return the client's message about the rejection of asynchronous SQL."""
    from airflow_provider_polaris.jobs.errors import PolarisApiError

    with pytest.raises(PolarisApiError) as caught:
        world.client.start_query("SELECT 1")
    assert (caught.value.path, caught.value.status) == (path, status)
    return str(caught.value)


def test_rows_asynchronous_sql_is_used(world: World) -> None:
    """If the project has it, asynchronous SQL is used: with rows that aren't precached, without real-time rows."""
    world.create(world.source, storagePolicy={"cached": {"type": "period", "period": "P7D"}})
    world.load("2024-06-01T10:00:00Z", "2024-06-01T11:00:00Z")
    world.stream("2024-06-01T12:00:00Z")
    before = world.asked(SYNCHRONOUS)
    assert count(world) == [{"n": 2}]
    assert world.asked(SYNCHRONOUS) == before


@pytest.mark.parametrize("status", [400, 403, 404, 405, 501])
def test_rows_no_asynchronous_sql_all_precached_uses_synchronous(world: World, status: int) -> None:
    """Without asynchronous SQL, synchronous SQL is used if the table precaches everything."""
    world.load("2024-06-01T10:00:00Z")
    world.has_no_asynchronous_sql(status)
    assert count(world) == [{"n": 1}]


def test_rows_asynchronous_sql_is_asked_for_once(world: World) -> None:
    """The second count of a project without it makes no further asynchronous request."""
    world.load("2024-06-01T10:00:00Z")
    world.has_no_asynchronous_sql()
    before = world.asked(STATEMENTS)
    asked = counter(world)
    for _ in range(2):
        asked.rows(f'SELECT COUNT(*) AS "n" FROM "{world.source}"', storage(world), as_job=True)
    assert world.asked(STATEMENTS) == before + 1


@pytest.mark.parametrize(
    "changes, why",
    [
        (
            {"storagePolicy": {"cached": {"type": "period", "period": "P10Y"}}},
            "has a storage policy that precaches a part of its data only",
        ),
        ({"totalDataSizeBytes": 10, "precachedDataSizeBytes": 9}, "has data that is not precached at present"),
        ({"availability": "unavailable"}, "is 'unavailable', not 'available'"),
        ({"availability": None}, "is 'of unknown availability', not 'available'"),
    ],
)
def test_rows_not_all_precached_refuses(world: World, changes: dict[str, Any], why: str) -> None:
    """Synchronous SQL would miss rows, so nothing is counted and the error describes the options."""
    world.load("2024-06-01T10:00:00Z")
    world.has_no_asynchronous_sql()
    with pytest.raises(PolarisGuardError) as caught:
        count(world, **changes)
    assert str(caught.value) == refused(world, f"table {world.source!r} {why}")


def test_rows_more_than_published_refuses(world: World) -> None:
    """Synchronous SQL that counts more rows than Polaris has published counts rows that no job can read."""
    world.load("2024-06-01T10:00:00Z")
    world.stream("2024-06-01T11:00:00Z")
    world.has_no_asynchronous_sql()
    with pytest.raises(PolarisGuardError) as caught:
        count(world)
    why = f"it counts 2 rows in table {world.source!r}, but jobs can read 1 according to the service"
    assert str(caught.value) == refused(world, why)


def test_rows_of_a_target_may_be_more_than_published(world: World) -> None:
    """Too many rows in the target only make the guard stricter."""
    world.load("2024-06-01T10:00:00Z")
    world.stream("2024-06-01T11:00:00Z")
    world.has_no_asynchronous_sql()
    assert count(world, as_job=False) == [{"n": 2}]


@pytest.mark.parametrize("status", ["running", "suspended"])
def test_rows_streamed_into_refuses(world: World, status: str) -> None:
    """While a streaming job writes, synchronous SQL counts rows that no job can read yet; afterwards it doesn't."""
    world.load("2024-06-01T10:00:00Z")
    stream = world.client.create_job(
        {
            "type": "streaming",
            "source": {"type": "connection", "connectionName": "kafka", "formatSettings": {"format": "nd-json"}},
            "target": {"type": "table", "tableName": world.source},
            "mappings": [{"columnName": "__time", "expression": 'MILLIS_TO_TIMESTAMP("ts")'}],
        }
    )["id"]
    world.client.get_job(stream)
    if status == "suspended":
        world.client.update_job_status(stream, "suspended")
    assert world.client.get_job_status(stream) == status
    world.has_no_asynchronous_sql()
    with pytest.raises(PolarisGuardError) as caught:
        count(world)
    why = (
        f"streaming job {stream!r} writes to table {world.source!r}, so the count would include rows that no job can "
        "read yet"
    )
    assert str(caught.value) == refused(world, why)
    world.client.cancel_job(stream)
    assert count(world) == [{"n": 1}]


def test_rows_other_errors_are_no_missing_feature(world: World) -> None:
    """Only some rejections mean that the project lacks asynchronous SQL; others reach retries unchanged."""
    world.load("2024-06-01T10:00:00Z")
    world.has_no_asynchronous_sql(409)
    with pytest.raises(PolarisConflictError):
        count(world)


def test_rows_server_error_is_no_refusal(world: World) -> None:
    """An unavailable Polaris doesn't mean that the project lacks asynchronous SQL."""
    world.load("2024-06-01T10:00:00Z")
    world.has_no_asynchronous_sql(503)
    with pytest.raises(PolarisGuardUnansweredError):
        count(world)


def test_rows_answer_lost_asks_again(world: World) -> None:
    """A SELECT whose answer is lost is sent again, because it is idempotent."""
    world.load("2024-06-01T10:00:00Z")
    world.control("POST", "/faults", {"effect": "drop_reply", "method": "POST", "path": "/statements$", "times": 2})
    assert count(world) == [{"n": 1}]


def test_rows_answer_always_lost_is_no_refusal(world: World) -> None:
    """After three lost answers the task fails with an error that a retry may fix."""
    world.load("2024-06-01T10:00:00Z")
    world.control("POST", "/faults", {"effect": "drop_reply", "method": "POST", "path": "/statements$", "times": 3})
    with pytest.raises(PolarisGuardUnansweredError) as caught:
        count(world)
    start = "The service didn't answer 3 requests to count rows. Nothing was submitted. "
    assert str(caught.value).startswith(start)
    assert str(caught.value).endswith(" A retry counts again.")


def test_rows_view_of_jobs_is_asked_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count includes published rows only, unless the job's own context overrides it."""
    world.load("2024-06-01T10:00:00Z")
    contexts = []
    start = world.client.start_query
    monkeypatch.setattr(
        world.client, "start_query", lambda sql, *, context: contexts.append(context) or start(sql, context=context)
    )
    sql = f'SELECT COUNT(*) AS "n" FROM "{world.source}"'
    counter(world).rows(sql, storage(world), as_job=True)
    counter(world).rows(sql, storage(world), context={"includeSegmentSource": "REALTIME"}, as_job=True)
    assert contexts == [{"includeSegmentSource": "NONE"}, {"includeSegmentSource": "REALTIME"}]


def test_rows_view_of_jobs_refused_warns(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """If the service rejects that key, the count runs without it, and the log states the effect."""
    world.load("2024-06-01T10:00:00Z")
    world.control("POST", "/faults", {"effect": "status", "status": 400, "method": "POST", "path": "/statements$"})
    assert count(world) == [{"n": 1}]
    (message,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    start = (
        "The service rejects 'includeSegmentSource' in the query context, so the count may include rows that no "
        "job can read yet. Its answer: "
    )
    assert message.startswith(start)


def test_rows_query_fails_is_no_refusal(world: World) -> None:
    """A query that fails while it runs gives the reason, and a retry counts again."""
    world.load("2024-06-01T10:00:00Z")
    with pytest.raises(PolarisGuardUnansweredError) as caught:
        counter(world).rows(f'SELECT 1 / (COUNT(*) - COUNT(*)) FROM "{world.source}"', storage(world), as_job=True)
    text = str(caught.value)
    assert text.startswith("The service couldn't count rows: query 'query-")
    assert text.endswith(" Nothing was submitted. A retry counts again.")
    assert "/ by zero" in text


def query_id(text: str) -> str:
    return text.partition("query '")[2].partition("'")[0]


def test_rows_query_too_slow_is_canceled(slow_world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A count that takes longer than ten minutes is given up and its query canceled; one line reports progress."""
    world = slow_world
    caplog.set_level(logging.INFO, LOG.name)
    table = TableStorage(world.source, "available")
    with pytest.raises(PolarisGuardUnansweredError) as caught:
        counter(world).rows("SELECT 1", table, as_job=True)
    query = query_id(str(caught.value))
    assert [record.getMessage() for record in caplog.records if record.name == LOG.name] == [
        f"The service is still counting rows (query {query!r} is 'ACCEPTED')."
    ]
    assert str(caught.value) == (
        f"The service couldn't count rows in time: query {query!r} is still 'RUNNING' and was canceled. Nothing was "
        "submitted. A retry counts again."
    )
    assert sum(world.clock.sleeps) == 600
    assert world.clock.sleeps[:5] == [0.5, 1.0, 2.0, 4.0, 5.0]
    assert world.client.get_query(query)["state"] == "FAILED"


def test_rows_deadline_ends_the_count(slow_world: World) -> None:
    """The task's deadline ends the wait for a count."""
    slow_world.deadline = slow_world.clock.now() + timedelta(seconds=60)
    with pytest.raises(PolarisGuardUnansweredError):
        counter(slow_world).rows("SELECT 1", TableStorage("t", "available"), as_job=True)
    assert sum(slow_world.clock.sleeps) == 60


def test_rows_kill_ends_the_count(slow_world: World) -> None:
    """A task that is killed while it counts stops at once and cancels the query."""
    world = slow_world
    world.stop = lambda: len(world.clock.sleeps) == 3
    before = world.asked("DELETE /query/sql/statements/{queryId}")
    with pytest.raises(PolarisJobCanceledError) as caught:
        counter(world).rows("SELECT 1", TableStorage("t", "available"), as_job=True)
    assert str(caught.value) == "the task was killed before it submitted its job."
    assert len(world.clock.sleeps) == 3
    assert world.asked("DELETE /query/sql/statements/{queryId}") == before + 1


@pytest.mark.parametrize("is_source", [True, False])
def test_check_without_evidence_refuses(world: World, is_source: bool) -> None:
    """A guard that can't count never allows the job; setting both options to submit does."""
    table = world.source if is_source else world.target
    world.create(table, storagePolicy={"cached": {"type": "period", "period": "P7D"}})
    world.load("2024-06-01T10:00:00Z")
    world.has_no_asynchronous_sql()
    why = f"table {table!r} has a storage policy that precaches a part of its data only"
    assert world.refusal(world.copy()) == refused(world, why)
    assert world.check(world.copy(), on_empty_source="submit", on_shrink="submit").action == "submit"


def test_check_source_aged_out_but_for_real_time_rows_refuses(world: World) -> None:
    """Late rows that only queries read don't replace the rows that a rollup was built from."""
    world.load("2024-06-01T10:00:00Z", "2024-06-02T10:00:00Z")
    world.attempt(world.rollup(TWO_DAYS))
    world.forget("TRUE")
    world.stream("2024-06-01T11:00:00Z")
    assert f"{DAY!r} has rows there and none in the source {world.source!r}" in world.refusal(world.rollup(TWO_DAYS))
    world.run(world.rollup(TWO_DAYS))
    assert len(world.rows()) == 1, "without the guard the first day is lost"
