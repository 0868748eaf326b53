# SPDX-License-Identifier: Apache-2.0
"""The status table and the progressions."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.emulator.status_machine import (
    EXECUTION_STATUSES,
    MOVES,
    TERMINAL_STATUSES,
    IllegalMoveError,
    Progression,
    ProgressionError,
    move,
)


def test_move_possible_event_gives_the_next_status() -> None:
    """A batch job runs through pending, running, completed; it can fail and be canceled on the way."""
    assert move("pending", "start") == "running"
    assert move("running", "complete") == "completed"
    assert [move("pending", "fail"), move("running", "fail")] == ["failed", "failed"]
    assert [move("pending", "cancel"), move("running", "cancel")] == ["canceled", "canceled"]


@pytest.mark.parametrize("status", sorted(TERMINAL_STATUSES))
def test_move_terminal_status_knows_no_event(status: str) -> None:
    """A job that has ended has no further moves."""
    assert MOVES[status] == {}


@pytest.mark.parametrize(
    ("status", "event"), [("completed", "cancel"), ("pending", "complete"), ("running", "start"), ("idle", "start")]
)
def test_move_impossible_event_is_refused(status: str, event: str) -> None:
    """A move that isn't in the table raises an error that names status and event."""
    with pytest.raises(IllegalMoveError) as caught:
        move(status, event)  # type: ignore[arg-type]
    assert str(caught.value) == f"a job that is {status!r} cannot {event!r}."


def test_moves_lead_to_statuses_of_the_vendor_only() -> None:
    """The table uses only the vendor's statuses."""
    reached = {status for moves in MOVES.values() for status in moves.values()}
    assert reached | MOVES.keys() <= set(EXECUTION_STATUSES)


@pytest.mark.parametrize(
    ("text", "progression"),
    [
        ("immediate", Progression("polls", 1)),
        ("polls=3", Progression("polls", 3)),
        ("seconds=0.5", Progression("seconds", 0.5)),
    ],
)
def test_progression_text_round_trips(text: str, progression: Progression) -> None:
    """The displayed text is that of the command line."""
    assert Progression.parse(text) == progression
    assert str(progression) == text


@pytest.mark.parametrize(
    "text", ["", "fast", "polls", "polls=0", "polls=1.5", "seconds=-1", "seconds=inf", "seconds=x"]
)
def test_progression_other_text_is_refused(text: str) -> None:
    """One sentence names the text and the three forms."""
    with pytest.raises(ProgressionError) as caught:
        Progression.parse(text)
    assert str(caught.value) == (
        f"progression {text!r} is not one of 'immediate', 'polls=N' (N a whole number from 1) "
        "and 'seconds=S' (S a positive number)."
    )


def test_progression_polls_counts_looks_and_seconds_count_time() -> None:
    """Each progression uses only its own measure."""
    assert [Progression("polls", 4).fraction(polls=polls, elapsed=99) for polls in (0, 1, 4, 9)] == [0, 0.25, 1, 1]
    assert [Progression("seconds", 4).fraction(polls=99, elapsed=s) for s in (-1, 0, 2, 9)] == [0, 0, 0.5, 1]
