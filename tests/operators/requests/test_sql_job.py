# SPDX-License-Identifier: Apache-2.0
"""A SQL job is guarded as a table-to-table job is: requests at the same time, and long waits in the triggerer."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from airflow_provider_polaris.operators.polaris import PolarisSqlJobOperator
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from tests.operators.guards.conftest import FakeClock, clock  # noqa: F401  # the fixture
from tests.operators.requests.conftest import Recorder
from tests.operators.requests.slow import SlowTask, SlowWorld, waits
from tests.operators.requests.test_budget import END, LIST, LOOK, POST, START
from tests.operators.requests.test_slots import lines, world  # noqa: F401  # the fixtures

#: How a resumed task searches its job by the marker, if there is no task state store.
SEARCH: list[list[str]] = [] if AIRFLOW_VERSION >= (3, 3) else [[LIST]]
DAY_1 = "\"__time\" >= TIMESTAMP '2024-06-01 00:00:00' AND \"__time\" < TIMESTAMP '2024-06-02 00:00:00'"


class SlowSqlTask(SlowTask):
    """The rollup of one day as a statement."""

    def new_operator(self) -> Any:
        sql = (
            f'REPLACE INTO "{self.world.target}" OVERWRITE WHERE {DAY_1} SELECT TIME_FLOOR("__time", \'PT1H\') AS '
            f'"__time", "city", MAX("__time") AS "last" FROM "{self.world.source}" WHERE {DAY_1} GROUP BY 1, 2 '
            "PARTITIONED BY DAY"
        )
        values = {"task_id": "job", "retries": 1, "sql": sql, "deferrable": True, **self.arguments}
        self.operator: Any = PolarisSqlJobOperator(**values)
        return self.operator


def own_jobs(world: SlowWorld) -> list[Any]:  # noqa: F811
    return [job for job in world.jobs if "airflow" in (job.spec.get("context") or {})]


def test_counts_are_waited_for_in_the_triggerer(world: SlowWorld, recorder: Recorder) -> None:  # noqa: F811
    """Both tables and the list are read at once, both counts run at once, and nothing is read again."""
    recorder.clock = world.clock
    task = SlowSqlTask(world)
    state = task.begin()
    kind, queries = waits(state)
    assert (kind, len(queries)) == ("queries", 2)
    planned = task.operator.sql
    # Airflow renders the templates again, with values that may have changed.
    task.arguments = {"sql": "no statement", "on_shrink": "submit", "source_tables": ["none"]}
    assert task.finish(state)
    tables = [f"GET tables/{world.target}", f"GET tables/{world.source}"]
    assert recorder.rounds == [sorted([LIST, *tables]), [START] * 2, [LOOK] * 2, *SEARCH, [LOOK] * 2, [POST], END]
    assert sum(task.phases) <= 3
    assert [job.spec["query"] for job in own_jobs(world)] == [planned]


def test_conflict_is_waited_for_in_the_triggerer(world: SlowWorld, recorder: Recorder) -> None:  # noqa: F811
    """Afterwards the tables are read again, together."""
    other = world.client.create_job(world.rollup())["id"]
    task = SlowSqlTask(world)
    state = task.begin()
    assert waits(state) == ("job", [other])
    recorder.rounds.clear()
    assert task.finish(state)
    tables = sorted([f"GET tables/{world.target}", f"GET tables/{world.source}"])
    assert recorder.rounds[: len(SEARCH) + 3] == [*SEARCH, sorted([LIST, *tables]), tables, [START] * 2]


def test_source_that_is_loaded_is_waited_for_in_the_triggerer(world: SlowWorld, lines: Any) -> None:  # noqa: F811
    """One line and one limit over all deferrals."""
    world.control("PATCH", f"/tables/{quote(world.source)}", {"availability": "unavailable"})
    task = SlowSqlTask(world, on_empty_source="submit", on_shrink="submit")
    first = task.begin()
    assert waits(first) == ("table", [world.source])
    world.pass_time()
    again = task.resume(first)
    assert (waits(again), again.trigger.deadline) == (waits(first), first.trigger.deadline)
    world.control("PATCH", f"/tables/{quote(world.source)}", {"availability": "available"})
    assert task.finish(again)
    waiting = f"INFO Waiting until table {world.source!r} is available: its data is being loaded."
    assert lines().count(waiting) == 1


def test_guards_that_run_again_after_the_counts_repeat_all_checks(world: SlowWorld, recorder: Recorder) -> None:  # noqa: F811
    """No worker was free for seven minutes. The tables of the counts are not kept longer than the counts run."""
    fault = {"effect": "status", "status": 429, "method": "POST", "path": "/jobs$", "retryAfter": "100"}
    world.control("POST", "/faults", fault)
    task = SlowSqlTask(world)
    counting = task.begin()
    assert counting.kwargs["wait"]["memory"]["counting"]["sources"][0]["name"] == world.source
    world.pass_time()
    throttled = task.resume(counting)
    assert waits(throttled) == ("time", [])
    world.pass_time(421)
    recorder.rounds.clear()
    assert waits(task.resume(throttled))[0] == "queries"
    tables = sorted([f"GET tables/{world.target}", f"GET tables/{world.source}"])
    assert all(table in recorder.requests for table in tables)


def test_worker_that_may_not_defer_waits_as_before(world: SlowWorld) -> None:  # noqa: F811
    """Without ``deferrable`` there is one phase."""
    task = SlowSqlTask(world, deferrable=False, poll_interval=5)
    assert isinstance(task.begin(), str)
    assert len(task.phases) == 1


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="there is no task state store")
def test_cleared_task_reads_all_tables_at_once(world: SlowWorld, recorder: Recorder) -> None:  # noqa: F811
    """The old job is read after the tables and the list of active jobs, which are read at once."""
    task = SlowSqlTask(world, on_empty_source="submit", on_shrink="submit")
    old = task.begin()
    assert task.finish(old)
    recorder.rounds.clear()
    task.ti.try_number, task.ti.max_tries = 2, 2
    assert task.finish(task.begin())
    first = sorted([LIST, f"GET tables/{world.target}", f"GET tables/{world.source}"])
    assert recorder.rounds == [first, ["GET jobs/ID"], [POST], END]
