# SPDX-License-Identifier: Apache-2.0
"""
A real Airflow: scheduler with LocalExecutor, API server or web server, triggerers and what else it needs.

The components are those of ``airflow standalone``, but each is started here, so that a test can kill one of them, and
nothing has to be searched for when they are stopped.
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from harness.database import database, free_ports
from harness.processes import ProcessTree
from harness.rest import RestApi, Task
from harness.waiting import PATIENCE, eventually

#: Seconds without a heartbeat after which a triggerer loses its triggers to another one. Airflow's own is 30, and on a
#: busy machine a working triggerer was silent for 34.
TRIGGERER_SILENCE = 60
#: Seconds until all components are healthy; several times what two busy cores need.
_START_SECONDS = 600


class Airflow(ABC):
    """
    One installation that runs.

    :param home: AIRFLOW_HOME, empty.
    :param dags: Folder of the DAG files.
    :param python: Interpreter of the environment with Airflow; None for that of the tests.
    """

    #: Version of the REST API.
    api_class: type[RestApi]
    #: Arguments of ``airflow`` for each component but the triggerers; the first is its name.
    commands: Sequence[Sequence[str]]
    #: Components whose health the API reports.
    reported: Sequence[str]
    #: Components that wait for the database for a minute.
    patient: Sequence[str] = ("scheduler", "triggerer")
    #: Whether a task can store data for its next attempt.
    has_task_state_store: bool

    def __init__(self, home: Path, dags: Path, python: Path | None = None) -> None:
        self.home = home
        self._python = str(python or sys.executable)
        self.database = database(home)
        port, worker_logs = free_ports(2)
        self.url = url = f"http://127.0.0.1:{port}"
        self.api = self.api_class(url)
        self.components: list[ProcessTree] = []
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.database.url(),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(worker_logs),
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": str(TRIGGERER_SILENCE),
            "NO_COLOR": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "PATH": f"{Path(self._python).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONUNBUFFERED": "1",
            **self.settings(url, port),
        }

    @abstractmethod
    def settings(self, url: str, port: int) -> dict[str, str]:
        """
        Return what is special in this version's environment.

        :param url: Where the REST API is to be.
        :param port: Its port.
        """

    @abstractmethod
    def alive_triggerer_jobs(self) -> set[int]:
        """Return the ids of the triggerers with a current heartbeat."""

    def set_environment(self, **values: str) -> None:
        """Set variables for processes that are started from now on."""
        self._environment.update(values)

    def start(self) -> None:
        """
        Make the database and start everything.

        :raises AssertionError: A component ends, or isn't healthy in time; has the end of its log.
        """
        self.database.start()
        self.prepare()
        self.start_components()

    def start_components(self) -> None:
        """
        Start everything except the database.

        :raises AssertionError: A component ends, or isn't healthy in time; has the end of its log.
        """
        for arguments in self.commands:
            self._start(arguments[0], *arguments, **self._patience(arguments[0]))
        self.start_triggerer()
        self._wait_until_healthy()
        self.api.log_in()

    def prepare(self) -> None:
        """Create the database."""
        self.command("db", "migrate")

    def command(self, *arguments: str) -> None:
        """
        Run a command of Airflow to its end.

        :raises AssertionError: It fails; has all that it printed.
        """
        done = subprocess.run(
            [self._python, "-m", "airflow", *arguments],
            cwd=self.home,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_START_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout.decode(errors="replace")

    def start_scheduler(self) -> ProcessTree:
        """Start another scheduler, after the first one was killed."""
        name = f"scheduler-{sum(one.name.startswith('scheduler') for one in self.components) + 1}"
        return self._start(name, "scheduler", **self._patience("scheduler"))

    def cpu_seconds(self) -> float:
        """Return the CPU time of all components so far, with that of processes that have ended."""
        return sum(component.cpu_seconds() for component in self.components)

    def start_triggerer(self) -> ProcessTree:
        """Start a triggerer, the first or another one."""
        (port,) = free_ports(1)
        name = f"triggerer-{sum(one.name.startswith('triggerer') for one in self.components) + 1}"
        patience = self._patience("triggerer")
        return self._start(name, "triggerer", AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT=str(port), **patience)

    def triggerers(self) -> list[ProcessTree]:
        """Return the triggerers that were started and are alive."""
        return [one for one in self.components if one.name.startswith("triggerer") and one.members()]

    def stop_components(self) -> None:
        """Stop everything except the database: politely, then what is left, so that they can be started again."""
        for component in self.components:
            component.terminate()
        for component in self.components:
            component.wait(PATIENCE)
            component.kill()
        self.components.clear()

    def stop(self) -> None:
        """
        Kill everything.

        :raises AssertionError: A process could not be killed.
        """
        with ExitStack() as stack:  # continues with the others when one can't be killed; the database is the last
            stack.callback(self.database.stop)
            stack.callback(self.api.close)
            for component in self.components:
                stack.callback(component.kill)

    def run(self, dag_id: str, task_id: str = "rollup", **conf: Any) -> Task:
        """
        Start a run of a DAG, as soon as Airflow knows it, and return its only task, or another one.

        :param dag_id: The DAG.
        :param task_id: The task.
        :param conf: Overrides the DAG's parameters.
        """
        eventually(lambda: self.api.knows_dag(dag_id), bool, what=f"DAG {dag_id!r}")
        return self.api.run(dag_id, task_id, conf)

    def see_worker_free(self, task: Task, attempt: int = 1) -> None:
        """
        Wait until the scheduler has heard that the worker is done with an attempt that was deferred.

        An Airflow that hears it when the task is queued again takes the task for killed and fails it. Source: jobs/
        scheduler_job_runner.py of Airflow 3.3.2, which spares it only while it is scheduled.

        :param task: A task.
        :param attempt: Its attempt, which ran once so far.
        """
        name = re.escape(task.task_id)
        told = rf"Received executor event .*task_id='{name}', run_id='{re.escape(task.run_id)}', try_number={attempt},"
        (scheduler,) = (one for one in self.components if one.name == "scheduler")
        eventually(
            lambda: re.search(told, scheduler.log.read_text(errors="replace")),
            bool,
            what="the scheduler's word that the worker is free",
        )

    def task_log(self, task: Task, attempt: int = 1) -> str:
        """Return the log of an attempt so far, from worker and triggerers."""
        folder = self.home / "logs" / f"dag_id={task.dag_id}" / f"run_id={task.run_id}" / f"task_id={task.task_id}"
        files = sorted(folder.glob(f"attempt={attempt}.log*"))
        return "\n".join(f"--- {file.name}\n{file.read_text(errors='replace')}" for file in files)

    def _patience(self, component: str) -> dict[str, str]:
        """
        Return how long a component waits for the database, if it differs.

        On SQLite the scheduler and the triggerers end when they are locked out, and on a loaded machine the API server
        locks out everybody, itself included, for as long as it waits itself: SQLite's 5 s.
        """
        patient = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.database.url(patient=True)}
        return patient if component in self.patient else {}

    def _start(self, name: str, *arguments: str, **environment: str) -> ProcessTree:
        component = ProcessTree(
            name,
            [self._python, "-m", "airflow", *arguments],
            {**self._environment, **environment},
            self.home / f"{name}.log",
        )
        self.components.append(component)
        return component

    def _wait_until_healthy(self) -> None:
        def health() -> dict[str, str | None]:
            for component in self.components:
                component.check_runs()
            return self.api.health()

        try:
            eventually(
                health,
                lambda seen: all(seen.get(name) == "healthy" for name in self.reported),
                within=_START_SECONDS,
                what="a healthy Airflow",
            )
        except AssertionError as error:
            tails = "\n".join(f"=== {one.name}\n{one.tail()}" for one in self.components)
            raise AssertionError(f"{error}\n{tails}") from None
