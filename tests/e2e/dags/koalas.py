"""TEMPORARY until the operators know deferrable."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import DAG

from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator
from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger


class Deferring(PolarisTableToTableOperator):
    def __init__(self, deferrable, **kw):
        super().__init__(**kw)
        self.deferrable = deferrable

    def execute(self, context):
        if not self.deferrable:
            return super().execute(context)
        from airflow_provider_polaris.operators.kill import KillSwitch

        self._kill = KillSwitch()
        run = self._prepare(context)
        job = run.submit(self.plan_job(context, run.hook))
        run.announce(job)
        start = time.time()
        self.defer(
            trigger=PolarisJobTrigger(job.job_id, run.hook.polaris_conn_id, 1.0, started=start,
                deadline=start + 20 if self.execution_timeout else None, cancel_on_timeout=True, cancel_on_kill=True),
            method_name="execute_complete",
        )

    def execute_complete(self, context, event):
        if event["status"] != "ended" or event["state"] != "completed":
            raise RuntimeError(event["message"])
        return event["job_id"]


WAYS: dict[str, dict[str, Any]] = {
    "synchronous": {"deferrable": False},
    "deferred": {"deferrable": True},
    "deferred_timeout": {"deferrable": True, "execution_timeout": timedelta(seconds=40)},
}

for way, options in WAYS.items():
    with DAG(
        way,
        schedule=None,
        start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
        params={"connection": "polaris_default"},
    ):
        Deferring(
            task_id="rollup",
            polaris_conn_id="{{ params.connection }}",
            source_table="Koalas Source",
            target_table="Koalas Rollup",
            interval="2024-06-01/P1D",
            create_table_if_not_exists=True,
            dimensions={"city": 'UPPER("city")'},
            measures={"max_session_length": 'MAX("session_length")'},
            rollup_granularity="hour",
            poll_interval=1,
            **options,
        )
