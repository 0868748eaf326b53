# SPDX-License-Identifier: Apache-2.0
"""The copy repeats the checks immediately before its job is submitted."""

from __future__ import annotations

from datetime import timedelta

from tests.task_groups.age_out.common import DAY, EVENING, MORNING, NOON, RUN
from tests.task_groups.age_out.run import Run
from tests.task_groups.age_out.world import MAPPINGS


def test_copy_cleared_alone_after_the_deletion_is_refused(world) -> None:
    """It would replace the only remaining rows with none, or with the few late ones."""
    world.load(MORNING, NOON)
    run = Run(world, RUN, mappings=MAPPINGS[:3])
    assert run.go() == "success"
    assert run.clear("copy").go("copy").startswith(f"failed copy: the source '{world.source}' has no rows in ")
    world.load(NOON, EVENING)
    assert (
        run.clear("copy")
        .go("copy")
        .startswith(
            f"failed copy: table '{world.target}' has rows in '{DAY}' already, and replacing them with the rows that"
        )
    )
    assert world.numbers(world.target) == {0: 1, 1: 1}


def test_copy_of_partitions_that_somebody_has_emptied_is_refused(world) -> None:
    """A replace would erase the target's rows of them."""
    world.load(MORNING, "2024-06-02T01:00")
    run = Run(world, RUN, RUN + timedelta(days=2))
    run.before["copy"] = lambda: world.delete(DAY)
    assert run.go() == (
        f"failed copy: table '{world.source}' no longer has rows in '{DAY}', where it had some when this was planned; "
        "the copy would empty that part of the target. Nothing was submitted. Clear task 'age_out.plan' with its "
        "downstream tasks: it checks both tables again."
    )


def test_copy_waits_for_a_deletion_of_the_source(world, said) -> None:
    """Data that is about to be deleted must not count as existing."""
    world.load(MORNING, "2024-06-02T01:00")
    target = {"type": "table", "tableName": world.source, "intervals": [DAY]}
    run = Run(world, RUN, RUN + timedelta(days=2))

    def begin() -> None:
        world.hook.submit_job({"type": "delete_data", "target": target, "softDelete": True})

    run.before["copy"] = begin
    assert "where it had some when this was planned" in run.go()
    assert any(line.startswith("INFO Waiting, because job") for line in said())
    assert [job.type for job in world.jobs] == ["delete_data"]
