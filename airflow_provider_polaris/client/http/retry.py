# SPDX-License-Identifier: Apache-2.0
"""Decide whether and when to retry a request; no clock, no sleep, no I/O."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final

from airflow_provider_polaris.jobs.errors import bounded_wait

#: Transient 4xx statuses.
_TRANSIENT = frozenset({408, 429})
#: Permanent 5xx statuses: not implemented, HTTP version not supported.
_PERMANENT = frozenset({501, 505})
#: Longest date in a header, in characters.
_LONGEST_DATE: Final = 64


class NoAnswerKind(Enum):
    """Why no complete response was received; ``connection_errors`` has a message for each."""

    DNS = "unknown host"
    REFUSED = "connection refused"
    CONNECT = "no connection"
    CONNECT_TIMEOUT = "no connection in time"
    CERTIFICATE = "certificate not trusted"
    TLS = "TLS failed"
    PROXY = "proxy failed"
    READ_TIMEOUT = "none in time"
    DEADLINE = "not complete in time"
    UNACCEPTABLE = "answer not accepted"
    BROKEN = "connection broken"
    ADDRESS = "wrong address"
    SETUP = "wrong settings"


@dataclass(frozen=True)
class Answer:
    """
    A complete HTTP response.

    :param status: HTTP status.
    :param headers: Headers with case-insensitive look-up.
    :param body: The decompressed bytes.
    :param attempts: Number of requests that were sent.
    :param seconds: Time from the first attempt to the response.
    :param is_foreign: Whether this is an error without the form of the service's own: another server has answered.
    """

    status: int
    # Not in the repr: a service may echo the request, including credentials.
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    attempts: int = 1
    seconds: float = 0.0
    is_foreign: bool = False

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx; a redirect is no success."""
        return 200 <= self.status < 300


@dataclass(frozen=True)
class NoAnswer:
    """
    A request without a (complete) response.

    :param kind: The reason.
    :param reason: The system's own text, with secrets masked.
    :param sent: Whether any byte of the request (its body, if it has one) may have reached the service.
    :param attempts: Number of requests that were sent.
    :param seconds: Time from the first attempt to the last failure.
    """

    kind: NoAnswerKind
    reason: str
    sent: bool
    attempts: int = 1
    seconds: float = 0.0


Outcome = Answer | NoAnswer


@dataclass(frozen=True)
class RetryPolicy:
    """
    Decide how long to wait between attempts.

    :param budget: Seconds from the first attempt after which no new one starts.
    :param base: Upper limit of the first wait in seconds; it doubles with each attempt.
    :param cap: Largest upper limit in seconds.
    :param max_attempts: Largest number of requests per call.
    """

    budget: float = 60.0
    base: float = 0.5
    cap: float = 15.0
    max_attempts: int = 10

    def delay(
        self, outcome: Outcome, *, repeatable: bool, attempt: int, elapsed: float, now: datetime, rng: random.Random
    ) -> float | None:
        """
        Return how many seconds to wait before the next attempt.

        The wait has full jitter below an exponential limit. ``Retry-After`` is added to it, so clients that were
        throttled together do not retry together.

        :param outcome: Outcome of the attempt that just ended.
        :param repeatable: Whether the request is idempotent.
        :param attempt: Number of that attempt, from 1.
        :param elapsed: Seconds since the first attempt began.
        :param now: Current time (aware), for a ``Retry-After`` that is a date in a response without ``Date``.
        :param rng: Random numbers for the jitter.
        :return: Seconds; None if there is no further attempt.
        """
        if attempt >= self.max_attempts or not is_retryable(outcome, repeatable=repeatable):
            return None
        jitter = rng.uniform(0.0, min(self.cap, self.base * 2.0 ** (attempt - 1)))
        asked = retry_after(outcome.headers, now) if isinstance(outcome, Answer) else None
        delay = (asked or 0.0) + jitter
        return delay if elapsed + delay <= self.budget else None


def is_retryable(outcome: Outcome, *, repeatable: bool) -> bool:
    """
    Return whether another attempt may succeed and is safe.

    A request that is not idempotent is retried only if it can't have arrived or was rejected with a 429.
    """
    if isinstance(outcome, NoAnswer):
        if outcome.kind in (
            NoAnswerKind.CERTIFICATE,
            NoAnswerKind.ADDRESS,
            NoAnswerKind.SETUP,
            NoAnswerKind.UNACCEPTABLE,
        ):
            return False
        return repeatable or not outcome.sent
    if outcome.status == 429:
        return True
    is_transient = outcome.is_foreign or outcome.status in _TRANSIENT or is_transient_server_error(outcome.status)
    return repeatable and is_transient


def is_transient_server_error(status: int) -> bool:
    """Return whether the status is a transient 5xx."""
    return status >= 500 and status not in _PERMANENT


def is_ambiguous(outcome: Outcome) -> bool:
    """
    Return whether a request may have taken effect although it got no successful response.

    Refusals (4xx except 408, redirects except 303 "see other", 501) are unambiguous, and so is a request that can't
    have been sent. A refusal by another server is ambiguous: it may have forwarded the request.
    """
    if isinstance(outcome, NoAnswer):
        return outcome.sent
    return outcome.is_foreign or outcome.status in (303, 408) or is_transient_server_error(outcome.status)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """
    Parse ``Retry-After`` in both of its forms (RFC 9110, section 10.2.3).

    A date is compared with the ``Date`` of the same response, because the clocks of the two machines may differ. If
    that gives no valid wait, two parts of the service have different clocks, and the local clock is used.

    :param headers: Response headers.
    :param now: Current time (aware) by the local clock.
    :return: Seconds, from 0 to :data:`~airflow_provider_polaris.jobs.errors.LONGEST_WAIT`; None if the header is
        missing or can't be read.
    """
    text = (headers.get("Retry-After") or "").strip()
    if text.isascii() and text.isdigit():
        return bounded_wait(float(text[:9]))
    moment = _date(text)
    if moment is None:
        return None
    sent = _date(headers.get("Date") or "")
    seconds = None if sent is None else (moment - sent).total_seconds()
    if seconds is None or seconds != bounded_wait(seconds):
        seconds = (moment - now).total_seconds()
    return bounded_wait(seconds)


def _date(text: str) -> datetime | None:
    """Return the aware instant of a header; None if it is no date."""
    if len(text) > _LONGEST_DATE:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment
