# SPDX-License-Identifier: Apache-2.0
"""Interval: a value with two ends; formatting, moving and comparing."""

from __future__ import annotations

import copy
import pickle
from datetime import datetime, timedelta, timezone

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_polaris.jobs.errors import PolarisError, PolarisSpecError
from airflow_provider_polaris.jobs.time.interval import Interval
from tests.jobs.intervals import EMPTY, JUNE_FIRST, NAIVE, SWAP, UTC, intervals, utc


@given(intervals())
def test_wire_round_trip_is_the_identity(interval: Interval) -> None:
    """A formatted interval is parsed as the same interval."""
    assert Interval.parse(interval.to_wire()) == interval


def test_wire_of_eternity_is_the_vendors_default() -> None:
    """The open interval is formatted as Polaris writes its default, and parsed again."""
    assert Interval.ETERNITY.to_wire() == "-1000-01-01T00:00:00.000Z/5000-01-01T00:00:00.000Z"
    assert Interval.parse("-1000-01-01/5000-01-01") == Interval.ETERNITY
    assert Interval.ETERNITY.start == datetime.min.replace(tzinfo=UTC)


def test_constructor_drops_what_is_finer_than_a_millisecond_downwards() -> None:
    """Adjacent intervals stay adjacent after their ends are rounded to milliseconds."""
    middle = utc(2024, 6, 1, 0, 0, 0, 1_999)
    first, second = Interval(utc(2024, 6, 1), middle), Interval(middle, utc(2024, 6, 2))
    assert first.end == second.start == utc(2024, 6, 1, 0, 0, 0, 1_000)


def test_constructor_turns_any_zone_and_pendulum_into_plain_utc() -> None:
    """Ends are plain datetimes in UTC, so that equal intervals are equal in every way."""
    interval = Interval(pendulum.datetime(2024, 6, 1, 2, tz="Europe/Berlin"), utc(2024, 6, 2))
    assert type(interval.start) is datetime
    assert interval.start.tzinfo is UTC
    assert repr(interval) == "<Interval 2024-06-01T00:00:00.000Z/2024-06-02T00:00:00.000Z>"
    assert hash(interval) == hash(Interval(*JUNE_FIRST))


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (
            NAIVE,
            utc(2024, 6, 2),
            (
                "datetime.datetime(2024, 6, 1, 0, 0) is not an instant: a datetime with a time zone is needed. "
                "Add tzinfo=timezone.utc, or write it as ISO 8601 text, where a missing zone means UTC."
            ),
        ),
        (
            utc(2024, 6, 2),
            utc(2024, 6, 1),
            f"interval '2024-06-02T00:00:00.000Z/2024-06-01T00:00:00.000Z' {SWAP}",
        ),
        (
            utc(2024, 6, 1),
            utc(2024, 6, 1),
            f"interval '2024-06-01T00:00:00.000Z/2024-06-01T00:00:00.000Z' {EMPTY}",
        ),
        (
            datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
            utc(2024, 6, 1),
            "'0001-01-01T00:00:00+01:00' lies outside the years 1 to 9999 in UTC.",
        ),
    ],
)
def test_constructor_refuses_naive_reversed_and_empty(start: datetime, end: datetime, message: str) -> None:
    """An interval that exists is never empty, reversed or without a zone."""
    with pytest.raises(PolarisSpecError) as caught:
        Interval(start, end)
    assert str(caught.value) == message


def test_interval_is_immutable_ordered_and_picklable() -> None:
    """Intervals are values: immutable, sortable by start then end, and equal after pickle and copy."""
    day, later = Interval.parse("2024-06-01/P1D"), Interval.parse("2024-06-01/P2D")
    with pytest.raises(AttributeError):
        day.start = utc(2020, 1, 1)  # type: ignore[misc]
    assert sorted([later, day]) == [day, later]
    assert pickle.loads(pickle.dumps(day)) == copy.deepcopy(day) == day


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("P1D", "2024-02-01T00:00:00.000Z/2024-03-02T00:00:00.000Z"),
        ("P1M", "2024-02-29T00:00:00.000Z/2024-04-01T00:00:00.000Z"),
        ("-P1M", "2023-12-31T00:00:00.000Z/2024-02-01T00:00:00.000Z"),
        ("-P1Y", "2023-01-31T00:00:00.000Z/2023-03-01T00:00:00.000Z"),
        (timedelta(hours=-1), "2024-01-30T23:00:00.000Z/2024-02-29T23:00:00.000Z"),
    ],
)
def test_shift_moves_both_ends_by_the_calendar(period: str | timedelta, expected: str) -> None:
    """Both ends move by the same period; months are calendar months."""
    assert Interval.parse("2024-01-31/2024-03-01").shift(period).to_wire() == expected


@given(
    intervals(),
    st.timedeltas(timedelta(days=-100), timedelta(days=100)).map(lambda step: step - step % timedelta(milliseconds=1)),
)
def test_shift_there_and_back_is_the_identity(interval: Interval, step: timedelta) -> None:
    """An exact shift can be undone."""
    try:
        moved = interval.shift(step)
    except PolarisSpecError:
        assert interval.start.year == 1
        return
    if moved.start != Interval.ETERNITY.start and interval.end != Interval.ETERNITY.end != moved.end:
        assert moved.shift(-step) == interval


def test_shift_open_ends_stay_open() -> None:
    """All of time moved by a day is all of time."""
    assert Interval.ETERNITY.shift("P1D") == Interval.ETERNITY
    assert Interval.parse("-1000-01-01/2024-06-01").shift("-P1D").to_wire() == (
        "-1000-01-01T00:00:00.000Z/2024-05-31T00:00:00.000Z"
    )


@pytest.mark.parametrize(
    ("interval", "period", "message"),
    [
        (
            "9999-01-01/9999-02-01",
            "P1Y",
            "interval '9999-01-01T00:00:00.000Z/9999-02-01T00:00:00.000Z' moved by 'P1Y' leaves the years 1 to 9999.",
        ),
        (
            "2024-06-01/P1D",
            "tomorrow",
            "period 'tomorrow' is not an ISO 8601 period. Write one such as 'PT1H', 'P1D', 'P1W', 'P1M' or 'P1Y'.",
        ),
        (
            "2024-06-01/P1D",
            "P999999999DT24H",
            "period 'P999999999DT24H' is longer than all of time (years 1 to 9999).",
        ),
    ],
)
def test_shift_out_of_the_calendar_is_refused(interval: str, period: str, message: str) -> None:
    """An impossible shift raises an error with the reason."""
    with pytest.raises(PolarisSpecError) as caught:
        Interval.parse(interval).shift(period)
    assert str(caught.value) == message


def test_contains_and_overlaps_are_half_open() -> None:
    """The start belongs to the interval, the end doesn't; adjacent intervals have no common instant."""
    day, next_day = Interval.parse("2024-06-01/P1D"), Interval.parse("2024-06-02/P1D")
    assert day.contains(day.start)
    assert not day.contains(day.end)
    assert day.contains(pendulum.datetime(2024, 6, 2, 1, tz="Europe/Berlin"))
    assert day.contains(day)
    assert not day.contains(Interval.parse("2024-06-01/P2D"))
    assert not day.overlaps(next_day)
    assert day.intersection(next_day) is None


def test_contains_naive_datetime_is_refused() -> None:
    """A datetime without a zone is no instant."""
    with pytest.raises(PolarisError, match=r"^datetime\.datetime\(2024, 6, 1, 0, 0\) is not an instant"):
        Interval.parse("2024-06-01/P1D").contains(NAIVE)


@given(intervals(), intervals())
def test_intersection_lies_in_both_and_exists_exactly_when_they_overlap(one: Interval, other: Interval) -> None:
    """The intersection is the same from both sides and contained in both."""
    common = one.intersection(other)
    assert common == other.intersection(one)
    assert (common is not None) == one.overlaps(other)
    assert common is None or (one.contains(common) and other.contains(common))
