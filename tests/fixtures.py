# SPDX-License-Identifier: Apache-2.0
"""A loopback server with answers that tests set, and connections that point to it."""

from __future__ import annotations

import json
import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from airflow.providers_manager import ProvidersManager

PROJECT = "00000000-0000-4000-8000-000000000001"
KEY = "pok_0123456789abcdef"


@dataclass(frozen=True)
class Request:
    """One request as the server received it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class ScriptedServer:
    """
    Answers by method and path (below the project, without the query); everything else is a 404 of its own.

    :param answers: ``(method, path)`` to ``(status, JSON value or bytes)``.
    """

    url: str
    answers: dict[tuple[str, str], tuple[int, Any]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def answer(self, method: str, path: str, status: int = 200, body: Any = None) -> None:
        """Set the answer to a request from now on."""
        self.answers[method, path] = (status, body)

    def allow_everything(self) -> None:
        """Answer the three requests of a connection test as a project does that allows all of them."""
        self.answer("GET", "/jobs", 200, {"values": [], "moreResultsAvailable": False})
        self.answer("GET", "/tables", 200, {"values": []})
        self.answer("POST", "/query/sql", 200, [{"EXPR$0": 1}])


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Run a scripted server for one test."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # otherwise the body of each answer waits for an acknowledgement of its head

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0].removeprefix(f"/v1/projects/{PROJECT}")
            script.requests.append(Request(self.command, self.path, dict(self.headers.items()), body))
            missing = (404, {"code": "NotScripted", "message": f"{self.command} {path} is not scripted"})
            status, value = script.answers.get((self.command, path), missing)
            payload = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815

        def log_message(self, *args: Any) -> None:
            """Log nothing."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    script = ScriptedServer(f"http://127.0.0.1:{httpd.server_address[1]}")
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield script
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """Create Airflow's tables."""
    from airflow.utils.db import initdb

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        initdb()


@pytest.fixture
def providers_manager() -> Iterator[ProvidersManager]:
    """
    Return what Airflow knows of all providers.

    Hooks are imported while a test looks at them, other providers' included, and old Airflow's own dependencies warn.
    """
    from airflow.providers_manager import ProvidersManager

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield ProvidersManager()


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Callable[[], list[str]]]:
    """Return a function that captures the logs of classes, and returns one that returns the lines, ``LEVEL text``."""

    def listen(*owners: type, without: tuple[str, ...] = ()) -> Callable[[], list[str]]:
        logger = logging.getLogger("test.logged")
        for owner in owners:
            monkeypatch.setattr(owner, "log", property(lambda self: logger))
        caplog.set_level(logging.DEBUG, logger.name)
        remarks = ("cannot be called outside", *without)  # the first is Airflow's own
        return lambda: [
            f"{record.levelname} {record.getMessage()}"
            for record in caplog.records
            if record.name == logger.name
            and record.levelno > logging.DEBUG
            and not any(remark in record.getMessage() for remark in remarks)
        ]

    return listen


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a function that defines a connection (fields and ``extra`` as given) and returns its id."""

    def define(connection_id: str = "polaris_default", extra: Any = None, **fields: Any) -> str:
        connection = {
            "conn_type": "polaris",
            "host": "https://acme.us-east-1.aws.api.imply.io",
            "password": KEY,
            "extra": {"project_id": PROJECT} if extra is None else extra,
            **fields,
        }
        connection = {name: value for name, value in connection.items() if value is not None}
        monkeypatch.setenv(f"AIRFLOW_CONN_{connection_id.upper()}", json.dumps(connection))
        return connection_id

    return define
