# SPDX-License-Identifier: Apache-2.0
"""What a run ages and what it leaves, depending on the history."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.task_groups.age_out.common import DAY, EVENING, MORNING, NOON, RUN, aged, late_advice
from tests.task_groups.age_out.run import Run
from tests.task_groups.age_out.world import MAPPINGS, World


def test_run_of_an_aged_day_changes_nothing(world) -> None:
    """It logs that and requires no action."""
    aged(world)
    jobs = len(world.jobs)
    assert Run(world, RUN).go() == (
        f"skipped: table '{world.source}' has no rows in '{DAY}': they were aged already, or never existed. Nothing "
        "was changed."
    )
    assert len(world.jobs) == jobs


def test_run_that_no_partition_comes_of_age_in_is_skipped(world) -> None:
    """An hourly run of tables with day partitions; the run of the last hour ages the day."""
    world.load(MORNING)
    hour = timedelta(hours=1)
    assert Run(world, RUN, RUN + hour).go() == (
        f"skipped: in the run of '2024-07-01T00:00:00.000Z/2024-07-01T01:00:00.000Z' no day of table '{world.source}' "
        "reaches the age: a later run ages all of it. Nothing was changed."
    )
    assert Run(world, RUN + 23 * hour, RUN + 24 * hour).go() == "success"
    assert world.numbers(world.target) == {0: 1}


def test_late_rows_of_an_aged_day_are_refused_and_can_be_added(world) -> None:
    """A replace would keep only them; the message describes how to add them."""
    aged(world)
    world.load(EVENING)
    deletion = world.jobs[-1]
    copy = world.jobs[-2]
    assert Run(world, RUN, mappings=MAPPINGS[:3]).go() == (
        f"failed plan: table '{world.target}' has rows in '{DAY}' already, and replacing them with the rows that "
        f"'{world.source}' has there now could lose some: job '{deletion.id}' (delete_data from "
        f"'{world.source}', 'completed') removed rows from table '{world.source}' there since job '{copy.id}' "
        f"(batch into '{world.target}', 'completed') wrote them. {late_advice(world)}"
    )
    assert world.numbers(world.target) == {0: 1, 1: 1}
    world.append(DAY)
    world.delete(DAY)
    assert world.numbers(world.target) == {0: 1, 1: 1, 2: 1}
    assert Run(world, RUN).go().startswith("skipped")


def test_fewer_rows_than_the_target_counts_are_refused(world) -> None:
    """With a counting measure, the counts are sufficient."""
    aged(world)
    world.load(EVENING)
    assert Run(world, RUN).go() == (
        f"failed plan: table '{world.target}' has rows in '{DAY}' already, and replacing them with the rows that "
        f"'{world.source}' has there now could lose some: they count 2 and the source has 1. {late_advice(world)}"
    )


@pytest.mark.parametrize("hidden", [False, True])
def test_as_many_late_rows_as_were_aged_are_refused(world, hidden) -> None:
    """Counts can't distinguish them from aged rows; the job history can, with or without intervals in the list."""
    aged(world)
    world.load(EVENING, EVENING)
    if hidden:
        world.assume(summary_intervals="hide")
    assert "removed rows from table" in Run(world, RUN).go()
    assert world.numbers(world.target) == {0: 1, 1: 1}


def test_late_rows_of_a_source_that_was_deleted_by_its_policy_are_refused(make_world) -> None:
    """No job shows what a storage policy drops; the unused segments do."""
    world = make_world()
    world.load(MORNING)
    run = Run(world, RUN)
    run.execute("plan")
    run.execute("copy")
    table = world.hook.get_table(world.source)
    for policy in ({"retain": {"type": "period", "period": "P10D"}}, {}):
        table = world.hook.get_client().update_table(world.source, {**table, "storagePolicy": policy})
        world.clock.advance(120)
        world.hook.get_table(world.source)
    assert world.numbers(world.source) == {}
    world.load(EVENING)
    version = world.control("GET", f"/tables/{world.source}/segments")["unused"][0]["version"]
    assert Run(world, RUN).go() == (
        f"failed plan: table '{world.target}' has rows in '{DAY}' already, and replacing them with the rows that "
        f"'{world.source}' has there now could lose some: 1 segments of table '{world.source}' were replaced or "
        f"deleted there (of '{DAY}', version '{version}', for example) since job '{world.jobs[-1].id}' (batch "
        f"into '{world.target}', 'completed') wrote them. {late_advice(world)}"
    )


def test_late_rows_go_through_if_told_so(world) -> None:
    """The override, here for rows that were restored."""
    aged(world)
    (segment,) = world.control("GET", f"/tables/{world.source}/segments")["unused"]
    world.run(
        {
            "type": "restore_data",
            "target": {"type": "table", "tableName": world.source},
            "interval": DAY,
            "versions": [segment["version"]],
        }
    )
    assert Run(world, RUN).go().startswith("failed plan")
    assert Run(world, RUN, on_aged_target="replace").go() == "success"
    assert (world.numbers(world.source), world.numbers(world.target)) == ({}, {0: 1, 1: 1})


def test_rows_of_another_source_in_the_target_are_refused(world) -> None:
    """A replace would wipe them."""
    world.load(MORNING)
    other = World(world.running, world.clock)
    other.target = world.target
    other.load(NOON)
    foreign = other.run(
        {
            "type": "batch",
            "ingestionMode": "append",
            "createTableIfNotExists": True,
            "source": {"type": "table", "tableName": other.source},
            "target": {"type": "table", "tableName": world.target},
            "mappings": MAPPINGS,
        }
    )
    assert Run(world, RUN).go() == (
        f"failed plan: table '{world.target}' has rows in '{DAY}' already, and replacing them with the rows that "
        f"'{world.source}' has there now could lose some: job '{foreign['id']}' (batch into '{world.target}', "
        f"'completed') changed it, which is not a completed job that replaced all of it from table '{world.source}'. "
        f"{late_advice(world)}"
    )
    other.close()


def test_rows_that_an_older_job_added_after_the_copy_are_refused(world) -> None:
    """The order of creation is not the order of completion: an earlier append may have ended later."""
    world.load(MORNING)
    Run(world, RUN).execute("plan")
    target = {"type": "table", "tableName": world.target}
    spec = {
        "type": "batch",
        "createTableIfNotExists": True,
        "source": {"type": "table", "tableName": world.source, "interval": DAY},
        "mappings": MAPPINGS[:3],
    }
    append = world.hook.submit_job({**spec, "ingestionMode": "append", "target": target})
    world.run({**spec, "ingestionMode": "replace", "target": {**target, "intervals": [DAY]}})
    assert (
        f"could lose some: job '{append['id']}' (batch into '{world.target}', 'completed') changed it, too. "
        in Run(world, RUN, mappings=MAPPINGS[:3]).go()
    )


def test_partitions_that_were_aged_are_left_alone_by_a_longer_run(world) -> None:
    """A month of which one day was aged already: the day's rows in the target are unchanged."""
    aged(world)
    world.load("2024-06-02T01:00", "2024-06-05T01:00")
    assert Run(world, RUN, RUN + timedelta(days=30)).go() == "success"
    assert world.numbers(world.target) == {0: 1, 1: 1, 2: 1, 3: 1}
    copy = world.jobs[-2]
    assert copy.spec["target"]["intervals"] == [
        "2024-06-02T00:00:00.000Z/2024-06-03T00:00:00.000Z",
        "2024-06-05T00:00:00.000Z/2024-06-06T00:00:00.000Z",
    ]


def test_catch_up_takes_the_oldest_that_still_have_rows(world) -> None:
    """Both cases with the same two jobs."""
    world.load("2024-05-03T01:00", "2024-05-07T01:00", "2024-05-20T01:00", MORNING)
    assert Run(world, RUN, catch_up=2).go() == "success"
    assert world.numbers(world.source) == {2: 1}
    assert [job.type for job in world.jobs] == ["batch", "delete_data"]


def test_catch_up_leaves_out_what_was_aged_before(world, said) -> None:
    """With a warning; the run's own day is aged."""
    aged(world)
    world.load(EVENING, "2024-06-02T01:00")
    assert Run(world, RUN + timedelta(days=1), catch_up=3).go() == "success"
    assert world.numbers(world.source) == {2: 1}
    assert (
        f"WARNING Left out of catch_up: {DAY}. Table '{world.target}' already has rows there: they count 2 and the "
        "source has 1. Age it in a separate run, whose error describes the fix."
    ) in said()
    assert Run(world, RUN + timedelta(days=1), catch_up=3).go() == (
        f"skipped: nothing of table '{world.source}' can be aged: '2024-06-02T00:00:00.000Z/2024-06-03T00:00:00.000Z' "
        "has no rows, and the partitions of catch_up were left out. Nothing was changed."
    )
