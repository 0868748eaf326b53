# SPDX-License-Identifier: Apache-2.0
"""A try that is deferred before its job is submitted, and resumed: what it keeps, and what it checks again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisGuardError
from airflow_provider_polaris.operators.submission.try_memory import TryMemory
from airflow_provider_polaris.runtime.waits import Condition, WaitElsewhere
from tests.operators.submission.conftest import MODES, Polaris, Task, each_service, throttled


class Guards:
    """Guards that wait in the triggerer once, and then allow the job."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self.past: list[tuple[str, ...]] = []

    def __call__(self, past: tuple[str, ...]) -> None:
        self.past.append(past)
        if len(self.past) == 1:
            raise WaitElsewhere(Condition("time"), self._task.wire.clock.now(), 20)


def deferred(task: Task, spec: Any, guards: Callable[[tuple[str, ...]], None] | None = None) -> TryMemory:
    """Submit until the task is deferred; return its memory, as Airflow stores it."""
    memory = TryMemory()
    with pytest.raises(WaitElsewhere):
        task.submit(spec, memory=memory, is_deferrable=True, guards=guards)
    task.wire.asked.clear()
    return stored(memory)


def stored(memory: TryMemory) -> TryMemory:
    return TryMemory.restore(json.loads(json.dumps(memory.to_json())))


@pytest.mark.parametrize("mode", MODES)
def test_throttled_deferral_searches_before_it_sends_again(mode: str, task: Task, polaris: Polaris) -> None:
    """A service may have the job of a POST that it answered with 429."""
    task.wire.posts = [throttled()]
    memory = deferred(task, polaris.spec(mode))
    assert task.store is not None
    assert memory.throttled == task.store.record
    assert task.submit(polaris.spec(mode), memory=memory, is_deferrable=True).outcome == "submitted"
    assert task.wire.asked == ["list", "POST"]
    assert polaris.rows() == 3


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("has_store", [True, False])
def test_throttled_deferral_adopts_the_job_that_there_is(
    has_store: bool, mode: str, task: Task, old_task: Task, polaris: Polaris
) -> None:
    """The rows are added once, and a kill from now on cancels this job."""
    task = task if has_store else old_task
    task.wire.posts = ["429 with effect"]
    memory = deferred(task, polaris.spec(mode))
    submitted = task.submit(polaris.spec(mode), memory=memory, is_deferrable=True)
    assert (submitted.outcome, submitted.job.job_id) == ("adopted", polaris.jobs[0].id)
    assert task.kill.job_id == polaris.jobs[0].id
    assert task.store is None or task.store.record["job_id"] == polaris.jobs[0].id
    assert "POST" not in task.wire.asked


def test_throttled_deferral_that_another_worker_has_resumed_takes_its_job(task: Task, polaris: Polaris) -> None:
    """The record has changed since, so the reconciliation is repeated."""
    task.wire.posts = [throttled()]
    memory = deferred(task, polaris.append())
    first = task.submit(polaris.append(), memory=stored(memory), is_deferrable=True)
    second = task.submit(polaris.append(), memory=memory, is_deferrable=True)
    assert (first.outcome, second.outcome) == ("submitted", "resumed")
    assert second.job.job_id == first.job.job_id


@each_service
@pytest.mark.parametrize("has_store", [True, False])
def test_deferral_in_the_guards_submits_afterwards(
    has_store: bool, task: Task, old_task: Task, polaris: Polaris
) -> None:
    """A first try has nothing to find, before and after."""
    task = task if has_store else old_task
    guards = Guards(task)
    memory = deferred(task, polaris.append(), guards)
    assert task.submit(polaris.append(), memory=memory, is_deferrable=True, guards=guards).outcome == "submitted"
    assert guards.past == [(), ()]
    assert polaris.rows() == 3


@each_service
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("has_store", [True, False])
def test_deferral_in_the_guards_that_two_workers_resume_is_one_job(
    has_store: bool, mode: str, task: Task, old_task: Task, polaris: Polaris
) -> None:
    """Without a store, the second one finds the job of the first by its marker, or sends it under the same id."""
    task = task if has_store else old_task
    guards = Guards(task)
    memory = deferred(task, polaris.spec(mode), guards)
    first = task.submit(polaris.spec(mode), memory=stored(memory), is_deferrable=True, guards=guards)
    second = task.submit(polaris.spec(mode), memory=memory, is_deferrable=True, guards=guards)
    assert second.job.job_id == first.job.job_id
    assert len(polaris.jobs) == 1
    assert task.kill.job_id == first.job.job_id


def test_deferral_without_a_store_does_not_take_a_job_of_before(old_task: Task, polaris: Polaris) -> None:
    """A job that the try has found ended, before the deferral, is known to be another one."""
    first = old_task.submit(polaris.replace()).job.job_id
    old_task.wire.cancel_job(first)
    polaris.end_due_jobs()
    old_task.clear()
    guards = Guards(old_task)
    memory = deferred(old_task, polaris.replace(), guards)
    submitted = old_task.submit(polaris.replace(), memory=memory, is_deferrable=True, guards=guards)
    assert submitted.outcome == "submitted"
    assert submitted.job.job_id != first


def test_deferral_without_a_store_and_a_twin_is_not_its_job(old_task: Task, polaris: Polaris) -> None:
    """Only a job with the marker is certain to be the task's."""
    guards = Guards(old_task)
    memory = deferred(old_task, polaris.append(), guards)
    twin = old_task.wire.foreign(polaris.append())
    submitted = old_task.submit(polaris.append(), memory=memory, is_deferrable=True, guards=guards)
    assert submitted.outcome == "submitted"
    assert submitted.job.job_id != twin


def test_deferral_without_store_and_marker_searches_for_nothing(old_task: Task, polaris: Polaris) -> None:
    """An unmarked job can't be recognized."""
    old_task.marker = "off"
    guards = Guards(old_task)
    memory = deferred(old_task, polaris.append(), guards)
    old_task.submit(polaris.append(), memory=memory, is_deferrable=True, guards=guards)
    assert old_task.wire.asked == ["POST"]


@pytest.mark.parametrize("seconds, checks", [(299, 1), (300, 2)])
def test_throttled_deferral_repeats_the_guards_after_five_minutes(
    seconds: int, checks: int, task: Task, polaris: Polaris
) -> None:
    """Data that may be replaced by fewer rows can change meanwhile."""
    calls: list[tuple[str, ...]] = []
    task.wire.posts = [throttled()]
    memory = deferred(task, polaris.append(), calls.append)
    task.wire.clock.advance(seconds)  # type: ignore[attr-defined]
    task.submit(polaris.append(), memory=memory, is_deferrable=True, guards=calls.append)
    assert len(calls) == checks


def test_throttled_deferral_that_a_guard_refuses_sends_nothing(task: Task, polaris: Polaris) -> None:
    """The guards are asked again before the POST is repeated, not only before the first one."""

    def refuse(past: tuple[str, ...]) -> None:
        raise PolarisGuardError("no")

    task.wire.posts = [throttled()]
    memory = deferred(task, polaris.append())
    with pytest.raises(PolarisGuardError):
        task.submit(polaris.append(), memory=memory, is_deferrable=True, guards=refuse)
    assert "POST" not in task.wire.asked
