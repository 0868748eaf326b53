# SPDX-License-Identifier: Apache-2.0
"""Decisions without I/O: whether and when to retry."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_polaris.client.http.retry import (
    Answer,
    NoAnswer,
    NoAnswerKind,
    Outcome,
    RetryPolicy,
    is_ambiguous,
    is_retryable,
    retry_after,
)

NOW = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)


def answer(status: int, **headers: str) -> Answer:
    return Answer(status, headers, b"")


SENT = NoAnswer(NoAnswerKind.READ_TIMEOUT, "timed out", sent=True)
UNSENT = NoAnswer(NoAnswerKind.REFUSED, "refused", sent=False)
CERTIFICATE = NoAnswer(NoAnswerKind.CERTIFICATE, "self-signed certificate", sent=False)


@pytest.mark.parametrize(
    ("outcome", "repeatable", "once", "ambiguous"),
    [
        (answer(200), False, False, False),
        (answer(303), False, False, True),
        (answer(307), False, False, False),
        (answer(400), False, False, False),
        (answer(401), False, False, False),
        (answer(404), False, False, False),
        (answer(408), True, False, True),
        (answer(409), False, False, False),
        (answer(429), True, True, False),
        (answer(500), True, False, True),
        (answer(501), False, False, False),
        (answer(502), True, False, True),
        (answer(503), True, False, True),
        (answer(504), True, False, True),
        (answer(520), True, False, True),
        (SENT, True, False, True),
        (UNSENT, True, True, False),
        (CERTIFICATE, False, False, False),
    ],
)
def test_outcome_decides_whether_to_try_again(outcome: Outcome, repeatable: bool, once: bool, ambiguous: bool) -> None:
    """The whole matrix: idempotent calls, calls that must not happen twice, and ambiguous outcomes."""
    assert is_retryable(outcome, repeatable=True) is repeatable
    assert is_retryable(outcome, repeatable=False) is once
    assert is_ambiguous(outcome) is ambiguous


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Sat, 01 Jun 2024 12:00:30 GMT", 30.0),
        ("Saturday, 01-Jun-24 12:00:30 GMT", 30.0),
        ("Sat, 01 Jun 2024 11:59:00 GMT", 0.0),
        ("Sat, 01 Jun 2024 14:00:10 +0200", 10.0),
        ("99999999999999", 7200.0),
        ("9" * 400, 7200.0),
        ("Fri, 01 Jun 2299 12:00:00 GMT", 7200.0),
        ("Sat, 01 Jun 2024 12:00:00 +9999999999", None),
        ("Sat, 01 Jun 2024 12:00:00 " + "G" * 60_000, None),
        ("nan", None),
        ("inf", None),
        ("-3", None),
        ("1.5", None),
        ("soon", None),
        ("²", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str, seconds: float | None) -> None:
    """Seconds and dates are parsed; a past date means 0, an invalid value means none."""
    assert retry_after({"Retry-After": value}, NOW) == seconds


@pytest.mark.parametrize(
    ("date", "value", "seconds"),
    [
        ("Sat, 01 Jun 2030 12:00:00 GMT", "Sat, 01 Jun 2030 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:07 GMT", 7.0),
        ("Sat, 01 Jun 2030 12:00:00 GMT", "30", 30.0),
        ("Sat, 01 Jun 2030 12:00:00 GMT", "Sat, 01 Jun 2024 12:00:30 GMT", 30.0),
        ("Sat, 01 Jun 2030 12:00:00 GMT", "Sat, 01 Jun 2024 11:00:00 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", "Sat, 01 Jun 2024 12:00:30 GMT", 30.0),
        ("Sat, 01 Jun 2030 12:00:00 GMT", "Fri, 01 Jun 2299 12:00:00 GMT", 7200.0),
        ("the day before", "Sat, 01 Jun 2024 12:00:30 GMT", 30.0),
        ("", "Sat, 01 Jun 2024 12:00:30 GMT", 30.0),
    ],
)
def test_retry_after_that_is_a_date_is_measured_by_the_answers_own_clock(date: str, value: str, seconds: float) -> None:
    """The clock of the service may be years off; without a valid Date, the local clock is used."""
    assert retry_after({"Date": date, "Retry-After": value}, NOW) == seconds


def test_delay_doubles_to_a_cap_under_full_jitter() -> None:
    """Each wait is drawn from 0 up to a limit that doubles."""

    class Ceiling(random.Random):
        def uniform(self, a: float, b: float) -> float:
            assert a == 0.0
            return b

    policy = RetryPolicy(budget=1e9)
    delays = [
        policy.delay(answer(503), repeatable=True, attempt=attempt, elapsed=0, now=NOW, rng=Ceiling())
        for attempt in range(1, 11)
    ]
    assert delays == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0, 15.0, None]


def test_delay_honours_retry_after_and_never_comes_early() -> None:
    """The wait that the service requests is the minimum; jitter is added."""
    policy = RetryPolicy()
    delays = [
        policy.delay(
            answer(429, **{"Retry-After": "9"}),
            repeatable=False,
            attempt=1,
            elapsed=0,
            now=NOW,
            rng=random.Random(seed),
        )
        for seed in range(20)
    ]
    assert all(delay is not None and 9.0 <= delay <= 9.5 for delay in delays)
    assert len(set(delays)) > 10


def test_delay_beyond_the_budget_ends_the_call() -> None:
    """A wait that would end after the budget doesn't start."""
    policy = RetryPolicy(budget=60)
    asked = answer(503, **{"Retry-After": "59"})
    rng = random.Random(0)
    assert policy.delay(asked, repeatable=True, attempt=1, elapsed=0, now=NOW, rng=rng) is not None
    assert policy.delay(asked, repeatable=True, attempt=1, elapsed=2, now=NOW, rng=rng) is None
    dated = answer(503, **{"Retry-After": "Sat, 01 Jun 2024 13:00:00 GMT"})
    assert policy.delay(dated, repeatable=True, attempt=1, elapsed=0, now=NOW, rng=rng) is None
    later = NOW + timedelta(minutes=59, seconds=30)
    assert policy.delay(dated, repeatable=True, attempt=1, elapsed=0, now=later, rng=rng) is not None
