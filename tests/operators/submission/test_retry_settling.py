# SPDX-License-Identifier: Apache-2.0
"""A retry after the earlier job was changed or canceled: that job is ended first, or blocks the new one."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.jobs.errors import PolarisJobTimeoutError
from airflow_provider_polaris.operators.submission.messages import OVERRIDE
from tests.operators.submission.conftest import FILTER, JOB_SECONDS, MODES, Polaris, Task, api_error, refusal


def test_retry_spec_changed_job_active_replace_settles_and_submits(task: Task, polaris: Polaris) -> None:
    """Two replaces must not run concurrently; the old one is canceled and has ended before the new one is sent."""
    old = task.submit(polaris.replace()).job.job_id
    submitted = task.retry().submit(polaris.replace(**FILTER))
    assert submitted.outcome == "replaced"
    assert submitted.job.job_id != old
    assert polaris.jobs[0].status == "canceled"
    assert task.wire.asked == ["describe", "cancel", "status", "POST"]
    assert polaris.rows() == 1


def test_retry_spec_changed_job_active_append_fails_and_names_the_field(task: Task, polaris: Polaris) -> None:
    """A retry must not cancel an append that has half of its rows."""
    old = task.submit(polaris.append()).job.job_id
    source = {"type": "table", "tableName": "Koalas Source", "interval": "2024-06-01/2024-06-02"}
    assert refusal(task.retry(), polaris.append(**FILTER, source=source)) == (
        f"Job {old!r} (batch into {polaris.table!r}), which an earlier try of this task "
        "submitted, is still 'pending', but the spec has changed since: fields 'filterExpression' and "
        "'source.interval'. Both jobs would add their rows, so nothing was submitted. Cancel the job and "
        f"clear the task, or revert the change and clear it. {OVERRIDE}"
    )
    assert polaris.jobs[0].desired == "running"


def test_retry_spec_changed_job_active_append_with_repeat_append_settles(task: Task, polaris: Polaris) -> None:
    """The override does the same as for a replace."""
    task.submit(polaris.append())
    assert task.retry().submit(polaris.append(**FILTER), repeat_append=True).outcome == "replaced"
    assert polaris.rows() == 1


def test_retry_spec_changed_job_completed_replace_submits(task: Task, polaris: Polaris) -> None:
    """The new replace overwrites the data of the old one."""
    task.submit(polaris.replace())
    polaris.finish()
    assert task.retry().submit(polaris.replace(**FILTER)).outcome == "submitted"
    assert polaris.rows() == 1


def test_retry_spec_changed_job_completed_append_refuses(task: Task, polaris: Polaris) -> None:
    """The rows were added already."""
    old = task.submit(polaris.append()).job.job_id
    polaris.finish()
    assert refusal(task.retry(), polaris.append(**FILTER)) == (
        f"Job {old!r} (batch into {polaris.table!r}), which this task submitted before, has "
        "completed. Its rows were added, and submitting again because the job changed (filterExpression) "
        "would add rows twice. Nothing was submitted. If its rows are what you want, mark the task as "
        f"success. {OVERRIDE}"
    )


def test_retry_names_all_fields_that_have_changed(task: Task, polaris: Polaris) -> None:
    """In the order of their names."""
    task.submit(polaris.append())
    polaris.finish()
    assert "because the job changed (filterExpression, maxParseExceptions) would add rows twice" in refusal(
        task.retry(), polaris.append(**FILTER, maxParseExceptions=5)
    )


def test_retry_append_turned_into_replace_of_other_days_counts_as_append(task: Task, polaris: Polaris) -> None:
    """The rows that the old job adds count, too."""
    task.submit(polaris.append())
    polaris.finish()
    assert "has completed" in refusal(task.retry(), polaris.replace())


def test_retry_replace_turned_into_append_settles_nothing_and_fails(task: Task, polaris: Polaris) -> None:
    """Nor is a running replace canceled for an append."""
    task.submit(polaris.replace())
    assert "the spec has changed since: fields 'ingestionMode' and 'target.intervals'" in refusal(
        task.retry(), polaris.append()
    )


@pytest.mark.parametrize("mode", MODES)
def test_retry_job_asked_to_cancel_waits_for_its_end_and_submits(mode: str, task: Task, polaris: Polaris) -> None:
    """A job whose cancellation was requested is never resumed."""
    old = task.submit(polaris.spec(mode)).job.job_id
    task.wire.cancel_job(old)
    assert polaris.jobs[0].desired == "canceled"
    submitted = task.retry().submit(polaris.spec(mode))
    assert submitted.job.job_id != old
    assert polaris.jobs[0].status == "canceled"
    assert polaris.rows() == 3


@pytest.mark.parametrize("mode", MODES)
def test_retry_job_still_active_after_it_was_asked_to_cancel_is_settled(
    mode: str, task: Task, polaris: Polaris
) -> None:
    """A cancel takes time."""
    from airflow_provider_polaris.emulator.faults.fault import Freeze

    task.wire.cancel_job(task.submit(polaris.spec(mode)).job.job_id)
    jobs = polaris.running.emulator.jobs
    jobs.freeze = Freeze("running", 3)
    try:
        assert task.retry().submit(polaris.spec(mode)).outcome == "replaced"
    finally:
        jobs.freeze = None
    assert polaris.rows() == 3


def completed_all_the_same(task: Task, polaris: Polaris) -> str:
    """Let the job complete although its cancellation was requested; return its id."""
    from dataclasses import replace

    polaris.finish()
    jobs = polaris.running.emulator.jobs
    job = polaris.jobs[0]
    jobs._jobs[job.id] = replace(job, desired="canceled")
    return str(job.id)


def test_retry_job_asked_to_cancel_that_completed_append_refuses(task: Task, polaris: Polaris) -> None:
    """The cancel came too late: the rows were added, although a user canceled the job."""
    task.submit(polaris.append())
    old = completed_all_the_same(task, polaris)
    assert refusal(task.retry(), polaris.append()) == (
        f"Job {old!r} (batch into {polaris.table!r}), which this task submitted before, has "
        "completed. Its rows were added, and submitting again because the cancellation of that job was "
        "requested would add rows twice. Nothing was submitted. If its rows are what you want, mark the "
        f"task as success. {OVERRIDE}"
    )


def test_retry_job_asked_to_cancel_that_completed_replace_submits(task: Task, polaris: Polaris) -> None:
    """A replace runs again, as the user who canceled it expects."""
    task.submit(polaris.replace())
    completed_all_the_same(task, polaris)
    assert task.retry().submit(polaris.replace()).outcome == "submitted"


def test_retry_old_job_that_never_ends_is_waited_for_ten_minutes(task: Task, polaris: Polaris) -> None:
    """The wait for the old job is limited, and nothing is sent meanwhile."""
    old = task.submit(polaris.replace()).job.job_id
    jobs = polaris.running.emulator.jobs
    from airflow_provider_polaris.emulator.faults.fault import Freeze

    jobs.freeze = Freeze("running")
    try:
        with pytest.raises(PolarisJobTimeoutError) as caught:
            task.retry().submit(polaris.replace(**FILTER))
    finally:
        jobs.freeze = None
    assert str(caught.value) == (
        f"Job {old!r} of an earlier try is still 'running' 600 s after the cancel request. No "
        "other job may replace it before it has ended, so nothing was submitted. Check the job, then "
        "retry the task, which waits again."
    )
    assert "POST" not in task.wire.asked


def test_retry_old_job_whose_status_is_never_known_is_waited_for_ten_minutes(
    task: Task, polaris: Polaris, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message has the last error."""
    old = task.submit(polaris.replace()).job.job_id

    def fail(job_id: str) -> str:
        raise api_error(503, "busy")

    monkeypatch.setattr(task.wire, "get_job_status", fail)
    with pytest.raises(PolarisJobTimeoutError) as caught:
        task.retry().submit(polaris.replace(**FILTER))
    assert str(caught.value) == (
        f"Job {old!r} of an earlier try is still 'unknown' 600 s after the cancel request. No "
        "other job may replace it before it has ended, so nothing was submitted. Check the job, then "
        "retry the task, which waits again. The last poll failed: POST /v1/projects/p/jobs answered 503: busy."
    )
    assert (caught.value.job_id, caught.value.state) == (old, "unknown")
    assert task.wire.asked == ["describe", "cancel"]


def test_job_seconds_outlast_every_wait() -> None:
    """The tests above require jobs that don't end by themselves during a wait."""
    assert JOB_SECONDS > 600
