# SPDX-License-Identifier: Apache-2.0
"""
The lines of the tables: a schedule, a way of starting a run, and what comes of it.

The runs and the contexts are made by the code of the Airflow at hand; only the tables are made up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_polaris.jobs.errors import PolarisError
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator
from airflow_provider_polaris.operators.table_to_table_spec import build_spec
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from tests.runtime.intervals import airflow_runs as airflow
from tests.runtime.intervals.airflow_runs import Planned, quiet
from tests.runtime.intervals.messages import Fails

START = datetime(2024, 1, 1, tzinfo=timezone.utc)  # a Monday
#: When a user triggers a run; a Friday.
BY_HAND = datetime(2024, 3, 15, 12, 34, tzinfo=timezone.utc)
DAY = timedelta(days=1)

Version = tuple[int, int]
V2, V3, V32, V33 = (2, 11), (3, 0), (3, 2), (3, 3)


class Nothing:
    """Raised if Airflow creates no such run."""


#: This Airflow doesn't have the timetable, or the way of starting a run.
ABSENT = object()
NONE = Nothing()

Start = Callable[[Any], list[Planned]]


def first(dag: Any) -> list[Planned]:
    """Let the scheduler plan the first run."""
    run = airflow.scheduled(dag)
    return [] if run is None else [run]


def by_hand(when: datetime | None = BY_HAND, key: str | None = None, **conf: Any) -> Start:
    return lambda dag: [airflow.manual(dag, when, key, conf or None)]


def backfill(begin: str, end: str) -> Start:
    bounds = [datetime.fromisoformat(text).replace(tzinfo=timezone.utc) for text in (begin, end)]
    return lambda dag: airflow.backfilled(dag, *bounds) or []


def assets(produced: Any = None, carried: datetime | None = None) -> Start:
    return lambda dag: [airflow.by_assets(dag, produced, carried)]


@dataclass
class Row:
    """
    One line of the table.

    :param what: Timetable and way of starting.
    :param schedule: Makes the timetable.
    :param start: Makes the runs.
    :param expected: An interval, a tuple of one for each run, a message, or no run; or the same by the version since
        which it is so.
    :param partition: Partitions of the target.
    :param arguments: More arguments of the operator.
    """

    what: str
    schedule: Callable[[], Any]
    start: Start
    expected: Any
    partition: str = "day"
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def here(self) -> Any:
        """The expected result for the tested Airflow."""
        if not isinstance(self.expected, dict):
            return self.expected
        return self.expected[max(since for since in self.expected if since <= AIRFLOW_VERSION)]

    @property
    def wanted(self) -> list[Any]:
        """The interval of each run as a job has it, or the message with which its task fails."""
        if self.here is NONE:
            return []
        expected = self.here if isinstance(self.here, tuple) else (self.here,)
        return [each if isinstance(each, Fails) else Interval.parse(each).to_wire() for each in expected]

    @property
    def found(self) -> list[Any]:
        """The same as the operator computes it."""
        with quiet():
            with DAG(
                "koalas", schedule=self.schedule(), start_date=START, params={"interval": None, "grain": None}
            ) as dag:
                PolarisTableToTableOperator(
                    task_id="rollup", source_table="S", target_table="T", dimensions=["city"], **self.arguments
                )
            runs = self.start(dag)
        return [_interval_of(dag, run, self.partition) for run in runs]


def rows_here(table: list[Row]) -> list[Row]:
    """Return the rows whose runs the tested Airflow creates."""
    return [row for row in table if row.here is not ABSENT]


def since(version: Version, expected: Any) -> dict[Version, Any]:
    return {V2: ABSENT, version: expected}


ASK = {"interval": "{{ params.interval }}"}
GRAIN = {"partition_grain": "{{ params.grain }}"}


class _Tables:
    """A project whose tables all have the same partitions."""

    project_id = "p"

    def __init__(self, partition: str) -> None:
        self.partition = partition

    def get_table(self, name: str) -> dict[str, Any]:
        return {"name": name, "type": "detail", "partitioningGranularity": self.partition, "availability": "available"}


def _interval_of(dag: Any, run: Planned, partition: str) -> Any:
    """Render the task as Airflow does, and return what its job would replace, or its error."""
    task = dag.get_task("rollup")
    context = airflow.context(dag, "rollup", run)
    task.render_template_fields(context)
    try:
        spec = build_spec(task, context, _Tables(partition), logging.getLogger("test.table"))  # type: ignore[arg-type]
    except PolarisError as error:
        return Fails(error)
    (interval,) = spec["target"]["intervals"]
    assert spec["source"]["interval"] == interval
    return interval
