"""One job as the sensor watches it, in one process: before a deferral, after it, or without one. Cancels nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.hooks.job_result import JOB_XCOM_KEY, fetch_result
from airflow_provider_polaris.hooks.job_wait import WaitResult, WorkerWait, check_after_gave_up
from airflow_provider_polaris.jobs.errors import PolarisError, PolarisJobTimeoutError, with_link
from airflow_provider_polaris.jobs.status.pending_warning import PendingWarning
from airflow_provider_polaris.jobs.status.wait_tracker import WaitTracker
from airflow_provider_polaris.runtime import clock
from airflow_provider_polaris.runtime.compat import AirflowFailException, AirflowSensorTimeout
from airflow_provider_polaris.runtime.deadline import airflow_timeout, deadline_of, try_start

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.triggers.event import JobEvent


@dataclass(frozen=True)
class DeferredJobWait:
    """
    What the sensor wants to know; it leaves this to itself when it is deferred, so it is plain JSON.

    :param job_id: The job.
    :param polaris_conn_id: The connection.
    :param url: Page of the job.
    :param started: Start of the wait, epoch seconds in UTC.
    :param poll_interval: Seconds.
    :param pending_warning: Seconds; None for no warning.
    :param fail_on_warning: A warning is a failure.
    :param timeout: The sensor's own, in seconds; None if ``execution_timeout`` comes before it.
    """

    job_id: str
    polaris_conn_id: str
    url: str
    started: float
    poll_interval: float
    pending_warning: float | None
    fail_on_warning: bool
    timeout: float | None


class JobWait:
    """
    The watch.

    :param hook: Asks Polaris.
    :param memory: What is wanted.
    :param ti: Task instance, for XCom.
    :param log: Logger of the task.
    :param pending_since: Since when the job may be pending, epoch seconds.
    """

    def __init__(self, hook: PolarisHook, memory: DeferredJobWait, ti: Any, log: Any, pending_since: float) -> None:
        self._hook = hook
        self._memory = memory
        self._ti = ti
        self._log = log
        started = datetime.fromtimestamp(memory.started, timezone.utc)
        self._tracker = WaitTracker(memory.job_id, now=started, console_url=memory.url)
        patience = PendingWarning(memory.pending_warning, pending_since)
        self._wait = WorkerWait(hook, self._tracker, patience, clock=clock.CLOCK, log=log)

    @property
    def failure(self) -> PolarisError | None:
        """Why the last look brought no answer; None if it did."""
        return self._wait.failure

    def look(self) -> bool:
        """
        Look once.

        :return: Whether the job has ended well.
        :raises AirflowFailException: It ended badly.
        :raises PolarisError: The wait was given up.
        """
        result = self._wait.look()
        if result is None:
            return False
        self._judge(result)
        return True

    def deferral(self, execution_timeout: timedelta | None) -> dict[str, Any]:
        """
        Return the arguments with which the sensor is deferred.

        :param execution_timeout: Airflow's limit, which counts if it comes before the sensor's own.
        """
        from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger

        memory, now = self._memory, clock.CLOCK.now()
        assert memory.timeout is not None  # a sensor always has one
        deadline = datetime.fromtimestamp(memory.started + memory.timeout, timezone.utc)
        limit = deadline_of(try_start(self._ti, now), None, execution_timeout)
        if limit is not None and limit < deadline:
            deadline, memory = limit, replace(memory, timeout=None)
        trigger = PolarisJobTrigger(
            memory.job_id,
            memory.polaris_conn_id,
            memory.poll_interval,
            started=memory.started,
            deadline=deadline.timestamp(),
            pending_warning=memory.pending_warning,
            console_url=memory.url,
        )
        return {
            "trigger": trigger,
            "method_name": "execute_complete",
            "kwargs": {"wait": asdict(memory)},
            "timeout": airflow_timeout(deadline, now),
        }

    def complete(self, event: JobEvent) -> None:
        """
        Judge the job after the deferral.

        :param event: What the trigger said; checked.
        :raises AirflowFailException: The job ended badly.
        :raises AirflowSensorTimeout: The sensor's timeout is over.
        :raises PolarisError: The wait was given up.
        """
        memory = self._memory
        if event["status"] == "gave_up":
            self._judge(
                check_after_gave_up(
                    self._hook, event["job_id"], status=event["state"], message=event["message"], url=memory.url
                )
            )
        elif event["status"] == "ended":
            self._judge(self._wait.until_end(memory.poll_interval))
        elif memory.timeout is None:
            raise PolarisJobTimeoutError(
                event["message"], job_id=memory.job_id, state=event["state"], console_url=memory.url
            )
        else:
            self.time_out(event["state"])

    def time_out(self, status: str | None = None) -> None:
        """
        Say that the sensor's timeout is over.

        :param status: The last status seen, if it was not seen here.
        :raises AirflowSensorTimeout: Always.
        """
        raise AirflowSensorTimeout(self.last_words(status))

    def last_words(self, status: str | None = None) -> str:
        """
        Return what to say when the time is over.

        :param status: The last status seen, if it was not seen here.
        """
        status = status or self._tracker.status
        seen = "had not been seen once" if status is None else f"was still {status!r}"
        text = (
            f"Polaris job {self._memory.job_id!r} {seen} when the sensor's timeout of {self._memory.timeout:g} s was "
            "over; it runs on, because a sensor cancels nothing. Raise timeout= or find out why the job takes so long."
        )
        return with_link(text, self._memory.url)

    def _judge(self, result: WaitResult) -> None:
        if result.error is not None:
            raise result.error
        assert result.state is not None  # there is no deadline here, and nobody stops the wait
        conclusion = fetch_result(
            self._hook,
            result.state,
            fail_on_warning=self._memory.fail_on_warning,
            adopted=None,
            seconds=None,
            log=self._log,
        )
        self._ti.xcom_push(key=JOB_XCOM_KEY, value=dict(conclusion.facts))
        if conclusion.error is not None:
            raise AirflowFailException(str(conclusion.error)) from conclusion.error
