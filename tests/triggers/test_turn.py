# SPDX-License-Identifier: Apache-2.0
"""Ownership of the state of a poll."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.triggers.job_watcher.poll_ownership import PollAbandonedError, PollOwnership


def test_turn_is_taken_only_during_a_request() -> None:
    """Before, between and after requests the thread works, and the loop must not touch the waiters."""
    turn = PollOwnership()
    assert not turn.take_away()
    with turn.request("job-1", is_status=True):
        pass
    assert not turn.take_away()
    assert (turn.number, turn.job_id, turn.is_status) == (1, "job-1", True)


@pytest.mark.parametrize("problem", [None, ValueError("late")])
def test_thread_whose_turn_was_taken_finds_out_after_its_request(problem: Exception | None) -> None:
    """Whether the request succeeds or fails, the poll is over; and the owner keeps the ownership."""
    turn = PollOwnership()

    def ask() -> None:
        with turn.request():
            assert turn.take_away()
            assert not turn.take_away()
            if problem is not None:
                raise problem

    with pytest.raises(PollAbandonedError):
        ask()
    assert not turn.take_away()
