# SPDX-License-Identifier: Apache-2.0
"""Resume an operator after a deferral, with the trigger's event or without one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from airflow_provider_polaris.runtime.deferral import restart_execution_timeout
from airflow_provider_polaris.runtime.rendering import RendersTexts

if TYPE_CHECKING:
    from airflow_provider_polaris.operators.approval.settings import PolarisApproval
    from airflow_provider_polaris.operators.job_run.options import JobOptions
    from airflow_provider_polaris.operators.job_run.run import JobRun
    from airflow_provider_polaris.runtime.compat import Context


class ResumingOperator(RendersTexts):
    """
    Base class that submits a job, defers the task, and resumes it.

    :class:`~.base.PolarisBaseOperator` implements the abstract methods.
    """

    job_id: str | None
    #: Whom a guard asks; None for the defaults. Only the operators with such guards set it.
    approval: PolarisApproval | None = None

    @abstractmethod
    def _attempt(self, context: Context, begin: Callable[[], JobRun], work: Callable[[JobRun], None]) -> str | None:
        """Create a job run with ``begin``, pass it to ``work``, and return the job's id."""

    @abstractmethod
    def _begin(self, context: Context) -> JobRun:
        """Parse the arguments and return a new job run."""

    @abstractmethod
    def _new_run(self, conn_id: str, options: JobOptions, deadline: datetime | None, context: Context) -> JobRun:
        """Return a job run that has no job yet."""

    @abstractmethod
    def _submit(self, run: JobRun, context: Context) -> None:
        """Submit the job and wait for it."""

    @abstractmethod
    def _set_job(self, run: JobRun) -> None:
        """Store the job's id on the operator, and cancel the job if the task was killed."""

    def continue_submission(self, context: Context, event: Any = None, wait: Any = None) -> str | None:
        """
        Continue after a deferral before the job was submitted, as :meth:`execute` does.

        The task submits as a retry in the same try would, but keeps its plan and what it has counted. The event only
        ends the wait: what it stands for is looked at again. After a question, it is the answer of a person.

        :param context: Airflow's context.
        :param event: Event of the trigger, or the answer.
        :param wait: The saved state. ``airflow dags test`` drops it. It is None then, and the task starts again and
            waits in this worker.
        :raises AirflowFailException: As :meth:`execute`.
        :raises PolarisError: As :meth:`execute`.
        :raises TaskDeferred: The task waits in the triggerer, for something else or for its job.
        """

        def begin() -> JobRun:
            return self._begin_here(context, event) if wait is None else self._begin_again(wait, context, event)

        return self._attempt(context, begin, lambda run: self._submit(run, context))

    def execute_complete(self, context: Context, event: Any = None, wait: Any = None) -> str | None:
        """
        Check the result of the job after the deferral and return its id, as :meth:`execute` does.

        Uses the stored values, not the templated arguments, because Airflow renders those again.

        :param context: Airflow's context.
        :param event: Event of the trigger.
        :param wait: The saved state. ``airflow dags test`` drops it and keeps only the event (OBSERVED in Airflow
            2.11.2 and 3.3.2). It is None then, and the arguments are parsed again.
        :raises AirflowFailException: As :meth:`execute`.
        :raises PolarisError: As :meth:`execute`.
        """
        if wait is None:
            return self._attempt(
                context, lambda: self._resume_by_event(event, context), lambda run: self._complete(run, event)
            )
        return self._attempt(context, lambda: self._resume(wait, context), lambda run: self._complete(run, event))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """
        Resume the task after a deferral. Airflow calls this method.

        If no event arrived, because no triggerer ran at the deadline or the trigger failed, Airflow has dropped the
        saved state. Then this worker replaces the trigger: it waits for the job, and at the deadline it cancels the job
        and fails. If the task has no job yet, it starts again and waits in this worker.

        :param next_method: Name of the method to call.
        :param next_kwargs: Arguments of that method.
        :param context: Airflow's context.
        """
        from airflow_provider_polaris.links.polaris import withdraw_links
        from airflow_provider_polaris.runtime.deferral import TRIGGER_FAILED_METHOD

        withdraw_links(self)
        if next_method == TRIGGER_FAILED_METHOD and (job_id := self._pushed_facts(context).get("id")):
            return self._attempt(
                context,
                lambda: self._resume_job(str(job_id), context),
                lambda run: self._wait_in_worker(run, next_kwargs or {}),
            )
        if next_method == TRIGGER_FAILED_METHOD:
            return self._attempt(
                context,
                lambda: self._begin_here(context),
                lambda run: self._submit_in_worker(run, next_kwargs or {}, context),
            )
        return super().resume_execution(next_method, next_kwargs, context)

    if AIRFLOW_VERSION < (3, 0):
        pre_execute = restart_execution_timeout

    def _resume(self, wait: Any, context: Context) -> JobRun:
        from airflow_provider_polaris.operators.job_run.options import JobOptions
        from airflow_provider_polaris.operators.job_run.run import DeferredRun
        from airflow_provider_polaris.runtime.deferral import restore_state

        deferred = restore_state(DeferredRun, wait)
        options = restore_state(JobOptions, deferred.options)
        run = self._new_run(deferred.polaris_conn_id, options, None, context)
        run.resume(deferred)
        run.waits_elsewhere = options.deferrable
        self.job_id = run.job_id
        return run

    def _begin_here(self, context: Context, event: Any = None) -> JobRun:
        """Return a new job run whose waits stay in this worker."""
        from airflow_provider_polaris.operators.job_run.ask_person import check_resumed_state

        check_resumed_state(event)
        run = self._begin(context)
        run.waits_elsewhere = run.memory.asks = False
        return run

    def _begin_again(self, wait: Any, context: Context, event: Any = None) -> JobRun:
        """Restore a job run that has no job yet."""
        from airflow_provider_polaris.operators.job_run.ask_person import take_answer
        from airflow_provider_polaris.operators.job_run.deferred_submission import DeferredSubmission
        from airflow_provider_polaris.operators.job_run.options import JobOptions
        from airflow_provider_polaris.operators.submission.try_memory import TryMemory
        from airflow_provider_polaris.runtime.deferral import restore_state

        saved = restore_state(DeferredSubmission, wait)
        options = restore_state(JobOptions, saved.options)
        deadline = None if saved.deadline is None else datetime.fromtimestamp(saved.deadline, timezone.utc)
        run = self._new_run(saved.polaris_conn_id, options, deadline, context)
        run.memory, run.waits_elsewhere = TryMemory.restore(saved.memory), options.deferrable
        take_answer(run, event)
        return run

    def _submit_in_worker(self, run: JobRun, next_kwargs: Mapping[str, Any], context: Context) -> None:
        from airflow_provider_polaris.jobs.errors import PolarisGuardUnansweredError
        from airflow_provider_polaris.runtime.deferral import is_timeout

        if run.deadline is not None and run.clock.now() >= run.deadline:
            raise PolarisGuardUnansweredError(
                "the task timed out before it submitted its job, and no trigger event arrived before. Nothing was "
                "submitted. Check that a triggerer is running. A retry of this task starts again."
            )
        if is_timeout(next_kwargs):
            self.log.warning("No trigger event arrived in time. The task starts again and waits in this worker.")
        else:
            self.log.warning(
                "The trigger failed (%s), so the task starts again and waits in this worker.%s",
                next_kwargs.get("error"),
                "".join(f"\n{line}" for line in next_kwargs.get("traceback") or ()),
            )
        self._submit(run, context)

    def _complete(self, run: JobRun, event: Any) -> None:
        from airflow_provider_polaris.triggers.event import check_event

        run.kill.prepare(run.hook.settings, cancels=run.options.cancel_on_kill)
        self._set_job(run)
        run.complete(check_event(event))

    def _resume_by_event(self, event: Any, context: Context) -> JobRun:
        from airflow_provider_polaris.triggers.event import check_event

        return self._resume_job(check_event(event)["job_id"], context)

    def _resume_job(self, job_id: str, context: Context) -> JobRun:
        """Resume a job of which only the id is known. Before the deferral, templates may have had other values."""
        from airflow_provider_polaris.runtime.deadline import try_start

        run = self._begin_here(context)
        self.job_id = run.job_id = job_id
        run.submitted = try_start(context["ti"], run.submitted)
        facts = self._pushed_facts(context)
        run.adopted = facts.get("adopted") if facts.get("id") == job_id else None
        return run

    def _wait_in_worker(self, run: JobRun, next_kwargs: Mapping[str, Any]) -> None:
        from airflow_provider_polaris.runtime.deferral import is_timeout

        run.kill.prepare(run.hook.settings, cancels=run.options.cancel_on_kill)
        self._set_job(run)
        if is_timeout(next_kwargs):
            now = run.clock.now()
            run.deadline = now if run.deadline is None else min(run.deadline, now)
            self.log.warning(
                "No trigger event for job %r arrived before the timeout. This worker checks the job.",
                run.job_id,
            )
        else:
            self.log.warning(
                "The trigger failed (%s), so this worker waits for job %r instead.%s",
                next_kwargs.get("error"),
                run.job_id,
                "".join(f"\n{line}" for line in next_kwargs.get("traceback") or ()),
            )
        run.wait_in_worker()

    def _pushed_facts(self, context: Context) -> Mapping[str, Any]:
        """Return the XCom ``polaris_job`` that this task pushed before the deferral; empty if there is none."""
        from airflow_provider_polaris.hooks.job_result import JOB_XCOM_KEY

        ti = context["ti"]
        facts = ti.xcom_pull(task_ids=ti.task_id, key=JOB_XCOM_KEY, map_indexes=ti.map_index)
        return facts if isinstance(facts, Mapping) else {}
