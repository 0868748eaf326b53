# SPDX-License-Identifier: Apache-2.0
"""The example DAG of a year in twelve jobs, and plain dynamic mapping, in a real Airflow process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator
from tests.examples.test_examples_parse import _parse
from tests.task_groups.backfill.conftest import RUN_DATE, run, states

pytestmark = pytest.mark.dag

EXAMPLE = Path(__file__).resolve().parents[3] / "dags_examples" / "koalas_backfill.py"
YEAR = Interval.parse("2024/P1Y")
MONTHS = [piece.to_wire() for piece in YEAR.split(Granularity.MONTH)]
ROWS = [
    {"__time": f"2024-{month:02}-{day}:00:00.000Z", "city": city, "max_session_length": most + month, "__count": count}
    for month in range(1, 13)
    for day, city, most, count in (("01T00", "OSLO", 100, 2), ("28T23", "BERN", 200, 1))
]


def replaced(polaris: Any) -> list[list[str]]:
    """Return the interval that each job replaced, in time order."""
    jobs = [polaris.get_job(job["id"]) for job in polaris.iter_jobs()]
    return sorted(job["target"]["intervals"] for job in jobs)


def rows(polaris: Any) -> list[dict[str, Any]]:
    """Return the rolled-up rows of the year."""
    sql = 'SELECT "__time", "city", "max_session_length", "__count" FROM "Koalas Rollup" ORDER BY "__time"'
    return list(polaris.query(sql))


def test_example_loads_a_year_in_twelve_jobs(airflow_db, polaris) -> None:
    """Each month by its own job, named by its interval; a second run leaves the same rows."""
    for _ in range(2):
        dag = _parse(EXAMPLE).dags["koalas_backfill"]
        dag.task_dict["backfill.load"].partial_kwargs["poll_interval"] = 0.1
        dag_run = run(dag, year=2024)
        assert states(dag_run) == {"backfill.plan": ["success"], "backfill.load": ["success"] * 12}
        assert rows(polaris) == ROWS
    assert replaced(polaris) == sorted([month] for month in MONTHS * 2)
    names = {each.map_index: each.rendered_map_index for each in dag_run.get_task_instances()}
    assert [names[index] for index in range(12)] == MONTHS


def test_plain_mapping_over_a_split_interval_loads_each_piece(airflow_db, polaris) -> None:
    """Without the group, for an interval that is known when the DAG file is parsed."""
    with DAG("koalas_mapped", schedule=None, start_date=RUN_DATE) as dag:
        PolarisTableToTableOperator.partial(
            task_id="load",
            source_table="Koalas Source",
            target_table="Koalas Rollup",
            rollup_granularity="hour",
            dimensions={"city": 'UPPER("city")'},
            measures={"max_session_length": 'MAX("session_length")'},
            create_table_if_not_exists=True,
            poll_interval=0.1,
            max_active_tis_per_dagrun=2,
        ).expand(interval=[str(piece) for piece in Interval.parse("2024/P3M").split(Granularity.MONTH)])
    assert states(run(dag)) == {"load": ["success"] * 3}
    assert replaced(polaris) == [[month] for month in MONTHS[:3]]
    assert rows(polaris) == ROWS[:6]
