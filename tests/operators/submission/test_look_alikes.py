# SPDX-License-Identifier: Apache-2.0
"""A lost reply, and jobs that look like the lost one: which is adopted, and what is refused."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisGuardError
from airflow_provider_polaris.operators.submission.messages import OVERRIDE
from tests.operators.submission.conftest import MODES, Polaris, Task


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
        f"an earlier POST of this task may have created a job, and jobs {ours!r} (batch into "
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
        "was submitted. Find this task's job in the console. After it has completed, mark the "
        f"task as success. {OVERRIDE}"
    )


def test_submit_two_look_alikes_without_marker_replace_refuses(task: Task, polaris: Polaris) -> None:
    """A replace doesn't choose either; the error names both."""
    begin, message = two_look_alikes(task, polaris, polaris.replace())
    assert message == begin + (
        "Nothing more was submitted. Find this task's job in the console, cancel unwanted jobs, "
        "wait until the others have ended, then clear the task."
    )


def test_submit_look_alike_without_marker_waits_for_a_second_one(task: Task, polaris: Polaris) -> None:
    """An equivalent job that appears first may be another task's, and ours may appear later."""
    task.wire.echoes_markers = False
    task.wire.foreign(polaris.replace())
    task.wire.visible_after = 40
    task.wire.posts = ["lost"]
    with pytest.raises(PolarisGuardError, match="jobs"):
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
            f"The service returns no marker 'airflow' in the context of job {polaris.jobs[0].id!r}, so this "
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
    assert f"job {polaris.jobs[0].id!r} (batch into {polaris.table!r}, 'pending') has" in str(caught.value)
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
        "was submitted. Search the console for a job of this task. If there is one, mark the "
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
