# SPDX-License-Identifier: Apache-2.0
"""Cases that are no proof."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from tests.task_groups.age_out.common import DAY, MORNING, NOON, RUN, unproven
from tests.task_groups.age_out.run import Run
from tests.task_groups.age_out.world import MAPPINGS, World


def test_late_row_between_copy_and_proof_is_refused_and_copied_again(world) -> None:
    """By the count of the target; the clear that the message names fixes it."""
    world.load(MORNING)
    run = Run(world, RUN)
    run.before["prove"] = lambda: world.load(NOON)
    assert run.go() == unproven(
        world,
        f"in '{DAY}' table '{world.source}' has 2 and table '{world.target}' 1, by SUM(\"events\") of the target "
        "against the rows of the source",
    )
    assert run.clear("plan").go() == "success"
    assert (world.numbers(world.source), world.numbers(world.target)) == ({}, {0: 1, 1: 1})


def test_late_row_between_copy_and_proof_is_refused_by_the_jobs_numbers(world) -> None:
    """The same without a measure that counts."""
    world.load(MORNING)
    run = Run(world, RUN, mappings=MAPPINGS[:3])
    run.before["prove"] = lambda: world.load(NOON)
    job = "{job}"
    message = run.go()
    job = world.jobs[-1].id
    assert message == unproven(
        world, f"copy job '{job}' reports numRowsProcessed 1, but table '{world.source}' has 2 rows"
    )


def test_late_row_between_copy_and_proof_is_refused_by_the_rows(world) -> None:
    """The same if rows are not merged."""
    world.load(MORNING)
    plain = [{"columnName": name, "expression": f'"{name}"'} for name in ("city", "weight")]
    run = Run(world, RUN, mappings=plain)
    run.before["prove"] = lambda: world.load(NOON)
    assert run.go() == unproven(
        world,
        f"in '{DAY}' table '{world.source}' has 2 and table '{world.target}' 1, by COUNT(*) of the target against the "
        "rows of the source",
    )


def test_target_that_lost_rows_is_refused_by_the_jobs_numbers(world) -> None:
    """What the job has stored must still be there."""
    world.load(MORNING, "2024-06-01T05:00")
    run = Run(world, RUN, mappings=MAPPINGS[:3])

    def shrink() -> None:
        world.run(
            {
                "type": "batch",
                "ingestionMode": "replace",
                "source": {"type": "table", "tableName": world.target},
                "target": {"type": "table", "tableName": world.target, "intervals": [DAY]},
                "filterExpression": "\"__time\" > TIMESTAMP '2024-06-01 04:00:00'",
                "mappings": [
                    {"columnName": "city", "expression": '"city"'},
                    {"columnName": "weight", "expression": 'SUM("weight")', "isAggregation": True},
                ],
            }
        )

    run.before["prove"] = shrink
    message = run.go()
    assert message == unproven(
        world,
        f"copy job '{world.jobs[0].id}' reports numRowsPersisted 2, but table '{world.target}' has 1 rows",
    )


def test_rows_that_left_and_as_many_that_came_are_refused(world) -> None:
    """The numbers are equal, but the rows aren't."""
    world.load(MORNING)
    run = Run(world, RUN)

    def swap() -> None:
        world.delete(DAY)
        world.load(NOON)

    run.before["prove"] = swap
    message = run.go()
    deletion = world.jobs[-1]
    assert message == unproven(
        world,
        f"job '{deletion.id}' (delete_data from '{world.source}', 'completed') removed rows from table "
        f"'{world.source}' there after the copy was submitted",
    )


def test_target_that_somebody_else_added_to_is_refused(world) -> None:
    """A late row in the source and another user's row in the target make the numbers equal."""
    world.load(MORNING)
    run = Run(world, RUN)

    def add() -> None:
        world.append("2024-06-01T01:00/PT1H")
        world.load(NOON)

    run.before["prove"] = add
    message = run.go()
    append = world.jobs[-1]
    assert message == unproven(
        world,
        f"job '{append.id}' (batch into '{world.target}', 'completed') changed table '{world.target}' there "
        "after the copy was submitted",
    )


def test_day_that_somebody_emptied_before_the_proof_is_refused(world) -> None:
    """The other day is proven, but the plan isn't."""
    world.load(MORNING, "2024-06-02T01:00")
    run = Run(world, RUN, RUN + timedelta(days=2))
    run.before["prove"] = lambda: world.delete(DAY)
    assert run.go() == unproven(world, f"table '{world.source}' no longer has rows in '{DAY}', where it had some")


def test_prove_waits_until_the_target_is_loaded(world, said) -> None:
    """Bounded by the timeout, and one line."""
    world.load(MORNING)
    run = Run(world, RUN)
    run.before["prove"] = lambda: world.control("PATCH", f"/tables/{world.target}", {"availability": "unavailable"})
    world.clock.after_sleep = lambda: (
        world.control("PATCH", f"/tables/{world.target}", {"availability": None}) if world.clock.slept > 200 else None
    )
    assert run.go() == "success"
    line = f"INFO Waiting until table '{world.target}' is available: the copied rows are being loaded."
    assert said().count(line) == 1


def test_prove_gives_up_on_a_target_that_does_not_load(world) -> None:
    """A retry waits again."""
    world.load(MORNING)
    run = Run(world, RUN, timeout=100)
    run.before["prove"] = lambda: world.control("PATCH", f"/tables/{world.target}", {"availability": "unavailable"})
    assert run.go() == (
        f"gave up prove: table '{world.target}' is still 'unavailable': not all copied rows are loaded, so they can't "
        "be counted. Nothing was deleted. Check the table; a retry of this task waits again."
    )
    assert world.numbers(world.source) == {0: 1}


def test_job_that_is_not_the_copy_is_refused(world) -> None:
    """The evidence must be of that very job."""
    world.load(MORNING)
    run = Run(world, RUN)
    run.execute("plan")
    run.execute("copy")
    other = world.append(DAY)
    run.instances["copy"].xcom_push("return_value", other["id"])
    assert run.go("prove") == unproven(
        world, f"job '{other['id']}' (batch into '{world.target}') is not the copy that was planned"
    )
    run.instances["copy"].xcom_push("return_value", "no-such-job")
    assert run.go("prove") == unproven(world, "the service no longer has copy job 'no-such-job'")


def test_proof_of_nothing_skips_the_deletion(world) -> None:
    """0 = 0 proves nothing; if cleared alone after success, the task reports that all was aged."""
    world.load(MORNING)
    run = Run(world, RUN)
    assert run.go() == "success"
    assert run.clear("prove").go("prove") == (
        f"skipped: table '{world.source}' no longer has rows in '{DAY}': it was aged already. Nothing was deleted."
    )


def test_copy_job_without_numbers_is_refused(world, monkeypatch) -> None:
    """The message names what to map instead."""
    world.load(MORNING)
    run = Run(world, RUN, mappings=MAPPINGS[:3])
    run.execute("plan")
    run.execute("copy")
    monkeypatch.setattr("airflow_provider_polaris.hooks.polaris.PolarisHook.get_job_metrics", lambda *_: {})
    assert run.go("prove") == unproven(
        world,
        f"copy job '{world.jobs[-1].id}' doesn't report its numRowsProcessed; map a count, such as measures={{'rows': "
        "'COUNT(*)'}, to prove later copies",
    )


SUMS = [
    {"columnName": "__time", "expression": "TIME_FLOOR(\"__time\", 'P1D')"},
    *MAPPINGS[1:3],
    {"columnName": "__count", "expression": 'SUM("__count")', "isAggregation": True},
]


def rolled_up_day(make_world: Callable[..., World], *counts: int | None) -> World:
    """Return a rolled-up source with a row for each count."""
    world = make_world(is_rollup=True)
    rows = [
        {**row.to_json(), "__count": count}
        for row, count in zip(world.note(*[MORNING] * len(counts)), counts, strict=True)
    ]
    world.stream(rows)
    world.hand_over()
    return world


def test_rolled_up_source_is_proven_by_its_counts(make_world) -> None:
    """Each stored row stands for many."""
    world = rolled_up_day(make_world, 3, 4)
    run = Run(world, RUN, mappings=SUMS)
    assert run.go() == "success"
    assert run.instances["prove"].xcom_pull("age_out.prove")["windows"] == [{"interval": DAY, "rows": 2, "counted": 7}]
    assert (world.numbers(world.source), world.numbers(world.target)) == ({}, {0: 1, 1: 1})


def test_rolled_up_rows_without_a_count_are_proven_otherwise(make_world, said) -> None:
    """A sum would not miss them."""
    world = rolled_up_day(make_world, 3, None)
    assert Run(world, RUN, mappings=SUMS).go() == "success"
    assert "INFO The proof method is the numbers of the copy job (numRowsProcessed, numRowsPersisted)." in said()
    assert (world.numbers(world.source), world.numbers(world.target)) == ({}, {0: 1, 1: 1})


def test_rolled_up_row_without_a_count_that_comes_late_is_refused(make_world) -> None:
    """The proof method is chosen before the copy, when this is unknown."""
    world = rolled_up_day(make_world, 3)
    run = Run(world, RUN, mappings=SUMS)

    def come() -> None:
        (row,) = world.note(NOON)
        world.stream([{**row.to_json(), "__count": None}])
        world.hand_over()

    run.before["prove"] = come
    assert run.go() == unproven(
        world,
        f"table '{world.source}' has rows in '{DAY}' whose '__count' is null or 0, so it does not show "
        "whether they are in the target",
    )
