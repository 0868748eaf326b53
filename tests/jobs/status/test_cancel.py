# SPDX-License-Identifier: Apache-2.0
"""Results of a cancel request."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.jobs.status.state import CancelResult


@pytest.mark.parametrize(
    "status, ended",
    [
        ("canceled", True),
        ("COMPLETED", True),
        ("failed", True),
        ("running", False),
        ("pondering", False),
        (None, False),
    ],
)
def test_cancel_result_has_ended_only_with_a_terminal_status(status: str | None, ended: bool) -> None:
    """A job with an unknown status may run on."""
    assert CancelResult(status).has_ended is ended
