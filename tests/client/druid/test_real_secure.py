# SPDX-License-Identifier: Apache-2.0
"""
The adapter on a real Druid 27 with basic authentication and an authorizer, also behind a proxy that ends TLS and asks
for a client certificate: ``pytest -m druid tests/client/druid/test_real_secure.py``.

``python scripts/druid start 27-secure`` starts the cluster. The tests are skipped if it doesn't run.
"""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
import time as clocks
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_polaris.client.druid.client import DruidClient
from airflow_provider_polaris.client.druid.settings import DruidSettings
from airflow_provider_polaris.client.joint_reads import answer_of
from airflow_provider_polaris.jobs.errors import PolarisAuthError, PolarisNotFoundError, PolarisTransportError

URL = "http://127.0.0.1:18286"
USERS = "http://127.0.0.1:18281/druid-ext/basic-security"
ADMIN = ("admin", "admin-password")
#: Reads of a status before a test gives up.
MOST_READS = 600


def runs() -> bool:
    try:
        return requests.get(f"{URL}/status/health", timeout=5).ok
    except requests.RequestException:
        return False


pytestmark = [pytest.mark.druid, pytest.mark.skipif("not runs()", reason="python scripts/druid start 27-secure")]


def right(name: str, kind: str, *actions: str) -> list[dict[str, Any]]:
    return [{"resource": {"name": name, "type": kind}, "action": action} for action in actions]


TABLES = right(".*", "DATASOURCE", "READ", "WRITE")
STATE = right("STATE", "STATE", "READ", "WRITE")
CONFIG = right("CONFIG", "CONFIG", "READ")


def add_user(rights: list[dict[str, Any]]) -> tuple[str, str]:
    """Add a user with a role of its own; return name and password, as soon as Druid accepts them."""
    name, password = f"u{uuid.uuid4().hex[:12]}", uuid.uuid4().hex
    with requests.Session() as session:
        session.auth = ADMIN

        def post(path: str, body: Any = None) -> None:
            assert session.post(f"{USERS}/{path}", json=body, timeout=30).ok

        post(f"authentication/db/basic/users/{name}")
        post(f"authentication/db/basic/users/{name}/credentials", {"password": password})
        post(f"authorization/db/basic/users/{name}")
        post(f"authorization/db/basic/roles/{name}")
        post(f"authorization/db/basic/users/{name}/roles/{name}")
        post(f"authorization/db/basic/roles/{name}/permissions", rights)
    for _ in range(MOST_READS):
        answers = [
            requests.post(f"{URL}/druid/v2/sql", json={"query": "SELECT 1"}, auth=(name, password), timeout=30),
            requests.get(f"{URL}/druid/coordinator/v1/metadata/datasources", auth=(name, password), timeout=30),
        ]
        if all(answer.ok for answer in answers):
            return name, password
        clocks.sleep(0.3)
    raise AssertionError("the user is never accepted")


def connect(login: tuple[str, str], url: str = URL, **others: Any) -> DruidClient:
    return DruidClient(
        DruidSettings.from_host(url, login=login[0], password=login[1], connection_name="secure", **others)
    )


def wait(client: DruidClient, job_id: str) -> str:
    for _ in range(MOST_READS):
        if (status := client.get_job_status(job_id)) not in ("pending", "running"):
            return status
        clocks.sleep(0.3)
    raise AssertionError(f"job {job_id!r} never ends")


def fill(table: str) -> dict[str, Any]:
    return {
        "type": "sql",
        "query": f'REPLACE INTO "{table}" OVERWRITE ALL SELECT TIME_PARSE(t) AS __time, city FROM (VALUES '
        "('2024-06-01T00:10:00Z', 'a'), ('2024-06-02T00:00:00Z', 'b')) AS v(t, city) PARTITIONED BY DAY",
        "context": {"airflow": uuid.uuid4().hex},
    }


def use(client: DruidClient) -> None:
    """Submit, watch, describe, count, delete, restore and cancel."""
    table = f"t{uuid.uuid4().hex[:12]}"
    job = client.create_job(fill(table))
    assert wait(client, job["id"]) == "completed"
    assert client.get_job_statuses([job["id"], "nope"]) == {job["id"]: "completed"}
    assert client.get_job(job["id"])["executionStatus"] == "completed"
    assert client.get_job_metrics(job["id"])["numRowsPersisted"] == 2
    assert [row["id"] for row in client.iter_jobs(target_table=table)] == [job["id"]]
    assert client.get_table(table)["segmentCount"] == 2
    query = client.start_query(f'SELECT COUNT(*) AS "n" FROM "{table}"')
    for _ in range(MOST_READS):
        if client.get_query(query["queryId"])["state"] not in ("ACCEPTED", "RUNNING"):
            break
        clocks.sleep(0.3)
    assert list(client.iter_query_rows(query["queryId"])) == [{"n": 2}]
    target = {"type": "table", "tableName": table}
    client.create_job(
        {"type": "delete_data", "target": {**target, "intervals": ["2024-06-01/P1D"]}, "softDelete": True}
    )
    assert len(list(client.iter_current_segments(table, ()))) == 1
    client.create_job({"type": "restore_data", "target": target, "interval": "2024-06-01/P1D"})
    assert len(list(client.iter_current_segments(table, ()))) == 2
    second = client.create_job(fill(table))
    client.cancel_job(second["id"])
    assert wait(client, second["id"]) in ("canceled", "completed")
    client.create_job({"type": "drop_table", "target": target})


def is_allowed(call: Any) -> bool:
    try:
        call()
    except PolarisAuthError:
        return False
    return True


@pytest.mark.parametrize(
    ("rights", "reads_many", "counts_slots"),
    [
        pytest.param(TABLES, False, False, id="tables"),
        pytest.param(TABLES + STATE, True, False, id="state"),
        pytest.param(TABLES + STATE + CONFIG, True, True, id="config"),
    ],
)
def test_login_does_everything_with_and_without_the_rights_of_the_cluster(
    rights: list[dict[str, Any]], reads_many: bool, counts_slots: bool
) -> None:
    """Without STATE WRITE statuses come from a list; without CONFIG READ slots are not counted."""
    with connect(add_user(rights)) as client:
        assert is_allowed(client.check_bulk_status) is reads_many
        assert is_allowed(client.cluster.slots) is counts_slots
        use(client)


def test_login_rolls_a_table_up_that_it_may_only_read() -> None:
    """With the rights that docs/druid.md lists; a table that doesn't exist is absent, not forbidden."""
    source, target = (f"t{uuid.uuid4().hex[:12]}" for _ in range(2))
    with connect(ADMIN) as admin:
        assert wait(admin, admin.create_job(fill(source))["id"]) == "completed"
    rights = right(source, "DATASOURCE", "READ") + right(target, "DATASOURCE", "READ", "WRITE")
    with connect(add_user(rights + right("_default", "DATASOURCE", "READ"))) as client:
        assert client.get_table(source)["segmentCount"] == 2
        with pytest.raises(PolarisNotFoundError):
            client.get_table(target)
        job = client.create_job(
            {
                "type": "batch",
                "source": {"type": "table", "tableName": source},
                "target": {"type": "table", "tableName": target, "intervals": ["2024-06-01/P2D"]},
                "mappings": [{"columnName": name, "expression": f'"{name}"'} for name in ("__time", "city")],
                "ingestionMode": "replace",
                "createTableIfNotExists": True,
                "partitionedBy": "day",
                "context": {"airflow": uuid.uuid4().hex},
            }
        )
        assert wait(client, job["id"]) == "completed"
        assert client.get_table(target)["segmentCount"] == 2
        for read in (
            client.table_reads([source, target], target=target, will_submit=True),
            client.end_reads(job["id"]),
        ):
            answers = [answer_of(lambda request=request: request(client)) for request in read.requests]
            joined = read.join(client, answers)
            described = joined.values() if isinstance(joined, dict) else joined
            assert all(answer.result() for answer in described)
    with connect(ADMIN) as admin:
        for table in (source, target):
            admin.create_job({"type": "drop_table", "target": {"type": "table", "tableName": table}})


def test_login_without_rights_on_tables_is_refused_by_name() -> None:
    """The sentence has the rights of Druid."""
    login = add_user([])
    with connect(login) as client, pytest.raises(PolarisAuthError) as caught:
        client.create_job(fill("t"))
    assert str(caught.value).endswith(
        f"The login '{login[0]}' of connection 'secure' needs the rights DATASOURCE READ and DATASOURCE WRITE in Druid."
    )


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a CA, and with a key and a certificate of it for ``server`` and ``client``."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("for want of openssl")
    folder = tmp_path_factory.mktemp("tls")

    def run(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], cwd=folder, check=True, capture_output=True, timeout=120)

    def request(name: str) -> list[str]:
        return ["req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-subj", f"/CN={name}"]

    run(*request("ca"), "-x509", "-days", "2", "-out", "ca.pem")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("server", "client"):
        run(*request(name), "-out", f"{name}.csr")
        run(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-days", "2", "-extfile", "names", "-out", f"{name}.pem"),
        )
    return folder


@pytest.fixture
def tls_url(certificates: Path) -> Iterator[str]:
    """Run a proxy in front of the router that ends TLS, and accepts only clients with a certificate of the CA."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            sent = {
                name: self.headers[name] for name in ("Authorization", "Content-Type", "Accept") if self.headers[name]
            }
            answer = requests.request(self.command, URL + self.path, data=body or None, headers=sent, timeout=120)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_DELETE = _pass  # noqa: N815

        def log_message(self, *args: Any) -> None:
            """Log nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    context.load_verify_locations(certificates / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a refused handshake
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_login_works_through_tls_with_a_client_certificate(tls_url: str, certificates: Path) -> None:
    """Both are files of the connection."""
    login = add_user(TABLES)
    files = {"client_cert": str(certificates / "client.pem"), "client_key": str(certificates / "client.key")}
    with connect(login, tls_url, verify=str(certificates / "ca.pem"), **files) as client:
        use(client)


def test_connection_without_the_client_certificate_or_the_ca_says_so(tls_url: str, certificates: Path) -> None:
    """Nothing is sent."""
    files = {"client_cert": str(certificates / "client.pem"), "client_key": str(certificates / "client.key")}
    for fields in ({"verify": str(certificates / "ca.pem")}, files):
        with connect(ADMIN, tls_url, **fields) as client, pytest.raises(PolarisTransportError) as caught:
            client.get_job_statuses(["nope"])
        assert "TLS" in str(caught.value)
