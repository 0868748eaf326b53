# SPDX-License-Identifier: Apache-2.0
"""Limit waits by the task's deadline, and stop them when the task is killed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.jobs.errors import PolarisJobCanceledError
from airflow_provider_polaris.runtime.waits import Condition, WaitElsewhere, WaitMemory

if TYPE_CHECKING:
    from airflow_provider_polaris.runtime.clock import Clock


#: Seconds that a deferrable task waits in the worker before it is deferred: about as long as a deferral takes.
_PATIENCE: Final = 5.0
#: The same for the end of something else, because the first look found that it takes longer than usual.
_PATIENCE_UNTIL: Final = 1.0


@dataclass
class Waited:
    """The seconds that this process has waited."""

    seconds: float = 0.0


@dataclass(frozen=True)
class Deadline:
    """
    The clock and the deadline of a task, and where it waits.

    :param clock: Time and sleep.
    :param stop: Returns whether the task was killed.
    :param deadline: When the task times out; None for never.
    :param memory: The waits of this try, before and after its deferrals.
    :param is_deferrable: Whether a long pause raises :class:`~.waits.WaitElsewhere`.
    """

    clock: Clock
    stop: Callable[[], bool]
    deadline: datetime | None
    memory: WaitMemory = field(default_factory=WaitMemory)
    is_deferrable: bool = False
    _waited: Waited = field(default_factory=Waited)

    @property
    def in_worker(self) -> Deadline:
        """The same limits for waits that stay in the worker."""
        return replace(self, is_deferrable=False)

    def start(self, name: str) -> datetime:
        """
        Return when a wait began: now, or before an earlier deferral.

        :param name: Name of the wait; :meth:`WaitMemory.end` forgets it.
        """
        since = self.memory.since.setdefault(name, self.clock.now().timestamp())
        return datetime.fromtimestamp(since, timezone.utc)

    def limit(self, longest: timedelta, name: str | None = None) -> datetime:
        """
        Return the end of a wait: ``longest`` after its start, or the deadline if that is earlier.

        :param longest: The limit.
        :param name: Name of the wait, which may have begun before a deferral; None for one that begins now.
        """
        end = (self.clock.now() if name is None else self.start(name)) + longest
        return end if self.deadline is None else min(end, self.deadline)

    def check_alive(self) -> None:
        """
        Raise if the task was killed.

        :raises PolarisJobCanceledError: The task was killed.
        """
        if self.stop():
            raise PolarisJobCanceledError("the task was killed before it submitted its job.", job_id="")

    def sleep(self, seconds: float, end: datetime, until: Condition | None = None) -> bool:
        """
        Sleep, but not past ``end``.

        :param seconds: Duration.
        :param end: End of the wait.
        :param until: What the caller looks for after the pause; None for nothing but the time.
        :return: False, without sleeping, if ``end`` has passed.
        :raises PolarisJobCanceledError: The task was killed.
        :raises WaitElsewhere: The task is deferrable and would wait for more than a few seconds.
        """
        self.check_alive()
        rest = (end - self.clock.now()).total_seconds()
        if rest <= 0:
            return False
        seconds = min(seconds, rest)
        self.check_patience(seconds, end if until is not None else None, until)
        self.clock.sleep(seconds, self.stop)
        self.check_alive()
        return True

    def check_patience(self, seconds: float, end: datetime | None = None, until: Condition | None = None) -> None:
        """
        Leave a pause to the triggerer if the task is deferrable and would wait for more than a few seconds.

        :param seconds: Duration of the pause that follows.
        :param end: When to look again at the latest; None for the end of the pause.
        :param until: As in :meth:`sleep`.
        :raises WaitElsewhere: The caller must not pause.
        """
        patience = _PATIENCE if until is None else _PATIENCE_UNTIL
        if self.is_deferrable and self._waited.seconds + seconds > patience:
            raise WaitElsewhere(
                until or Condition("time"), end or self.clock.now() + timedelta(seconds=seconds), seconds
            )
        self._waited.seconds += seconds


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
