# SPDX-License-Identifier: Apache-2.0
"""
The status machine of a job and the three progressions of time. Performs no I/O and reads no clock.

The moves are data (:data:`MOVES`): a move that isn't in the table raises an error and changes nothing. Time advances
when a request arrives: a :class:`Progression` computes the progress of a job from its number of polls and the time
since its creation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

# DOCUMENTED polaris-sdk 20250425.14.0, JobExecutionStatusV2
EXECUTION_STATUSES: Final = (
    "pending",
    "running",
    "completed",
    "idle",
    "canceled",
    "failed",
    "suspended",
    "unknown",
)
TERMINAL_STATUSES: Final = frozenset({"completed", "failed", "canceled"})
# DOCUMENTED polaris-sdk 20250425.14.0, DesiredJobExecutionStatusV2
DESIRED_STATUSES: Final = ("running", "canceled", "suspended")

Event = Literal["start", "complete", "fail", "cancel", "suspend", "resume"]

# GUESS: no source lists the moves. The descriptions of the statuses imply these for batch jobs. Only streaming jobs are
# suspended.
MOVES: Final[Mapping[str, Mapping[Event, str]]] = {
    "pending": {"start": "running", "fail": "failed", "cancel": "canceled"},
    "running": {"complete": "completed", "fail": "failed", "cancel": "canceled", "suspend": "suspended"},
    "suspended": {"resume": "running", "cancel": "canceled"},
    "completed": {},
    "failed": {},
    "canceled": {},
}


class IllegalMoveError(Exception):
    """Raised if the event is not possible in this status; the job is unchanged."""

    def __init__(self, status: str, event: str) -> None:
        super().__init__(f"a job that is {status!r} cannot {event!r}.")
        self.status = status
        self.event = event


def move(status: str, event: Event) -> str:
    """
    Return the next status.

    :param status: The present status.
    :param event: The event.
    :return: The next status.
    :raises IllegalMoveError: The table has no such move.
    """
    try:
        return MOVES[status][event]
    except KeyError:
        raise IllegalMoveError(status, event) from None


class ProgressionError(ValueError):
    """Raised for a text that is not a progression."""


@dataclass(frozen=True, slots=True)
class Progression:
    """
    How time advances for jobs.

    ``immediate``: the reply to the POST returns ``pending``; at the next poll the job is done. ``polls``: every reply
    with the job's status, except the one to the POST, counts as one poll; at poll ``amount`` the job is done.
    ``seconds``: the job is pending for a tenth of ``amount`` and running for the rest.

    :param kind: ``polls`` or ``seconds``; ``immediate`` is one poll.
    :param amount: Number of polls or seconds, positive.
    """

    kind: Literal["polls", "seconds"] = "polls"
    amount: float = 1

    @classmethod
    def parse(cls, text: str) -> Progression:
        """
        Parse ``immediate``, ``polls=N`` or ``seconds=S``.

        :param text: Value from the command line or a test.
        :return: The progression.
        :raises ProgressionError: Unknown word, no number, or a number that is not positive.
        """
        word, _, number = text.strip().partition("=")
        try:
            if word == "immediate" and not number:
                return cls("polls", 1)
            if word == "polls" and int(number) > 0:
                return cls("polls", int(number))
            if word == "seconds" and 0 < float(number) < float("inf"):
                return cls("seconds", float(number))
        except ValueError:
            pass
        raise ProgressionError(
            f"progression {text!r} is not one of 'immediate', 'polls=N' (N a whole number from 1) "
            "and 'seconds=S' (S a positive number)."
        )

    def fraction(self, *, polls: int, elapsed: float) -> float:
        """
        Return the fraction of a job that is done.

        :param polls: Replies so far with its status, the coming one included.
        :param elapsed: Seconds since the POST.
        :return: 0 to 1; 1 means done.
        """
        done = (polls if self.kind == "polls" else elapsed) / self.amount
        return min(1.0, max(0.0, done))

    def has_started(self, fraction: float) -> bool:
        """Return whether a job with this fraction done is running rather than pending."""
        return fraction > 0 if self.kind == "polls" else fraction >= 0.1

    def instant(self, created: int, fraction: float, now: int) -> int:
        """Return the time of an event in nanoseconds: with ``seconds`` the time when it was due, otherwise the present
        time.
        """
        return now if self.kind == "polls" else created + int(self.amount * fraction * 1_000_000_000)

    @property
    def is_immediate(self) -> bool:
        """Whether a job is done at the first poll."""
        return self == Progression()

    def __str__(self) -> str:
        return "immediate" if self.is_immediate else f"{self.kind}={self.amount:g}"
