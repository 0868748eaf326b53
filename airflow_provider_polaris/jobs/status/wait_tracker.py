"""
What a waiter concludes from what its polls saw; performs no I/O, asks no clock, sleeps never.

One :class:`WaitTracker` a job and wait. Operator and sensor feed it every poll and obey its :class:`WaitDecision`, so
that both mean the same by "ended", "given up" and "worth a log line".
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from airflow_provider_polaris.jobs.errors import (
    PolarisError,
    PolarisJobFailedError,
    PolarisJobTimeoutError,
    PolarisNotFoundError,
    with_link,
)
from airflow_provider_polaris.jobs.status.state import STATUSES, TERMINAL_STATUSES, is_known_status, normalize_status
from airflow_provider_polaris.jobs.time.instant import as_utc

Decision = Literal["wait", "ended", "deadline", "gave_up"]

#: Level of :mod:`logging` and one line of text. To be logged once, right away, by whoever polled.
Message = tuple[int, str]

#: How long after the start of the wait a 404 is nothing to warn about: a new job may not be visible everywhere yet.
_YOUNG: Final = timedelta(minutes=2)
#: Abnormal statuses, and kinds of failures in a row, that one wait warns of.
_MOST_TOLD: Final = 10


@dataclass(frozen=True)
class WaitDecision:
    """
    What to do after one poll.

    :param decision: ``wait``: poll again. ``ended``: the status is terminal; describe and judge the job. ``deadline``:
        time is up; cancel if that is wanted, then raise ``error``. ``gave_up``: raise ``error``, leave the job alone.
    :param messages: What to log now; each is given out once.
    :param error: Set with ``deadline`` and ``gave_up``.
    """

    decision: Decision
    messages: tuple[Message, ...] = ()
    error: PolarisError | None = None


class WaitTracker:
    """
    Remember what the polls of one job saw, and conclude.

    - A terminal status ends the wait, even one that is seen after the deadline.
    - ``idle`` and ``suspended`` wait, with one warning: a user can resume the job.
    - ``unknown`` and words that we don't know wait for ``unknown_grace`` since the first of them in a row, then give
      up. The job's fate is open, so a new one must not be submitted: :func:`~.judgement.is_deterministic` is true of
      the error.
    - A poll without an answer, 401, 403 and 404 included, costs nothing until every poll has failed for
      ``failure_budget``, counted from the first failure in a row. Then it gives up with an error of the last failure's
      class, its text included; where the last status was ``unknown``, with the error for that.
    - ``deadline`` is compared at each poll; None is no deadline.

    :param job_id: For the messages.
    :param now: Start of the wait, aware; every later ``now`` is from the same clock.
    :param deadline: Absolute instant, aware.
    :param failure_budget: How long every poll may fail.
    :param unknown_grace: How long the status may be unknown.
    :param console_url: Page of the job, added to each message.
    """

    # There may be ten thousand in one triggerer: slots, and tuples instead of sets, keep it small.
    __slots__ = (
        "_console_url",
        "_failing_since",
        "_failure_budget",
        "_failures",
        "_failures_told",
        "_last_failure",
        "_percent",
        "_start",
        "_statuses_told",
        "_unknown_grace",
        "_unknown_since",
        "deadline",
        "job_id",
        "status",
    )

    def __init__(
        self,
        job_id: str,
        *,
        now: datetime,
        deadline: datetime | None = None,
        failure_budget: timedelta = timedelta(minutes=15),
        unknown_grace: timedelta = timedelta(minutes=10),
        console_url: str | None = None,
    ) -> None:
        self.job_id = job_id
        self.deadline = deadline
        #: The last status seen; None before the first.
        self.status: str | None = None
        self._start = now
        self._failure_budget = failure_budget
        self._unknown_grace = unknown_grace
        self._console_url = console_url
        self._unknown_since: datetime | None = None
        self._failing_since: datetime | None = None
        self._failures = 0
        self._last_failure: PolarisError | None = None
        self._percent = 0
        self._statuses_told: tuple[str, ...] = ()
        self._failures_told: tuple[object, ...] = ()

    def saw(self, status: str, now: datetime) -> WaitDecision:
        """
        Take note of an answer.

        :param status: ``executionStatus`` as Polaris wrote it.
        :param now: When it was seen.
        """
        status = normalize_status(status)
        messages = [*self._recovery(now), *self._change(status, now)]
        self.status = status
        if status in TERMINAL_STATUSES:
            return WaitDecision("ended", tuple(messages))
        if is_known_status(status):
            self._unknown_since = None
        elif self._unknown_since is None:
            self._unknown_since = now
        if self._is_late(now):
            return WaitDecision("deadline", tuple(messages), self.timeout_error())
        if self._unknown_since is not None and now - self._unknown_since >= self._unknown_grace:
            return WaitDecision("gave_up", tuple(messages), self._unknown_error(now - self._unknown_since))
        return WaitDecision("wait", tuple(messages))

    def missed(self, error: PolarisError, now: datetime) -> WaitDecision:
        """
        Take note of a poll that brought no status.

        :param error: Why.
        :param now: When it failed.
        """
        if self._failing_since is None:
            self._failing_since = now
        self._failures += 1
        self._last_failure = error
        messages = self._failure(error, now)
        if self._is_late(now):
            return WaitDecision("deadline", messages, self.timeout_error())
        if now - self._failing_since >= self._failure_budget:
            return WaitDecision("gave_up", messages, self._unanswered_error(error, now - self._failing_since))
        return WaitDecision("wait", messages)

    def progress(self, fraction: float | None, now: datetime) -> tuple[Message, ...]:
        """
        Take note of the job's progress.

        :param fraction: 0 to 1; None where the job has none. What lies outside, or goes back, is not worth a line.
        :param now: When it was seen.
        :return: One INFO message if another whole percent is done, else none.
        """
        if fraction is None or not 0 <= fraction <= 1:
            return ()
        percent = math.floor(fraction * 100 + 1e-9)  # 0.29 * 100 is a little less than 29
        if percent <= self._percent:
            return ()
        self._percent = percent
        return (self._message(logging.INFO, f"is {percent} % done, {_span(now - self._start)} into the wait"),)

    def timeout_error(self, aftermath: str | None = None) -> PolarisJobTimeoutError:
        """
        Return the error for a wait that reached its deadline.

        :param aftermath: What was done about the job, such as ``it was canceled because cancel_on_timeout=True``.
        """
        seen = f"was still {self.status!r}" if self.status is not None else "had not been seen once"
        text = f"Polaris job {self.job_id!r} {seen}"
        if self.deadline is not None:
            at = as_utc(self.deadline).isoformat(timespec="seconds").replace("+00:00", "Z")
            text += f" at the deadline {at}, {_span(self.deadline - self._start)} into the wait"
        if aftermath:
            text += f"; {aftermath}"
        text += ". Raise timeout= or execution_timeout=, whichever set the deadline, or split the interval."
        if self._failing_since is not None:
            text += f" There were {_failed_polls(self._failures)} in a row, the last one so: {self._last_failure}"
        return PolarisJobTimeoutError(
            with_link(text, self._console_url), job_id=self.job_id, state=self.status, console_url=self._console_url
        )

    def _is_late(self, now: datetime) -> bool:
        return self.deadline is not None and now >= self.deadline

    def _change(self, status: str, now: datetime) -> list[Message]:
        if status == self.status:
            return []
        was = "" if self.status is None else f", was {self.status!r}"
        when = "" if self.status is None else f", {_span(now - self._start)} into the wait"
        messages = [self._message(logging.INFO, f"is {status!r}{was}{when}")]
        info = STATUSES.get(status)
        is_told = status in self._statuses_told or len(self._statuses_told) >= _MOST_TOLD
        if (info is None or info.is_abnormal) and not is_told:
            self._statuses_told += (status,)
            meaning = f"a job that {info.meaning}" if info is not None else "a status that this provider doesn't know"
            wait = (
                "the wait goes on; resume or cancel the job in Polaris"
                if is_known_status(status)
                else f"the wait goes on for {_span(self._unknown_grace)}"
            )
            messages.append(self._message(logging.WARNING, f"is {status!r}, {meaning}: {wait}"))
        return messages

    def _recovery(self, now: datetime) -> list[Message]:
        if self._failing_since is None:
            return []
        span, failures = now - self._failing_since, self._failures
        self._failing_since, self._failures, self._last_failure = None, 0, None
        self._failures_told = ()
        return [self._message(logging.INFO, f"can be polled again after {_failed_polls(failures)} in {_span(span)}")]

    def _failure(self, error: PolarisError, now: datetime) -> tuple[Message, ...]:
        is_young = isinstance(error, PolarisNotFoundError) and now - self._start < _YOUNG
        # Not the text: it may hold a request id, and then each poll would be worth a line.
        key = (type(error), getattr(error, "status", None), getattr(error, "code", None), is_young)
        if key in self._failures_told or len(self._failures_told) >= _MOST_TOLD:
            return ()
        self._failures_told += (key,)
        if is_young:
            return (self._message(logging.INFO, f"is not visible yet; the wait goes on: {error}"),)
        patience = f"the wait goes on for {_span(self._failure_budget)} without an answer"
        return (self._message(logging.WARNING, f"can't be polled; {patience}: {error}"),)

    def _unknown_error(self, span: timedelta) -> PolarisJobFailedError:
        why = "Polaris can't look it up" if self.status == "unknown" else "this version of the provider doesn't know it"
        text = (
            f"Polaris job {self.job_id!r} has had the status {self.status!r} for {_span(span)}, and {why}. "
            "The job may still be running, so no new one was submitted and it was not canceled. "
            "Look at the job in Polaris, ask Imply support if the status stays, "
            "and mark or clear the task once the job has ended."
        )
        return PolarisJobFailedError(
            with_link(text, self._console_url), job_id=self.job_id, state=self.status, console_url=self._console_url
        )

    def _unanswered_error(self, error: PolarisError, span: timedelta) -> PolarisError:
        seen = f"last seen {self.status!r}" if self.status is not None else "never seen"
        text = (
            f"gave up waiting for Polaris job {self.job_id!r}, {seen}: {_failed_polls(self._failures)} in a row, "
            f"for {_span(span)}. The job may still be running; it was not canceled. The last poll failed so: {error}"
        )
        if isinstance(error, PolarisNotFoundError):
            # Source: docs.imply.io/polaris/manage-ingestion-job (cleaning up of the history).
            text += (
                " Check that the connection points to the project of the job; Polaris deletes completed batch jobs "
                "older than 90 days once a project has more than 5000."
            )
        if self.status is not None and not is_known_status(self.status):
            return PolarisJobFailedError(
                with_link(text, self._console_url), job_id=self.job_id, state=self.status, console_url=self._console_url
            )
        return copy_error(error, with_link(text, self._console_url))

    def _message(self, level: int, text: str) -> Message:
        return level, with_link(f"Polaris job {self.job_id!r} {text}", self._console_url)


def copy_error(error: PolarisError, message: str) -> PolarisError:
    """
    Return an error that retry policies treat like ``error``, with another message; the original is its cause.

    Not by calling the class: each has its own arguments, and all that they hold is in the attributes.
    """
    copied = type(error).__new__(type(error), message)
    vars(copied).update(vars(error))
    copied.__cause__ = error
    return copied


def _failed_polls(count: int) -> str:
    return "1 failed poll" if count == 1 else f"{count} failed polls"


def _span(span: timedelta) -> str:
    seconds = max(0.0, span.total_seconds())
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
