# SPDX-License-Identifier: Apache-2.0
"""
A loopback server that answers as Polaris, dbt Cloud and Databricks do, fast, and notes every request and connection.

It is a process of its own, so that its work isn't counted with that of the triggers. ``/__bench__/`` steers it and is
not noted. Times are ``time.monotonic()``, which all processes of one machine share.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

from bench_answers import Jobs

#: Finished jobs that are older than all that anybody waits for.
HISTORY = 2_000

_POLARIS = re.compile(r"/v1/projects/[^/]+/jobs(?:/[0-9a-f-]{24}(?P<number>[0-9a-f]{12})(?:/(?P<part>[a-z]+))?)?$")
_DBT = re.compile(r"/api/v2/accounts/\d+/runs/(?P<number>\d+)/?$")
_DATABRICKS = re.compile(r"/api/2\.\d/jobs/runs/get$")


class Ledger:
    """
    What happened.

    :param requests: When, and of which kind.
    :param connections: When opened and when closed, if it was; empty for one that steers.
    :param refused: Requests that nobody should send.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[float, str]] = []
        self.connections: list[list[float | None]] = []
        self.refused: list[str] = []

    def to_json(self) -> bytes:
        """Return it for ``report``."""
        connections = [each for each in self.connections if each]
        return json.dumps({"requests": self.requests, "connections": connections, "refused": self.refused}).encode()


class Service(asyncio.Protocol):
    """One connection. A request at a time, as all three clients do; kept alive unless the client asks to close."""

    def __init__(self, jobs: Jobs, ledger: Ledger) -> None:
        self._jobs = jobs
        self._ledger = ledger
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._record: list[float | None] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note a new connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._record = [time.monotonic(), None]
        self._ledger.connections.append(self._record)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # the name is asyncio's
        """Note its end."""
        if self._record:
            self._record[1] = time.monotonic()

    def data_received(self, data: bytes) -> None:
        """Answer every request that has come whole."""
        self._buffer += data
        while (head_end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:head_end]
            length = re.search(rb"(?i)\ncontent-length: *(\d+)", head)
            end = head_end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < end:
                return
            body, self._buffer = self._buffer[head_end + 4 : end], self._buffer[end:]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        now = time.monotonic()
        url = urlsplit(target)
        query = parse_qs(url.query)
        if url.path.startswith("/__bench__/"):
            self._record.clear()
            answer: bytes | None = self._control(url.path, {name: float(value[0]) for name, value in query.items()})
        else:
            kind, answer = self._look_up(method, url.path, query, body, now)
            self._ledger.requests.append((now, kind))
            if answer is None:
                self._ledger.refused.append(f"{method} {target}")
        status, answer = (
            (b"200 OK", answer) if answer is not None else (b"404 Not Found", b'{"message":"no such thing"}')
        )
        assert self._transport is not None
        self._transport.write(
            b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(answer))
            + answer
        )
        if b"connection: close" in head.lower():
            self._transport.close()

    def _look_up(
        self, method: str, path: str, query: Mapping[str, Sequence[str]], body: bytes, now: float
    ) -> tuple[str, bytes | None]:
        """Return the kind of the request, for the ledger, and the answer; None for what nobody should ask for."""
        jobs = self._jobs
        if method == "GET" and (found := _DBT.match(path)):
            return "dbt", jobs.dbt_run(int(found["number"]) - 1, now)
        if method == "GET" and _DATABRICKS.match(path):
            return "databricks", jobs.databricks_run(int(json.loads(body)["run_id"]) - 1, now)
        if method == "GET" and (found := _POLARIS.match(path)):
            if found["number"] is None:
                return "list", jobs.polaris_list(query, now)
            number = int(found["number"], 16)
            if found["part"] is None:
                return "describe", jobs.polaris_job(number, now)
            if found["part"] == "status":
                return "status", jobs.polaris_status(number, now)
            if found["part"] == "progress":
                return "progress", b'{"overallProgress":%.1f}' % (jobs.status(number, now) == "completed")
        return "other", None

    def _control(self, path: str, values: Mapping[str, float]) -> bytes | None:
        first, count = int(values.get("first", 0)), int(values.get("count", 0))
        if path == "/__bench__/add":
            return json.dumps(self._jobs.add(count)).encode()
        if path == "/__bench__/end":
            self._jobs.end(first, count, begin=time.monotonic(), seconds=values["seconds"])
            return json.dumps(self._jobs.ends(first, count)).encode()
        if path == "/__bench__/end_some":
            numbers = range(first, first + count, int(values["step"]))
            return json.dumps(self._jobs.end_some(numbers, time.monotonic(), values["seconds"])).encode()
        if path == "/__bench__/ledger":
            return self._ledger.to_json()
        return None


async def serve() -> None:
    """Serve on a free port, print it, and go on until standard input ends."""
    jobs, ledger = Jobs(HISTORY), Ledger()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Service(jobs, ledger), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a thousand waiters may hold a thousand connections
    asyncio.run(serve())
