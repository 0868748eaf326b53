# SPDX-License-Identifier: Apache-2.0
"""Intervals and granularities of the emulator."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from airflow_provider_polaris.emulator.wire.intervals import EARLIEST, Interval, IntervalError, floor, parse_interval


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2024-06-01/2024-06-02", at(2024, 6, 1), at(2024, 6, 2)),
        ("2024/2025", at(2024, 1, 1), at(2025, 1, 1)),
        ("2024-06/2024-07", at(2024, 6, 1), at(2024, 7, 1)),
        ("2024-06-01T08/2024-06-01T10:30", at(2024, 6, 1, 8), at(2024, 6, 1, 10, 30)),
        ("2024-06-01T00:00:00.000Z/2024-06-01T08:00:00,5Z", at(2024, 6, 1), at(2024, 6, 1, 8, 0, 0, 500_000)),
        ("2024-06-01T02:00:00+02:00/2024-06-01T00:00:00-0130", at(2024, 6, 1), at(2024, 6, 1, 1, 30)),
        ("2024-06-01T00:00:00.123456789Z/P1D", at(2024, 6, 1, 0, 0, 0, 123_000), at(2024, 6, 2, 0, 0, 0, 123_000)),
        ("2015-07-01/P100D", at(2015, 7, 1), at(2015, 10, 9)),
        ("2024-01-31/P1M", at(2024, 1, 31), at(2024, 2, 29)),
        ("P1Y2M1W/2024-03-08", at(2023, 1, 1), at(2024, 3, 8)),
        ("2024-06-01/PT1H30M15S", at(2024, 6, 1), at(2024, 6, 1, 1, 30, 15)),
        ("-1000-01-01T00:00:00.000Z/5000-01-01T00:00:00.000Z", EARLIEST, at(5000, 1, 1)),
    ],
)
def test_parse_interval_iso_8601_forms_are_read(text: str, start: datetime, end: datetime) -> None:
    """Every form that the vendor's reference shows, in UTC and to the millisecond."""
    assert parse_interval(text) == Interval(start, end)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is not of the form start/end, start/period or period/end"),
        ("2024-06-01", "it is not of the form start/end, start/period or period/end"),
        ("a/b/c", "it is not of the form start/end, start/period or period/end"),
        ("yesterday/today", "'yesterday' is not an ISO 8601 instant"),
        ("2024-06-01 00:00/2024-06-02", "'2024-06-01 00:00' is not an ISO 8601 instant"),
        ("2024-02-30/2024-03-01", "'2024-02-30' is not an instant: day is out of range for month"),
        ("2024-06-01/P", "'P' is not an ISO 8601 period"),
        ("2024-06-01/PT", "'PT' is not an ISO 8601 period"),
        ("P1D/P1D", "'P1D' is not an ISO 8601 instant"),
        ("2024-06-01/2024-06-01", "it is empty: its start equals its end"),
        ("2024-06-02/2024-06-01", "it is reversed: its end is before its start"),
        ("2024-06-01/P99999Y", "it leaves the range of years"),
        ("٢٠٢٤-٠٦-٠١/2024-06-02", "'٢٠٢٤-٠٦-٠١' is not an ISO 8601 instant"),
    ],
)
def test_parse_interval_other_text_is_refused(text: str, reason: str) -> None:
    """The reason is a clause for the end of an error message."""
    with pytest.raises(IntervalError) as caught:
        parse_interval(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("granularity", "start"),
    [
        ("second", at(2024, 8, 15, 13, 47, 31)),
        ("five_minute", at(2024, 8, 15, 13, 45)),
        ("thirty_minute", at(2024, 8, 15, 13, 30)),
        ("six_hour", at(2024, 8, 15, 12)),
        ("eight_hour", at(2024, 8, 15, 8)),
        ("day", at(2024, 8, 15)),
        ("week", at(2024, 8, 12)),
        ("month", at(2024, 8, 1)),
        ("quarter", at(2024, 7, 1)),
        ("year", at(2024, 1, 1)),
        ("all", EARLIEST),
    ],
)
def test_floor_gives_the_start_of_the_bucket(granularity: str, start: datetime) -> None:
    """Buckets are those of UTC; a month, a quarter and a year those of the calendar."""
    assert floor(at(2024, 8, 15, 13, 47, 31, 500_000), granularity) == start
    assert floor(start, granularity) == start


@pytest.mark.parametrize(
    ("text", "granularity", "aligned"),
    [
        ("2022-06-01/2022-06-09", "day", True),
        ("2022-06-01T00:00:00Z/2022-06-01T08:00:00Z", "day", False),
        ("2022-06-01T00:00:00Z/2022-06-01T08:00:00Z", "eight_hour", True),
        ("2022-06-01T00:00:00Z/2022-06-01T08:00:00Z", "six_hour", False),
        ("2024-01-01/2024-04-01", "quarter", True),
        ("2024-02-01/2024-05-01", "quarter", False),
        ("2024-01-01/2024-02-01", "all", False),
        ("-1000-01-01/5000-01-01", "all", False),  # OBSERVED(Druid 27)
        ("-1000-01-01/5000-01-01", "month", True),
        ("0500-01-01/0501-01-01", "year", True),
    ],
)
def test_is_aligned_both_ends_start_a_bucket(text: str, granularity: str, aligned: bool) -> None:
    """The vendor's own examples, and the calendar's."""
    assert parse_interval(text).is_aligned(granularity) is aligned


def test_interval_text_has_milliseconds_and_z() -> None:
    """An interval is written as the vendor writes its default, the open start included."""
    assert str(parse_interval("-1000-01-01/5000-01-01")) == "-1000-01-01T00:00:00.000Z/5000-01-01T00:00:00.000Z"
    assert str(parse_interval("0999-01-01/PT1S")) == "0999-01-01T00:00:00.000Z/0999-01-01T00:00:01.000Z"
