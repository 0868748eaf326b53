# SPDX-License-Identifier: Apache-2.0
"""A deferrable operator, its deferral, and the events of its trigger."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_polaris.operators.polaris import PolarisJobOperator
from tests.operators.conftest import JOB, REPLACE

STATUS = ("GET", f"/jobs/{JOB}/status")
CANCEL = f"POST jobs/{JOB}/status"
APPEND = {**REPLACE, "ingestionMode": "append", "target": {"type": "table", "tableName": "b"}}


def operator(**arguments):
    return PolarisJobOperator(**{"task_id": "job", "spec": REPLACE, "deferrable": True, **arguments})


def defer(task, context):
    """Run a task until it is deferred; return the deferral."""
    with pytest.raises(TaskDeferred) as caught:
        task.execute(context)
    return caught.value


def event(status="ended", state="completed", message="the trigger's words"):
    return {"status": status, "job_id": JOB, "state": state, "message": message}
