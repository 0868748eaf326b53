"""What all operators have in common: submit one job, hand on its id at once, wait for it, judge it, kill it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_polaris.compat import AirflowFailException, BaseOperator
from airflow_provider_polaris.links.polaris import PolarisJobLink, PolarisTableLink

if TYPE_CHECKING:
    from airflow_provider_polaris.compat import Context
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.operators.kill import KillSwitch
    from airflow_provider_polaris.operators.run import JobRun


class PolarisBaseOperator(BaseOperator):
    """
    Submit one job and wait for it; subclasses say which.

    :param polaris_conn_id: The connection. (templated)
    :param wait_for_completion: Wait for the job's end and judge it; False ends the task once the job is submitted.
        (templated)
    :param poll_interval: Seconds between two looks at the job, give or take a tenth. (templated)
    :param timeout: Seconds from the start of this attempt after which the task gives up; None for no limit of its own.
        ``execution_timeout`` counts too: the task gives up 30 s before it, at half of it at the earliest. (templated)
    :param cancel_on_kill: Cancel the job when the task is killed. (templated)
    :param cancel_on_timeout: Cancel the job when the task gives up. (templated)
    :param fail_on_warning: Fail if the job completed with a warning. (templated)
    """

    template_fields: Sequence[str] = (
        "polaris_conn_id",
        "wait_for_completion",
        "poll_interval",
        "timeout",
        "cancel_on_kill",
        "cancel_on_timeout",
        "fail_on_warning",
    )
    operator_extra_links = (PolarisJobLink(), PolarisTableLink())
    ui_color = "#e8f0fb"

    def __init__(
        self,
        *,
        polaris_conn_id: str = "polaris_default",
        wait_for_completion: bool | str = True,
        poll_interval: float | timedelta | str = 30,
        timeout: float | timedelta | str | None = None,
        cancel_on_kill: bool | str = True,
        cancel_on_timeout: bool | str = True,
        fail_on_warning: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.polaris_conn_id = polaris_conn_id
        self.wait_for_completion = wait_for_completion
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.cancel_on_kill = cancel_on_kill
        self.cancel_on_timeout = cancel_on_timeout
        self.fail_on_warning = fail_on_warning
        #: Id of the job, from the moment Polaris gave it.
        self.job_id: str | None = None
        self._kill: KillSwitch | None = None

    @abstractmethod
    def plan_job(self, context: Context, hook: PolarisHook) -> Mapping[str, Any]:
        """
        Return the job to submit, made from rendered arguments.

        :param context: Airflow's context.
        :param hook: For what has to be looked up first.
        :return: The JSON object for Polaris.
        :raises PolarisSpecError: An argument is wrong, or the job would be.
        """

    def execute(self, context: Context) -> str:
        """
        Submit the job, wait for it unless told otherwise, and return its id.

        :param context: Airflow's context.
        :raises AirflowFailException: A retry would meet the same error again, or could add rows twice.
        :raises PolarisError: Anything else that went wrong; retries and retry policies see its class.
        """
        from airflow_provider_polaris.jobs.errors import PolarisError
        from airflow_provider_polaris.operators.kill import KillSwitch
        from airflow_provider_polaris.outcome import is_lasting

        self._kill = KillSwitch()
        run: JobRun | None = None
        try:
            run = self._prepare(context)
            return self._run(run, context)
        except Exception as error:
            if isinstance(error, PolarisError) and is_lasting(error):
                raise AirflowFailException(str(error)) from error
            if run is not None and run.in_doubt:
                raise AirflowFailException(
                    f"{error} The task is not retried, because Polaris job {self.job_id!r} may have added its rows or "
                    "may still do so, and a retry would add them again: look at the job, then clear the task."
                ) from error
            raise
        finally:
            if run is not None:
                run.hook.close()

    def on_kill(self) -> None:
        """
        Cancel the job, because the task was killed or ran into ``execution_timeout``.

        Runs in the middle of what the task does: takes four seconds at most, never raises, makes no call to Airflow.
        """
        if self._kill is not None:
            self._kill.throw(self.log)

    def _prepare(self, context: Context) -> JobRun:
        from airflow_provider_polaris.arguments import as_text
        from airflow_provider_polaris.clock import CLOCK
        from airflow_provider_polaris.hooks.polaris import PolarisHook
        from airflow_provider_polaris.operators.options import read_options
        from airflow_provider_polaris.operators.run import JobRun

        assert self._kill is not None
        started = CLOCK.now()
        options = read_options(self)
        hook = PolarisHook(as_text(self.polaris_conn_id, "polaris_conn_id"))
        self._kill.load(hook.settings, cancels=options.cancel_on_kill)
        return JobRun(
            hook=hook,
            options=options,
            kill=self._kill,
            clock=CLOCK,
            started=started,
            execution_timeout=self.execution_timeout,
            ti=context["ti"],
            log=self.log,
        )

    def _run(self, run: JobRun, context: Context) -> str:
        job = run.submit(self.plan_job(context, run.hook))
        # The id before anything else: a kill that comes one line later has to find it.
        self.job_id = job.job_id
        run.kill.job_is(job.job_id, self.log)
        run.announce(job)
        if run.options.wait_for_completion or run.kill.thrown:
            run.finish(job)
        return job.job_id
