# SPDX-License-Identifier: Apache-2.0
"""
Conservation under fire: whatever dies, gets lost or comes late, each row is in the source or counted in the target.

``AGING_SCHEDULES`` says how many schedules are tried; ``make schedules-aging`` tries many with a new seed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import requests
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from airflow_provider_polaris.emulator.assumptions import ASSUMPTIONS
from airflow_provider_polaris.emulator.engine import EVERYTHING, REALTIME, UNUSED
from airflow_provider_polaris.emulator.server import RunningEmulator
from airflow_provider_polaris.jobs.time.interval import Interval
from tests.operators.submission.conftest import Death
from tests.task_groups.age_out.run import Run, disturbed
from tests.task_groups.age_out.world import FIRST, MAPPINGS, MOST_ROWS, Clock, World, digits

SCHEDULES = int(os.environ.get("AGING_SCHEDULES", "8"))
#: The run that ages the first of June, and the one that ages the second.
RUNS = [datetime(2024, 7, day, tzinfo=timezone.utc) for day in (1, 2)]
FIRST_DAY = "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"

BEFORE = {"copy": "plan", "delete": "prove"}
#: Allowed messages of a group that fails; any other message is a bug.
REASONS = [
    r"skipped: table '[^']+' (has no|no longer has) rows in .* (it was|they were) aged already",
    r"skipped: nothing of table '[^']+' can be aged",
    r"failed (plan|copy): table '[^']+' has rows in .* already, and replacing them with the rows",
    r"failed plan: job '[^']+' \(delete_data .* took segments that reach further",
    r"failed copy: table '[^']+' no longer has rows in .*, where it had some when this was planned",
    r"failed copy: the source '[^']+' has no rows in .*",
    r"failed copy: the job would replace rows of table '[^']+' that it can't reproduce",
    r"failed copy: job '[^']+' .*(no_rows_found|no_rows_ingested|processed 0 rows|stored 0 rows)",
    r"failed (prove|delete): the copy is not proven: ",
    r"failed delete: the deletion from table '[^']+' took (segments that exceed|rows that arrived)",
    r"failed delete: table '[^']+' has [0-9,]+ rows in .* after the deletion",
    r"failed copy: .* answered 400 .* is 'unavailable' and can't be a source now",
    r"failed delete: .* answered 400 .* can't be deleted from while job",
    r"failed \w+: the rows that the job would read and replace can't be counted",
]
#: A remaining fault of the test's world is no failure of the group.
PASSING = [r"gave up \w+: "]

hours = st.integers(0, 71)
kinds = st.sampled_from(
    ["die before", "die after", "lose reply", "late", "late", "stream", "hand over", "somebody deletes", "unavailable"]
)
events = st.lists(st.tuples(st.integers(0, 110), kinds, hours), max_size=4)
next_steps = st.sampled_from(["retry", "retry", "retry", "run", "clear plan", "clear copy", "clear delete", "next day"])
worlds = st.fixed_dictionaries(
    {
        "source_partition": st.sampled_from(["hour", "day", "day"]),
        "partitioned_by": st.sampled_from(["day", "day", "hour"]),
        "kind": st.sampled_from(["measure", "measure", "metrics", "rows"]),
        "uncached": st.booleans(),
        "asynchronous": st.sampled_from([True, True, True, False]),
        "coarse": st.sampled_from([False, False, False, True]),
        "has_store": st.booleans(),
        "catch_up": st.sampled_from([0, 0, 1, 5]),
    }
)
readings = st.fixed_dictionaries({key: st.sampled_from(values) for key, values in ASSUMPTIONS.items()})


class Schedule:
    """
    One world, what happens in it, and the books.

    :param world: Its tables.
    :param shape: What it is like.
    :param plan: What happens before which request of a worker.
    """

    def __init__(self, world: World, shape: dict[str, Any], plan: list[tuple[int, str, int]]) -> None:
        self.world = world
        self.shape = shape
        self.plan = sorted(plan, key=lambda each: each[0])
        self.requests = 0
        #: Rows that another user has removed.
        self.forgiven: set[int] = set()
        #: Rows that a deletion can't detect: they arrived after the proof, or are in invisible segments.
        self.unforeseen: set[int] = set()
        self.counted: set[int] = set()
        self.loses_reply = self.dies_after = False
        self.is_sent = False
        self.state: Any = None

    def before(self, method: str, path: str) -> None:
        self.requests += 1
        while self.plan and self.plan[0][0] <= self.requests:
            _, kind, hour = self.plan.pop(0)
            note(f"request {self.requests} ({method} {path[:40]}): {kind}")
            self.happen(kind, hour)
        if method == "POST" and path.startswith("query/sql"):
            self.counted, self.is_sent = set(self.world.numbers(self.world.source)), False
        if method == "POST" and path == "jobs":
            self.is_sent = True
        if self.is_sent:
            self.unforeseen |= set(self.world.numbers(self.world.source)) - self.counted

    def after(self, method: str, path: str) -> None:
        self.check()
        if self.dies_after:
            self.dies_after = False
            raise Death
        if self.loses_reply:
            self.loses_reply = False
            raise requests.ConnectionError("the answer is lost")

    def happen(self, kind: str, hour: int) -> None:
        world = self.world
        if kind == "die before":
            raise Death
        if kind == "die after":
            self.dies_after = True
        elif kind == "lose reply":
            self.loses_reply = True
        elif kind in ("late", "stream", "hand over"):
            if self.shape["coarse"]:
                return  # streaming doesn't write to coarser segments than the table's partitions
            if kind == "hand over":
                world.hand_over()
            elif len(world.rows) < MOST_ROWS:
                world.load(FIRST + timedelta(hours=hour), handed_over=kind == "late")
        elif kind == "somebody deletes":
            there = set(world.numbers(world.source))
            target = {"type": "table", "tableName": world.source, "intervals": [FIRST_DAY]}
            try:
                world.run({"type": "delete_data", "target": target, "softDelete": True})
            except Exception as error:  # rejected while a job reads
                note(f"  {error}")
            self.forgiven |= there - set(world.numbers(world.source))
        elif kind == "unavailable":
            world.control("PATCH", f"/tables/{world.source}", {"loadSeconds": 45})
            target = world.running.emulator.tables.get(world.target)
            if target is not None:
                world.control("PATCH", f"/tables/{world.target}", {"loadSeconds": 45})

    def check(self) -> None:
        """Each row exists, and at most once in the target."""
        state = self.world.fingerprint()
        if state == self.state:
            return
        self.state = state
        source, target = self.world.numbers(self.world.source), self.world.numbers(self.world.target)
        assert set(target.values()) <= {1}, f"counted twice: {target}"
        missing = {row.number for row in self.world.rows} - set(source) - set(target) - self.forgiven
        if missing and (missing <= self.unforeseen or self.shape["coarse"]):
            # Polaris deletes rows that no query returned; they are restored, or the next run reports them.
            missing -= self.restorable()
        assert not missing, f"rows {missing} are lost; source {sorted(source)}, target {sorted(target)}"

    def restorable(self) -> set[int]:
        tables = self.world.running.emulator.tables
        stored = tables.stored(self.world.source)
        seen = tables.segments.filter_sql(stored.number, UNUSED)
        sql = f'SELECT DISTINCT "weight" FROM {stored.data_name}'
        rows = tables.store.execute(sql if seen is None else f"{sql} WHERE {seen}")
        return {number for (weight,) in rows for number in digits(int(weight))}

    def published(self) -> set[int]:
        tables = self.world.running.emulator.tables
        stored = tables.stored(self.world.source)
        seen = tables.segments.filter_sql(stored.number, f"({EVERYTHING} AND NOT {REALTIME})")
        sql = f'SELECT "weight" FROM {stored.data_name}'
        rows = tables.store.execute(sql if seen is None else f"{sql} WHERE {seen}")
        return {number for (weight,) in rows for number in digits(int(weight))}

    def check_success(self, run: Run) -> None:
        """Aged rows are in the target only."""
        aged = run.instances["plan"].xcom_pull("age_out.plan")["intervals"]
        note(f"aged {aged}")
        spans = [Interval.parse(text) for text in aged]
        old = {row.number for row in self.world.rows if any(span.contains(row.time) for span in spans)}
        both = old & self.published() & set(self.world.numbers(self.world.target))
        assert not both, f"rows {both} are in both tables after success"


def outcome_is_known(outcome: str) -> bool:
    return outcome == "success" or any(re.match(reason, outcome, re.DOTALL) for reason in [*REASONS, *PASSING])


def new_world(polaris: RunningEmulator, clock: Clock, shape: dict[str, Any], times: list[int]) -> World:
    policy = {"cached": {"type": "period", "period": "P10D"}} if shape["uncached"] else None
    world = World(polaris, clock, source_partition=shape["source_partition"], storage_policy=policy)
    for number, hour in enumerate(times):
        world.load(FIRST + timedelta(hours=hour), city=["Oslo", "Rome"][number % 2])
    if shape["coarse"] and times:
        world.compact("2024-06-01/2024-07-01", "month")
    if not shape["asynchronous"]:
        world.has_no_asynchronous_sql()
    return world


def arguments(shape: dict[str, Any]) -> dict[str, Any]:
    mappings = {
        "measure": MAPPINGS,
        "metrics": MAPPINGS[:3],
        "rows": [{"columnName": name, "expression": f'"{name}"'} for name in ("city", "weight")],
    }[shape["kind"]]
    return {
        "mappings": mappings,
        "partitioned_by": shape["partitioned_by"],
        "catch_up": shape["catch_up"],
        "has_store": shape["has_store"],
    }


def test_every_row_is_in_the_source_or_counted_in_the_target(
    connected: RunningEmulator, clock: Clock, said: Callable[[], list[str]]
) -> None:
    """At every moment; after success never in both tables; and the next run succeeds or states the reason."""

    @settings(
        max_examples=SCHEDULES,
        deadline=None,
        derandomize="AGING_SCHEDULES" not in os.environ,
        database=None,
        phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if "AGING_SHRINK" in os.environ else [])],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        shape=worlds,
        reading=readings,
        times=st.lists(hours, min_size=1, max_size=8),
        plan=events,
        steps=st.lists(next_steps, min_size=3, max_size=3),
    )
    def try_one(
        shape: dict[str, Any], reading: dict[str, str], times: list[int], plan: list[Any], steps: list[str]
    ) -> None:
        clock.reset()
        world = new_world(connected, clock, shape, times)
        try:
            world.assume(**reading)
            play(Schedule(world, shape, plan), steps)
        finally:
            world.close()

    try_one()


def play(schedule: Schedule, steps: list[str]) -> None:
    """Run the group until it ends, whatever happens; then once more without faults."""
    world, wanted = schedule.world, arguments(schedule.shape)
    run, at = Run(world, RUNS[0], **wanted), "plan"
    for step in [*steps, "at last"]:
        outcome, at = attempt(schedule, run, at)
        note(f"outcome {outcome!r} at {at}")
        if outcome is not None:
            assert outcome_is_known(outcome), outcome
            schedule.check()
            if outcome == "success":
                schedule.check_success(run)
        world.clock.advance(60)
        if step == "run" or (outcome is not None and step == "retry"):
            run, at = Run(world, run.start, **wanted), "plan"
        elif step == "next day":
            run, at = Run(world, RUNS[1], **wanted), "plan"
        elif step.startswith("clear"):
            name = step.removeprefix("clear ")
            if name == "plan" or run.instances["plan"].xcom_pull(f"age_out.{BEFORE[name]}") is not None:
                run.clear(name)
                at = name
        note(f"then: {step}")
    schedule.plan.clear()
    last = Run(world, RUNS[0], **wanted)
    outcome, _ = attempt(schedule, last, "plan")
    note(f"at last {outcome!r}")
    assert outcome is not None
    assert outcome_is_known(outcome), outcome
    assert not any(re.match(reason, outcome) for reason in PASSING), outcome
    schedule.check()
    if outcome == "success":
        schedule.check_success(last)
    again, _ = attempt(schedule, Run(world, RUNS[0], **wanted), "plan")
    if outcome == "success":
        assert again is not None
        assert again.startswith("skipped") or schedule.shape["catch_up"], again


def attempt(schedule: Schedule, run: Run, since: str) -> tuple[str | None, str]:
    """Return the result, None if the worker died, and the task."""
    try:
        with disturbed(schedule.before, schedule.after):
            return run.go(since), since
    except Death:
        return None, run.current
