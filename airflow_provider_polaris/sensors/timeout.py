# SPDX-License-Identifier: Apache-2.0
"""How a sensor ends without success: the timeout message, and when it is skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from airflow_provider_polaris.runtime.compat import AirflowFailException, AirflowSensorTimeout, AirflowSkipException


@contextmanager
def timeout_message(log: Any, wait: Callable[[], Any]) -> Iterator[None]:
    """
    Log the last status when the sensor times out in the worker. Airflow's own error gives only the duration.

    :param log: Logger of the task.
    :param wait: Returns an object with ``timeout_message()``; None before the first poke.
    """
    try:
        yield
    except AirflowSensorTimeout:
        if (waiting := wait()) is not None:
            log.error("%s", waiting.timeout_message())
        raise


@contextmanager
def soft_fail_skips(sensor: Any) -> Iterator[None]:
    """
    Skip the task if Airflow would skip it in the worker. After a deferral, not all Airflow versions do.

    :param sensor: A sensor with ``soft_fail`` and ``never_fail``.
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
