"""How a sensor of this package ends where it doesn't succeed: its last words, and when it is skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from airflow_provider_polaris.runtime.compat import AirflowFailException, AirflowSensorTimeout, AirflowSkipException


@contextmanager
def timeout_message(log: Any, wait: Callable[[], Any]) -> Iterator[None]:
    """
    Say at the time-out in the worker what was seen last; Airflow's own error says only how long it was.

    :param log: Logger of the task.
    :param wait: Returns what has ``last_words()``; None before the first look.
    """
    try:
        yield
    except AirflowSensorTimeout:
        if (waiting := wait()) is not None:
            log.error("%s", waiting.last_words())
        raise


@contextmanager
def soft_fail_skips(sensor: Any) -> Iterator[None]:
    """
    Skip where Airflow would skip a sensor in the worker; after a deferral not all its versions do.

    :param sensor: With ``soft_fail`` and ``never_fail``.
    """
    try:
        yield
    except AirflowSkipException:
        raise
    except Exception as error:
        if sensor.soft_fail and isinstance(error, AirflowFailException | AirflowSensorTimeout):
            raise AirflowSkipException("Skipping due to soft_fail is set to True.") from error
        if sensor.never_fail:
            raise AirflowSkipException("Skipping due to never_fail is set to True.") from error
        raise
