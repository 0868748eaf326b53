"""
What the next try of a task can hope for after an error; performs no I/O.

The one classification: what fails a task at once, and what a retry policy decides, both follow from it.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisApiError,
    PolarisAuthError,
    PolarisError,
    PolarisJobFailedError,
    PolarisJobTimeoutError,
    PolarisThrottledError,
)
from airflow_provider_polaris.jobs.status.completion import is_permanent_failure

#: Answers to a POST that find fault with what was sent.
_REFUSALS: Final = frozenset({400, 413, 415, 422})


class Retryability(Enum):
    """What the next try can hope for."""

    #: The same error again, or harm: there must be no next try.
    LASTING = "lasting"
    #: The same error, until somebody grants a permission.
    DENIED = "denied"
    #: An answer, once the time is over for which Polaris asked.
    THROTTLED = "throttled"
    #: Better luck: what went wrong goes by without anybody doing something.
    PASSING = "passing"
    #: Nobody can tell; a few tries do no harm.
    OPEN = "open"


def retryability_of(error: PolarisError) -> Retryability:
    """
    Say what the next try of the same task can hope for.

    401 is open, because a key that was just replaced in one place only is answered with it, too; 403 is denied.
    A job that was still ``pending`` at the deadline waited for capacity, which passes
    (docs.imply.io/polaris/ingestion-status-reference); one that was at work would need as long again, which is open. So
    is a canceled job: somebody may not want it, or the worker that waited for it was stopped.

    :param error: What went wrong.
    """
    if isinstance(error, PolarisThrottledError):
        return Retryability.THROTTLED
    if isinstance(error, PolarisAuthError):
        return Retryability.DENIED if error.status == 403 else Retryability.OPEN
    if isinstance(error, PolarisApiError) and _finds_fault_with_job(error):
        return Retryability.LASTING
    if is_permanent_failure(error):
        return Retryability.LASTING
    if error.retryable or isinstance(error, PolarisAmbiguousSubmitError | PolarisJobFailedError):
        return Retryability.PASSING
    if isinstance(error, PolarisJobTimeoutError) and error.state == "pending":
        return Retryability.PASSING
    return Retryability.OPEN


def is_submission(method: str, path: str) -> bool:
    """
    Whether a request was to make a job.

    :param method: HTTP method.
    :param path: Without a query.
    """
    return method == "POST" and path.endswith("/jobs")


def _finds_fault_with_job(error: PolarisApiError) -> bool:
    return is_submission(error.method, error.path) and error.status in _REFUSALS
