# SPDX-License-Identifier: Apache-2.0
"""Instants and intervals beyond the years that Python's datetime knows."""

from __future__ import annotations

from datetime import date, datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_polaris.emulator.sql import SqlInvalid
from airflow_provider_polaris.emulator.sql.time.instants import (
    civil_from_days,
    days_from_civil,
    literal,
    parse_instant,
    parse_interval,
    parse_period,
)


@given(st.dates())
def test_days_from_civil_any_date_agrees_with_datetime(day: date):
    """The calendar that is counted here is Python's, where Python has one."""
    days = days_from_civil(day.year, day.month, day.day)
    assert days == day.toordinal() - date(1970, 1, 1).toordinal()
    assert civil_from_days(days) == (day.year, day.month, day.day)


@given(st.integers(min_value=-100_000_000, max_value=100_000_000))
def test_civil_from_days_any_day_comes_back(days: int):
    """Both directions agree for years before 1 and after 9999 too."""
    assert days_from_civil(*civil_from_days(days)) == days


@given(st.datetimes(timezones=st.just(timezone.utc)))
def test_parse_instant_iso_text_comes_back(instant: datetime):
    """An instant read from its ISO text is the same to the millisecond."""
    micros = parse_instant(instant.isoformat().replace("+00:00", "Z"))
    milliseconds = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    assert micros is not None
    assert micros == (milliseconds - datetime(1970, 1, 1, tzinfo=timezone.utc)) // _MICROSECOND


_MICROSECOND = datetime.resolution


@pytest.mark.parametrize(
    "text", ["", "x", "2024-13", "2024-02-30", "2024-06-05T25:00", "2024-06-05T10:00+99:00", "9999999"]
)
def test_parse_instant_no_instant_returns_none(text):
    """What is no instant is not read as one."""
    assert parse_instant(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0/0000-01-02", "('make_timestamp(-62167219200000000)', 'make_timestamp(-62167132800000000)')"),
        ("2024-01-31/P1M", "(\"TIMESTAMP '2024-01-31 00:00:00'\", \"TIMESTAMP '2024-02-29 00:00:00'\")"),
        ("P1Y1M/2025-03-29", "(\"TIMESTAMP '2024-02-29 00:00:00'\", \"TIMESTAMP '2025-03-29 00:00:00'\")"),
        (
            "2024-01-01T00:00:00.5/PT1S",
            "(\"TIMESTAMP '2024-01-01 00:00:00.500000'\", \"TIMESTAMP '2024-01-01 00:00:01.500000'\")",
        ),
    ],
)
def test_parse_interval_bounds_as_sql(text, expected):
    """Bounds come out as literals that DuckDB reads; periods follow the calendar."""
    start, end = parse_interval(text)
    assert repr((literal(start), literal(end))) == expected


@pytest.mark.parametrize("text", ["-1000-01-01/5000-01-01", "-0001-12-31/0", "0/P10000Y", "2024/10000", "P1D/0"])
def test_parse_interval_outside_of_four_digits_is_refused(text):
    """OBSERVED(Druid 27 and 33): the query fails; the bounds of the Jobs API are no interval in SQL."""
    with pytest.raises(SqlInvalid) as caught:
        parse_interval(text)
    assert str(caught.value) == (
        f"Invalid interval {text!r}: it must lie in the years 0 to 9999; write 0 for an open start"
    )


@pytest.mark.parametrize("text", ["", "/", "P1D/P1D", "2024", "2024/2025/2026", "2024-01-01/P", "a/b"])
def test_parse_interval_malformed_is_refused(text):
    """A malformed interval is an error, never an empty or an open one."""
    with pytest.raises(SqlInvalid):
        parse_interval(text)


def test_parse_period_parts_are_added_up():
    """Weeks count as days, hours and minutes as microseconds."""
    period = parse_period("P1Y2M3W4DT5H6M7.5S")
    assert (period.total_months, period.total_days, period.clock_us) == (14, 25, 18_367_500_000)
