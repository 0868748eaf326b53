# SPDX-License-Identifier: Apache-2.0
"""Many tasks that wait at once, each for a job into a separate table, and a load on the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from harness.airflow import Airflow
from harness.polaris import Polaris
from harness.rest import Task
from harness.waiting import eventually

_PAGE = 100
_LOOP = "while True: pass"


class Fleet:
    """
    One run of the DAG for each task.

    :param airflow: Where they run.
    :param polaris: Where their jobs are.
    :param connection: Airflow's connection to it.
    :param size: How many there are.
    :param dag_id: The DAG; its parameters are the connection and the table.
    :param prefix: Beginning of the tables' names.
    """

    def __init__(
        self,
        airflow: Airflow,
        polaris: Polaris,
        connection: str,
        size: int,
        *,
        dag_id: str = "fleet",
        prefix: str = "Fleet",
    ) -> None:
        self._dag_id = dag_id
        self._airflow = airflow
        self._polaris = polaris
        self.tasks = {
            table: airflow.run(dag_id, connection=connection, table=table)
            for table in (f"{prefix} {number}" for number in range(size))
        }

    def tables(self) -> Sequence[str]:
        """Return the tables, one for each task."""
        return list(self.tasks)

    def instances(self) -> dict[str, dict[str, Any]]:
        """Return the task instance of each table."""
        by_run: dict[str, dict[str, Any]] = {}
        for offset in range(0, 100 * _PAGE, _PAGE):
            api = self._airflow.api
            path = f"/dags/{self._dag_id}/dagRuns/~/taskInstances?limit={_PAGE}&offset={offset}{api.order}"
            found = api.ask("GET", path)["task_instances"]
            by_run.update({one["dag_run_id"]: one for one in found})
            if len(found) < _PAGE:
                break
        return {table: by_run[task.run_id] for table, task in self.tasks.items() if task.run_id in by_run}

    def wait_until(
        self, accept: Callable[[dict[str, Any]], bool], *, within: float, what: str, count: int | None = None
    ) -> None:
        """
        Wait until task instances are accepted.

        :param count: How many; None for all.
        :raises AssertionError: Time is up; has how many are in which state.
        """
        eventually(
            lambda: Counter(
                (one["state"], (one["triggerer_job"] or {}).get("id"), accept(one)) for one in self.instances().values()
            ),
            lambda seen: (
                sum(number for (*_, accepted), number in seen.items() if accepted)
                >= (len(self.tasks) if count is None else count)
            ),
            within=within,
            what=what,
        )

    def wait_for_triggerer(self, triggerer: int, *, within: float) -> None:
        """Wait until this triggerer has the triggers of all tasks."""
        self.wait_until(
            lambda one: one["state"] == "deferred" and (one["triggerer_job"] or {}).get("id") == triggerer,
            within=within,
            what=f"all triggers in triggerer {triggerer}",
        )

    def jobs(self) -> dict[str, list[dict[str, Any]]]:
        """Return the jobs of each table as the list has them, the oldest first."""
        jobs: dict[str, list[dict[str, Any]]] = {table: [] for table in self.tasks}
        for job in self._polaris.summaries():
            if job["target"]["tableName"] in jobs:
                jobs[job["target"]["tableName"]].append(job)
        return jobs

    def wait_for_jobs(
        self, accept: Callable[[dict[str, list[dict[str, Any]]]], bool], *, within: float, what: str
    ) -> None:
        """
        Wait until the jobs of all tables are accepted.

        :raises AssertionError: Time is up; has how many jobs have which status.
        """
        eventually(
            lambda: (
                accept(jobs := self.jobs()),
                Counter(
                    (job["executionStatus"], job["desiredExecutionStatus"]) for one in jobs.values() for job in one
                ),
            ),
            lambda seen: seen[0],
            within=within,
            what=what,
        )

    def end(self) -> None:
        """Mark active tasks, so that they don't wait in the next scenario."""
        for table, one in self.instances().items():
            if one["state"] not in ("success", "failed"):
                self.task(table).mark("failed")

    def task(self, table: str) -> Task:
        """Return the task of a table."""
        return self.tasks[table]


@contextmanager
def busy_cores(loops: int) -> Iterator[None]:
    """
    Keep cores busy.

    :param loops: How many.
    """
    processes = [subprocess.Popen([sys.executable, "-c", _LOOP], env=dict(os.environ)) for _ in range(loops)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait(10)
