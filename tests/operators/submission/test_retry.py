# SPDX-License-Identifier: Apache-2.0
"""A retry resumes the job of the previous try, and submits only if that can't add rows twice."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisJobCanceledError
from airflow_provider_polaris.operators.submission.messages import OVERRIDE
from tests.operators.submission.conftest import MODES, Death, Polaris, Task, refusal


@pytest.mark.parametrize("mode", MODES)
def test_retry_job_active_resumes_it(mode: str, task: Task, polaris: Polaris) -> None:
    """The job of the previous try is running, and the next try waits for it."""
    job_id = task.submit(polaris.spec(mode)).job.job_id
    submitted = task.retry().submit(polaris.spec(mode))
    assert (submitted.outcome, submitted.job.job_id, submitted.job.is_terminal) == ("resumed", job_id, False)
    assert task.wire.asked == ["describe"]
    assert task.kill.job_id == job_id


@pytest.mark.parametrize("mode", MODES)
def test_retry_killed_at_its_start_cancels_the_job_of_before(mode: str, task: Task, polaris: Polaris) -> None:
    """The record gives the job that a kill cancels, before any request to Polaris."""
    task.submit(polaris.spec(mode))
    task.retry().kill.is_killed = True
    with pytest.raises(PolarisJobCanceledError):
        task.submit(polaris.spec(mode))
    assert task.wire.asked[0] == "cancel"
    assert "POST" not in task.wire.asked


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("repeat_append", [False, True])
def test_retry_job_completed_takes_its_result(mode: str, repeat_append: bool, task: Task, polaris: Polaris) -> None:
    """A completed job is never submitted again by a retry, whatever a parameter allows."""
    task.submit(polaris.spec(mode))
    polaris.finish()
    submitted = task.retry().submit(polaris.spec(mode), repeat_append=repeat_append)
    assert (submitted.outcome, submitted.job.is_terminal, submitted.is_found) == ("resumed", True, True)
    assert len(polaris.jobs) == 1


@pytest.mark.parametrize("mode", MODES)
def test_retry_job_completed_badly_hands_it_on_to_be_judged(mode: str, task: Task, polaris: Polaris) -> None:
    """Wrong rows are the caller's concern: the fix is a clear, not another job."""
    empty = polaris.spec(mode, filterExpression="\"city\" = 'Rome'")
    task.submit(empty)
    polaris.finish()
    submitted = task.retry().submit(empty)
    assert submitted.job.health is not None
    assert (submitted.job.is_terminal, submitted.job.health.code) == (True, "no_rows_found")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("end", ["failed", "canceled"])
def test_retry_job_without_effect_submits_again(end: str, mode: str, task: Task, polaris: Polaris) -> None:
    """A failed or canceled job wrote nothing, and is not adopted later."""
    spec = polaris.spec(mode)
    if end == "failed":
        spec["mappings"] = [{"columnName": "city", "expression": 'SOUNDEX("city")'}]
    job_id = task.submit(spec).job.job_id
    if end == "canceled":
        task.wire.cancel_job(job_id)
    polaris.finish()
    assert polaris.jobs[0].status == end
    task.retry().wire.posts = ["lost"]
    submitted = task.submit(spec)
    assert (submitted.outcome, submitted.job.job_id) == ("adopted", polaris.jobs[1].id)
    assert task.store is not None
    assert task.store.record["past"] == [job_id]


@pytest.mark.parametrize("mode", MODES)
def test_retry_key_rotated_adopts(mode: str, task: Task, polaris: Polaris, connect: Any) -> None:
    """The submitting user doesn't determine whose job it is."""
    task.wire.posts = ["death"]
    with pytest.raises(Death):
        task.submit(polaris.spec(mode))
    task.wire.close()
    extra = {
        "project_id": polaris.running.settings.project_id,
        "auth": "oauth",
        "client_id": "emulator",
        "client_secret": "emulator_secret",
        "token_url": f"{polaris.running.base_url}/auth/realms/emulator/protocol/openid-connect/token",
    }
    connect("polaris_default", extra=extra, host=polaris.running.base_url, password=None)
    del task.wire._connection_settings
    foreign = task.wire.foreign({**polaris.spec(mode), "context": {"airflow": "x"}})
    assert polaris.jobs[0].created_by != polaris.jobs[1].created_by
    submitted = task.retry().submit(polaris.spec(mode))
    assert (submitted.outcome, submitted.job.job_id) == ("adopted", polaris.jobs[0].id)
    assert foreign != submitted.job.job_id


@pytest.mark.parametrize("mode", MODES)
def test_retry_spec_written_otherwise_is_the_same(mode: str, task: Task, polaris: Polaris) -> None:
    """Another notation of the same interval, and explicit defaults, change nothing."""
    one = polaris.spec(mode)
    two = {**one, "replaceAll": False, "filterExpression": None, "maxParseExceptions": 2147483647}
    if mode == "replace":
        days = ["2024-06-02T00:00:00Z/P1D", "2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z"]
        two["target"] = {**one["target"], "intervals": days}
    task.submit(one)
    assert task.retry().submit(two).outcome == "resumed"


def forget(task: Task) -> str:
    """Let Polaris delete the job from its history; return its id."""
    assert task.store is not None
    record = {**task.store.record, "job_id": "00000000-0000-7000-8000-000000000000"}
    task.store.set("polaris_job", record)
    return str(record["job_id"])


def test_retry_stored_id_unknown_replace_submits(task: Task, polaris: Polaris) -> None:
    """A job that the service no longer has doesn't block a replace, once it can't be a new job."""
    task.submit(polaris.replace())
    forget(task)
    assert task.retry().submit(polaris.replace()).outcome == "submitted"
    assert task.wire.clock.slept == 120  # type: ignore[attr-defined]


def test_retry_stored_id_unknown_append_refuses(task: Task, polaris: Polaris) -> None:
    """It is unknown whether its rows were added."""
    task.submit(polaris.append())
    gone = forget(task)
    assert refusal(task.retry(), polaris.append()) == (
        f"Job {gone!r}, which this task submitted before, no longer exists in project "
        f"'{polaris.running.settings.project_id}' (404), so it is unknown whether its rows were added to "
        f"table {polaris.table!r}. Nothing was submitted. Check the table: if the rows are there, mark "
        f"the task as success. {OVERRIDE}"
    )
    assert task.submit(polaris.append(), repeat_append=True).outcome == "submitted"


def test_retry_stored_id_unknown_for_a_moment_resumes(
    task: Task, polaris: Polaris, caplog: pytest.LogCaptureFixture
) -> None:
    """Right after the POST a 404 proves nothing; the log says once how long the task polls again."""
    right = task.submit(polaris.append()).job.job_id
    gone = forget(task)
    get_job = task.wire.get_job
    started = task.wire.clock.now()

    def lagging(job_id: str) -> dict[str, Any]:
        is_there = (task.wire.clock.now() - started).total_seconds() >= 20
        return get_job(right if is_there else job_id)

    task.wire.get_job = lagging  # type: ignore[method-assign]
    with caplog.at_level(logging.INFO, "test.submission"):
        assert task.retry().submit(polaris.append()).outcome == "resumed"
    (line,) = [message for message in caplog.messages if message.startswith("The service returned 404")]
    assert line == (
        f"The service returned 404 for job {gone!r}, which an earlier try of this task submitted. It may be too new to "
        "be visible. This task polls again for up to 120 s."
    )


def elsewhere(task: Task, **changes: Any) -> None:
    """Change the record to another project."""
    assert task.store is not None
    task.store.set("polaris_job", {**task.store.record, "project": "p-old", "api": "https://old", **changes})


@pytest.mark.parametrize("mode", MODES)
def test_retry_record_of_another_project_fails_and_names_both(mode: str, task: Task, polaris: Polaris) -> None:
    """A retry doesn't move to another project; a user decides."""
    old = task.submit(polaris.spec(mode)).job.job_id
    elsewhere(task)
    ours = polaris.running.settings.project_id
    how = " and run it with repeat_append=True" if mode == "append" else ""
    assert refusal(task.retry(), polaris.spec(mode)) == (
        f"an earlier try of this task submitted job {old!r} to project 'p-old', "
        f"but connection 'polaris_default' now uses project {ours!r}, where that job is not visible. "
        "Nothing was submitted. Set the connection back to project 'p-old' and retry. Clear the "
        f"task{how} to submit to project {ours!r} instead."
    )
    assert task.wire.asked == []


def test_record_of_a_cluster_names_its_address(task: Task, polaris: Polaris) -> None:
    """A service without projects is known by the address of its API; the id of its job may be unknown."""
    task.submit(polaris.append())
    elsewhere(task, project="", api="http://router:8888", job_id=None)
    ours = polaris.running.settings.project_id
    assert refusal(task.retry(), polaris.append()) == (
        "an earlier try of this task submitted a job with an unknown id to the cluster at 'http://router:8888', "
        f"but connection 'polaris_default' now uses project {ours!r}, where that job is not visible. "
        "Nothing was submitted. Set the connection back to the cluster at 'http://router:8888' and retry. Clear the "
        f"task and run it with repeat_append=True to submit to project {ours!r} instead."
    )
    assert refusal(task.clear(), polaris.append()) == (
        "this task submitted a job to the cluster at 'http://router:8888' before it was cleared, and connection "
        f"'polaris_default' now uses project {ours!r}. From there it is unknown whether the rows were added. Nothing "
        f"was submitted. {OVERRIDE}"
    )


def test_retry_record_of_another_project_without_anything_sent_submits(task: Task, polaris: Polaris) -> None:
    """A record without a pending POST restricts nothing."""
    task.submit(polaris.append())
    elsewhere(task, job_id=None, sent=None)
    assert task.retry().submit(polaris.append()).outcome == "submitted"


@pytest.mark.parametrize("mode", MODES)
def test_retry_of_a_task_cleared_while_running_resumes(mode: str, task: Task, polaris: Polaris) -> None:
    """To Airflow a clear of a running task is a retry; unless the job was canceled this does no harm."""
    job_id = task.submit(polaris.spec(mode)).job.job_id
    assert task.retry().submit(polaris.spec(mode)).job.job_id == job_id


@pytest.mark.parametrize("marker", ["auto", "off"])
@pytest.mark.parametrize("has_ended", [False, True])
def test_retry_without_record_replace_takes_nobody_elses_job(
    has_ended: bool, marker: str, task: Task, polaris: Polaris
) -> None:
    """The previous try failed before it sent anything; a job from the console may have read an incomplete source."""
    task.marker = marker
    foreign = task.wire.foreign(polaris.replace())
    if has_ended:
        polaris.finish()
    submitted = task.retry().submit(polaris.replace())
    assert submitted.outcome == "submitted"
    assert submitted.job.job_id != foreign
    assert [job.desired for job in polaris.jobs] == ["running", "running"]


@pytest.mark.parametrize("marker", ["auto", "off"])
def test_retry_without_record_append_refuses_what_may_be_its_own(marker: str, task: Task, polaris: Polaris) -> None:
    """A record can be lost; an equivalent job may have added this task's rows."""
    task.marker = marker
    foreign = task.wire.foreign(polaris.append())
    assert foreign in refusal(task.retry(), polaris.append())


def test_retry_past_jobs_stay_excluded_over_many_tries(task: Task, polaris: Polaris) -> None:
    """Every finished job stays in the list of past jobs."""
    ids = []
    for _ in range(3):
        ids.append(task.submit(polaris.append()).job.job_id)
        task.wire.cancel_job(ids[-1])
        task.retry()
    task.submit(polaris.append())
    assert task.store is not None
    assert task.store.record["past"] == ids


def test_retry_since_is_written_once_an_epoch(task: Task, polaris: Polaris) -> None:
    """The clock of the second try doesn't exclude a job of the first one."""
    assert task.store is not None
    task.wire.cancel_job(task.submit(polaris.append()).job.job_id)
    first = task.store.record["since"]
    polaris.finish()
    task.retry().submit(polaris.append())
    assert task.store.record["since"] == first
    polaris.finish()
    task.clear().submit(polaris.append(), repeat_append=True)
    assert task.store.record["since"] > first
