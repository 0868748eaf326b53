# SPDX-License-Identifier: Apache-2.0
"""Defer a task that has not submitted its job yet, and restore it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.jobs.errors import PolarisError, PolarisServerError, PolarisTransportError
from airflow_provider_polaris.runtime.deadline import Deadline, airflow_timeout
from airflow_provider_polaris.runtime.waits import Condition, WaitElsewhere

if TYPE_CHECKING:
    from airflow_provider_polaris.operators.job_run.run import JobRun

#: Seconds for which a client of a deferrable task retries a request before the task is deferred.
CLIENT_RETRIES: Final = 4.0

#: Name of the wait for a service that gives no answer.
SERVICE: Final = "answer of the service"
#: Seconds before a deferred task sends a request again that got no answer.
_PAUSE: Final = 20.0
#: Longest pause in seconds after an event that changed nothing. The pauses double with each deferral.
_LONGEST_PAUSE: Final = 60.0


@dataclass(frozen=True)
class DeferredSubmission:
    """
    The saved state of a task that was deferred before it submitted its job, in plain JSON.

    :param polaris_conn_id: Id of the connection.
    :param options: Fields of :class:`~.options.JobOptions`.
    :param deadline: When the try times out, epoch seconds in UTC; None for never.
    :param memory: Fields of :class:`~..submission.try_memory.TryMemory`.
    """

    polaris_conn_id: str
    options: Mapping[str, Any]
    deadline: float | None
    memory: Mapping[str, Any]


def wait_for_service(run: JobRun, error: PolarisError) -> WaitElsewhere | None:
    """
    Return the wait for a service that gave no answer; None if the error must be raised.

    The retries end when those of the client would end in a worker. After a POST, the error is raised: a retry of the
    task finds out what became of it.

    :param run: The job run of this try.
    :param error: The error before the job was submitted.
    """
    if not isinstance(error, PolarisTransportError | PolarisServerError):
        return None
    if not run.waits_elsewhere or run.memory.sent or run.kill.is_killed:
        return None
    end = run.limits.limit(timedelta(seconds=run.hook.settings.retry_budget), SERVICE)
    now = run.clock.now()
    if now >= end:
        return None
    if run.memory.waits.is_new_line(SERVICE, type(error).__name__):
        run.log.warning("The service gives no answer. The task tries again until %s: %s", end.isoformat(), error)
    pause = min(_PAUSE * run.clock.jitter(), (end - now).total_seconds())
    return WaitElsewhere(Condition("time"), now + timedelta(seconds=pause), pause)


def submission_deferral(run: JobRun, wait: WaitElsewhere) -> dict[str, Any]:
    """
    Return the arguments for ``defer``, and log what is waited for.

    :param run: The job run of this try.
    :param wait: The wait.
    """
    run.memory.waits.deferrals += 1
    return wait_deferral(run, wait, "continue_submission", save_submission(run))


def save_submission(run: JobRun) -> dict[str, Any]:
    """
    Return the fields of :class:`DeferredSubmission` for a task that has no job yet.

    :param run: The job run of this try.
    """
    saved = DeferredSubmission(
        polaris_conn_id=run.hook.polaris_conn_id,
        options=asdict(run.options),
        deadline=None if run.deadline is None else run.deadline.timestamp(),
        memory=run.memory.to_json(),
    )
    return asdict(saved)


def wait_deferral(run: JobRun, wait: WaitElsewhere, method_name: str, saved: dict[str, Any]) -> dict[str, Any]:
    """
    Return the arguments for ``defer`` of any wait but that for the task's job, and log what is waited for.

    :param run: The job run of this try.
    :param wait: The wait.
    :param method_name: The method that continues the task.
    :param saved: The state that it gets, in plain JSON.
    """
    return deferral_of(
        wait,
        run.limits,
        run.log,
        conn_id=run.hook.polaris_conn_id,
        method_name=method_name,
        saved=saved,
        poll_interval=run.options.poll_interval,
        cancel_on_kill=run.options.cancel_on_kill,
    )


def deferral_of(
    wait: WaitElsewhere,
    limits: Deadline,
    log: Any,
    *,
    conn_id: str,
    method_name: str,
    saved: dict[str, Any],
    poll_interval: float,
    cancel_on_kill: bool = False,
) -> dict[str, Any]:
    """
    Return the arguments for ``defer`` of a task with or without a job, and log what is waited for.

    :param wait: The wait.
    :param limits: Clock and waits of this try, this wait included.
    :param log: Logger of the task.
    :param conn_id: The connection.
    :param method_name: The method that continues the task.
    :param saved: The state that it gets, in plain JSON.
    :param poll_interval: Longest time between two polls of another job, in seconds.
    :param cancel_on_kill: Whether a kill cancels the job that is waited for, if it is the task's own.
    """
    now = limits.clock.now()
    if wait.until.kind == "time":
        log.info("The task waits in the triggerer for %.0f s.", (wait.at - now).total_seconds())
    else:
        log.info("The task waits in the triggerer until %s.", wait.until)
    # An event without a change must not start worker after worker.
    pause = min(2.0 ** min(limits.memory.deferrals, 10), _LONGEST_PAUSE)
    return {
        "trigger": _trigger(wait, conn_id, now.timestamp(), pause, poll_interval, cancel_on_kill=cancel_on_kill),
        "method_name": method_name,
        "kwargs": {"wait": saved},
        "timeout": airflow_timeout(wait.at, now),
    }


def _trigger(
    wait: WaitElsewhere, conn_id: str, now: float, pause: float, poll_interval: float, *, cancel_on_kill: bool
) -> Any:
    from airflow_provider_polaris.triggers.polaris import PolarisJobTrigger
    from airflow_provider_polaris.triggers.wait import PolarisWaitTrigger

    if wait.until.kind == "job":
        return PolarisJobTrigger(
            wait.until.ids[0],
            conn_id,
            min(poll_interval, max(wait.pause, pause)),
            started=now,
            deadline=wait.at.timestamp(),
            cancel_on_kill=wait.until.is_own_job and cancel_on_kill,
            pending_warning=None,
        )
    return PolarisWaitTrigger(
        wait.until.kind,
        list(wait.until.ids),
        conn_id,
        not_before=wait.at.timestamp() if wait.until.kind == "time" else min(now + pause, wait.at.timestamp()),
        deadline=wait.at.timestamp(),
    )
