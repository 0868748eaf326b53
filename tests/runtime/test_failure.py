# SPDX-License-Identifier: Apache-2.0
"""The end of a failed task's log: one message, the explanation, one traceback."""

from __future__ import annotations

import logging
import traceback

import pytest

from airflow_provider_polaris.jobs.errors import PolarisError, PolarisSpecError, PolarisTransportError
from airflow_provider_polaris.runtime.compat import AirflowFailException
from airflow_provider_polaris.runtime.failure import fail_without_retry

LOG = logging.getLogger("test.failing")


def test_error_that_a_retry_would_meet_again_fails_for_good_with_one_traceback(caplog: pytest.LogCaptureFixture):
    """Airflow prints the cause first; thirty frames would hide the message, so they are logged at debug level only."""
    with (
        caplog.at_level(logging.DEBUG, LOG.name),
        pytest.raises(AirflowFailException) as caught,
        fail_without_retry(LOG),
    ):
        raise PolarisSpecError("interval is empty. Set one.")

    assert str(caught.value) == "interval is empty. Set one."
    printed = "".join(traceback.format_exception(caught.value))
    assert printed.startswith("airflow_provider_polaris.jobs.errors.PolarisSpecError: interval is empty. Set one.\n")
    assert printed.count("Traceback (most recent call last)") == 1
    assert [(record.levelname, record.getMessage(), record.exc_info is None) for record in caplog.records] == [
        ("ERROR", "interval is empty. Set one.", True),
        (
            "INFO",
            ("What PolarisSpecError means and what to do: python -m airflow_provider_polaris explain PolarisSpecError"),
            True,
        ),
        ("DEBUG", "How it came to that:", False),
    ]


def test_error_that_may_pass_is_left_to_airflows_retries():
    """Retries and retry policies receive its class."""
    error: PolarisError = PolarisTransportError("no answer.")
    with pytest.raises(PolarisTransportError) as caught, fail_without_retry(LOG):
        raise error

    assert caught.value is error


def test_error_of_somebody_else_passes_without_a_word(caplog: pytest.LogCaptureFixture):
    """An error of another package has no entry in the documentation."""
    with caplog.at_level(logging.DEBUG, LOG.name), pytest.raises(KeyError), fail_without_retry(LOG):
        raise KeyError("x")

    assert caplog.records == []
