# SPDX-License-Identifier: Apache-2.0
"""The worker dies at every step of a submission; the next try ends with exactly one job that has an effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisGuardError
from tests.operators.submission.conftest import MODES, Death, MemoryStore, Polaris, Task, Wire, each_service


def die(*_: Any) -> None:
    raise Death


def die_if_known(value: Any) -> None:
    if value["job_id"] is not None:
        raise Death


def die_if_intent(value: Any) -> None:
    if value["job_id"] is None:
        raise Death


def before_record(task: Task) -> None:
    if task.store is not None:
        task.store.before_set = die_if_intent
    else:
        task.wire.posts = [Death()]


def after_record(task: Task) -> None:
    if task.store is not None:
        task.store.after_set = die_if_intent
    else:
        task.wire.posts = [Death()]


def post_sent(task: Task) -> None:
    task.wire.posts = ["death"]


def reply_lost(task: Task) -> None:
    task.wire.posts = ["lost"]
    task.wire.die_after_the_answer()


def reply_lost_job_late(task: Task) -> None:
    task.wire.posts = ["late"]
    task.wire.die_after_the_answer()


def id_not_recorded(task: Task) -> None:
    if task.store is not None:
        task.store.before_set = die_if_known
    else:
        task.kill.set_job = die  # type: ignore[method-assign]


def recorded(task: Task) -> None:
    if task.store is not None:
        task.store.after_set = die_if_known
    else:
        task.kill.set_job = die  # type: ignore[method-assign]


STEPS = [before_record, after_record, post_sent, reply_lost, reply_lost_job_late, id_not_recorded, recorded]


def every_crash(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test for every step, both services and modes, with and without a store, before and after the job's end."""
    test = pytest.mark.parametrize("step", STEPS)(test)
    test = each_service(pytest.mark.parametrize("mode", MODES)(test))
    test = pytest.mark.parametrize("has_store", [True, False], ids=["store", "no-store"])(test)
    return pytest.mark.parametrize("has_ended", [False, True], ids=["active", "completed"])(test)


def crashed(
    step: Callable[[Task], None], mode: str, has_store: bool, has_ended: bool, wire: Wire, polaris: Polaris
) -> Task:
    """Return a task whose worker died at a step, without further faults."""
    task = Task(wire, polaris, MemoryStore() if has_store else None)
    step(task)
    with pytest.raises(Death):
        task.submit(polaris.spec(mode))
    task.wire.list_errors, task.wire.posts = [], []
    if task.store is not None:
        task.store.before_set = task.store.after_set = lambda value: None
    if has_ended:
        polaris.finish()
    return task


@every_crash
def test_crash_retry_leaves_exactly_one_job(
    step: Callable[[Task], None], mode: str, has_store: bool, has_ended: bool, wire: Wire, polaris: Polaris
) -> None:
    """Whatever the step, the retry resumes the existing job or submits the missing one."""
    task = crashed(step, mode, has_store, has_ended, wire, polaris)
    submitted = task.retry().submit(polaris.spec(mode))
    assert [job.id for job in polaris.effective] == [submitted.job.job_id]
    assert len(polaris.jobs) == 1
    assert polaris.rows() == 3


@every_crash
def test_crash_clear_leaves_the_rows_right(
    step: Callable[[Task], None], mode: str, has_store: bool, has_ended: bool, wire: Wire, polaris: Polaris
) -> None:
    """After a clear there is one job with an effect, or the append was refused and no rows were added twice."""
    task = crashed(step, mode, has_store, has_ended, wire, polaris)
    jobs = len(polaris.effective)
    task.clear()
    try:
        task.submit(polaris.spec(mode))
    except PolarisGuardError:
        is_repeat = has_ended and jobs == 1
        has_trace = has_store and step is not before_record
        assert mode == "append"
        assert is_repeat or not has_trace
    assert len([job for job in polaris.effective if job.status != "completed"]) <= 1
    assert polaris.rows() in ((0, 3) if mode == "append" else (3,))
