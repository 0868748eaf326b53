# SPDX-License-Identifier: Apache-2.0
"""A service that accepts an id once: waits for free task slots and after a lost answer, before it is sent again."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisJobCanceledError,
    PolarisThrottledError,
)
from airflow_provider_polaris.jobs.status.retryability import Retryability, retryability_of
from tests.operators.submission.conftest import MODES, FakeClock, Polaris, Task
from tests.operators.submission.druid import ids_sent

pytestmark = pytest.mark.parametrize("service", ["druid"], indirect=True)


@pytest.mark.parametrize("mode", MODES)
def test_too_few_slots_are_waited_for_before_the_post(
    mode: str, task: Task, polaris: Polaris, druid: Any, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """One line says so and recommends a pool; no request of the wait submits anything."""
    druid.used = 5
    clock.at(50, lambda: setattr(druid, "used", 0))
    with caplog.at_level(logging.INFO, "test.submission"):
        assert task.submit(polaris.spec(mode)).outcome == "submitted"
    line, _ = (record.getMessage() for record in caplog.records)
    assert line == (
        "The job can't be submitted now. This task tries again every 20 s, for up to 300 s: Druid has 1 free task "
        "slot, and the job needs 2, so it was not submitted: jobs that wait for each other's slots block the cluster. "
        "Limit the number of jobs at a time with an Airflow pool, or add workers."
    )
    assert clock.slept == 60
    assert len(ids_sent(druid)) == 1


def test_each_reason_to_wait_is_logged_once(
    task: Task, polaris: Polaris, druid: Any, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Another number of free slots is another line; the same one isn't."""
    druid.used = 6
    clock.at(30, lambda: setattr(druid, "used", 5))
    clock.at(70, lambda: setattr(druid, "used", 0))
    with caplog.at_level(logging.INFO, "test.submission"):
        task.submit(polaris.append())
    lines = [record.getMessage() for record in caplog.records]
    assert [text.partition(" slot")[0].rpartition("Druid has ")[2] for text in lines[:-1]] == [
        "0 free task",
        "1 free task",
    ]
    assert clock.slept == 80


def test_tasks_that_wait_for_slots_do_not_try_at_the_same_time(
    task: Task, polaris: Polaris, druid: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to five seconds more, at random."""
    monkeypatch.setattr(clock, "jitter", lambda: 0.2)
    druid.used = 6
    clock.at(10, lambda: setattr(druid, "used", 0))
    task.submit(polaris.append())
    assert clock.slept == 16


def test_slots_that_stay_full_fail_the_try_after_five_minutes(
    task: Task, polaris: Polaris, druid: Any, clock: FakeClock
) -> None:
    """It is throttling for the retry policy, and nothing was sent."""
    druid.used = 6
    with pytest.raises(
        PolarisThrottledError, match="Limit the number of jobs at a time with an Airflow pool"
    ) as caught:
        task.submit(polaris.append())
    assert retryability_of(caught.value) is Retryability.THROTTLED
    assert clock.slept == 300
    assert ids_sent(druid) == []


@pytest.mark.parametrize("when", ["before", "after", "planning"])
@pytest.mark.parametrize("mode", MODES)
def test_429_of_a_proxy_is_sent_again_under_the_same_id(mode: str, when: str, task: Task, polaris: Polaris) -> None:
    """Whether the submission behind it took effect or not."""
    task.wire.posts = [f"429 {when}"]
    assert task.submit(polaris.spec(mode)).job.job_id == task.druid_id
    assert task.wire.clock.slept == 20  # type: ignore[attr-defined]
    assert polaris.rows() == 3
    assert len(polaris.jobs) == 1


def test_killed_in_the_pause_sends_nothing_more(task: Task, polaris: Polaris, clock: FakeClock, druid: Any) -> None:
    """The error says that a job may exist, and the retry sends the same again."""
    task.wire.posts = ["lost before"]
    clock.at(12, lambda: setattr(task.kill, "is_killed", True))
    with pytest.raises(PolarisAmbiguousSubmitError) as caught:
        task.submit(polaris.append())
    assert str(caught.value) == (
        "POST /druid/v2/sql/task lost its connection to 'router.example.com:8888' before the answer was complete "
        "(Connection reset by peer). The task was killed before it could send the job again. If there is a job, it "
        "continues. A retry of this task sends the same job again under the same id, which the service accepts only "
        "once."
    )
    assert caught.value.spec == polaris.append()
    assert len(ids_sent(druid)) == 3
    assert task.retry().submit(polaris.append()).outcome == "submitted"


def test_killed_while_it_waits_for_slots_has_submitted_nothing(
    task: Task, polaris: Polaris, clock: FakeClock, druid: Any
) -> None:
    """The task ends at once."""
    druid.used = 6
    clock.at(3, lambda: setattr(task.kill, "is_killed", True))
    with pytest.raises(PolarisJobCanceledError) as caught:
        task.submit(polaris.append())
    assert str(caught.value) == "the task was killed before it submitted its job. The service had no capacity for it."
    assert ids_sent(druid) == []
