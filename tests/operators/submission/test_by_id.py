# SPDX-License-Identifier: Apache-2.0
"""A service that accepts an id once: the same submission again, and no late one of an epoch that is over."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisApiError,
    PolarisConflictError,
    PolarisForeignAnswerError,
    PolarisGuardError,
)
from airflow_provider_polaris.jobs.status.retryability import Retryability, retryability_of
from airflow_provider_polaris.operators.submission.task_identity import TaskIdentity
from tests.client.druid.fake_tasks import druid_error
from tests.operators.submission.conftest import FILTER, MODES, Death, FakeClock, MemoryStore, Polaris, Task, api_error
from tests.operators.submission.druid import SUBMIT, ids_sent

pytestmark = pytest.mark.parametrize("service", ["druid"], indirect=True)

STATUSES = "/druid/indexer/v1/taskStatus"


def lose(task: Any, spec: Any) -> None:
    """Run a try whose submissions are all still planned by the broker when it gives up."""
    task.wire.arrives_after = None
    task.wire.posts = ["planning"] * 3
    with pytest.raises(PolarisAmbiguousSubmitError):
        task.submit(spec)


@pytest.mark.parametrize("mode", MODES)
def test_first_try_asks_for_nothing(mode: str, task: Task, polaris: Polaris, druid: Any) -> None:
    """It counts the free slots and submits; no list, no look at ids."""
    submitted = task.submit(polaris.spec(mode))
    assert (submitted.outcome, submitted.job.job_id) == ("submitted", task.druid_id)
    assert STATUSES not in druid.paths()
    assert "/druid/indexer/v1/tasks" not in druid.paths("GET")
    assert task.store is not None
    assert task.store.record["job_id"] == task.druid_id
    assert "number" not in task.store.record


@pytest.mark.parametrize("mode", MODES)
def test_unknown_outcome_is_sent_again_under_the_same_id(
    mode: str, task: Task, polaris: Polaris, druid: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """No search, and no minute of waiting for a list."""
    task.wire.posts = ["planning"]
    with caplog.at_level(logging.WARNING, "test.submission"):
        assert task.submit(polaris.spec(mode)).job.job_id == task.druid_id
    (line,) = (record.getMessage() for record in caplog.records)
    assert line == (
        "It is unknown whether the job was accepted. In 10 s this task sends it again under the same id, which is "
        "accepted only once: POST /druid/v2/sql/task got no answer from 'router.example.com:8888' within 60 s. Raise "
        "request_timeout in connection 'druid' if it needs longer."
    )
    assert polaris.rows() == 3
    assert set(ids_sent(druid)) == {task.druid_id}
    assert len(polaris.jobs) == 1


def test_lost_job_that_has_ended_before_it_is_sent_again_is_not_repeated(task: Task, polaris: Polaris) -> None:
    """The rows of an append are there already."""
    task.wire.posts = ["lost"]
    task.wire.clock.at(5, polaris.finish)  # type: ignore[attr-defined]
    submitted = task.submit(polaris.append())
    assert submitted.job.status == "completed"
    assert polaris.rows() == 3


def test_nine_lost_answers_are_an_unknown_outcome(task: Task, polaris: Polaris) -> None:
    """The error says what a retry does, and the retry does it."""
    task.wire.posts = ["lost before"] * 3
    with pytest.raises(PolarisAmbiguousSubmitError) as caught:
        task.submit(polaris.append())
    assert str(caught.value) == (
        "POST /druid/v2/sql/task lost its connection to 'router.example.com:8888' before the answer was complete "
        "(Connection reset by peer). The job was sent 3 times under one id, and it is unknown whether it was accepted. "
        "A retry of this task sends the same job again under the same id, which the service accepts only once."
    )
    assert caught.value.spec == polaris.append()
    assert task.wire.clock.slept == 30  # type: ignore[attr-defined]
    assert task.retry().submit(polaris.append()).outcome == "submitted"
    assert polaris.rows() == 3


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("has_store", [True, False])
def test_retry_and_the_late_submission_are_one_job(
    has_store: bool, mode: str, task: Task, old_task: Task, polaris: Polaris, druid: Any
) -> None:
    """It arrives after the retry's own POST, and is refused."""
    task = task if has_store else old_task
    lose(task, polaris.spec(mode))
    assert task.retry().submit(polaris.spec(mode)).job.job_id == task.druid_id
    assert polaris.rows() == 3
    assert len(druid.tasks) == 1


@pytest.mark.parametrize("mode", MODES)
def test_clear_blocks_the_late_submission(mode: str, task: Task, polaris: Polaris, druid: Any) -> None:
    """Only the job of the new epoch exists."""
    lose(task, polaris.spec(mode))
    old = task.druid_id
    submitted = task.clear().submit(polaris.spec(mode))
    assert (submitted.outcome, submitted.job.job_id) == ("submitted", task.druid_id)
    assert polaris.rows() == 3
    assert polaris.blocks == [old]  # type: ignore[attr-defined]


@pytest.mark.parametrize("mode", MODES)
def test_clear_ends_a_submission_that_arrives_while_it_is_blocked(
    mode: str, task: Task, polaris: Polaris, druid: Any
) -> None:
    """The noop task is refused, so the job that arrived first is canceled."""
    lose(task, polaris.spec(mode))
    old = task.druid_id
    druid.before["POST", "/druid/indexer/v1/task"] = druid.arrive
    submitted = task.clear().submit(polaris.spec(mode))
    assert submitted.outcome == "replaced"
    assert [(job.id, job.status) for job in polaris.jobs] == [(old, "canceled"), (task.druid_id, "running")]
    assert polaris.rows() == 3


def test_clear_after_the_task_of_the_first_number_starts_with_the_first_number(task: Task, polaris: Polaris) -> None:
    """Another epoch has another marker, of which nothing was submitted."""
    task.submit(polaris.replace())
    submitted = task.clear().submit(polaris.replace())
    assert (submitted.outcome, submitted.job.job_id) == ("replaced", task.druid_id)
    assert task.store is not None
    assert "number" not in task.store.record


def test_marker_that_can_not_be_blocked_submits_nothing(
    task: Task, polaris: Polaris, druid: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three times the service says that a task of the marker is active."""
    lose(task, polaris.replace())
    conflicts = [api_error(409, f"active {number}") for number in range(4)]

    def block(marker: str) -> None:
        raise conflicts.pop(0)

    monkeypatch.setattr(task.wire.get_client(), "block_marker", block)
    with pytest.raises(PolarisConflictError) as caught:
        task.clear().submit(polaris.replace())
    assert str(caught.value) == "POST /v1/projects/p/jobs answered 409: active 2."
    assert len(conflicts) == 1
    assert "POST" not in task.wire.asked


def test_clear_after_a_submission_that_arrived_and_ended_refuses_the_append(task: Task, polaris: Polaris) -> None:
    """The block comes first, so that the job can't slip in between the look and the block."""
    lose(task, polaris.append())
    old = task.druid_id
    polaris.finish()
    with pytest.raises(PolarisGuardError, match=f"Job '{old}' .* has completed. Its rows were added"):
        task.clear().submit(polaris.append())
    assert polaris.rows() == 3


@pytest.mark.parametrize("mode", MODES)
def test_clear_without_a_record_blocks_each_earlier_epoch(mode: str, old_task: Task, polaris: Polaris) -> None:
    """Which of them submitted is unknown. An append without a trace is refused: its old job may have been removed."""
    lose(old_task, polaris.spec(mode))
    old = old_task.druid_id
    old_task.clear()
    if mode == "append":
        with pytest.raises(PolarisGuardError, match="there is neither a record"):
            old_task.submit(polaris.spec(mode))
        assert old_task.submit(polaris.spec(mode), repeat_append=True).outcome == "submitted"
    else:
        old_task.submit(polaris.spec(mode))
    assert polaris.rows() == 3
    assert old in polaris.blocks  # type: ignore[attr-defined]
    assert len(polaris.blocks) == old_task.epoch  # type: ignore[attr-defined]


def test_changed_replace_takes_the_id_of_the_one_that_may_still_arrive(
    task: Task, polaris: Polaris, druid: Any
) -> None:
    """Of the two only one can be accepted, so there is nothing to block."""
    lose(task, polaris.replace())
    submitted = task.retry().submit(polaris.replace(**FILTER))
    assert submitted.job.job_id == task.druid_id
    druid.arrive()
    assert list(druid.tasks) == [task.druid_id]
    assert "filterExpression" in druid.tasks[task.druid_id].payload["sqlQueryContext"]["airflowSpec"]


def test_changed_replace_whose_old_submission_wins_ends_it_in_the_next_try(
    task: Task, polaris: Polaris, druid: Any
) -> None:
    """The conflict is an error of this try; the next one sees the job, cancels it and submits the next number."""
    lose(task, polaris.replace())
    druid.before["POST", SUBMIT] = druid.arrive
    with pytest.raises(PolarisConflictError, match="with another statement or context"):
        task.retry().submit(polaris.replace(**FILTER))
    submitted = task.retry().submit(polaris.replace(**FILTER))
    assert (submitted.outcome, submitted.job.job_id) == ("replaced", f"{task.druid_id[:-1]}2")
    assert [job.status for job in polaris.jobs] == ["canceled", "running"]


def test_changed_append_whose_old_submission_wins_is_refused(task: Task, polaris: Polaris, druid: Any) -> None:
    """Both would add their rows."""
    lose(task, polaris.append())
    druid.before["POST", SUBMIT] = druid.arrive
    with pytest.raises(PolarisConflictError):
        task.retry().submit(polaris.append(**FILTER))
    with pytest.raises(PolarisGuardError, match="but the spec has changed since: field 'filterExpression'"):
        task.retry().submit(polaris.append(**FILTER))
    assert polaris.rows() == 3


def test_replace_changed_and_changed_back_has_the_last_word(task: Task, polaris: Polaris, druid: Any) -> None:
    """The late submission in between can't overwrite the result: it needs the same id as the last one."""
    task.submit(polaris.replace())
    polaris.finish()
    lose(task.retry(), polaris.replace(**FILTER))
    submitted = task.retry().submit(polaris.replace())
    assert submitted.job.job_id == f"{task.druid_id[:-1]}2"
    druid.arrive()
    assert [job.task.payload["sqlQueryContext"]["airflowSpec"] for job in polaris.jobs] == [polaris.replace()] * 2


@pytest.mark.parametrize("has_store", [True, False])
@pytest.mark.parametrize("mode", MODES)
def test_number_rises_with_each_failed_job(
    mode: str, has_store: bool, task: Task, old_task: Task, polaris: Polaris, druid: Any
) -> None:
    """Each retry of a failed job is a new task."""
    task = task if has_store else old_task
    for number in (1, 2, 3):
        job_id = task.submit(polaris.spec(mode)).job.job_id
        assert job_id == f"{task.druid_id[:-1]}{number}"
        druid.tasks[job_id].end("FAILED", "UnknownError: Failed to fetch segment details from Coordinator for [x].")
        task.retry()
    assert task.submit(polaris.spec(mode)).outcome == "submitted"
    assert polaris.rows() == 3


def test_lost_second_number_is_sent_again_and_blocked_by_a_clear(task: Task, polaris: Polaris, druid: Any) -> None:
    """The record has the number, and the block takes the id of that number."""
    job_id = task.submit(polaris.append()).job.job_id
    druid.tasks[job_id].end("FAILED", "broken")
    lose(task.retry(), polaris.append())
    second = f"{task.druid_id[:-1]}2"
    assert task.store is not None
    assert (task.store.record["number"], task.store.record["job_id"]) == (2, None)
    assert set(ids_sent(druid)[1:]) == {second}
    assert task.clear().submit(polaris.append()).outcome == "submitted"
    assert polaris.rows() == 3
    assert polaris.blocks == [second]  # type: ignore[attr-defined]


def test_refusal_does_not_make_the_task_forget_an_earlier_submission(task: Task, polaris: Polaris) -> None:
    """A 400 proves nothing about the one that is still planned, so a clear blocks it."""
    lose(task, polaris.append())
    old = task.druid_id
    task.wire.posts = ["unplannable"]
    with pytest.raises(PolarisApiError, match="answered 400"):
        task.retry().submit(polaris.append())
    assert task.clear().submit(polaris.append()).outcome == "submitted"
    assert polaris.rows() == 3
    assert polaris.blocks == [old]  # type: ignore[attr-defined]


def test_refusal_after_a_lost_answer_does_not_make_the_task_forget_it(task: Task, polaris: Polaris) -> None:
    """In the same try: the lost one may still be planned, so a clear blocks it."""
    task.wire.arrives_after = None  # type: ignore[attr-defined]
    task.wire.posts = ["planning", api_error(400, "no")]
    with pytest.raises(PolarisApiError, match="answered 400: no"):
        task.submit(polaris.append())
    assert task.store is not None
    assert task.store.record["sent"] is not None
    old = task.druid_id
    task.clear().submit(polaris.append())
    assert polaris.blocks == [old]  # type: ignore[attr-defined]
    assert polaris.rows() == 3


def test_clear_without_a_record_replaces_the_job_that_runs(old_task: Task, polaris: Polaris) -> None:
    """It is found by its marker, and canceled."""
    old = old_task.submit(polaris.replace()).job.job_id
    submitted = old_task.clear().submit(polaris.replace())
    assert (submitted.outcome, submitted.job.job_id) == ("replaced", old_task.druid_id)
    assert [(job.id, job.status) for job in polaris.jobs] == [(old, "canceled"), (old_task.druid_id, "running")]


def test_first_refusal_leaves_nothing_to_block(task: Task, polaris: Polaris) -> None:
    """Nothing was sent before, so there is no job and none will be."""
    task.wire.posts = ["unplannable"]
    with pytest.raises(PolarisApiError):
        task.submit(polaris.append())
    task.clear().submit(polaris.append())
    assert polaris.blocks == []  # type: ignore[attr-defined]


def test_refusal_of_the_second_number_keeps_the_number(task: Task, polaris: Polaris, druid: Any) -> None:
    """The first number stands for the failed job."""
    job_id = task.submit(polaris.append()).job.job_id
    druid.tasks[job_id].end("FAILED", "broken")
    task.wire.posts = ["unplannable"]
    with pytest.raises(PolarisApiError):
        task.retry().submit(polaris.append())
    assert task.retry().submit(polaris.append()).job.job_id == f"{task.druid_id[:-1]}2"


def test_overlord_that_can_not_be_read_lets_nothing_be_submitted(task: Task, polaris: Polaris, druid: Any) -> None:
    """What an old id stands for is unknown, so a new epoch waits for the next try."""
    lose(task, polaris.append())
    task.wire.fail_reads(50)
    sent = len(ids_sent(druid))
    with pytest.raises(PolarisApiError, match="answered 503"):
        task.clear().submit(polaris.append())
    assert len(ids_sent(druid)) == sent
    task.wire.fail_reads(0)
    assert task.retry().submit(polaris.append()).outcome == "submitted"
    assert polaris.rows() == 3


def test_other_address_of_the_cluster_blocks_the_marker_of_the_old_one(
    task: Task, polaris: Polaris, druid: Any
) -> None:
    """The marker contains the address, so the retry has another one; the job of the old one is resumed if it exists."""
    lose(task, polaris.append())
    assert task.store is not None
    old = task.druid_id
    task.store.set("polaris_job", {**task.store.record, "api": "https://other.example.com:8888"})
    task.retry().submit(polaris.append())
    assert polaris.blocks != []  # type: ignore[attr-defined]
    assert old not in polaris.blocks  # type: ignore[attr-defined]


def test_other_address_of_the_cluster_resumes_a_job_that_arrives_while_its_marker_is_blocked(
    task: Task, polaris: Polaris, druid: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The block is refused because of the job, which is this task's."""
    lose(task, polaris.append())
    assert task.store is not None
    old, new = task.druid_id, TaskIdentity.marker
    monkeypatch.setattr(
        TaskIdentity,
        "marker",
        lambda self, api, project, epoch=None: (
            new(self, api.replace("other", "router"), project, epoch)
            if "other" in api
            else f"new-{new(self, api, project, epoch)}"
        ),
    )
    task.store.set("polaris_job", {**task.store.record, "api": "https://other.example.com:8888"})
    druid.before["POST", "/druid/indexer/v1/task"] = druid.arrive
    submitted = task.retry().submit(polaris.append())
    assert (submitted.outcome, submitted.job.job_id) == ("adopted", old)
    assert task.wire.asked == []
    assert polaris.blocks == []  # type: ignore[attr-defined]


def test_job_that_druid_has_removed_is_gone_at_once(task: Task, polaris: Polaris, druid: Any, clock: FakeClock) -> None:
    """The absence is certain: a 200 without the id. An append is refused."""
    task.submit(polaris.append())
    druid.tasks.clear()
    with pytest.raises(PolarisGuardError, match="no longer exists in the cluster at 'http"):
        task.retry().submit(polaris.append())
    assert clock.slept == 0


def test_404_of_a_proxy_is_no_absence(task: Task, polaris: Polaris, druid: Any) -> None:
    """Somebody else's page about the recorded job doesn't lead to another one."""
    task.submit(polaris.append())
    druid.answers["GET", f"/druid/indexer/v1/task/{task.druid_id}/status"] = [(404, "<html>Not Found</html>")]
    with pytest.raises(PolarisForeignAnswerError, match="but Druid has task"):
        task.retry().submit(polaris.append())
    assert len(druid.tasks) == 1


def test_source_that_the_broker_does_not_know_yet_is_an_error_that_a_retry_fixes(
    task: Task, polaris: Polaris, druid: Any
) -> None:
    """Right after the job that wrote it. Nothing was submitted."""
    druid.loaded.clear()
    with pytest.raises(PolarisApiError) as caught:
        task.submit(polaris.append())
    assert retryability_of(caught.value) is Retryability.TRANSIENT
    druid.loaded.add("koalas")
    assert task.retry().submit(polaris.append()).job.job_id == task.druid_id


@pytest.mark.parametrize("mode", MODES)
def test_without_markers_the_job_is_searched_for(mode: str, task: Task, polaris: Polaris, druid: Any) -> None:
    """Each submission has a random id, so the list of tasks decides, as for any service."""
    task.marker = "off"
    task.wire.posts = ["death"]
    with pytest.raises(Death):
        task.submit(polaris.spec(mode))
    if mode == "append":
        with pytest.raises(PolarisGuardError, match="has the same spec but no marker"):
            task.retry().submit(polaris.spec(mode))
    else:
        assert task.retry().submit(polaris.spec(mode)).outcome == "adopted"
    assert "/druid/indexer/v1/tasks" in druid.paths("GET")
    assert len(polaris.jobs) == 1


def test_refused_optional_context_is_left_out_under_the_same_id(task: Task, polaris: Polaris, druid: Any) -> None:
    """The retry of a job that was accepted without it recognizes its own job."""
    spec = {**polaris.replace(), "context": {"failOnEmptyInsert": True}}
    refusal = druid_error("invalidInput", "Unknown context")
    druid.answers["POST", SUBMIT] = [(400, {"taskId": "x", "state": "FAILED", "error": refusal})]
    first = task.submit(spec, optional_context=["failOnEmptyInsert"]).job.job_id
    assert "failOnEmptyInsert" not in druid.tasks[first].payload["sqlQueryContext"]
    task.store = MemoryStore()
    assert task.retry().submit(spec, optional_context=["failOnEmptyInsert"]).outcome == "adopted"
    assert list(druid.tasks) == [first]


@pytest.mark.parametrize("mode", MODES)
def test_next_try_resumes_a_job_that_shows_the_try_before(mode: str, task: Task, polaris: Polaris, druid: Any) -> None:
    """The same id with the origin of another try is the same job, also where the answer to its submission is lost."""
    lose(task, polaris.spec(mode))
    task.retry()
    task.wire.arrives_after = 1
    task.wire.posts = ["planning"]
    assert task.submit(polaris.spec(mode)).job.job_id == task.druid_id
    assert len(polaris.jobs) == 1


def test_origin_that_needs_a_permission_is_left_out(task: Task, polaris: Polaris, druid: Any) -> None:
    """A cluster that authorizes context keys answers 403; the marker, which makes the id, stays."""
    druid.answers["POST", SUBMIT] = [(403, druid_error("forbidden", "Unauthorized", category="FORBIDDEN"))]
    assert task.submit(polaris.append()).job.job_id == task.druid_id
    first, second = (set(body["context"]) for _, path, body in druid.seen if path == SUBMIT)
    assert first - second == {"airflowOrigin"}
    assert second < first
