# SPDX-License-Identifier: Apache-2.0
"""A retry whose record has a pending POST: it searches for that job, and distinguishes it from others."""

from __future__ import annotations

import pytest

from tests.operators.submission.conftest import FILTER, MODES, Death, Polaris, Task, refusal


@pytest.mark.parametrize("mode", MODES)
def test_retry_intent_without_job_submits_after_the_visibility_wait(mode: str, task: Task, polaris: Polaris) -> None:
    """The previous try stored its record and died before the POST."""
    task.wire.posts = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        task.submit(polaris.spec(mode))
    task.wire.clock.advance(25)  # type: ignore[attr-defined]
    assert task.retry().submit(polaris.spec(mode)).outcome == "submitted"
    # The client may have tried to connect for 60 s; a job that it sent then may be visible 60 s later.
    assert task.wire.clock.slept == 95  # type: ignore[attr-defined]
    assert polaris.rows() == 3


def test_retry_intent_whose_worker_had_a_clock_ahead_waits_two_minutes_at_most(task: Task, polaris: Polaris) -> None:
    """Another worker's clock can't prolong the wait of this one."""
    task.wire.posts = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        task.submit(polaris.append())
    assert task.store is not None
    task.store.set("polaris_job", {**task.store.record, "sent": "2036-01-01T00:00:00.000Z"})
    task.retry().submit(polaris.append())
    assert task.wire.clock.slept == 120  # type: ignore[attr-defined]


@pytest.mark.parametrize("hours", [0, 5])
def test_retry_intent_job_completed_is_adopted_and_finished(hours: int, task: Task, polaris: Polaris) -> None:
    """A job whose id was not read has completed; its result is used."""
    task.wire.posts = ["death"]
    with pytest.raises(Death):
        task.submit(polaris.append())
    polaris.finish()
    task.wire.clock.advance(hours * 3600)  # type: ignore[attr-defined]
    submitted = task.retry().submit(polaris.append())
    assert (submitted.outcome, submitted.job.is_terminal) == ("adopted", True)
    assert polaris.rows() == 3


def test_retry_intent_with_another_target_finds_the_job_of_the_old_one(task: Task, polaris: Polaris) -> None:
    """The record gives the table whose list contains the job, whatever the spec is now."""
    task.wire.posts = ["death"]
    with pytest.raises(Death):
        task.submit(polaris.append())
    other = polaris.append(target={"type": "table", "tableName": "Another Rollup"})
    assert "the spec has changed since: field 'target.tableName'" in refusal(task.retry(), other)


def test_retry_intent_changed_replace_never_cancels_a_job_without_our_marker(task: Task, polaris: Polaris) -> None:
    """A job that is only equivalent to the old spec may be another task's."""
    task.wire.echoes_markers = False
    task.wire.posts = ["death"]
    with pytest.raises(Death):
        task.submit(polaris.replace())
    assert polaris.jobs[0].id in refusal(task.retry(), polaris.replace(**FILTER))
    assert polaris.jobs[0].desired == "running"


def test_retry_intent_unmarked_twin_append_refuses(task: Task, polaris: Polaris) -> None:
    """The single equivalent job may be another task's."""
    task.wire.echoes_markers = False
    task.wire.posts = ["death"]
    with pytest.raises(Death):
        task.submit(polaris.append())
    assert polaris.jobs[0].id in refusal(task.retry(), polaris.append())


def test_retry_intent_unmarked_twin_replace_adopts(task: Task, polaris: Polaris) -> None:
    """An equivalent replace has the same effect."""
    task.wire.echoes_markers = False
    task.wire.posts = ["death"]
    with pytest.raises(Death):
        task.submit(polaris.replace())
    assert task.retry().submit(polaris.replace()).job.job_id == polaris.jobs[0].id


def test_retry_intent_that_went_out_unmarked_is_not_expected_to_be_marked(task: Task, polaris: Polaris) -> None:
    """According to the record the marker was rejected, so an unmarked job may be ours."""
    task.wire.foreign({**polaris.append(filterExpression="\"city\" = 'Oslo'"), "context": {"airflow": "somebody"}})
    task.wire.refuses_markers = True
    task.wire.posts = ["death"]
    with pytest.raises(Death):
        task.submit(polaris.append())
    assert polaris.jobs[1].id in refusal(task.retry(), polaris.append())


def test_retry_intent_that_went_out_marked_fears_no_unmarked_twin(task: Task, polaris: Polaris) -> None:
    """If other jobs have their markers, ours would, too."""
    task.wire.foreign({**polaris.append(), "context": {"airflow": "somebody"}})
    task.wire.foreign(polaris.append())
    task.wire.posts = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        task.submit(polaris.append())
    assert task.retry().submit(polaris.append()).outcome == "submitted"


def test_retry_intent_does_not_adopt_a_twin_from_before(task: Task, polaris: Polaris) -> None:
    """A replace of an hour ago read other data."""
    task.wire.echoes_markers = False
    task.wire.foreign(polaris.replace())
    task.wire.clock.advance(3600)  # type: ignore[attr-defined]
    task.wire.posts = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        task.submit(polaris.replace())
    assert task.retry().submit(polaris.replace()).outcome == "submitted"


@pytest.mark.parametrize(("minutes", "outcome"), [(0.5, "adopted"), (5, "submitted")])
def test_retry_intent_adopts_no_twin_that_was_there_before_it(
    minutes: float, outcome: str, task: Task, polaris: Polaris
) -> None:
    """It may have read incomplete data; a clock skew of at most a minute is allowed."""
    task.wire.echoes_markers = False
    task.wire.foreign(polaris.replace())
    task.wire.clock.advance(minutes * 60)  # type: ignore[attr-defined]
    task.wire.posts = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        task.submit(polaris.replace())
    assert task.retry().submit(polaris.replace()).outcome == outcome


def test_retry_append_fears_a_twin_of_minutes_before(task: Task, polaris: Polaris) -> None:
    """A worker's clock may be wrong by ten minutes, and rows would be added twice."""
    task.wire.echoes_markers = False
    foreign = task.wire.foreign(polaris.append())
    task.wire.clock.advance(5 * 60)  # type: ignore[attr-defined]
    task.wire.posts = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        task.submit(polaris.append())
    assert foreign in refusal(task.retry(), polaris.append())
