"""The emulator on a real socket: long and broken bodies, many clients at once, start and stop."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_polaris.emulator.serving import bind, running_emulator

HEADERS = {"Authorization": "Basic pok_emulator", "Content-Type": "application/json"}


@pytest.fixture
def emulator():
    """An emulator on a free port."""
    with running_emulator() as running:
        yield running


def _address(emulator) -> tuple[str, int]:
    host, port = emulator.base_url.removeprefix("http://").split(":")
    return host, int(port)


def _ask(emulator, method, path, body=None, **options):
    connection = http.client.HTTPConnection(*_address(emulator), timeout=60)
    try:
        target = f"/v1/projects/{emulator.settings.project_id}{path}"
        connection.request(method, target, body, HEADERS, **options)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_bind_sends_answers_without_waiting_for_acknowledgements() -> None:
    """Else each answer on a connection that is used again comes some 40 ms late."""
    with bind("127.0.0.1", 0) as listener:
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


@pytest.mark.parametrize("chunked", [False, True])
def test_body_of_ten_megabytes_gets_its_answer(emulator, chunked) -> None:
    """The client can read the refusal, because the body is read to its end."""
    body = b'{"x": "' + b"y" * 10_000_000 + b'"}'
    sent = iter([body[:5_000_000], body[5_000_000:]]) if chunked else body
    assert _ask(emulator, "POST", "/jobs", sent, encode_chunked=chunked) == (
        413,
        {"code": "PayloadTooLarge", "message": "The body is longer than 4194304 bytes."},
    )


def test_body_that_ends_early_does_no_harm(emulator, capfd) -> None:
    """A client that goes away in the middle of its body leaves no trace, not even in the log."""
    with socket.create_connection(_address(emulator), timeout=30) as client:
        path = f"/v1/projects/{emulator.settings.project_id}/tables"
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {HEADERS['Authorization']}\r\n"
        client.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 999\r\n\r\n{{".encode())
    assert _ask(emulator, "GET", "/tables") == (200, {"values": []})
    assert capfd.readouterr().err == ""


def test_many_clients_at_once_do_not_disturb_each_other(emulator) -> None:
    """Eight threads create tables and jobs; each job is made once, each table has the rows of its jobs."""
    row = json.dumps({"t": 1_717_200_000_000}).encode()
    emulator.emulator.shelf.put("a.json", row, user={"username": "u", "userId": "0"})
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
        assert _ask(emulator, "GET", f"/jobs/{answer['id']}/status") == (200, {"executionStatus": "completed"})
        return answer["id"]

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(work, range(24)))
    assert len(set(ids)) == 24
    tables = _ask(emulator, "GET", "/tables")[1]["values"]
    assert {table["name"]: table["totalRows"] for table in tables} == {"t0": 12, "t1": 12}
    jobs = _ask(emulator, "GET", "/jobs?paginationLimit=1000")[1]["values"]
    assert sorted(job["id"] for job in jobs) == sorted(ids)


def test_running_emulator_leaves_nothing_behind() -> None:
    """When the block ends, its thread is gone and its port is free, also after an error."""
    others = set(threading.enumerate())
    with pytest.raises(KeyError), running_emulator() as emulator:  # noqa: PT012
        address = _address(emulator)
        raise KeyError
    left = {thread.name for thread in threading.enumerate() if thread not in others}
    assert "polaris-emulator" not in left
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=5)
