"""The sensor that waits for one Polaris job, whoever submitted it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.compat import AirflowFailException, BaseSensorOperator
from airflow_provider_polaris.links.polaris import PolarisJobLink

if TYPE_CHECKING:
    from airflow_provider_polaris.compat import Context
    from airflow_provider_polaris.hooks.polaris import PolarisHook
    from airflow_provider_polaris.jobs.errors import PolarisError
    from airflow_provider_polaris.jobs.state import JobState
    from airflow_provider_polaris.jobs.waiting import WaitTracker
    from airflow_provider_polaris.outcome import Progress

#: How long a job may be missing (404) before a sensor in reschedule mode takes it for gone.
_MISSING_GRACE: Final = timedelta(minutes=15)


class PolarisJobSensor(BaseSensorOperator):
    """
    Wait for a Polaris job to end; fail if it ended badly. Never submits, never cancels.

    The job succeeds, fails and is judged as in the operators: its error has Polaris' code, words and log entries, and
    the whole log is copied into the task's log. A job that ended badly fails the sensor at once, without a retry (or
    skips it with ``soft_fail``), because the same job can't end otherwise.

    **Mode.** In ``poke`` mode, polls that bring no answer (401 and 403 included) are tolerated until all of them have
    failed for 15 minutes, and a status that nobody knows for 10 minutes. In ``reschedule`` mode each poke is a process
    of its own that knows nothing of the ones before it: a poll without an answer or with an unknown status is a poke
    without a result, and the sensor's ``timeout`` is the only limit; but a job that doesn't exist is given up
    15 minutes after the first poke.

    **Retry and kill.** A retry waits for the same job again. A killed sensor leaves the job alone.

    **XCom.** No return value. ``polaris_job`` as the operators push it, when the job has ended (``adopted`` is None),
    and ``polaris_job_url``, before the first poke.

    :param job_id: The job, for example the ``output`` of an operator. (templated)
    :param polaris_conn_id: The connection. (templated)
    :param fail_on_warning: Fail if the job completed with a warning. (templated)
    :param poke_interval: Seconds between two pokes.
    :param timeout: Airflow's own: seconds from the first poke, over reschedules too.
    """

    template_fields: Sequence[str] = ("job_id", "polaris_conn_id", "fail_on_warning")
    operator_extra_links = (PolarisJobLink(),)
    ui_color = "#e8f0fb"

    def __init__(
        self,
        *,
        job_id: str,
        polaris_conn_id: str = "polaris_default",
        fail_on_warning: bool | str = False,
        poke_interval: float | timedelta = 30,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, **kwargs)
        self.job_id = job_id
        self.polaris_conn_id = polaris_conn_id
        self.fail_on_warning = fail_on_warning
        self._watch: _Watch | None = None

    def poke(self, context: Context) -> bool:
        """
        Look at the job once.

        :param context: Airflow's context.
        :return: Whether the job has ended well.
        :raises AirflowFailException: It ended badly, or an argument is wrong.
        :raises PolarisError: The wait was given up.
        """
        from airflow_provider_polaris.jobs.errors import PolarisError
        from airflow_provider_polaris.outcome import is_lasting

        try:
            if self._watch is None:
                self._watch = self._begin(context)
            return self._look(self._watch, context)
        except PolarisError as error:
            if is_lasting(error):
                raise AirflowFailException(str(error)) from error
            raise

    def _begin(self, context: Context) -> _Watch:
        from airflow_provider_polaris.arguments import as_bool, as_text
        from airflow_provider_polaris.clock import CLOCK
        from airflow_provider_polaris.hooks.polaris import PolarisHook
        from airflow_provider_polaris.jobs.waiting import WaitTracker
        from airflow_provider_polaris.outcome import Progress

        job_id = as_text(self.job_id, "job_id")
        fail_on_warning = as_bool(self.fail_on_warning, "fail_on_warning")
        hook = PolarisHook(as_text(self.polaris_conn_id, "polaris_conn_id"))
        url = hook.job_url(job_id)
        context["ti"].xcom_push(key="polaris_job_url", value=url)
        tracker = WaitTracker(job_id, now=CLOCK.now(), console_url=url)
        return _Watch(hook, tracker, Progress(hook, tracker, self.log), fail_on_warning)

    def _look(self, watch: _Watch, context: Context) -> bool:
        from airflow_provider_polaris.clock import CLOCK
        from airflow_provider_polaris.jobs.errors import PolarisError
        from airflow_provider_polaris.outcome import log_messages, look_at_job

        state = None
        try:
            look = look_at_job(watch.hook, watch.tracker.job_id)
        except PolarisError as error:
            verdict = watch.tracker.missed(error, CLOCK.now())
            self._check_missing(error, watch, context)
        else:
            state = look.state
            verdict = watch.tracker.saw(look.status, CLOCK.now())
        log_messages(self.log, verdict.messages)
        if verdict.error is not None:
            raise verdict.error
        if state is not None:
            self._judge(watch, state, context)
            return True
        if watch.tracker.status == "running":
            watch.progress.report(CLOCK.now())
        return False

    def _judge(self, watch: _Watch, state: JobState, context: Context) -> None:
        from airflow_provider_polaris.outcome import JOB_XCOM_KEY, conclude

        conclusion = conclude(
            watch.hook,
            state,
            fail_on_warning=watch.fail_on_warning,
            adopted=None,
            seconds=None,
            log=self.log,
        )
        context["ti"].xcom_push(key=JOB_XCOM_KEY, value=dict(conclusion.facts))
        if conclusion.error is not None:
            raise AirflowFailException(str(conclusion.error)) from conclusion.error

    def _check_missing(self, error: PolarisError, watch: _Watch, context: Context) -> None:
        """Give a job up that isn't there, where Airflow's memory of the first poke is all there is."""
        from airflow_provider_polaris.clock import CLOCK
        from airflow_provider_polaris.jobs.errors import PolarisNotFoundError

        if not self.reschedule or not isinstance(error, PolarisNotFoundError):
            return
        ti = context["ti"]
        ask = getattr(ti, "get_first_reschedule_date", None)
        # Before Airflow 3 the start of a rescheduled task stays that of its first poke.
        first_poke = ask(context) if ask is not None else ti.start_date
        if first_poke is not None and CLOCK.now() - first_poke >= _MISSING_GRACE:
            raise AirflowFailException(
                f"Polaris job {watch.tracker.job_id!r} does not exist, {_MISSING_GRACE.seconds // 60} min and more "
                f"after the first poke: {error}"
            ) from error


@dataclass(frozen=True)
class _Watch:
    """What lasts from poke to poke within one process."""

    hook: PolarisHook
    tracker: WaitTracker
    progress: Progress
    fail_on_warning: bool
