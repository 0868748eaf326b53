"""Whether and when to try a request again: pure decisions, no clock, no sleep, no I/O."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final

from airflow_provider_polaris.jobs.errors import bounded_wait

#: 4xx that speak of the moment and not of the request.
_PASSING = frozenset({408, 429})
#: 5xx that will be the same next time: not implemented, HTTP version not supported.
_LASTING = frozenset({501, 505})
#: Characters of a date in a header; a longer text is none.
_LONGEST_DATE: Final = 64


class NoAnswerKind(Enum):
    """Why no (whole) answer came; each has a sentence of its own in ``failures``."""

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
    An HTTP answer, read to its end.

    :param status: HTTP status.
    :param headers: With case-insensitive look-up.
    :param body: The bytes, decompressed.
    :param attempts: How many requests it took.
    :param seconds: From the first attempt to the answer.
    :param is_foreign: An error that doesn't have the form of the service's own: something else has answered.
    """

    status: int
    # Not in the repr: a service may repeat what it was sent, credentials included.
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    attempts: int = 1
    seconds: float = 0.0
    is_foreign: bool = False

    @property
    def is_success(self) -> bool:
        """2xx; a redirect is none."""
        return 200 <= self.status < 300


@dataclass(frozen=True)
class NoAnswer:
    """
    No answer.

    :param kind: Why.
    :param reason: The system's own text, secrets masked.
    :param sent: Whether any byte of the request (its body, if it has one) may have reached the service.
    :param attempts: How many requests it took.
    :param seconds: From the first attempt to the last failure.
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
    How long to wait between attempts.

    :param budget: Seconds from the first attempt after which no new one starts.
    :param base: Ceiling of the first wait; it doubles with each attempt.
    :param cap: Highest ceiling.
    :param max_attempts: Bound on the number of requests of one call.
    """

    budget: float = 60.0
    base: float = 0.5
    cap: float = 15.0
    max_attempts: int = 10

    def delay(
        self, outcome: Outcome, *, repeatable: bool, attempt: int, elapsed: float, now: datetime, rng: random.Random
    ) -> float | None:
        """
        Say how many seconds to wait before the next attempt.

        Full jitter on an exponential ceiling; what ``Retry-After`` asks for comes on top, so that clients that were
        sent away together do not come back together.

        :param outcome: Of the attempt that just ended.
        :param repeatable: Whether the service may see the request twice.
        :param attempt: Number of that attempt, from 1.
        :param elapsed: Seconds since the first attempt began.
        :param now: For a ``Retry-After`` that is a date, in an answer without one.
        :param rng: For the jitter.
        :return: None if the call ends here.
        """
        if attempt >= self.max_attempts or not is_retryable(outcome, repeatable=repeatable):
            return None
        jitter = rng.uniform(0.0, min(self.cap, self.base * 2.0 ** (attempt - 1)))
        asked = retry_after(outcome.headers, now) if isinstance(outcome, Answer) else None
        delay = (asked or 0.0) + jitter
        return delay if elapsed + delay <= self.budget else None


def is_retryable(outcome: Outcome, *, repeatable: bool) -> bool:
    """
    Say whether another attempt could help and can do no harm.

    A request that must not be seen twice is tried again only if it can't have arrived, or was refused with a 429.
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
    is_passing = outcome.is_foreign or outcome.status in _PASSING or is_passing_server_error(outcome.status)
    return repeatable and is_passing


def is_passing_server_error(status: int) -> bool:
    """Whether the status is a 5xx that may be gone in a moment."""
    return status >= 500 and status not in _LASTING


def is_ambiguous(outcome: Outcome) -> bool:
    """
    Say whether a request may have taken effect although no success was seen.

    Refusals (4xx but 408, redirects but 303 "see other", 501) are clear; what can't have been sent is clear too. A
    refusal by something else than the service proves nothing: the request may have passed it.
    """
    if isinstance(outcome, NoAnswer):
        return outcome.sent
    return outcome.is_foreign or outcome.status in (303, 408) or is_passing_server_error(outcome.status)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """
    Read ``Retry-After`` in both of its forms (RFC 9110, section 10.2.3).

    A date is measured by the ``Date`` of the same answer, because the clocks of the two machines may differ. Where that
    gives no sensible wait, two parts of the service have different clocks, and ours counts.

    :param headers: Of the answer.
    :param now: Aware; the present by our clock.
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
    """Return the aware instant of a header, None if it is no date."""
    if len(text) > _LONGEST_DATE:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment
