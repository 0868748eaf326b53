# SPDX-License-Identifier: Apache-2.0
"""A real Apache Druid 27 for the end-to-end scenarios: its tables, its tasks and its task slots."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import requests

from harness.gateway import Gateway
from harness.polaris import KOALAS
from harness.waiting import eventually

ROOT = Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT / "scripts" / "druid"))
from cluster import Cluster, ToolMissing, check_java, check_maven  # noqa: E402
from configuration import VERSIONS  # noqa: E402
from ingestion import replace_all  # noqa: E402

VERSION = "27"  # it runs jobs; 33 is started without the multi-stage query engine
SOURCE, TARGET, ARCHIVE = "Koalas Source", "Koalas Rollup", "Koalas Archive"


def missing() -> str | None:
    """Return what Druid lacks on this machine, as a sentence; None if it can be started."""
    try:
        check_java()
        check_maven()
    except ToolMissing as error:
        return str(error)
    return None


class Druid:
    """
    A cluster, with four rows in the table ``Koalas Source``.

    Asked without the package's own client, so that what is judged is not the judge. It is started unless it runs, and
    then stopped at the end.
    """

    def __init__(self) -> None:
        self.cluster = Cluster(VERSIONS[VERSION], ROOT / ".druid" / VERSION)
        self._ran = self.cluster.is_running("router")
        self._earlier: set[str] = set()
        self.start()
        self.url = self.cluster.url("router")
        self._http = requests.Session()
        self._http.trust_env = False  # a proxy of the environment is not for loopback
        self._fill()  # the demo's table has the same name

    def start(self) -> None:
        """
        Start what does not run.

        :raises AssertionError: It doesn't answer; has what was printed.
        """
        self._command("start")

    def kill_indexer(self) -> None:
        """Kill the process that runs the tasks."""
        self.cluster.kill("indexer", signal.SIGKILL)
        eventually(lambda: self.cluster.is_running("indexer"), lambda runs: not runs, what="the end of the indexer")

    def restart_indexer(self) -> None:
        """
        End all tasks and free their slots.

        OBSERVED(Druid 27): the indexer shuts tasks down one after the other, and each keeps its slot until it ends.
        """
        self.kill_indexer()
        self.start()
        eventually(
            lambda: (self.slots(), self.free_slots()), lambda seen: seen[0] == seen[1] > 0, what="free task slots"
        )

    def stop(self) -> None:
        """Stop the cluster, unless it ran before."""
        self._http.close()
        if not self._ran:
            self._command("stop")

    def reset(self) -> None:
        """Shut all tasks down, drop the target, and fill the source."""
        for task in self.tasks(state="running"):
            self.ask("POST", f"/druid/indexer/v1/task/{task['id']}/shutdown")
        eventually(lambda: self.tasks(state="running"), lambda seen: not seen, what="the end of all tasks")
        if self.free_slots() < self.slots():
            self.restart_indexer()
        self.drop(TARGET)
        if SOURCE not in self.tables():
            self._fill()
        self._earlier = {task["id"] for task in self._controllers()}

    def drop(self, table: str) -> None:
        """Drop a table, and wait until no query sees it."""
        self.ask("DELETE", f"/druid/coordinator/v1/datasources/{table}")
        eventually(self.tables, lambda seen: table not in seen, what=f"the end of {table!r}")

    def connection(self, gateway: Gateway) -> dict[str, Any]:
        """Return Airflow's connection to it by a proxy, without an id."""
        return {"conn_type": "apache_druid", "host": gateway.url}

    def tables(self) -> list[str]:
        """Return the tables that the broker knows."""
        rows = self.query("SELECT TABLE_NAME AS name FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'druid'")
        return [row["name"] for row in rows]

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query."""
        rows: list[dict[str, Any]] = self.ask("POST", "/druid/v2/sql", {"query": sql})
        return rows

    def tasks(self, **filters: str) -> list[dict[str, Any]]:
        """Return tasks as the overlord lists them, the newest first."""
        query = "&".join(f"{name}={value}" for name, value in filters.items())
        found: list[dict[str, Any]] = self.ask("GET", f"/druid/indexer/v1/tasks?{query}")
        return found

    def jobs(self) -> list[dict[str, Any]]:
        """Return the jobs of a test that write the target, the oldest first, with ``id`` and ``statusCode``."""
        found = [task for task in self._controllers() if task["id"] not in self._earlier]
        return sorted(found, key=lambda task: str(task["createdTime"]))

    def slots(self) -> int:
        """Return the number of task slots."""
        return sum(int(one["worker"]["capacity"]) for one in self._workers())

    def free_slots(self) -> int:
        """Return the number of free task slots."""
        return self.slots() - sum(int(one["currCapacityUsed"]) for one in self._workers())

    def occupy(self, slots: int) -> list[str]:
        """Fill task slots for an hour, and return the tasks that do."""
        before = self.free_slots()
        ids = [f"occupied-{uuid.uuid4().hex}" for _ in range(slots)]
        for task in ids:
            self.ask("POST", "/druid/indexer/v1/task", {"type": "noop", "id": task, "runTime": 3_600_000})
        eventually(self.free_slots, lambda seen: seen == before - slots, what="occupied task slots")
        return ids

    def free(self, tasks: list[str]) -> None:
        """End such tasks."""
        for task in tasks:
            self.ask("POST", f"/druid/indexer/v1/task/{task}/shutdown")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """
        Return the JSON answer of the router.

        :raises AssertionError: Any status but 2xx.
        """
        answer = self._http.request(method, self.url + path, json=body, timeout=120)
        assert answer.ok, f"{method} {path} answered {answer.status_code}: {answer.text}"
        return answer.json() if answer.content else None

    def describe(self) -> str:
        """Return everything that helps to understand a failed test."""
        return json.dumps(self.tasks(), indent=1)

    def _workers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", "/druid/indexer/v1/workers")
        return found

    def _command(self, word: str) -> None:
        # As a user does, in a process of its own: it leaves servers behind.
        done = subprocess.run(
            [sys.executable, str(ROOT / "scripts" / "druid"), word, VERSION],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=900,
        )
        assert done.returncode == 0, done.stdout.decode(errors="replace")

    def _fill(self) -> None:
        data = "\n".join(json.dumps(row) for row in KOALAS)
        columns = {"city": "string", "session_length": "long"}
        statement = replace_all(SOURCE, {"type": "inline", "data": data}, columns, time="timestamp")
        task = self.ask("POST", "/druid/v2/sql/task", {"query": statement})["taskId"]
        status = eventually(
            lambda: self.ask("GET", f"/druid/indexer/v1/task/{task}/status")["status"]["statusCode"],
            lambda seen: seen != "RUNNING",
            what="the end of the ingestion",
        )
        assert status == "SUCCESS", self.ask("GET", f"/druid/indexer/v1/task/{task}/reports")
        eventually(self._filled, lambda seen: seen == len(KOALAS), what="the rows of the source")

    def _controllers(self) -> list[dict[str, Any]]:
        return self.tasks(datasource=TARGET.replace(" ", "%20"), type="query_controller")

    def _filled(self) -> int:
        if SOURCE not in self.tables():
            return 0
        (row,) = self.query(f'SELECT COUNT(*) AS n FROM "{SOURCE}"')
        return int(row["n"])
