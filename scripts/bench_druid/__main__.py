# SPDX-License-Identifier: Apache-2.0
"""
Measure this package beside Airflow's own provider for Druid, on one real Druid 27: ``make bench-druid``.

Each job inserts two rows that a server on loopback sends after some seconds, so that its length is known. Requests are
counted by a proxy in front of the router. Numbers are printed, and none of them is judged.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "e2e"))

import psutil  # noqa: E402
from harness.airflow3 import Airflow3  # noqa: E402
from harness.druid import Druid  # noqa: E402
from harness.gateway import Gateway  # noqa: E402
from harness.waiting import eventually  # noqa: E402

SUBMIT = "^/druid/v2/sql/task"
ROWS = b'{"t": "2024-06-01T00:00:00Z", "city": "a"}\n{"t": "2024-06-01T01:00:00Z", "city": "b"}\n'
#: DAG, and its name in the table.
WAYS = {
    "airflow": "Airflow's `DruidOperator`",
    "synchronous": "this package",
    "deferred": "this package, `deferrable=True`",
}


def serve_rows(seconds: float) -> ThreadingHTTPServer:
    """Serve the rows of every job, each answer after some seconds."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(seconds)
            self.send_response(200)
            self.send_header("Content-Length", str(len(ROWS)))
            self.end_headers()
            self.wfile.write(ROWS)

        def log_message(self, *args: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Bench:
    """
    The measurements.

    :param airflow: Runs the DAGs.
    :param druid: Runs the jobs.
    :param gateway: Counts.
    :param seconds: File with the time of each phase.
    """

    def __init__(self, airflow: Airflow3, druid: Druid, gateway: Gateway, seconds: Path) -> None:
        self.airflow, self.druid, self.gateway, self.seconds = airflow, druid, gateway, seconds

    def good(self, dag: str, jobs: int) -> tuple[float, float]:
        """Return requests and seconds of a worker for a job that succeeds."""
        before, phases = len(self.gateway.requests), len(self._phases(dag))
        for _ in range(jobs):
            self.airflow.run(dag).wait_for("success", within=900)
        time.sleep(2)  # requests after the end
        taken = sum(self._phases(dag)[phases:])
        return (len(self.gateway.requests) - before) / jobs, taken / jobs

    def bad(self, dag: str, effect: str) -> tuple[int, int]:
        """Return tasks and rows after a lost answer or a killed worker, and a retry."""
        self.druid.drop(f"bench {dag}")
        before = self._tasks(dag)
        rule = self.gateway.rule(effect, "POST", SUBMIT)  # type: ignore[arg-type]
        task = self.airflow.run(dag)
        if effect == "hold_answer":
            eventually(rule.seen.is_set, bool, what="the submission")
            eventually(lambda: self._tasks(dag), lambda seen: seen > before, what="a task")
            psutil.Process(task.pid()).send_signal(signal.SIGKILL)
            self.gateway.clear()
        task.wait_for("success", within=900)
        eventually(lambda: self.druid.tasks(state="running"), lambda seen: not seen, what="the end of all tasks")
        time.sleep(5)  # until the broker knows the rows
        (counted,) = self.druid.query(f'SELECT COUNT(*) AS "n" FROM "bench {dag}"')
        return self._tasks(dag) - before, counted["n"]

    def _tasks(self, dag: str) -> int:
        return len(self.druid.tasks(type="query_controller", datasource=f"bench {dag}"))

    def _phases(self, dag: str) -> list[float]:
        lines = map(json.loads, self.seconds.read_text().splitlines())
        return [line["seconds"] for line in lines if line["dag"] == dag]


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="bench_druid", description=__doc__)
    parser.add_argument("--jobs", type=int, default=3, help="jobs for each average (default 3)")
    parser.add_argument("--seconds", type=float, default=20, help="length of a job (default 20)")
    parser.add_argument("ways", nargs="*", metavar="WAY", help=f"of {', '.join(WAYS)}; all by default")
    arguments = parser.parse_args()
    if unknown := set(arguments.ways) - WAYS.keys():
        parser.error(f"There is no {', '.join(unknown)}.")
    server, druid = serve_rows(arguments.seconds), Druid()
    with tempfile.TemporaryDirectory() as folder:
        home, seconds = Path(folder), Path(folder) / "seconds"
        seconds.touch()
        gateway = Gateway(druid.url)
        airflow = Airflow3(home, Path(__file__).parent / "dags")
        rows = f"http://127.0.0.1:{server.server_address[1]}/rows"
        port = int(gateway.url.rpartition(":")[2])
        ingest = {"conn_type": "http", "host": "127.0.0.1", "port": port, "schema": "http"}
        airflow.set_environment(
            BENCH_SECONDS=str(seconds),
            BENCH_ROWS=rows,
            AIRFLOW_CONN_POLARIS_DEFAULT=json.dumps({"conn_type": "apache_druid", "host": gateway.url}),
            AIRFLOW_CONN_DRUID_INGEST_DEFAULT=json.dumps({**ingest, "extra": {"msq_endpoint": "druid/v2/sql/task"}}),
        )
        try:
            airflow.start()
            bench = Bench(airflow, druid, gateway, seconds)
            print(f"{arguments.jobs} jobs of {arguments.seconds:g} s and more, each of 2 rows; means per job.\n")
            print("| | requests | worker seconds | tasks, rows: answer lost | tasks, rows: worker killed |")
            print("|---|---|---|---|---|", flush=True)
            for dag in arguments.ways or WAYS:
                requests, taken = bench.good(dag, arguments.jobs)
                lost, killed = bench.bad(dag, "lose_answer"), bench.bad(dag, "hold_answer")
                print(
                    f"| {WAYS[dag]} | {requests:.1f} | {taken:.1f} | {lost[0]}, {lost[1]} | {killed[0]}, {killed[1]} |",
                    flush=True,
                )
        finally:
            airflow.stop()
            gateway.close()
            for dag in WAYS:
                druid.drop(f"bench {dag}")
            druid.stop()
            server.shutdown()


if __name__ == "__main__":
    main()
