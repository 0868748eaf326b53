"""How a job is waited for: the arguments that all operators share, after rendering."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.runtime.arguments import as_bool, as_seconds

if TYPE_CHECKING:
    from airflow_provider_polaris.operators.base import PolarisBaseOperator


@dataclass(frozen=True)
class JobOptions:
    """
    The shared arguments as they were meant; plain JSON, because a deferral carries them.

    :param wait_for_completion: Wait and judge.
    :param deferrable: Wait in the triggerer.
    :param poll_interval: Seconds.
    :param timeout: Seconds from the start of the attempt; None for no limit of its own.
    :param pending_warning_after: Seconds; None for no warning.
    :param cancel_on_kill: Cancel when killed.
    :param cancel_on_timeout: Cancel at the deadline.
    :param fail_on_warning: A warning is a failure.
    :param durable: Write the job down in Airflow's task state store.
    :param repeat_append: Submit where that could add rows twice.
    """

    wait_for_completion: bool
    deferrable: bool
    poll_interval: float
    timeout: float | None
    pending_warning_after: float | None
    cancel_on_kill: bool
    cancel_on_timeout: bool
    fail_on_warning: bool
    durable: bool = True
    repeat_append: bool = False


def read_options(operator: PolarisBaseOperator) -> JobOptions:
    """
    Read the shared arguments of an operator whose templates are rendered.

    :param operator: The operator; left as it is.
    :raises PolarisSpecError: One can't be read; the sentence names it.
    """
    poll_interval = as_seconds(operator.poll_interval, "poll_interval")
    if poll_interval is None:
        raise PolarisSpecError("poll_interval None is not a positive number of seconds, such as 30.")
    return JobOptions(
        wait_for_completion=as_bool(operator.wait_for_completion, "wait_for_completion"),
        deferrable=as_bool(operator.deferrable, "deferrable"),
        poll_interval=poll_interval,
        timeout=as_seconds(operator.timeout, "timeout"),
        pending_warning_after=as_seconds(operator.pending_warning_after, "pending_warning_after"),
        cancel_on_kill=as_bool(operator.cancel_on_kill, "cancel_on_kill"),
        cancel_on_timeout=as_bool(operator.cancel_on_timeout, "cancel_on_timeout"),
        fail_on_warning=as_bool(operator.fail_on_warning, "fail_on_warning"),
        durable=as_bool(operator.durable, "durable"),
        repeat_append=as_bool(operator.repeat_append, "repeat_append"),
    )
