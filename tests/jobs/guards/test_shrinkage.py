# SPDX-License-Identifier: Apache-2.0
"""The data that a replace would lose, by the counts of source and target."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_polaris.jobs.guards.row_counts import Count, RowCountQuery
from airflow_provider_polaris.jobs.guards.shrinkage import Shrinkage, find_shrinkage
from airflow_provider_polaris.jobs.time.granularity import Granularity
from airflow_provider_polaris.jobs.time.interval import Interval, merge

ONE, TWO, THREE, FOUR = (Interval.parse(f"2024-06-0{day}/P1D") for day in (1, 2, 3, 4))
PLAN = RowCountQuery(
    Granularity.DAY, (Interval(ONE.start, THREE.end),), (Interval(ONE.start, FOUR.end),), True, "", "", {}
)


def test_compare_same_on_both_sides_loses_nothing() -> None:
    """More events in the source, or the same number, are no loss."""
    found = find_shrinkage(PLAN, {ONE: Count(5, 5), TWO: Count(9, 9)}, {ONE: Count(2, 5)})
    assert found == Shrinkage(14, 2, (ONE, TWO), (), (), 0, 0, ())
    assert not found.loses
    assert not found.is_empty


def test_compare_bucket_without_source_is_emptied() -> None:
    """Adjacent buckets are named as one."""
    found = find_shrinkage(PLAN, {THREE: Count(1, 1)}, {TWO: Count(1, 3), ONE: Count(1, 3), THREE: Count(1, 1)})
    assert found.emptied == (Interval(ONE.start, TWO.end),)
    assert (found.fewer, found.collateral, found.loses) == ((), (), True)


def test_compare_fewer_events_are_a_loss_where_they_count() -> None:
    """Fewer events are detected only if both sides have a count of events."""
    source, target = {ONE: Count(2, 2), TWO: Count(1, 1)}, {ONE: Count(1, 3), TWO: Count(1, 1)}
    found = find_shrinkage(PLAN, source, target)
    assert (found.fewer, found.fewer_here, found.fewer_there, found.loses) == ((ONE,), 2, 3, True)
    assert not find_shrinkage(replace(PLAN, compares_events=False), source, target).loses


def test_compare_count_without_events_counts_none() -> None:
    """A sum over no counts is unknown: it is less than one event, and not less than another unknown one."""
    found = find_shrinkage(PLAN, {ONE: Count(5, None)}, {ONE: Count(1, 1)})
    assert (found.fewer, found.fewer_here, found.fewer_there) == ((ONE,), 0, 1)
    assert not find_shrinkage(PLAN, {ONE: Count(1, 0)}, {ONE: Count(1, None)}).loses


@pytest.mark.parametrize(
    "source, is_lost",
    [({}, True), ({FOUR: Count(1, 1)}, True), ({FOUR: Count(1, 2)}, False), ({FOUR: Count(1, 3)}, False)],
)
def test_compare_bucket_that_is_not_named_is_collateral(source: dict[Interval, Count], is_lost: bool) -> None:
    """Rows outside of the job's intervals are safe while the source has them."""
    found = find_shrinkage(PLAN, source, {FOUR: Count(1, 2)})
    assert found.collateral == ((FOUR,) if is_lost else ())
    assert (found.source_rows, found.target_rows, found.is_empty) == (0, 0, True)
    assert found.loses is is_lost


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 9))))
def test_merge_covers_the_same_days(days: list[tuple[int, int]]) -> None:
    """Merged intervals cover the same time, and no two are adjacent."""
    base = Interval.parse("2024-01-01/P1D")
    intervals = [
        Interval(base.start + (start * base.duration), base.start + ((start + length) * base.duration))
        for start, length in days
    ]
    merged = merge(intervals)
    covered = {piece for each in intervals for piece in each.split(Granularity.DAY)}
    assert {piece for each in merged for piece in each.split(Granularity.DAY)} == covered
    assert all(first.end < second.start for first, second in pairwise(merged))
