# SPDX-License-Identifier: Apache-2.0
"""
Classify errors by whether a retry can succeed; performs no I/O.

Both the immediate failure of a task and the retry policy use this classification.
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

#: Statuses with which the service rejects the body of a POST.
_REFUSALS: Final = frozenset({400, 413, 415, 422})


class Retryability(Enum):
    """Whether a retry can succeed after an error."""

    #: A retry fails in the same way or does harm; the task must not be retried.
    PERMANENT = "permanent"
    #: A retry fails in the same way until someone grants the permission.
    FORBIDDEN = "forbidden"
    #: A retry can succeed after the wait that Polaris requested.
    THROTTLED = "throttled"
    #: Transient: the error disappears without intervention.
    TRANSIENT = "transient"
    #: Not known; a few retries do no harm.
    UNKNOWN = "unknown"


def retryability_of(error: PolarisError) -> Retryability:
    """
    Return whether a retry of the task can succeed after an error.

    401 is ``UNKNOWN``, because a key that is being rotated also causes it; 403 is ``FORBIDDEN``. A job that was still
    ``pending`` at the deadline waited for capacity, which is ``TRANSIENT``
    (docs.imply.io/polaris/ingestion-status-reference). A running job may need the same time again, which is
    ``UNKNOWN``. So is a canceled job: a user may not want it, or the worker that waited for it was stopped.

    :param error: The error of the last try.
    """
    if isinstance(error, PolarisThrottledError):
        return Retryability.THROTTLED
    if isinstance(error, PolarisAuthError):
        return Retryability.FORBIDDEN if error.status == 403 else Retryability.UNKNOWN
    if isinstance(error, PolarisApiError) and _finds_fault_with_job(error):
        return Retryability.PERMANENT
    if is_permanent_failure(error):
        return Retryability.PERMANENT
    if error.retryable or isinstance(error, PolarisAmbiguousSubmitError | PolarisJobFailedError):
        return Retryability.TRANSIENT
    if isinstance(error, PolarisJobTimeoutError) and error.state == "pending":
        return Retryability.TRANSIENT
    return Retryability.UNKNOWN


def is_submission(method: str, path: str) -> bool:
    """
    Whether a request submits a job, to Polaris (``/jobs``) or to Druid (``/sql/task``).

    :param method: HTTP method.
    :param path: Path without the query string.
    """
    return method == "POST" and path.endswith(("/jobs", "/sql/task"))


def _finds_fault_with_job(error: PolarisApiError) -> bool:
    return is_submission(error.method, error.path) and error.status in _REFUSALS
