# SPDX-License-Identifier: Apache-2.0
"""An emulator in this process, without a socket, with a clock that only tests advance."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi.testclient import TestClient

from airflow_provider_polaris.emulator.app import create_app
from airflow_provider_polaris.emulator.settings import EmulatorSettings
from airflow_provider_polaris.emulator.status_machine import Progression

KOALAS = [
    {"timestamp": "2024-06-01T00:10:00Z", "city": "Berlin", "session": "S1", "session_length": 10},
    {"timestamp": "2024-06-01T00:50:00Z", "city": "berlin", "session": "S2", "session_length": 30},
    {"timestamp": "2024-06-01T01:20:00Z", "city": "Oslo", "session": "S3", "session_length": 5},
    {"timestamp": "2024-06-02T02:00:00Z", "city": "Oslo", "session": "S4", "session_length": 7},
]
KOALA_SCHEMA = [
    {"name": "timestamp", "dataType": "string"},
    {"name": "city", "dataType": "string"},
    {"name": "session", "dataType": "string"},
    {"name": "session_length", "dataType": "long"},
]
KOALA_MAPPINGS = [
    {"columnName": "__time", "expression": 'TIME_PARSE("timestamp")'},
    {"columnName": "city", "expression": '"city"'},
    {"columnName": "session", "expression": '"session"'},
    {"columnName": "session_length", "expression": '"session_length"'},
]


class Clock:
    """Nanoseconds since the epoch; constant until a test advances it."""

    def __init__(self) -> None:
        self.now = 1_719_792_000_123_456_789  # 2024-07-01T00:00:00.123456789Z

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += int(seconds * 1_000_000_000)


class Api:
    """
    The API of one emulator, as a client with the right key sees it.

    :param portal: Where requests are handled; without one, the client starts a thread and a loop for each.
    """

    def __init__(self, settings: EmulatorSettings, clock: Clock, portal: BlockingPortal | None = None) -> None:
        self.settings = settings
        self.clock = clock
        self.app = create_app(settings, clock=clock)
        self.client = TestClient(self.app, "http://127.0.0.1:8099", raise_server_exceptions=False)
        self.client.portal = portal
        self.prefix = f"/v1/projects/{settings.project_id}"
        self.headers = {"Authorization": f"Basic {settings.api_key}"}

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        """Return the status and the JSON body of a reply."""
        headers = {**self.headers, **options.pop("headers", {})}
        if body is not None:
            options["json"] = body
        response = self.client.request(method, self.prefix + path, headers=headers, **options)
        return response.status_code, response.json() if response.content else None

    def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """Return the JSON body of a reply that must be a success."""
        status, answer = self.call(method, path, body, **options)
        assert status < 300, (status, answer)
        return answer

    def control(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return the status and the JSON body of a reply of the control plane."""
        response = self.client.request(method, f"/__emulator__{path}", json=body)
        return response.status_code, response.json()

    def fault(self, **rule: Any) -> None:
        """Set a fault."""
        status, answer = self.control("POST", "/faults", rule)
        assert status == 201, answer

    def listed(self) -> list[str]:
        """Return the ids of the rollups in the list."""
        return [job["id"] for job in self.ok("GET", "/jobs?targetTableName=Koalas Rollup")["values"]]

    def made(self) -> int:
        """Return the number of jobs without the one that created the source, without a request of the API."""
        return sum(self.control("GET", "/counters")[1]["jobsByBody"].values()) - 1

    def assume(self, **readings: str) -> None:
        """Change assumptions."""
        status, answer = self.control("PATCH", "/assumptions", readings)
        assert status == 200, answer

    def submit(self, body: dict[str, Any]) -> str:
        """Create a job and return its id."""
        return str(self.ok("POST", "/jobs", body)["id"])

    def finish(self, job_id: str) -> dict[str, Any]:
        """Poll a job until it has ended, and return it."""
        for _ in range(20):
            job: dict[str, Any] = self.ok("GET", f"/jobs/{job_id}")
            if job["executionStatus"] in ("completed", "failed", "canceled"):
                return job
            self.clock.advance(1)
        raise AssertionError(f"job {job_id} did not end: {job}")

    def run(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create a job and return it when it has ended."""
        return self.finish(self.submit(body))

    def upload(self, name: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Upload rows as JSON lines, compressed if the name ends like that."""
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
        if name.endswith(".gz"):
            content = gzip.compress(content)
        answer: dict[str, Any] = self.ok("POST", "/files", files={"file": (name, content)})
        return answer

    def koalas(self, table: str = "Koalas Source") -> dict[str, Any]:
        """Create a table of four rows as a user does: upload a file, ingest it."""
        name = f"{table}.json"
        self.upload(name, KOALAS)
        return self.run(self.upload_job(table, name))

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query."""
        rows: list[dict[str, Any]] = self.ok("POST", "/query/sql", {"query": sql})
        return rows

    def count(self, table: str = "Koalas Source") -> int:
        """Return the rows that a synchronous query reads."""
        return int(self.query(f'SELECT COUNT(*) AS "n" FROM "{table}"')[0]["n"])

    def count_async(self, table: str = "Koalas Source") -> int:
        """Return the rows that an asynchronous query reads."""
        body = {"query": f'SELECT COUNT(*) AS "n" FROM "{table}"'}
        query_id = self.ok("POST", "/query/sql/statements", body)["queryId"]
        assert self.ok("GET", f"/query/sql/statements/{query_id}")["state"] == "SUCCESS"
        return int(self.ok("GET", f"/query/sql/statements/{query_id}/results")[0]["n"])

    def segments(self, state: str, table: str = "Koalas Source") -> list[tuple[str, str, int]]:
        """Return day, version and rows of a table's segments in one state."""
        status, answer = self.control("GET", f"/tables/{table}/segments")
        assert status == 200, answer
        return [(one["interval"][:10], one["version"], one["numRows"]) for one in answer[state]]

    def unused(self, table: str = "Koalas Source", **parameters: Any) -> list[dict[str, Any]]:
        """Return a table's unused segments as the API lists them."""
        rows: list[dict[str, Any]] = self.ok("GET", f"/tables/{table}/unusedSegments", params=parameters)["values"]
        return rows

    def policy(self, table: str = "Koalas Source", **policies: Any) -> dict[str, Any]:
        """Give a table a storage policy, as a client does."""
        payload = self.ok("GET", f"/tables/{table}")
        answer: dict[str, Any] = self.ok("PUT", f"/tables/{table}", {**payload, "storagePolicy": policies})
        return answer

    def state(self) -> Any:
        """Return everything that a rejected request must not change."""
        return (
            self.ok("GET", "/tables")["values"],
            self.ok("GET", "/files")["files"],
            [job["id"] for job in self.ok("GET", "/jobs")["values"]],
        )

    @staticmethod
    def upload_job(table: str, *names: str) -> dict[str, Any]:
        """Return a job that ingests files of koalas."""
        return {
            "type": "batch",
            "source": {"type": "uploaded", "fileList": list(names), "inputSchema": KOALA_SCHEMA},
            "target": {"type": "table", "tableName": table},
            "createTableIfNotExists": True,
            "mappings": KOALA_MAPPINGS,
        }

    @staticmethod
    def about(kind: str, table: str = "Koalas Source", *intervals: str, **fields: Any) -> dict[str, Any]:
        """Return a job that deletes, restores or drops, or that streams."""
        target: dict[str, Any] = {"type": "table", "tableName": table}
        if intervals:
            target["intervals"] = list(intervals)
        return {"type": kind, "target": target, **fields}

    @staticmethod
    def rollup(**changes: Any) -> dict[str, Any]:
        """Return the rollup of the vendor's page, with changes; None removes a field."""
        body: dict[str, Any] = {
            "type": "batch",
            "source": {"type": "table", "tableName": "Koalas Source"},
            "target": {"type": "table", "tableName": "Koalas Rollup"},
            "createTableIfNotExists": True,
            "mappings": [
                {"columnName": "city", "expression": 'UPPER("city")'},
                {"columnName": "max_session_length", "expression": 'MAX("session_length")', "isAggregation": True},
            ],
            **changes,
        }
        return {key: value for key, value in body.items() if value is not None}


MakeApi = Callable[..., Api]


@pytest.fixture
def clock() -> Clock:
    """A clock that only tests advance."""
    return Clock()


@pytest.fixture(scope="session")
def portal() -> Iterator[BlockingPortal]:
    """A thread with an event loop, for the requests of all tests."""
    with start_blocking_portal() as one:
        yield one


@pytest.fixture
def make_api(clock: Clock, portal: BlockingPortal) -> Iterator[MakeApi]:
    """Create emulators; all are closed at the end."""
    made: list[Api] = []

    def make(progression: str = "immediate", **settings: Any) -> Api:
        api = Api(EmulatorSettings(progression=Progression.parse(progression), **settings), clock, portal)
        made.append(api)
        return api

    yield make
    for api in made:
        api.client.close()
        api.app.state.emulator.close()


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    """An emulator with the default settings."""
    return make_api()


@pytest.fixture(scope="module")
def shared_koalas(portal: BlockingPortal) -> Iterator[Api]:
    """The same for all tests of a module that don't change it."""
    api = Api(EmulatorSettings(), Clock(), portal)
    assert api.koalas()["executionStatus"] == "completed"
    yield api
    api.client.close()
    api.app.state.emulator.close()


@pytest.fixture
def koalas(api: Api) -> Api:
    """An emulator with the table 'Koalas Source' of four rows."""
    job = api.koalas()
    assert job["executionStatus"] == "completed", job
    return api


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[bytes]]]:
    """A proxy in the environment that rejects everything; yields its address and its requests."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                client, _ = listener.accept()
                with client:
                    if not (request := client.recv(4096)):
                        return
                    asked.append(request)

        thread = threading.Thread(target=serve)
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, address)
        try:
            yield address, asked
        finally:
            monkeypatch.undo()  # including sockets, where a test has removed them
            socket.create_connection(listener.getsockname()).close()
            thread.join(30)
