# SPDX-License-Identifier: Apache-2.0
"""
Roll three days of Koalas up: a local Polaris, real files, a real Airflow, one command.

Nothing is prepared or remembered: every number printed is read back from the emulator's API. The database stays in
``.demo``, and a second run replaces the same days, so it ends with the same table.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow_provider_polaris.client import ClientSettings, PolarisClient
from airflow_provider_polaris.client.service import IngestionService
from airflow_provider_polaris.emulator.data_loading import sample_data as koalas
from airflow_provider_polaris.jobs.errors import PolarisNotFoundError

ROOT = Path(__file__).resolve().parent.parent
PORT = 8099  # where `make emulator` serves too, so that the links of the demo lead somewhere afterwards
SOURCE, TARGET = koalas.TABLE, "Koalas Rollup"
BEGIN = time.monotonic()


def say(text: str) -> None:
    print(f"[{time.monotonic() - BEGIN:5.1f} s] {text}", flush=True)


@contextmanager
def local_polaris(database: Path, *options: str, port: int | None = None) -> Iterator[tuple[str, str]]:
    """Run ``polaris-emulator`` for as long as the block lasts; gives its address and its ``AIRFLOW_CONN_...`` value."""
    port = free_port(PORT) if port is None else port
    command = [sys.executable, "-m", "airflow_provider_polaris.emulator", "--port", str(port), "--db", str(database)]
    # Its own session: a Ctrl-C is for this script, which stops the server last.
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True, start_new_session=True) as server:
        try:
            assert server.stdout is not None
            printed = (re.search(r"AIRFLOW_CONN_POLARIS_DEFAULT='(.*)'", line) for line in server.stdout)
            connection = next((found[1] for found in printed if found), None)
            if connection is None:
                raise SystemExit("The emulator did not start; its message stands above.")
            address = re.search(r"http://127\.0\.0\.1:\d+", connection)
            assert address is not None
            yield address[0], connection
        finally:
            server.terminate()
            server.wait(20)


def free_port(wanted: int) -> int:
    """Return the port, or one that is free if something else has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def emulator_command(database: Path) -> str:
    """Return what serves a database again, as one types it in the repository's directory."""
    bin_folder = Path(os.path.abspath(sys.executable)).parent  # not resolved: a virtual environment's is a link
    words = [bin_folder / "polaris-emulator", database]
    emulator, file = (shlex.quote(str(word.relative_to(ROOT) if word.is_relative_to(ROOT) else word)) for word in words)
    return f"{emulator} --db {file}"


def wait_for(client: IngestionService, job: dict[str, Any]) -> None:
    """Poll until the job has ended; bounded."""
    for _ in range(600):
        if client.get_job_status(job["id"]) in {"completed", "failed", "canceled"}:
            break
        time.sleep(0.1)
    ended = client.get_job(job["id"])
    if ended["executionStatus"] != "completed":
        raise SystemExit(f"Job {job['id']} {ended['executionStatus']}: {ended['health']}")


def load_source(client: PolarisClient, home: Path) -> int:
    """Upload the detail data and ingest it as a Polaris user would; gives the rows that the table then holds."""
    path = home / "koalas.json.gz"
    say(f"Making {koalas.ROWS:,} events of three days ({koalas.DAYS[0]:%Y-%m-%d} to {koalas.DAYS[-1]:%Y-%m-%d}) …")
    size = koalas.write(path)
    say(f"Uploading {path.name} ({size / 1e6:.1f} MB) and ingesting it into {SOURCE!r} …")
    names = {file["name"] for file in client.iter_files()}
    if path.name in names:
        client.delete_file(path.name)
    client.upload_file(path)
    columns = {"timestamp": "string", "city": "string", "session": "string", "session_length": "long"}
    job = client.create_job(
        {
            "type": "batch",
            "ingestionMode": "replace",
            "replaceAll": True,
            "createTableIfNotExists": True,
            "source": {
                "type": "uploaded",
                "fileList": [path.name],
                "inputSchema": [{"name": name, "dataType": kind} for name, kind in columns.items()],
                "formatSettings": {"format": "nd-json"},
            },
            "target": {"type": "table", "tableName": SOURCE},
            "mappings": [
                {"columnName": "__time", "expression": 'TIME_PARSE("timestamp")'},
                *({"columnName": name, "expression": f'"{name}"'} for name in ("city", "session", "session_length")),
            ],
        }
    )
    wait_for(client, job)
    return int(client.get_table(SOURCE)["totalRows"])


def drop_leftover(client: PolarisClient) -> None:
    """Drop a rollup table without rows: it is of a run that failed, and may have no rollup if its measure was wrong."""
    try:
        rows = client.get_table(TARGET)["totalRows"]
    except PolarisNotFoundError:
        return
    if not rows:
        wait_for(client, client.create_job({"type": "drop_table", "target": {"type": "table", "tableName": TARGET}}))


def run_airflow(connection: str, home: Path) -> list[dict[str, Any]]:
    """Run the example DAG for each day in one Airflow process; gives its XComs ``polaris_job``."""
    import airflow_once  # sets Airflow's environment, so it comes before anything of Airflow

    airflow = airflow_once.start(home / "airflow", {"AIRFLOW_CONN_POLARIS_DEFAULT": connection})
    say(f"Airflow {airflow.version} is ready; its log goes to {airflow.log}")
    dag = airflow.load(ROOT / "dags_examples" / "koalas_rollup.py", "koalas_rollup")
    done = []
    for day in koalas.DAYS:
        before = time.monotonic()
        job = airflow.run(dag, day, xcom=("rollup", "polaris_job"))
        say(f"  {day:%Y-%m-%d}  job {job['id']} submitted and waited for in {time.monotonic() - before:.1f} s")
        done.append(job)
    return done


def job_page(job_id: str) -> str:
    """Return the address of a job's page in the emulator."""
    return f"http://127.0.0.1:{PORT}/__emulator__/jobs/{job_id}"


def report(
    client: IngestionService,
    jobs: list[dict[str, Any]],
    source_rows: int,
    *,
    heading: str = "job page, once `make emulator` runs",
    place: Callable[[str], str] = job_page,
) -> None:
    """
    Print what was rolled up, read back from the service.

    :param heading: Of the last column.
    :param place: Returns its text for the id of a job.
    """
    say("What was rolled up:")
    print(f"\n  {'day':<12}{'rows read':>10}{'rows kept':>11}   {heading}")
    for day, job in zip(koalas.DAYS, jobs, strict=True):
        metrics = client.get_job_metrics(job["id"])
        counts = f"{metrics['numRowsProcessed']:>10,}{metrics['numRowsPersisted']:>11,}"
        print(f"  {day:%Y-%m-%d}  {counts}   {place(job['id'])}")
    (total,) = client.query(f'SELECT COUNT(*) AS "rows", SUM("__count") AS "events" FROM "{TARGET}"')
    kept, counted = total["rows"], total["events"]
    print(f"\n  {SOURCE!r} {source_rows:,} rows  →  {TARGET!r} {kept:,} rows that count {counted:,} events")
    if counted != source_rows:
        raise SystemExit("The rollup does not count every event of the source.")
    # Rows of a table can be sorted by their time only.
    rows = client.query(f'SELECT * FROM "{TARGET}" ORDER BY "__time" LIMIT 100')
    first = sorted(rows, key=lambda row: (row["__time"], row["city"]))[:5]
    widths = {name: max(len(name), *(len(str(row[name])) for row in first)) for name in first[0]}
    print("\n  " + "  ".join(name.ljust(width) for name, width in widths.items()))
    for row in first:
        print("  " + "  ".join(str(row[name]).ljust(width) for name, width in widths.items()).rstrip())


def read_arguments(about: str) -> argparse.Namespace:
    """Read what a demo is told, and make its folder."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--home", type=Path, default=Path(".demo"), help="where everything is kept (default: .demo)")
    parser.add_argument(
        "--port", type=int, help=f"port of the local Polaris, 0 for any (default: {PORT} or, if that is taken, any)"
    )
    arguments = parser.parse_args()
    arguments.home.mkdir(parents=True, exist_ok=True)
    return arguments


def main() -> None:
    arguments = read_arguments(__doc__)
    home: Path = arguments.home
    say("Starting a local Polaris …")
    database = home / "polaris.db"
    with local_polaris(database, port=arguments.port) as (address, connection):
        say(f"It answers at {address}, its database is {database}")
        with PolarisClient(
            ClientSettings.from_host(address, project_id="00000000-0000-4000-8000-000000000001", api_key="pok_emulator")
        ) as client:
            source_rows = load_source(client, home)
            say(f"{SOURCE!r} holds {source_rows:,} rows. Starting Airflow …")
            drop_leftover(client)
            jobs = run_airflow(connection, home)
            report(client, jobs, source_rows)
    print(
        """
What to try next
  make emulator          serve this Polaris again; its pages are at http://127.0.0.1:8099/__emulator__/
                         (tables, jobs with their spec, SQL, metrics and logs)
  make demo              once more: the same days are replaced, the table stays the same
  dags_examples/         the DAG that just ran; change its measures and run the demo again
"""
    )
    say("Done.")


if __name__ == "__main__":
    main()
