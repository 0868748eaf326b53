# SPDX-License-Identifier: Apache-2.0
"""Base class of all operators: submit one job, push its id, wait for it, check its result, cancel it on kill."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.links.polaris import PolarisJobLink, PolarisTableLink, withdraw_links
from airflow_provider_polaris.operators.job_run.resume import ResumingOperator
from airflow_provider_polaris.runtime.compat import AirflowSkipException, conf

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.operators.job_run.cancel_on_kill import CancelOnKill
    from airflow_provider_polaris.operators.job_run.options import JobOptions
    from airflow_provider_polaris.operators.job_run.run import JobRun
    from airflow_provider_polaris.runtime.compat import Context


class PolarisBaseOperator(ResumingOperator):
    """
    Submit one job and wait for it, in the worker or in the triggerer. Subclasses define the job.

    All operators of this package share the following behavior.

    **Retry.** A retry resumes the job of the previous try: it waits for the job, or uses its result. It submits again
    only if that job failed or was canceled. If a try lost the answer to its POST, or crashed before it read the answer,
    the retry searches for the job and adopts it. Permanent errors fail the task without a retry, for example a spec
    that the service rejects, or a job that failed because of its spec.

    **Clear.** A cleared task cancels the old job if it is still active, waits for its end, and submits a new job. A
    completed job that added rows is not repeated, unless ``repeat_append=True``. If its rows are wanted, mark the task
    as success.

    **Where it waits.** By default, the task waits in the worker. With ``deferrable``, each wait of more than a few
    seconds moves to the triggerer: for the job, and before that for row counts, conflicting jobs, a table that is being
    loaded, an earlier job that has to end, a 429, or a service that gives no answer. The triggerer polls for all tasks
    of the same connection together. It only waits; the worker submits and decides. Result, errors and log are the same.
    A resumed task keeps the job that it planned, although Airflow renders the templates again.

    **Deadline.** The deadline is ``timeout``, or 30 s before ``execution_timeout`` (but not before half of it). At the
    deadline the job is canceled, unless ``cancel_on_timeout=False``, and the task fails. The error gives the time that
    the task waited and the job's status. The triggerer can cancel without a free worker. If no triggerer is running,
    Airflow resumes the task two minutes later and the worker cancels the job.

    **Kill.** Marking the task as failed or clearing it cancels the job, unless ``cancel_on_kill=False``. The worker
    cancels within 4 s. The triggerer cancels only after Airflow reports that the task no longer waits for the job, so
    you can restart or replace a triggerer. It repeats this check for at most an hour. A worker cannot distinguish a
    kill from other terminations of its process, such as an evicted pod, and cancels the job then, too. Use
    ``deferrable`` where that happens. Polaris cannot cancel jobs that delete data.

    **XCom.** Return value: the job's id. ``polaris_job``: ``id``, ``status``, ``intervals``, ``rows_processed``,
    ``rows_persisted``, ``bytes``, ``seconds``, ``adopted``, None where unknown. It is pushed when the job is submitted
    and again when it has ended. ``polaris_job_url`` and ``polaris_table_url``: pages in the Polaris console.

    :param polaris_conn_id: Id of the Airflow connection. (templated)
    :param wait_for_completion: Wait for the job's end and check its result. False ends the task once the job is
        submitted. (templated)
    :param deferrable: Wait in the triggerer and free the worker slot, before the job is submitted and until it ends.
        The default is Airflow's ``[operators] default_deferrable``. (templated)
    :param poll_interval: Seconds between two polls of the job, varied by up to 10 %. (templated)
    :param timeout: Seconds from the start of this try until the task times out; None for no limit of its own.
        ``execution_timeout`` also counts: the task times out 30 s before it, but not before half of it. (templated)
    :param pending_warning_after: Seconds until a job that is still ``pending`` causes one warning with Polaris' reason;
        None for no warning. (templated)
    :param cancel_on_kill: Cancel the job when the task is killed. (templated)
    :param cancel_on_timeout: Cancel the job when the task times out. (templated)
    :param fail_on_warning: Fail the task if the job completed with a warning. (templated)
    :param durable: Store the job's id in Airflow's task state store (Airflow 3.3 and newer), so that a retry resumes
        the job after any crash. Without the store, a retry finds the job by its marker in the job list. (templated)
    :param repeat_append: Submit a job that adds rows even if they may have been added already: after the task was
        cleared, or if the outcome of an earlier try is unknown. (templated)
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
        #: Id of the job; None until Polaris returns it.
        self.job_id: str | None = None
        self._kill: CancelOnKill | None = None
        self._rendered_with: Context | None = None
        #: The job run, for OpenLineage.
        self._run: JobRun | None = None

    @abstractmethod
    def plan_job(self, context: Context, hook: PolarisHook) -> Mapping[str, Any]:
        """
        Return the spec of the job, built from rendered arguments.

        :param context: Airflow's context.
        :param hook: Hook for reads that the spec depends on, such as table descriptions.
        :return: The JSON object for Polaris.
        :raises PolarisSpecError: An argument is wrong, or the job would be.
        """

    def guard_job(self, spec: Mapping[str, Any], run: JobRun, earlier_jobs: Sequence[str]) -> None:
        """
        Check right before the POST whether the job may be submitted. Not called if the task resumes an existing job.

        :param spec: Spec of the job.
        :param run: Hook, clock, kill handler and deadline of this try.
        :param earlier_jobs: Ids of this task's earlier jobs, which are no longer relevant.
        :raises PolarisGuardError: The job would cause damage.
        :raises NoJobNeeded: There is nothing to do, so the task succeeds without a job.
        :raises AirflowSkipException: The task is skipped.
        """

    def check_result(self, run: JobRun) -> None:
        """
        Check the result of a successful job. Also runs after a deferral. A retry repeats the check.

        :param run: Id of the job; hook, clock, kill handler and deadline of this try.
        :raises PolarisGuardError: The job did not do what it should have done.
        """

    def describe_guards(self) -> Sequence[str]:
        """Return the checks of :meth:`guard_job` for a dry run, one line each."""
        return ()

    def describe_checks(self) -> Sequence[str]:
        """Return the conditions of :meth:`check_result` for a dry run, one line each."""
        return ()

    def dry_run(self, context: Context | None = None) -> None:
        """
        Log the request that the task would make, the equivalent SQL, and a description of its tables.

        Submits, counts and writes nothing. Reads table descriptions from Polaris; if that fails, the log states it.
        In Airflow 2, ``airflow tasks test --dry-run`` calls this method. Airflow 3 has no such option; use
        ``airflow tasks test DAG TASK DATE --env-vars '{"POLARIS_DRY_RUN": "true"}'`` there. Give a date that has no
        run: in Airflow 3, ``tasks test`` stores the final state of the task, which is skipped in this case.

        :param context: Airflow's context; the default is the one that rendered the arguments.
        :raises PolarisSpecError: As :meth:`execute`.
        """
        from airflow_provider_polaris.operators.dry_run.report import dry_run

        dry_run(self, context or self._rendered_with or {})

    def render_template(self, content: Any, context: Context, *args: Any, **kwargs: Any) -> Any:
        """Render as Airflow does, and store the context, because Airflow passes none to :meth:`dry_run`."""
        self._rendered_with = context
        return super().render_template(content, context, *args, **kwargs)

    def execute(self, context: Context) -> str | None:
        """
        Submit a job or resume an existing one, wait for it, and return its id; None if no job is needed.

        A retry resumes the job of the previous try, or uses its result. It submits again only if that job failed or was
        canceled. A cleared task ends the old job first and submits a new one, unless that would add rows twice.

        :param context: Airflow's context.
        :raises AirflowFailException: A retry would raise the same error, or could add rows twice.
        :raises AirflowSkipException: There is nothing to do, or this is a dry run (see :meth:`dry_run`).
        :raises PolarisError: Any other error. Retry policies can check its class.
        :raises TaskDeferred: The job is running, and the triggerer waits for it.
        """
        from airflow_provider_polaris.operators.dry_run.report import is_dry_run_wanted

        withdraw_links(self)
        if is_dry_run_wanted():
            self.dry_run(context)
            raise AirflowSkipException("This was a dry run, because POLARIS_DRY_RUN is set; nothing was submitted.")
        return self._attempt(context, lambda: self._begin(context), lambda run: self._submit(run, context))

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:  # noqa: ARG002
        """
        Return the lineage of the job, with columns. Airflow's OpenLineage provider calls this when the task has ended.

        The provider also calls it for a failed task. See
        :func:`~airflow_provider_polaris.operators.openlineage.task_lineage` for the facets.

        :param task_instance: Unused.
        """
        from airflow_provider_polaris.operators.openlineage import task_lineage

        return task_lineage(self._run, self.log)

    def on_kill(self) -> None:
        """Cancel the job of a killed task within 4 s. Interrupts the task's code, never raises, calls no Airflow."""
        if self._kill is not None:
            self._kill.kill(self.log)

    def _attempt(self, context: Context, begin: Callable[[], JobRun], work: Callable[[JobRun], None]) -> str | None:
        """Run one try, and raise ``AirflowFailException`` for errors that a retry cannot fix."""
        from airflow_provider_polaris.operators.job_run.cancel_on_kill import CancelOnKill
        from airflow_provider_polaris.runtime.failure import fail_without_retry

        self._kill = CancelOnKill()
        with fail_without_retry(self.log):
            self._run = run = begin()
            with closing(run.hook):
                work(run)
                if run.is_concluded:
                    self.check_result(run)
                if run.state is not None and run.facts is not None:
                    from airflow_provider_polaris.operators.job_run.asset_events import TableChange, emit_asset_event

                    change = TableChange.by_job(run.state, run.facts)
                    emit_asset_event(self, context, change, run.hook.settings)
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
        run = self._new_run(as_text(self.polaris_conn_id, "polaris_conn_id"), options, deadline, context)
        run.waits_elsewhere = options.deferrable
        return run

    def _submit(self, run: JobRun, context: Context) -> None:
        from airflow_provider_polaris.operators.new_job import submit_or_defer

        job, deferral = submit_or_defer(self, run, context)
        if deferral is not None:
            self.defer(**deferral)
        if job is None:
            return
        self._set_job(run)
        run.push_links(job)
        if (run.options.wait_for_completion or run.kill.is_killed) and not run.wait():
            self.defer(**run.deferral())

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

    def _set_job(self, run: JobRun) -> None:
        self.job_id = run.job_id
        run.kill.set_job(run.job_id, self.log)
