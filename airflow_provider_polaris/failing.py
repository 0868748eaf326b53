"""How a task of this package fails: what the log says at the end, and whether Airflow retries it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow_provider_polaris.compat import AirflowFailException


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
            log.debug("How it came to that:", exc_info=error)
            # The sentence says it all. Airflow prints the cause before it, and its frames would push that away.
            raise AirflowFailException(str(error)) from error.with_traceback(None)
        raise
