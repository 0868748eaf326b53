# SPDX-License-Identifier: Apache-2.0
"""Conditions on time in SQL."""

from __future__ import annotations

from airflow_provider_polaris.jobs.sql.time_filter import inside, inside_any
from airflow_provider_polaris.jobs.time.interval import Interval

JUNE = Interval.parse("2024-06-01/2024-07-01")


def test_open_start_is_the_year_0() -> None:
    """OBSERVED(Druid 27 and 33): an interval that starts before the year 0 fails the query."""
    assert inside("t", Interval.ETERNITY) == "TIME_IN_INTERVAL(t, '0/5000-01-01T00:00:00.000Z')"


def test_several_intervals_are_alternatives() -> None:
    """A row of any of them counts."""
    assert inside_any('"__time"', [JUNE, Interval.parse("2025-01-01/P1D")]) == (
        "TIME_IN_INTERVAL(\"__time\", '2024-06-01T00:00:00.000Z/2024-07-01T00:00:00.000Z') OR "
        "TIME_IN_INTERVAL(\"__time\", '2025-01-01T00:00:00.000Z/2025-01-02T00:00:00.000Z')"
    )
