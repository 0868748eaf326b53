# SPDX-License-Identifier: Apache-2.0
"""Shared by the tests of the tasks: times, messages, and actions between requests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

from tests.task_groups.age_out.run import Run, disturbed
from tests.task_groups.age_out.world import World

RUN = datetime(2024, 7, 1, tzinfo=timezone.utc)
DAY = "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"
MORNING = "2024-06-01T01:10"
NOON = "2024-06-01T12:00"
EVENING = "2024-06-01T20:00"
AGAIN = "Clear task 'age_out.plan' with its downstream tasks: it checks both tables and copies again."
ON_AGED = "on_aged_target='replace' (on_aged_target='{{ params.on_aged_target }}' allows it for one run)."


def late_advice(world: World) -> str:
    return (
        "Nothing was changed. If the source's rows there arrived late, after the others were aged and deleted, add "
        f"them with PolarisTableToTableOperator(ingestion_mode='append', source_interval='{DAY}', ...) and the same "
        f"columns, then delete them with PolarisDeleteDataOperator(table_name='{world.source}', intervals='{DAY}'). If "
        "the source has all rows that the target's rows were built from (for example, because they were restored), run "
        f"the group with {ON_AGED}"
    )


def aged(world: World, **arguments) -> World:
    """Age a day of two rows."""
    world.load(MORNING, NOON)
    assert Run(world, RUN, **arguments).go() == "success"
    return world


def before_request(number: int, what: Callable[[], object], method: str = "", path: str = ""):
    """Run an action before the n-th request of the worker, counting those of a method and a path."""
    seen = 0

    def before(this: str, there: str) -> None:
        nonlocal seen
        if this.startswith(method) and there.startswith(path):
            seen += 1
            if seen == number:
                what()

    return disturbed(before, lambda method, path: None)


def unproven(world: World, why: str, task: str = "prove") -> str:
    return f"failed {task}: the copy is not proven: {why}. Nothing was deleted. {AGAIN}"


def stream(world: World, lateness: str | None) -> str:
    spec = {
        "type": "streaming",
        "source": {"type": "connection", "connectionName": "kafka"},
        "target": {"type": "table", "tableName": world.source},
        "mappings": [],
        **({"lateMessageRejectionPeriod": lateness} if lateness else {}),
    }
    return str(world.hook.submit_job(spec)["id"])
