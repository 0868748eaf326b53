# SPDX-License-Identifier: Apache-2.0
"""Handle a task's failure: log an explanation, and stop Airflow's retries of permanent errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow_provider_polaris.jobs.errors import PolarisError
from airflow_provider_polaris.runtime.compat import AirflowFailException


@contextmanager
def fail_without_retry(log: Any) -> Iterator[None]:
    """
    Convert permanent errors to ``AirflowFailException``, and log where the error is explained.

    :param log: Logger of the task.
    """
    try:
        yield
    except (AirflowFailException, PolarisError) as error:
        log_explanation(error, log)
        if isinstance(error, PolarisError) and is_permanent(error):
            log.debug("How it came to that:", exc_info=error)
            # The message is complete. Airflow would print the traceback of the cause before it.
            raise AirflowFailException(str(error)) from error.with_traceback(None)
        raise


def is_permanent(error: PolarisError) -> bool:
    """
    Return whether the next try of the task would fail with the same error, or could do harm.

    Deterministic errors are permanent, and so are rejections of the job spec.

    :param error: The error.
    """
    from airflow_provider_polaris.jobs.status.retryability import Retryability, retryability_of

    return retryability_of(error) is Retryability.PERMANENT


def log_explanation(error: BaseException, log: Any) -> None:
    """
    Log an error of this package and a link to its explanation, one line each. Ignore other errors.

    Airflow also prints the error, but below a traceback, and its log page truncates long lines there.

    :param error: Why the task fails. For Airflow's own exception, its cause is logged.
    :param log: Logger of the task.
    """
    cause = error if isinstance(error, PolarisError) else error.__cause__
    if isinstance(cause, PolarisError):
        log.error("%s", cause)
        log.info("What %s means and what to do: %s", type(cause).__name__, cause.explained_by())
