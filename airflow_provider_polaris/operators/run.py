"""One attempt of a task: submit its job once, hand on what is known at once, wait, judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.jobs.errors import (
    PolarisError,
    PolarisJobCanceledError,
    PolarisJobError,
    PolarisProtocolError,
)
from airflow_provider_polaris.jobs.state import JobState
from airflow_provider_polaris.jobs.waiting import WaitTracker
from airflow_provider_polaris.operators.kill import KillSwitch, cancel_within
from airflow_provider_polaris.operators.options import Options, deadline_of
from airflow_provider_polaris.operators.waiting import WaitResult, wait_for_end
from airflow_provider_polaris.outcome import JOB_XCOM_KEY, JobFacts, conclude, job_facts, look_at_job

if TYPE_CHECKING:
    from airflow_provider_polaris.clock import Clock
    from airflow_provider_polaris.hooks.polaris import PolarisHook

#: At the deadline there is more time than in a signal handler, but Airflow's own limit may be 30 s away.
_CANCEL_SECONDS: Final = 15.0

#: Running one of these twice leaves what running it once leaves.
_REPEATABLE_TYPES: Final = frozenset({"delete_data", "restore_data", "drop_table"})


@dataclass
class JobRun:
    """
    The attempt.

    :param hook: Asks Polaris.
    :param options: How to wait.
    :param kill: Thrown when the task is killed.
    :param clock: Time and sleep.
    :param started: Start of the attempt.
    :param execution_timeout: Airflow's limit.
    :param ti: Task instance, for XCom.
    :param log: Logger of the task.
    """

    hook: PolarisHook
    options: Options
    kill: KillSwitch
    clock: Clock
    started: datetime
    execution_timeout: timedelta | None
    ti: Any
    log: Any
    #: Whether a job may have added rows or may still do so, so that a retry could add them twice.
    in_doubt: bool = field(default=False, init=False)

    def submit(self, spec: Mapping[str, Any]) -> JobState:
        """
        Submit the job, unless the task was killed; if it is killed meanwhile, cancel it.

        :param spec: The JSON object for Polaris.
        :return: The job as Polaris answered it.
        """
        if self.kill.thrown:
            raise PolarisJobCanceledError("the task was killed before it submitted its job.", job_id="")
        self.log.debug("Job spec: %s", spec)
        try:
            job = JobState.from_wire(self.hook.submit_job(spec))
        except PolarisProtocolError:
            self.in_doubt = True  # something was accepted
            raise
        self.in_doubt = not (job.type in _REPEATABLE_TYPES or job.is_replace)
        return job

    def announce(self, job: JobState) -> None:
        """Push the links and what is known of the job, before any wait."""
        url = self.hook.job_url(job.job_id, job.target_table or "")
        self.log.info("Submitted Polaris job %r (%s). See %s", job.job_id, job.purpose, url)
        self.ti.xcom_push(key="polaris_job_url", value=url)
        if job.target_table:
            self.ti.xcom_push(key="polaris_table_url", value=self.hook.table_url(job.target_table))
        self._push(job_facts(job, adopted=False))

    def finish(self, job: JobState) -> None:
        """
        Wait for the job's end, judge it and push the facts; if the task was killed, say so instead.

        :param job: The job as Polaris answered it.
        :raises PolarisError: The job ended badly, or its end was not seen.
        """
        deadline = deadline_of(self.started, self.options.timeout, self.execution_timeout)
        submitted = self.clock.now()
        url = self.hook.job_url(job.job_id, job.target_table or "")
        tracker = WaitTracker(job.job_id, now=submitted, deadline=deadline, console_url=url)
        result = self._wait(tracker)
        if result.is_late:
            result = self._give_up(tracker)
        if result.error is not None:
            raise result.error
        if result.state is None:
            raise self._killed(job.job_id, url)
        self.in_doubt = self.in_doubt and result.state.status == "completed"
        conclusion = conclude(
            self.hook,
            result.state,
            fail_on_warning=self.options.fail_on_warning,
            adopted=False,
            seconds=(self.clock.now() - submitted).total_seconds(),
            log=self.log,
        )
        self._push(conclusion.facts)
        if conclusion.error is not None:
            raise conclusion.error

    def _wait(self, tracker: WaitTracker) -> WaitResult:
        return wait_for_end(
            self.hook,
            tracker,
            poll_interval=self.options.poll_interval,
            stop=lambda: self.kill.thrown,
            clock=self.clock,
            log=self.log,
        )

    def _give_up(self, tracker: WaitTracker) -> WaitResult:
        """Cancel at the deadline, if that is wanted; a job that ended just before is judged after all."""
        if not self.options.cancel_on_timeout:
            return WaitResult(error=tracker.timeout_error("it runs on, because cancel_on_timeout=False"))
        canceled = cancel_within(self.hook.settings, tracker.job_id, _CANCEL_SECONDS)
        if canceled.has_ended and canceled.status != "canceled":
            return self._look_once(tracker, canceled.status)
        if canceled.problem is not None:
            return WaitResult(error=tracker.timeout_error(f"it could not be canceled: {canceled.problem}"))
        self.in_doubt = self.in_doubt and not canceled.has_ended
        how = "was" if canceled.has_ended else "was asked to be"
        return WaitResult(error=tracker.timeout_error(f"it {how} canceled because cancel_on_timeout=True"))

    def _look_once(self, tracker: WaitTracker, status: str | None) -> WaitResult:
        try:
            look = look_at_job(self.hook, tracker.job_id)
        except PolarisError as error:
            return WaitResult(error=tracker.timeout_error(f"it is {status!r} by now, but can't be described: {error}"))
        if look.state is None:
            return WaitResult(error=tracker.timeout_error(f"it was {status!r} and then {look.status!r}"))
        return WaitResult(look.state)

    def _killed(self, job_id: str, url: str) -> PolarisJobError:
        result = self.kill.result
        if result is None:
            what = "it runs on, because cancel_on_kill=False"
        elif result.problem is not None:
            what = f"it could not be canceled: {result.problem}"
        elif result.has_ended:
            what = f"it has ended with {result.status!r}"
            self.in_doubt = self.in_doubt and result.status == "completed"
        else:
            what = "it was asked to be canceled"
        return PolarisJobCanceledError(
            f"the task was killed while Polaris job {job_id!r} was at work; {what}. See {url}.",
            job_id=job_id,
            state=None if result is None else result.status,
            console_url=url,
        )

    def _push(self, facts: JobFacts) -> None:
        self.ti.xcom_push(key=JOB_XCOM_KEY, value=dict(facts))
