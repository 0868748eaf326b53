# SPDX-License-Identifier: Apache-2.0
"""
A Druid in memory that answers as a real one was seen to answer. It runs no SQL: tests say when a task ends, and how, or
give it a clock, by which each task succeeds after a while.

OBSERVED(Druid 27.0.0 with MSQ, behind its router), except where ``version`` is 33.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

import requests

from airflow_provider_polaris.jobs.time.interval import Interval
from tests.client.druid.fake_tasks import START, Reply, Task, absent, druid_error

#: What a proxy answers in place of Druid.
PROXY: dict[str, Reply] = {
    "503": (503, "Service Unavailable"),
    "502": (502, "<html><body>Bad Gateway</body></html>"),
    "html": (200, "<html><body>Please log in</body></html>"),
    "404": (404, "<html><body>Not Found</body></html>"),
    "429": (429, "<html><body>Too Many Requests</body></html>"),
}


@dataclass
class FakeDruid:
    """
    The cluster.

    :param version: 27 or 33, for the answers that differ.
    :param tables: Tables that the coordinator has, with the answers about them.
    :param loaded: Tables that the broker knows.
    :param unlisted: Tables that are too new for the coordinator's list.
    :param unread: Tables that are too new for the coordinator to mark their segments.
    :param faults: For each of the next submissions: what happens to it. ``unplannable``, or one of ``lost`` and the
        proxy's answers, with ``before`` or ``after`` the submission takes effect, or ``planning``: it arrives later.
    :param now: Time of the cluster, by which tasks are created and end; None if tests end them.
    :param task_seconds: How long each task takes.
    """

    version: int = 27
    now: Callable[[], datetime] | None = None
    task_seconds: float = 300.0
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    loaded: set[str] = field(default_factory=set)
    unlisted: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)
    tasks: dict[str, Task] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    planning: list[dict[str, Any]] = field(default_factory=list)
    supervisors: list[dict[str, Any]] = field(default_factory=list)
    capacity: int = 6
    used: int = 0
    rules: list[dict[str, Any]] = field(default_factory=list)
    marked: list[tuple[str, str, Any]] = field(default_factory=list)
    unused: list[dict[str, Any]] = field(default_factory=list)
    queries: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    seen: list[tuple[str, str, Any]] = field(default_factory=list)
    refuses_connections_to: str = ""
    native_faults: list[str] = field(default_factory=list)
    #: Called once before the next request to a path.
    before: dict[tuple[str, str], Callable[[], None]] = field(default_factory=dict)

    def answer(self, method: str, path: str, params: dict[str, str], body: Any) -> Reply:
        """Answer one request, or raise the exception of a lost connection."""
        self.seen.append((method, path, body))
        self.before.pop((method, path), lambda: None)()
        self.end_due_tasks()
        scripted = self.answers.get((method, path))
        if scripted:
            reply = scripted.pop(0)
            if isinstance(reply, Exception):
                raise reply
            return reply
        for pattern, handler in self._routes():
            match = re.fullmatch(pattern, f"{method} {path}")
            if match:
                return handler(*map(unquote, match.groups()), params, body)
        return 404, ""

    def paths(self, method: str = "POST") -> list[str]:
        return [path for each, path, _ in self.seen if each == method]

    def arrive(self) -> None:
        """Let the submissions arrive at the overlord that a broker was still planning."""
        while self.planning:
            self._create(self.planning.pop(0))

    def end_due_tasks(self) -> None:
        """Let the tasks succeed whose time is over."""
        if self.now is None:
            return
        for task in self.tasks.values():
            if task.status == "RUNNING":
                seconds = 0.0 if task.type == "noop" else self.task_seconds
                if self.now() >= task.created + timedelta(seconds=seconds):
                    task.end("SUCCESS")

    def _routes(self) -> list[tuple[str, Callable[..., Reply]]]:
        task, table = "/druid/indexer/v1/task/([^/]+)", "/druid/coordinator/v1/datasources/([^/]+)"
        return [
            ("POST /druid/v2/sql/task", self._submit),
            ("POST /druid/v2/sql", self._query),
            ("POST /druid/v2", lambda params, body: (200, self._metadata(body["dataSource"]))),
            ("POST /druid/v2/sql/statements", self._start),
            ("GET /druid/v2/sql/statements/([^/]+)", lambda query, params, body: self._statement(query)),
            ("GET /druid/v2/sql/statements/([^/]+)/results", lambda query, params, body: self.queries[query]["rows"]),
            ("DELETE /druid/v2/sql/statements/([^/]+)", lambda query, params, body: (200, "")),
            ("POST /druid/indexer/v1/task", self._native),
            ("POST /druid/indexer/v1/taskStatus", self._statuses),
            ("GET /druid/indexer/v1/tasks", self._list),
            (f"GET {task}", lambda key, params, body: self._of(key, lambda one: {"task": key, "payload": one.payload})),
            (
                f"GET {task}/status",
                lambda key, params, body: self._of(key, lambda one: {"task": key, "status": one.row()}),
            ),
            (f"GET {task}/reports", self._reports),
            (f"POST {task}/shutdown", self._shutdown),
            ("GET /druid/indexer/v1/totalWorkerCapacity", self._capacity),
            ("GET /druid/indexer/v1/workers", lambda params, body: (200, self._workers())),
            ("GET /druid/indexer/v1/supervisor", lambda params, body: (200, self.supervisors)),
            (
                "GET /druid/coordinator/v1/metadata/datasources",
                lambda params, body: (200, sorted(self.tables.keys() - self.unlisted)),
            ),
            ("GET /druid/coordinator/v1/metadata/datasources/([^/]+)/unusedSegments", self._unused),
            ("GET /druid/coordinator/v1/rules/([^/]+)", self._rules),
            (f"POST {table}/(markUnused|markUsed)", self._mark),
            ("POST /druid/indexer/v1/datasources/([^/]+)/(markUnused|markUsed)", self._mark_by_overlord),
            (f"DELETE {table}", lambda key, params, body: self._mark(key, "DELETE", params, body)),
            ("POST /druid/coordinator/v1/metadata/datasources/([^/]+)/segments", self._used),
        ]

    def _submit(self, params: dict[str, str], body: Any) -> Reply:
        fault = self.faults.pop(0) if self.faults else ""
        what, _, when = fault.rpartition(" ")
        if when == "planning":
            self.planning.append(body)
            if not what:
                raise requests.exceptions.ReadTimeout("timed out")
        if when in ("planning", "before"):
            return _lose(what)
        if fault == "unplannable":
            return self._refuse(body, 400, druid_error("invalidInput", "Column 'x' not found in any table"))
        missing = re.search(r'FROM "(\w+)"', body["query"])
        if missing and missing[1] not in self.loaded:
            name = missing[1]
            return self._refuse(
                body, 400, druid_error("invalidInput", f"Object '{name}' not found (line [1], column [9])")
            )
        reply = self._create(body)
        return _lose(what) if when == "after" else reply

    def _create(self, body: Any) -> Reply:
        query = body["context"]["sqlQueryId"]
        key = f"query-{query}"
        if key in self.tasks:
            if self.version == 33:
                return self._refuse(body, 400, druid_error("entryAlreadyExists", f"Task[{key}] already exists"))
            text = (
                "org.apache.druid.rpc.HttpResponseException: Server error [400 Bad Request]; body: "
                f'{{"error":"Task [{key}] already exists."}}'
            )
            return self._refuse(body, 500, druid_error("general", text, "UNCATEGORIZED"))
        table = re.search(r'INTO "?(\w+)"?', body["query"])
        payload = {
            "type": "query_controller",
            "id": key,
            "spec": {"destination": {"type": "dataSource", "dataSource": table[1] if table else None}},
            "sqlQuery": body["query"],
            "sqlQueryContext": {**body["context"], "queryId": query, "sqlInsertSegmentGranularity": '"DAY"'},
        }
        self._add(Task(key, "query_controller", table[1] if table else "__query_select", START, payload))
        return 202, {"taskId": key, "state": "RUNNING"}

    def _add(self, task: Task) -> None:
        task.created = START + timedelta(seconds=len(self.tasks)) if self.now is None else self.now()
        self.tasks[task.id] = task

    def _refuse(self, body: Any, status: int, error: dict[str, Any]) -> Reply:
        return status, {"taskId": body["context"]["sqlQueryId"], "state": "FAILED", "error": error}

    def _native(self, params: dict[str, str], body: Any) -> Reply:
        if body["id"] in self.tasks:
            return 400, {"error": f"Task [{body['id']}] already exists."}
        table = body.get("dataSource", "none")
        self._add(Task(body["id"], body["type"], table, START, {**body, "dataSource": table}))
        if self.native_faults and self.native_faults.pop(0) == "lost after":
            raise requests.exceptions.ConnectionError("Connection reset by peer")
        return 200, {"task": body["id"]}

    def _of(self, key: str, describe: Callable[[Task], Any]) -> Reply:
        return (200, describe(self.tasks[key])) if key in self.tasks else absent(key)

    def _statuses(self, params: dict[str, str], body: Any) -> Reply:
        if not body:
            return 400, "No TaskIds provided."
        rows = (self.tasks[key].row() for key in body if key in self.tasks)
        return 200, {row["id"]: {key: row[key] for key in ("id", "status", "duration", "errorMsg")} for row in rows}

    def _list(self, params: dict[str, str], body: Any) -> Reply:
        most = int(params["max"])
        assert most > 0, "max=0 is a 500 in Druid 27"
        rows = [one.row() for one in reversed(self.tasks.values()) if params.get("datasource") in (None, one.table)]
        ended = [row for row in rows if row["status"] != "RUNNING"]
        if "createdTimeInterval" not in params:
            ended = []  # the tests' tasks are older than 24 hours
        return 200, [*ended[:most], *(row for row in rows if row["status"] == "RUNNING")]

    def _reports(self, key: str, params: dict[str, str], body: Any) -> Reply:
        if key not in self.tasks:
            return absent(key)
        report = self.tasks[key].report
        if report is None:
            return (
                404,
                "No task reports were found for this task. The task may not exist, or it may not have completed yet.",
            )
        return 200, {"multiStageQuery": {"type": "multiStageQuery", "taskId": key, "payload": report}}

    def _shutdown(self, key: str, params: dict[str, str], body: Any) -> Reply:
        if key not in self.tasks:
            return absent(key)
        if self.tasks[key].status == "RUNNING":
            self.tasks[key].end("FAILED", "Shutdown request from user")
        return 200, {"task": key}

    def _workers(self) -> list[dict[str, Any]]:
        return [{"worker": {"capacity": self.capacity}, "currCapacityUsed": self.used}]

    def _capacity(self, params: dict[str, str], body: Any) -> Reply:
        total = {"currentClusterCapacity": self.capacity, "maximumCapacityWithAutoScale": -1}
        return 200, {**total, **({"usedClusterCapacity": self.used} if self.version == 33 else {})}

    def _query(self, params: dict[str, str], body: Any) -> Reply:
        sql = body["query"]
        if body.get("parameters"):
            names = dict.fromkeys(parameter["value"] for parameter in body["parameters"])
            if "UNION ALL" not in sql:
                return 200, self._about(*names, "columns")
            return 200, [row for name in names for row in self._stored(name)]
        name = re.search(r"FROM (\w+)", sql)
        if name and name[1] not in self.loaded:
            return 400, druid_error("invalidInput", f"Object '{name[1]}' not found (line [1], column [15])")
        return 200, [{"n": 3}]

    def _stored(self, table: str) -> list[dict[str, Any]]:
        """Return what one statement over the system tables says about a table."""
        keys = ("part", "name", "first", "second", "third", "number", "segments", "bytes")
        columns = enumerate(self._about(table, "columns"), 1)
        rows = [(3, table, each["COLUMN_NAME"], each["DATA_TYPE"], "", number, 0, 0) for number, each in columns]
        if table not in self.unlisted:
            for each in self._about(table, "segments"):
                rows.append((1, table, "", "", "", each["is_available"], each["segments"], each["bytes"]))
            for each in self._about(table, "newest"):
                rows.append((2, table, each["start"], each["end"], each.get("metrics", "[]"), 0, 0, 0))
        return [dict(zip(keys, row, strict=True)) for row in rows]

    def _metadata(self, source: Any) -> list[Any]:
        """Return merged metadata of one table, or that of each segment of several tables, of which each has one."""
        if isinstance(source, str):
            return self._about(source, "metadata")
        found = [(table, entry) for table in source["dataSources"] for entry in self._about(table, "metadata")]
        return [{**entry, "id": f"{table}_{START.isoformat()}_x"} for table, entry in found]

    def _about(self, table: str, key: str) -> list[Any]:
        if key in ("columns", "metadata") and table not in self.loaded:
            return []
        return list(self.tables.get(table, {}).get(key, []))

    def _start(self, params: dict[str, str], body: Any) -> Reply:
        if body.get("context", {}).get("executionMode") != "ASYNC":
            return 400, druid_error("invalidInput", "Execution mode is not provided to the sql statement api.")
        return 200, {"queryId": "query-7fbbd1f5", "state": "ACCEPTED"}

    def _statement(self, query: str) -> Reply:
        if query in self.queries:
            return 200, self.queries[query]["state"]
        return 404, druid_error("notFound", f"Query [{query}] was not found.", "NOT_FOUND")

    def _unused(self, table: str, params: dict[str, str], body: Any) -> Reply:
        return (200, self.unused) if self.version == 33 else (404, "")

    def _used(self, table: str, params: dict[str, str], body: Any) -> Reply:
        spans = [Interval.parse(text) for text in body]
        segments = self.tables.get(table, {}).get("used", [])
        return 200, [each for each in segments if any(Interval.parse(each["interval"]).overlaps(one) for one in spans)]

    def _rules(self, table: str, params: dict[str, str], body: Any) -> Reply:
        return 200, [*self.rules, {"type": "loadForever"}] if params.get("full") else self.rules

    def _mark_by_overlord(self, table: str, verb: str, params: dict[str, str], body: Any) -> Reply:
        return self._mark(table, verb, params, body) if self.version == 33 else (404, "")

    def _mark(self, table: str, verb: str, params: dict[str, str], body: Any) -> Reply:
        if table not in self.tables or table in self.unread:
            return 204, ""
        self.marked.append((table, verb, body))
        used = self.tables[table].get("used", [])
        if verb != "markUsed":
            ids = (body or {}).get("segmentIds")
            self.tables[table]["used"] = [each for each in used if ids is not None and each["identifier"] not in ids]
        return 200, {"numChangedSegments": 1}


def _lose(what: str) -> Reply:
    if what == "lost":
        raise requests.exceptions.ConnectionError("Connection reset by peer")
    return PROXY[what]
