# SPDX-License-Identifier: Apache-2.0
"""The emulator on a real socket: long and broken bodies, many clients at once, start and stop."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import anyio.to_thread
import pytest
import uvicorn

from airflow_provider_polaris.emulator import server as serving
from airflow_provider_polaris.emulator.faults.fault import Fault
from airflow_provider_polaris.emulator.server import EmulatorServer, bind, running_emulator
from airflow_provider_polaris.emulator.settings import EmulatorSettings

HEADERS = {"Authorization": "Basic pok_emulator", "Content-Type": "application/json"}


@pytest.fixture
def emulator(emulator_server):
    """An emulator on a free port."""
    with emulator_server.emulator() as running:
        yield running


def _address(emulator) -> tuple[str, int]:
    host, port = emulator.base_url.removeprefix("http://").split(":")
    return host, int(port)


def _ask(emulator, method, path, body=None, **options):
    connection = http.client.HTTPConnection(*_address(emulator), timeout=120)
    try:
        target = f"/v1/projects/{emulator.settings.project_id}{path}"
        connection.request(method, target, body, HEADERS, **options)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_bind_sends_answers_without_waiting_for_acknowledgements() -> None:
    """Otherwise each reply on a reused connection is delayed by about 40 ms."""
    with bind("127.0.0.1", 0) as listener:
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


@pytest.mark.parametrize("chunked", [False, True])
def test_body_of_ten_megabytes_gets_its_answer(emulator, chunked) -> None:
    """The client can read the error, because the body is read to its end."""
    body = b'{"x": "' + b"y" * 10_000_000 + b'"}'
    sent = iter([body[:5_000_000], body[5_000_000:]]) if chunked else body
    assert _ask(emulator, "POST", "/jobs", sent, encode_chunked=chunked) == (
        413,
        {"code": "PayloadTooLarge", "message": "The body is longer than 4194304 bytes."},
    )


def test_body_that_ends_early_does_no_harm(emulator, capfd) -> None:
    """A client that disconnects in the middle of its body has no effect, and causes no log line."""
    with socket.create_connection(_address(emulator), timeout=120) as client:
        path = f"/v1/projects/{emulator.settings.project_id}/tables"
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {HEADERS['Authorization']}\r\n"
        client.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 999\r\n\r\n{{".encode())
    assert _ask(emulator, "GET", "/tables") == (200, {"values": []})
    assert capfd.readouterr().err == ""


def test_many_clients_at_once_do_not_disturb_each_other(emulator) -> None:
    """Eight threads create tables and jobs; each job is created once, each table has the rows of its jobs."""
    row = json.dumps({"t": 1_717_200_000_000}).encode()
    emulator.emulator.file_store.put("a.json", row, user={"username": "u", "userId": "0"})
    job = {
        "type": "batch",
        "source": {"type": "uploaded", "fileList": ["a.json"], "inputSchema": [{"name": "t", "dataType": "long"}]},
        "createTableIfNotExists": True,
        "mappings": [{"columnName": "__time", "expression": 'MILLIS_TO_TIMESTAMP("t")'}],
    }

    def work(number: int) -> str:
        target = {"type": "table", "tableName": f"t{number % 2}"}
        status, answer = _ask(emulator, "POST", "/jobs", json.dumps({**job, "target": target}))
        assert status == 201, answer
        # A job that another client's request is running is shown as running.
        polls = (_ask(emulator, "GET", f"/jobs/{answer['id']}/status") for _ in range(1000))
        ended = next(poll for poll in polls if poll != (200, {"executionStatus": "running"}))
        assert ended == (200, {"executionStatus": "completed"})
        return answer["id"]

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(work, range(24)))
    assert len(set(ids)) == 24
    tables = _ask(emulator, "GET", "/tables")[1]["values"]
    assert {table["name"]: table["totalRows"] for table in tables} == {"t0": 12, "t1": 12}
    jobs = _ask(emulator, "GET", "/jobs?paginationLimit=1000")[1]["values"]
    assert sorted(job["id"] for job in jobs) == sorted(ids)


def test_request_takes_one_thread(emulator, monkeypatch) -> None:
    """FastAPI runs each plain function that a route depends on in a thread, which takes longer than the function."""
    run_sync, calls = anyio.to_thread.run_sync, []

    async def count(function, *arguments, **options):
        calls.append(function)
        return await run_sync(function, *arguments, **options)

    monkeypatch.setattr(anyio.to_thread, "run_sync", count)
    assert _ask(emulator, "GET", "/jobs")[0] == 200
    assert _ask(emulator, "POST", "/query/sql", json.dumps({"query": "SELECT 1 AS a"})) == (200, [{"a": 1}])
    assert len(calls) == 2


def test_running_emulator_leaves_nothing_behind() -> None:
    """When the block ends, its thread has ended and its port is free, also after an error."""
    others = set(threading.enumerate())
    with pytest.raises(KeyError), running_emulator() as emulator:  # noqa: PT012
        address = _address(emulator)
        raise KeyError
    left = {thread.name for thread in threading.enumerate() if thread not in others}
    assert "polaris-emulator" not in left
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=5)


TABLE = json.dumps({"name": "t", "type": "detail"})


def test_emulators_of_one_server_share_a_thread_and_nothing_else(emulator_server) -> None:
    """Each has its port, its settings and its tables; the server starts no further thread."""
    with emulator_server.emulator() as one:
        assert _ask(one, "POST", "/tables", TABLE)[0] == 201
        before = sum(thread.name == "polaris-emulator" for thread in threading.enumerate())
        with emulator_server.emulator(EmulatorSettings(project_id="other")) as other:
            assert other.base_url != one.base_url
            assert _ask(other, "GET", "/tables") == (200, {"values": []})
            after = sum(thread.name == "polaris-emulator" for thread in threading.enumerate())
            assert after == before
        assert [table["name"] for table in _ask(one, "GET", "/tables")[1]["values"]] == ["t"]


def test_answers_of_a_server_with_many_emulators_have_a_date(emulator) -> None:
    """As in a server with one emulator, and as HTTP requires."""
    connection = http.client.HTTPConnection(*_address(emulator), timeout=120)
    connection.request("GET", "/__emulator__/health")
    response = connection.getresponse()
    assert response.read()
    assert parsedate_to_datetime(response.headers["Date"]).tzinfo is not None
    connection.close()


def test_connection_that_was_kept_alive_ends_with_its_emulator(emulator_server) -> None:
    """Neither it nor a new connection to the old port reaches the next emulator."""
    with emulator_server.emulator() as one:
        connection = http.client.HTTPConnection(*_address(one), timeout=120)
        target = f"/v1/projects/{one.settings.project_id}/tables"
        connection.request("GET", target, headers=HEADERS)
        assert connection.getresponse().read() == b'{"values":[]}'
        kept = connection.sock
    with emulator_server.emulator() as other:
        assert emulator_server._server.server_state.connections == set()
        assert kept.recv(1) == b""
        connection.close()
        with pytest.raises(ConnectionRefusedError):
            connection.request("POST", target, TABLE, HEADERS)
        assert _ask(other, "GET", "/tables") == (200, {"values": []})
        assert list(other.emulator.faults.requests()) == ["GET /v1/projects/{projectId}/tables"]
    connection.close()


def test_request_that_is_being_handled_ends_before_its_emulator(emulator_server, monkeypatch) -> None:
    """A thread that a test has left gets its reply from its own emulator, whose port is closed."""
    entered, release = threading.Event(), threading.Event()

    def release_when_closed(address) -> None:
        for _ in range(100_000):
            try:
                socket.create_connection(address, timeout=120).close()
            except OSError:
                break
        release.set()

    with ThreadPoolExecutor(2) as pool:
        with emulator_server.emulator() as one:
            create = one.emulator.catalog.create

            def slow(*arguments):
                entered.set()
                assert release.wait(120)
                return create(*arguments)

            monkeypatch.setattr(one.emulator.catalog, "create", slow)
            late = pool.submit(_ask, one, "POST", "/tables", TABLE)
            assert entered.wait(120)
            pool.submit(release_when_closed, _address(one))
        assert release.is_set()
        assert late.result()[0] == 201


def test_request_that_had_arrived_and_not_begun_when_its_emulator_stopped_gets_no_answer() -> None:
    """Its connection closes; the application, whose database is closed, gets no request."""
    asked = []

    async def app(*arguments) -> None:
        asked.append(arguments)

    async def scenario() -> object:
        port = serving._EmulatorPort(uvicorn.Server(uvicorn.Config(app)), app)
        with bind("127.0.0.1", 0) as listener:
            await port.open(listener)
            await port.close()
        return await port._outermost({}, None, None)

    assert asyncio.run(scenario()) == "nothing, because the emulator has stopped"
    assert asked == []


def test_request_that_does_not_end_is_canceled(emulator_server, monkeypatch, caplog) -> None:
    """The emulator still stops, and the log states it."""
    monkeypatch.setattr(serving, "_GRACE", 0)
    with emulator_server.emulator() as one:
        one.emulator.faults.add(Fault(effect="latency", seconds=60))
        client = socket.create_connection(_address(one), timeout=120)
        client.sendall(b"GET /v1/projects/x/tables HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        for _ in range(10_000):
            if one.emulator.faults.requests():
                break
            threading.Event().wait(0.005)
    assert client.recv(9) == b"HTTP/1.1 "
    client.close()
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("airflow_provider_polaris")]
    assert lines == ["1 requests did not end within 0 seconds and were canceled."]


def test_server_that_does_not_start_is_said_so(monkeypatch) -> None:
    """For example, a thread that died before it was ready."""
    monkeypatch.setattr(serving, "_LONGEST_SECONDS", 0)
    server = EmulatorServer()
    monkeypatch.setattr(server._ready, "wait", lambda timeout: False)
    with pytest.raises(RuntimeError, match=r"^the emulator did not start within 0 seconds; its log has the reason\.$"):
        server.__enter__()
    server.__exit__()
