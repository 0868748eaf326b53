# SPDX-License-Identifier: Apache-2.0
"""Persistence of the database file: after a restart, and after a kill in the middle of a job."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from airflow_provider_polaris.emulator.engine import StoreError
from airflow_provider_polaris.emulator.jobs.due_jobs import PORTION

PREFIX = "/v1/projects/00000000-0000-4000-8000-000000000001"


def test_restart_keeps_tables_jobs_files_queries_and_rows(make_api, tmp_path) -> None:
    """All replies are the same after a restart."""
    db = str(tmp_path / "polaris.db")
    first = make_api(db=db)
    first.koalas()
    job = first.run(first.rollup())
    query_id = first.ok("POST", "/query/sql/statements", {"query": 'SELECT "city" FROM "Koalas Rollup"'})["queryId"]
    first.ok("GET", f"/query/sql/statements/{query_id}")
    paths = (
        "/jobs",
        f"/jobs/{job['id']}",
        f"/jobs/{job['id']}/metrics",
        "/tables",
        "/tables/Koalas Rollup",
        "/files",
        f"/query/sql/statements/{query_id}",
        f"/query/sql/statements/{query_id}/results",
    )
    before = [first.ok("GET", path) for path in paths]
    first.app.state.emulator.close()
    second = make_api(db=db)
    assert [second.ok("GET", path) for path in paths] == before
    assert second.run(second.rollup())["executionStatus"] == "completed"
    assert second.ok("GET", "/tables/Koalas Rollup")["totalRows"] == 8


def test_restart_keeps_deletions_policies_streams_and_real_time_rows(make_api, tmp_path, clock) -> None:
    """Also softly dropped tables, and the control-plane settings of a table."""
    db, source = str(tmp_path / "polaris.db"), "Koalas Source"
    first = make_api(db=db)
    first.koalas()
    first.koalas("Dropped")
    first.policy(cached={"type": "period", "period": "P29D"})
    first.run(first.about("delete_data", source, "2024-06-01/2024-06-02", softDelete=True))
    first.run(first.about("drop_table", "Dropped", softDelete=True))
    first.submit(first.about("streaming", source, source={"type": "connection", "connectionName": "kafka"}))
    first.control("POST", f"/tables/{source}/realtime", {"rows": [{"__time": "2024-06-02T00:00:00Z"}]})
    first.control("PATCH", f"/tables/{source}", {"loadSeconds": 60})
    paths = ("/jobs", "/tables", f"/tables/{source}", f"/tables/{source}/unusedSegments")
    before = [first.ok("GET", path) for path in paths]
    segments = first.control("GET", f"/tables/{source}/segments")
    assert before[2]["availability"] == "unavailable"
    first.app.state.emulator.close()
    second = make_api(db=db)
    assert [second.ok("GET", path) for path in paths] == before
    assert second.control("GET", f"/tables/{source}/segments") == segments
    clock.advance(60)
    assert (second.count(source), second.count_async(source)) == (2, 1)
    job = second.run(second.about("restore_data", source, interval="2024-06-01/2024-06-02"))
    assert (job["executionStatus"], second.count_async(source)) == ("completed", 4)
    second.ok("POST", "/tables", {"name": "Dropped", "type": "detail"})
    assert len(second.unused("Dropped")) == 2


def test_restart_takes_up_jobs_that_were_on_their_way(make_api, tmp_path, clock) -> None:
    """An active job continues, and a pending cancel takes effect."""
    db = str(tmp_path / "polaris.db")
    first = make_api("seconds=10", db=db)
    first.koalas()
    running, canceled = first.submit(first.rollup()), first.submit(first.rollup())
    first.ok("POST", f"/jobs/{canceled}/status", {"desiredExecutionStatus": "canceled"})
    first.app.state.emulator.close()
    second = make_api("seconds=10", db=db)
    clock.advance(10)
    statuses = [second.ok("GET", f"/jobs/{job}/status")["executionStatus"] for job in (running, canceled)]
    assert statuses == ["completed", "canceled"]
    assert second.ok("GET", "/tables/Koalas Rollup")["totalRows"] == 4


def test_two_emulators_in_one_process_share_nothing(make_api) -> None:
    """Each has its own tables, files and jobs."""
    first, second = make_api(), make_api()
    first.koalas()
    assert second.state() == ([], [], [])


def test_file_that_is_no_database_is_refused_and_kept(make_api, tmp_path) -> None:
    """The error is one sentence, and the file is unchanged."""
    path = tmp_path / "notes.txt"
    path.write_text("not a database\n" * 1000)
    with pytest.raises(StoreError, match=r"notes\.txt"):
        make_api(db=str(path))
    assert path.read_text() == "not a database\n" * 1000


def test_rows_of_a_job_whose_document_cannot_be_written_are_taken_back(koalas, monkeypatch) -> None:
    """The rows and the document that says "completed" are one transaction."""
    job_id = koalas.submit(koalas.rollup())
    store = koalas.app.state.emulator.store
    write = store.put_document

    def fail_on_completed(kind, key, document):
        if document.get("status") == "completed":
            raise RuntimeError("disk full")
        write(kind, key, document)

    monkeypatch.setattr(store, "put_document", fail_on_completed)
    job = koalas.ok("GET", f"/jobs/{job_id}")
    assert (job["executionStatus"], job["health"]["code"]) == ("failed", "internal_error")
    assert koalas.ok("GET", "/tables/Koalas Rollup")["totalRows"] == 0


def test_table_of_a_job_that_cannot_be_written_is_taken_back(koalas, monkeypatch) -> None:
    """A new table and the job that creates it are one transaction."""
    before = koalas.state()
    store = koalas.app.state.emulator.store

    def fail(*_):
        raise RuntimeError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(store, "add_document", fail)
        assert koalas.call("POST", "/jobs", koalas.rollup())[0] == 500
    assert koalas.state() == before


class Process:
    """An emulator in a separate process, which can be killed."""

    def __init__(self, db: str) -> None:
        arguments = ["--port", "0", "--db", db, "--progression", "polls=2"]
        command = [sys.executable, "-m", "airflow_provider_polaris.emulator", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().split(" on ")[1].split(",")[0] + PREFIX

    def call(self, method, path, body=None, *, content_type="application/json", timeout=300):
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        request.add_header("Authorization", "Basic pok_emulator")
        request.add_header("Content-Type", content_type)
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return json.loads(response.read())

    def run(self, job) -> None:
        """Create a job and poll it twice, until it is done."""
        job_id = self.call("POST", "/jobs", job)["id"]
        statuses = [self.call("GET", f"/jobs/{job_id}/status")["executionStatus"] for _ in range(2)]
        assert statuses == ["running", "completed"]

    def rows(self, table: str) -> int:
        return self.call("GET", f"/tables/{table}")["totalRows"]

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


def _upload(process: Process, rows: int) -> None:
    lines = "".join(json.dumps({"t": 1_717_200_000_000 + n * 1000, "k": f"key{n % 1000}"}) + "\n" for n in range(rows))
    head = '--x\r\nContent-Disposition: form-data; name="file"; filename="rows.json"\r\n\r\n'
    body = (head + lines + "\r\n--x--\r\n").encode()
    process.call("POST", "/files", body, content_type="multipart/form-data; boundary=x")


def _job(source, target: str, mappings) -> dict:
    return {
        "type": "batch",
        "source": source,
        "target": {"type": "table", "tableName": target},
        "createTableIfNotExists": True,
        "mappings": mappings,
    }


def test_kill_in_the_middle_of_a_job_leaves_all_or_nothing(tmp_path) -> None:
    """After kill -9 while a job writes, its rows and its status agree: both old or both new."""
    db = str(tmp_path / "polaris.db")
    fields = [{"name": "t", "dataType": "long"}, {"name": "k", "dataType": "string"}]
    key = {"columnName": "k", "expression": '"k"'}
    events = {"type": "table", "tableName": "events"}
    process = Process(db)
    try:
        _upload(process, 50_000)
        files = {"type": "uploaded", "fileList": ["rows.json"], "inputSchema": fields}
        process.run(_job(files, "events", [{"columnName": "__time", "expression": 'MILLIS_TO_TIMESTAMP("t")'}, key]))
        for _ in range(4):
            process.run(_job(events, "events", [key]))
        rows = process.rows("events")
        assert rows == 50_000 * 2**4
        copied = 0
        for patience in (0.05, 0.3):
            job_id = process.call("POST", "/jobs", _job(events, "copy", [key]))["id"]
            assert process.call("GET", f"/jobs/{job_id}/status") == {"executionStatus": "running"}
            # The second poll runs the job. The client disconnects, and the process is killed while the job runs.
            with contextlib.suppress(urllib.error.URLError, TimeoutError):
                process.call("GET", f"/jobs/{job_id}/status", timeout=patience)
            process.kill()
            process = Process(db)
            written = process.rows("copy") - copied
            status = process.call("GET", f"/jobs/{job_id}/status")["executionStatus"]
            assert (written, status) in [(0, "running"), (rows, "completed")]
            assert process.call("GET", f"/jobs/{job_id}/status") == {"executionStatus": "completed"}
            copied += rows
            assert process.rows("copy") == copied
            assert process.rows("events") == rows
    finally:
        process.kill()


def test_kill_while_the_background_thread_runs_jobs_leaves_whole_jobs(tmp_path) -> None:
    """After kill -9, each job is either completed with all of its rows or active without a row, and the others run."""
    db, many = str(tmp_path / "polaris.db"), 2 * PORTION
    process = Process(db)
    try:
        _upload(process, 10)
        fields = [{"name": "t", "dataType": "long"}, {"name": "k", "dataType": "string"}]
        files = {"type": "uploaded", "fileList": ["rows.json"], "inputSchema": fields}
        key = {"columnName": "k", "expression": '"k"'}
        process.run(_job(files, "events", [{"columnName": "__time", "expression": 'MILLIS_TO_TIMESTAMP("t")'}, key]))
        for _ in range(many):
            process.call("POST", "/jobs", _job({"type": "table", "tableName": "events"}, "copy", [key]))
        listed = "/jobs?targetTableName=copy&executionStatus=completed"
        process.call("GET", listed.partition("&")[0])
        process.call("GET", listed.partition("&")[0])  # the second poll
        process.kill()
        process = Process(db)
        rows, completed = process.rows("copy"), len(process.call("GET", listed)["values"])
        assert rows == 10 * completed
        for _ in range(1000):
            process.call("GET", listed.partition("&")[0])
            if len(process.call("GET", listed)["values"]) == many:
                break
        assert process.rows("copy") == 10 * many
    finally:
        process.kill()
