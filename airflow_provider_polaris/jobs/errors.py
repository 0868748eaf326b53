"""
Every error of the package, in one tree; performs no I/O and knows no Airflow exception.

A message is one sentence chain on one line: what, which, why, what next. The vendor's text stands verbatim in it.

.. code-block:: text

    PolarisError
    ├─ PolarisSpecError(ValueError)      our input is wrong; raised before any request
    ├─ PolarisGuardError                 a guard refused to go on; nothing was sent
    ├─ PolarisTransportError             no answer (DNS, connect, TLS, timeout); retryable
    ├─ PolarisApiError                   an answer with an error status
    │   ├─ PolarisAuthError              401, 403
    │   ├─ PolarisNotFoundError          404
    │   ├─ PolarisConflictError          409
    │   ├─ PolarisThrottledError         429
    │   └─ PolarisServerError            5xx
    ├─ PolarisProtocolError              an answer that we can't read
    │   └─ PolarisForeignAnswerError     an error that isn't Polaris' own: a proxy, a wrong host; retryable
    ├─ PolarisAmbiguousSubmitError       a POST whose outcome nobody knows
    └─ PolarisJobError                   the job ended badly
        ├─ PolarisJobFailedError
        ├─ PolarisJobCanceledError
        └─ PolarisJobTimeoutError
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Final

#: Seconds that ``Retry-After`` can ask for; a longer wait counts as this one.
LONGEST_WAIT: Final = 7200.0


#: Command that explains each error by its name; needs nothing but this package.
EXPLAIN: Final = "python -m airflow_provider_polaris explain"


def bounded_wait(seconds: float | None) -> float | None:
    """
    Return how many seconds of a wait that the service asks for are respected.

    The client, the watcher and the retry policy all decide by this. Each may wait less, none waits longer.

    >>> [bounded_wait(asked) for asked in (None, 30.0, -5.0, 315_360_000.0, math.nan)]
    [None, 30.0, 0.0, 7200.0, None]

    :param seconds: What the service asks for; None for nothing.
    """
    if seconds is None or math.isnan(seconds):
        return None
    return min(max(0.0, seconds), LONGEST_WAIT)


class PolarisError(Exception):
    """Base of every error that this package raises on purpose."""

    #: Whether the same call may succeed later with nothing changed. Retry code asks this and nothing else.
    retryable: ClassVar[bool] = False

    @classmethod
    def explained_by(cls) -> str:
        """
        Return the command that says what this error means and what to do.

        A class whose name doesn't begin with Polaris is explained as the class that it is made of.

        >>> PolarisGuardError.explained_by()
        'python -m airflow_provider_polaris explain PolarisGuardError'
        """
        name = next(base.__name__ for base in cls.__mro__ if base.__name__.startswith("Polaris"))
        return f"{EXPLAIN} {name}"


class PolarisSpecError(PolarisError, ValueError):
    """The job or an argument is wrong; raised before any request."""


class PolarisGuardError(PolarisError):
    """A guard refused to go on; nothing was sent."""


class PolarisTransportError(PolarisError):
    """No answer came, or no whole one in time: name look-up, connection, TLS or time-out."""

    retryable = True


class PolarisProtocolError(PolarisError):
    """An answer came that is not what the API promises (not JSON, a required field missing, too large)."""


class PolarisForeignAnswerError(PolarisProtocolError):
    """
    Something else answered in Polaris' place: a proxy, an ingress under maintenance, a wrong host.

    An error status counts as Polaris' word only in Polaris' own form of an error. This one has another form, so it says
    nothing about the job, table or key that the request was about. Like a 503, it is retried.

    :param message: The whole sentence.
    :param status: HTTP status of the answer.
    """

    retryable = True

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class PolarisApiError(PolarisError):
    """
    Polaris answered with an error.

    :param message: The whole sentence.
    :param status: HTTP status.
    :param code: Machine-readable code of the vendor's envelope, if it had one.
    :param vendor_message: The vendor's own text, verbatim.
    :param method: HTTP method of the request.
    :param path: Path of the request, without host and query.
    :param request_id: The ``X-Request-Id`` of the answer, if any.
    :param retry_after: Seconds that the server asked us to wait, if it did; see :func:`bounded_wait`.
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
        """Return the most specific class for an HTTP status; the base class for one that has none."""
        if status in _CLASS_BY_STATUS:
            return _CLASS_BY_STATUS[status]
        return PolarisServerError if status >= 500 else PolarisApiError


class PolarisAuthError(PolarisApiError):
    """401 (who are you?) or 403 (you may not)."""


class PolarisNotFoundError(PolarisApiError):
    """404: no such job, table, file, query or project."""


class PolarisConflictError(PolarisApiError):
    """409: the request clashes with the present state."""


class PolarisThrottledError(PolarisApiError):
    """429: too many requests; ``retry_after`` has the wait that the server asked for, if it did."""

    retryable = True


class PolarisServerError(PolarisApiError):
    """5xx: the service or something in front of it failed."""

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
    A job was POSTed and nobody knows whether Polaris accepted it.

    The job may run, so it must not simply be sent again: look for it first.

    :param message: The whole sentence.
    :param spec: The body that was sent.
    :param since: ISO 8601 UTC instant of the POST, for the look-up.
    """

    def __init__(self, message: str, *, spec: Mapping[str, Any] | None = None, since: str | None = None) -> None:
        super().__init__(message)
        self.spec = spec
        self.since = since


class PolarisJobError(PolarisError):
    """
    A job ended badly.

    :param message: The whole sentence.
    :param job_id: Id of the job.
    :param state: The last status seen, as Polaris wrote it.
    :param code: ``health.code``, if any.
    :param console_url: Where to look, if known.
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
    """The job failed, or completed in a way that counts as failure."""


class PolarisJobCanceledError(PolarisJobError):
    """Somebody canceled the job."""


class PolarisJobTimeoutError(PolarisJobError):
    """The job was not done at the deadline."""


#: Failures that say nothing of the job or table that was asked for: the next question would meet them as well.
CONNECTION_WIDE_ERRORS: Final = (PolarisTransportError, PolarisThrottledError, PolarisAuthError)


def with_link(text: str, url: str | None) -> str:
    """
    Append an address to a message, with nothing behind it: the page of a log takes a dot or bracket into the link.

    :param text: One or more sentences.
    :param url: None or empty if it isn't known.

    >>> see("The job is 'running'", "https://acme.app.imply.io/")
    "The job is 'running'. See https://acme.app.imply.io/"
    """
    if not url:
        return text
    return f"{text}{'' if text.endswith('.') else '.'} See {url}"


class PolarisRecordError(PolarisError):
    """The record can't be read or written, and without it no job is submitted."""

    retryable = True


class PolarisGuardUnansweredError(PolarisError):
    """A guard waited in vain, or what it asked was not answered. Nothing was sent, and a retry asks again."""

    retryable = True
