# SPDX-License-Identifier: Apache-2.0
"""Ownership of the state of a poll."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.triggers.job_watcher.poll_ownership import PollAbandonedError, PollOwnership


def test_ownership_is_taken_only_during_a_request() -> None:
    """Before, between and after requests the thread works, and the loop must not touch the waiters."""
    ownership = PollOwnership()
    assert not ownership.take_away()
    with ownership.request("job-1", is_status=True):
        pass
    assert not ownership.take_away()
    assert (ownership.number, ownership.job_id, ownership.is_status) == (1, "job-1", True)


@pytest.mark.parametrize("problem", [None, ValueError("late")])
def test_thread_whose_ownership_was_taken_raises_after_its_request(problem: Exception | None) -> None:
    """Whether the request succeeds or fails, the poll is over; and the owner keeps the ownership."""
    ownership = PollOwnership()

    def send() -> None:
        with ownership.request():
            assert ownership.take_away()
            assert not ownership.take_away()
            if problem is not None:
                raise problem

    with pytest.raises(PollAbandonedError):
        send()
    assert not ownership.take_away()
