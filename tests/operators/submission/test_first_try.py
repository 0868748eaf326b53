# SPDX-License-Identifier: Apache-2.0
"""The first try: one request without faults, and the steps after an ambiguous POST."""

from __future__ import annotations

import logging
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
from airflow_provider_polaris.operators.submission.messages import OVERRIDE
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


def test_submit_adds_the_marker_and_nothing_else(task: Task, polaris: Polaris) -> None:
    """The spec is sent unchanged, except for one key in its context."""
    spec = polaris.append(context={"maxNumTasks": 3})
    task.submit(spec)
    marker = task.wire.sent[0]["context"].pop("airflow")
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
    """Polaris rejects a context for some types, and a user's own key is kept."""
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


@pytest.mark.parametrize("mode", MODES)
def test_submit_look_alikes_with_markers_adopts_ours(mode: str, task: Task, polaris: Polaris) -> None:
    """Another task's job and one from the console are equivalent; the marker identifies ours."""
    other = task.identity.marker("https://elsewhere", "p")
    task.wire.foreign({**polaris.spec(mode), "context": {"airflow": other}})
    task.wire.foreign(polaris.spec(mode))
    task.wire.posts = ["lost"]
    submitted = task.submit(polaris.spec(mode))
    assert submitted.outcome == "adopted"
    assert submitted.job.job_id == polaris.jobs[2].id


@pytest.mark.parametrize("mode", MODES)
def test_submit_only_look_alikes_of_others_submits(mode: str, task: Task, polaris: Polaris) -> None:
    """If Polaris echoes markers, a job without ours is never ours, however similar."""
    task.wire.foreign({**polaris.spec(mode), "context": {"airflow": "somebody"}})
    task.wire.foreign(polaris.spec(mode))
    task.wire.posts = ["nothing"]
    submitted = task.submit(polaris.spec(mode))
    assert submitted.outcome == "submitted"
    assert submitted.job.job_id == polaris.jobs[2].id


def two_look_alikes(task: Task, polaris: Polaris, spec: Any) -> tuple[str, str]:
    """Submit while two equivalent jobs have no marker; return the expected start of the refusal, and the error."""
    task.wire.echoes_markers = False
    foreign = task.wire.foreign(spec)
    task.wire.posts = ["lost"]
    with pytest.raises(PolarisGuardError) as caught:
        task.submit(spec)
    assert len(polaris.jobs) == 2
    ours = polaris.jobs[1].id
    begin = (
        f"an earlier POST of this task may have created a job, and Polaris jobs {ours!r} (batch into "
        f"{polaris.table!r}, 'pending') and {foreign!r} (batch into {polaris.table!r}, 'pending') have "
        "the same spec but no marker that identifies the task. "
    )
    return begin, str(caught.value)


@pytest.mark.parametrize("marker", ["auto", "off"])
def test_submit_two_look_alikes_without_marker_append_refuses(marker: str, task: Task, polaris: Polaris) -> None:
    """It is unknown which of two jobs is ours; the error names both."""
    task.marker = marker
    begin, message = two_look_alikes(task, polaris, polaris.append())
    assert message == begin + (
        "Adopting another task's job would lose rows, and submitting could add rows twice. Nothing more "
        "was submitted. Find this task's job in the Polaris console. After it has completed, mark the "
        f"task as success. {OVERRIDE}"
    )


def test_submit_two_look_alikes_without_marker_replace_refuses(task: Task, polaris: Polaris) -> None:
    """A replace doesn't choose either; the error names both."""
    begin, message = two_look_alikes(task, polaris, polaris.replace())
    assert message == begin + (
        "Nothing more was submitted. Find this task's job in the Polaris console, cancel unwanted jobs, "
        "wait until the others have ended, then clear the task."
    )


def test_submit_look_alike_without_marker_waits_for_a_second_one(task: Task, polaris: Polaris) -> None:
    """An equivalent job that appears first may be another task's, and ours may appear later."""
    task.wire.echoes_markers = False
    task.wire.foreign(polaris.replace())
    task.wire.visible_after = 40
    task.wire.posts = ["lost"]
    with pytest.raises(PolarisGuardError, match="Polaris jobs"):
        task.submit(polaris.replace())
    assert task.wire.clock.slept == 60  # type: ignore[attr-defined]


def test_submit_one_look_alike_without_marker_replace_adopts_and_warns_once(
    task: Task, polaris: Polaris, caplog: pytest.LogCaptureFixture
) -> None:
    """An equivalent replace has the same effect, whoever submitted it."""
    task.wire.echoes_markers = False
    task.wire.posts = ["lost"]
    with caplog.at_level(logging.WARNING, "test.submission"):
        submitted = task.submit(polaris.replace())
    assert submitted.outcome == "adopted"
    assert len(polaris.jobs) == 1
    warnings = [record.getMessage() for record in caplog.records if "marker" in record.getMessage()]
    assert warnings == [
        (
            f"Polaris returns no marker 'airflow' in the context of job {polaris.jobs[0].id!r}, so this "
            "task's job can be recognized only by its spec."
        )
    ]


@pytest.mark.parametrize("outcome", ["lost", "nothing"])
def test_submit_one_look_alike_without_marker_append_refuses(outcome: str, task: Task, polaris: Polaris) -> None:
    """It may be another task's: adopting it would lose this task's rows, submitting could add them twice."""
    task.wire.echoes_markers = False
    task.wire.posts = [outcome]
    if outcome == "nothing":
        task.wire.foreign(polaris.append())
    with pytest.raises(PolarisGuardError) as caught:
        task.submit(polaris.append())
    assert f"Polaris job {polaris.jobs[0].id!r} (batch into {polaris.table!r}, 'pending') has" in str(caught.value)
    assert len(polaris.jobs) == 1


def test_submit_look_alike_that_has_failed_is_no_obstacle(task: Task, polaris: Polaris) -> None:
    """A job without effect is neither adopted nor relevant."""
    task.wire.echoes_markers = False
    foreign = task.wire.foreign(polaris.append())
    task.wire.cancel_job(foreign)
    polaris.running.emulator.jobs.advance_due_jobs()
    task.wire.posts = ["nothing"]
    assert task.submit(polaris.append()).outcome == "submitted"
    assert polaris.rows() == 3


def test_submit_lost_among_too_many_jobs_append_refuses(
    task: Task, polaris: Polaris, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If not every job was checked, it is unknown whether there is one."""
    monkeypatch.setattr("airflow_provider_polaris.operators.submission.find_job.MOST_SUMMARIES", 2)
    for _ in range(2):
        task.wire.foreign({**polaris.append(), "context": {"airflow": "somebody"}})
    task.wire.posts = ["nothing"]
    with pytest.raises(PolarisGuardError) as caught:
        task.submit(polaris.append())
    assert str(caught.value) == (
        "an earlier POST of this task may have created a job. It isn't among the checked jobs of the newest 200 "
        f"of table {polaris.table!r}, but it may be an older one. Nothing more "
        "was submitted. Search the Polaris console for a job of this task. If there is one, mark the "
        f"task as success after it has completed. {OVERRIDE}"
    )
    task.wire.posts = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        task.submit(polaris.append(), repeat_append=True)
    with pytest.raises(PolarisGuardError, match="among the checked jobs of the newest 200 of table"):
        task.retry().submit(polaris.append())


def test_submit_lost_among_too_many_jobs_replace_submits(
    task: Task, polaris: Polaris, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replace that may run twice does no harm."""
    monkeypatch.setattr("airflow_provider_polaris.operators.submission.find_job.MOST_SUMMARIES", 2)
    for _ in range(2):
        task.wire.foreign({**polaris.replace(), "context": {"airflow": "somebody"}})
    task.wire.posts = ["nothing"]
    assert task.submit(polaris.replace()).outcome == "submitted"


def test_submit_marker_refused_sends_without_it_and_remembers(
    task: Task, polaris: Polaris, caplog: pytest.LogCaptureFixture
) -> None:
    """A 400 may be caused by the marker; the record is updated before the job is sent without it."""
    task.wire.refuses_markers = True
    seen: list[str] = []
    assert task.store is not None
    task.store.before_set = lambda value: seen.append(value["marker"])
    with caplog.at_level(logging.WARNING, "test.submission"):
        submitted = task.submit(polaris.append())
    assert submitted.outcome == "submitted"
    assert task.wire.asked == ["POST", "POST"]
    assert seen == ["sent", "refused", "refused"]
    assert [record.getMessage() for record in caplog.records] == [
        (
            "Polaris accepted the job only without the marker that identifies this task's jobs. Set "
            "submit_marker of connection 'polaris_default' to 'off'. Polaris' answer: POST "
            "/v1/projects/p/jobs answered 400: unknown context parameter 'airflow'."
        )
    ]
    polaris.running.emulator.jobs.update(submitted.job.job_id, "canceled", polaris.jobs[0].created_by)
    assert task.retry().submit(polaris.append()).outcome == "submitted"
    assert task.wire.asked == ["describe", "POST"]


def test_submit_marker_refused_and_reply_lost_is_recognized_without_it(task: Task, polaris: Polaris) -> None:
    """A job that was sent without the marker isn't expected to have it, although other jobs have theirs."""
    task.wire.foreign({**polaris.append(filterExpression="\"city\" = 'Oslo'"), "context": {"airflow": "somebody"}})
    task.wire.refuses_markers = True
    task.wire.posts = ["lost"]
    with pytest.raises(PolarisGuardError, match=r"but no marker that identifies the task"):
        task.submit(polaris.append())
    assert len(polaris.jobs) == 2


def test_submit_spec_refused_with_and_without_marker_raises_polaris_words(task: Task, polaris: Polaris) -> None:
    """A 400 about the spec is reported unchanged, and the marker is tried again next time."""
    spec = polaris.append(source={"type": "table", "tableName": "No Such Table"})
    with pytest.raises(PolarisApiError, match="'No Such Table' does not exist") as caught:
        task.submit(spec)
    assert caught.value.status == 400
    assert caught.value.__context__ is None, "the refusal of the marked job would stand above it in the log"
    assert task.wire.asked == ["POST", "POST"]
    task.retry().submit(polaris.append())
    assert "airflow" in task.wire.sent[0]["context"]


def test_submit_context_refused_is_sent_without_what_may_be_left_out(
    task: Task, polaris: Polaris, caplog: pytest.LogCaptureFixture
) -> None:
    """First without the marker, then without the key; the user's own keys are kept."""
    task.wire.posts = [api_error(400, "unknown context parameter"), api_error(400, "unknown context parameter")]
    spec = polaris.replace(context={"failOnEmptyInsert": True, "maxNumTasks": 2})
    with caplog.at_level(logging.WARNING, "test.submission"):
        task.submit(spec, optional_context=("failOnEmptyInsert",))
    assert [sorted(sent["context"]) for sent in task.wire.sent] == [
        ["airflow", "failOnEmptyInsert", "maxNumTasks"],
        ["failOnEmptyInsert", "maxNumTasks"],
        ["maxNumTasks"],
    ]
    assert [record.getMessage() for record in caplog.records] == [
        (
            "Polaris accepted the job only without 'failOnEmptyInsert' in its context. Polaris' answer: "
            "POST /v1/projects/p/jobs answered 400: unknown context parameter."
        ),
        (
            "Polaris accepted the job only without the marker that identifies this task's jobs. Set "
            "submit_marker of connection 'polaris_default' to 'off'. Polaris' answer: POST "
            "/v1/projects/p/jobs answered 400: unknown context parameter."
        ),
    ]


def test_submit_context_of_the_user_refused_is_not_left_out(task: Task, polaris: Polaris) -> None:
    """The user's own keys are never dropped."""
    task.wire.posts = [api_error(400, "unknown context parameter"), api_error(400, "unknown context parameter")]
    with pytest.raises(PolarisApiError, match="unknown context parameter"):
        task.submit(polaris.replace(context={"failOnEmptyInsert": True}))
    assert task.wire.asked == ["POST", "POST"]


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
    assert task.wire.asked.count("POST") == 3


def test_submit_lost_and_list_out_of_order_leaves_it_to_the_retry(task: Task, polaris: Polaris) -> None:
    """If the search fails there is no second POST; the retry adopts the job."""
    task.wire.posts = ["lost"]
    task.wire.list_errors = [api_error(403, "no")]
    with pytest.raises(PolarisAmbiguousSubmitError) as caught:
        task.submit(polaris.append())
    assert str(caught.value) == (
        f"{LOST} It is unknown whether Polaris accepted the job, and the search for it failed: "
        f"{api_error(403, 'no')} {LOOK_AGAIN}"
    )
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
    assert task.wire.clock.slept == 5  # type: ignore[attr-defined]


def test_submit_lost_job_that_somebody_canceled_is_not_adopted(task: Task, polaris: Polaris) -> None:
    """A job that was canceled in the console isn't sent again by this try."""
    task.wire.posts = ["late"]
    task.wire.clock.at(31, lambda: super(type(task.wire), task.wire).cancel_job(polaris.jobs[0].id))  # type: ignore[attr-defined]
    task.wire.visible_after = 20
    with pytest.raises(PolarisJobCanceledError) as caught:
        task.submit(polaris.append())
    assert str(caught.value) == (
        f"Polaris job {polaris.jobs[0].id!r} (batch into {polaris.table!r}), which this task has just "
        "submitted, is 'canceled', and its cancellation was requested elsewhere. A retry of this task "
        "submits a new job after it has ended."
    )
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
