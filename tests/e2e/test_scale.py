# SPDX-License-Identifier: Apache-2.0
"""
Hundreds of deferrable tasks under load, while processes are killed, the service stops, and users clear and mark.

``SCALE_TASKS`` is their number, 300 by default. Before, as many trivial tasks run undisturbed, and as many of ours, for
comparison (``SCALE_COMPARED`` sets another number). These figures are printed, not judged. With ``SCALE_PRELOAD=no``
the workers don't load the package before they fork.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.database import postgres_programs
from harness.fleet import Fleet, busy_cores
from harness.polaris import Polaris
from harness.waiting import eventually

pytestmark = [
    pytest.mark.e2e_scale,
    pytest.mark.skipif(postgres_programs() is None, reason="PostgreSQL is not installed (Debian: postgresql)"),
]

TASKS = int(os.environ.get("SCALE_TASKS", "300"))
COMPARED = int(os.environ.get("SCALE_COMPARED", TASKS))
CLEARED = MARKED = max(1, TASKS // 6)
#: How long jobs run, as the trivial tasks wait.
JOB_SECONDS = 20
#: Seconds for which the service stops.
OUTAGE_SECONDS = 60
#: Seconds in which a busy machine with two cores runs the workers of all tasks.
MANY_WORKERS = 3600


@pytest.fixture
def polaris(tmp_path: Path) -> Iterator[Polaris]:
    """Run a Polaris whose jobs take some time."""
    server = Polaris(tmp_path / "polaris.log", seconds=JOB_SECONDS)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def local_settings() -> str:
    """Load the package before tasks are forked, as the page on sizing recommends, unless ``SCALE_PRELOAD=no``."""
    return "" if os.environ.get("SCALE_PRELOAD") == "no" else "import airflow_provider_polaris.preload\n"


@pytest.fixture
def connection(airflow, polaris) -> str:
    """Add a second triggerer, and return the connection to the service."""
    airflow.start_triggerer()
    airflow.api.add_connection({"connection_id": "scale", **polaris.connection()})
    return "scale"


def run_all(airflow, polaris, connection, dag_id: str) -> tuple[float, float]:
    """Run as many tasks of a DAG to their end, and return the seconds and the CPU seconds of a task."""
    began, used = time.monotonic(), airflow.cpu_seconds()
    fleet = Fleet(airflow, polaris, connection, COMPARED, dag_id=dag_id, prefix=dag_id)
    fleet.wait_until(
        lambda one: one["state"] in ("success", "failed"), within=MANY_WORKERS, what="the end of all tasks"
    )
    assert {one["state"] for one in fleet.instances().values()} == {"success"}
    return (time.monotonic() - began) / COMPARED, (airflow.cpu_seconds() - used) / COMPARED


def test_tasks_at_scale_run_one_job_each(airflow, polaris, connection, capsys):
    """One job with effect for each task that was not marked, a second one for each that was cleared, none lost."""
    seconds, cpu = run_all(airflow, polaris, connection, "trivial")
    ours_seconds, ours_cpu = run_all(airflow, polaris, connection, "scale")
    with capsys.disabled():
        print(
            f"\n{COMPARED} trivial deferrable tasks: {1 / seconds:.2f} tasks/s, {cpu:.2f} s of CPU each. "
            f"{COMPARED} PolarisTableToTableOperator: {1 / ours_seconds:.2f} tasks/s, {ours_cpu:.2f} s of CPU each. "
            f"Ratio: {seconds / ours_seconds:.2f} of the rate, {ours_cpu / cpu:.2f} of the CPU."
        )
    polaris.hold()
    with busy_cores(1):
        fleet = Fleet(airflow, polaris, connection, TASKS, dag_id="scale")
        disturb(airflow, polaris, fleet)
        tables = fleet.tables()
        marked, cleared, left = tables[:MARKED], tables[MARKED : MARKED + CLEARED], tables[MARKED + CLEARED :]
        first = {table: jobs[0]["id"] for table, jobs in fleet.jobs().items()}
        for table in marked:
            fleet.task(table).mark("failed")
        for table in cleared:
            fleet.task(table).clear()
        wait_for_cancels(fleet, first, {*marked, *cleared})
    # The cleared tasks wait until their old jobs have ended, and then submit new ones.
    polaris.release()
    fleet.wait_until(lambda one: one["state"] in ("success", "failed"), within=MANY_WORKERS, what="the end of all")
    states = {table: one["state"] for table, one in fleet.instances().items()}
    assert {table for table, state in states.items() if state == "failed"} == set(marked)
    ends = {table: [job["executionStatus"] for job in jobs] for table, jobs in fleet.jobs().items()}
    assert ends == {
        **{table: ["canceled"] for table in marked},
        **{table: ["canceled", "completed"] for table in cleared},
        **{table: ["completed"] for table in left},
    }
    assert max(polaris.counters("effectiveJobsByBody")) == 1


def disturb(airflow, polaris, fleet) -> None:
    """Kill the scheduler with the workers, a triggerer, and stop the service, while tasks start; wait for the tasks."""
    # A killed scheduler is detected at once, not after minutes.
    airflow.set_environment(
        AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD="20",
        AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL="10",
    )
    wait_for_deferred(fleet, TASKS // 4)
    (scheduler,) = (one for one in airflow.components if one.name.startswith("scheduler") and one.members())
    scheduler.kill()
    airflow.start_scheduler()
    wait_for_deferred(fleet, TASKS // 2)
    victim, _ = airflow.triggerers()
    polaris.process.freeze()
    try:
        victim.kill()
        airflow.start_triggerer()
        time.sleep(OUTAGE_SECONDS)
    finally:
        polaris.process.thaw()
    fleet.wait_until(lambda one: one["state"] == "deferred", within=MANY_WORKERS, what="all tasks deferred")
    eventually(
        lambda: (
            {(one["triggerer_job"] or {}).get("id") for one in fleet.instances().values()}
            - airflow.alive_triggerer_jobs()
        ),
        lambda dead: not dead,
        within=MANY_WORKERS,
        what="all triggers in triggerers that live",
    )


def wait_for_deferred(fleet, count: int) -> None:
    """Wait until so many tasks are deferred."""
    fleet.wait_until(
        lambda one: one["state"] == "deferred", within=MANY_WORKERS, what=f"{count} deferred tasks", count=count
    )


def wait_for_cancels(fleet, first: dict[str, str], unwanted: set[str]) -> None:
    """Wait until the cancellation of the first jobs of these tables, and of no other one, is requested."""
    fleet.wait_for_jobs(
        lambda jobs: (
            {
                table
                for table, found in jobs.items()
                for job in found
                if job["id"] == first[table] and job["desiredExecutionStatus"] == "canceled"
            }
            == unwanted
        ),
        within=MANY_WORKERS,
        what="the cancels",
    )
