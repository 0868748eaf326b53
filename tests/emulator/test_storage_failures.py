# SPDX-License-Identifier: Apache-2.0
"""A full disk or a damaged file: every reply states it, including jobs and the console."""

from __future__ import annotations

from html import unescape
from typing import Any

import duckdb
import pytest

from airflow_provider_polaris.emulator.engine import StorageError

FATAL = duckdb.FatalException("FATAL Error: Could not write file: No space left on device")
REASON = (
    "the database in memory can't be written, because the disk is full: 'FATAL Error: Could "
    "not write file: No space left on device'. Free space for '/spill', then restart the emulator."
)
SAID = f"The emulator can't answer: {REASON}"
DAMAGED = (
    "the database in memory is damaged: 'Corrupt block'. "
    "Restore it from a copy, or choose a file that doesn't exist yet."
)


class Failing:
    """A DuckDB connection in which statements with a given start fail a given number of times."""

    def __init__(self, connection: Any, statement: str, error: duckdb.Error, times: int = 1) -> None:
        self._connection = connection
        self._statement = statement
        self._error = error
        self.times = times

    def execute(self, sql: str, parameters: Any = None) -> Any:
        if sql.startswith(self._statement) and self.times:
            self.times -= 1
            raise self._error
        return self._connection.execute(sql, parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def _fail(api: Any, statement: str, error: duckdb.Error, times: int = 1) -> None:
    store = api.app.state.emulator.store
    store._connection = Failing(store._connection, statement, error, times)


@pytest.fixture(autouse=True)
def spill(monkeypatch) -> None:
    """The folder in the messages."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/spill")


@pytest.fixture
def two(make_api, clock):
    """An emulator with two rollups that are due; their ids."""
    api = make_api("seconds=10")
    api.koalas()
    jobs = [api.submit(api.rollup()) for _ in range(2)]
    clock.advance(10)
    return api, *jobs


def test_every_answer_says_that_the_disk_is_full(koalas) -> None:
    """Also replies that need no disk, because the state in memory may differ from the stored state."""
    _fail(koalas, "COMMIT", FATAL)
    answer = {"code": "InternalServerError", "message": SAID}
    assert koalas.call("POST", "/jobs", koalas.rollup()) == (500, answer)
    for path in ("/jobs", "/tables", "/files", "/tables/Koalas Source"):
        assert koalas.call("GET", path) == (500, answer)
    assert koalas.call("POST", "/query/sql", {"query": "SELECT 1"}) == (500, answer)
    for path in ("/health", "/counters", "/faults", "/jobs"):
        assert koalas.control("GET", path) == (500, answer)


@pytest.mark.parametrize("path", ["/", "/jobs", "/jobs/x", "/tables/Koalas Source"])
def test_console_says_that_the_disk_is_full(koalas, path) -> None:
    """The console shows a page, not JSON."""
    _fail(koalas, "COMMIT", FATAL)
    koalas.call("POST", "/jobs", koalas.rollup())
    response = koalas.client.get(f"/__emulator__{path}", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (response.status_code, response.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert f'<h1>The database failed</h1><p class="callout error">{SAID}</p>' in unescape(response.text)
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]


def test_log_has_one_line_for_an_answer_without_a_stack_of_calls(koalas, caplog) -> None:
    """The reason is known."""
    _fail(koalas, "COMMIT", FATAL)
    koalas.call("POST", "/tables", {"name": "t", "type": "detail"})
    (record,) = [each for each in caplog.records if each.name.startswith("airflow_provider_polaris")]
    assert record.getMessage() == f"POST {koalas.prefix}/tables failed: {REASON}"
    assert record.exc_info is None


def test_job_that_can_not_be_stored_stays_as_it_was(koalas) -> None:
    """It is neither failed nor completed; after a restart with free disk space it continues."""
    job_id = koalas.submit(koalas.rollup())
    _fail(koalas, "COMMIT", FATAL)
    assert koalas.call("GET", f"/jobs/{job_id}")[0] == 500
    job = koalas.app.state.emulator.jobs.get(job_id)
    assert (job.status, koalas.app.state.emulator.jobs.has_active_jobs("Koalas Rollup")) == ("pending", True)


def test_job_that_reads_a_damaged_block_fails_with_the_reason(two) -> None:
    """Other jobs continue, because the file can be written."""
    koalas, job_id, other = two
    _fail(koalas, "INSERT INTO", duckdb.Error("Corrupt block"))
    job = koalas.ok("GET", f"/jobs/{job_id}")
    assert (job["executionStatus"], job["health"]["code"]) == ("failed", "internal_error")
    assert job["health"]["message"] == f"The emulator failed: {DAMAGED}"
    assert koalas.ok("GET", f"/jobs/{other}")["executionStatus"] == "completed"
    page = unescape(koalas.client.get(f"/__emulator__/jobs/{job_id}").text)
    assert f"The emulator failed: {DAMAGED}" in page


def test_full_disk_that_gets_room_again_needs_no_restart(two) -> None:
    """DuckDB 1.4 rolls back and stays usable."""
    koalas, first, second = two
    full = duckdb.TransactionException("Failed to commit: No space left on device")
    _fail(koalas, "COMMIT", full, times=2)  # first the rows, then the document of the failed job
    status, answer = koalas.call("GET", f"/jobs/{first}")
    assert (status, "because the disk is full" in answer["message"]) == (500, True)
    assert [koalas.ok("GET", f"/jobs/{job}")["executionStatus"] for job in (first, second)] == ["completed"] * 2
    assert koalas.count("Koalas Rollup") == 8


def test_failure_between_two_jobs_runs_none_of_them_twice(two) -> None:
    """The first job has ended when the second can't be stored."""
    koalas, *jobs = two
    emulator = koalas.app.state.emulator
    run, ran = emulator.jobs._run, []

    def count(job, now):
        ran.append(job.id)
        if len(ran) == 2:
            raise StorageError("full")
        run(job, now)

    emulator.jobs._run = count
    assert koalas.call("GET", "/jobs")[0] == 500
    assert koalas.ok("GET", "/jobs")["values"]
    assert [ran.count(job) for job in jobs] == [1, 2]


def test_query_that_reads_a_damaged_block_says_so(koalas) -> None:
    """The error is not reported as an error of the query."""
    store = koalas.app.state.emulator.store

    class Damaged:
        def cursor(self):
            return Failing(Damaged.whole.cursor(), "SELECT count", duckdb.Error("Corrupt block"))

    Damaged.whole = store._connection
    store._connection = Damaged()
    status, answer = koalas.call("POST", "/query/sql", {"query": 'SELECT COUNT(*) FROM "Koalas Source"'})
    store._connection = Damaged.whole
    assert (status, answer) == (
        500,
        {"code": "InternalServerError", "message": f"The emulator can't answer: {DAMAGED}"},
    )
