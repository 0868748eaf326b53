"""What all operators have in common: submit one job, hand on its id at once, wait for it, judge it, kill it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.links.polaris import PolarisJobLink, PolarisTableLink
from airflow_provider_polaris.operators.job_run.resume import ResumingOperator
from airflow_provider_polaris.runtime.compat import AirflowSkipException, conf
from airflow_provider_polaris.runtime.failure import fail_without_retry

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.operators.job_run.asset_events import TableChange
    from airflow_provider_polaris.operators.job_run.cancel_on_kill import CancelOnKill
    from airflow_provider_polaris.operators.job_run.options import JobOptions
    from airflow_provider_polaris.operators.job_run.run import JobRun
    from airflow_provider_polaris.operators.submission.record import Store
    from airflow_provider_polaris.runtime.compat import Context


class PolarisBaseOperator(ResumingOperator):
    """
    Submit one job and wait for it, in the worker or, if deferrable, in the triggerer; subclasses say which job.

    :param polaris_conn_id: The connection. (templated)
    :param wait_for_completion: Wait for the job's end and judge it; False ends the task once the job is submitted.
        (templated)
    :param deferrable: Wait in the triggerer and leave the worker to others. Without effect where nobody waits. The
        default is Airflow's ``[operators] default_deferrable``. (templated)
    :param poll_interval: Seconds between two looks at the job, give or take a tenth. (templated)
    :param timeout: Seconds from the start of this attempt after which the task gives up; None for no limit of its own.
        ``execution_timeout`` counts too: the task gives up 30 s before it, at half of it at the earliest. (templated)
    :param pending_warning_after: Seconds after which a job that is still ``pending`` is worth one warning with what
        Polaris says about it; None for no warning. (templated)
    :param cancel_on_kill: Cancel the job when the task is killed. (templated)
    :param cancel_on_timeout: Cancel the job when the task gives up. (templated)
    :param fail_on_warning: Fail if the job completed with a warning. (templated)
    :param durable: Write the job down in Airflow's task state store, where there is one (Airflow 3.3 and newer), so
        that a retry goes on with it whatever died when. Without, the marker in the job and the list of jobs decide.
        (templated)
    :param repeat_append: Submit a job that adds rows also where rows may be in already: after the task was cleared, or
        where nobody knows what an earlier try did. (templated)
    """

    template_fields: Sequence[str] = (
        "polaris_conn_id",
        "wait_for_completion",
        "deferrable",
        "poll_interval",
        "timeout",
        "pending_warning_after",
        "cancel_on_kill",
        "cancel_on_timeout",
        "fail_on_warning",
        "durable",
        "repeat_append",
    )
    #: Keys in the context of the planned job that are left out, with a warning, if Polaris refuses the job.
    optional_context: Sequence[str] = ()
    operator_extra_links = (PolarisJobLink(), PolarisTableLink())
    ui_color = "#e8f0fb"

    def __init__(
        self,
        *,
        polaris_conn_id: str = "polaris_default",
        wait_for_completion: bool | str = True,
        deferrable: bool | str = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | timedelta | str = 30,
        timeout: float | timedelta | str | None = None,
        pending_warning_after: float | timedelta | str | None = 1800,
        cancel_on_kill: bool | str = True,
        cancel_on_timeout: bool | str = True,
        fail_on_warning: bool | str = False,
        durable: bool | str = True,
        repeat_append: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.polaris_conn_id = polaris_conn_id
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.pending_warning_after = pending_warning_after
        self.cancel_on_kill = cancel_on_kill
        self.cancel_on_timeout = cancel_on_timeout
        self.fail_on_warning = fail_on_warning
        self.durable = durable
        self.repeat_append = repeat_append
        #: Id of the job, from the moment Polaris gave it.
        self.job_id: str | None = None
        #: Whether the task has told where job and table can be seen; None if it didn't run here from its start.
        self.has_pushed_links: bool | None = None
        self._kill: CancelOnKill | None = None
        self._rendered_with: Context | None = None
        #: The attempt, for what is told about it when it is over.
        self._run: JobRun | None = None

    @abstractmethod
    def plan_job(self, context: Context, hook: PolarisHook) -> Mapping[str, Any]:
        """
        Return the job to submit, made from rendered arguments.

        :param context: Airflow's context.
        :param hook: For what has to be looked up first.
        :return: The JSON object for Polaris.
        :raises PolarisSpecError: An argument is wrong, or the job would be.
        """

    def guard_job(self, spec: Mapping[str, Any], run: JobRun, earlier_jobs: Sequence[str]) -> None:
        """
        Refuse the job right before it is sent; not called if the task goes on with a job that it has.

        :param spec: The job.
        :param run: Hook, clock, kill switch and deadline of this attempt.
        :param earlier_jobs: Ids of this task's jobs that are done with.
        :raises PolarisGuardError: The job would do harm.
        :raises NothingToDo: All is as it should be, so the task succeeds without a job.
        :raises AirflowSkipException: The task is to be skipped.
        """

    def check_result(self, run: JobRun) -> None:
        """
        Look at what the job has done, once it has ended well; after a deferral, too. A retry comes here again.

        :param run: Id of the job; hook, clock, kill switch and deadline of this attempt.
        :raises PolarisGuardError: It has done something else than it should have.
        """

    def describe_guards(self) -> Sequence[str]:
        """Return what :meth:`guard_job` looks at, for a dry run: what the task would do, a line each."""
        return ()

    def dry_run(self, context: Context | None = None) -> None:
        """
        Log the request that the task would make, the SQL that it stands for, and what its tables are like.

        Nothing is submitted, counted or written; Polaris is asked for the tables, and a line says if it can't be.
        ``airflow tasks test --dry-run`` calls this before Airflow 3, which has no such option; there,
        ``airflow tasks test DAG TASK DATE --env-vars '{"POLARIS_DRY_RUN": "true"}'`` does. Name a date that has no run:
        Airflow 3 keeps the state in which any ``tasks test`` leaves a task, skipped in this case.

        :param context: Airflow's context; by default the one with which the arguments were rendered.
        :raises PolarisSpecError: As :meth:`execute`.
        """
        from airflow_provider_polaris.operators.dry_run.report import dry_run

        dry_run(self, context or self._rendered_with or {})

    def render_template(self, content: Any, context: Context, *args: Any, **kwargs: Any) -> Any:
        """Render as Airflow does, and keep the context, because Airflow gives :meth:`dry_run` none."""
        self._rendered_with = context
        return super().render_template(content, context, *args, **kwargs)

    def execute(self, context: Context) -> str | None:
        """
        Get a job, wait for it unless told otherwise, and return its id; None if none is needed.

        A retry goes on with the job of the try before, or takes its result; only a job that failed or was canceled is
        submitted again. A cleared task ends the old job first and submits a new one, unless that would add rows twice.

        :param context: Airflow's context.
        :raises AirflowFailException: A retry would meet the same error again, or could add rows twice.
        :raises AirflowSkipException: There is nothing to do, or this is a dry run (see :meth:`dry_run`).
        :raises PolarisError: Anything else that went wrong; retries and retry policies see its class.
        :raises TaskDeferred: The job goes on, and the triggerer waits for it.
        """
        from airflow_provider_polaris.operators.dry_run.report import is_dry_run_wanted

        self.has_pushed_links = False
        if is_dry_run_wanted():
            self.dry_run(context)
            raise AirflowSkipException("This was a dry run, because POLARIS_DRY_RUN is set; nothing was submitted.")
        return self._attempt(context, lambda: self._begin(context), lambda run: self._submit(run, context))

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:  # noqa: ARG002
        """
        Return what the job has read and written, column by column; OpenLineage asks for it when the task has ended.

        Airflow's provider takes the same for a task that has failed. See
        :func:`~airflow_provider_polaris.operators.openlineage.task_lineage` for the facets.

        :param task_instance: Not needed.
        """
        from airflow_provider_polaris.operators.openlineage import task_lineage

        return task_lineage(self._run, self.log)

    def on_kill(self) -> None:
        """
        Cancel the job, because the task was killed or ran into ``execution_timeout``.

        Runs in the middle of what the task does: takes four seconds at most, never raises, makes no call to Airflow.
        """
        if self._kill is not None:
            self._kill.throw(self.log)

    def _attempt(self, context: Context, begin: Callable[[], JobRun], work: Callable[[JobRun], None]) -> str | None:
        """Do one attempt's work and turn what is no use to retry into Airflow's exception for that."""
        from airflow_provider_polaris.operators.job_run.asset_events import TableChange
        from airflow_provider_polaris.operators.job_run.cancel_on_kill import CancelOnKill

        self._kill = CancelOnKill()
        with fail_without_retry(self.log):
            self._run = run = begin()
            with closing(run.hook):
                work(run)
                if run.is_concluded:
                    self.check_result(run)
                if run.state is not None and run.facts is not None:
                    self._announce_change(run, TableChange.by_job(run.state, run.facts), context)
                return run.job_id or None

    def _begin(self, context: Context) -> JobRun:
        from airflow_provider_polaris.operators.job_run.options import JobOptions
        from airflow_provider_polaris.runtime.arguments import as_text
        from airflow_provider_polaris.runtime.clock import CLOCK
        from airflow_provider_polaris.runtime.deadline import deadline_of, try_start

        options = JobOptions.read(vars(self))
        start = try_start(context["ti"], CLOCK.now())
        timeout = None if options.timeout is None else timedelta(seconds=options.timeout)
        deadline = deadline_of(start, timeout, self.execution_timeout)
        return self._new_run(as_text(self.polaris_conn_id, "polaris_conn_id"), options, deadline, context)

    def _submit(self, run: JobRun, context: Context) -> None:
        from airflow_provider_polaris.jobs.errors import PolarisApiError
        from airflow_provider_polaris.operators.constant_columns import warn_of_constants
        from airflow_provider_polaris.operators.dry_run.report import is_task_test, show_problems, show_request
        from airflow_provider_polaris.operators.job_run.asset_events import TableChange
        from airflow_provider_polaris.operators.job_run.run import NoJobNeeded
        from airflow_provider_polaris.operators.submission.task_identity import TaskIdentity
        from airflow_provider_polaris.runtime.failure import is_permanent

        run.kill.load(run.hook.settings, cancels=run.options.cancel_on_kill)
        spec = self.plan_job(context, run.hook)
        warn_of_constants(spec, self.log)
        if is_task_test(context):
            show_request(self, spec, run.hook)
        identity = TaskIdentity.from_context(context, self.retries)
        try:
            job = run.submit(
                spec,
                identity,
                self._store(context) if run.options.durable else None,
                guards=lambda earlier: self.guard_job(spec, run, earlier),
                optional_context=self.optional_context,
            )
        except PolarisApiError as error:
            if is_permanent(error):
                show_problems(spec, run.hook.polaris_conn_id, self.log)
            raise
        except NoJobNeeded as reason:
            self.log.info("%s", reason)
            self._announce_change(run, TableChange.without_job(spec), context)
            return
        self._job_is(run)
        self.has_pushed_links = True
        run.announce(job)
        if not run.options.wait_for_completion and not run.kill.thrown:
            return
        if not run.finish():
            self.defer(**run.deferral())

    def _store(self, context: Context) -> Store | None:
        store: Store | None = context.get("task_state_store")
        if store is None:
            self.log.info(
                "This Airflow has no task state store (it came with 3.3), so a retry of this task finds its job by its "
                "marker in Polaris' list of jobs."
            )
        return store

    def _new_run(self, conn_id: str, options: JobOptions, deadline: datetime | None, context: Context) -> JobRun:
        from airflow_provider_polaris.hooks.polaris import PolarisHook
        from airflow_provider_polaris.operators.job_run.run import JobRun
        from airflow_provider_polaris.runtime.clock import CLOCK

        assert self._kill is not None
        return JobRun(
            hook=PolarisHook(conn_id),
            options=options,
            kill=self._kill,
            clock=CLOCK,
            deadline=deadline,
            ti=context["ti"],
            log=self.log,
            submitted=CLOCK.now(),
        )

    def _job_is(self, run: JobRun) -> None:
        self.job_id = run.job_id
        run.kill.job_is(run.job_id, self.log)

    def _announce_change(self, run: JobRun, change: TableChange | None, context: Context) -> None:
        from airflow_provider_polaris.operators.job_run.asset_events import emit_asset_event

        emit_asset_event(self, context, change, run.hook.settings)
