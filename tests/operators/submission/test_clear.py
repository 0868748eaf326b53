# SPDX-License-Identifier: Apache-2.0
"""A cleared task runs again, but only after the old job has ended, and never adds rows twice without a request."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.emulator.faults.fault import Freeze
from airflow_provider_polaris.jobs.errors import PolarisNotFoundError, PolarisTransportError
from airflow_provider_polaris.operators.submission.messages import OVERRIDE
from tests.operators.submission.conftest import JOB_SECONDS, MODES, Death, Polaris, Task, api_error, refusal


@pytest.mark.parametrize("mode", MODES)
def test_clear_job_active_cancels_waits_and_submits(mode: str, task: Task, polaris: Polaris) -> None:
    """The old job has ended before the new one is sent, so that neither overwrites the other."""
    task.submit(polaris.spec(mode))
    submitted = task.clear().submit(polaris.spec(mode))
    assert (submitted.outcome, submitted.is_found) == ("replaced", False)
    assert task.wire.asked == ["describe", "cancel", "status", "POST"]
    assert [job.status for job in polaris.jobs] == ["canceled", "pending"]
    assert polaris.rows() == 3


@pytest.mark.parametrize("mode", MODES)
def test_clear_job_that_takes_its_time_to_end_is_waited_for(mode: str, task: Task, polaris: Polaris) -> None:
    """A cancel request and the end of the job differ; the new job is sent after the end."""
    old = task.submit(polaris.spec(mode)).job.job_id
    jobs = polaris.running.emulator.jobs
    create, before = task.wire._create, []
    task.wire._create = lambda spec: before.append(jobs.get(old).status) or create(spec)  # type: ignore[method-assign]
    jobs.freeze = Freeze("running", 5)
    try:
        assert task.clear().submit(polaris.spec(mode)).outcome == "replaced"
    finally:
        jobs.freeze = None
    assert before == ["canceled"]
    assert task.wire.clock.slept >= 10  # type: ignore[attr-defined]


def test_clear_job_active_that_completes_meanwhile_append_refuses(task: Task, polaris: Polaris) -> None:
    """The cancel came too late."""
    old = task.submit(polaris.append()).job.job_id
    task.wire.before_cancel = polaris.finish
    assert refusal(task.clear(), polaris.append()) == (
        f"Job {old!r} (batch into {polaris.table!r}), which this task submitted before, has "
        "completed. Its rows were added, and submitting again because the task was cleared would add "
        "rows twice. Nothing was submitted. If its rows are what you want, mark the task as success. "
        f"{OVERRIDE}"
    )


def test_clear_job_active_that_completes_meanwhile_replace_submits(task: Task, polaris: Polaris) -> None:
    """A replace overwrites the data of the old one."""
    task.submit(polaris.replace())
    task.wire.before_cancel = polaris.finish
    assert task.clear().submit(polaris.replace()).outcome == "replaced"
    assert polaris.rows() == 3


def test_clear_job_completed_replace_submits(task: Task, polaris: Polaris) -> None:
    """A clear requests another run."""
    task.submit(polaris.replace())
    polaris.finish()
    submitted = task.clear().submit(polaris.replace())
    assert submitted.outcome == "submitted"
    assert submitted.job.job_id == polaris.jobs[1].id


def test_clear_job_completed_append_refuses_unless_told_to_repeat(task: Task, polaris: Polaris) -> None:
    """The error names the job and the override."""
    old = task.submit(polaris.append()).job.job_id
    polaris.finish()
    assert refusal(task.clear(), polaris.append()) == (
        f"Job {old!r} (batch into {polaris.table!r}), which this task submitted before, has completed. Its "
        "rows were added, and submitting again because the task was cleared would add rows twice. Nothing was "
        "submitted. If its rows are what you want, mark the task as success. To submit anyway, which may add rows "
        "twice, run the task with repeat_append=True (repeat_append='{{ params.repeat_append }}' allows it for one "
        "run)."
    )
    assert task.clear().submit(polaris.append(), repeat_append=True).outcome == "submitted"
    assert polaris.rows() == 6


def test_clear_with_repeat_append_repeats_once(task: Task, polaris: Polaris, caplog: pytest.LogCaptureFixture) -> None:
    """A retry after the repeated append resumes that job, although the parameter is still set."""
    first = task.submit(polaris.append()).job.job_id
    polaris.finish()
    again = task.clear().submit(polaris.append(), repeat_append=True).job.job_id
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        (
            f"Job {first!r}, which this task submitted before, has completed, and its rows were "
            "added. A new job adds them again, because repeat_append=True."
        )
    ]
    assert task.retry().submit(polaris.append(), repeat_append=True).job.job_id == again
    assert polaris.rows() == 6


@pytest.mark.parametrize("mode", MODES)
def test_clear_job_canceled_submits(mode: str, task: Task, polaris: Polaris) -> None:
    """A job that wrote nothing blocks nothing."""
    task.wire.cancel_job(task.submit(polaris.spec(mode)).job.job_id)
    polaris.finish()
    assert task.clear().submit(polaris.spec(mode)).outcome == "submitted"
    assert polaris.rows() == 3


@pytest.mark.parametrize("mode", MODES)
def test_clear_job_being_canceled_waits_for_its_end(mode: str, task: Task, polaris: Polaris) -> None:
    """The task waits for the end of a cancel that a kill requested."""
    task.wire.cancel_job(task.submit(polaris.spec(mode)).job.job_id)
    task.clear().submit(polaris.spec(mode))
    assert polaris.jobs[0].status == "canceled"
    assert polaris.rows() == 3


@pytest.mark.parametrize("mode", MODES)
def test_clear_intent_whose_job_is_active_settles_it(mode: str, task: Task, polaris: Polaris) -> None:
    """A job whose id was not stored is found by the old epoch's marker."""
    task.wire.posts = ["death"]
    with pytest.raises(Death):
        task.submit(polaris.spec(mode))
    assert task.clear().submit(polaris.spec(mode)).outcome == "replaced"
    assert polaris.rows() == 3


@pytest.mark.parametrize("mode", MODES)
def test_clear_intent_without_job_submits(mode: str, task: Task, polaris: Polaris) -> None:
    """The record shows when a job may have been sent, and a search shows that it wasn't."""
    task.wire.posts = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        task.submit(polaris.spec(mode))
    assert task.clear().submit(polaris.spec(mode)).outcome == "submitted"
    assert polaris.rows() == 3


def test_clear_intent_unmarked_twin_active_replace_refuses(task: Task, polaris: Polaris) -> None:
    """A job that may be another task's is neither canceled nor replaced."""
    task.wire.echoes_markers = False
    task.wire.posts = ["death"]
    with pytest.raises(Death):
        task.submit(polaris.replace())
    assert polaris.jobs[0].id in refusal(task.clear(), polaris.replace())
    assert polaris.jobs[0].desired == "running"
    polaris.finish()
    assert task.submit(polaris.replace()).outcome == "submitted"


def test_clear_intent_unmarked_twin_append_refuses(task: Task, polaris: Polaris) -> None:
    """It may have added this task's rows."""
    task.wire.echoes_markers = False
    task.wire.posts = ["death"]
    with pytest.raises(Death):
        task.submit(polaris.append())
    polaris.finish()
    assert polaris.jobs[0].id in refusal(task.clear(), polaris.append())


def lose_record(task: Task) -> None:
    assert task.store is not None
    task.store.clear()


def test_clear_without_record_replace_settles_what_it_finds(task: Task, polaris: Polaris) -> None:
    """The markers of all earlier epochs are computed, so a lost record loses no job."""
    task.submit(polaris.replace())
    lose_record(task)
    assert task.clear().submit(polaris.replace()).outcome == "replaced"
    assert polaris.jobs[0].status == "canceled"


def test_clear_without_record_append_refuses_what_it_finds_completed(task: Task, polaris: Polaris) -> None:
    """A completed append is found by its marker, however old it is."""
    old = task.submit(polaris.append()).job.job_id
    polaris.finish()
    task.wire.clock.advance(30 * JOB_SECONDS)  # type: ignore[attr-defined]
    lose_record(task)
    assert old in refusal(task.clear(), polaris.append())


def test_clear_without_record_and_nothing_found_replace_submits(task: Task, polaris: Polaris) -> None:
    """There is nothing to lose."""
    task.wire.foreign(polaris.replace())
    assert task.clear().submit(polaris.replace()).outcome == "submitted"
    assert "cancel" not in task.wire.asked


@pytest.mark.parametrize("marker", ["auto", "off"])
def test_clear_without_record_and_nothing_found_append_refuses(marker: str, task: Task, polaris: Polaris) -> None:
    """A missing record doesn't prove that there is no job."""
    task.marker = marker
    assert refusal(task.clear(), polaris.append()) == (
        "this task has run before, but there is neither a record in Airflow's task state store nor a job "
        f"with its marker. So it is unknown whether its rows were added to table {polaris.table!r}, and "
        "submitting could add them twice. Nothing was submitted. Check the table: if the rows are there, "
        f"mark the task as success. {OVERRIDE}"
    )
    assert task.submit(polaris.append(), repeat_append=True).outcome == "submitted"


@pytest.mark.parametrize("mode", MODES)
def test_clear_after_the_connection_moved_to_another_project(mode: str, task: Task, polaris: Polaris) -> None:
    """A clear is the fix; an append needs the override, because the old project may have the rows."""
    old = task.submit(polaris.spec(mode)).job.job_id
    assert task.store is not None
    task.store.set("polaris_job", {**task.store.record, "project": "p-old", "api": "https://old"})
    task.clear()
    if mode == "append":
        assert refusal(task, polaris.append()) == (
            f"this task submitted job {old!r} to project 'p-old' before it was cleared, and "
            f"connection 'polaris_default' now uses project {polaris.running.settings.project_id!r}. From "
            f"there it is unknown whether the rows were added. Nothing was submitted. {OVERRIDE}"
        )
    assert task.submit(polaris.spec(mode), repeat_append=True).outcome == "submitted"
    assert task.wire.asked == ["POST"]


def test_clear_job_forgotten_append_refuses_replace_submits(task: Task, polaris: Polaris) -> None:
    """It is unknown whether a missing job's rows were added; for a replace it doesn't matter."""
    task.submit(polaris.append())
    assert task.store is not None
    task.store.set("polaris_job", {**task.store.record, "job_id": "gone"})
    assert "(404)" in refusal(task.clear(), polaris.append())
    assert task.submit(polaris.replace()).outcome == "submitted"


@pytest.mark.parametrize("mode", MODES)
def test_clear_the_old_epochs_job_is_not_taken_for_the_new_one(mode: str, task: Task, polaris: Polaris) -> None:
    """After the clear the previous job is past, also in a search for the new one."""
    task.submit(polaris.spec(mode))
    polaris.finish()
    task.clear().wire.posts = ["nothing"]
    assert task.submit(polaris.spec(mode), repeat_append=True).outcome == "submitted"
    assert len(polaris.jobs) == 2


def test_clear_job_that_vanishes_while_it_is_canceled_append_refuses(task: Task, polaris: Polaris) -> None:
    """The end of the job is unknown."""
    old = task.submit(polaris.append()).job.job_id

    def vanish() -> None:
        raise PolarisNotFoundError("gone", status=404)

    task.wire.before_cancel = vanish
    assert refusal(task.clear(), polaris.append()).startswith(
        f"Job {old!r}, which this task submitted before, no longer exists in project"
    )
    assert task.submit(polaris.append(), repeat_append=True).outcome == "replaced"


def test_clear_past_job_is_not_taken_for_the_lost_one(task: Task, polaris: Polaris) -> None:
    """Without markers, the new job is distinguished by the list of past jobs."""
    task.wire.echoes_markers = False
    old = task.submit(polaris.replace()).job.job_id
    polaris.finish()
    assert task.store is not None
    early = task.store.record["since"]
    task.clear().wire.posts = ["death"]
    with pytest.raises(Death):
        task.submit(polaris.replace())
    task.store.set("polaris_job", {**task.store.record, "since": early})
    task.wire.posts = ["lost"]
    submitted = task.retry().submit(polaris.replace())
    assert (submitted.outcome, submitted.job.job_id) == ("adopted", polaris.jobs[1].id)
    assert task.store.record["past"] == [old]
    task.wire.cancel_job(submitted.job.job_id)
    polaris.running.emulator.jobs.advance_due_jobs()
    submitted = task.retry().submit(polaris.replace())
    assert (submitted.outcome, submitted.job.job_id) == ("adopted", polaris.jobs[2].id)


def test_clear_deletion_job_that_cannot_be_canceled_is_waited_for(task: Task, polaris: Polaris) -> None:
    """Polaris refuses to cancel jobs that delete data; the task waits for the end of such a job."""
    task.submit(polaris.replace())

    def refuse(job_id: str) -> str:
        task.wire.asked.append("cancel")
        raise api_error(400, "deletion jobs can't be updated")

    task.wire.cancel_job = refuse  # type: ignore[method-assign]
    task.wire.clock.advance(JOB_SECONDS - 12)  # type: ignore[attr-defined]
    assert task.clear().submit(polaris.replace()).outcome == "replaced"
    assert task.wire.asked.count("cancel") == 1
    assert [job.status for job in polaris.jobs] == ["completed", "pending"]


def test_clear_cancel_that_gets_no_answer_is_asked_again(task: Task, polaris: Polaris) -> None:
    """A failing network delays the reconciliation and doesn't end it."""
    task.submit(polaris.replace())
    errors = [PolarisTransportError("gone"), api_error(503, "busy"), api_error(401, "who are you?")]

    def flaky() -> None:
        if errors:
            raise errors.pop()

    task.wire.before_cancel = flaky
    assert task.clear().submit(polaris.replace()).outcome == "replaced"
    assert task.wire.asked.count("cancel") == 4
