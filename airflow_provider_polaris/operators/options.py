"""How a job is waited for: the arguments that all operators share, after rendering."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_polaris.arguments import as_bool, as_seconds
from airflow_provider_polaris.jobs.errors import PolarisSpecError

if TYPE_CHECKING:
    from airflow_provider_polaris.operators.base import PolarisBaseOperator

#: Airflow's own limit strikes in the middle of whatever runs; ours comes before it, by this much or by half of it.
_RESERVE = timedelta(seconds=30)


@dataclass(frozen=True)
class Options:
    """
    The shared arguments as they were meant.

    :param wait_for_completion: Wait and judge.
    :param poll_interval: Seconds.
    :param timeout: From the start of the attempt; None for no limit of its own.
    :param cancel_on_kill: Cancel when killed.
    :param cancel_on_timeout: Cancel at the deadline.
    :param fail_on_warning: A warning is a failure.
    """

    wait_for_completion: bool
    poll_interval: float
    timeout: timedelta | None
    cancel_on_kill: bool
    cancel_on_timeout: bool
    fail_on_warning: bool


def read_options(operator: PolarisBaseOperator) -> Options:
    """
    Read the shared arguments of an operator whose templates are rendered.

    :param operator: The operator; left as it is.
    :raises PolarisSpecError: One can't be read; the sentence names it.
    """
    poll_interval = as_seconds(operator.poll_interval, "poll_interval")
    if poll_interval is None:
        raise PolarisSpecError("poll_interval None is not a positive number of seconds, such as 30.")
    timeout = as_seconds(operator.timeout, "timeout")
    return Options(
        wait_for_completion=as_bool(operator.wait_for_completion, "wait_for_completion"),
        poll_interval=poll_interval,
        timeout=None if timeout is None else timedelta(seconds=timeout),
        cancel_on_kill=as_bool(operator.cancel_on_kill, "cancel_on_kill"),
        cancel_on_timeout=as_bool(operator.cancel_on_timeout, "cancel_on_timeout"),
        fail_on_warning=as_bool(operator.fail_on_warning, "fail_on_warning"),
    )


def deadline_of(started: datetime, timeout: timedelta | None, execution_timeout: timedelta | None) -> datetime | None:
    """
    Return when to give up a job; None for never.

    :param started: Start of this attempt.
    :param timeout: The operator's own limit.
    :param execution_timeout: Airflow's limit; what comes before it leaves time to cancel the job.
    """
    limits = [] if timeout is None else [timeout]
    if execution_timeout is not None:
        limits.append(max(execution_timeout - _RESERVE, execution_timeout / 2))
    return started + min(limits) if limits else None
