"""How a sensor of this package ends other than well, the same in worker and after a deferral."""

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


@contextmanager
def lasting_errors_fail(log: Any) -> Iterator[None]:
    """
    Turn what is no use to retry into Airflow's exception for that, and log where the error is explained.

    :param log: Logger of the task.
    """
    from airflow_provider_polaris.jobs.errors import PolarisError
    from airflow_provider_polaris.outcome import is_lasting, log_explanation

    try:
        yield
    except (AirflowFailException, PolarisError) as error:
        log_explanation(error, log)
        if isinstance(error, PolarisError) and is_lasting(error):
            raise AirflowFailException(str(error)) from error
        raise
