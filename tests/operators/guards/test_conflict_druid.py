# SPDX-License-Identifier: Apache-2.0
"""Conflicts on a self-hosted Druid: its list has no intervals, and compactions count among the jobs."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisGuardError
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval
from airflow_provider_polaris.operators.guards.job_conflicts import ConflictGuard, WriteScope
from airflow_provider_polaris.runtime.deadline import Deadline
from tests.client.druid.fake_tasks import Task
from tests.operators.submission.conftest import FakeClock
from tests.operators.submission.druid import Cluster, DruidWire, new_druid

SCOPE = WriteScope("hourly", (Interval.parse("2024-06-01/2024-06-02"),), Granularity.DAY, is_append=False)
DAY = "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"
NEXT_DAY = "2024-06-02T00:00:00.000Z/2024-06-03T00:00:00.000Z"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def wire(clock: FakeClock) -> DruidWire:
    return DruidWire(clock, new_druid(clock))


def guard(wire: DruidWire) -> ConflictGuard:
    limits = Deadline(wire.clock, lambda: False, None)  # type: ignore[arg-type]
    return ConflictGuard(wire, SCOPE, [], limits=limits, log=logging.getLogger("test.guards"))


def add_compaction(wire: DruidWire, interval: str, table: str = "hourly") -> Task:
    """Add a task as auto-compaction submits it."""
    spec = {"type": "compact", "inputSpec": {"type": "interval", "interval": interval}}
    key = f"coordinator-issued_compact_{table}_abcdefgh_{len(wire.druid.tasks)}"
    task = Task(key, "compact", table, wire.clock.now(), {"type": "compact", "dataSource": table, "ioConfig": spec})
    wire.druid._add(task)
    return task


def test_compaction_of_the_same_partitions_is_a_conflict(wire: DruidWire) -> None:
    """It rewrites what the job replaces."""
    task = add_compaction(wire, DAY)
    with pytest.raises(PolarisGuardError) as caught:
        guard(wire).refuse()
    assert str(caught.value).startswith(
        f"job '{task.id}' (batch into 'hourly', 'running') works on the same time partitions of table 'hourly' "
        f"as the job of this task would ('{DAY}'), and on_conflict is 'fail'."
    )


def test_compaction_is_waited_for(wire: DruidWire, clock: FakeClock) -> None:
    """With its end the job is submitted."""
    add_compaction(wire, DAY)
    assert guard(wire).wait(60.0)
    assert clock.slept == 1020
    assert not guard(wire).wait(60.0)


@pytest.mark.parametrize(("interval", "table"), [(NEXT_DAY, "hourly"), (DAY, "daily")])
def test_compaction_elsewhere_is_none(interval: str, table: str, wire: DruidWire) -> None:
    """Other partitions, or another table."""
    add_compaction(wire, interval, table)
    guard(wire).refuse()


def test_job_of_another_client_and_worker_tasks(wire: DruidWire) -> None:
    """A replace of the day in SQL conflicts; the workers of a job are no jobs, and a kill task writes nothing."""
    for kind in ("query_worker", "kill", "noop"):
        wire.druid._add(Task(f"x-{kind}", kind, "hourly", wire.clock.now(), {"type": kind}))
    guard(wire).refuse()
    chunks: Any = {"dataSource": "hourly", "replaceTimeChunks": [DAY]}
    payload = {"type": "query_controller", "sqlQuery": "REPLACE INTO hourly", "spec": {"destination": chunks}}
    wire.druid._add(Task("query-theirs", "query_controller", "hourly", wire.clock.now(), payload))
    with pytest.raises(PolarisGuardError, match="'query-theirs'"):
        guard(wire).refuse()


def test_job_of_this_package_is_a_conflict_by_its_own_spec(wire: DruidWire, clock: FakeClock) -> None:
    """Its target intervals come from the spec in its context."""
    cluster = Cluster(wire.druid, clock, "hourly")
    job_id = wire.foreign(cluster.replace())
    with pytest.raises(PolarisGuardError, match=job_id):
        guard(wire).refuse()
    clock.advance(timedelta(hours=1).total_seconds())
    guard(wire).refuse()
