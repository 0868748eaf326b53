"""One counter for each attempt to submit; what goes wrong with it decides nothing."""

from __future__ import annotations

from typing import Any, Literal


def count(outcome: Literal["submitted", "adopted", "resumed", "settled", "refused"], log: Any) -> None:
    """
    Count one attempt under ``polaris.submit.<outcome>`` in Airflow's metrics.

    :param outcome: How it ended.
    :param log: Logger of the task.
    """
    try:
        from airflow.providers.common.compat.sdk import Stats

        Stats.incr(f"polaris.submit.{outcome}")
    except Exception as error:
        log.debug("The metric of this attempt to submit was not counted: %r", error)
