# SPDX-License-Identifier: Apache-2.0
"""A local Polaris in a separate process; the test holds and releases its jobs."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import requests

from harness.processes import ProcessTree
from harness.waiting import eventually

PROJECT = "00000000-0000-4000-8000-000000000001"
KEY = "pok_emulator"
KOALAS = [
    {"timestamp": "2024-06-01T00:10:00Z", "city": "Berlin", "session_length": 10},
    {"timestamp": "2024-06-01T00:50:00Z", "city": "berlin", "session_length": 30},
    {"timestamp": "2024-06-01T01:20:00Z", "city": "Oslo", "session_length": 5},
    {"timestamp": "2024-06-02T02:00:00Z", "city": "Oslo", "session_length": 7},
]
INGEST: dict[str, Any] = {
    "type": "batch",
    "ingestionMode": "append",
    "createTableIfNotExists": True,
    "source": {
        "type": "uploaded",
        "inputSchema": [
            {"name": "timestamp", "dataType": "string"},
            {"name": "city", "dataType": "string"},
            {"name": "session_length", "dataType": "long"},
        ],
        "formatSettings": {"format": "nd-json"},
    },
    "target": {"type": "table", "tableName": "Koalas Source"},
    "mappings": [
        {"columnName": "__time", "expression": 'TIME_PARSE("timestamp")'},
        {"columnName": "city", "expression": '"city"'},
        {"columnName": "session_length", "expression": '"session_length"'},
    ],
}


class Polaris:
    """
    The emulator, with four rows in the table ``Koalas Source``.

    Asked without the package's own client, so that what is judged is not the judge.

    :param log: File for what it prints.
    :param slow: Whether jobs run for hours unless they are canceled; then the table has the examples' rows.
    :param seconds: How long a job runs; None until the next poll.
    """

    def __init__(self, log: Path, *, slow: bool = False, seconds: int | None = None) -> None:
        options = ["--progression", "seconds=100000", "--seed-demo"] if slow else []
        if seconds is not None:
            options = ["--progression", f"seconds={seconds}"]
        self.process = ProcessTree(
            "polaris-emulator",
            [sys.executable, "-m", "airflow_provider_polaris.emulator", "--port", "0", *options],
            {**os.environ, "PYTHONUNBUFFERED": "1"},
            log,
        )
        self._http = requests.Session()
        self._http.trust_env = False  # a proxy of the environment is not for loopback
        self._http.headers["Authorization"] = f"Basic {KEY}"
        try:
            self.url = self._address()
            if not slow:
                self.append(KOALAS, "koalas.json")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Kill it."""
        self._http.close()
        self.process.kill()

    def connection(self) -> dict[str, Any]:
        """Return Airflow's connection to it, without an id."""
        return {
            "conn_type": "polaris",
            "host": self.url,
            "password": KEY,
            "extra": json.dumps({"project_id": PROJECT, "console_url": f"{self.url}/__emulator__/jobs/{{job_id}}"}),
        }

    def hold(self) -> None:
        """Let no job make progress: they are running, and a cancel takes effect when they are released."""
        self.fault(effect="job_status", jobStatus="running", times=None)

    def hold_answer_to_submit(self) -> None:
        """Create the next job immediately, and reply a minute later."""
        self.fault(effect="latency", method="POST", path="/jobs$", takesEffect="now", seconds=60)

    def release(self) -> None:
        """Remove all faults: jobs end at the next poll, canceled if requested."""
        self._ask("DELETE", "/__emulator__/faults")

    def fault(self, **rule: Any) -> None:
        """Add a fault; see ``airflow_provider_polaris.emulator.faults.fault.Fault``."""
        self._ask("POST", "/__emulator__/faults", json=rule)

    def summaries(self) -> list[dict[str, Any]]:
        """Return up to 1,000 jobs as the list has them, the oldest first."""
        query = {"sortColumn": "created_date_time", "sortOrder": "ASC", "paginationLimit": "1000"}
        values: list[dict[str, Any]] = self._api("GET", "/jobs", params=query)["values"]
        return values

    def jobs(self) -> list[dict[str, Any]]:
        """Return all jobs that read a table, the oldest first, as described."""
        values = self._api("GET", "/jobs", params={"sortColumn": "created_date_time", "sortOrder": "ASC"})["values"]
        described = [self._api("GET", f"/jobs/{one['id']}") for one in values]
        return [job for job in described if job.get("source", {}).get("type") == "table"]

    def statuses(self) -> list[tuple[str, str]]:
        """Return the status and the desired status of these jobs: ``running`` or ``canceled``."""
        return [(job["executionStatus"], job["desiredExecutionStatus"]) for job in self.jobs()]

    def requests(self) -> dict[str, int]:
        """Return the number of requests so far, by method and path."""
        counts: dict[str, int] = self._ask("GET", "/__emulator__/counters")["requests"]
        return counts

    def counters(self, name: str) -> list[int]:
        """Return a counter of jobs, for each body that was sent."""
        return sorted(self._ask("GET", "/__emulator__/counters")[name].values())

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query."""
        rows: list[dict[str, Any]] = self._api("POST", "/query/sql", json={"query": sql})
        return rows

    def describe(self) -> str:
        """Return everything that helps to understand a failed test."""
        return json.dumps({"requests": self.requests(), "jobs": self.jobs()}, indent=1)

    def _address(self) -> str:
        def printed() -> re.Match[str] | None:
            self.process.check_runs()
            return re.search(r"Polaris emulator on (http://127\.0\.0\.1:\d+)", self.process.log.read_text())

        found = eventually(printed, bool, what="the emulator's address")
        assert found is not None
        return found[1]

    def append(self, rows: list[dict[str, Any]], file: str) -> str:
        """Append rows to the source, from a file of this name, and return the job."""
        content = "".join(json.dumps(row) + "\n" for row in rows)
        self._api("POST", "/files", files={"file": (file, content)})
        job = self._api("POST", "/jobs", json={**INGEST, "source": {**INGEST["source"], "fileList": [file]}})
        eventually(
            lambda: self._api("GET", f"/jobs/{job['id']}/status")["executionStatus"],
            lambda status: status == "completed",
            what="the rows",
        )
        return str(job["id"])

    def copy_day(self, day: str, table: str, mappings: list[dict[str, Any]]) -> None:
        """Append a day of the source to a table, which is created if it doesn't exist."""
        job = self.start_copy(day, table, mappings)
        status = self._api("GET", f"/jobs/{job}/status")["executionStatus"]
        assert status == "completed", status

    def start_copy(self, day: str, table: str, mappings: list[dict[str, Any]]) -> str:
        """Submit the job for this, and return its id."""
        spec = {
            "type": "batch",
            "ingestionMode": "append",
            "createTableIfNotExists": True,
            "source": {"type": "table", "tableName": "Koalas Source", "interval": f"{day}/P1D"},
            "target": {"type": "table", "tableName": table},
            "mappings": mappings,
        }
        return str(self._api("POST", "/jobs", json=spec)["id"])

    def _api(self, method: str, path: str, **options: Any) -> Any:
        return self._ask(method, f"/v1/projects/{PROJECT}{path}", **options)

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        answer = self._http.request(method, self.url + path, timeout=120, **options)
        assert answer.ok, f"{method} {path} answered {answer.status_code}: {answer.text}"
        return answer.json()
