# SPDX-License-Identifier: Apache-2.0
"""Tasks that release 0.1.0 began are ended by the package in the tree, in an environment that is upgraded between."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest
from harness.airflow2 import Airflow2
from harness.airflow3 import Airflow3
from harness.checks import CANCEL
from harness.polaris import KOALAS
from harness.releases import Installation
from harness.rest import Task
from harness.waiting import eventually

from airflow_provider_polaris import __version__

pytestmark = pytest.mark.e2e

DAGS = Path(__file__).parent / "upgrade_dags"
COLUMNS = [{"columnName": name, "expression": f'"{name}"'} for name in ("__time", "city", "session_length")]
ROLLED_UP = [("BERLIN", 2), ("OSLO", 1)]


@pytest.fixture
def installation(tmp_path):
    """Install 0.1.0."""
    made = Installation(tmp_path)
    made.install("0.1.0")
    assert made.version() == "0.1.0"
    return made


@pytest.fixture
def old_airflow(installation, tmp_path, polaris):
    """Run an Airflow with it; the connection is in the environment."""
    kind = Airflow2 if version("apache-airflow").startswith("2.") else Airflow3
    home = tmp_path / "airflow"
    home.mkdir()
    airflow = kind(home, DAGS, installation.python)
    airflow.set_environment(AIRFLOW_CONN_POLARIS_DEFAULT=json.dumps(polaris.connection()))
    try:
        airflow.start()
        yield airflow
    finally:
        airflow.stop()


def test_tasks_of_0_1_0_end_once_after_the_upgrade(installation, old_airflow, polaris):
    """Each kind of deferred task, an age-out between its tasks, and an append whose worker was killed."""
    airflow = old_airflow
    polaris.copy_day("2024-06-01", "Upgrade Detail", COLUMNS)
    polaris.hold()
    watched = polaris.start_copy("2024-06-01", "Upgrade Watched", COLUMNS)
    tasks = {
        name: airflow.run(f"upgrade_{name}", **({"job": watched} if name == "job_sensor" else {}))
        for name in ("rollup", "append", "spec", "job_sensor", "data_sensor")
    }
    eventually(lambda: airflow.api.knows_dag("upgrade_age_out"), bool, what="the age-out")
    run = airflow.api.ask("POST", "/dags/upgrade_age_out/dagRuns", {"logical_date": "2024-07-02T00:00:00Z"})
    age_out = Task(airflow.api, "upgrade_age_out", run["dag_run_id"], "age_out.copy")
    for name, task in {**tasks, "age_out": age_out}.items():
        task.wait_for("running" if name == "append" else "deferred")
    submitted = ["Append", "Archive", "Rollup", "Spec", "Watched"]
    eventually(lambda: running(polaris), lambda seen: seen == submitted, what="the jobs")

    (scheduler,) = (one for one in airflow.components if one.name == "scheduler")
    scheduler.kill()  # with the worker
    airflow.stop_components()
    installation.upgrade()
    assert installation.version() == __version__
    assert running(polaris) == submitted
    airflow.start_components()
    before = polaris.requests()
    eventually(polaris.requests, lambda seen: seen != before, what="polls of the new release")
    polaris.release()
    polaris.append([{**KOALAS[0], "timestamp": "2024-06-05T12:00:00Z"}], "june-5.json")

    proven = Task(airflow.api, age_out.dag_id, age_out.run_id, "age_out.prove")
    deleted = Task(airflow.api, age_out.dag_id, age_out.run_id, "age_out.delete")
    for task in (*tasks.values(), age_out, proven, deleted):
        task.wait_for("success")
    assert CANCEL not in polaris.requests()
    jobs = {job["id"]: job for job in polaris.jobs()}
    assert sorted(job["target"]["tableName"] for job in jobs.values()) == sorted(
        ["Upgrade Detail", *(f"Upgrade {name}" for name in submitted)]
    )
    assert {job["executionStatus"] for job in jobs.values()} == {"completed"}
    for name, table in (("rollup", "Rollup"), ("append", "Append"), ("spec", "Spec")):
        assert jobs[tasks[name].xcom()]["target"]["tableName"] == f"Upgrade {table}"
    for table in ("Rollup", "Append", "Archive"):
        rows = polaris.query(f'SELECT "city", "sessions" FROM "Upgrade {table}"')
        assert sorted((row["city"], row["sessions"]) for row in rows) == ROLLED_UP
    assert polaris.query('SELECT COUNT(*) AS "n" FROM "Upgrade Detail"') == [{"n": 0}]
    assert tasks["data_sensor"].xcom("polaris_data")["rows"] == 1
    assert tasks["append"].look()["try_number"] > 1


def running(polaris):
    """Return the tables of the jobs that run."""
    jobs = [job for job in polaris.jobs() if job["executionStatus"] == "running"]
    assert {job["desiredExecutionStatus"] for job in jobs} == {"running"}
    return sorted(job["target"]["tableName"].removeprefix("Upgrade ") for job in jobs)
