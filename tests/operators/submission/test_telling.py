# SPDX-License-Identifier: Apache-2.0
"""Each attempt leaves one log line and one counter."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisGuardError, PolarisJobCanceledError
from tests.operators.submission.conftest import LOST, Death, Polaris, Task, throttled


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    from airflow.providers.common.compat.sdk import Stats

    names: list[str] = []
    monkeypatch.setattr(Stats, "incr", names.append, raising=False)
    return names


def first(task: Task, polaris: Polaris) -> None:
    task.submit(polaris.append())


def lost(task: Task, polaris: Polaris) -> None:
    task.wire.posts = ["lost"]
    task.submit(polaris.append())


def retried(task: Task, polaris: Polaris) -> None:
    task.submit(polaris.append())
    task.retry().submit(polaris.append())


def found(task: Task, polaris: Polaris) -> None:
    task.submit(polaris.append())
    assert task.store is not None
    task.store.clear()
    task.retry().submit(polaris.append())


def cleared(task: Task, polaris: Polaris) -> None:
    task.submit(polaris.append())
    task.clear().submit(polaris.append())


def refused(task: Task, polaris: Polaris) -> None:
    task.submit(polaris.append())
    polaris.finish()
    with pytest.raises(PolarisGuardError):
        task.clear().submit(polaris.append())


CASES: dict[str, tuple[Callable[[Task, Polaris], Any], str, str]] = {
    "submitted": (first, "submitted", "Submitted job {0!r} (batch into {table!r}), pending. See {url}/{0}"),
    "lost": (
        lost,
        "adopted",
        ("Adopted job {0!r} (batch into {table!r}), pending: the POST whose answer was lost created it. See {url}/{0}"),
    ),
    "resumed": (
        retried,
        "resumed",
        "Resumed job {0!r} (batch into {table!r}), pending, of an earlier try of this task. See {url}/{0}",
    ),
    "adopted": (
        found,
        "adopted",
        "Adopted job {0!r} (batch into {table!r}), pending, of an earlier try of this task. See {url}/{0}",
    ),
    "settled": (
        cleared,
        "settled",
        "Submitted job {1!r} (batch into {table!r}), pending, in place of job {0!r}. See {url}/{1}",
    ),
}


@pytest.mark.parametrize(("act", "counter", "text"), CASES.values(), ids=CASES)
def test_submit_tells_once_how_it_went(
    act: Callable[[Task, Polaris], Any],
    counter: str,
    text: str,
    task: Task,
    polaris: Polaris,
    counted: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The last line of the attempt names its job and its page."""
    with caplog.at_level(logging.INFO, "test.submission"):
        act(task, polaris)
    url = task.wire.job_url("")[:-1]
    ids = [job.id for job in polaris.jobs]
    line = text.format(*ids, table=polaris.table, url=url)
    assert caplog.records[-1].getMessage().startswith(line)
    assert sum(record.getMessage().startswith(line[:8]) for record in caplog.records) <= 2
    assert counted[-1] == f"polaris.submit.{counter}"
    assert len(counted) == task.try_number


def test_submit_that_is_refused_is_counted(
    task: Task, polaris: Polaris, counted: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The error is logged by the code that fails the task."""
    refused(task, polaris)
    assert counted[-1] == "polaris.submit.refused"
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return a function that returns the log up to the last line, which gives the outcome."""
    caplog.set_level(logging.INFO, "test.submission")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "test.submission"][:-1]


def test_lost_answer_tells_each_step(task: Task, polaris: Polaris, lines: Callable[[], list[str]]) -> None:
    """The log shows why a task takes minutes, and how often the job was sent."""
    task.wire.posts = ["nothing", "nothing"]
    task.submit(polaris.append())
    doubt = f"It is unknown whether the service accepted the job. This task searches for it for up to 60 s: {LOST}"
    assert lines() == [
        doubt,
        "The POST whose answer was lost created no job, so the job is sent again (2 of 3).",
        doubt,
        "The POST whose answer was lost created no job, so the job is sent again (3 of 3).",
    ]


def test_intent_tells_why_it_waits(task: Task, polaris: Polaris, lines: Callable[[], list[str]]) -> None:
    """The wait before a retry submits is up to two minutes."""
    task.wire.posts = [Death()]
    with pytest.raises(Death):
        task.submit(polaris.append())
    task.retry().submit(polaris.append())
    (line,) = lines()
    assert line == (
        "An earlier try of this task was about to submit a job and recorded no outcome. This try "
        "searches for the job for up to 120 s before it submits one."
    )


def test_no_store_tells_why_it_waits(old_task: Task, polaris: Polaris, lines: Callable[[], list[str]]) -> None:
    """The same without a record."""
    old_task.retry().submit(polaris.append())
    (line,) = lines()
    assert line == (
        "An earlier try of this task may have submitted a job without a record in Airflow. This try "
        "searches for the job for up to 60 s before it submits one."
    )


def test_unknown_id_tells_why_it_waits(task: Task, polaris: Polaris, lines: Callable[[], list[str]]) -> None:
    """A 404 of a job that is new."""
    task.submit(polaris.replace())
    assert task.store is not None
    task.store.set("polaris_job", {**task.store.record, "job_id": "gone"})
    task.retry().submit(polaris.replace())
    assert lines()[1] == (
        "The service returned 404 for job 'gone', which an earlier try of this task submitted. It may be too "
        "new to be visible. This task polls again for up to 120 s."
    )


def test_settling_tells_whose_end_it_waits_for(task: Task, polaris: Polaris, lines: Callable[[], list[str]]) -> None:
    """The old job is named before it is canceled."""
    old = task.submit(polaris.append()).job.job_id
    task.clear().submit(polaris.append())
    assert lines()[1:] == [
        f"Canceling job {old!r} of an earlier try before another job replaces it.",
        f"Job {old!r} has ended with 'canceled'.",
    ]


def test_nothing_to_wait_for_tells_nothing_more(task: Task, polaris: Polaris, lines: Callable[[], list[str]]) -> None:
    """A first try logs its one line."""
    task.submit(polaris.append())
    assert lines() == []


@pytest.mark.parametrize("has_store", [True, False])
def test_killed_while_it_looks_for_an_earlier_job_says_what_may_run_on(
    has_store: bool, task: Task, old_task: Task, polaris: Polaris
) -> None:
    """A killed task that had found its job would have canceled it."""
    seeker = task if has_store else old_task
    seeker.wire.posts = [Death()]
    with pytest.raises(Death):
        seeker.submit(polaris.append())
    seeker.retry().wire.clock.at(3, lambda: setattr(seeker.kill, "is_killed", True))  # type: ignore[attr-defined]
    with pytest.raises(PolarisJobCanceledError) as caught:
        seeker.submit(polaris.append())
    assert str(caught.value) == (
        "the task was killed before it submitted its job. If an earlier try left a job, it may continue. "
        "A retry of this task searches for it."
    )


def test_killed_after_a_429_says_what_may_run_on(task: Task, polaris: Polaris) -> None:
    """Most likely there is no job, but this was not checked."""
    task.wire.posts = [throttled()]
    task.wire.clock.at(3, lambda: setattr(task.kill, "is_killed", True))  # type: ignore[attr-defined]
    with pytest.raises(PolarisJobCanceledError) as caught:
        task.submit(polaris.append())
    assert str(caught.value) == (
        "the task was killed before it submitted its job. The service answered its last POST with 429. If it "
        "accepted the job anyway, the job continues, and a retry of this task searches for it."
    )
