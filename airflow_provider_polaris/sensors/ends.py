"""When a sensor of this package is skipped, the same in worker and after a deferral."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow_provider_polaris.compat import AirflowFailException, AirflowSensorTimeout, AirflowSkipException


@contextmanager
def skips(sensor: Any) -> Iterator[None]:
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
