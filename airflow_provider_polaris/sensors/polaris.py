"""The sensor that waits for one Polaris job, whoever submitted it; the other one can be imported from here too."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.links.polaris import PolarisJobLink
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION, AirflowFailException, BaseSensorOperator, conf
from airflow_provider_polaris.runtime.deferral import restart_execution_timeout
from airflow_provider_polaris.runtime.failure import fail_without_retry
from airflow_provider_polaris.runtime.rendering import RendersTexts
from airflow_provider_polaris.sensors.data import PolarisDataSensor
from airflow_provider_polaris.sensors.timeout import soft_fail_skips, timeout_message

if TYPE_CHECKING:
    from airflow_provider_polaris.jobs.errors import PolarisError
    from airflow_provider_polaris.runtime.compat import Context
    from airflow_provider_polaris.sensors.job_wait import JobWait

__all__ = ["PolarisDataSensor", "PolarisJobSensor"]

#: How long a job may be missing (404) before a sensor in reschedule mode takes it for gone.
_MISSING_GRACE: Final = timedelta(minutes=15)

#: How many seconds a rescheduled sensor may take to poke again, besides the interval.
_LATE_POKE: Final = 15.0


class PolarisJobSensor(RendersTexts, BaseSensorOperator):
    """
    Wait for a Polaris job to end; fail if it ended badly. Never submits, never cancels.

    The job succeeds, fails and is judged as in the operators: its error has Polaris' code, words and log entries, and
    the whole log is copied into the task's log. A job that ended badly fails the sensor at once, without a retry (or
    skips it with ``soft_fail``), because the same job can't end otherwise.

    **Where it waits.** With ``deferrable``, after one look, in the triggerer, with all other tasks that wait there
    through the same connection; ``mode`` has no effect then. Else in the worker: in ``poke`` mode all the time, in
    ``reschedule`` mode in a process of its own for each poke.

    **Polls without an answer** (401 and 403 included) are tolerated until all of them have failed for 15 minutes, and a
    status that nobody knows for 10 minutes. Not so in ``reschedule`` mode, where a poke knows nothing of the ones
    before it: there they are pokes without a result, and the sensor's ``timeout`` is the only limit; but a job that
    doesn't exist is given up 15 minutes after the first poke.

    **Retry and kill.** A retry waits for the same job again. A killed sensor leaves the job alone.

    **XCom.** No return value. ``polaris_job`` as the operators push it, when the job has ended (``adopted`` is None),
    and ``polaris_job_url``, before the first poke.

    :param job_id: The job, for example the ``output`` of an operator. (templated)
    :param polaris_conn_id: The connection. (templated)
    :param fail_on_warning: Fail if the job completed with a warning. (templated)
    :param deferrable: Wait in the triggerer and leave the worker to others. The default is Airflow's ``[operators]
        default_deferrable``. (templated)
    :param pending_warning_after: Seconds after which a job that is still ``pending`` is worth one warning with what
        Polaris says about it; None for no warning. (templated)
    :param poke_interval: Seconds between two pokes, in the triggerer too.
    :param timeout: Airflow's own: seconds from the first poke, over reschedules too. In the triggerer
        ``execution_timeout`` less 30 s (at least half of it) counts as well.
    """

    template_fields: Sequence[str] = (
        "job_id",
        "polaris_conn_id",
        "fail_on_warning",
        "deferrable",
        "pending_warning_after",
    )
    operator_extra_links = (PolarisJobLink(),)
    ui_color = "#e8f0fb"

    def __init__(
        self,
        *,
        job_id: str,
        polaris_conn_id: str = "polaris_default",
        fail_on_warning: bool | str = False,
        deferrable: bool | str = conf.getboolean("operators", "default_deferrable", fallback=False),
        pending_warning_after: float | timedelta | str | None = 1800,
        poke_interval: float | timedelta = 30,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, **kwargs)
        self.job_id = job_id
        self.polaris_conn_id = polaris_conn_id
        self.fail_on_warning = fail_on_warning
        self.deferrable = deferrable
        self.pending_warning_after = pending_warning_after
        #: As an operator's: whether the sensor has told where the job can be seen.
        self.has_pushed_links: bool | None = None
        self._watch: JobWait | None = None

    def poke(self, context: Context) -> bool:
        """
        Look at the job once.

        :param context: Airflow's context.
        :return: Whether the job has ended well.
        :raises AirflowFailException: It ended badly, or an argument is wrong.
        :raises PolarisError: The wait was given up.
        :raises TaskDeferred: The job goes on, and the triggerer waits for it.
        """
        from airflow_provider_polaris.runtime.arguments import as_bool

        with fail_without_retry(self.log):
            defers = as_bool(self.deferrable, "deferrable")
            if self._watch is None:
                self._watch = self._begin(context, remembers_pokes=defers or not self.reschedule)
            if self._watch.look():
                return True
        if defers:
            self.defer(**self._watch.deferral(self.execution_timeout))
        if self.reschedule:
            self._check_missing(self._watch.failure, context)
        return False

    def execute(self, context: Context) -> Any:
        """
        Wait as Airflow's sensors do, and say at the time-out how the job was last; Airflow says how long it was.

        :param context: Airflow's context.
        :raises AirflowSensorTimeout: The time is over.
        """
        with timeout_message(self.log, lambda: self._watch):
            return super().execute(context)

    def execute_complete(self, context: Context, event: Any = None, wait: Any = None) -> None:
        """
        Judge the job after the deferral, as a poke would have done.

        Takes nothing from templated arguments, which Airflow has rendered anew.

        :param context: Airflow's context.
        :param event: What the trigger said.
        :param wait: What the sensor left itself. ``airflow dags test`` forgets that and keeps the event only (seen in
            Airflow 2.11.2 and 3.3.2); None then, and the arguments are read again.
        :raises AirflowFailException: The job ended badly.
        :raises AirflowSensorTimeout: The sensor's timeout is over.
        :raises AirflowSkipException: In place of both with ``soft_fail``.
        :raises PolarisError: The wait was given up.
        """
        from airflow_provider_polaris.hooks.polaris import PolarisHook
        from airflow_provider_polaris.runtime.deferral import restore_state
        from airflow_provider_polaris.sensors.job_wait import DeferredJobWait, JobWait
        from airflow_provider_polaris.triggers.event import check_event

        with soft_fail_skips(self), fail_without_retry(self.log):
            if wait is None:
                self._begin(context).complete(check_event(event))
                return
            memory = restore_state(DeferredJobWait, wait)
            with closing(PolarisHook(memory.polaris_conn_id)) as hook:
                watch = JobWait(hook, memory, context["ti"], self.log, memory.started)
                watch.complete(check_event(event))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """
        Go on after a deferral; Airflow calls this.

        If no event came, because no triggerer was there in time or the trigger broke, the job gets a last look.

        :param next_method: What to go on with.
        :param next_kwargs: Its arguments.
        :param context: Airflow's context.
        """
        from airflow_provider_polaris.runtime.deferral import TRIGGER_FAILED_METHOD, is_timeout

        if next_method == TRIGGER_FAILED_METHOD:
            with soft_fail_skips(self), fail_without_retry(self.log):
                watch = self._begin(context)
                if watch.look():
                    return None
                if is_timeout(next_kwargs):
                    watch.time_out()
        return super().resume_execution(next_method, next_kwargs, context)

    if AIRFLOW_VERSION < (3, 0):
        pre_execute = restart_execution_timeout

    def _begin(self, context: Context, *, remembers_pokes: bool = True) -> JobWait:
        from airflow_provider_polaris.hooks.polaris import PolarisHook
        from airflow_provider_polaris.runtime.arguments import as_bool, as_seconds, as_text
        from airflow_provider_polaris.runtime.clock import CLOCK
        from airflow_provider_polaris.sensors.job_wait import DeferredJobWait, JobWait

        self.has_pushed_links = False
        job_id = as_text(self.job_id, "job_id")
        pending = as_seconds(self.pending_warning_after, "pending_warning_after")
        fail_on_warning = as_bool(self.fail_on_warning, "fail_on_warning")
        hook = PolarisHook(as_text(self.polaris_conn_id, "polaris_conn_id"))
        url = hook.job_url(job_id)
        self.has_pushed_links = True
        context["ti"].xcom_push(key="polaris_job_url", value=url)
        now = CLOCK.now()
        first_poke = now if remembers_pokes else self._first_poke(context) or now
        if pending is not None and (now - first_poke).total_seconds() > pending + self.poke_interval + _LATE_POKE:
            pending = None  # a poke before this one has warned
        memory = DeferredJobWait(
            job_id=job_id,
            polaris_conn_id=hook.polaris_conn_id,
            url=url,
            started=now.timestamp(),
            poll_interval=self.poke_interval,
            pending_warning=pending,
            fail_on_warning=fail_on_warning,
            timeout=self.timeout,
        )
        return JobWait(hook, memory, context["ti"], self.log, first_poke.timestamp())

    def _check_missing(self, failure: PolarisError | None, context: Context) -> None:
        """Give a job up that isn't there, where Airflow's memory of the first poke is all there is."""
        from airflow_provider_polaris.jobs.errors import PolarisNotFoundError
        from airflow_provider_polaris.runtime.clock import CLOCK

        if not isinstance(failure, PolarisNotFoundError):
            return
        first_poke = self._first_poke(context)
        if first_poke is not None and CLOCK.now() - first_poke >= _MISSING_GRACE:
            raise AirflowFailException(
                f"Polaris job {self.job_id!r} does not exist, {_MISSING_GRACE.seconds // 60} min and more after the "
                f"first poke: {failure}"
            ) from failure

    def _first_poke(self, context: Context) -> datetime | None:
        """Return when Airflow saw the first poke of a sensor that was rescheduled."""
        ti = context["ti"]
        ask = getattr(ti, "get_first_reschedule_date", None)
        # Before Airflow 3 the start of a rescheduled task stays that of its first poke.
        first_poke: datetime | None = ask(context) if ask is not None else ti.start_date
        return first_poke
