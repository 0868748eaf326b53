# SPDX-License-Identifier: Apache-2.0
"""Cancel an earlier job, and wait for its end: in the worker, and over deferrals."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import (
    PolarisAuthError,
    PolarisError,
    PolarisJobTimeoutError,
    PolarisNotFoundError,
    PolarisServerError,
    PolarisTransportError,
)
from airflow_provider_polaris.operators.submission.cancel_previous import cancel_and_wait
from airflow_provider_polaris.runtime.deadline import Deadline
from airflow_provider_polaris.runtime.waits import Condition, WaitElsewhere, WaitMemory
from tests.operators.submission.conftest import START, FakeClock, api_error

log = logging.getLogger("test.submission")


class Job:
    """
    A hook for one job.

    :param cancels: What each request to cancel raises, in order; None for success.
    :param statuses: What each poll answers or raises; the last one stays.
    """

    def __init__(self, cancels: list[PolarisError | None], statuses: list[Any]) -> None:
        self.cancels = cancels
        self.statuses = statuses
        self.asked: list[str] = []

    def cancel_job(self, job_id: str) -> None:
        self.asked.append(f"cancel {job_id}")
        error = self.cancels.pop(0)
        if error is not None:
            raise error

    def get_job_status(self, job_id: str) -> str:
        self.asked.append(f"status {job_id}")
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if isinstance(status, PolarisError):
            raise status
        return str(status)


def limits(clock: FakeClock, *, is_deferrable: bool = False, memory: WaitMemory | None = None) -> Deadline:
    waits: Any = clock
    return Deadline(waits, lambda: False, None, memory or WaitMemory(), is_deferrable)


def settle(job: Job, deadline: Deadline) -> str | None:
    hook: Any = job
    return cancel_and_wait(hook, "j1", limits=deadline, log=log)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_end_is_polled_every_five_seconds(clock: FakeClock) -> None:
    """The cancellation is requested once; afterwards nothing of the wait is kept."""
    job = Job([None], ["running", "canceling", "canceled"])
    deadline = limits(clock)
    assert settle(job, deadline) == "canceled"
    assert job.asked == ["cancel j1", "status j1", "status j1", "status j1"]
    assert clock.slept == 10
    assert deadline.memory == WaitMemory()


@pytest.mark.parametrize("where", ["cancel", "status"])
def test_job_that_is_gone_has_no_end(where: str, clock: FakeClock) -> None:
    """Polaris deletes old jobs."""
    gone = PolarisNotFoundError("gone", status=404)
    deadline = limits(clock)
    assert settle(Job([gone if where == "cancel" else None], [gone]), deadline) is None
    assert deadline.memory == WaitMemory()


def test_cancellation_without_an_answer_is_requested_again(clock: FakeClock) -> None:
    """Also one that the key may not request: somebody may mend it."""
    lost: list[PolarisError | None] = [
        PolarisTransportError("gone"),
        api_error(503, "busy"),
        api_error(401, "who?"),
        None,
    ]
    assert isinstance(lost[1], PolarisServerError)
    assert isinstance(lost[2], PolarisAuthError)
    job = Job(lost, ["canceled"])
    assert settle(job, limits(clock)) == "canceled"
    assert job.asked == ["cancel j1"] * 4 + ["status j1"]
    assert clock.slept == 15


def test_job_that_can_not_be_canceled_is_waited_for(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """A deletion of data can't be."""
    job = Job([api_error(409, "it deletes data")], ["running", "completed"])
    with caplog.at_level(logging.WARNING, "test.submission"):
        assert settle(job, limits(clock)) == "completed"
    assert job.asked == ["cancel j1", "status j1", "status j1"]
    assert [record.getMessage() for record in caplog.records] == [
        (
            "Job 'j1' can't be canceled, so this task waits until it ends: POST /v1/projects/p/jobs answered 409: it "
            "deletes data."
        )
    ]


@pytest.mark.parametrize(
    ("statuses", "state", "end"),
    [
        (["running"], "running", ""),
        ([PolarisTransportError("no answer")], "unknown", " The last poll failed: no answer"),
        ([PolarisTransportError("no answer"), "pending"], "pending", ""),
        (["pending", PolarisTransportError("no answer")], "pending", " The last poll failed: no answer"),
    ],
)
def test_wait_ends_after_ten_minutes(statuses: list[Any], state: str, end: str, clock: FakeClock) -> None:
    """The message says what was seen last, and why nothing was seen since."""
    with pytest.raises(PolarisJobTimeoutError) as caught:
        settle(Job([None], statuses), limits(clock))
    assert str(caught.value) == (
        f"Job 'j1' of an earlier try is still {state!r} 600 s after the cancel request. No other job may replace it "
        "before it has ended, so nothing was submitted. Check the job, then retry the task, which waits again." + end
    )
    assert (caught.value.job_id, caught.value.state) == ("j1", state)
    assert clock.slept == 600


def test_deferrable_task_waits_for_the_job_in_the_triggerer(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """A kill meanwhile cancels the job. The resumed task goes on with the same ten minutes, and logs nothing again."""
    memory = WaitMemory()
    with caplog.at_level(logging.INFO, "test.submission"):
        with pytest.raises(WaitElsewhere) as caught:
            settle(Job([None], ["running"]), limits(clock, is_deferrable=True, memory=memory))
        assert caught.value.until == Condition("job", ("j1",), is_own_job=True)
        assert (caught.value.at, caught.value.pause) == (START + timedelta(minutes=10), 5)
        clock.advance(590)
        with pytest.raises(WaitElsewhere) as again:
            settle(Job([None], ["running"]), limits(clock, is_deferrable=True, memory=memory))
        assert again.value.at == START + timedelta(minutes=10)
        clock.advance(10)
        with pytest.raises(PolarisJobTimeoutError):
            settle(Job([None], ["running"]), limits(clock, is_deferrable=True, memory=memory))
    assert [record.getMessage() for record in caplog.records] == [
        "Canceling job 'j1' of an earlier try before another job replaces it."
    ]


def test_deferrable_task_does_not_wait_for_a_job_that_it_has_not_canceled(clock: FakeClock) -> None:
    """It would not end. The request is sent again after the pause, of five seconds at first, in the worker."""
    refused: list[PolarisError | None] = [PolarisTransportError("gone") for _ in range(2)]
    job = Job(refused, ["running"])
    with pytest.raises(WaitElsewhere) as caught:
        settle(job, limits(clock, is_deferrable=True))
    assert caught.value.until == Condition("time")
    assert caught.value.at == START + timedelta(seconds=10)
    assert job.asked == ["cancel j1"] * 2
