# SPDX-License-Identifier: Apache-2.0
"""Whole DAG runs in a real Airflow process, against the emulator."""

from __future__ import annotations

from datetime import datetime, timezone
from operator import itemgetter

import pytest

from tests.dag_runs import INGEST, polaris, run

__all__ = ["polaris"]  # the fixture

pytestmark = pytest.mark.dag


def build(deferrable):
    """Return a DAG of job operator, table-to-table operator and sensor."""
    from airflow.providers.common.compat.sdk import DAG
    from airflow.timetables.interval import CronDataIntervalTimetable

    from airflow_provider_polaris.operators.polaris import PolarisJobOperator, PolarisTableToTableOperator
    from airflow_provider_polaris.sensors.polaris import PolarisJobSensor

    with DAG(
        f"koalas_test_{deferrable}",
        schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
        start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
        catchup=False,
    ) as dag:
        ingest = PolarisJobOperator(
            task_id="ingest",
            spec={**INGEST, "ingestionMode": "replace", "replaceAll": True},
            deferrable=deferrable,
            poll_interval=0.1,
        )
        rollup = PolarisTableToTableOperator(
            task_id="rollup",
            source_table="Koalas Source",
            target_table="Koalas {{ params.name }}",
            dimensions={"city": 'UPPER("city")'},
            measures={"max_session_length": 'MAX("session_length")'},
            rollup_granularity="hour",
            create_table_if_not_exists=True,
            wait_for_completion="{{ params.wait }}",
            params={"name": "Rollup", "wait": False},
        )
        wait = PolarisJobSensor(
            task_id="wait", job_id=rollup.output, deferrable=deferrable, poke_interval=0.1, timeout=600
        )
        ingest >> rollup >> wait
    return dag


def test_dag_ingests_rolls_up_and_waits_with_the_sensor(airflow_db, polaris, monkeypatch):
    """All three in one run; a second run, deferred, has the same results and leaves the same table."""
    from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger

    triggered = []
    wait = PolarisJobTrigger.run
    monkeypatch.setattr(PolarisJobTrigger, "run", lambda self: [triggered.append(self.job_id), wait(self)][1])
    results = []
    for deferrable in (False, True):
        day = datetime(2024, 6, 2, tzinfo=timezone.utc)  # the interval ends at the time of a manual run
        dag_run = run(build(deferrable), day)
        assert {ti.task_id: str(ti.state) for ti in dag_run.get_task_instances()} == {
            "ingest": "success",
            "rollup": "success",
            "wait": "success",
        }
        rows = polaris.query('SELECT "city", "max_session_length", "__count" FROM "Koalas Rollup"')
        assert sorted(rows, key=itemgetter("city")) == [
            {"city": "BERLIN", "max_session_length": 30, "__count": 2},
            {"city": "OSLO", "max_session_length": 5, "__count": 1},
        ]
        rollup, ingest = polaris.iter_jobs(limit=2)
        assert rollup["target"]["tableName"] == "Koalas Rollup"
        assert triggered == ([ingest["id"], rollup["id"]] if deferrable else [])
        xcoms = {
            (task_id, key): dag_run.get_task_instance(task_id).xcom_pull(task_ids=task_id, key=key)
            for task_id in ("ingest", "rollup", "wait")
            for key in ("return_value", "polaris_job", "polaris_job_url")
        }
        assert xcoms["ingest", "return_value"] == ingest["id"]
        assert xcoms["rollup", "return_value"] == rollup["id"]
        assert xcoms["wait", "return_value"] is None
        assert xcoms["ingest", "polaris_job_url"].endswith(ingest["id"])
        assert xcoms["wait", "polaris_job_url"].endswith(rollup["id"])
        facts = xcoms["wait", "polaris_job"]
        assert facts["bytes"] > 0
        assert facts["seconds"] >= 0
        results.append([xcoms["ingest", "polaris_job"], facts])
        for each in results[-1]:
            del each["seconds"]
            assert each.pop("id") in (ingest["id"], rollup["id"])
    assert results[1] == results[0]
    assert {name: value for name, value in results[0][1].items() if name != "bytes"} == {
        "status": "completed",
        "intervals": ["2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"],
        "rows_processed": 3,
        "rows_persisted": 2,
        "adopted": None,
    }
