# SPDX-License-Identifier: Apache-2.0
"""
A fake Druid on a loopback port, for tests that read an Airflow connection: hooks, operators, triggers, commands.

It is the :class:`FakeDruid` of the adapter's tests, and its tasks end by themselves. It runs no SQL: a test sets the
rows that a SELECT returns.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from tests.client.druid.fake import FakeDruid
from tests.client.druid.fake_tasks import Reply, Task

CONN_ID = "apache_druid_default"
#: Requests that read the status of tasks; each of them brings the active tasks closer to their end.
_STATUS_READS = re.compile(r"(GET|POST) /druid/indexer/v1/(task/[^/]+/status|taskStatus|tasks)")
#: OBSERVED(Druid 27): the report of a rollup of three rows into two, shortened.
REPORT = {
    "status": {"status": "SUCCESS", "startTime": "2024-06-01T12:00:00.000Z", "durationMs": 900},
    "stages": [
        {"stageNumber": 0, "definition": {"input": [{"type": "table"}]}, "phase": "FINISHED"},
        {"stageNumber": 1, "definition": {"input": [{"type": "stage"}]}, "phase": "FINISHED"},
    ],
    "counters": {
        "0": {"0": {"input0": {"rows": [3], "bytes": [2164], "files": [2], "totalFiles": [2]}}},
        "1": {"0": {"segmentGenerationProgress": {"rowsProcessed": 2, "rowsPersisted": 2, "rowsPushed": 2}}},
    },
}


@dataclass
class DruidService(FakeDruid):
    """
    A cluster whose tasks succeed by themselves.

    :param url: Its address.
    :param reads: Reads of its status until a task ends; None if it never ends.
    :param rows: The answer to a SELECT, by the name of the table in FROM. The rows of a day, which have its start in
        ``bucket``, disappear with its segment.
    :param login: User and password that every request needs; None for no security.
    :param has_engine: Whether the multi-stage query engine is loaded.
    :param number: Version in ``/status``.
    :param has_rows_in_state: Whether the state of a query that has succeeded contains its rows.
    """

    url: str = ""
    reads: int | None = 1
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    login: tuple[str, str] | None = None
    has_engine: bool = True
    number: str = "27.0.0"
    has_rows_in_state: bool = True
    _left: dict[str, int] = field(default_factory=dict)

    def table(self, name: str, *, columns: dict[str, str], days: tuple[str, ...] = ("2024-06-01",)) -> None:
        """
        Add a table with one segment a day.

        :param name: Its name.
        :param columns: SQL type by column, without ``__time``.
        :param days: Days that have a segment.
        """
        spans = [(f"{day}T00:00:00.000Z", f"{day[:-2]}{int(day[-2:]) + 1:02}T00:00:00.000Z") for day in days]
        self.tables[name] = {
            "columns": [
                {"COLUMN_NAME": column, "DATA_TYPE": kind}
                for column, kind in {"__time": "TIMESTAMP", **columns}.items()
            ],
            "segments": [{"is_available": 1, "segments": len(days), "bytes": 1000}],
            "newest": [{"start": spans[-1][0], "end": spans[-1][1]}],
            "metadata": [{"id": "merged", "rollup": False, "columns": {}}],
            "used": [
                {"identifier": f"{name}_{start}", "interval": f"{start}/{end}", "version": "v1"} for start, end in spans
            ],
        }
        self.loaded.add(name)

    def answer(self, method: str, path: str, params: dict[str, str], body: Any) -> Reply:
        if self.reads is not None and _STATUS_READS.fullmatch(f"{method} {path}"):
            for key in [key for key, task in self.tasks.items() if task.status == "RUNNING"]:
                self._left[key] = self._left.get(key, self.reads) - 1
                if self._left[key] < 0:
                    self._succeed(self.tasks[key])
        return super().answer(method, path, params, body)

    def accepts(self, header: str | None) -> bool:
        """Return whether the credentials of a request are right."""
        if self.login is None:
            return True
        return header == "Basic " + base64.b64encode(":".join(self.login).encode()).decode()

    def _succeed(self, task: Task) -> None:
        is_query = task.type == "query_controller"
        task.end("SUCCESS", report=REPORT if is_query else None)
        if is_query and task.table not in self.tables:
            self.table(task.table, columns={})

    def _routes(self) -> list[tuple[str, Callable[..., Reply]]]:
        return [
            ("GET /status", lambda params, body: (200, {"version": self.number, "modules": []})),
            (
                "GET /druid/v2/sql/task/enabled",
                lambda params, body: (200, {"enabled": True}) if self.has_engine else (404, ""),
            ),
            *super()._routes(),
        ]

    def _query(self, params: dict[str, str], body: Any) -> Reply:
        if body.get("parameters"):
            return super()._query(params, body)
        return 200, self._select(body["query"])

    def _start(self, params: dict[str, str], body: Any) -> Reply:
        query, rows = f"query-select-{len(self.queries)}", self._select(body["query"])
        names = list(rows[0]) if rows else []
        result: dict[str, Any] = {"numTotalRows": len(rows), "pages": [{"id": 0, "numRows": len(rows)}]}
        if self.has_rows_in_state:
            result["sampleRecords"] = [[row[name] for name in names] for row in rows]
        state = {
            "queryId": query,
            "state": "SUCCESS",
            "schema": [{"name": name, "type": "VARCHAR", "nativeType": "STRING"} for name in names],
            "result": result,
        }
        self.queries[query] = {"state": state, "rows": (200, rows)}
        return 200, {"queryId": query, "state": "ACCEPTED"}

    def _mark(self, table: str, verb: str, params: dict[str, str], body: Any) -> Reply:
        reply = super()._mark(table, verb, params, body)
        used = [str(segment["interval"]) for segment in self.tables.get(table, {}).get("used", [])]
        if verb != "markUsed" and table in self.rows:
            kept = [row for row in self.rows[table] if any(text.startswith(str(row["bucket"])) for text in used)]
            self.rows[table] = kept
            if not used:
                self.tables.pop(table, None)  # OBSERVED(Druid 27): a table is its segments
        return reply

    def _select(self, sql: str) -> list[dict[str, Any]]:
        name = re.search(r'FROM "([^"]+)"', sql)
        return self.rows.get(name[1], []) if name else [{"EXPR$0": 1}]


@pytest.fixture
def druid_service(monkeypatch: pytest.MonkeyPatch) -> Iterator[DruidService]:
    """Serve a fake Druid for one test; the default connection of the type points to it."""
    druid, lock = DruidService(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # otherwise the body of each answer waits for an acknowledgement of its head

        def _answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            status, value = 401, {"servlet": "s", "message": "Unauthorized", "url": url.path, "status": "401"}
            if druid.accepts(self.headers.get("Authorization")):
                try:
                    with lock:
                        status, value = druid.answer(
                            self.command, url.path, dict(parse_qsl(url.query)), json.loads(raw) if raw else None
                        )
                except requests.exceptions.RequestException:
                    self.close_connection = True  # the answer is lost
                    return
            payload = value.encode() if isinstance(value, str) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if isinstance(value, str) else "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815

        def log_message(self, *args: Any) -> None:
            """Log nothing."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    druid.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", json.dumps({"conn_type": "apache_druid", "host": druid.url}))
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield druid
    httpd.shutdown()
    httpd.server_close()
    thread.join()
