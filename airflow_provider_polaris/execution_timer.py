"""What ``execution_timeout`` counts in a task that was deferred, where Airflow versions differ."""

from __future__ import annotations

from typing import Any

from airflow_provider_polaris.compat import AIRFLOW_VERSION


class FreshTimer:
    """
    Gives a task that resumes its whole ``execution_timeout`` again, as Airflow does since 3.0.

    Before, the time of the deferral counts, and a task that gets its worker late isn't even told how its job ended.
    A mixin, to stand before Airflow's operator.
    """

    if AIRFLOW_VERSION < (3, 0):

        def pre_execute(self, context: Any) -> None:
            """Start the timer anew after a deferral; Airflow calls this."""
            from airflow_provider_polaris.clock import CLOCK
            from airflow_provider_polaris.deferral import attempt_start

            super().pre_execute(context)  # type: ignore[misc]
            task: Any = self
            ti, now = context["ti"], CLOCK.now()
            if task.execution_timeout is not None and getattr(ti, "next_method", None) is not None:
                task.execution_timeout += now - attempt_start(ti, now)
