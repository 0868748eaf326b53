# SPDX-License-Identifier: Apache-2.0
"""The deletion repeats the proof, and checks the deleted segments."""

from __future__ import annotations

import pytest

from tests.operators.submission.conftest import Death
from tests.task_groups.age_out.common import DAY, MORNING, NOON, RUN, before_request, unproven
from tests.task_groups.age_out.run import Run
from tests.task_groups.age_out.world import MAPPINGS, World


def test_late_row_between_proof_and_deletion_is_refused(world) -> None:
    """Nothing is deleted based on an old proof."""
    world.load(MORNING)
    run = Run(world, RUN)
    run.before["delete"] = lambda: world.load(NOON)
    assert run.go() == unproven(
        world,
        f"in '{DAY}' table '{world.source}' has 2 and table '{world.target}' 1, by SUM(\"events\") of the target "
        "against the rows of the source",
        "delete",
    )
    assert world.numbers(world.source) == {0: 1, 1: 1}
    assert run.clear("plan").go() == "success"
    assert (world.numbers(world.source), world.numbers(world.target)) == ({}, {0: 1, 1: 1})


def test_target_that_was_emptied_before_the_deletion_is_refused(world) -> None:
    """Only the source has the rows then."""
    world.load(MORNING)
    run = Run(world, RUN)
    target = {"type": "table", "tableName": world.target, "intervals": [DAY]}
    run.before["delete"] = lambda: world.run({"type": "delete_data", "target": target, "softDelete": True})
    assert run.go() == unproven(
        world,
        f"in '{DAY}' table '{world.source}' has 1 and table '{world.target}' 0, by SUM(\"events\") of the target "
        "against the rows of the source",
        "delete",
    )
    assert world.numbers(world.source) == {0: 1}


def test_row_that_comes_while_the_deletion_runs_is_restored(world) -> None:
    """Polaris deletes uncounted rows; they are restored, and the next run follows the message."""
    world.load(MORNING)
    run = Run(world, RUN)

    def come() -> None:
        world.load(NOON)

    run_delete = before_request(2, come, "POST", "jobs")
    with run_delete:
        message = run.go()
    restore = world.jobs[-1]
    version = world.control("GET", f"/tables/{world.source}/segments")["used"][0]["version"]
    assert message == (
        f"failed delete: the deletion from table '{world.source}' took rows that arrived after the copy and are not "
        f"proven to be in the target: '{DAY}' of version '{version}'. They were restored (job '{restore.id}'). "
        f"Their rows of '{DAY}' are in table '{world.target}', too. Run the group again with on_aged_target='replace': "
        "the source has all rows that the target's rows were built from, and the late rows."
    )
    assert world.numbers(world.source) == {0: 1, 1: 1}
    assert Run(world, RUN, on_aged_target="replace").go() == "success"
    assert (world.numbers(world.source), world.numbers(world.target)) == ({}, {0: 1, 1: 1})


COARSE = "2024-06-01T00:00:00.000Z/2024-07-01T00:00:00.000Z"


def test_coarser_segment_that_the_deletion_took_is_restored(world) -> None:
    """It contains unproven rows of other days."""
    world.load(MORNING, "2024-06-10T01:00")
    world.compact("2024-06-01/2024-07-01", "month")
    (segment,) = world.control("GET", f"/tables/{world.source}/segments")["used"]
    message = Run(world, RUN).go()
    assert message == (
        f"failed delete: the deletion from table '{world.source}' took segments that exceed the proven intervals "
        f"('{DAY}'), because they were written with another partitionedBy than 'day': '{COARSE}' of version "
        f"'{segment['version']}'. They were restored (job '{world.jobs[-1].id}'). Their rows of '{DAY}' are in "
        f"table '{world.target}', too. Rewrite that part of '{world.source}' with partitionedBy 'day' (a replace job "
        "whose source is its target), then run the group again with on_aged_target='replace'."
    )
    assert world.numbers(world.source) == {0: 1, 1: 1}
    world.compact("2024-06-01/2024-07-01", "day")
    assert Run(world, RUN, on_aged_target="replace").go() == "success"
    assert (world.numbers(world.source), world.numbers(world.target)) == ({1: 1}, {0: 1})


def die_after_the_deletion(world: World) -> Run:
    """Let the worker die after the deletion of a coarser segment and before the check."""
    world.load(MORNING, "2024-06-10T01:00")
    world.compact("2024-06-01/2024-07-01", "month")
    run = Run(world, RUN)

    def die() -> None:
        raise Death

    with (
        before_request(3, die, "GET", f"tables/{world.source.replace(' ', '%20')}/unusedSegments"),
        pytest.raises(Death),
    ):
        run.go()
    assert run.current == "delete"
    assert world.numbers(world.source) == {}
    return run


def test_worker_that_dies_before_it_looks_leaves_it_to_the_retry(world) -> None:
    """The retry resumes the deletion and checks it."""
    run = die_after_the_deletion(world)
    assert run.go("delete").startswith("failed delete: the deletion from table")
    assert world.numbers(world.source) == {0: 1, 1: 1}


def test_worker_that_dies_before_it_looks_leaves_it_to_a_cleared_task(world) -> None:
    """There is nothing to delete, but something to restore."""
    run = die_after_the_deletion(world)
    assert run.clear("delete").go("delete").startswith("failed delete: the deletion from table")
    assert world.numbers(world.source) == {0: 1, 1: 1}


def test_worker_that_dies_before_it_looks_is_told_by_the_next_run(world) -> None:
    """It finds the aged day and the other deleted rows."""
    die_after_the_deletion(world)
    deletion = world.jobs[-1]
    unused = world.control("GET", f"/tables/{world.source}/segments")["unused"]
    (version,) = [segment["version"] for segment in unused if segment["interval"] == COARSE]
    assert Run(world, RUN).go() == (
        f"failed plan: job '{deletion.id}' (delete_data from '{world.source}', 'completed') was to delete "
        f"'{DAY}' from table '{world.source}' and took segments that reach further: '{COARSE}'. It is not proven that "
        "their rows are elsewhere. This task changed nothing. Restore them, for example with "
        f"PolarisRestoreDataOperator(table_name='{world.source}', interval='{COARSE}', versions=['{version}']); if the "
        "deletion was intended, mark this task as skipped."
    )


def test_delete_waits_for_a_job_that_reads_the_source(world, said) -> None:
    """Polaris deletes nothing that a job reads."""
    world.load(MORNING)
    run = Run(world, RUN)
    reader = {
        "type": "batch",
        "ingestionMode": "append",
        "createTableIfNotExists": True,
        "source": {"type": "table", "tableName": world.source},
        "target": {"type": "table", "tableName": f"Reader {world.number}"},
        "mappings": MAPPINGS[1:2],
    }
    run.before["delete"] = lambda: world.hook.submit_job(reader)
    assert run.go() == "success"
    assert any(line.startswith(f"INFO Waiting, because table '{world.source}' is read by job") for line in said())


def test_delete_waits_for_a_job_that_changes_the_target(world, said) -> None:
    """The remaining rows are counted; here the table differs from the proof."""
    world.load(MORNING)
    run = Run(world, RUN)
    target = {"type": "table", "tableName": world.target, "intervals": [DAY]}
    run.before["delete"] = lambda: world.hook.submit_job({"type": "delete_data", "target": target, "softDelete": True})
    assert run.go().startswith("failed delete: the copy is not proven")
    assert any(line.startswith("INFO Waiting, because job") for line in said())


def test_rows_that_are_there_after_the_deletion_are_told(world) -> None:
    """They arrived too late and exist only here."""
    world.load(MORNING)
    run = Run(world, RUN)

    def come() -> None:
        deletion = world.jobs[-1]
        assert (deletion.type, deletion.status) == ("delete_data", "completed")
        world.load(NOON)

    with before_request(3, come, "GET", f"tables/{world.source.replace(' ', '%20')}/unusedSegments"):
        message = run.go()
    assert message == (
        f"failed delete: table '{world.source}' has 1 rows in '{DAY}' after the deletion: they arrived after it or "
        "were restored, or the service didn't delete them. Nothing is lost. Run the group again for that time: it ages "
        "them, or its error describes the fix."
    )


def test_cleared_deletion_finds_nothing_to_do(world) -> None:
    """It is skipped with a message."""
    world.load(MORNING)
    run = Run(world, RUN)
    assert run.go() == "success"
    jobs = len(world.jobs)
    assert run.clear("delete").go("delete") == (
        f"skipped: table '{world.source}' no longer has rows in '{DAY}': it was aged already. Nothing was deleted."
    )
    assert len(world.jobs) == jobs
