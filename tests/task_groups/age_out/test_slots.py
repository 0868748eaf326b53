# SPDX-License-Identifier: Apache-2.0
"""With ``deferrable``, no task of an age-out holds a worker slot while it waits for a count, a table or another job."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_polaris.emulator.status_machine import Progression
from airflow_provider_polaris.runtime.compat import AirflowFailException
from tests.task_groups.age_out.run import Run
from tests.task_groups.age_out.test_age_out import RUN
from tests.task_groups.age_out.world import World


@pytest.fixture
def slow(world: World) -> World:
    """Rows of two days, of which the first has come of age, and queries and jobs that take 20 s."""
    world.load("2024-06-01T01:10", "2024-06-01T05:00", "2024-06-02T01:00")
    progression = Progression.parse("seconds=20")
    world.running.emulator.jobs._progression = world.running.emulator.queries._progression = progression
    world.clock.reset()
    return world


def test_age_out_waits_for_all_counts_in_the_triggerer(slow: World, said: Any) -> None:
    """Each count is started once, its result is kept while the next one runs, and only the first look takes time."""
    run = Run(slow, RUN, deferrable=True)
    assert run.go() == "success"
    assert slow.numbers(slow.source) == {2: 1}
    assert slow.numbers(slow.target) == {0: 1, 1: 1}
    # Plan: source. Copy: the guards, source, job. Prove: target, source. Delete: both again, and its job.
    assert run.deferrals == 1 + 3 + 2 + 3
    requests = slow.control("GET", "/counters")["requests"]
    assert sum(count for path, count in requests.items() if path.endswith("/query/sql/statements")) == 8
    # The check of the deleted rows waits in the worker: its job has ended.
    assert slow.clock.slept < 30


def test_age_out_without_deferrable_waits_in_the_worker(slow: World) -> None:
    """Nothing changes."""
    run = Run(slow, RUN)
    assert run.go() == "success"
    assert run.deferrals == 0


def test_proof_that_changed_during_a_deferral_deletes_nothing(slow: World) -> None:
    """The job is the one of before the deferral, and Airflow renders the proof again."""
    run = Run(slow, RUN, deferrable=True)
    for name in ("plan", "copy", "prove"):
        run.execute(name)
    operator, context = run.operator("delete"), run.context("delete")
    operator.render_template_fields(context)
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(context)
    key = run.instances["prove"].task_id, "return_value"
    run.xcoms[key] = run.xcoms[key].replace("2024-06-01T", "2024-05-31T").replace("2024-06-02T", "2024-06-01T")
    with pytest.raises(AirflowFailException) as failed:
        run.resume("delete", caught.value)
    assert str(failed.value) == (
        "the plan has changed while this task waited: the job is for "
        "'2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z', and the plan for "
        "'2024-05-31T00:00:00.000Z/2024-06-01T00:00:00.000Z'. "
        "Nothing was submitted. Clear this task: it uses the new plan."
    )
    assert "delete_data" not in [job.type for job in slow.jobs]


def test_target_that_is_loaded_is_waited_for_in_the_triggerer(slow: World) -> None:
    """With one line and one limit over all deferrals."""
    run = Run(slow, RUN, deferrable=True)
    run.execute("plan")
    run.execute("copy")
    slow.control("PATCH", f"/tables/{quote(slow.target)}", {"availability": "unavailable"})
    operator, context = run.operator("prove"), run.context("prove")
    operator.render_template_fields(context)
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(context)
    trigger = caught.value.trigger
    assert (trigger.kind, trigger.ids) == ("table", [slow.target])
    slow.control("PATCH", f"/tables/{quote(slow.target)}", {"availability": "available"})
    assert run.resume("prove", caught.value)["job"]


def test_failed_trigger_is_replaced_by_the_worker(slow: World, said: Any) -> None:
    """Airflow has dropped the saved state, so the task starts again."""
    run = Run(slow, RUN, deferrable=True)
    operator, context = run.operator("plan"), run.context("plan")
    operator.render_template_fields(context)
    with pytest.raises(TaskDeferred):
        operator.execute(context)
    again = run.operator("plan")
    again.render_template_fields(context)
    plan = again.resume_execution("__fail__", {"error": "the trigger broke"}, context)
    assert [window["rows"] for window in plan["windows"]] == [2]
    line = "No trigger event arrived (the trigger broke). The task starts again and waits in this worker."
    assert f"WARNING {line}" in said()
