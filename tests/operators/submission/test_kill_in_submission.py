# SPDX-License-Identifier: Apache-2.0
"""A task that is killed while it submits."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisAmbiguousSubmitError, PolarisJobCanceledError
from tests.operators.submission.conftest import LOST, Polaris, Task


def test_submit_killed_before_the_post_sends_nothing(task: Task, polaris: Polaris) -> None:
    """A task that was killed submits no job."""
    task.kill.is_killed = True
    with pytest.raises(PolarisJobCanceledError) as caught:
        task.submit(polaris.append(), guards=lambda _: pytest.fail("a killed task has nothing to check"))
    assert str(caught.value) == "the task was killed before it submitted its job."
    assert task.wire.asked == []


def test_submit_killed_during_guards_sends_nothing(task: Task, polaris: Polaris) -> None:
    """Guards can take minutes."""

    def kill(earlier: tuple[str, ...]) -> None:
        task.kill.is_killed = True

    with pytest.raises(PolarisJobCanceledError):
        task.submit(polaris.append(), guards=kill)
    assert task.wire.asked == []


def test_submit_killed_during_the_post_cancels_the_job_before_it_is_written_down(task: Task, polaris: Polaris) -> None:
    """The kill handler gets the id first; storing it may take longer than a killed worker lives."""
    order: list[str] = []
    assert task.store is not None
    task.store.after_set = lambda value: order.append(f"record {value['job_id'] is not None}")
    task.wire.before_cancel = lambda: order.append("cancel")
    create = task.wire._create

    def killed(spec: Any) -> dict[str, Any]:
        task.kill.is_killed = True
        return create(spec)

    task.wire._create = killed  # type: ignore[method-assign]
    task.submit(polaris.append())
    assert order == ["record False", "cancel", "record True"]


def test_submit_killed_while_it_looks_says_so(task: Task, polaris: Polaris) -> None:
    """A killed task can't wait a minute."""
    task.wire.posts = ["nothing"]
    task.wire.clock.at(3, lambda: setattr(task.kill, "is_killed", True))  # type: ignore[attr-defined]
    with pytest.raises(PolarisAmbiguousSubmitError) as caught:
        task.submit(polaris.append())
    assert str(caught.value) == (
        f"{LOST} The task was killed before it could check whether there is a job. If there is one, it "
        "continues. A retry of this task searches for the job before it sends it again."
    )
    assert (caught.value.spec, str(caught.value.__cause__)) == (polaris.append(), LOST)
    assert task.wire.clock.slept == 5  # type: ignore[attr-defined]
