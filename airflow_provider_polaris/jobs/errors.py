# SPDX-License-Identifier: Apache-2.0
"""
Define all errors of the package in one class tree. Performs no I/O and uses no Airflow exception.

A message is one line: what failed, for which object, why, and what to do next. It quotes Polaris' text verbatim.

.. code-block:: text

    PolarisError
    ├─ PolarisSpecError(ValueError)      our input is wrong; raised before any request
    ├─ PolarisGuardError                 a guard stopped the task; nothing was sent
    ├─ PolarisTransportError             no answer (DNS, connect, TLS, timeout); retryable
    ├─ PolarisApiError                   an answer with an error status
    │   ├─ PolarisAuthError              401, 403
    │   ├─ PolarisNotFoundError          404
    │   ├─ PolarisConflictError          409
    │   ├─ PolarisThrottledError         429
    │   └─ PolarisServerError            5xx
    ├─ PolarisProtocolError              an unreadable answer
    │   └─ PolarisForeignAnswerError     an answer that is not from Polaris: a proxy, a wrong host; retryable
    ├─ PolarisAmbiguousSubmitError       a POST whose outcome is unknown
    └─ PolarisJobError                   the job did not succeed
        ├─ PolarisJobFailedError
        ├─ PolarisJobCanceledError
        └─ PolarisJobTimeoutError
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Final

#: Longest ``Retry-After`` that is respected, in seconds; a longer one is cut to this value.
LONGEST_WAIT: Final = 7200.0


#: Command that explains an error by its name; requires only this package.
EXPLAIN: Final = "python -m airflow_provider_polaris explain"


def bounded_wait(seconds: float | None) -> float | None:
    """
    Limit the wait that the service requests to the range 0 to :data:`LONGEST_WAIT` seconds.

    The client, the watcher and the retry policy all use this limit. Each may wait less, but never longer.

    >>> [bounded_wait(asked) for asked in (None, 30.0, -5.0, 315_360_000.0, math.nan)]
    [None, 30.0, 0.0, 7200.0, None]

    :param seconds: Requested wait; None if the service requested none.
    """
    if seconds is None or math.isnan(seconds):
        return None
    return min(max(0.0, seconds), LONGEST_WAIT)


class PolarisError(Exception):
    """Base class of all errors that this package raises."""

    #: Whether the same call may succeed later without changes. Retry code depends on this flag only.
    retryable: ClassVar[bool] = False

    @classmethod
    def explained_by(cls) -> str:
        """
        Return the command that explains this error and its fix.

        If the name of a class does not begin with ``Polaris``, the command names its nearest base class that does.

        >>> PolarisGuardError.explained_by()
        'python -m airflow_provider_polaris explain PolarisGuardError'
        """
        name = next(base.__name__ for base in cls.__mro__ if base.__name__.startswith("Polaris"))
        return f"{EXPLAIN} {name}"


class PolarisSpecError(PolarisError, ValueError):
    """Raised before any request when the job spec or an argument is invalid."""


class PolarisGuardError(PolarisError):
    """Raised when a guard stops the task; nothing was sent."""


class PolarisTransportError(PolarisError):
    """Raised when no complete answer arrived: DNS, connection, TLS or timeout."""

    retryable = True


class PolarisProtocolError(PolarisError):
    """Raised when an answer violates the API's contract: not JSON, a required field missing, or too large."""


class PolarisForeignAnswerError(PolarisProtocolError):
    """
    Raised when the answer is not from Polaris: a proxy, an ingress under maintenance, or a wrong host answered.

    An error answer is from Polaris only if its body has Polaris' error format. Any other body gives no information
    about the job, table or API key of the request. The request is retried, as after a 503.

    :param message: The complete message.
    :param status: HTTP status of the answer.
    """

    retryable = True

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class PolarisApiError(PolarisError):
    """
    Raised when Polaris answers with an error status.

    :param message: The complete message.
    :param status: HTTP status.
    :param code: Machine-readable code in the vendor's error body, if any.
    :param vendor_message: The vendor's own text, verbatim.
    :param method: HTTP method of the request.
    :param path: Path of the request, without host and query.
    :param request_id: The ``X-Request-Id`` of the answer, if any.
    :param retry_after: Wait in seconds that the server requested, if any; see :func:`bounded_wait`.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str | None = None,
        vendor_message: str | None = None,
        method: str = "",
        path: str = "",
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.vendor_message = vendor_message
        self.method = method
        self.path = path
        self.request_id = request_id
        self.retry_after = bounded_wait(retry_after)

    @staticmethod
    def class_for(status: int) -> type[PolarisApiError]:
        """Return the most specific class for an HTTP status; the base class if there is none."""
        if status in _CLASS_BY_STATUS:
            return _CLASS_BY_STATUS[status]
        return PolarisServerError if status >= 500 else PolarisApiError


class PolarisAuthError(PolarisApiError):
    """Raised for 401 (not authenticated) and 403 (permission missing)."""


class PolarisNotFoundError(PolarisApiError):
    """Raised for 404: the job, table, file, query or project does not exist."""


class PolarisConflictError(PolarisApiError):
    """Raised for 409: the request conflicts with the current state."""


class PolarisThrottledError(PolarisApiError):
    """Raised for 429: too many requests. ``retry_after`` holds the wait that the server requested, if any."""

    retryable = True


class PolarisServerError(PolarisApiError):
    """Raised for 5xx: the service or a proxy in front of it failed."""

    retryable = True


_CLASS_BY_STATUS: Mapping[int, type[PolarisApiError]] = {
    401: PolarisAuthError,
    403: PolarisAuthError,
    404: PolarisNotFoundError,
    409: PolarisConflictError,
    429: PolarisThrottledError,
}


class PolarisAmbiguousSubmitError(PolarisError):
    """
    Raised when it is unknown whether the service accepted a job's POST.

    The job may be running. Search for it before you send it again.

    :param message: The complete message.
    :param spec: The body that was sent.
    :param since: ISO 8601 UTC instant of the POST, for the search.
    """

    def __init__(self, message: str, *, spec: Mapping[str, Any] | None = None, since: str | None = None) -> None:
        super().__init__(message)
        self.spec = spec
        self.since = since


class PolarisJobError(PolarisError):
    """
    Raised when a job did not succeed.

    :param message: The complete message.
    :param job_id: Id of the job.
    :param state: The last status that was polled, as Polaris wrote it.
    :param code: ``health.code``, if any.
    :param console_url: Page of the job in the Polaris console, if known.
    """

    def __init__(
        self,
        message: str,
        *,
        job_id: str,
        state: str | None = None,
        code: str | None = None,
        console_url: str | None = None,
    ) -> None:
        super().__init__(message)
        self.job_id = job_id
        self.state = state
        self.code = code
        self.console_url = console_url


class PolarisJobFailedError(PolarisJobError):
    """Raised when the job failed, or completed with a result that counts as failure."""


class PolarisJobCanceledError(PolarisJobError):
    """Raised when a user canceled the job."""


class PolarisJobTimeoutError(PolarisJobError):
    """Raised when the job has not ended at the deadline."""


#: Errors of the connection, not of the requested job or table. The next request would fail in the same way.
CONNECTION_WIDE_ERRORS: Final = (PolarisTransportError, PolarisThrottledError, PolarisAuthError)


def with_link(text: str, url: str | None) -> str:
    """
    Append a URL to a message. No punctuation follows it, because Airflow's log page would include it in the link.

    :param text: One or more sentences.
    :param url: None or empty if unknown.

    >>> with_link("The job is 'running'", "https://acme.app.imply.io/")
    "The job is 'running'. See https://acme.app.imply.io/"
    """
    if not url:
        return text
    return f"{text}{'' if text.endswith('.') else '.'} See {url}"


class PolarisRecordError(PolarisError):
    """Raised when the submission record cannot be read or written. No job is submitted without it."""

    retryable = True


class PolarisGuardUnansweredError(PolarisError):
    """Raised when a guard timed out or got no answer. Nothing was sent; a retry runs the guard again."""

    retryable = True
