"""How a task of this package fails: what the log says at the end, and whether Airflow retries it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow_provider_polaris.jobs.errors import PolarisError
from airflow_provider_polaris.jobs.status.retryability import Retryability, retryability_of
from airflow_provider_polaris.runtime.compat import AirflowFailException


@contextmanager
def fail_without_retry(log: Any) -> Iterator[None]:
    """
    Turn what is no use to retry into Airflow's exception for that, and log where the error is explained.

    :param log: Logger of the task.
    """
    from airflow_provider_polaris.jobs.errors import PolarisError

    try:
        yield
    except (AirflowFailException, PolarisError) as error:
        log_explanation(error, log)
        if isinstance(error, PolarisError) and is_permanent(error):
            log.debug("How it came to that:", exc_info=error)
            # The sentence says it all. Airflow prints the cause before it, and its frames would push that away.
            raise AirflowFailException(str(error)) from error.with_traceback(None)
        raise


def is_permanent(error: PolarisError) -> bool:
    """
    Whether the next try of the same task would meet the same error, or could do harm.

    What is deterministic is, and so is an answer that finds fault with the job spec.

    :param error: What went wrong.
    """
    return retryability_of(error) is Retryability.PERMANENT


def log_explanation(error: BaseException, log: Any) -> None:
    """
    Log the error and what explains it, a line each; nothing if it is none of this package.

    Airflow prints the error, too, but below a traceback, and its page cuts long lines of those.

    :param error: Why the task fails; Airflow's own exception counts as what it was raised from.
    :param log: Logger of the task.
    """
    cause = error if isinstance(error, PolarisError) else error.__cause__
    if isinstance(cause, PolarisError):
        log.error("%s", cause)
        log.info("What %s means and what to do: %s", type(cause).__name__, cause.explained_by())
