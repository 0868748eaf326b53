# SPDX-License-Identifier: Apache-2.0
"""
Resume deferred tasks: detect timeouts and restore saved state; shared by operators and sensors.

Cancels nothing. Sources: _defer_task, resume_execution and the timers of Airflow 2.11.2 to 3.3.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, Final, TypeVar

from airflow_provider_polaris.jobs.errors import (
    PolarisProtocolError,
)
from airflow_provider_polaris.runtime.compat import BaseOperator

#: The method name with which Airflow resumes a task without an event.
TRIGGER_FAILED_METHOD: Final = "__fail__"


T = TypeVar("T")


def is_timeout(next_kwargs: Mapping[str, Any] | None) -> bool:
    """
    Return whether Airflow resumes a task without an event because of a timeout; otherwise the trigger failed.

    :param next_kwargs: Airflow's arguments for the resumed task: ``error`` is ``Trigger/execution timeout`` in 2.11,
        ``Trigger timeout`` since 3.0.
    """
    return "timeout" in str((next_kwargs or {}).get("error")).lower()


def restore_state(memory: type[T], wait: Any) -> T:
    """
    Return the state that a task saved when it was deferred; unknown names are ignored.

    :param memory: A dataclass. Its fields with a default may be missing: they came with a later version.
    :param wait: Its fields, as Airflow stored them.
    :raises PolarisProtocolError: Another field is missing.
    """
    left = wait if isinstance(wait, Mapping) else {}
    known = fields(memory)  # type: ignore[arg-type]
    has_default = {field.name for field in known if (field.default, field.default_factory) != (MISSING, MISSING)}
    missing = [field.name for field in known if field.name not in left and field.name not in has_default]
    if missing:
        raise PolarisProtocolError(
            f"cannot resume the deferred task: its saved state {wait!r} lacks {', '.join(missing)}. Another version of "
            "this provider may have deferred it, and its job may still be running: a retry of the task resumes it."
        )
    return memory(**{field.name: left[field.name] for field in known if field.name in left})


def restart_execution_timeout(self: Any, context: Any) -> None:
    """
    Restart the ``execution_timeout`` of a resumed task, as Airflow does since 3.0.

    Before 3.0, the time of the deferral counts. A task that gets a worker late would time out before it reads its job's
    result.
    Use it as an operator's ``pre_execute``. It is no mixin: with a mixin before Airflow's class, mapped tasks of 3.3.2
    have no inlets and fail.
    """
    from airflow_provider_polaris.runtime.clock import CLOCK
    from airflow_provider_polaris.runtime.deadline import try_start

    BaseOperator.pre_execute(self, context)
    ti, now = context["ti"], CLOCK.now()
    if self.execution_timeout is not None and getattr(ti, "next_method", None) is not None:
        self.execution_timeout += now - try_start(ti, now)
