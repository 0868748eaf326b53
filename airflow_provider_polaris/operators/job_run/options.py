# SPDX-License-Identifier: Apache-2.0
"""Parse the arguments that all operators share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.runtime.arguments import as_bool, as_seconds


@dataclass(frozen=True)
class JobOptions:
    """
    The parsed shared arguments. All fields are plain JSON, because a deferral stores them.

    :param wait_for_completion: Wait for the job and check its result.
    :param deferrable: Wait in the triggerer.
    :param poll_interval: Seconds between two polls.
    :param timeout: Seconds from the start of the try; None for no limit besides ``execution_timeout``.
    :param pending_warning_after: Seconds; None for no warning.
    :param cancel_on_kill: Cancel the job when the task is killed.
    :param cancel_on_timeout: Cancel the job at the deadline.
    :param fail_on_warning: Treat a warning as a failure.
    :param durable: Store the job's id in Airflow's task state store.
    :param repeat_append: Submit even if that could add rows twice.
    :param checks: Condition that the written rows must meet, by the name of the check.
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
    checks: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, arguments: Mapping[str, Any]) -> JobOptions:
        """
        Parse the rendered shared arguments.

        :param arguments: Value by the name of the argument; others are ignored.
        :raises PolarisSpecError: A value can't be parsed; the message names its argument.
        """
        poll_interval = as_seconds(arguments["poll_interval"], "poll_interval")
        if poll_interval is None:
            raise PolarisSpecError("poll_interval None is not a positive number of seconds, such as 30.")

        def flag(name: str) -> bool:
            return as_bool(arguments[name], name)

        checks: dict[str, str] = {}
        if arguments.get("checks"):
            from airflow_provider_polaris.operators.job_run.checks_argument import read_checks

            checks = read_checks(arguments["checks"])
            if checks and not flag("wait_for_completion"):
                raise PolarisSpecError(
                    "checks need wait_for_completion=True: they check the rows of a completed job. Remove one of the "
                    "two."
                )
        return cls(
            wait_for_completion=flag("wait_for_completion"),
            deferrable=flag("deferrable"),
            poll_interval=poll_interval,
            timeout=as_seconds(arguments["timeout"], "timeout"),
            pending_warning_after=as_seconds(arguments["pending_warning_after"], "pending_warning_after"),
            cancel_on_kill=flag("cancel_on_kill"),
            cancel_on_timeout=flag("cancel_on_timeout"),
            fail_on_warning=flag("fail_on_warning"),
            durable=flag("durable"),
            repeat_append=flag("repeat_append"),
            checks=checks,
        )
