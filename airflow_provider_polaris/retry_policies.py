# SPDX-License-Identifier: Apache-2.0
"""A retry policy for Airflow 3.3 and newer: decide whether and when Airflow retries a failed task."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.runtime.compat import HAS_RETRY_POLICIES, RetryAction, RetryDecision, RetryPolicy

if TYPE_CHECKING:
    from airflow_provider_polaris.jobs.errors import PolarisError
    from airflow_provider_polaris.runtime.compat import Context

#: Most links of a chain of causes that are checked. A chain can be circular.
_DEEPEST: Final = 20


@dataclass(frozen=True)
class PolarisRetryPolicy(RetryPolicy):
    """
    Decide by the error whether and when to retry, for any operator or sensor of this package with ``retries``.

    .. code-block:: python

        PolarisTableToTableOperator(..., retries=5, retry_policy=PolarisRetryPolicy())

    The policy can end a task's tries early and set the wait before the next one. It can't add retries. Its decisions,
    compared with a task without it (such as any task before Airflow 3.3):

    ======================================================== ========================= ================================
    What went wrong                                          With the policy           Without
    ======================================================== ========================= ================================
    Wrong spec or argument, refused by a guard or by Polaris fails at once             the same
    Job failed because of its spec or data, or wrote no rows fails at once             the same
    403: a permission is missing                             fails at once             retries after ``retry_delay``
    429: too many requests                                   retries, ``Retry-After``  retries after ``retry_delay``
    No answer, 5xx, or a POST whose answer was lost          retries, growing delay    retries after ``retry_delay``
    An error that a proxy or a wrong host sent               retries, growing delay    retries after ``retry_delay``
    Job failed with ``internal_error`` or an unknown code    retries, growing delay    retries after ``retry_delay``
    Job still ``pending`` at the deadline: no capacity       retries, growing delay    retries after ``retry_delay``
    A guard timed out or got no answer                       retries, growing delay    retries after ``retry_delay``
    401: a wrong key, or one that is being replaced          retries, ``retry_delay``  retries after ``retry_delay``
    404, 409, job canceled or running at the deadline        retries, ``retry_delay``  retries after ``retry_delay``
    Anything that this package didn't raise                  retries, ``retry_delay``  retries after ``retry_delay``
    ======================================================== ========================= ================================

    Before 3.3 ``retry_exponential_backoff=True`` and ``max_retry_delay`` are closest to the growing delay. Failing at
    once on 403 has no equivalent.

    If another exception was raised ``from`` one of this package's errors, that error decides.

    :param first_delay: Wait before the first retry if the delay grows. Each further wait is twice as long.
    :param longest_delay: Longest wait. ``Retry-After`` of a 429 may be longer, up to two hours.
    :raises PolarisSpecError: This Airflow has no retry policies, or the delays are invalid.
    """

    first_delay: timedelta = timedelta(minutes=1)
    longest_delay: timedelta = timedelta(minutes=30)

    def __post_init__(self) -> None:
        from airflow_provider_polaris.jobs.errors import PolarisSpecError
        from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION

        if not HAS_RETRY_POLICIES:
            major, minor = AIRFLOW_VERSION
            raise PolarisSpecError(
                f"PolarisRetryPolicy needs Airflow 3.3 or newer, and this is Airflow {major}.{minor}. Omit "
                "retry_policy: wrong specs and data errors fail immediately even without it, and all other errors are "
                "retried after retry_delay, which grows with retry_exponential_backoff=True."
            )
        for name in ("first_delay", "longest_delay"):
            value: Any = getattr(self, name)
            if not isinstance(value, timedelta) or value <= timedelta():
                raise PolarisSpecError(
                    f"{name} {value!r} is not a positive timedelta. Write one, such as timedelta(minutes=1)."
                )
        if self.first_delay > self.longest_delay:
            raise PolarisSpecError(
                f"first_delay {self.first_delay} is longer than longest_delay {self.longest_delay}. Set longest_delay "
                "to the same value or more."
            )

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """
        Return the decision. Airflow calls this in the worker, unless the task raised ``AirflowFailException``.

        :param exception: Why the task failed.
        :param try_number: Number of this try, from 1.
        :param max_tries: Airflow's ``max_tries``, which increases when the task is cleared.
        :param context: Airflow's context; None if there is none.
        :return: The decision. For an error of this package it has a reason, which Airflow logs and shows with the
            retry.
        """
        from airflow_provider_polaris.jobs.status.retryability import Retryability, retryability_of

        error = _polaris_error(exception)
        if error is None:
            return RetryDecision.default()
        kind = type(error).__name__
        retryability = retryability_of(error)
        if retryability is Retryability.PERMANENT:
            return RetryDecision.fail(
                f"{kind}: the next try would fail with the same error or do harm, so Airflow doesn't retry."
            )
        if retryability is Retryability.FORBIDDEN:
            return RetryDecision.fail(
                f"{kind}: a permission is missing, which no retry fixes. Grant it, then clear the task."
            )
        if retryability is Retryability.UNKNOWN:
            return RetryDecision(
                RetryAction.DEFAULT,
                reason=f"{kind}: it is unknown whether the error is transient, so the task's own retries and "
                "retry_delay apply.",
            )
        requested = getattr(error, "retry_after", None) if retryability is Retryability.THROTTLED else None
        if requested:
            return RetryDecision.retry(
                timedelta(seconds=requested),
                f"{kind}: the service received too many requests and requested a wait of {requested:g} s.",
            )
        delay = self._delay(_failures(try_number, max_tries, context))
        why = (
            "the service received too many requests"
            if retryability is Retryability.THROTTLED
            else "the error is transient"
        )
        return RetryDecision.retry(delay, f"{kind}: {why}, so the task tries again in {delay.total_seconds():g} s.")

    def serialize(self) -> dict[str, Any]:
        """Return the policy as JSON data."""
        return {
            "__type": "PolarisRetryPolicy",
            "first_delay": self.first_delay.total_seconds(),
            "longest_delay": self.longest_delay.total_seconds(),
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PolarisRetryPolicy:
        """
        Return the policy that was serialized.

        :param data: What :meth:`serialize` returned.
        """
        return cls(timedelta(seconds=data["first_delay"]), timedelta(seconds=data["longest_delay"]))

    def _delay(self, failures: int) -> timedelta:
        longest = self.longest_delay.total_seconds()
        # The number of tries is unlimited, but a float overflows.
        return timedelta(seconds=min(self.first_delay.total_seconds() * 2.0 ** min(failures - 1, 100), longest))


def _polaris_error(exception: BaseException | None) -> PolarisError | None:
    """Return the exception or its nearest cause that is an error of this package; None if there is none."""
    from airflow_provider_polaris.jobs.errors import PolarisError

    for _ in range(_DEEPEST):
        if exception is None or isinstance(exception, PolarisError):
            return exception
        exception = exception.__cause__
    return None


def _failures(try_number: int, max_tries: int, context: Context | None) -> int:
    """Return how often the task has failed since it was started or cleared; at least 1."""
    retries = getattr((context or {}).get("task"), "retries", None)
    before_the_clear = max(0, max_tries - retries) if isinstance(retries, int) else 0
    return max(1, try_number - before_the_clear)
