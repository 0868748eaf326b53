"""PolarisJobOperator, and with it what all operators do: submit, hand on, wait, judge."""

from __future__ import annotations

import json

import pytest

from airflow_provider_polaris.compat import AirflowFailException
from airflow_provider_polaris.jobs.errors import (
    PolarisAuthError,
    PolarisJobCanceledError,
    PolarisJobFailedError,
    PolarisSpecError,
)
from airflow_provider_polaris.operators.polaris import PolarisJobOperator

JOB = "018a90ac-0758-762b-b502-c5b1293302fe"
SPEC = {
    "type": "batch",
    "source": {"type": "table", "tableName": "Koalas Source"},
    "target": {"type": "table", "tableName": "Koalas Rollup", "intervals": ["2026-11-19/2026-11-20"]},
    "ingestionMode": "replace",
    "mappings": [{"columnName": "city", "expression": '"city"'}],
    "someNewField": {"a": 1},
}


def operator(**arguments):
    return PolarisJobOperator(**{"task_id": "job", "spec": SPEC, **arguments})


def test_execute_with_a_good_job_submits_waits_and_returns_its_id(jobs, clock, context, ti, task_log):
    """A job that completes: one POST of exactly the spec, XComs, one log line for each thing that happened."""
    jobs.accept()
    jobs.is_now("pending")
    jobs.has(metrics={"numRowsProcessed": 100000, "numRowsPersisted": 240, "numBytesProcessed": 5}, progress=0.5)
    steps = {1: "running", 2: "running", 3: "completed"}
    clock.then = lambda count: jobs.is_now(
        steps[count], startedTimestamp="2026-11-20T06:00:01Z", completedTimestamp="2026-11-20T06:00:31Z"
    )

    assert operator().execute(context) == JOB

    assert jobs.submitted == [SPEC]
    assert clock.sleeps == [30, 30, 30]
    url = f"{jobs.server.url}/v1/projects/00000000-0000-4000-8000-000000000001"
    assert ti.pushed == [
        ("polaris_job_url", f"{url}/jobs/{JOB}"),
        ("polaris_table_url", f"{url}/tables/Koalas%20Rollup"),
        (
            "polaris_job",
            {
                "id": JOB,
                "status": "pending",
                "intervals": None,
                "rows_processed": None,
                "rows_persisted": None,
                "bytes": None,
                "seconds": None,
                "adopted": False,
            },
        ),
        (
            "polaris_job",
            {
                "id": JOB,
                "status": "completed",
                "intervals": None,
                "rows_processed": 100000,
                "rows_persisted": 240,
                "bytes": 5,
                "seconds": 30.0,
                "adopted": False,
            },
        ),
    ]
    see = f"{url}/jobs/{JOB}"
    assert task_log() == [
        f"INFO Submitted Polaris job {JOB!r} (batch into 'Koalas Rollup'). See {see}",
        f"INFO Polaris job {JOB!r} is 'pending' ({see})",
        f"INFO Polaris job {JOB!r} is 'running', was 'pending', 30 s into the wait ({see})",
        f"INFO Polaris job {JOB!r} is 50 % done, 30 s into the wait ({see})",
        f"INFO Polaris job {JOB!r} is 'completed', was 'running', 90 s into the wait ({see})",
        f"INFO Polaris job {JOB!r} completed: 100,000 rows read, 240 rows stored. See {see}",
    ]
