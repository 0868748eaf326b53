# SPDX-License-Identifier: Apache-2.0
"""
The README's DAG, unchanged, on a real Druid 27 and on the emulator: ``pytest -m druid tests/operators``.

``python scripts/druid start 27`` starts the cluster; ``DRUID_URL`` names another router.
"""

from __future__ import annotations

import importlib.util
import json
import os
import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_polaris.client import DruidClient, DruidSettings
from airflow_provider_polaris.emulator.data_loading.sample_data import events
from tests import dag_runs

pytestmark = [pytest.mark.druid, pytest.mark.dag]

URL = os.environ.get("DRUID_URL", "http://127.0.0.1:18086")
CONNECTION = json.dumps({"conn_type": "apache_druid", "host": URL})
EXAMPLES = Path(__file__).resolve().parents[2] / "dags_examples"
SOURCE, TARGET = "Koalas Source", "Koalas Hours"
FILL = """REPLACE INTO "{table}" OVERWRITE ALL
SELECT TIME_PARSE("timestamp") AS "__time", "city", "session", "session_length"
FROM TABLE(EXTERN('{source}', '{{"type": "json"}}',
  '[{{"name": "timestamp", "type": "string"}}, {{"name": "city", "type": "string"}},
    {{"name": "session", "type": "string"}}, {{"name": "session_length", "type": "long"}}]'))
PARTITIONED BY DAY"""
#: Reads of a status before a test gives up.
MOST_READS = 600


def wait(client: DruidClient, job_id: str) -> str:
    """Return the final status of a job."""
    for _ in range(MOST_READS):
        if (status := client.get_job_status(job_id)) not in ("pending", "running"):
            return status
        time.sleep(0.3)
    raise AssertionError(f"job {job_id!r} never ends")


def fill(client: DruidClient, table: str) -> None:
    """Load 3,000 events of three days into a new table, and wait until queries see them."""
    inline = json.dumps({"type": "inline", "data": "\n".join(map(json.dumps, events(3000)))})
    query = FILL.format(table=table, source=inline.replace("'", "''"))
    assert wait(client, client.create_job({"type": "sql", "query": query})["id"]) == "completed"
    for _ in range(MOST_READS):
        if client.get_table(table)["availability"] == "available":
            return
        time.sleep(0.3)
    raise AssertionError(f"table {table!r} is never loaded")


def drop(client: DruidClient, *tables: str) -> None:
    for table in tables:
        if client._tables.has(table):
            client.create_job({"type": "drop_table", "target": {"type": "table", "tableName": table}})


@pytest.fixture
def druid() -> Iterator[DruidClient]:
    """Return a client of the cluster."""
    with DruidClient(DruidSettings.from_host(URL, connection_name="real")) as client:
        yield client


DAY = datetime(2024, 6, 2, tzinfo=timezone.utc)
SQL = f'SELECT "__time", "city", "sessions", "longest", "__count" FROM "{TARGET}"'


def rows(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(found, key=lambda row: (row["__time"], row["city"]))


def run(dag: Any, day: datetime) -> Any:
    """Run a DAG whose tasks sleep as in production: the jobs of a real Druid take time."""
    return dag_runs.run(dag, day, longest_sleep=60)


def states(dag_run: Any) -> dict[str, str]:
    return {ti.task_id: str(ti.state) for ti in dag_run.get_task_instances()}


def example(monkeypatch: pytest.MonkeyPatch, name: str) -> Any:
    """Return the DAG of an example's file, which doesn't assign it to a variable."""
    from airflow.providers.common.compat.sdk import DAG

    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made: list[Any] = []
    enter = DAG.__enter__
    with monkeypatch.context() as patch:
        patch.setattr(DAG, "__enter__", lambda self: [made.append(self), enter(self)][1])
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    return made[0]


def readme_dag(monkeypatch: pytest.MonkeyPatch, *, deferrable: bool) -> Any:
    """Return the DAG of the README."""
    dag = example(monkeypatch, "koalas_first")
    dag.task_dict["rollup"].deferrable = deferrable
    return dag


def test_readme_dag_has_the_same_rows_on_druid_and_on_the_emulator(airflow_db, druid, monkeypatch, polaris_emulator):
    """Only the connection changes; a second run, deferred, leaves the same rows. The DAG names its tables itself."""
    drop(druid, SOURCE, TARGET)
    fill(druid, SOURCE)
    polaris_emulator.load(SOURCE, list(events(3000)))
    assert states(run(readme_dag(monkeypatch, deferrable=False), DAY)) == {"rollup": "success"}
    expected = rows(polaris_emulator.query(SQL))
    assert len(expected) > 200

    monkeypatch.setenv("AIRFLOW_CONN_POLARIS_DEFAULT", CONNECTION)
    for deferrable in (False, True):
        assert states(run(readme_dag(monkeypatch, deferrable=deferrable), DAY)) == {"rollup": "success"}
        assert rows(druid.query(SQL)) == expected
    drop(druid, SOURCE, TARGET)


def test_checked_statement_and_its_age_out_have_the_same_rows_on_druid(
    airflow_db, druid, monkeypatch, polaris_emulator
):
    """A join from a file, checks, Airflow's own check of a column, and an age-out, which moves the first day."""
    tables = (SOURCE, "Koalas Shares", "Koalas Shares Archive")
    archived = 'SELECT "__time", "city", "sessions", "longest" FROM "Koalas Shares Archive"'

    def archive(service: Any) -> list[dict[str, Any]]:
        for day in (2, 3):
            made = states(run(example(monkeypatch, "koalas_checked"), datetime(2024, 6, day, tzinfo=timezone.utc)))
            assert {made["shares"], made["check"]} == {"success"}
        assert set(made.values()) == {"success"}
        return rows(service.query(archived))

    drop(druid, *tables)
    fill(druid, SOURCE)
    polaris_emulator.load(SOURCE, list(events(3000)))
    expected = archive(polaris_emulator)
    assert sum(row["sessions"] for row in expected) == 1000

    monkeypatch.setenv("AIRFLOW_CONN_POLARIS_DEFAULT", CONNECTION)
    assert archive(druid) == expected
    assert by_day(druid, "Koalas Shares", 1) == [1000]
    drop(druid, *tables)


def build(source: str, target: str) -> Any:
    """Return a DAG that waits for data, deletes a day, restores it, and ages a day out."""
    from airflow.providers.common.compat.sdk import DAG
    from airflow.timetables.interval import CronDataIntervalTimetable

    from airflow_provider_polaris.operators.polaris import PolarisDeleteDataOperator, PolarisRestoreDataOperator
    from airflow_provider_polaris.sensors.polaris import PolarisDataSensor
    from airflow_provider_polaris.task_groups.polaris import PolarisAgeOutTaskGroup

    with DAG(
        "koalas_on_druid",
        schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
        start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
        catchup=False,
        default_args={"poll_interval": 0.3},
    ) as dag:
        wait = PolarisDataSensor(task_id="wait", table=source, min_rows=1000, poke_interval=1, timeout=60)
        delete = PolarisDeleteDataOperator(task_id="delete", table_name=source, intervals="2024-06-03/P1D")
        restore = PolarisRestoreDataOperator(task_id="restore", table_name=source, interval="2024-06-03/P1D")
        age = PolarisAgeOutTaskGroup(
            group_id="age",
            source_table=source,
            target_table=target,
            older_than="P1D",
            rollup_granularity="hour",
            partitioned_by="day",
            dimensions=["city"],
            measures={"sessions": "COUNT(*)", "longest": 'MAX("session_length")'},
            create_table_if_not_exists=True,
            poll_interval=0.3,
        )
        wait >> delete >> restore >> age
    return dag


def by_day(druid: DruidClient, table: str, days: int) -> list[int]:
    """Return the number of rows of each day, once the table has rows on so many days."""
    for _ in range(MOST_READS):
        found = druid.query(f'SELECT FLOOR("__time" TO DAY) AS "day", COUNT(*) AS "n" FROM "{table}" GROUP BY 1')
        if len(found) == days:
            break
        time.sleep(0.3)
    return [row["n"] for row in found]


def test_sensor_deletion_restore_and_age_out_run_on_druid(airflow_db, druid, monkeypatch):
    """The restored day is back. The aged day is copied, proven, and deleted; and it can be restored, too."""
    monkeypatch.setenv("AIRFLOW_CONN_POLARIS_DEFAULT", CONNECTION)
    source, target = (f"{uuid.uuid4().hex[:12]} {name}" for name in ("Source", "Hours"))
    fill(druid, source)
    aged = f"""SELECT * FROM "{source}" WHERE FLOOR("__time" TO DAY) = TIMESTAMP '2024-06-01'"""
    before = sorted(map(str, druid.query(aged)))

    dag_run = run(build(source, target), datetime(2024, 6, 3, tzinfo=timezone.utc))

    tasks = ("wait", "delete", "restore", "age.plan", "age.copy", "age.prove", "age.delete")
    assert states(dag_run) == dict.fromkeys(tasks, "success")
    assert by_day(druid, source, 2) == [1000, 1000]
    assert druid.query(f'SELECT SUM("sessions") AS "n" FROM "{target}"') == [{"n": 1000}]
    druid.create_job(
        {"type": "restore_data", "target": {"type": "table", "tableName": source}, "interval": "2024-06-01/P1D"}
    )
    assert by_day(druid, source, 3) == [1000, 1000, 1000]
    assert len(before) == 1000
    assert sorted(map(str, druid.query(aged))) == before
    drop(druid, source, target)
