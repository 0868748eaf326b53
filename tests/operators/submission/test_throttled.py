# SPDX-License-Identifier: Apache-2.0
"""A POST that is answered with 429: most likely rejected, so it is sent again, after a search and a pause."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import (
    PolarisGuardError,
    PolarisJobCanceledError,
    PolarisThrottledError,
    PolarisTransportError,
)
from tests.operators.submission.conftest import MODES, Death, Polaris, Task, throttled


@pytest.mark.parametrize("mode", MODES)
def test_throttled_sends_again_after_the_visibility_wait(
    mode: str, task: Task, polaris: Polaris, caplog: pytest.LogCaptureFixture
) -> None:
    """One search at the end of the pause, none during it: Polaris has requested fewer requests."""
    task.wire.posts = [throttled()]
    with caplog.at_level(logging.INFO, "test.submission"):
        assert task.submit(polaris.spec(mode)).outcome == "submitted"
    assert task.wire.asked == ["POST", "list", "POST"]
    assert task.wire.clock.slept == 65  # type: ignore[attr-defined]
    assert caplog.records[0].getMessage() == (
        "The service received too many requests. In 65 s this task checks whether the service accepted the job "
        "anyway, and if not, sends it again: POST /v1/projects/p/jobs answered 429: too many requests."
    )
    assert polaris.rows() == 3


def test_throttled_waits_as_long_as_polaris_asks(task: Task, polaris: Polaris) -> None:
    """Retry-After counts if it is longer."""
    task.wire.posts = [throttled(retry_after=120)]
    task.submit(polaris.append())
    assert task.wire.clock.slept == 125  # type: ignore[attr-defined]


def test_throttled_tasks_do_not_send_again_at_the_same_time(
    task: Task, polaris: Polaris, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to five seconds more, at random."""
    monkeypatch.setattr(task.wire.clock, "jitter", lambda: 0.2)
    task.wire.posts = [throttled()]
    task.submit(polaris.append())
    assert task.wire.clock.slept == 61  # type: ignore[attr-defined]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("visible_after", [0, 60])
def test_throttled_with_effect_adopts_the_job(visible_after: int, mode: str, task: Task, polaris: Polaris) -> None:
    """The 429 may come from a proxy in front of a service that has the job and lists it late."""
    task.wire.posts = ["429 with effect"]
    task.wire.visible_after = visible_after
    submitted = task.submit(polaris.spec(mode))
    assert (submitted.outcome, submitted.job.job_id) == ("adopted", polaris.jobs[0].id)
    assert len(polaris.jobs) == 1


def test_throttled_with_effect_without_marker_append_refuses(task: Task, polaris: Polaris) -> None:
    """The equivalent job may be this task's."""
    task.wire.echoes_markers = False
    task.wire.posts = ["429 with effect"]
    with pytest.raises(PolarisGuardError, match=r"and job .[0-9a-f-]{36}. .* has the same spec but no marker"):
        task.submit(polaris.append())
    assert len(polaris.jobs) == 1
    task.wire.posts = [throttled()]
    assert task.retry().submit(polaris.append(), repeat_append=True).outcome == "submitted"


def test_throttled_with_effect_without_marker_replace_adopts(task: Task, polaris: Polaris) -> None:
    """An equivalent replace has the same effect, whoever submitted it."""
    task.wire.echoes_markers = False
    task.wire.posts = ["429 with effect"]
    assert task.submit(polaris.replace()).outcome == "adopted"
    assert len(polaris.jobs) == 1


@pytest.mark.parametrize("mode", MODES)
def test_throttled_five_minutes_gives_up(mode: str, task: Task, polaris: Polaris) -> None:
    """The pauses are limited; the next try searches first."""
    task.wire.posts = [throttled()] * 9
    with pytest.raises(PolarisThrottledError):
        task.submit(polaris.spec(mode))
    assert task.wire.asked == ["POST", "list"] * 4 + ["POST"]
    task.wire.posts = []
    assert task.retry().submit(polaris.spec(mode)).outcome == "submitted"
    assert task.wire.asked[0] == "list"


def test_throttled_writes_down_when_each_post_went_out(task: Task, polaris: Polaris) -> None:
    """A worker that dies in the last POST left a record, so that the retry waits long enough for its job."""
    assert task.store is not None
    sent: list[Any] = []
    task.store.before_set = lambda value: sent.append(value["sent"])
    task.wire.posts = [throttled(), throttled(), Death()]
    with pytest.raises(Death):
        task.submit(polaris.append())
    assert len(set(sent)) == 3
    started = task.wire.clock.now()
    task.retry().submit(polaris.append())
    assert (task.wire.clock.now() - started).total_seconds() == 120


def test_throttled_killed_in_the_pause_sends_nothing_more(task: Task, polaris: Polaris) -> None:
    """A killed task can't wait a minute."""
    task.wire.posts = [throttled()]
    task.wire.clock.at(3, lambda: setattr(task.kill, "is_killed", True))  # type: ignore[attr-defined]
    with pytest.raises(PolarisJobCanceledError):
        task.submit(polaris.append())
    assert task.wire.asked == ["POST"]


def test_throttled_and_list_out_of_order_raises_the_429(task: Task, polaris: Polaris) -> None:
    """Without a search nothing is sent again; the next try searches."""
    task.wire.posts = ["429 with effect"]
    task.wire.list_errors = [PolarisTransportError("gone")]
    with pytest.raises(PolarisThrottledError):
        task.submit(polaris.append())
    assert task.retry().submit(polaris.append()).outcome == "adopted"
    assert len(polaris.jobs) == 1
