# SPDX-License-Identifier: Apache-2.0
"""A context that Polaris refuses, and specs that it refuses."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from airflow_provider_polaris.client import PolarisClient
from airflow_provider_polaris.client.polaris.client import POLARIS_CAPABILITIES
from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisGuardError
from tests.operators.submission.conftest import MODES, Death, Polaris, Task, api_error


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
    assert [sorted(sent.get("context") or ()) for sent in task.wire.sent] == [
        ["airflow", "airflowOrigin"],
        ["airflow"],
        [],
    ]
    assert seen == ["sent", "sent", "refused", "refused"]
    assert [record.getMessage() for record in caplog.records] == [
        (
            "The service accepted the job only without the marker that identifies this task's jobs. Set "
            "submit_marker of connection 'polaris_default' to 'off'. The answer: POST "
            "/v1/projects/p/jobs answered 400: unknown context parameter 'airflow'."
        )
    ]
    polaris.running.emulator.jobs.update(submitted.job.job_id, "canceled", polaris.jobs[0].created_by)
    assert task.retry().submit(polaris.append()).outcome == "submitted"
    assert task.wire.asked == ["describe", "POST"]


def test_submit_marker_refused_by_an_idempotent_service_is_the_error(
    task: Task, polaris: Polaris, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There the marker is the job's id: without it a repetition would be a second job."""
    idempotent = replace(POLARIS_CAPABILITIES, idempotent_submission=True)
    monkeypatch.setattr(PolarisClient, "capabilities", property(lambda _: idempotent))
    task.wire.refuses_markers = True
    with pytest.raises(PolarisApiError, match="unknown context parameter"):
        task.submit(polaris.append())
    assert task.wire.asked == ["POST"]
    assert polaris.jobs == []


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
    assert task.wire.asked == ["POST"] * 3
    task.retry().submit(polaris.append())
    assert "airflow" in task.wire.sent[0]["context"]


def test_submit_context_refused_is_sent_without_what_may_be_left_out(
    task: Task, polaris: Polaris, caplog: pytest.LogCaptureFixture
) -> None:
    """First without the origin, then without the marker, then without the key; the user's own keys are kept."""
    task.wire.posts = [api_error(400, "unknown context parameter")] * 3
    spec = polaris.replace(context={"failOnEmptyInsert": True, "maxNumTasks": 2})
    with caplog.at_level(logging.WARNING, "test.submission"):
        task.submit(spec, optional_context=("failOnEmptyInsert",))
    assert [sorted(sent["context"]) for sent in task.wire.sent] == [
        ["airflow", "airflowOrigin", "failOnEmptyInsert", "maxNumTasks"],
        ["airflow", "failOnEmptyInsert", "maxNumTasks"],
        ["failOnEmptyInsert", "maxNumTasks"],
        ["maxNumTasks"],
    ]
    assert [record.getMessage() for record in caplog.records] == [
        (
            "The service accepted the job only without 'failOnEmptyInsert' in its context. The answer: "
            "POST /v1/projects/p/jobs answered 400: unknown context parameter."
        ),
        (
            "The service accepted the job only without the marker that identifies this task's jobs. Set "
            "submit_marker of connection 'polaris_default' to 'off'. The answer: POST "
            "/v1/projects/p/jobs answered 400: unknown context parameter."
        ),
    ]


def test_submit_context_of_the_user_refused_is_not_left_out(task: Task, polaris: Polaris) -> None:
    """The user's own keys are never dropped."""
    task.wire.posts = [api_error(400, "unknown context parameter")] * 3
    with pytest.raises(PolarisApiError, match="unknown context parameter"):
        task.submit(polaris.replace(context={"failOnEmptyInsert": True}))
    assert task.wire.asked == ["POST"] * 3


@pytest.mark.parametrize("mode", MODES)
def test_submit_origin_refused_keeps_the_marker(
    mode: str, task: Task, polaris: Polaris, caplog: pytest.LogCaptureFixture
) -> None:
    """A service that takes the marker only: the job is still found by it, after a lost answer and by a later try."""
    task.wire.refuses_origins = True
    task.wire.posts = ["death"]
    with caplog.at_level(logging.INFO, "test.submission"), pytest.raises(Death):
        task.submit(polaris.spec(mode))
    assert [sorted(sent["context"]) for sent in task.wire.sent] == [["airflow", "airflowOrigin"], ["airflow"]]
    assert task.store is not None
    assert task.store.record["marker"] == "sent"
    assert task.retry().submit(polaris.spec(mode)).outcome == "adopted"
    assert len(polaris.jobs) == 1


def test_submit_origin_refused_is_said_once(task: Task, polaris: Polaris, caplog: pytest.LogCaptureFixture) -> None:
    """One line, with the service's reason; nothing that the user has to do."""
    task.wire.refuses_origins = True
    with caplog.at_level(logging.INFO, "test.submission"):
        job = task.submit(polaris.append()).job
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == (
        "The service accepted the job only without 'airflowOrigin' in its context, so the job doesn't show which task "
        "made it. The answer: POST /v1/projects/p/jobs answered 400: context parameter 'airflowOrigin' must be a "
        "string."
    )
    assert len(lines) == 2
    assert f"Submitted job {job.job_id!r}" in lines[1]


def test_submit_origin_of_the_user_is_kept(task: Task, polaris: Polaris) -> None:
    """The key is the user's: it is neither replaced nor left out."""
    task.wire.refuses_origins = True
    with pytest.raises(PolarisApiError, match="must be a string"):
        task.submit(polaris.append(context={"airflowOrigin": "mine"}))
    assert [sent["context"]["airflowOrigin"] for sent in task.wire.sent] == ["mine", "mine"]


def test_submit_without_marker_has_no_origin(task: Task, polaris: Polaris) -> None:
    """``submit_marker=off`` sends the spec as it is."""
    task.marker = "off"
    task.submit(polaris.append())
    assert task.wire.sent == [polaris.append()]
