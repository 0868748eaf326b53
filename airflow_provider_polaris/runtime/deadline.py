# SPDX-License-Identifier: Apache-2.0
"""Limit waits by the task's deadline, and stop them when the task is killed."""

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
    The clock and the deadline of a task.

    :param clock: Time and sleep.
    :param stop: Returns whether the task was killed.
    :param deadline: When the task times out; None for never.
    """

    clock: Clock
    stop: Callable[[], bool]
    deadline: datetime | None

    def limit(self, longest: timedelta) -> datetime:
        """Return the end of a wait that begins now: after ``longest``, or at the deadline if that is earlier."""
        end = self.clock.now() + longest
        return end if self.deadline is None else min(end, self.deadline)

    def check_alive(self) -> None:
        """
        Raise if the task was killed.

        :raises PolarisJobCanceledError: The task was killed.
        """
        if self.stop():
            raise PolarisJobCanceledError("the task was killed before it submitted its job.", job_id="")

    def sleep(self, seconds: float, end: datetime) -> bool:
        """
        Sleep, but not past ``end``.

        :return: False, without sleeping, if ``end`` has passed.
        :raises PolarisJobCanceledError: The task was killed.
        """
        self.check_alive()
        rest = (end - self.clock.now()).total_seconds()
        if rest <= 0:
            return False
        self.clock.sleep(min(seconds, rest), self.stop)
        self.check_alive()
        return True


#: Airflow's own timeout interrupts any code. Our deadline is earlier by this much, or by half of the timeout if
#: shorter.
_RESERVE: Final = timedelta(seconds=30)


#: Airflow ends a deferral this long after our deadline, in case no triggerer is running to enforce ours.
_BACKSTOP: Final = timedelta(minutes=2)


def try_start(ti: Any, now: datetime) -> datetime:
    """
    Return the start of this try of a task, from which Airflow 2 counts ``execution_timeout``.

    :param ti: The task instance.
    :param now: Current time; returned if Airflow doesn't provide the start.
    """
    start = getattr(ti, "start_date", None)
    return min(start, now) if isinstance(start, datetime) and start.tzinfo is not None else now


def deadline_of(started: datetime, timeout: timedelta | None, execution_timeout: timedelta | None) -> datetime | None:
    """
    Return when to stop waiting for a job; None for never.

    :param started: Start of this try.
    :param timeout: The operator's own limit.
    :param execution_timeout: Airflow's limit. The deadline is earlier, to leave time to cancel the job.
    """
    limits = [] if timeout is None else [timeout]
    if execution_timeout is not None:
        limits.append(max(execution_timeout - _RESERVE, execution_timeout / 2))
    return started + min(limits) if limits else None


def airflow_timeout(deadline: datetime | None, now: datetime) -> timedelta | None:
    """
    Return the timeout after which Airflow itself ends a deferral; None for never.

    :param deadline: Our deadline, which the trigger enforces.
    :param now: Current time.
    """
    return None if deadline is None else max(deadline - now, timedelta()) + _BACKSTOP
