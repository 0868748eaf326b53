"""The half of an operator that goes on after a deferral: with the event, or without one that never came."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from airflow_provider_polaris.runtime.deferral import restart_execution_timeout
from airflow_provider_polaris.runtime.rendering import RendersTexts

if TYPE_CHECKING:
    from airflow_provider_polaris.operators.job_run.options import JobOptions
    from airflow_provider_polaris.operators.job_run.run import JobRun
    from airflow_provider_polaris.runtime.compat import Context


class ResumingOperator(RendersTexts):
    """Takes up what was left before a deferral; what an attempt is, :class:`~.base.PolarisBaseOperator` knows."""

    job_id: str | None

    @abstractmethod
    def _attempt(self, context: Context, begin: Callable[[], JobRun], work: Callable[[JobRun], None]) -> str | None:
        """Do one attempt's work."""

    @abstractmethod
    def _begin(self, context: Context) -> JobRun:
        """Read the arguments anew."""

    @abstractmethod
    def _new_run(self, conn_id: str, options: JobOptions, deadline: datetime | None, context: Context) -> JobRun:
        """Return an attempt that has no job yet."""

    @abstractmethod
    def _job_is(self, run: JobRun) -> None:
        """Take note of the job's id."""

    def execute_complete(self, context: Context, event: Any = None, wait: Any = None) -> str | None:
        """
        Judge the job after the deferral and return its id, as :meth:`execute` would have done.

        Takes nothing from templated arguments, which Airflow has rendered anew.

        :param context: Airflow's context.
        :param event: What the trigger said.
        :param wait: What the task left itself. ``airflow dags test`` forgets that and keeps the event only (seen in
            Airflow 2.11.2 and 3.3.2); None then, and the arguments are read again.
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
        Go on after a deferral; Airflow calls this.

        If no event came, because no triggerer was there at the deadline or the trigger broke, Airflow has thrown away
        what the task left itself. Then this worker does what the trigger should have done: at the deadline it cancels
        the job and fails, before that it waits.

        :param next_method: What to go on with.
        :param next_kwargs: Its arguments.
        :param context: Airflow's context.
        """
        from airflow_provider_polaris.runtime.deferral import TRIGGER_FAILED_METHOD

        if next_method == TRIGGER_FAILED_METHOD and (job_id := self._pushed_facts(context).get("id")):
            return self._attempt(
                context,
                lambda: self._take_up(str(job_id), context),
                lambda run: self._take_over(run, next_kwargs or {}),
            )
        return super().resume_execution(next_method, next_kwargs, context)

    if AIRFLOW_VERSION < (3, 0):
        pre_execute = restart_execution_timeout

    def _resume(self, wait: Any, context: Context) -> JobRun:
        from airflow_provider_polaris.operators.job_run.options import JobOptions
        from airflow_provider_polaris.operators.job_run.run import DeferredRun
        from airflow_provider_polaris.runtime.deferral import restore_state

        handover = restore_state(DeferredRun, wait)
        options = restore_state(JobOptions, handover.options)
        run = self._new_run(handover.polaris_conn_id, options, None, context)
        run.resume(handover)
        self.job_id = run.job_id
        return run

    def _complete(self, run: JobRun, event: Any) -> None:
        from airflow_provider_polaris.triggers.event import check_event

        run.kill.load(run.hook.settings, cancels=run.options.cancel_on_kill)
        self._job_is(run)
        run.complete(check_event(event))

    def _resume_by_event(self, event: Any, context: Context) -> JobRun:
        from airflow_provider_polaris.triggers.event import check_event

        return self._take_up(check_event(event)["job_id"], context)

    def _take_up(self, job_id: str, context: Context) -> JobRun:
        """Go on with a job of which only the id is known; the arguments may have been rendered otherwise before."""
        from airflow_provider_polaris.runtime.deadline import try_start

        run = self._begin(context)
        self.job_id = run.job_id = job_id
        run.submitted = try_start(context["ti"], run.submitted)
        facts = self._pushed_facts(context)
        run.adopted = facts.get("adopted") if facts.get("id") == job_id else None
        return run

    def _take_over(self, run: JobRun, next_kwargs: Mapping[str, Any]) -> None:
        from airflow_provider_polaris.runtime.deferral import is_timeout

        run.kill.load(run.hook.settings, cancels=run.options.cancel_on_kill)
        self._job_is(run)
        if is_timeout(next_kwargs):
            now = run.clock.now()
            run.deadline = now if run.deadline is None else min(run.deadline, now)
            self.log.warning("No triggerer reported on Polaris job %r in time; this worker looks at it.", run.job_id)
        else:
            self.log.warning(
                "The trigger failed (%s), so this worker waits for Polaris job %r instead.%s",
                next_kwargs.get("error"),
                run.job_id,
                "".join(f"\n{line}" for line in next_kwargs.get("traceback") or ()),
            )
        run.take_over()

    def _pushed_facts(self, context: Context) -> Mapping[str, Any]:
        """Return what this task pushed before it was deferred; empty if nothing is there."""
        from airflow_provider_polaris.hooks.job_result import JOB_XCOM_KEY

        ti = context["ti"]
        facts = ti.xcom_pull(task_ids=ti.task_id, key=JOB_XCOM_KEY, map_indexes=ti.map_index)
        return facts if isinstance(facts, Mapping) else {}
