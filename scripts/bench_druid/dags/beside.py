# SPDX-License-Identifier: Apache-2.0
"""The same INSERT with this package's operator and with Airflow's own, each with retries; execution is timed."""

from __future__ import annotations

import json
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.apache.druid.hooks.druid import IngestionType
from airflow.providers.apache.druid.operators.druid import DruidOperator
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_polaris.operators.polaris import PolarisJobOperator

SECONDS = Path(os.environ["BENCH_SECONDS"])
SOURCE = json.dumps({"type": "http", "uris": [os.environ["BENCH_ROWS"]]})
COLUMNS = json.dumps([{"name": name, "type": "string"} for name in ("t", "city")])


def statement(table: str) -> str:
    return (
        f'INSERT INTO "{table}" SELECT TIME_PARSE("t") AS "__time", "city" '
        f"FROM TABLE(EXTERN('{SOURCE}', '{{\"type\": \"json\"}}', '{COLUMNS}')) PARTITIONED BY DAY"
    )


class Timed:
    """Append the seconds of each phase of a task to a file."""

    def execute(self, context: Any) -> Any:
        return self._time("execute", super().execute, context)  # type: ignore[misc]

    def resume_execution(self, *arguments: Any) -> Any:
        return self._time("resume", super().resume_execution, *arguments)  # type: ignore[misc]

    def _time(self, phase: str, function: Any, *arguments: Any) -> Any:
        started = time.monotonic()
        try:
            return function(*arguments)
        finally:
            line = {"dag": self.dag_id, "phase": phase, "seconds": time.monotonic() - started}  # type: ignore[attr-defined]
            with SECONDS.open("a") as file:
                file.write(json.dumps(line) + "\n")


class TimedPolarisJobOperator(Timed, PolarisJobOperator):
    """That of this package."""


class TimedDruidOperator(Timed, DruidOperator):
    """That of Airflow."""


OPTIONS: dict[str, Any] = {"task_id": "rollup", "retries": 3, "retry_delay": timedelta(seconds=1)}

for name in ("deferred", "synchronous"):
    with DAG(name, schedule=None):
        query = statement(f"bench {name}")
        TimedPolarisJobOperator(spec={"type": "sql", "query": query}, deferrable=name == "deferred", **OPTIONS)

with DAG("airflow", schedule=None):
    body = {"query": statement("bench airflow"), "context": {"maxNumTasks": 2}}
    TimedDruidOperator(json_index_file=json.dumps(body), ingestion_type=IngestionType.MSQ, **OPTIONS)
