# SPDX-License-Identifier: Apache-2.0
"""The same with real threads, real sockets and the emulator, which the simulated world can't cover."""

from __future__ import annotations

import asyncio
import contextvars
import io
import json
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from airflow_provider_polaris.client import ClientSettings, PolarisClient
from airflow_provider_polaris.triggers.job_watcher.watcher import Watcher, watcher_of
from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger
from airflow_provider_polaris.triggers.polling.client_threads import ClientThreads

PROJECT = "00000000-0000-4000-8000-000000000001"
Join = Callable[[int], Coroutine[None, None, None]]


class Server:
    """Jobs that run until told to end, behind a real socket; counts connections and requests."""

    def __init__(self) -> None:
        self.running: list[str] = []
        self.ended: list[str] = []
        self.connections = 0
        self.requests: list[str] = []
        self.url = ""

    def answer(self, method: str, path: str, query: str) -> Any:
        self.requests.append(f"{method} {path}")
        if path != "/jobs":
            job_id = path.split("/")[2]
            if method == "POST":
                return {"executionStatus": "canceled"}
            return {"executionStatus": "completed" if job_id in self.ended else "running"}
        active = "executionStatus=running" in query
        offset = int(query.partition("paginationOffset=")[2].partition("&")[0])
        ids = self.running if active else self.ended
        status = "running" if active else "completed"
        rows = [
            {"id": job_id, "executionStatus": status, "createdTimestamp": "2026-11-20T06:00:00Z"}
            for job_id in ids[offset : offset + 1000]
        ]
        return {"values": rows, "moreResultsAvailable": len(ids) > offset + 1000}


@pytest.fixture
def server() -> Iterator[Server]:
    """Run a server."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            state.connections += 1
            super().setup()

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path, _, query = self.path.removeprefix(f"/v1/projects/{PROJECT}").partition("?")
            payload = json.dumps(state.answer(self.command, path, query)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *args: Any) -> None:
            """Log nothing."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    state.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield state
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def settings_for(url: str) -> ClientSettings:
    return ClientSettings(url, PROJECT, api_key="pok_0123456789abcdef")


async def consume(trigger: PolarisJobTrigger) -> dict[str, Any]:
    """Return the trigger's event."""
    events = [event.payload async for event in trigger.run()]
    assert len(events) == 1
    return events[0]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something, for two minutes at most."""
    for _ in range(24_000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never happened")


def no_polaris_threads() -> bool:
    names = {thread.name for thread in threading.enumerate()}
    return not [name for name in names if name.startswith("polaris-") and name != "polaris-emulator"]


@pytest.fixture
def join(monkeypatch: pytest.MonkeyPatch) -> Join:
    """
    Hold all polls, and return what lets them start: it waits until so many triggers have joined.

    Up to five jobs are polled one by one, and on a slow machine the triggers join a few at a time.
    """
    have_joined = asyncio.Event()
    watch = Watcher._watch

    async def watch_later(self: Watcher) -> None:
        await have_joined.wait()
        await watch(self)

    async def wait_until_joined(count: int) -> None:
        await until(lambda: len(watcher_of("polaris_default")._waiters) == count)
        have_joined.set()

    monkeypatch.setattr(Watcher, "_watch", watch_later)
    return wait_until_joined


def test_waiting_in_real_threads_takes_one_connection_and_leaves_nothing(
    server: Server, connect: Any, join: Join
) -> None:
    """The connection comes from Airflow, the answers over a socket; afterwards no thread is left."""
    connect(host=server.url)
    server.running = [f"job-{number}" for number in range(50)]

    async def scenario() -> list[Any]:
        tasks = [
            asyncio.create_task(consume(PolarisJobTrigger(job_id, poll_interval=0.1))) for job_id in server.running
        ]
        await join(50)
        await until(lambda: len(server.requests) >= 4)
        server.running, server.ended = [], server.running
        return await asyncio.gather(*tasks)

    events = asyncio.run(scenario())

    assert {event["state"] for event in events} == {"completed"}
    assert server.connections == 1
    assert set(server.requests) == {"GET /jobs"}
    asyncio.run(until(no_polaris_threads))


def test_client_threads_do_as_much_at_once_as_they_may_and_no_more(server: Server) -> None:
    """Eight concurrent cancels, each with its own client; the threads end when no work is left."""
    at_work: list[str] = []
    most: list[int] = []
    lock = threading.Lock()
    clients = set()

    def work(client: Any) -> None:
        with lock:
            at_work.append("")
            most.append(len(at_work))
            clients.add(id(client))
        time.sleep(0.005)
        with lock:
            at_work.pop()

    async def scenario() -> None:
        threads = ClientThreads("polaris-test", most=8, stay=False, retry_budget=1.0)
        settings = settings_for(server.url)
        await asyncio.gather(*(threads.call(settings, work) for _ in range(200)))
        await until(no_polaris_threads)

    asyncio.run(scenario())

    assert max(most) == 8
    assert len(clients) >= 8


def test_client_thread_that_stays_keeps_its_client_until_the_settings_change(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each poll uses the same connection; a changed key creates a new client. All are closed."""
    closed = []

    def make_client(settings: ClientSettings) -> PolarisClient:
        client = PolarisClient(settings)
        monkeypatch.setattr(client, "close", lambda: closed.append(client))
        return client

    async def scenario() -> None:
        threads = ClientThreads("polaris-test", most=1, stay=True, retry_budget=1.0, make_client=make_client)
        one, other = settings_for(server.url), settings_for(server.url)
        seen = [await threads.call(settings, lambda client: client) for settings in (one, one, other)]
        assert seen[0] is seen[1]
        assert seen[1] is not seen[2]
        assert seen[0].settings.retry_budget == 1.0
        assert closed == [seen[0]]
        threads.close()
        await until(no_polaris_threads)
        assert closed == [seen[0], seen[2]]

    asyncio.run(scenario())


def test_client_threads_hand_on_errors_and_know_nothing_of_the_caller(server: Server) -> None:
    """An exception reaches the caller; the context variables of a task don't reach the thread."""
    task_of = contextvars.ContextVar("task_of", default="nobody")

    def fail(client: Any) -> None:
        raise ValueError(task_of.get())

    async def scenario() -> None:
        threads = ClientThreads("polaris-test", most=1, stay=False, retry_budget=1.0)
        task_of.set("the first")
        with pytest.raises(ValueError, match="nobody"):
            await threads.call(settings_for(server.url), fail)
        await until(no_polaris_threads)

    asyncio.run(scenario())


def test_work_goes_on_when_its_caller_stops_waiting_and_even_when_the_loop_is_gone(server: Server) -> None:
    """A cancel that exceeds Airflow's time limit is still sent, and nothing breaks."""
    release = threading.Event()
    done = []

    def work(client: Any) -> None:
        assert release.wait(120)
        done.append(client)

    async def scenario() -> None:
        threads = ClientThreads("polaris-test", most=1, stay=False, retry_budget=1.0)
        task = asyncio.create_task(threads.call(settings_for(server.url), work))
        await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(scenario())
    release.set()
    asyncio.run(until(lambda: len(done) == 1 and no_polaris_threads()))


def test_process_that_ends_waits_for_no_thread() -> None:
    """A triggerer that stops must not wait for a request that hangs."""
    import subprocess
    import sys

    script = """
import asyncio, time
from airflow_provider_polaris.client import ClientSettings, PolarisClient
from airflow_provider_polaris.triggers.polling.client_threads import ClientThreads

async def main():
    threads = ClientThreads("polaris-test", most=1, stay=True, retry_budget=1.0)
    settings = ClientSettings("http://127.0.0.1:9", "p", api_key="pok_0123456789abcdef")
    task = asyncio.create_task(threads.call(settings, lambda client: time.sleep(3600)))
    await asyncio.sleep(0.05)
    task.cancel()

asyncio.run(main())
print("over")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=True)

    assert done.stdout.splitlines()[-1] == "over"


def test_triggers_wait_for_jobs_of_the_emulator(connect: Any, join: Join) -> None:
    """Real jobs, found in its lists and by single requests; it counts the requests."""
    from airflow_provider_polaris.emulator.server import running_emulator
    from airflow_provider_polaris.emulator.settings import EmulatorSettings
    from airflow_provider_polaris.emulator.status_machine import Progression

    job = {
        "type": "batch",
        "source": {"type": "uploaded", "fileList": ["k.json"], "inputSchema": [{"name": "t", "dataType": "string"}]},
        "target": {"type": "table", "tableName": "Koalas"},
        "createTableIfNotExists": True,
        "mappings": [{"columnName": "__time", "expression": 'TIME_PARSE("t")'}],
    }
    now = [1_790_000_000_000_000_000]
    settings = EmulatorSettings(progression=Progression.parse("seconds=60"))
    with running_emulator(settings, clock=lambda: now[0]) as emulator:
        from airflow_provider_polaris.hooks.polaris import PolarisHook

        connect(host=emulator.base_url, password=settings.api_key, extra={"project_id": settings.project_id})
        hook = PolarisHook()
        hook.get_client().upload_file(io.BytesIO(b'{"t": "2024-06-01T00:00:00Z"}\n'), name="k.json")
        ids = [hook.submit_job(job)["id"] for _ in range(20)]
        before = emulator.emulator.faults.requests()

        async def scenario() -> list[Any]:
            tasks = [asyncio.create_task(consume(PolarisJobTrigger(job_id, poll_interval=0.2))) for job_id in ids]
            await join(len(ids))
            for number in range(3):
                await until(lambda number=number: listed(emulator, before) > number)  # type: ignore[misc]
            assert hook.cancel_job(ids[0]) is not None
            now[0] += 100_000_000_000
            return await asyncio.gather(*tasks)

        events = asyncio.run(scenario())
        after = emulator.emulator.faults.requests()
        hook.close()

    assert [event["job_id"] for event in events] == ids
    assert [event["state"] for event in events] == ["canceled"] + ["completed"] * 19
    asked = {route: count - before.get(route, 0) for route, count in after.items()}
    assert asked.get("GET /v1/projects/{projectId}/jobs/{name}/status", 0) <= 6


def listed(emulator: Any, before: dict[str, int]) -> int:
    """Return the number of lists that were read since."""
    route = "GET /v1/projects/{projectId}/jobs"
    return int(emulator.emulator.faults.requests().get(route, 0) - before.get(route, 0))
