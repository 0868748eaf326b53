"""One attempt of a task: submit its job once, hand on what is known at once, wait, judge."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.hooks.job_result import JOB_XCOM_KEY, JobFacts, fetch_result, fetch_status, job_facts
from airflow_provider_polaris.hooks.job_wait import WaitResult, WorkerWait, check_after_gave_up
from airflow_provider_polaris.jobs.errors import (
    PolarisError,
    PolarisJobCanceledError,
    PolarisJobError,
    PolarisJobTimeoutError,
    with_link,
)
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.status.wait_tracker import WaitTracker
from airflow_provider_polaris.operators.job_run.cancel_on_kill import CancelOnKill, cancel_within
from airflow_provider_polaris.operators.job_run.options import JobOptions
from airflow_provider_polaris.operators.submission.record import Store
from airflow_provider_polaris.operators.submission.submit import submit_once
from airflow_provider_polaris.operators.submission.task_identity import TaskIdentity
from airflow_provider_polaris.runtime.deadline import airflow_timeout

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.runtime.clock import Clock
    from airflow_provider_polaris.triggers.event import JobEvent

#: At the deadline there is more time than in a signal handler, but Airflow's own limit may be 30 s away.
_CANCEL_SECONDS: Final = 15.0


class NoJobNeeded(Exception):  # noqa: N818
    """The task succeeds without a job: everything is as it should be."""


@dataclass(frozen=True)
class DeferredRun:
    """
    What an attempt leaves itself when it is deferred, in plain JSON; afterwards nothing is taken from templates.

    :param job_id: The job.
    :param polaris_conn_id: The connection.
    :param url: Page of the job.
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
    The attempt.

    :param hook: Asks Polaris.
    :param options: How to wait.
    :param kill: Thrown when the task is killed.
    :param clock: Time and sleep.
    :param deadline: When to give up; None for never.
    :param ti: Task instance, for XCom.
    :param log: Logger of the task.
    :param submitted: Start of the wait.
    :param job_id: Id of the job, from the moment Polaris gave it.
    :param url: Page of the job.
    :param adopted: Whether the job was found instead of submitted; None if that was forgotten.
    :param is_concluded: Whether the job has ended and was judged a success.
    :param state: The job as Polaris described it last; None if it hasn't in this process.
    :param facts: What went to XCom last.
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
        Get the task its job: the one that it has from an earlier try, or a new one. If it is killed, cancel it.

        :param spec: The JSON object for Polaris.
        :param identity: Which task asks.
        :param store: Airflow's task state store; None to do without.
        :param guards: Called right before the POST, if there is one, with the ids of the task's earlier jobs.
        :param optional_context: Keys of the spec's context that are left out if Polaris refuses the job.
        :return: The job as Polaris described it last.
        :raises PolarisError: There is no job, or nobody knows; :func:`~..submission.submit_once` says which.
        """
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
        )
        self.job_id = submitted.job.job_id
        self.adopted = submitted.is_found
        self.submitted = self.clock.now()
        return submitted.job

    def announce(self, job: JobState) -> None:
        """Push the links and what is known of the job, before any wait."""
        self.state = job
        self.url = self.hook.job_url(job.job_id, job.target_table or "")
        self.ti.xcom_push(key="polaris_job_url", value=self.url)
        if job.target_table:
            self.ti.xcom_push(key="polaris_table_url", value=self.hook.table_url(job.target_table))
        self.facts = job_facts(job, adopted=self.adopted)
        self._push(self.facts)

    def finish(self) -> bool:
        """
        Wait for the job's end, judge it and push the facts; if the task was killed, say so instead.

        :return: Whether it is finished; else, after one look, the wait belongs to the triggerer.
        :raises PolarisError: The job ended badly, or its end was not seen.
        """
        tracker = self._tracker(self.deadline)
        wait = self._wait(tracker)
        result = wait.look() if self.options.deferrable else wait.until_end(self.options.poll_interval)
        if result is None:
            return False
        self._conclude(result, tracker)
        return True

    def deferral(self) -> dict[str, Any]:
        """Return the arguments with which the task is deferred."""
        from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger

        handover = DeferredRun(
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
            started=handover.submitted,
            deadline=None if self.deadline is None else self.deadline.timestamp(),
            cancel_on_timeout=self.options.cancel_on_timeout,
            cancel_on_kill=self.options.cancel_on_kill,
            pending_warning=self.options.pending_warning_after,
            console_url=self.url,
        )
        return {
            "trigger": trigger,
            "method_name": "execute_complete",
            "kwargs": {"wait": asdict(handover)},
            "timeout": airflow_timeout(self.deadline, self.clock.now()),
        }

    def resume(self, handover: DeferredRun) -> None:
        """Take up what was left before the deferral."""
        self.job_id, self.url, self.adopted = handover.job_id, handover.url, handover.adopted
        self.submitted = datetime.fromtimestamp(handover.submitted, timezone.utc)

    def complete(self, event: JobEvent) -> None:
        """
        Judge the job after the deferral and push the facts. An event of another job says nothing: wait on, here.

        :param event: What the trigger said; checked.
        :raises PolarisError: The job ended badly, or its end was not seen.
        """
        if event["job_id"] != self.job_id:
            # SQLite uses the numbers of triggers again, so a late event may be that of the try before a clear.
            self.log.warning("The event is of Polaris job %r, not of %r.", event["job_id"], self.job_id)
            self.take_over()
            return
        if not self.url:
            self._recognise()
        # The trigger kept the deadline. What is left to do is not the job's time.
        tracker = self._tracker(None)
        if event["status"] == "ended":
            result = self._wait(tracker).until_end(self.options.poll_interval)
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
        self._conclude(result, tracker)

    def take_over(self) -> None:
        """
        Go on with the wait in this worker, because no trigger does; at the deadline, if that is past.

        :raises PolarisError: The job ended badly, or its end was not seen.
        """
        self._recognise()
        tracker = self._tracker(self.deadline)
        self._conclude(self._wait(tracker).until_end(self.options.poll_interval), tracker)

    def _recognise(self) -> None:
        """Learn from the job's echo what was forgotten."""
        table = ""
        try:
            table = JobState.from_wire(self.hook.get_job(self.job_id)).target_table or ""
        except PolarisError as error:
            self.log.debug("Polaris job %r can't be described: %s", self.job_id, error)
        self.url = self.hook.job_url(self.job_id, table)

    def _tracker(self, deadline: datetime | None) -> WaitTracker:
        return WaitTracker(self.job_id, now=self.submitted, deadline=deadline, console_url=self.url)

    def _wait(self, tracker: WaitTracker) -> WorkerWait:
        from airflow_provider_polaris.jobs.status.pending_warning import PendingWarning

        return WorkerWait(
            self.hook,
            tracker,
            PendingWarning(self.options.pending_warning_after, self.submitted.timestamp()),
            clock=self.clock,
            log=self.log,
            stop=lambda: self.kill.thrown,
        )

    def _conclude(self, result: WaitResult, tracker: WaitTracker) -> None:
        if result.is_late:
            result = self._give_up(tracker)
        if result.error is not None:
            raise result.error
        if result.state is None:
            raise self._killed()
        conclusion = fetch_result(
            self.hook,
            result.state,
            fail_on_warning=self.options.fail_on_warning,
            adopted=self.adopted,
            seconds=(self.clock.now() - self.submitted).total_seconds(),
            log=self.log,
        )
        self.state, self.facts = result.state, conclusion.facts
        self._push(conclusion.facts)
        if conclusion.error is not None:
            raise conclusion.error
        self.is_concluded = True

    def _give_up(self, tracker: WaitTracker) -> WaitResult:
        """Cancel at the deadline, if that is wanted; a job that ended just before is judged after all."""
        if not self.options.cancel_on_timeout:
            return WaitResult(error=tracker.timeout_error("it runs on, because cancel_on_timeout=False"))
        canceled = cancel_within(self.hook.settings, self.job_id, _CANCEL_SECONDS)
        if canceled.has_ended and canceled.status != "canceled":
            return self._look_once(tracker, canceled.status)
        if canceled.problem is not None:
            return WaitResult(error=tracker.timeout_error(f"it could not be canceled: {canceled.problem}"))
        how = "was" if canceled.has_ended else "was asked to be"
        return WaitResult(error=tracker.timeout_error(f"it {how} canceled because cancel_on_timeout=True"))

    def _look_once(self, tracker: WaitTracker, status: str | None) -> WaitResult:
        try:
            look = fetch_status(self.hook, self.job_id)
        except PolarisError as error:
            return WaitResult(error=tracker.timeout_error(f"it is {status!r} by now, but can't be described: {error}"))
        if look.state is None:
            return WaitResult(error=tracker.timeout_error(f"it was {status!r} and then {look.status!r}"))
        return WaitResult(look.state)

    def _killed(self) -> PolarisJobError:
        result = self.kill.result
        if result is None:
            what = "it runs on, because cancel_on_kill=False"
        elif result.problem is not None:
            what = f"it could not be canceled: {result.problem}"
        elif result.has_ended:
            what = f"it has ended with {result.status!r}"
        else:
            what = "it was asked to be canceled"
        return PolarisJobCanceledError(
            with_link(f"the task was killed while Polaris job {self.job_id!r} was at work; {what}.", self.url),
            job_id=self.job_id,
            state=None if result is None else result.status,
            console_url=self.url,
        )

    def _push(self, facts: JobFacts) -> None:
        self.ti.xcom_push(key=JOB_XCOM_KEY, value=dict(facts))
