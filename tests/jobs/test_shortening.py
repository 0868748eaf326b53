# SPDX-License-Identifier: Apache-2.0
"""Texts of the service have a limited length before they are stored or logged."""

from __future__ import annotations

import math

import pytest

from airflow_provider_polaris.jobs.errors import (
    LONGEST_WAIT,
    PolarisNotFoundError,
    PolarisProtocolError,
    PolarisThrottledError,
    bounded_wait,
)
from airflow_provider_polaris.jobs.shortening import LONGEST_TEXT, LONGEST_WORD, shorten, shorten_error
from airflow_provider_polaris.jobs.status.health import Health, LogEntry
from airflow_provider_polaris.jobs.status.pending_warning import PendingWarning
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.status.statuses import normalize_status


def test_brief_returns_a_short_error_itself() -> None:
    """Nearly all errors are short and are not copied."""
    error = PolarisNotFoundError("no such job", status=404, code="NotFound", vendor_message="no such job")
    assert shorten_error(error) is error


def test_brief_shortens_every_text_of_an_error_and_keeps_its_kind() -> None:
    """Message, code and vendor text are shortened; numbers are kept, and the long original isn't kept as a cause."""
    error = PolarisThrottledError(
        "m" * 5_000_000, status=429, code="c" * 5_000_000, vendor_message="v" * 5_000_000, retry_after=7.0
    )
    short = shorten_error(error)
    assert type(short) is PolarisThrottledError
    assert str(short) == shorten("m" * 5_000_000, LONGEST_TEXT)
    assert short.code == shorten("c" * 5_000_000, LONGEST_WORD)
    assert short.vendor_message == shorten("v" * 5_000_000, LONGEST_TEXT)
    assert (short.status, short.retry_after, short.__cause__) == (429, 7.0, None)


def test_brief_shortens_a_code_under_a_short_message() -> None:
    """A code is stored in memory and compared even if the message omits it."""
    error = PolarisNotFoundError("no such job", status=404, code="c" * 1000)
    assert shorten_error(error).code == shorten("c" * 1000, LONGEST_WORD)


def test_brief_takes_errors_without_fields() -> None:
    """An error that has only its message is shortened, too."""
    assert str(shorten_error(PolarisProtocolError("p" * 9000))) == shorten("p" * 9000, LONGEST_TEXT)


def test_status_of_megabytes_is_shortened_wherever_it_is_read() -> None:
    """The word is unknown in any case; its length shows that it is no status."""
    assert normalize_status("B" * 5_000_000) == f"{'B' * 178}… (5000000 characters)"
    assert JobState.from_wire({"id": "j", "executionStatus": "B" * 300}).status == f"{'B' * 182}… (300 characters)"


def test_warning_of_a_pending_job_is_shortened() -> None:
    """Health and log of a job may have any length."""
    log = tuple(LogEntry(message="x" * 1000) for _ in range(1000))
    job = JobState("j", "batch", "pending", health=Health("warn", "c", "m" * 100_000, log))
    warning = PendingWarning(1.0, 0.0).warning(job, 10.0)
    assert warning is not None
    assert LONGEST_TEXT < len(warning) < LONGEST_TEXT + 300


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        (None, None),
        (math.nan, None),
        (0.0, 0.0),
        (30.0, 30.0),
        (-5.0, 0.0),
        (-math.inf, 0.0),
        (7200.0, 7200.0),
        (315_360_000.0, LONGEST_WAIT),
        (math.inf, LONGEST_WAIT),
    ],
)
def test_wait_that_is_asked_for_is_bounded(asked: float | None, waited: float | None) -> None:
    """At most two hours, never negative, None for invalid values; also for an error that is created by hand."""
    assert bounded_wait(asked) == waited
    assert PolarisThrottledError("slow down", status=429, retry_after=asked).retry_after == waited
