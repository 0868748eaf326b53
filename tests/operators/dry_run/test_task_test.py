# SPDX-License-Identifier: Apache-2.0
"""``airflow tasks test``, as users call it, with the dry run requested in either Airflow's way."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from airflow_provider_polaris.operators.polaris import PolarisDeleteDataOperator, PolarisTableToTableOperator
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from tests.dag_store import store

pytestmark = pytest.mark.dag

VARIABLE = ["--env-vars", '{"POLARIS_DRY_RUN": "true"}']
#: Airflow 3 no longer has this option.
WAYS = [VARIABLE] if AIRFLOW_VERSION >= (3, 0) else [VARIABLE, ["--dry-run"]]


@pytest.fixture
def task_test(airflow_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a function that tests a task of a DAG with Airflow's command line."""
    from airflow.cli import cli_parser
    from airflow.cli.commands.task_command import task_test as command
    from airflow.providers.common.compat.sdk import DAG
    from airflow.timetables.interval import CronDataIntervalTimetable

    monkeypatch.setenv("AIRFLOW_TEST_MODE", "")  # the command sets them and doesn't reset them
    monkeypatch.setenv("POLARIS_DRY_RUN", "")

    def run(task_id: str, *options: str) -> None:
        with DAG(
            "koalas_dry",
            schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
            start_date=datetime(2024, 6, 1, tzinfo=timezone.utc),
        ) as dag:
            PolarisTableToTableOperator(
                task_id="copy",
                source_table="Raw",
                target_table="Copy",
                dimensions=["city"],
                partitioned_by="day",
                create_table_if_not_exists=True,
            )
            PolarisDeleteDataOperator.partial(task_id="delete", table_name="Raw").expand(
                intervals=["2024-06-01/P1D", "2024-06-02/P1D"]
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Airflow's own
            if AIRFLOW_VERSION >= (3, 0):
                store(dag)
            arguments = ["tasks", "test", "koalas_dry", task_id, "2024-06-02", *options]
            command(cli_parser.get_parser().parse_args(arguments), dag=dag)

    yield run
    if AIRFLOW_VERSION < (3, 0):
        _close_left_session()


def _close_left_session() -> None:
    """Close what the dry run of a mapped task leaves open in Airflow 2.11, so that this process can run other tasks."""
    from airflow.utils import task_instance_session

    left = vars(task_instance_session)["__current_task_instance_session"]
    if left is not None:
        left.close()
        vars(task_instance_session)["__current_task_instance_session"] = None


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way[0])
def test_task_test_asked_for_a_dry_run_knows_the_interval_and_submits_nothing(tables, said, task_test, way):
    """The request contains the interval of the run, and Polaris got requests for two tables."""
    tables.has("Raw", city="string")
    task_test("copy", *way)

    assert said()[1] == (
        "INFO Interval 2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z, from the run's data interval."
    )
    assert said()[-1] == ("INFO End of the dry run of task 'copy'. No problems were found.")
    assert sorted(tables.asked) == ["GET tables/Copy", "GET tables/Raw"]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way[0])
def test_task_test_of_a_mapped_task_runs_its_one_instance_dry(tables, said, task_test, way):
    """The request contains the mapped values of the instance."""
    tables.has("Raw")
    task_test("delete", "--map-index", "1", *way)

    (request,) = [each for each in said() if "The request" in each]
    assert '"2024-06-02T00:00:00.000Z/2024-06-03T00:00:00.000Z"' in request
    assert tables.asked == ["GET tables/Raw"]
