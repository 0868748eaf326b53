"""What ``execution_timeout`` counts in a task that was deferred, before Airflow 3."""

from __future__ import annotations

from typing import Any

from airflow_provider_polaris.compat import BaseOperator


def restart_timer(self: Any, context: Any) -> None:
    """
    Give a task that resumes its whole ``execution_timeout`` again, as Airflow does since 3.0.

    Before, the time of the deferral counts, and a task that gets its worker late isn't even told how its job ended.
    An operator's ``pre_execute``. No mixin: with one before Airflow's class, mapped tasks of 3.3.2 have no inlets and
    fail.
    """
    from airflow_provider_polaris.clock import CLOCK
    from airflow_provider_polaris.deferral import attempt_start

    BaseOperator.pre_execute(self, context)
    ti, now = context["ti"], CLOCK.now()
    if self.execution_timeout is not None and getattr(ti, "next_method", None) is not None:
        self.execution_timeout += now - attempt_start(ti, now)
