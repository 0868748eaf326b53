# SPDX-License-Identifier: Apache-2.0
"""
A real Airflow for all scenarios, and a Polaris for each.

Minutes rather than seconds, so these tests run only where they are asked for: ``pytest tests/e2e -m e2e``, and
``-m smoke`` for the bounded part.
"""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for the package 'harness'

pytest.register_assert_rewrite("harness")
from harness.airflow import Airflow  # noqa: E402
from harness.airflow2 import Airflow2  # noqa: E402
from harness.airflow3 import Airflow3  # noqa: E402
from harness.checks import see_waiting  # noqa: E402
from harness.database import postgres_programs  # noqa: E402
from harness.polaris import Polaris  # noqa: E402
from harness.rest import Task  # noqa: E402

RunDag = Callable[..., Task]


def pytest_report_header() -> str:
    """Return which database Airflow has."""
    database = "PostgreSQL" if postgres_programs() else "SQLite, because PostgreSQL is not installed"
    return f"Airflow's database: {database}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Put the logs of Airflow and Polaris into the report of a failed scenario."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if report.failed and call.when == "call":
        report.sections += evidence(getattr(item, "funcargs", {}))
    return report  # type: ignore[return-value]


def evidence(fixtures: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield titles and texts."""
    airflow: Airflow | None = fixtures.get("airflow")
    polaris: Polaris | None = fixtures.get("polaris")
    for task in getattr(fixtures.get("run_dag"), "tasks", ()):
        yield f"task {task.dag_id} {task.run_id}", json.dumps(task.look(), indent=1)
        for attempt in (1, 2, 3):
            if airflow is not None and (text := airflow.task_log(task, attempt)):
                yield f"log of attempt {attempt}", text
    if polaris is not None:
        yield "polaris", polaris.describe()
        yield polaris.process.name, polaris.process.tail()
    for component in airflow.components if airflow is not None else ():
        yield component.name, component.tail(without="http.access")


@pytest.fixture(scope="session")
def local_settings() -> str:
    """Airflow's local settings: none; a module whose tests run by themselves may have its own."""
    return ""


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory, local_settings: str) -> Iterator[Airflow]:
    """Run the installed Airflow, with one triggerer."""
    # Its version from its metadata: the test process imports nothing from Airflow.
    kind = Airflow2 if version("apache-airflow").startswith("2.") else Airflow3
    home = tmp_path_factory.mktemp("airflow")
    if local_settings:
        (home / "config").mkdir()
        (home / "config" / "airflow_local_settings.py").write_text(local_settings)
    server = kind(home, HERE / "dags")
    # A polite end of the tests also ends the processes that they started.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        signal.signal(signal.SIGTERM, before)


@pytest.fixture
def polaris(tmp_path: Path) -> Iterator[Polaris]:
    """Run a Polaris for one test."""
    server = Polaris(tmp_path / "polaris.log")
    yield server
    server.stop()


@pytest.fixture
def run_dag(airflow: Airflow, polaris: Polaris, request: pytest.FixtureRequest) -> Iterator[RunDag]:
    """Start a run that uses the Polaris of this test, and return its task; an active run is ended later."""
    # In Airflow's database and not in the environment, so that worker and triggerer must read it from there.
    connection = {"connection_id": re.sub(r"\W+", "_", request.node.name), **polaris.connection()}
    airflow.api.add_connection(connection)

    def run(dag_id: str, task_id: str = "rollup") -> Task:
        task = airflow.run(dag_id, task_id, connection=connection["connection_id"])
        run.tasks.append(task)  # type: ignore[attr-defined]
        return task

    run.tasks = []  # type: ignore[attr-defined]
    yield run
    for task in run.tasks:  # type: ignore[attr-defined]
        if task.state() not in ("success", "failed", "skipped"):
            task.mark("failed")


@pytest.fixture
def waiting_task(run_dag: RunDag, polaris: Polaris) -> RunDag:
    """Start a run whose job runs until Polaris releases it, and return its task when it waits for the job."""

    def run(dag_id: str, state: str = "deferred") -> Task:
        polaris.hold()
        task = run_dag(dag_id)
        task.wait_for(state)
        see_waiting(polaris)
        return task

    return run
