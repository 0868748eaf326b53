"""How long a guard may wait: until it is told to stop, or until the task's deadline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_polaris.jobs.errors import PolarisError, PolarisJobCanceledError

if TYPE_CHECKING:
    from airflow_provider_polaris.clock import Clock


class PolarisGuardUnansweredError(PolarisError):
    """A guard waited in vain, or what it asked was not answered. Nothing was sent, and a retry asks again."""

    retryable = True


@dataclass(frozen=True)
class Limits:
    """
    Time and its end.

    :param clock: Time and sleep.
    :param stop: Whether the task was killed.
    :param deadline: When the task gives up; None for never.
    """

    clock: Clock
    stop: Callable[[], bool]
    deadline: datetime | None

    def end(self, longest: timedelta) -> datetime:
        """Return when a wait that begins now is over: after ``longest``, or at the deadline if that is earlier."""
        end = self.clock.now() + longest
        return end if self.deadline is None else min(end, self.deadline)

    def check_alive(self) -> None:
        """
        Stop if the task was killed.

        :raises PolarisJobCanceledError: It was.
        """
        if self.stop():
            raise PolarisJobCanceledError("the task was killed before it submitted its job.", job_id="")

    def pause(self, seconds: float, end: datetime) -> bool:
        """
        Sleep, but not past ``end``.

        :return: False, at once, if that is now.
        :raises PolarisJobCanceledError: The task was killed.
        """
        self.check_alive()
        rest = (end - self.clock.now()).total_seconds()
        if rest <= 0:
            return False
        self.clock.sleep(min(seconds, rest), self.stop)
        self.check_alive()
        return True
