# SPDX-License-Identifier: Apache-2.0
"""
The trigger that waits for one job. One watcher polls for all triggers of a connection.

The other triggers can also be imported from here. A worker creates triggers and runs none, so the modules that wait are
imported in the triggerer only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_polaris.jobs.errors import with_link
from airflow_provider_polaris.jobs.shortening import LONGEST_TEXT, LONGEST_WORD, shorten
from airflow_provider_polaris.jobs.status.pending_warning import PendingWarning
from airflow_provider_polaris.jobs.status.state import CancelResult
from airflow_provider_polaris.jobs.status.wait_tracker import WaitDecision, WaitTracker
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from airflow_provider_polaris.triggers.event import EventStatus, JobEvent

if TYPE_CHECKING:
    from airflow_provider_polaris.triggers.cancellation.cancel_on_kill import RunningKillCheck
    from airflow_provider_polaris.triggers.data import PolarisDataTrigger
    from airflow_provider_polaris.triggers.job_watcher.waiter import Observation, Waiter
    from airflow_provider_polaris.triggers.job_watcher.watcher import Watcher
    from airflow_provider_polaris.triggers.table_updated import PolarisTableUpdatedTrigger

__all__ = ["PolarisDataTrigger", "PolarisJobTrigger", "PolarisTableUpdatedTrigger"]

#: Maximum wait for the cancel at the deadline. Airflow's own limit may follow 30 s later.
_CANCEL_SECONDS: Final = 15.0
_HAS_ON_KILL: Final = AIRFLOW_VERSION >= (3, 3)
#: Argument of the ``CancelledError`` that precedes ``on_kill``. Source: jobs/triggerer_job_runner.py of Airflow 3.3.2.
_USER_ACTION: Final = "__airflow_user_action__"


def __getattr__(name: str) -> Any:
    """Import another trigger when it is first used: a worker that defers a task needs none of them."""
    if name == "PolarisDataTrigger":
        from airflow_provider_polaris.triggers.data import PolarisDataTrigger

        return PolarisDataTrigger
    if name == "PolarisTableUpdatedTrigger":
        from airflow_provider_polaris.triggers.table_updated import PolarisTableUpdatedTrigger

        return PolarisTableUpdatedTrigger
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class PolarisJobTrigger(BaseTrigger):
    """
    Wait for a job in the triggerer, and fire one event.

    ``{"status": "ended" | "timeout" | "gave_up", "job_id": …, "state": …, "message": …}``, see
    :class:`~airflow_provider_polaris.triggers.event.JobEvent`. Poll results are evaluated as in the worker: failures
    and unknown statuses are tolerated for the same time, and each change is one log line.

    **Polling.** All triggers of a process that use the same connection share one poll, at their shortest interval. The
    end of a job is detected within its own interval.

    **Deadline.** An absolute time, so that a restart of the triggerer doesn't move it. A job that has ended before it
    is ``ended``. Otherwise the trigger cancels the job, if ``cancel_on_timeout``, and fires the event. This needs no
    worker.

    **Kill.** With ``cancel_on_kill`` the trigger cancels the job when Airflow stops the trigger and the task no longer
    waits for the job: the task failed, succeeded, was skipped, removed or cleared, or waits for another job. The
    triggerer polls Airflow for this state for up to 1 h, even after this trigger has ended. If the triggerer stops or
    loses its triggers, the job continues.

    :param job_id: The job.
    :param polaris_conn_id: The connection.
    :param poll_interval: Seconds between two polls.
    :param started: Start of the wait, epoch seconds in UTC; None for the first run of the trigger.
    :param deadline: When to give up, epoch seconds in UTC; None for never.
    :param cancel_on_timeout: Cancel the job at the deadline.
    :param cancel_on_kill: Cancel the job when the task is marked or cleared.
    :param pending_warning: Seconds after which a job that is still ``pending`` causes one warning with the details from
        Polaris; None for no warning.
    :param console_url: Page of the job, for the log.
    """

    def __init__(
        self,
        job_id: str,
        polaris_conn_id: str = "polaris_default",
        poll_interval: float = 30.0,
        *,
        started: float | None = None,
        deadline: float | None = None,
        cancel_on_timeout: bool = False,
        cancel_on_kill: bool = False,
        pending_warning: float | None = 1800.0,
        console_url: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self.job_id = job_id
        self.polaris_conn_id = polaris_conn_id
        self.poll_interval = poll_interval
        self.started = started
        self.deadline = deadline
        self.cancel_on_timeout = cancel_on_timeout
        self.cancel_on_kill = cancel_on_kill
        self.pending_warning = pending_warning
        self.console_url = console_url
        self._watcher: Watcher | None = None
        self._killed = False
        self._kill_check: RunningKillCheck | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments: JSON scalars, no secret."""
        return (
            "airflow_provider_polaris.triggers.polaris.PolarisJobTrigger",
            {
                "job_id": self.job_id,
                "polaris_conn_id": self.polaris_conn_id,
                "poll_interval": self.poll_interval,
                "started": self.started,
                "deadline": self.deadline,
                "cancel_on_timeout": self.cancel_on_timeout,
                "cancel_on_kill": self.cancel_on_kill,
                "pending_warning": self.pending_warning,
                "console_url": self.console_url,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for the job, and yield one event."""
        from airflow_provider_polaris.triggers.cancellation.cancel_on_kill import prepare_kill
        from airflow_provider_polaris.triggers.job_watcher.watcher import watcher_of

        type(self).logger()  # share one logger; Airflow would create one for each trigger
        since = _now().timestamp() if self.started is None else self.started  # one object for all three
        deadline = None if self.deadline is None else _instant(self.deadline)
        tracker = WaitTracker(self.job_id, now=_instant(since), deadline=deadline, console_url=self.console_url)
        patience = PendingWarning(self.pending_warning, since)
        self._watcher = watcher = watcher_of(self.polaris_conn_id)
        if self.cancel_on_kill or self.cancel_on_timeout:
            prepare_kill(self.task_instance)
        waiter = watcher.join(self.job_id, interval=self.poll_interval, started=since)
        try:
            while (event := await self._take_observations(waiter, tracker, patience)) is None and not self._is_late():
                await waiter.next(self._seconds_left(waiter, patience.due(tracker.status)))
            if event is None:
                waiter.leave()
                event = await self._give_up(watcher, tracker)
        except asyncio.CancelledError as stopped:
            waiter.leave()
            if stopped.args == (_USER_ACTION,):
                # Start immediately: Airflow writes a log line before on_kill, and may cancel this task again before
                # that is done.
                self._start_kill_check()
            # Airflow 3.3 calls on_kill after this, but not if its own timeout stopped the trigger.
            if not _HAS_ON_KILL or self._is_late():
                await self._kill()
            raise
        finally:
            waiter.leave()
        yield TriggerEvent(dict(event))  # type: ignore[no-untyped-call]  # Airflow's

    async def on_kill(self) -> None:
        """Cancel the job if configured and if the task no longer waits for it. Called by Airflow 3.3."""
        await self._kill()

    async def _take_observations(
        self, waiter: Waiter, tracker: WaitTracker, patience: PendingWarning
    ) -> JobEvent | None:
        """Process new observations; return the event if the wait is over."""
        for observation in waiter.take():
            verdict = await self._record(observation, tracker, patience)
            if verdict.decision == "ended":
                return self._ended(tracker.status)
            if verdict.decision == "gave_up":
                return self._event("gave_up", tracker.status, str(verdict.error))
        return None

    async def _record(self, observation: Observation, tracker: WaitTracker, patience: PendingWarning) -> WaitDecision:
        """Pass an observation to the tracker and log its messages."""
        from airflow_provider_polaris.triggers.polling.pacing import log_from_thread

        now = _now()
        if observation.error is not None:
            verdict = tracker.record_error(observation.error, now)
        elif observation.status is not None:
            verdict = tracker.record_status(observation.status, now)
        else:
            verdict = WaitDecision("wait", tracker.progress(observation.progress, now))
        messages = verdict.messages
        patience.record_status(tracker.status, now.timestamp())
        if observation.state is not None:
            warning = patience.warning(observation.state, now.timestamp())
            if warning is not None:
                messages += ((logging.WARNING, with_link(warning, self.console_url)),)
        await log_from_thread(self.log, messages)
        return verdict

    async def _give_up(self, watcher: Watcher, tracker: WaitTracker) -> JobEvent:
        """Return the event at the deadline. A job that ended just before counts as ended."""
        request = watcher.cancel if self.cancel_on_timeout else watcher.fetch_status
        result = await _within(_CANCEL_SECONDS, request(self.job_id))
        if result.has_ended and not (self.cancel_on_timeout and result.status == "canceled"):
            return self._ended(result.status)
        if result.status is not None and not result.has_ended:
            tracker.record_status(result.status, _now())
        if not self.cancel_on_timeout:
            aftermath = "it runs on, because cancel_on_timeout=False"
        elif result.problem is not None:
            aftermath = f"it could not be canceled: {result.problem}"
        else:
            what = "it was canceled" if result.has_ended else "its cancellation was requested"
            aftermath = f"{what} because cancel_on_timeout=True"
        return self._event("timeout", tracker.status, str(tracker.timeout_error(aftermath)))

    async def _kill(self) -> None:
        """Cancel the job if its task was killed. After the deadline, ``cancel_on_timeout`` decides."""
        from airflow_provider_polaris.triggers.cancellation.cancel_on_kill import await_kill_check

        check = self._kill_check or self._start_kill_check()
        self._kill_check = None
        if check is not None:
            await await_kill_check(check, self.log)

    def _start_kill_check(self) -> RunningKillCheck | None:
        """
        Start the check of why the trigger was stopped, once and only if the job may be canceled. Doesn't wait for the
        result.
        """
        from airflow_provider_polaris.triggers.cancellation.cancel_on_kill import start_kill_check
        from airflow_provider_polaris.triggers.job_watcher.watcher import watcher_of

        flag = "cancel_on_timeout" if self._is_late() else "cancel_on_kill"
        if not getattr(self, flag) or self._killed:
            return None
        self._killed = True
        watcher = self._watcher or watcher_of(self.polaris_conn_id)
        seconds = None
        if self.deadline is not None and not self.cancel_on_timeout:
            seconds = self.deadline - _now().timestamp()
        self._kill_check = start_kill_check(
            self.task_instance, self.job_id, watcher, because=f"{flag}=True", log=self.log, seconds=seconds
        )
        return self._kill_check

    def _is_late(self) -> bool:
        return self.deadline is not None and _now().timestamp() >= self.deadline

    def _seconds_left(self, waiter: Waiter, pending_due: float | None) -> float | None:
        """
        Return the seconds until the next unconditional wake-up. Request the whole state if the pending warning is due.
        """
        now = _now().timestamp()
        if pending_due is not None and now >= pending_due:
            waiter.needs_state = True
            pending_due = None
        moments = [moment for moment in (self.deadline, pending_due) if moment is not None]
        return min(moments) - now if moments else None

    def _ended(self, state: str | None) -> JobEvent:
        return self._event("ended", state, f"Job {self.job_id!r} has ended with {state!r}")

    def _event(self, status: EventStatus, state: str | None, message: str) -> JobEvent:
        # Limit the size of texts from Polaris, because Airflow stores the event in its database.
        state = None if state is None else shorten(state, LONGEST_WORD)
        return {"status": status, "job_id": self.job_id, "state": state, "message": shorten(message, LONGEST_TEXT)}


async def _within(seconds: float, work: Any) -> CancelResult:
    """Wait for a result for a limited time. The request continues afterwards."""
    try:
        return await asyncio.wait_for(work, seconds)
    except asyncio.TimeoutError:  # another class before Python 3.11
        return CancelResult(problem=f"no answer came within {seconds:g} s")


def _now() -> datetime:
    from airflow_provider_polaris.runtime.clock import CLOCK

    return CLOCK.now()


def _instant(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, timezone.utc)
