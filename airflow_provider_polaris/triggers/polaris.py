"""The trigger that waits for one Polaris job; however many there are, one watcher polls for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_polaris.compat import AIRFLOW_VERSION
from airflow_provider_polaris.jobs.waiting import Verdict, WaitTracker
from airflow_provider_polaris.triggers.event import EventStatus, JobEvent
from airflow_provider_polaris.triggers.kill import CancelResult
from airflow_provider_polaris.triggers.task_state import TaskKey, task_states
from airflow_provider_polaris.triggers.watcher import Watcher, watcher_of

if TYPE_CHECKING:
    from airflow_provider_polaris.jobs.state import JobState
    from airflow_provider_polaris.triggers.waiter import Observation, Waiter

#: At the deadline: Airflow's own limit may be 30 s away.
_CANCEL_SECONDS: Final = 15.0
_HAS_ON_KILL: Final = AIRFLOW_VERSION >= (3, 3)


class PolarisJobTrigger(BaseTrigger):
    """
    Wait for a Polaris job in the triggerer, and fire one event.

    ``{"status": "ended" | "timeout" | "gave_up", "job_id": …, "state": …, "message": …}``, see
    :class:`~airflow_provider_polaris.triggers.event.JobEvent`. What a look at the job means is decided as in the
    worker: failures and statuses that nobody knows are tolerated as long as there, and each change is one log line.

    **Polling.** All triggers of a process that use the same connection share one poll, at the interval of the most
    impatient of them; a job's end is seen within its own interval.

    **Deadline.** Absolute, so that a restart of the triggerer doesn't move it. A job that has ended by then is
    ``ended``. Else it is canceled, if ``cancel_on_timeout``, and then the event is fired: no worker is needed for it.

    **Kill.** With ``cancel_on_kill`` the job is canceled when Airflow stops the trigger and says that the task is no
    longer deferred (it was marked or cleared). When the triggerer stops or loses its triggers, the job runs on.

    :param job_id: The job.
    :param polaris_conn_id: The connection.
    :param poll_interval: Seconds between two looks.
    :param started: Start of the wait, epoch seconds in UTC; None takes the moment at which the trigger first runs.
    :param deadline: When to give up, epoch seconds in UTC; None for never.
    :param cancel_on_timeout: Cancel the job at the deadline.
    :param cancel_on_kill: Cancel the job when the task is marked or cleared.
    :param pending_warning: Seconds after which a job that is still ``pending`` is worth one warning with what Polaris
        says about it; None for no warning.
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
        super().__init__()
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
        """Wait, and yield one event."""
        # One logger for all triggers: Airflow would make one for each.
        type(self).logger()
        try:
            event = await self._wait()
        except asyncio.CancelledError:
            # Airflow 3.3 calls on_kill after this, but not when it is its own time-out that stops us.
            if not _HAS_ON_KILL or self._is_late():
                await self._kill()
            raise
        yield TriggerEvent(dict(event))

    async def on_kill(self) -> None:
        """Cancel the job if that is wanted and the task is no longer deferred; Airflow 3.3 calls this."""
        await self._kill()

    async def _wait(self) -> JobEvent:
        started = _now() if self.started is None else _instant(self.started)
        self._watcher = watcher = watcher_of(self.polaris_conn_id)
        tracker = WaitTracker(
            self.job_id,
            now=started,
            deadline=None if self.deadline is None else _instant(self.deadline),
            console_url=self.console_url,
        )
        patience = _Patience(self.pending_warning, started)
        waiter = watcher.join(self.job_id, interval=self.poll_interval, started=started.timestamp())
        try:
            while not self._is_late():
                for observation in waiter.take():
                    verdict = self._weigh(observation, tracker, patience)
                    if verdict.decision == "ended":
                        return self._ended(tracker.status)
                    if verdict.decision == "gave_up":
                        return self._event("gave_up", tracker.status, str(verdict.error))
                patience.look_ahead(waiter, tracker.status, _now())
                await waiter.wait(self._seconds_left(patience))
        finally:
            waiter.leave()
        return await self._give_up(watcher, tracker)

    def _weigh(self, observation: Observation, tracker: WaitTracker, patience: _Patience) -> Verdict:
        """Hand an observation to the tracker and log what it finds worth saying."""
        now = _now()
        if observation.error is not None:
            verdict = tracker.missed(observation.error, now)
        elif observation.status is not None:
            verdict = tracker.saw(observation.status, now)
        else:
            verdict = Verdict("wait", tracker.progress(observation.progress, now))
        for level, text in verdict.messages:
            self.log.log(level, "%s", text)
        warning = patience.warning(self.job_id, tracker.status, observation.state, now)
        if warning is not None:
            self.log.warning("%s%s", warning, f" ({self.console_url})" if self.console_url else "")
        return verdict

    async def _give_up(self, watcher: Watcher, tracker: WaitTracker) -> JobEvent:
        """Conclude at the deadline; a job that ended just before is judged after all."""
        if not self.cancel_on_timeout:
            looked = await _within(_CANCEL_SECONDS, watcher.look(self.job_id))
            if looked.has_ended:
                return self._ended(looked.status)
            aftermath = "it runs on, because cancel_on_timeout=False"
        else:
            canceled = await _within(_CANCEL_SECONDS, watcher.cancel(self.job_id))
            if canceled.has_ended and canceled.status != "canceled":
                return self._ended(canceled.status)
            how = "was" if canceled.has_ended else "was asked to be"
            aftermath = f"it {how} canceled because cancel_on_timeout=True"
            if canceled.problem is not None:
                aftermath = f"it could not be canceled: {canceled.problem}"
        return self._event("timeout", tracker.status, str(tracker.timeout_error(aftermath)))

    async def _kill(self) -> None:
        """
        Cancel the job unless the task waits on, here or elsewhere; once, without an exception, a log line in any case.

        After the deadline it is a matter of ``cancel_on_timeout``.
        """
        flag = "cancel_on_timeout" if self._is_late() else "cancel_on_kill"
        if not getattr(self, flag) or self.task_instance is None:
            return
        try:
            deferred = await task_states().is_deferred(TaskKey.of(self.task_instance))
            if deferred is None:
                self.log.warning(
                    "The trigger was stopped, and Airflow doesn't say whether the task was killed; Polaris job %r "
                    "runs on.",
                    self.job_id,
                )
            elif deferred:
                self.log.info("The trigger moves to another triggerer; Polaris job %r runs on.", self.job_id)
            else:
                watcher = self._watcher or watcher_of(self.polaris_conn_id)
                self._log_cancel(await watcher.cancel(self.job_id), flag)
        except Exception as error:
            self.log.warning("Polaris job %r may not have been canceled: %r", self.job_id, error)

    def _log_cancel(self, result: CancelResult, flag: str) -> None:
        if result.problem is not None:
            self.log.warning(
                "The task is no longer deferred, and Polaris job %r could not be canceled; its status is %r and it "
                "may run on (jobs that delete data can't be canceled): %s",
                self.job_id,
                result.status or "unknown",
                result.problem,
            )
        elif result.has_ended and result.status != "canceled":
            self.log.info("Polaris job %r had ended before it could be canceled, with %r.", self.job_id, result.status)
        else:
            self.log.info(
                "The task is no longer deferred; Polaris was asked to cancel job %r because %s=True, it is now %r.",
                self.job_id,
                flag,
                result.status,
            )

    def _is_late(self) -> bool:
        return self.deadline is not None and _now().timestamp() >= self.deadline

    def _seconds_left(self, patience: _Patience) -> float | None:
        """Return when to wake up even if there is nothing to hear."""
        moments = [moment for moment in (self.deadline, patience.due) if moment is not None]
        return min(moments) - _now().timestamp() if moments else None

    def _ended(self, state: str | None) -> JobEvent:
        return self._event("ended", state, f"Polaris job {self.job_id!r} has ended with {state!r}")

    def _event(self, status: EventStatus, state: str | None, message: str) -> JobEvent:
        return {"status": status, "job_id": self.job_id, "state": state, "message": message}


class _Patience:
    """
    Notices that a job stays pending for long, once.

    :param seconds: How long is long; None for never.
    :param started: Start of the wait.
    """

    __slots__ = ("_pending_since", "_seconds", "due")

    def __init__(self, seconds: float | None, started: datetime) -> None:
        self._seconds = seconds
        self._pending_since: datetime | None = started
        #: When to look ahead again, epoch seconds.
        self.due: float | None = None

    def look_ahead(self, waiter: Waiter, status: str | None, now: datetime) -> None:
        """Ask for the whole state in time for a warning."""
        self.due = None
        if self._seconds is None or status != "pending" or self._pending_since is None:
            return
        due = self._pending_since.timestamp() + self._seconds
        if now.timestamp() >= due:
            waiter.wants_state = True
        else:
            self.due = due

    def warning(self, job_id: str, status: str | None, state: JobState | None, now: datetime) -> str | None:
        """
        Return the warning, if it is time for it.

        :param job_id: The job.
        :param status: The last status seen.
        :param state: The whole state, if it was asked for.
        :param now: The present.
        """
        if status != "pending":
            # Pending again, after running, would be counted anew; that no status was seen yet says nothing.
            self._pending_since = self._pending_since if status is None else None
            return None
        if self._pending_since is None:
            self._pending_since = now
        if state is None or self._seconds is None:
            return None
        span = now - self._pending_since
        if span < timedelta(seconds=self._seconds):
            return None
        self._seconds = None
        return (
            f"Polaris job {job_id!r} has been 'pending' for {span.total_seconds() / 60:.0f} min. {_health_of(state)} "
            "A pending job waits, usually for resources: look at what else the project is doing."
        )


def _health_of(state: JobState) -> str:
    health = state.health
    if health is None:
        return "Polaris says nothing about its health."
    said = f"Polaris says health {health.status!r}"
    if health.code is not None:
        said += f", code {health.code!r}"
    if health.message is not None:
        said += f", message {health.message!r}"
    if health.log:
        said += f", log {'; '.join(str(entry) for entry in health.log)}"
    return f"{said}."


async def _within(seconds: float, work: Any) -> CancelResult:
    """Wait for a result, but not for long; what was begun goes on."""
    try:
        return await asyncio.wait_for(work, seconds)
    except asyncio.TimeoutError:  # another class before Python 3.11
        return CancelResult(problem=f"no answer came within {seconds:g} s")


def _now() -> datetime:
    from airflow_provider_polaris.clock import CLOCK

    return CLOCK.now()


def _instant(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, timezone.utc)
