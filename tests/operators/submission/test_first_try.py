# SPDX-License-Identifier: Apache-2.0
"""The first try: one request without faults, and the steps after an ambiguous POST."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisApiError,
    PolarisGuardError,
    PolarisJobCanceledError,
    PolarisTransportError,
)
from tests.operators.submission.conftest import LOST, MODES, Polaris, Task, api_error, lost

LOOK_AGAIN = "A retry of this task searches for the job before it sends it again."


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fixture", ["task", "old_task"])
def test_submit_all_is_well_makes_one_request(
    mode: str, fixture: str, polaris: Polaris, request: pytest.FixtureRequest
) -> None:
    """The protocol makes no request before or after a POST that was answered."""
    task: Task = request.getfixturevalue(fixture)
    submitted = task.submit(polaris.spec(mode))
    assert task.wire.asked == ["POST"]
    assert submitted.outcome == "submitted"
    assert submitted.job.job_id == polaris.jobs[0].id == task.kill.job_id
    assert not submitted.job.is_terminal


def test_submit_adds_the_marker_and_the_origin_and_nothing_else(task: Task, polaris: Polaris) -> None:
    """The spec is sent unchanged, except for two keys in its context."""
    spec = polaris.append(context={"maxNumTasks": 3})
    task.submit(spec)
    marker = task.wire.sent[0]["context"].pop("airflow")
    assert task.wire.sent[0]["context"].pop("airflowOrigin") == {
        "dag": "koalas",
        "task": "rollup",
        "run": "run-1",
        "try": 1,
    }
    assert task.wire.sent == [spec]
    assert marker == task.identity.marker(task.wire.settings.base_url, task.wire.project_id)
    assert "airflow" not in spec["context"]


@pytest.mark.parametrize(
    "spec",
    [
        {"type": "delete_data", "target": {"type": "table", "tableName": "t"}, "deleteAll": True},
        {"type": "batch", "context": {"airflow": "mine"}},
    ],
    ids=["no-context", "taken"],
)
def test_submit_job_that_takes_no_marker_goes_out_unchanged(spec: dict[str, Any], task: Task) -> None:
    """The service rejects a context for some types, and a user's own key is kept."""
    task.wire.posts = [api_error(400, "bad")]
    with pytest.raises(PolarisApiError):
        task.submit(spec)
    assert task.wire.sent == [spec]


def test_submit_with_the_marker_off_sends_the_spec_unchanged(task: Task, polaris: Polaris) -> None:
    """A connection can turn the marker off."""
    task.marker = "off"
    task.submit(polaris.append())
    assert task.wire.sent == [polaris.append()]


@pytest.mark.parametrize("mode", MODES)
def test_submit_reply_lost_adopts_the_job_at_once(mode: str, task: Task, polaris: Polaris) -> None:
    """A job with the task's marker is the task's; the wait ends when it appears."""
    task.wire.posts = ["lost"]
    submitted = task.submit(polaris.spec(mode))
    assert (submitted.outcome, submitted.job.job_id) == ("adopted", polaris.jobs[0].id)
    assert task.kill.job_id == submitted.job.job_id
    assert task.store is not None
    assert task.store.record["job_id"] == submitted.job.job_id
    assert task.wire.clock.slept == 0  # type: ignore[attr-defined]
    assert len(polaris.jobs) == 1
    assert polaris.rows() == 3


@pytest.mark.parametrize("mode", MODES)
def test_submit_reply_lost_and_no_job_submits_after_the_visibility_wait(
    mode: str, task: Task, polaris: Polaris
) -> None:
    """A missing job proves something only a minute after the POST; then the job is sent again."""
    task.wire.posts = ["nothing"]
    submitted = task.submit(polaris.spec(mode))
    assert submitted.outcome == "submitted"
    assert task.wire.clock.slept == 60  # type: ignore[attr-defined]
    assert task.wire.asked.count("POST") == 2
    assert polaris.rows() == 3


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("disturbance", ["late", "hidden"])
def test_submit_job_that_shows_within_the_visibility_wait_is_adopted(
    disturbance: str, mode: str, task: Task, polaris: Polaris
) -> None:
    """A job that is created or listed late is found."""
    task.wire.posts = ["late" if disturbance == "late" else "lost"]
    task.wire.visible_after = 0 if disturbance == "late" else 55
    assert task.submit(polaris.spec(mode)).outcome == "adopted"
    assert len(polaris.jobs) == 1


@pytest.mark.parametrize(
    "error", [api_error(403, "no"), PolarisTransportError("POST /jobs was not sent: refused.")], ids=["403", "unsent"]
)
def test_submit_refused_or_unsent_lets_the_retry_submit_at_once(error: Exception, task: Task, polaris: Polaris) -> None:
    """There is no pending POST, so the next try neither searches nor waits."""
    task.wire.posts = [error]
    with pytest.raises(type(error)):
        task.submit(polaris.append())
    assert task.retry().submit(polaris.append()).outcome == "submitted"
    assert task.wire.asked == ["POST"]
    assert polaris.rows() == 3


def test_submit_conflict_makes_the_retry_look_first(task: Task, polaris: Polaris) -> None:
    """It is not documented whether a 409 leaves a job."""
    task.wire.posts = [api_error(409, "conflict")]
    with pytest.raises(PolarisApiError):
        task.submit(polaris.append())
    assert task.retry().submit(polaris.append()).outcome == "submitted"
    assert task.wire.asked[0] == "list"


def test_submit_lost_again_and_again_gives_up_after_three_posts(task: Task, polaris: Polaris) -> None:
    """The loop is limited, and the next try searches again."""
    task.wire.posts = ["nothing"] * 5
    with pytest.raises(PolarisAmbiguousSubmitError) as caught:
        task.submit(polaris.append())
    assert str(caught.value) == (
        f"{LOST} The job was sent 3 times, and no job was found afterwards. A retry of this task searches "
        "again before it sends the job again."
    )
    assert (caught.value.spec, str(caught.value.__cause__)) == (polaris.append(), LOST)
    assert task.wire.asked.count("POST") == 3


def test_submit_lost_and_list_out_of_order_leaves_it_to_the_retry(task: Task, polaris: Polaris) -> None:
    """If the search fails there is no second POST; the retry adopts the job."""
    task.wire.posts = ["lost"]
    task.wire.list_errors = [api_error(403, "no")]
    with pytest.raises(PolarisAmbiguousSubmitError) as caught:
        task.submit(polaris.append())
    assert str(caught.value) == (
        f"{LOST} It is unknown whether the service accepted the job, and the search for it failed: "
        f"{api_error(403, 'no')} {LOOK_AGAIN}"
    )
    assert (caught.value.spec, str(caught.value.__cause__)) == (polaris.append(), LOST)
    assert task.retry().submit(polaris.append()).outcome == "adopted"
    assert len(polaris.jobs) == 1


@pytest.mark.parametrize("case", ["blind", "no job", "killed", "doubtful"])
def test_submit_lost_tells_one_story_in_the_whole_traceback(case: str, task: Task, polaris: Polaris) -> None:
    """The client's advice to search for the job is omitted: this task and its retries search for it."""
    spec = polaris.append()
    task.wire.posts = ["lost"]
    if case == "blind":
        task.wire.list_errors = [api_error(403, "no")]
    elif case == "no job":
        task.wire.posts = [lost(), lost(), lost()]
    elif case == "killed":
        task.wire.posts = [lost()]
        task.wire.clock.at(1, lambda: setattr(task.kill, "is_killed", True))
    else:
        task.wire.echoes_markers = False
        task.wire.foreign(spec)
    with pytest.raises((PolarisAmbiguousSubmitError, PolarisGuardError)) as caught:
        task.submit(spec)
    told = "".join(traceback.format_exception(caught.value))
    assert LOST in told
    assert "Look for it." not in told


def test_submit_lost_and_list_out_of_order_for_a_moment_adopts(task: Task, polaris: Polaris) -> None:
    """A transient failure of the search is retried within the visibility wait."""
    task.wire.posts = ["lost"]
    task.wire.list_errors = [api_error(503, "busy"), PolarisTransportError("gone")]
    assert task.submit(polaris.append()).outcome == "adopted"


def test_submit_lost_job_that_somebody_canceled_is_not_adopted(task: Task, polaris: Polaris) -> None:
    """A job that was canceled in the console isn't sent again by this try."""
    task.wire.posts = ["late"]
    task.wire.clock.at(31, lambda: super(type(task.wire), task.wire).cancel_job(polaris.jobs[0].id))  # type: ignore[attr-defined]
    task.wire.visible_after = 20
    with pytest.raises(PolarisJobCanceledError) as caught:
        task.submit(polaris.append())
    assert str(caught.value) == (
        f"Job {polaris.jobs[0].id!r} (batch into {polaris.table!r}), which this task has just "
        "submitted, is 'canceled', and its cancellation was requested elsewhere. A retry of this task "
        "submits a new job after it has ended."
    )
    assert (caught.value.job_id, caught.value.state) == (polaris.jobs[0].id, "canceled")
    assert len(polaris.jobs) == 1
    assert task.retry().submit(polaris.append()).outcome == "submitted"
    assert polaris.rows() == 3


def test_submit_guards_run_once_and_before_the_record(task: Task, polaris: Polaris) -> None:
    """A refused submission leaves no record; a second POST of the same job runs no further guard."""
    calls: list[Any] = []
    assert task.store is not None
    task.wire.posts = ["nothing"]
    store = task.store
    task.submit(polaris.append(), guards=lambda earlier: calls.append((store.record, earlier)))
    assert calls == [(None, ())]


def test_submit_guards_learn_which_jobs_are_the_tasks_own(task: Task, polaris: Polaris) -> None:
    """An earlier job of the same task is excluded."""
    earlier = task.submit(polaris.replace()).job.job_id
    polaris.running.emulator.jobs.update(earlier, "canceled", polaris.jobs[0].created_by)
    seen: list[tuple[str, ...]] = []
    task.retry().submit(polaris.replace(), guards=seen.append)
    assert seen == [(earlier,)]


def test_submit_guard_that_refuses_submits_nothing(task: Task, polaris: Polaris) -> None:
    """A guard's refusal reaches the caller unchanged."""

    def guard(earlier: tuple[str, ...]) -> None:
        raise PolarisGuardError("the source is empty.")

    with pytest.raises(PolarisGuardError, match=r"^the source is empty\.$"):
        task.submit(polaris.append(), guards=guard)
    assert task.wire.asked == []
