# SPDX-License-Identifier: Apache-2.0
"""Run the job of one try: submit it once, push links and facts to XCom, wait, and check the result."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.hooks.job_result import JOB_XCOM_KEY, JobFacts, fetch_result, job_facts
from airflow_provider_polaris.hooks.job_wait import WaitResult, WorkerWait, check_after_gave_up
from airflow_provider_polaris.jobs.errors import PolarisError, PolarisJobTimeoutError
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.status.wait_tracker import WaitTracker
from airflow_provider_polaris.operators.job_run.cancel_on_kill import CancelOnKill, killed_error
from airflow_provider_polaris.operators.job_run.cancel_on_timeout import end_at_deadline
from airflow_provider_polaris.operators.job_run.options import JobOptions
from airflow_provider_polaris.operators.submission.record import Store
from airflow_provider_polaris.operators.submission.task_identity import TaskIdentity
from airflow_provider_polaris.operators.submission.try_memory import TryMemory
from airflow_provider_polaris.runtime.deadline import Deadline, airflow_timeout

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.hooks.task_reads import TaskReads
    from airflow_provider_polaris.runtime.clock import Clock
    from airflow_provider_polaris.triggers.event import JobEvent


class NoJobNeeded(Exception):  # noqa: N818
    """Raised when the task succeeds without a job, because there is nothing to do."""


@dataclass(frozen=True)
class DeferredRun:
    """
    The saved state of a deferred task, in plain JSON. The resumed task uses it instead of templated arguments.

    :param job_id: Id of the job.
    :param polaris_conn_id: Id of the connection.
    :param url: URL of the job's page.
    :param submitted: Start of the wait, epoch seconds in UTC.
    :param adopted: As in :class:`JobRun`.
    :param options: Fields of :class:`~.options.JobOptions`.
    """

    job_id: str
    polaris_conn_id: str
    url: str
    submitted: float
    adopted: bool
    options: Mapping[str, Any]


@dataclass
class JobRun:
    """
    The job run of one try.

    :param hook: Hook for Polaris.
    :param options: How to wait.
    :param kill: Cancels the job when the task is killed.
    :param clock: Time and sleep.
    :param deadline: When to give up; None for never.
    :param ti: Task instance, for XCom.
    :param log: Logger of the task.
    :param submitted: Start of the wait.
    :param job_id: Id of the job; empty until Polaris returns it.
    :param url: URL of the job's page.
    :param adopted: Whether the job was found instead of submitted; None if unknown.
    :param is_concluded: Whether the job has ended and its result counts as a success.
    :param state: The job as the service described it last; None if this process has not read it.
    :param facts: The facts that were pushed to XCom last.
    :param reads: What the plan of the job has read for its guards; None before the plan.
    :param memory: What the try keeps over deferrals before its job is submitted.
    :param waits_elsewhere: Whether a long wait for anything but the job raises ``WaitElsewhere``.
    """

    hook: PolarisHook
    options: JobOptions
    kill: CancelOnKill
    clock: Clock
    deadline: datetime | None
    ti: Any
    log: Any
    submitted: datetime
    job_id: str = ""
    url: str = ""
    adopted: bool | None = False
    is_concluded: bool = False
    state: JobState | None = None
    facts: JobFacts | None = None
    reads: TaskReads | None = None
    memory: TryMemory = field(default_factory=TryMemory)
    waits_elsewhere: bool = False

    @cached_property
    def limits(self) -> Deadline:
        """Clock, kill and deadline of this try, and where it waits."""
        return Deadline(self.clock, lambda: self.kill.is_killed, self.deadline, self.memory.waits, self.waits_elsewhere)

    def submit(
        self,
        spec: Mapping[str, Any],
        identity: TaskIdentity,
        store: Store | None,
        *,
        guards: Callable[[tuple[str, ...]], None],
        optional_context: Collection[str],
    ) -> JobState:
        """
        Return the task's job: the one of an earlier try, or a newly submitted one. A kill cancels it.

        :param spec: The JSON object for Polaris.
        :param identity: The try of the task.
        :param store: Airflow's task state store; None to work without it.
        :param guards: Called right before the POST, if there is one, with the ids of the task's earlier jobs.
        :param optional_context: Keys of the spec's context that are left out if Polaris refuses the job.
        :return: The job as the service described it last.
        :raises WaitElsewhere, PolarisError: As ``submit_once``: the task is to be deferred, or has no certain job.
        """
        from airflow_provider_polaris.operators.submission.submit import submit_once

        submitted = submit_once(
            spec=spec,
            identity=identity,
            store=store,
            hook=self.hook,
            clock=self.clock,
            log=self.log,
            kill=self.kill,
            marker=self.hook.submit_marker,
            repeat_append=self.options.repeat_append,
            guards=guards,
            optional_context=optional_context,
            memory=self.memory,
            is_deferrable=self.waits_elsewhere,
        )
        self.job_id = submitted.job.job_id
        self.adopted = submitted.is_found
        self.submitted = self.clock.now()
        return submitted.job

    def push_links(self, job: JobState) -> None:
        """Push the links and the facts of the job to XCom, before any wait."""
        self.state = job
        self.url = self.hook.job_url(job.job_id, job.target_table or "")
        self.ti.xcom_push(key="polaris_job_url", value=self.url)
        if job.target_table:
            self.ti.xcom_push(key="polaris_table_url", value=self.hook.table_url(job.target_table))
        self.facts = job_facts(job, adopted=self.adopted)
        self._push(self.facts)

    def wait(self) -> bool:
        """
        Wait for the job's end, check its result and push the facts.

        A deferrable task doesn't poll: the description from the submission says whether the job has ended.

        :return: Whether the job has ended. If not, the triggerer must wait for it.
        :raises PolarisError: The job failed, its end was not observed, or the task was killed.
        """
        tracker = self._tracker(self.deadline)
        worker_wait = self._worker_wait(tracker)
        result = worker_wait.take(self.state) if self.state is not None and self.state.is_terminal else None
        if result is None and self.options.deferrable and not (self.kill.is_killed or self._is_late()):
            return False
        if result is None:
            result = worker_wait.until_end(self.options.poll_interval)
        self._evaluate(result, tracker)
        return True

    def deferral(self) -> dict[str, Any]:
        """Return the arguments for ``defer``."""
        from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger

        deferred = DeferredRun(
            job_id=self.job_id,
            polaris_conn_id=self.hook.polaris_conn_id,
            url=self.url,
            submitted=self.submitted.timestamp(),
            adopted=bool(self.adopted),
            options=asdict(self.options),
        )
        trigger = PolarisJobTrigger(
            self.job_id,
            self.hook.polaris_conn_id,
            self.options.poll_interval,
            started=deferred.submitted,
            deadline=None if self.deadline is None else self.deadline.timestamp(),
            cancel_on_timeout=self.options.cancel_on_timeout,
            cancel_on_kill=self.options.cancel_on_kill,
            pending_warning=self.options.pending_warning_after,
            console_url=self.url,
        )
        return {
            "trigger": trigger,
            "method_name": "execute_complete",
            "kwargs": {"wait": asdict(deferred)},
            "timeout": airflow_timeout(self.deadline, self.clock.now()),
        }

    def resume(self, deferred: DeferredRun) -> None:
        """Restore the saved state of the deferred task."""
        self.job_id, self.url, self.adopted = deferred.job_id, deferred.url, deferred.adopted
        self.submitted = datetime.fromtimestamp(deferred.submitted, timezone.utc)

    def complete(self, event: JobEvent) -> None:
        """
        Check the result of the job after the deferral and push the facts. If the event is of another job, wait here.

        :param event: The validated event of the trigger.
        :raises PolarisError: The job failed, or its end was not observed.
        """
        if event["job_id"] != self.job_id:
            # SQLite reuses trigger ids, so a late event may belong to the try before a clear.
            self.log.warning("The event is of job %r, not of job %r; it is ignored.", event["job_id"], self.job_id)
            self.wait_in_worker()
            return
        if not self.url:
            self._read_job_url()
        # The trigger has enforced the deadline. The remaining work doesn't count against it.
        tracker = self._tracker(None)
        if event["status"] == "ended":
            result = self._worker_wait(tracker).until_end(self.options.poll_interval, has_ended=True)
        elif event["status"] == "gave_up":
            result = check_after_gave_up(
                self.hook, event["job_id"], status=event["state"], message=event["message"], url=self.url
            )
        else:
            result = WaitResult(
                error=PolarisJobTimeoutError(
                    event["message"], job_id=self.job_id, state=event["state"], console_url=self.url
                )
            )
        self._evaluate(result, tracker)

    def wait_in_worker(self) -> None:
        """
        Wait for the job in this worker instead of the trigger. A past deadline applies immediately.

        :raises PolarisError: The job failed, or its end was not observed.
        """
        self._read_job_url()
        tracker = self._tracker(self.deadline)
        self._evaluate(self._worker_wait(tracker).until_end(self.options.poll_interval), tracker)

    def _read_job_url(self) -> None:
        """Set the URL of the job's page, which the deferral did not keep."""
        table = ""
        try:
            table = JobState.from_wire(self.hook.get_job(self.job_id)).target_table or ""
        except PolarisError as error:
            self.log.debug("Could not read job %r: %s", self.job_id, error)
        self.url = self.hook.job_url(self.job_id, table)

    def _is_late(self) -> bool:
        return self.deadline is not None and self.clock.now() >= self.deadline

    def _tracker(self, deadline: datetime | None) -> WaitTracker:
        return WaitTracker(self.job_id, now=self.submitted, deadline=deadline, console_url=self.url)

    def _worker_wait(self, tracker: WaitTracker) -> WorkerWait:
        from airflow_provider_polaris.jobs.status.pending_warning import PendingWarning

        return WorkerWait(
            self.hook,
            tracker,
            PendingWarning(self.options.pending_warning_after, self.submitted.timestamp()),
            clock=self.clock,
            log=self.log,
            stop=lambda: self.kill.is_killed,
        )

    def _evaluate(self, result: WaitResult, tracker: WaitTracker) -> None:
        if result.is_late:
            result = end_at_deadline(self.hook, tracker, cancels=self.options.cancel_on_timeout)
        if result.error is not None:
            raise result.error
        if result.state is None:
            raise killed_error(self.job_id, self.url, self.kill.result)
        evaluated = fetch_result(
            self.hook,
            result.state,
            fail_on_warning=self.options.fail_on_warning,
            adopted=self.adopted,
            seconds=(self.clock.now() - self.submitted).total_seconds(),
            log=self.log,
            metrics=result.metrics,
        )
        self.state, self.facts = result.state, evaluated.facts
        self._push(evaluated.facts)
        if evaluated.error is not None:
            raise evaluated.error
        self.is_concluded = True

    def _push(self, facts: JobFacts) -> None:
        self.ti.xcom_push(key=JOB_XCOM_KEY, value=dict(facts))
