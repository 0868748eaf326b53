# SPDX-License-Identifier: Apache-2.0
"""A replace of a part of a coarser segment: the segment is split at the bounds of the replaced intervals."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_polaris.emulator.engine import JobFault, MappingPlan, Segment, Store, TableInput
from tests.emulator.engine.conftest import COPY, Clock, Engine, day

EMPTY = TableInput("source", (day(20), day(21)))


@pytest.fixture
def months(engine: Engine) -> Engine:
    """A table with one segment for June 2024, and the table that it was copied from."""
    engine.load("source")
    engine.create("months", partitioning="month")
    engine.run(target="months", mode="append", source=TableInput("source"), mappings=COPY)
    engine.clock.tick()
    return engine


def replace(engine: Engine, *intervals: tuple[datetime, datetime], **plan: Any) -> None:
    defaults = {"target": "months", "mode": "replace", "source": TableInput("source"), "mappings": COPY}
    engine.run(**{**defaults, "partitioned_by": "day", "intervals": intervals, "partial_segment": "part", **plan})


def brief(segments: tuple[Segment, ...]) -> list[tuple[str, int]]:
    return [(f"{one.interval[0]:%m-%d}/{one.interval[1]:%m-%d} v{one.version[14:16]}", one.rows) for one in segments]


def test_part_in_the_middle_leaves_a_piece_on_both_sides(months: Engine) -> None:
    """The pieces keep the version and divide rows, size and times; the replaced day is unused."""
    (whole,) = months.tables.used_segments("months")
    before = months.rows("months")
    replace(months, (day(2), day(3)))
    pieces = months.tables.used_segments("months")
    hidden = months.tables.unused_segments("months")
    assert brief(pieces) == [("06-01/06-02 v00", 3), ("06-02/06-03 v01", 1), ("06-03/07-01 v00", 1)]
    assert brief(hidden) == [("06-02/06-03 v00", 1)]
    old = [pieces[0], pieces[2], *hidden]
    assert abs(sum(one.size_bytes for one in old) - whole.size_bytes) <= len(old)
    assert {(one.created, one.partition_number) for one in old} == {(whole.created, 0)}
    assert months.rows("months") == before
    stats = months.tables.stats("months")
    assert (stats.total_rows, stats.segment_count) == (5, 3)
    assert stats.interval == (day(1).replace(minute=10), day(3).replace(hour=3))


def test_part_without_rows_is_emptied_and_the_rest_stays(months: Engine) -> None:
    """An empty replace of a day removes that day."""
    replace(months, (day(1), day(2)), source=EMPTY)
    assert brief(months.tables.used_segments("months")) == [("06-02/07-01 v00", 2)]
    assert brief(months.tables.unused_segments("months")) == [("06-01/06-02 v00", 3)]
    assert len(months.rows("months")) == 2


def test_part_that_had_no_rows_hides_nothing(months: Engine) -> None:
    """If the segment has no rows in the interval, there is no piece to hide."""
    replace(months, (day(10), day(11)), source=EMPTY)
    assert brief(months.tables.used_segments("months")) == [("06-01/06-10 v00", 5)]
    assert months.tables.unused_segments("months") == ()


def test_intervals_that_touch_are_one_part(months: Engine) -> None:
    """Two adjacent days are replaced as two days, and split off as one piece."""
    replace(months, (day(2), day(3)), (day(1), day(2)))
    assert brief(months.tables.unused_segments("months")) == [("06-01/06-03 v00", 4)]


def test_segment_that_lies_inside_is_replaced_whole(months: Engine) -> None:
    """The segment is completely inside the interval, so it is not split."""
    replace(months, (day(1), day(1).replace(month=7)))
    assert brief(months.tables.unused_segments("months")) == [("06-01/07-01 v00", 5)]


def test_pieces_are_cut_again_and_replaced_like_any_other(months: Engine) -> None:
    """A second replace splits a piece; a replace of the month replaces the rest."""
    replace(months, (day(3), day(4)))
    replace(months, (day(1), day(2)))
    used = ["06-01/06-02 v01", "06-02/06-03 v00", "06-03/06-04 v01"]
    assert [name for name, _ in brief(months.tables.used_segments("months"))] == used
    assert len(months.rows("months")) == 5
    replace(months, (day(1), day(1).replace(month=7)), partitioned_by="month")
    assert [name for name, _ in brief(months.tables.used_segments("months"))] == ["06-01/07-01 v01"]
    assert len(months.rows("months")) == 5


def test_segment_of_everything_is_cut_too(engine: Engine) -> None:
    """Partitioned by ``all``: the oldest piece has no start, the newest has no end."""
    engine.load("source")
    engine.create("months", partitioning="all")
    engine.run(target="months", mode="append", source=TableInput("source"), mappings=COPY)
    replace(engine, (day(2), day(3)))
    used = engine.tables.used_segments("months")
    assert [one.rows for one in used] == [3, 1, 1]
    assert [one.interval[0].year for one in used] == [1, 2024, 2024]
    assert used[-1].interval[1].year == 9999


def test_job_that_fails_leaves_no_cut(months: Engine) -> None:
    """The split is part of the job's transaction."""
    before = months.state()
    shifted = MappingPlan("__time", "TIME_SHIFT(\"__time\", 'P1D', 1)")
    with pytest.raises(JobFault) as caught:
        replace(months, (day(2), day(3)), mappings=(shifted, *COPY))
    assert caught.value.code == "timestamp_out_of_bounds"
    assert months.state() == before


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 9)), min_size=1, max_size=4))
def test_rows_outside_of_what_is_replaced_are_as_before(starts: list[tuple[int, int]]) -> None:
    """After empty replaces of any days, exactly the rows of the other days remain."""
    clock = Clock()
    store = Store(None, now=clock)
    try:
        engine = Engine(store, clock)
        engine.load("source", [(f"2024-06-{number:02}T12:00:00.000Z", "Oslo", number) for number in range(1, 31)])
        engine.create("months", partitioning="month")
        engine.run(target="months", mode="append", source=TableInput("source"), mappings=COPY)
        nothing = TableInput("source", (day(-20), day(-19)))
        gone = set()
        for start, length in starts:
            replace(engine, (day(start), day(start + length)), source=nothing)
            gone |= set(range(start, start + length))
        left = [number for (number,) in engine.rows("months", '"session_length"')]
        assert sorted(left) == sorted(set(range(1, 31)) - gone)
        stats = engine.tables.stats("months")
        assert stats.total_rows == len(left)
        unused = engine.tables.unused_segments("months", limit=1000)
        assert sum(one.rows for one in unused) == 30 - len(left)
    finally:
        store.close()
