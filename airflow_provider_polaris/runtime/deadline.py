"""How long a guard may wait: until it is told to stop, or until the task's deadline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.jobs.errors import (
    PolarisJobCanceledError,
)

if TYPE_CHECKING:
    from airflow_provider_polaris.runtime.clock import Clock


@dataclass(frozen=True)
class Deadline:
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


#: Airflow's own limit strikes in the middle of whatever runs; ours comes before it, by this much or by half of it.
_RESERVE: Final = timedelta(seconds=30)


#: So long after our deadline Airflow's own ends a deferral, in case no triggerer is there to keep ours.
_BACKSTOP: Final = timedelta(minutes=2)


def try_start(ti: Any, now: datetime) -> datetime:
    """
    Return when this attempt of a task began, by which Airflow 2 counts ``execution_timeout``.

    :param ti: The task instance.
    :param now: The present; what to return if Airflow doesn't tell.
    """
    start = getattr(ti, "start_date", None)
    return min(start, now) if isinstance(start, datetime) and start.tzinfo is not None else now


def deadline_of(started: datetime, timeout: timedelta | None, execution_timeout: timedelta | None) -> datetime | None:
    """
    Return when to give up a job; None for never.

    :param started: Start of this attempt.
    :param timeout: The operator's own limit.
    :param execution_timeout: Airflow's limit; what comes before it leaves time to cancel the job.
    """
    limits = [] if timeout is None else [timeout]
    if execution_timeout is not None:
        limits.append(max(execution_timeout - _RESERVE, execution_timeout / 2))
    return started + min(limits) if limits else None


def airflow_timeout(deadline: datetime | None, now: datetime) -> timedelta | None:
    """
    Return after what time Airflow itself shall end a deferral; None for never.

    :param deadline: Ours, which the trigger keeps.
    :param now: The present.
    """
    return None if deadline is None else max(deadline - now, timedelta()) + _BACKSTOP
