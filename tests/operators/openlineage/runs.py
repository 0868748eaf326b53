# SPDX-License-Identifier: Apache-2.0
"""
Run a DAG with Airflow's OpenLineage provider on; started by ``test_runs.py`` as a process of its own.

The provider reads its settings once a process, and only a process that starts with them has its listener as users do.
Writes the state of each task to the file that it is given, as JSON.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")  # Airflow's own

from tests.dag_runs import run  # noqa: E402

DAY = datetime(2024, 6, 1, tzinfo=timezone.utc)
INTERVAL = "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"


def main() -> None:
    """Run the tasks one after the other."""
    break_lineage("Koalas broken")
    tasks = run(build(), DAY).get_task_instances()
    Path(sys.argv[1]).write_text(json.dumps({task.task_id: str(task.state) for task in tasks}))


def build() -> Any:
    """Return a DAG of three rollups and a job that fails, because its rows leave the replaced interval."""
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_polaris.operators.polaris import PolarisJobOperator, PolarisTableToTableOperator

    with DAG("koalas_lineage", schedule=None, start_date=DAY, catchup=False) as dag:
        for name in ("waiting", "deferred", "broken"):
            PolarisTableToTableOperator(
                task_id=name,
                source_table="Koalas Source",
                target_table=f"Koalas {name}",
                interval=INTERVAL,
                dimensions={"city": 'UPPER("city")'},
                measures={"longest": 'MAX("session_length")'},
                rollup_granularity="hour",
                filter_expression='"session_length" > 0',
                create_table_if_not_exists=True,
                deferrable=name == "deferred",
                poll_interval=0.1,
            )
        PolarisJobOperator(
            task_id="failing",
            spec={
                "type": "batch",
                "source": {"type": "table", "tableName": "Koalas Source", "interval": INTERVAL},
                "target": {"type": "table", "tableName": "Koalas failing", "intervals": [INTERVAL]},
                "ingestionMode": "replace",
                "createTableIfNotExists": True,
                "mappings": [{"columnName": "__time", "expression": "TIME_SHIFT(\"__time\", 'P1D', 1)"}],
            },
            poll_interval=0.1,
        )
    return dag


def break_lineage(table: str) -> None:
    """Let the SQL parser of jobs into one table raise."""
    from airflow_provider_polaris.operators.openlineage import job_lineage as job

    def breaking(whole: Callable[..., Any]) -> Callable[..., Any]:
        def broken(state: Any, *arguments: Any) -> Any:
            if state.target_table == table:
                raise RuntimeError("broken on purpose")
            return whole(state, *arguments)

        return broken

    job.read_lineage = breaking(job.read_lineage)
    job.statement_of = breaking(job.statement_of)


if __name__ == "__main__":
    main()
