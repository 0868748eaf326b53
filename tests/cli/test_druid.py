# SPDX-License-Identifier: Apache-2.0
"""The commands with a connection of type apache_druid, on a fake Druid."""

from __future__ import annotations

import json

import pytest

from airflow_provider_polaris.hooks.druid import DruidHook
from tests.druid_service import CONN_ID, DruidService

SPEC = {
    "type": "batch",
    "source": {"type": "table", "tableName": "raw"},
    "target": {"type": "table", "tableName": "hourly", "intervals": ["2024-06-01/2024-06-02"]},
    "mappings": [{"columnName": "city", "expression": '"city"'}],
    "ingestionMode": "replace",
    "partitionedBy": "day",
}


@pytest.fixture
def job(druid_service: DruidService) -> str:
    """Submit a job and return its id."""
    druid_service.table("raw", columns={"city": "VARCHAR"})
    hook = DruidHook()
    try:
        return str(hook.submit_job(SPEC)["id"])
    finally:
        hook.close()


def test_test_prints_what_works(druid_service, run):
    """As for the Test button."""
    done = run("test", "--conn-id", CONN_ID)

    assert done.code == 0
    assert done.out.startswith(f"Reached Druid 27.0.0 at {druid_service.url}: ")


def test_jobs_list_has_the_task(druid_service, job, run):
    """In the package's own terms."""
    done = run("jobs", "list", "--conn-id", CONN_ID, "--output", "json")

    (listed,) = json.loads(done.out)
    assert (done.code, listed["id"], listed["type"], listed["target"]["tableName"]) == (0, job, "batch", "hourly")


def test_jobs_sql_is_the_statement_of_the_task(druid_service, job, run):
    """Read from the spec that the task carries."""
    done = run("jobs", "sql", job, "--conn-id", CONN_ID)

    assert done.code == 0
    assert done.out.startswith('REPLACE INTO "hourly"\n')


def test_jobs_cancel_shuts_the_task_down(druid_service, job, run):
    """Druid calls it a shutdown."""
    druid_service.reads = None

    done = run("jobs", "cancel", job, "--conn-id", CONN_ID)

    assert (done.code, druid_service.tasks[job].message) == (0, "Shutdown request from user")


def test_jobs_watch_returns_when_the_task_has_ended(druid_service, job, run):
    """With its totals."""
    done = run("jobs", "watch", job, "--conn-id", CONN_ID)

    assert done.code == 0
    assert "completed: 3 rows read, 2 rows stored." in done.out + done.err
