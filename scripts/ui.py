# SPDX-License-Identifier: Apache-2.0
"""
A Polaris and a whole Airflow to look at: the examples are loaded, the connection is set, the tables have data.

Both serve on loopback until Ctrl-C, which stops every process that was started here. What they keep is in ``.demo``.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from demo import PORT, ROOT, free_port, local_polaris, say

#: Seconds until all parts of Airflow are healthy; several times what two busy cores need.
PATIENCE = 300
AIRFLOW_PORT = 8080
PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
#: Runs that are there to be looked at: DAG and logical date.
SHOWN = (("koalas_rollup", "2024-06-02T00:00:00Z"), ("koalas_rollup", "2024-06-03T00:00:00Z"))


#: A job takes a few looks, so that there is something to see.
SLOWLY = ("--progression", "polls=4")


class Airflow:
    """
    ``airflow standalone``, every visitor an administrator.

    :param home: Where it keeps everything.
    :param connection: Value of ``AIRFLOW_CONN_POLARIS_DEFAULT``; goes into its database, where the form shows it.
    :param port: Port of its pages; None for the usual one or, if that is taken, any.
    """

    def __init__(self, home: Path, connection: str, port: int | None = None) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.url = f"http://127.0.0.1:{free_port(AIRFLOW_PORT) if port is None else port}"
        self._connection = connection
        self._token = ""
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__DEFAULT_WRAP": "True",  # the lines of a log are longer than most screens are wide
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": self.url.rpartition(":")[2],
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags_examples"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port(8793)),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port(8794)),
            # The data ends in June 2024: a DAG that is switched on shall not run, and fail, for yesterday.
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
            "NO_PROXY": "127.0.0.1,localhost",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        }

    def prepare(self) -> None:
        """Make the database and put the connection into it."""
        self._command("db", "migrate")
        file = self.home / "connections.json"
        file.write_text(json.dumps({"polaris_default": json.loads(self._connection)}))
        self._command("connections", "import", "--overwrite", str(file))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it for as long as the block lasts."""
        with (self.home / "airflow.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "airflow", "standalone"],
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for this script, which stops Airflow in its own way
            )
        try:
            self._wait_until_healthy(process)
            yield
        finally:
            stop(process)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON answer to a request."""
        request = urllib.request.Request(self.url + path, method=method)  # noqa: S310
        request.add_header("Authorization", f"Bearer {self._token}")
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)

    def show_runs(self) -> None:
        """Start the runs that are there to be looked at, unless an earlier start of this script did."""
        until(lambda: self.ask("GET", "/api/v2/dags/koalas_rollup"), "koalas_rollup is read")
        for dag_id, date in SHOWN:
            self.ask("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})
            with suppress(urllib.error.HTTPError):  # 409: it is there
                self.ask("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": date})

    def _wait_until_healthy(self, process: subprocess.Popen[bytes]) -> None:
        def healthy() -> bool:
            if process.poll() is not None:
                raise SystemExit(f"Airflow has ended with code {process.returncode}; see {self.home / 'airflow.log'}.")
            health = self.ask("GET", "/api/v2/monitor/health")
            return all(health[part]["status"] == "healthy" for part in PARTS)

        until(healthy, f"Airflow is healthy; see {self.home / 'airflow.log'}")
        self._token = self.ask("GET", "/auth/token")["access_token"]

    def _command(self, *arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"airflow {arguments[0]} {arguments[1]} failed:\n{done.stdout}{done.stderr}")


def until(look: Any, what: str) -> None:
    """Look twice a second until there is an answer that is true."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(OSError):  # of which URLError and HTTPError are kinds
            if look():
                return
        time.sleep(0.5)
    raise SystemExit(f"Not within {PATIENCE} s: {what}.")


def tell_if_moved(what: str, port: int, url: str) -> None:
    """Say where something answers if it is not at its usual port."""
    if not url.endswith(f":{port}"):
        say(f"Port {port} is taken, so {what} answers at {url}.")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop Airflow with all that it has started: politely, then not."""
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(40)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0] if __doc__ else None)
    parser.add_argument("--home", type=Path, default=ROOT / ".demo", help="where everything is kept")
    parser.add_argument(
        "--airflow-port", type=int, help=f"port of Airflow's pages (default: {AIRFLOW_PORT} or, if taken, any)"
    )
    parser.add_argument("--polaris-port", type=int, help=f"port of the emulator (default: {PORT} or, if taken, any)")
    parser.add_argument("--for", dest="command", metavar="COMMAND", help="run this, with both up, and stop")
    arguments = parser.parse_args()
    home: Path = arguments.home.resolve()
    home.mkdir(exist_ok=True)

    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):  # a shell may have started this with SIGINT ignored
        signal.signal(number, leave)
    server = local_polaris(home / "ui.db", "--seed-demo", *SLOWLY, port=arguments.polaris_port)
    with suppress(KeyboardInterrupt), server as (polaris, connection):
        if arguments.polaris_port is None:
            tell_if_moved("the emulator", PORT, polaris)
        say(f"Polaris is up at {polaris}/__emulator__/ with 'Koalas Source'.")
        airflow = Airflow(home / "airflow-ui", connection, arguments.airflow_port)
        if arguments.airflow_port is None:
            tell_if_moved("Airflow", AIRFLOW_PORT, airflow.url)
        airflow.prepare()
        say("Airflow's database has the connection 'polaris_default'; starting Airflow …")
        with airflow.running():
            airflow.show_runs()
            say(f"Airflow   {airflow.url}   (no password; the DAGs are dags_examples)")
            say(f"Polaris   {polaris}/__emulator__/")
            if arguments.command:
                environment = {**os.environ, "UI_AIRFLOW": airflow.url, "UI_POLARIS": polaris}
                raise SystemExit(subprocess.run(arguments.command, shell=True, env=environment, check=False).returncode)  # noqa: S602
            say("Ctrl-C stops both.")
            while True:
                time.sleep(3600)
    say("Stopped.")


if __name__ == "__main__":
    main()
