"""
The status machine of a job and the three ways in which time passes; performs no I/O and reads no clock.

The moves are data (:data:`MOVES`): what isn't in the table is refused and changes nothing. Time passes when somebody
asks: a :class:`Progression` only says how far a job is, given the looks it had and the time since its creation.
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

# GUESS: no source states the moves; these are the ones that the descriptions of the statuses imply for batch jobs;
# only streaming jobs are suspended.
MOVES: Final[Mapping[str, Mapping[Event, str]]] = {
    "pending": {"start": "running", "fail": "failed", "cancel": "canceled"},
    "running": {"complete": "completed", "fail": "failed", "cancel": "canceled", "suspend": "suspended"},
    "suspended": {"resume": "running", "cancel": "canceled"},
    "completed": {},
    "failed": {},
    "canceled": {},
}


class IllegalMoveError(Exception):
    """The event is not possible in this status; the job is as before."""

    def __init__(self, status: str, event: str) -> None:
        super().__init__(f"a job that is {status!r} cannot {event!r}.")
        self.status = status
        self.event = event


def move(status: str, event: Event) -> str:
    """
    Return the status that follows.

    :param status: The present status.
    :param event: What happened.
    :return: The next status.
    :raises IllegalMoveError: The table knows no such move.
    """
    try:
        return MOVES[status][event]
    except KeyError:
        raise IllegalMoveError(status, event) from None


class ProgressionError(ValueError):
    """The text is not a progression."""


@dataclass(frozen=True, slots=True)
class Progression:
    """
    How time passes for jobs.

    ``immediate``: the answer to the POST says ``pending``, the next look finds the job done. ``polls``: every reply
    that shows the job's status counts as one look, the one to the POST not; look ``amount`` finds it done.
    ``seconds``: a tenth of ``amount`` pending, the rest running.

    :param kind: ``polls`` or ``seconds``; ``immediate`` is one poll.
    :param amount: Looks or seconds, positive.
    """

    kind: Literal["polls", "seconds"] = "polls"
    amount: float = 1

    @classmethod
    def parse(cls, text: str) -> Progression:
        """
        Read ``immediate``, ``polls=N`` or ``seconds=S``.

        :param text: What the command line or a test says.
        :return: The progression.
        :raises ProgressionError: Another word, no number, a number that is not positive.
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

    def fraction(self, *, looks: int, elapsed: float) -> float:
        """
        Return how much of a job is done.

        :param looks: Replies so far that showed its status, the coming one included.
        :param elapsed: Seconds since the POST.
        :return: 0 to 1; 1 means done.
        """
        done = (looks if self.kind == "polls" else elapsed) / self.amount
        return min(1.0, max(0.0, done))

    def has_started(self, fraction: float) -> bool:
        """Return whether a job that is so far done is running rather than pending."""
        return fraction > 0 if self.kind == "polls" else fraction >= 0.1

    def instant(self, created: int, fraction: float, now: int) -> int:
        """With ``seconds`` things happened when they were due, not when somebody looked; nanoseconds all."""
        return now if self.kind == "polls" else created + int(self.amount * fraction * 1_000_000_000)

    @property
    def is_immediate(self) -> bool:
        """Whether the first look finds a job done."""
        return self == Progression()

    def __str__(self) -> str:
        return "immediate" if self.is_immediate else f"{self.kind}={self.amount:g}"
