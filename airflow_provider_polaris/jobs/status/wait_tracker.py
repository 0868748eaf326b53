# SPDX-License-Identifier: Apache-2.0
"""
Decide after each poll whether to keep waiting for a job; performs no I/O, does not read the clock, and never blocks.

Each wait for a job has one :class:`WaitTracker`. Operator and sensor pass it the result of every poll and follow its
:class:`WaitDecision`, so that both end, give up and log by the same rules.
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
from airflow_provider_polaris.jobs.status.statuses import STATUSES, TERMINAL_STATUSES, is_known_status, normalize_status
from airflow_provider_polaris.jobs.time.instant import as_utc

Decision = Literal["wait", "ended", "deadline", "gave_up"]

#: Level of :mod:`logging` and one line of text. The polling code logs it once, immediately.
Message = tuple[int, str]

#: Time after the start of the wait in which a 404 causes no warning: a new job may not be visible everywhere yet.
_YOUNG: Final = timedelta(minutes=2)
#: Maximum number of abnormal statuses, and of kinds of consecutive errors, that one wait warns about.
_MOST_WARNINGS: Final = 10


@dataclass(frozen=True)
class WaitDecision:
    """
    The next step after one poll.

    :param decision: ``wait``: poll again. ``ended``: the status is terminal; describe the job and evaluate its result.
        ``deadline``: the deadline is reached; cancel the job if configured, then raise ``error``. ``gave_up``: raise
        ``error`` and do not cancel the job.
    :param messages: Messages to log now; each is returned once.
    :param error: Set with ``deadline`` and ``gave_up``.
    """

    decision: Decision
    messages: tuple[Message, ...] = ()
    error: PolarisError | None = None


class WaitTracker:
    """
    Record the polls of one job and decide whether to keep waiting.

    - A terminal status ends the wait, even if it is polled after the deadline.
    - ``idle`` and ``suspended`` continue the wait, with one warning: a user can resume the job.
    - ``unknown`` and unknown words continue the wait for ``unknown_grace``, counted from the first of them in a row.
      Then the tracker gives up. The result of the job is unknown, so no new job must be submitted:
      :func:`~.completion.is_permanent_failure` is true for the error.
    - A failed poll, 401, 403 and 404 included, has no effect until every poll has failed for ``failure_budget``,
      counted from the first failure in a row. Then the tracker gives up with an error of the last failure's class and
      text. If the last status was ``unknown``, the error is the one for that status.
    - ``deadline`` is checked at each poll; None means no deadline.

    :param job_id: Id of the job, for the messages.
    :param now: Start of the wait, aware; every later ``now`` is from the same clock.
    :param deadline: Absolute instant, aware.
    :param failure_budget: Longest time in which every poll may fail.
    :param unknown_grace: Longest time for which the status may be unknown.
    :param console_url: Page of the job, added to each message.
    """

    # One triggerer may hold ten thousand trackers: slots, and tuples instead of sets, save memory.
    __slots__ = (
        "_console_url",
        "_failing_since",
        "_failure_budget",
        "_failures",
        "_failures_logged",
        "_last_failure",
        "_percent",
        "_start",
        "_statuses_logged",
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
        #: The last polled status; None before the first.
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
        self._statuses_logged: tuple[str, ...] = ()
        self._failures_logged: tuple[object, ...] = ()

    def record_status(self, status: str, now: datetime) -> WaitDecision:
        """
        Record the status that a poll returned.

        :param status: ``executionStatus`` as Polaris wrote it.
        :param now: Time of the poll.
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

    def record_error(self, error: PolarisError, now: datetime) -> WaitDecision:
        """
        Record a poll that failed.

        :param error: Error of the poll.
        :param now: Time of the poll.
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
        Record the job's progress.

        :param fraction: 0 to 1; None if the job has none. Values outside of that range, or lower than before, are
            ignored.
        :param now: Time of the poll.
        :return: One INFO message if at least one more whole percent is done, otherwise none.
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

        :param aftermath: What happened to the job, such as ``it was canceled because cancel_on_timeout=True``.
        """
        seen = f"was still {self.status!r}" if self.status is not None else "had not been seen once"
        text = f"Job {self.job_id!r} {seen}"
        if self.deadline is not None:
            at = as_utc(self.deadline).isoformat(timespec="seconds").replace("+00:00", "Z")
            text += f" at the deadline {at}, {_span(self.deadline - self._start)} into the wait"
        if aftermath:
            text += f"; {aftermath}"
        text += ". Raise timeout= or execution_timeout=, whichever set the deadline, or split the interval."
        if self._failing_since is not None:
            text += f" There were {_failed_polls(self._failures)} in a row, the last error: {self._last_failure}"
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
        is_logged = status in self._statuses_logged or len(self._statuses_logged) >= _MOST_WARNINGS
        if (info is None or info.is_abnormal) and not is_logged:
            self._statuses_logged += (status,)
            meaning = (
                f"a job that {info.meaning}" if info is not None else "a status that this provider does not support"
            )
            wait = (
                "the wait continues; resume or cancel the job in the service's console"
                if is_known_status(status)
                else f"the wait continues for {_span(self._unknown_grace)}"
            )
            messages.append(self._message(logging.WARNING, f"is {status!r}, {meaning}: {wait}"))
        return messages

    def _recovery(self, now: datetime) -> list[Message]:
        if self._failing_since is None:
            return []
        span, failures = now - self._failing_since, self._failures
        self._failing_since, self._failures, self._last_failure = None, 0, None
        self._failures_logged = ()
        return [self._message(logging.INFO, f"can be polled again after {_failed_polls(failures)} in {_span(span)}")]

    def _failure(self, error: PolarisError, now: datetime) -> tuple[Message, ...]:
        is_young = isinstance(error, PolarisNotFoundError) and now - self._start < _YOUNG
        # Do not compare the text: it may contain a request id, and then each poll would be logged.
        key = (type(error), getattr(error, "status", None), getattr(error, "code", None), is_young)
        if key in self._failures_logged or len(self._failures_logged) >= _MOST_WARNINGS:
            return ()
        self._failures_logged += (key,)
        if is_young:
            return (self._message(logging.INFO, f"is not visible yet; the wait continues: {error}"),)
        limit = f"the wait continues for {_span(self._failure_budget)} without an answer"
        return (self._message(logging.WARNING, f"can't be polled; {limit}: {error}"),)

    def _unknown_error(self, span: timedelta) -> PolarisJobFailedError:
        why = (
            "The service cannot determine it"
            if self.status == "unknown"
            else "this version of the provider does not support it"
        )
        text = (
            f"Job {self.job_id!r} has had the status {self.status!r} for {_span(span)}, and {why}. "
            "The job may still be running, so no new one was submitted and it was not canceled. "
            "Check the job in the console, ask the service's support if the status stays, "
            "and mark or clear the task once the job has ended."
        )
        return PolarisJobFailedError(
            with_link(text, self._console_url), job_id=self.job_id, state=self.status, console_url=self._console_url
        )

    def _unanswered_error(self, error: PolarisError, span: timedelta) -> PolarisError:
        seen = f"last seen {self.status!r}" if self.status is not None else "never seen"
        text = (
            f"gave up waiting for job {self.job_id!r}, {seen}: {_failed_polls(self._failures)} in a row, "
            f"for {_span(span)}. The job may still be running; it was not canceled. The last error: {error}"
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
        return level, with_link(f"Job {self.job_id!r} {text}", self._console_url)


def copy_error(error: PolarisError, message: str) -> PolarisError:
    """
    Copy an error with another message, so that retry policies treat it in the same way; the original is its cause.

    The copy does not call the class, because each class has other arguments. The attributes hold all their values.
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
