# SPDX-License-Identifier: Apache-2.0
"""One wait for a job, in one process: before a deferral, after it, or without one. Never cancels."""

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
    The parameters of the wait. The sensor stores them when it is deferred, so they are plain JSON.

    :param job_id: The job.
    :param polaris_conn_id: The connection.
    :param url: Page of the job.
    :param started: Start of the wait, epoch seconds in UTC.
    :param poll_interval: Seconds between two polls.
    :param pending_warning: Seconds until the warning; None for no warning.
    :param fail_on_warning: Treat a warning as a failure.
    :param timeout: The sensor's own timeout in seconds; None if ``execution_timeout`` ends earlier.
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
    One wait for a job.

    :param hook: Hook for the requests.
    :param memory: Parameters of the wait.
    :param ti: Task instance, for XCom.
    :param log: Logger of the task.
    :param pending_since: Start of the time that the job may be pending, epoch seconds.
    """

    def __init__(self, hook: PolarisHook, memory: DeferredJobWait, ti: Any, log: Any, pending_since: float) -> None:
        self._hook = hook
        self._memory = memory
        self._ti = ti
        self._log = log
        started = datetime.fromtimestamp(memory.started, timezone.utc)
        self._tracker = WaitTracker(memory.job_id, now=started, console_url=memory.url)
        pending_warning = PendingWarning(memory.pending_warning, pending_since)
        self._wait = WorkerWait(hook, self._tracker, pending_warning, clock=clock.CLOCK, log=log)

    @property
    def failure(self) -> PolarisError | None:
        """The error of the last poll; None if it succeeded."""
        return self._wait.failure

    def poll(self) -> bool:
        """
        Poll the job once.

        :return: Whether the job ended successfully.
        :raises AirflowFailException: The job failed.
        :raises PolarisError: The wait was given up.
        """
        result = self._wait.poll()
        if result is None:
            return False
        self._judge(result)
        return True

    def deferral(self, execution_timeout: timedelta | None) -> dict[str, Any]:
        """
        Return the arguments that defer the sensor.

        :param execution_timeout: Airflow's limit; applies if it ends before the sensor's own timeout.
        """
        from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger

        memory, now = self._memory, clock.CLOCK.now()
        assert memory.timeout is not None  # sensors always have a timeout
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
        Evaluate the job after the deferral.

        :param event: The validated event of the trigger.
        :raises AirflowFailException: The job failed.
        :raises AirflowSensorTimeout: The sensor timed out.
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
        Raise the timeout error of the sensor.

        :param status: The last status that the trigger returned, if any.
        :raises AirflowSensorTimeout: Always.
        """
        raise AirflowSensorTimeout(self.timeout_message(status))

    def timeout_message(self, status: str | None = None) -> str:
        """
        Return the message for a timeout.

        :param status: The last status that the trigger returned, if any.
        """
        status = status or self._tracker.status
        seen = "had not been seen once" if status is None else f"was still {status!r}"
        text = (
            f"Job {self._memory.job_id!r} {seen} when the sensor's timeout of {self._memory.timeout:g} s had "
            "passed; it runs on, because a sensor cancels nothing. Raise timeout= or find out why the job takes so "
            "long."
        )
        return with_link(text, self._memory.url)

    def _judge(self, result: WaitResult) -> None:
        if result.error is not None:
            raise result.error
        assert result.state is not None  # this wait has no deadline and is never stopped
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
