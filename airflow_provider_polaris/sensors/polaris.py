# SPDX-License-Identifier: Apache-2.0
"""The sensor that waits for one job of any origin. The data sensor can also be imported from here."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.links.polaris import PolarisJobLink, withdraw_links
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

#: Time for which a job may be missing (404) before a sensor in reschedule mode gives up.
_MISSING_GRACE: Final = timedelta(minutes=15)

#: Maximum delay of a rescheduled poke in seconds, in addition to the interval.
_LATE_POKE: Final = 15.0


class PolarisJobSensor(RendersTexts, BaseSensorOperator):
    """
    Wait for a job to end; fail if it failed. Never submits, never cancels.

    The result of the job is evaluated as in the operators: the error contains Polaris' code, message and log entries,
    and the whole job log is copied into the task's log. A failed job fails the sensor immediately and without a retry
    (or skips it with ``soft_fail``), because the result of a job never changes.

    **Where it waits.** With ``deferrable``, after one poll, in the triggerer, together with all other tasks that use
    the same connection; ``mode`` has no effect then. Otherwise in the worker: continuously in ``poke`` mode, or in a
    separate process for each poke in ``reschedule`` mode.

    **Failed polls** (including 401 and 403) are tolerated until all have failed for 15 min, and an unknown status for
    10 min. In ``reschedule`` mode pokes share no state: failed pokes are tolerated until the sensor's ``timeout``, but
    a job that doesn't exist is given up 15 min after the first poke.

    **Retry and kill.** A retry waits for the same job again. If the sensor is killed, the job continues.

    **XCom.** No return value. ``polaris_job`` as the operators push it, when the job has ended (``adopted`` is None),
    and ``polaris_job_url``, before the first poke.

    :param job_id: The job, for example the ``output`` of an operator. (templated)
    :param polaris_conn_id: The connection. (templated)
    :param fail_on_warning: Fail if the job completed with a warning. (templated)
    :param deferrable: Wait in the triggerer and free the worker slot. The default is Airflow's ``[operators]
        default_deferrable``. (templated)
    :param pending_warning_after: Seconds after which a job that is still ``pending`` causes one warning with the
        details from Polaris; None for no warning. (templated)
    :param poke_interval: Seconds between two pokes, also in the triggerer.
    :param timeout: Airflow's own: seconds from the first poke, including reschedules. In the triggerer,
        ``execution_timeout`` less 30 s (at least half of it) applies, too.
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
        self._watch: JobWait | None = None

    def poke(self, context: Context) -> bool:
        """
        Poll the job once.

        :param context: Airflow's context.
        :return: Whether the job ended successfully.
        :raises AirflowFailException: The job failed, or an argument is wrong.
        :raises PolarisError: The wait was given up.
        :raises TaskDeferred: The job is still active, and the triggerer waits for it.
        """
        from airflow_provider_polaris.runtime.arguments import as_bool

        with fail_without_retry(self.log):
            defers = as_bool(self.deferrable, "deferrable")
            if self._watch is None:
                self._watch = self._begin(context, remembers_pokes=defers or not self.reschedule)
            if self._watch.poll():
                return True
        if defers:
            self.defer(**self._watch.deferral(self.execution_timeout))
        if self.reschedule:
            self._check_missing(self._watch.failure, context)
        return False

    def execute(self, context: Context) -> Any:
        """
        Wait as Airflow's sensors do. On a timeout, log the job's last status; Airflow logs only the duration.

        :param context: Airflow's context.
        :raises AirflowSensorTimeout: The timeout has passed.
        """
        withdraw_links(self)
        with timeout_message(self.log, lambda: self._watch):
            return super().execute(context)

    def execute_complete(self, context: Context, event: Any = None, wait: Any = None) -> None:
        """
        Evaluate the job after the deferral, as a poke would.

        A resumed task keeps the values it started with, although Airflow renders the templates again.

        :param context: Airflow's context.
        :param event: The event of the trigger.
        :param wait: The state that the sensor stored. None from ``airflow dags test``, which keeps only the event
            (OBSERVED in Airflow 2.11.2 and 3.3.2); the arguments are then read again.
        :raises AirflowFailException: The job failed.
        :raises AirflowSensorTimeout: The sensor timed out.
        :raises AirflowSkipException: Raised instead of both with ``soft_fail``.
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
        Resume after a deferral; Airflow calls this.

        If no event arrived, because of a missing triggerer or a failed trigger, the sensor polls the job once more.

        :param next_method: The method to resume with.
        :param next_kwargs: Its arguments.
        :param context: Airflow's context.
        """
        from airflow_provider_polaris.runtime.deferral import TRIGGER_FAILED_METHOD, is_timeout

        withdraw_links(self)
        if next_method == TRIGGER_FAILED_METHOD:
            with soft_fail_skips(self), fail_without_retry(self.log):
                watch = self._begin(context)
                if watch.poll():
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

        job_id = as_text(self.job_id, "job_id")
        pending = as_seconds(self.pending_warning_after, "pending_warning_after")
        fail_on_warning = as_bool(self.fail_on_warning, "fail_on_warning")
        hook = PolarisHook(as_text(self.polaris_conn_id, "polaris_conn_id"))
        url = hook.job_url(job_id)
        context["ti"].xcom_push(key="polaris_job_url", value=url)
        now = CLOCK.now()
        first_poke = now if remembers_pokes else self._first_poke(context) or now
        if pending is not None and (now - first_poke).total_seconds() > pending + self.poke_interval + _LATE_POKE:
            pending = None  # an earlier poke has logged the warning
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
        """Give up a missing job. In reschedule mode, only Airflow stores the time of the first poke."""
        from airflow_provider_polaris.jobs.errors import PolarisNotFoundError
        from airflow_provider_polaris.runtime.clock import CLOCK

        if not isinstance(failure, PolarisNotFoundError):
            return
        first_poke = self._first_poke(context)
        if first_poke is not None and CLOCK.now() - first_poke >= _MISSING_GRACE:
            raise AirflowFailException(
                f"Job {self.job_id!r} does not exist, {_MISSING_GRACE.seconds // 60} min and more after the "
                f"first poke: {failure}"
            ) from failure

    def _first_poke(self, context: Context) -> datetime | None:
        """Return the time of the first poke of a rescheduled sensor, as Airflow stored it."""
        ti = context["ti"]
        read = getattr(ti, "get_first_reschedule_date", None)
        # Before Airflow 3, ``start_date`` of a rescheduled task is the time of its first poke.
        first_poke: datetime | None = read(context) if read is not None else ti.start_date
        return first_poke
