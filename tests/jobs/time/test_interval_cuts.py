# SPDX-License-Identifier: Apache-2.0
"""Interval: alignment to the calendar, and cutting into buckets and pieces."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval
from tests.jobs.intervals import intervals, intervals_with_granularity, utc


@given(intervals_with_granularity())
def test_align_contains_is_aligned_and_changes_nothing_twice(case: tuple[Interval, Granularity]) -> None:
    """The aligned interval contains the original, is aligned, is its own alignment, and is the smallest."""
    interval, granularity = case
    aligned = interval.align(granularity)
    assert aligned.contains(interval)
    assert aligned.is_aligned(granularity)
    assert aligned.align(granularity) == aligned
    assert interval.is_aligned(granularity) == (aligned == interval)
    assert granularity.next(aligned.start) > interval.start
    assert granularity.floor(interval.end - timedelta(milliseconds=1)) < interval.end


@pytest.mark.parametrize(
    ("granularity", "expected"),
    [
        (Granularity.FIVE_MINUTE, "2024-05-15T10:15:00.000Z/2024-05-15T10:30:00.000Z"),
        (Granularity.FIFTEEN_MINUTE, "2024-05-15T10:15:00.000Z/2024-05-15T10:30:00.000Z"),
        (Granularity.SIX_HOUR, "2024-05-15T06:00:00.000Z/2024-05-15T12:00:00.000Z"),
        (Granularity.EIGHT_HOUR, "2024-05-15T08:00:00.000Z/2024-05-15T16:00:00.000Z"),
        (Granularity.DAY, "2024-05-15T00:00:00.000Z/2024-05-16T00:00:00.000Z"),
        (Granularity.WEEK, "2024-05-13T00:00:00.000Z/2024-05-20T00:00:00.000Z"),
        (Granularity.MONTH, "2024-05-01T00:00:00.000Z/2024-06-01T00:00:00.000Z"),
        (Granularity.QUARTER, "2024-04-01T00:00:00.000Z/2024-07-01T00:00:00.000Z"),
        (Granularity.YEAR, "2024-01-01T00:00:00.000Z/2025-01-01T00:00:00.000Z"),
        (Granularity.ALL, "-1000-01-01T00:00:00.000Z/5000-01-01T00:00:00.000Z"),
    ],
)
def test_align_known_dates_give_known_buckets(granularity: Granularity, expected: str) -> None:
    """The buckets are those of the calendar in UTC, weeks from Monday."""
    assert Interval.parse("2024-05-15T10:16/2024-05-15T10:29").align(granularity).to_wire() == expected


def test_is_aligned_the_vendors_own_example_agrees() -> None:
    """Day partitioning accepts whole days and refuses eight hours of one (docs.imply.io/polaris/api-replace-data)."""
    assert Interval.parse("2022-06-01/2022-06-09").is_aligned(Granularity.DAY)
    eight_hours = Interval.parse("2022-06-01T00:00:00Z/2022-06-01T08:00:00Z")
    assert not eight_hours.is_aligned(Granularity.DAY)
    assert not eight_hours.is_aligned(Granularity.SIX_HOUR)
    assert eight_hours.is_aligned(Granularity.EIGHT_HOUR)
    assert not Interval.parse("2022-06-01T08:00Z/2022-06-02").is_aligned(Granularity.DAY)


def test_is_aligned_all_holds_for_eternity_only() -> None:
    """The one bucket of 'all' is all of time."""
    assert Interval.ETERNITY.is_aligned(Granularity.ALL)
    assert Interval.ETERNITY.is_aligned(Granularity.YEAR)
    assert not Interval.parse("2024/2025").is_aligned(Granularity.ALL)


@given(intervals_with_granularity())
def test_buckets_cover_the_interval_exactly(case: tuple[Interval, Granularity]) -> None:
    """Pieces are adjacent, start and end where the interval does, and each is in one bucket."""
    interval, granularity = case
    pieces = list(interval.buckets(granularity))
    assert pieces[0].start == interval.start
    assert pieces[-1].end == interval.end
    assert all(before.end == after.start for before, after in pairwise(pieces))
    if granularity is Granularity.ALL:
        assert pieces == [interval]
    else:
        assert all(
            granularity.floor(piece.start) == granularity.floor(piece.end - timedelta(milliseconds=1))
            for piece in pieces
        )
        assert all(piece.is_aligned(granularity) for piece in pieces[1:-1])


def test_buckets_at_the_end_of_the_calendar_stop_there() -> None:
    """The last bucket that can be written doesn't compute the one after it."""
    end = Interval.parse("9999-12-30/9999-12-31T23:00")
    assert [piece.to_wire() for piece in end.buckets(Granularity.DAY)] == [
        "9999-12-30T00:00:00.000Z/9999-12-31T00:00:00.000Z",
        "9999-12-31T00:00:00.000Z/9999-12-31T23:00:00.000Z",
    ]


def test_buckets_of_eternity_are_lazy() -> None:
    """All of time has endless milliseconds; the first two can be read."""
    pieces = Interval.ETERNITY.buckets(Granularity.MILLISECOND)
    assert next(pieces).end == next(pieces).start == utc(1, 1, 1, 0, 0, 0, 1_000)


@given(intervals(), st.integers(min_value=1, max_value=30), st.integers(min_value=0, max_value=999))
def test_split_pieces_merge_to_the_interval(interval: Interval, parts: int, extra: int) -> None:
    """Pieces are no longer than the step, adjacent, and together equal the interval."""
    step = interval.duration // parts // timedelta(milliseconds=1) * timedelta(milliseconds=1) + timedelta(
        milliseconds=extra + 1
    )
    pieces = interval.split(step)
    assert all(piece.duration <= step for piece in pieces)
    assert all(piece.duration == step for piece in pieces[:-1])
    assert all(before.end == after.start for before, after in pairwise(pieces))
    assert Interval(pieces[0].start, pieces[-1].end) == interval


def test_split_step_longer_than_interval_returns_one_piece() -> None:
    """A long step cuts nothing."""
    day = Interval.parse("2024-06-01/P1D")
    assert day.split(timedelta(days=2)) == day.split(timedelta(days=1)) == [day]


def test_split_by_granularity_cuts_at_its_boundaries() -> None:
    """A granularity cuts where its buckets do, not from the interval's start."""
    assert [piece.to_wire() for piece in Interval.parse("2024-01-31/2024-02-02").split(Granularity.MONTH)] == [
        "2024-01-31T00:00:00.000Z/2024-02-01T00:00:00.000Z",
        "2024-02-01T00:00:00.000Z/2024-02-02T00:00:00.000Z",
    ]


@pytest.mark.parametrize("step", [timedelta(), timedelta(days=-1), timedelta(microseconds=1500)])
def test_split_step_not_positive_or_too_fine_is_refused(step: timedelta) -> None:
    """A step must advance by whole milliseconds."""
    with pytest.raises(PolarisSpecError) as caught:
        Interval.parse("2024-06-01/P1D").split(step)
    assert str(caught.value) == (
        f"step {step!r} can't cut an interval: it must be a positive number of whole milliseconds. "
        "Pass timedelta(days=1), for example, or a Granularity."
    )
